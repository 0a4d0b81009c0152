"""05 Positional encoding. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import numpy as np


def sinusoidal_table(length, d_model):
    """A vector for each place: the coordinates of clock hands, fast ones and slow ones.

        PE[p, 2i]     = sin(p / 10000^(2i / d_model))
        PE[p, 2i + 1] = cos(p / 10000^(2i / d_model)),    i = 0, 1, 2, ...

    Places p count from 0. Returns (length, d_model). If d_model is odd, the last cosine has no
    channel and is left out.

    >>> sinusoidal_table(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, d_model, 2) / d_model)  # (length, hands)
    table = np.empty((length, d_model))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)[:, : d_model // 2]
    return table


def shift_matrix(k, d_model):
    """The matrix that moves every row of the table k places on, wherever it stands.

        M @ PE[p] = PE[p + k]    for every p

    k: an integer, also 0 or negative; d_model: even. Returns (d_model, d_model): a block of 2 x 2
    for each hand along the diagonal, zeros elsewhere. What a block must be, the addition theorems
    say: sin(a + b) = sin a cos b + cos a sin b, cos(a + b) = cos a cos b - sin a sin b.

    >>> shift_matrix(1, 2).round(4)
    array([[ 0.5403,  0.8415],
           [-0.8415,  0.5403]])
    """
    b = k / 10000.0 ** (np.arange(0, d_model, 2) / d_model)  # (hands,), how far each turns
    M = np.zeros((d_model, d_model))
    sines = np.arange(0, d_model, 2)
    cosines = np.arange(1, d_model, 2)
    M[sines, sines] = M[cosines, cosines] = np.cos(b)
    M[sines, cosines] = np.sin(b)
    M[cosines, sines] = -np.sin(b)
    return M


def rotary(x, positions, base=10000.0):
    """Turn each pair of channels of each vector, by an angle that grows with its place.

        a = positions[t] / base^(2i / d)
        y[..., t, 2i]     = x[..., t, 2i] cos a - x[..., t, 2i + 1] sin a
        y[..., t, 2i + 1] = x[..., t, 2i] sin a + x[..., t, 2i + 1] cos a

    x: (..., T, d), d even; positions: (T,). Returns (..., T, d) of x's dtype; x stays as it is.

    >>> rotary(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])).round(4)
    array([[1.    , 0.    ],
           [0.5403, 0.8415]])
    """
    d = x.shape[-1]
    angles = positions[:, None] / base ** (np.arange(0, d, 2) / d)  # (T, d/2)
    cos = np.cos(angles).astype(x.dtype)
    sin = np.sin(angles).astype(x.dtype)
    first = x[..., 0::2]  # (..., T, d/2)
    second = x[..., 1::2]  # (..., T, d/2)
    y = np.empty_like(x)
    y[..., 0::2] = first * cos - second * sin
    y[..., 1::2] = first * sin + second * cos
    return y


def rotary_vjp(g, positions, base=10000.0):
    """The gradient of y = rotary(x, positions, base) in x.

    g: (..., T, d), dL/dy. Returns dL/dx, (..., T, d) of g's dtype. Each pair of y is a 2 x 2 matrix
    times a pair of x, and the law of a matrix is its transpose. Of a rotation, that is ... (`rotary`
    above is yours to use.)

    >>> rotary_vjp(np.array([[1.0, 0.0]]), np.array([1])).round(4)
    array([[ 0.5403, -0.8415]])
    """
    return rotary(g, -positions, base)
