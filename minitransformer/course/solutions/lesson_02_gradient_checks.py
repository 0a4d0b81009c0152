"""02 Tensors and gradient checks. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import numpy as np


def unbroadcast(g, shape):
    """Add up the gradient g over everything along which an array of `shape` was repeated.

    g: the gradient of a result; shape: that of an array that NumPy stretched to g's shape, by new
    dimensions in front and by repeating dimensions of size 1. Returns an array of `shape`: each
    number was used many times, so the gradients of all these uses add up. Of g's dtype; g stays
    as it is.

    >>> unbroadcast(np.ones((3, 2)), (1, 2))
    array([[3., 3.]])
    >>> unbroadcast(np.ones((3, 2)), (2,))
    array([3., 3.])
    """
    new = g.ndim - len(shape)  # dimensions in front
    stretched = [d for d in range(g.ndim) if d < new or (shape[d - new] == 1 and g.shape[d] != 1)]
    return g.sum(axis=tuple(stretched)).reshape(shape)


def mul_vjp(g, a, b):
    """The gradients of the elementwise product a * b.

    With c = a * b and g = dL/dc, of c's shape, return (dL/da, dL/db), of a's and of b's shape:

        dL/da = g b,    dL/db = g a,    added up where a or b was repeated

    a and b have shapes that NumPy can broadcast, such as (3, 1) and (4,). `unbroadcast` above is
    yours to use.

    >>> mul_vjp(np.array([1.0, 10.0]), np.array([2.0, 3.0]), np.array([5.0]))
    (array([ 5., 50.]), array([32.]))
    """
    return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)


def matmul_vjp(g, a, b):
    """The gradients of the matrix product a @ b.

    a: (..., n, k); b: (..., k, m); g = dL/d(a @ b): (..., n, m). The dots are the same batch
    dimensions in both, or none in one of them: then that matrix is used for the whole batch.
    Returns (dL/da, dL/db), of a's and of b's shape:

        dL/da = g b^T,    dL/db = a^T g

    >>> matmul_vjp(np.array([[1.0]]), np.array([[2.0, 3.0]]), np.array([[5.0], [7.0]]))
    (array([[5., 7.]]), array([[2.],
           [3.]]))
    """
    da = g @ np.swapaxes(b, -1, -2)
    db = np.swapaxes(a, -1, -2) @ g
    return unbroadcast(da, a.shape), unbroadcast(db, b.shape)


def finite_differences(f, x, g, eps=1e-6):
    """The slope of sum(g * f(x)) in every number of x, measured one after the other.

        slope_i = (sum(g * f(x + eps e_i)) - sum(g * f(x - eps e_i))) / (2 eps)

    f: a function from an array like x to an array like g; e_i is 1 at place i and 0 elsewhere.
    x: float64, of any shape, the same after the call as before. Returns an array of x's shape.

    >>> finite_differences(lambda x: x**2, np.array([1.0, 3.0]), np.array([1.0, 10.0])).round(6)
    array([ 2., 60.])
    """
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        slopes[i] = ((g * f(x + step)).sum() - (g * f(x - step)).sum()) / (2 * eps)
    return slopes


def gradcheck(f, vjp, x):
    """How wrong a gradient is: the largest error, as a share of the largest true slope.

        max |vjp(g, x) - true| / max |true|,    g random, of f(x)'s shape

    f: a function of an array; vjp(g, x) claims to be its gradient; x: float64. "True" is what
    `finite_differences` finds. Every number of x counts. Returns a float: about 1e-9 for a right
    gradient, infinity for one of another shape than x or with a NaN in it. If all true slopes are
    0, divide by 1.

    >>> gradcheck(np.sin, lambda g, x: g * np.cos(x), np.array([0.1, 0.2])) < 1e-6
    True
    >>> round(gradcheck(np.sin, lambda g, x: 2 * g * np.cos(x), np.array([0.1, 0.2])), 3)
    1.0
    """
    g = np.random.default_rng(0).normal(size=np.shape(f(x)))
    got = np.asarray(vjp(g, x))
    true = finite_differences(f, x, g)
    if got.shape != true.shape or np.isnan(got).any():
        return float("inf")
    return float(np.abs(got - true).max() / (np.abs(true).max() or 1.0))
