"""06 Softmax attention. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


def softmax(x):
    """Turn scores into shares that are positive and sum to 1, along the last axis.

        softmax(x)_i = exp(x_i) / sum_j exp(x_j)

    x: (..., n), any size of numbers, also 1000 and -inf. Returns (..., n) of the same dtype; x stays
    as it is. A row of nothing but -inf, where no key may be used, gives zeros.

    >>> softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    raise NotImplementedError


def softmax_vjp(g, s):
    """The gradient of softmax, from its output alone.

    With s = softmax(x) and g = dL/ds, both (..., n), return dL/dx, (..., n):

        dL/dx_i = s_i (g_i - sum_k g_k s_k)

    >>> softmax_vjp(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    array([ 0.25, -0.25])
    """
    raise NotImplementedError


def attention(q, k, v, mask=None):
    """Scaled dot-product attention: every query takes a weighted mean of the values.

        softmax(q k^T / sqrt(d)) v

    q: (..., T, d); k: (..., S, d); v: (..., S, dv); mask: (T, S) of True where a query may look, or
    None for everywhere. Returns (..., T, dv) of the same dtype. A query that may look nowhere gets
    zeros. `softmax` above is yours to use.

    >>> attention(np.zeros((1, 4)), np.zeros((2, 4)), np.array([[0.0], [2.0]]))
    array([[1.]])
    """
    raise NotImplementedError


def causal_mask(T):
    """The mask by which each query looks at its own place and at those before it.

    Returns (T, T) of booleans, True where query i may look at key j, which is where j <= i.

    >>> causal_mask(2)
    array([[ True, False],
           [ True,  True]])
    """
    raise NotImplementedError
