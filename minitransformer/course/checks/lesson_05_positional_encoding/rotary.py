"""What must be true of rotary."""

import math

import numpy as np

from minitransformer.course.checks.lesson_05_positional_encoding.common import (
    SHORT,
    angle_of,
    later_places,
    turned,
    vectors,
    wrong_rotary,
)
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same, takes_batches


def _right_angle(answer):
    got = answer(np.array([[3.0, 1.0]]), np.array([math.pi / 2]))
    same(got, [[-1.0, 3.0]], "(3, 1) turned by a quarter: place pi/2")


def _at_zero(answer):
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    same(answer(x, np.array([0])), x, "a vector at place 0, which is not turned")


def _lengths(answer):
    x, positions = vectors(np.random.default_rng(8))
    same((answer(x, positions) ** 2).sum(-1), (x**2).sum(-1), "the squared length of each turned vector")


def _only_the_distance(answer):
    rng = np.random.default_rng(9)
    q, k = rng.normal(size=(2, 1, 8))
    near, far = ((answer(q, np.array([p])) * answer(k, np.array([p + 3]))).sum() for p in (0, 25))
    if not math.isclose(near, far, abs_tol=1e-9):
        raise Failed(
            f"q at 0 with k at 3: {near:.6g}; q at 25 with k at 28: {far:.6g}. Equal distance, unequal products"
        )


def _added(x, positions, base=10000.0):
    return x + np.array([[(math.cos if c % 2 else math.sin)(angle_of(p, c // 2, x.shape[-1], base)) for c in range(x.shape[-1])]
                         for p in positions])  # fmt: skip


def _own_channel(x, positions, base=10000.0):
    """Each channel is turned with itself."""
    y = np.array(x, dtype=float)
    for t, i in np.ndindex(x.shape[-2], x.shape[-1] // 2):
        turn = angle_of(positions[t], i, x.shape[-1], base)
        y[..., t, 2 * i] *= math.cos(turn) - math.sin(turn)
        y[..., t, 2 * i + 1] *= math.cos(turn) + math.sin(turn)
    return y


def _side_by_side(x, positions, base=10000.0):
    y = wrong_rotary(x, positions, base)
    return np.concatenate([y[..., 0::2], y[..., 1::2]], -1)


def _paired(formula):
    """Turning by another formula(first, second, cosine, sine) of a pair."""

    def wrong(x, positions, base=10000.0):
        y = np.array(x, dtype=float)
        for t, i in np.ndindex(x.shape[-2], x.shape[-1] // 2):
            turn = angle_of(positions[t], i, x.shape[-1], base)
            pair = x[..., t, 2 * i], x[..., t, 2 * i + 1]
            y[..., t, 2 * i], y[..., t, 2 * i + 1] = formula(*pair, math.cos(turn), math.sin(turn))
        return y

    return wrong


def _channel_by_channel(hand):
    """Turning in which channel c has the angle of the hand number hand(c, d)."""

    def wrong(x, positions, base=10000.0):
        y = np.array(x, dtype=float)
        d = x.shape[-1]
        for t, c in np.ndindex(x.shape[-2], d):
            turn = angle_of(positions[t], hand(c, d), d, base)
            other = x[..., t, c - 1] if c % 2 else -x[..., t, c + 1]
            y[..., t, c] = x[..., t, c] * math.cos(turn) + other * math.sin(turn)
        return y

    return wrong


def _first_pair(x, positions, base=10000.0):
    return np.concatenate([wrong_rotary(x, positions, base)[..., :2], x[..., 2:]], -1)


rotary = Exercise(
    minutes=20,
    level=2,
    hints=(
        "The angles are those of the sinusoidal table: positions as a column, speeds as a row, (T, d/2).",
        "x[..., 0::2] and x[..., 1::2] are the first and the second channel of all pairs, (..., T, d/2).",
        "Make an empty y like x, and write y[..., 0::2] and y[..., 1::2] by the formula, both from the old x.",
        "float32: np.cos(angles).astype(x.dtype), for the angles are float64.",
    ),
    why="A rotation changes no length and no angle between two vectors turned alike: what is left is the difference of places.",
    properties=(
        Property(
            "nothing is turned at place 0",
            _at_zero,
            "At angle 0 the cosine is 1 and the sine 0: y[..., 0::2] is x[..., 0::2], and y[..., 1::2] is x[..., 1::2].",
        ),
        Property(
            "a quarter turn is right",
            _right_angle,
            "Each channel of a pair needs both: first cos a - second sin a, first sin a + second cos a, with the x from before.",
        ),
        Property(
            "lengths stay",
            _lengths,
            "The angles are a column of positions over a row of speeds, (T, d/2): every vector of x, (..., T, d), is turned.",
        ),
        returns(
            "values are right, pair by pair",
            vectors,
            turned,
            hint="Channels 2i and 2i + 1 are a pair, and its angle is positions[t] / base^(2i / d).",
        ),
        returns(
            "places are those given, and the base too",
            later_places,
            turned,
            hint="The place of the vector t is positions[t], whatever t is, and `base` is the argument.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(3, 4)), np.array([2, 0, 5])),
            hint="There may be any number of dimensions in front: index from the end, x[..., 0::2], and keep the shape.",
        ),
        keeps_its_inputs(vectors, later_places),
        Property(
            "the product of two turned vectors depends on their distance alone",
            _only_the_distance,
            "Angles are proportional to the place, for every pair.",
        ),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3, 4)), np.arange(3)), hint=SHORT),
    ),
    examples=lambda rng: (vectors(rng), later_places(rng)),
    mistakes={
        "This rotates the other way: the signs of the sines are wrong.": lambda *a: wrong_rotary(*a, sign=-1),
        "One sine has a minus, the other has none: a cos - b sin, a sin + b cos.": lambda *a: wrong_rotary(
            *a, cross=-1
        ),
        "The right numbers stand in the wrong channels: the two of a pair are neighbours, y[..., 0::2] and y[..., 1::2].": (
            _side_by_side
        ),
        "Each channel is turned with itself: in both formulas stand the first and the second of a pair.": _own_channel,
        "Channel i is paired with i + d/2, as some published models have it; here neighbours are pairs.": lambda *a: (
            wrong_rotary(*a, halves=True)
        ),
        "The second channel is computed from the first *after* it was turned: keep the old one.": lambda *a: (
            wrong_rotary(*a, stale=True)
        ),
        "Sine and cosine have changed places: first cos a - second sin a, first sin a + second cos a.": (
            _paired(lambda first, second, c, s: (first * s - second * c, first * c + second * s))
        ),
        "In the second formula the two channels have changed places: first sin a + second cos a.": _paired(
            lambda first, second, c, s: (first * c - second * s, second * s + first * c)
        ),
        "In the first formula the two channels have changed places: first cos a - second sin a.": _paired(
            lambda first, second, c, s: (second * c - first * s, first * s + second * c)
        ),
        "The second channel of each pair is as it was: it is turned too.": _paired(
            lambda first, second, c, s: (first * c - second * s, second)
        ),
        "The first channel of each pair is as it was: it is turned too.": _paired(
            lambda first, second, c, s: (first, first * s + second * c)
        ),
        "The sines are missing: each channel goes into both channels of its pair.": _paired(
            lambda first, second, c, s: (first * c, second * c)
        ),
        "One channel stands twice in the first formula: first cos a - second sin a.": (
            _paired(lambda first, second, c, s: (first * c - first * s, first * s + second * c)),
            _paired(lambda first, second, c, s: (second * c - second * s, first * s + second * c)),
        ),
        "One channel stands twice in the second formula: first sin a + second cos a.": (
            _paired(lambda first, second, c, s: (first * c - second * s, second * s + second * c)),
            _paired(lambda first, second, c, s: (first * c - second * s, first * s + first * c)),
        ),
        "Angles are radians as they are: no conversion from degrees.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: math.radians(angle_of(p, i, d, base))
        ),
        "Angles are radians as they are: nothing is multiplied by 2 pi.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: 2 * math.pi * angle_of(p, i, d, base)
        ),
        "The turned vector is added to x here: it takes its place.": lambda x, *a: x + wrong_rotary(x, *a),
        "The places are in the reverse order: vector t has the place positions[t].": lambda x, positions, *base: (
            wrong_rotary(x, positions[::-1], *base)
        ),
        "Only the first pair is turned: each pair of channels is, with an angle of its own.": _first_pair,
        "The two channels of a pair have different angles here: they share one.": (
            _channel_by_channel(lambda c, d: c / 2),
            _channel_by_channel(lambda c, d: c),
        ),
        "The speeds are repeated as a whole, 0 1 2 0 1 2: channels 2i and 2i + 1 share theirs, np.repeat.": (
            _channel_by_channel(lambda c, d: c % (d // 2))
        ),
        "The angle is one place too far: it is positions[t] times the speed, 0 at place 0.": lambda *a: (
            wrong_rotary(*a, angle=lambda p, i, d, base: angle_of(p + 1, i, d, base))
        ),
        "The pairs turn faster here: divide by base^(2i / d).": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: p * base ** (2 * i / d)
        ),
        "The exponent is divided by d, not by half of it.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: angle_of(p, 2 * i, d, base)
        ),
        "All pairs turn alike here: each has its own speed.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: p
        ),
        "The exponent is 2i / d; the 2 is missing.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: angle_of(p, i / 2, d, base)
        ),
        "The places are counted 0, 1, 2, ... here: use `positions`.": lambda *a: wrong_rotary(
            *a, counted=True
        ),
        "`base` is not used here.": lambda x, positions, base=0: wrong_rotary(x, positions),
        "This adds the sinusoidal table; rotary turns the vector itself.": _added,
        "Nothing is turned.": lambda x, positions, base=0: x,
    },
)
