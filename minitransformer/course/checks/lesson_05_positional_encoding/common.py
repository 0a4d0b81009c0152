"""What the exercises of the lesson share."""

import cmath
import math

import numpy as np


def angle_of(p, i, d, base=10000.0):
    return p / base ** (2 * i / d)


def turned(x, positions, base=10000.0):
    """Pair by pair, as complex numbers: to multiply by e^(i a) is to turn by a."""
    y = np.zeros(x.shape)
    d = x.shape[-1]
    for *rest, t, i in np.ndindex(*x.shape[:-1], d // 2):
        a = x[(*rest, t, 2 * i)]
        b = x[(*rest, t, 2 * i + 1)]
        hand = complex(a, b) * cmath.exp(1j * angle_of(float(positions[t]), i, d, base))
        y[(*rest, t, 2 * i)], y[(*rest, t, 2 * i + 1)] = hand.real, hand.imag
    return y


def vectors(rng):
    return rng.normal(size=(2, 5, 6)), np.arange(5)


def later_places(rng):
    """Places that do not begin at 0, as while generating, and another base."""
    return rng.normal(size=(4, 8)), np.array([7, 8, 3, 40]), 500.0


def wrong_rotary(
    x, positions, base=10000.0, *, sign=1, angle=angle_of, halves=False, cross=1, counted=False, stale=False
):
    """Turning with something wrong in it."""
    d = x.shape[-1]
    y = np.array(x, dtype=float)
    for t in range(x.shape[-2]):
        for i in range(d // 2):
            a, b = (i, i + d // 2) if halves else (2 * i, 2 * i + 1)
            turn = angle(t if counted else positions[t], i, d, base)
            c = math.cos(turn)
            s = sign * math.sin(turn)
            y[..., t, a] = x[..., t, a] * c - cross * x[..., t, b] * s
            y[..., t, b] = (y if stale else x)[..., t, a] * s + x[..., t, b] * c
    return y


SHORT = "The angles are float64, and so are their cosines: np.cos(angles).astype(x.dtype)."
