"""Reductions against PyTorch and finite differences: every dimension, several at once, ties, nothing to reduce."""

import itertools
import math

import numpy
import pytest
from helpers import against_torch, array, as_numpy, assert_close, check_op, check_values
from later import torch

import minitransformer as mt

DIMS = [None, 0, 1, -1, -3, (0, 2), (-1, 1), (0, 1, 2), (2, 0)]
REDUCTIONS = {
    "sum": lambda lib, x, **options: lib.sum(x, **options),
    "mean": lambda lib, x, **options: x.mean(**options),
    "var": lambda lib, x, **options: lib.var(x, **options),
    "var_0": lambda lib, x, **options: x.var(correction=0, **options),
    "std": lambda lib, x, **options: x.std(**options),
    "amax": lambda lib, x, **options: lib.amax(x, **options),
    "amin": lambda lib, x, **options: x.amin(**options),
    "logsumexp": lambda lib, x, **options: lib.logsumexp(x, **options),
}


def options_for(name, dim, keepdim):
    """All dimensions are meant by leaving `dim` out, but some of PyTorch's do not take that everywhere."""
    if dim is None and (name == "logsumexp" or (keepdim and name in ("sum", "mean"))):
        dim = (0, 1, 2)
    return ({"keepdim": keepdim} if keepdim else {}) | ({} if dim is None else {"dim": dim})


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name, dim, keepdim):
    options = options_for(name, dim, keepdim)
    check_op(lambda lib, x: REDUCTIONS[name](lib, x, **options), (2, 3, 4))


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1), (1,)], ids=str)
@pytest.mark.parametrize("name", sorted(REDUCTIONS.keys() - {"var", "std"}))
def test_reduction_over_size_one(name, shape):
    check_op(lambda lib, x: REDUCTIONS[name](lib, x, dim=-1), shape)
    check_op(lambda lib, x: REDUCTIONS[name](lib, x, dim=0, keepdim=True), shape)


@pytest.mark.parametrize("name", sorted(REDUCTIONS.keys() - {"var", "std", "logsumexp"}))
def test_reduction_of_a_scalar(name):
    if name != "var_0":  # PyTorch warns
        check_op(lambda lib, x: REDUCTIONS[name](lib, x), ())
    check_op(lambda lib, x: REDUCTIONS[name](lib, x, dim=0, keepdim=True), ())


@pytest.mark.parametrize(
    "of_one", ["cumsum(0)", "cumsum(-1)", "max(-1)[0]", "min(0)[0]", "max(0, keepdim=True)[0]"]
)
def test_a_scalar_has_one_dimension_to_go_along(of_one):
    check_op(lambda lib, x: eval(f"x.{of_one}"), ())


@pytest.mark.parametrize(
    "spread", ["x.var(1, False)", "x.std(-1, False, True)", "x.var(0, unbiased=True)", "x.std(keepdim=True)"]
)
def test_spread_as_torch_s_older_arguments_say(spread):
    check_op(lambda lib, x: eval(spread), (3, 4))


@pytest.mark.parametrize("name", ["sum", "mean"])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_nothing_to_add_up(name, dim):
    """The sum of nothing is 0 and its mean NaN, without a warning."""
    against_torch(
        lambda lib, x: REDUCTIONS[name](lib, x, **({} if dim is None else {"dim": dim})), numpy.zeros((0, 3))
    )


def test_variance_without_degrees_of_freedom_is_nan():
    for correction, shape in ((1, (3, 1)), (0, (3, 0))):
        x = mt.tensor(numpy.zeros(shape), requires_grad=True)
        y = x.var(dim=1, correction=correction)
        y.sum().backward()
        assert numpy.isnan(as_numpy(y)).all() and numpy.isnan(as_numpy(x.grad)).all()


@pytest.mark.parametrize("name", ["amax", "amin"])
@pytest.mark.parametrize("dim", [None, 0, 1, (0, 1)])
def test_ties_share_the_gradient(name, dim):
    x = numpy.array([[1.0, 3.0, 3.0], [3.0, 1.0, 1.0], [1.0, 3.0, 1.0]])
    for dtype in ("float64", "float32"):
        against_torch(
            lambda lib, x: REDUCTIONS[name](lib, x, **({} if dim is None else {"dim": dim})), x.astype(dtype)
        )


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_extremes_along_a_dimension_come_with_their_index(name, keepdim, dim):
    def fn(lib, x):
        return tuple(getattr(lib, name)(x, dim=dim, keepdim=keepdim))

    # the first of equals, as in PyTorch
    for values in (array(2, 3, 4), numpy.array([[1.0, 3.0, 3.0], [3.0, 1.0, 1.0]])):
        against_torch(fn, values)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_by_name(name):
    ours, theirs = (getattr(lib.tensor(array(3, 4)), name)(1) for lib in (mt, torch))
    assert_close(ours.values, theirs.values)
    assert_close(ours.indices, theirs.indices)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extreme_of_all(name):
    check_op(lambda lib, x: getattr(lib, name)(x), (3, 4))
    check_op(lambda lib, x: getattr(x, name)(), ())
    against_torch(lambda lib, x: getattr(lib, name)(x), numpy.array([1.0, 2.0, 1.0, 2.0]))


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_no_largest_of_none(name):
    with pytest.raises(ValueError, match="zero-size|empty"):
        getattr(mt.zeros(0, 3), name)()


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_index_of_extreme(name):
    x = numpy.array([[1.0, 3.0, 3.0], [3.0, 1.0, 1.0]])
    for dim, keepdim in itertools.product([None, 0, 1, -1], [False, True]):
        against_torch(lambda lib, x, d=dim, k=keepdim: getattr(lib, name)(x, dim=d, keepdim=k), x)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 1), (0, 3), (2, 3, 4)], ids=str)
def test_cumsum(shape, dim):
    check_op(lambda lib, x: lib.cumsum(x, dim), shape)


def test_deviation_of_equal_values_has_no_slope():
    against_torch(lambda lib, x: x.std(dim=1), numpy.array([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]]))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_integers(dtype):
    x = numpy.array([[3, 1, 2], [0, 1, 4]]).astype(dtype)
    against_torch(lambda lib, x: lib.sum(x), x)
    against_torch(lambda lib, x: x.sum(dim=1, keepdim=True), x)
    against_torch(lambda lib, x: lib.cumsum(x, 1), x)
    if dtype != "bool":
        against_torch(lambda lib, x: tuple(lib.max(x, dim=1)), x)
    against_torch(lambda lib, x: lib.amin(x, dim=0), x)
    for name in ("mean", "var", "std"):
        with pytest.raises(
            TypeError, match=rf"expected a floating-point tensor, got {dtype}; call .float\(\)"
        ):
            getattr(mt.tensor(x), name)()


@pytest.mark.parametrize("name", ["all", "any"])
def test_all_and_any(name):
    x = array(3, 4) > 0.5
    for dim, keepdim in itertools.product([0, 1, (0, 1)], [False, True]):
        against_torch(lambda lib, x, d=dim, k=keepdim: getattr(lib, name)(x, dim=d, keepdim=k), x)
    against_torch(lambda lib, x: getattr(x, name)(), x)


def test_half_precision_is_added_up_in_single():
    """100,000 times 0.1 is beyond the point where float16 can count on: 256 + 0.1 is 256."""
    n = 10_000
    x = mt.full((n,), 0.1, dtype=mt.float16)
    expected = float(numpy.float16(0.1)) * n
    sums = {
        "sum": x.sum(),
        "mean": x.mean() * n,
        "cumsum": x.cumsum(0)[-1],
        "product": mt.ones(1, n, dtype=mt.float16) @ x,
        "logsumexp": mt.zeros(n, dtype=mt.float16).logsumexp(0).exp() * 0.1,
        "variance": (mt.cat([x, -x])).var(correction=0) * n / 0.1,
    }
    w = mt.zeros(1, dtype=mt.float16, requires_grad=True)
    (w * x).backward(mt.ones(n, dtype=mt.float16))
    sums["broadcast"] = w.grad
    bias = mt.zeros(1, dtype=mt.float16, requires_grad=True)
    mt.nn.functional.linear(x[:, None], mt.ones(1, 1, dtype=mt.float16), bias).backward(x[:, None])
    sums["bias"] = bias.grad
    assert {name: t.dtype.name for name, t in sums.items()} == dict.fromkeys(sums, "float16")
    assert {name: float(t) for name, t in sums.items()} == pytest.approx(
        dict.fromkeys(sums, expected), rel=5e-3
    )


def test_dimensions_that_are_not_there():
    with pytest.raises(IndexError, match="dimension 2 is out of range for a tensor of 2 dimensions"):
        mt.ones(2, 3).sum(2)
    with pytest.raises(IndexError, match="dimension -3 is out of range"):
        mt.ones(2, 3).mean((0, -3))
    with pytest.raises(ValueError, match="each dimension once, got .0, 0."):
        mt.ones(2, 3).sum((0, 0))


def test_dimensions_may_be_numpy_integers():
    x = array(2, 3)
    assert_close(mt.tensor(x).sum(numpy.int64(1)), torch.tensor(x).sum(1))


def test_extremes_with_infinities_and_nan():
    x = numpy.array([[1.0, math.inf, -math.inf], [math.nan, 1.0, 2.0], [-math.inf, -math.inf, -math.inf]])
    for name in ("amax", "amin"):
        against_torch(lambda lib, x, n=name: REDUCTIONS[n](lib, x, dim=1), x[[0, 2]])
        ours, theirs = (REDUCTIONS[name](lib, lib.tensor(x), dim=1) for lib in (mt, torch))
        assert_close(ours, theirs)


def test_largest_values_through_a_chain():
    check_values(lambda lib, x: (x.amax(1, keepdim=True) - x).exp().sum(0), array(3, 4))
