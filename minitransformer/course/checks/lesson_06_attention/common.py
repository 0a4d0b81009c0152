"""What the exercises of the lesson share."""

import math

import numpy as np

TOO_LARGE = "exp(1000) is infinite: subtract the row's maximum first."


def exactly(x):
    """Softmax by Python's own numbers, element by element."""
    rows = []
    for row in x.reshape(-1, x.shape[-1]).tolist():
        shares = [math.exp(value - max(row)) for value in row]
        rows.append([share / math.fsum(shares) for share in shares])
    return np.array(rows).reshape(x.shape)


def random_scores(rng):
    return (rng.normal(size=(2, 3, 5)) * 3,)


def rows_of(x):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def along(axis):
    """Softmax along another axis."""

    def softmax(x):
        return np.moveaxis(rows_of(np.moveaxis(x, axis, -1)), -1, axis)

    return softmax
