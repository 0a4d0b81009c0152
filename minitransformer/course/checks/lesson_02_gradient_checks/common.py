"""What the exercises of the lesson share."""

import numpy as np


def added_up(g, shape):
    """Each number of g, added where it came from."""
    return put_together(g, shape, sum)


def put_together(g, shape, fold):
    """Each number of the result, folded from those of g that it was repeated to."""
    places = {}
    for index in np.ndindex(g.shape):
        place = index[g.ndim - len(shape) :]
        home = tuple(0 if n == 1 else i for i, n in zip(place, shape, strict=True))
        places.setdefault(home, []).append(g[index])
    out = np.zeros(shape)
    for home, numbers in places.items():
        out[home] = fold(numbers)
    return out


def with_g(inputs, forward):
    def made(rng):
        values = inputs(rng)
        return rng.normal(size=forward(*values).shape), *values

    return made


def shares_of(x):
    return x / x.sum()


def wrong_differences(sides=(1, -1), divisor=2.0, weigh=True, one_by_one=True, undo=True, grid=True):
    """Finite differences with something wrong in them."""

    def finite_differences(f, x, g, eps=1e-6):
        out = np.zeros_like(x)
        y = x.copy()
        for i in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[i if one_by_one else ...] = eps
            up, down = (((g if weigh else 1.0) * f(y + side * step)).sum() for side in sides)
            out[i] = (up - down) / (divisor * eps)
            y = y if undo else y + step
        return out

    return finite_differences
