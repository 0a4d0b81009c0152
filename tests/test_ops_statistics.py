"""Order statistics and functions of two against PyTorch and finite differences, and what people reported of such functions."""

import math

import numpy
import pytest
from helpers import against_torch, array, check_op, check_values

import minitransformer as mt

# name, function, shapes
CASES = [
    ("median", lambda lib, x: lib.median(x), [(2, 4)]),
    ("median, along one", lambda lib, x: lib.median(x, 0, keepdim=True).values, [(4, 3)]),
    ("median of one", lambda lib, x: lib.median(x, -1).values, [(3, 1)]),
    ("nanmedian", lambda lib, x: lib.nanmedian(x, 1).values, [(2, 5)]),
    ("kthvalue", lambda lib, x: lib.kthvalue(x, 3, 0).values, [(4, 2, 3)]),
    ("mode", lambda lib, x: lib.mode(x, 0, True).values, [(4, 2)]),
    ("quantile", lambda lib, x: lib.quantile(x, 0.3), [(2, 3)]),
    ("quantile, nearest", lambda lib, x: lib.quantile(x, 0.3, 1, interpolation="nearest"), [(2, 5)]),
    ("quantile, midpoint", lambda lib, x: lib.quantile(x, 0.3, 0, True, interpolation="midpoint"), [(4, 1)]),
    ("quantile, of parts", lambda lib, x, q: lib.quantile(x, (q + 3) / 8, dim=1), [(2, 5), (3,)]),
    ("nanquantile", lambda lib, x: lib.nanquantile(x, 0.8, 0), [(5, 2)]),
    ("cummax", lambda lib, x: lib.cummax(x, 1).values, [(2, 7)]),
    ("cummin of one", lambda lib, x: lib.cummin(x, 0).values, [(1, 3)]),
    ("cummin of none", lambda lib, x: lib.cummin(x, 0).values, [(0, 3)]),
    ("aminmax", lambda lib, x: lib.stack(lib.aminmax(x)), [(2, 3)]),
    ("atan2", lambda lib, a, b: lib.atan2(a, b), [(2, 3), (3,)]),
    ("hypot", lambda lib, a, b: a.hypot(b), [(2, 1), (2, 3)]),
    ("sinc", lambda lib, x: lib.sinc(x), [(2, 3)]),
    ("logaddexp", lambda lib, a, b: lib.logaddexp(a, b), [(2, 3), (2, 1)]),
    ("logaddexp2", lambda lib, a, b: lib.logaddexp2(a, b), [(3,), (2, 3)]),
    ("xlogy", lambda lib, a, b: lib.xlogy(a, b * b), [(2, 3), (3,)]),
    ("xlogy, of a number", lambda lib, x: lib.xlogy(2, x * x), [(2, 3)]),
    ("logit", lambda lib, x: lib.logit(x / 5 + 0.5, eps=0.2), [(2, 3)]),
    ("erfc", lambda lib, x: lib.erfc(x), [(2, 3)]),
    ("erfinv", lambda lib, x: lib.erfinv(x / 2.1), [(2, 3)]),
    ("copysign", lambda lib, x: lib.copysign(x, -1), [(2, 3)]),
    ("fmod", lambda lib, a, b: lib.fmod(a, b), [(2, 3), (3,)]),
]


@pytest.mark.parametrize("fn, shapes", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_values_and_gradients(fn, shapes):
    check_op(fn, *shapes)


TIES = numpy.array([[2.0, 1.0, 2.0, 2.0, 3.0], [0.0, 0.0, -1.0, 0.0, 0.0]])


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_equal_values_share_the_gradient_of_a_median_of_all(name):  # PyTorch #43519
    against_torch(lambda lib, x: getattr(lib, name)(x), TIES[:1])
    against_torch(lambda lib, x: getattr(lib, name)(x), numpy.array([[math.nan, 2.0, 2.0, 1.0]]))


def test_of_equal_values_the_last_is_the_largest_so_far():
    for name in ("cummax", "cummin"):
        check_values(lambda lib, x, name=name: getattr(lib, name)(x, 1).values, TIES, differences=False)
        against_torch(lambda lib, x, name=name: getattr(lib, name)(x, 1).indices, TIES)


def test_nan_stays_the_largest_so_far_wherever_it_stands():  # MLX #4044
    x = numpy.array([1.0, 3.0, math.nan, 5.0, math.nan, 4.0])
    for name in ("cummax", "cummin"):
        against_torch(lambda lib, t, name=name: getattr(lib, name)(t, 0), x)
    assert mt.cummax(mt.tensor(x), 0).values.isnan().tolist() == [False, False, True, True, True, True]


def test_part_of_the_way_to_infinity_is_infinity():  # PyTorch #133998, which gives NaN from the half of the way on
    x = mt.tensor([0.0, math.inf])
    for interpolation, expected in (("linear", [0.0, math.inf, math.inf, math.inf]), ("midpoint", None)):
        found = x.quantile(mt.tensor([0.0, 0.4, 0.6, 1.0]), interpolation=interpolation)
        assert found.tolist() == (expected or [0.0, math.inf, math.inf, math.inf])
    x = mt.tensor([0.0, 1.0, math.inf], requires_grad=True)
    x.quantile(0.25).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]


def test_nan_among_values_is_their_quantile_unless_it_does_not_count():
    x = numpy.array([[1.0, math.nan, 3.0], [4.0, 6.0, 5.0], [math.nan] * 3])
    for name in ("quantile", "nanquantile"):
        for q in (0.0, 0.3, 1.0):
            against_torch(lambda lib, t, name=name, q=q: getattr(lib, name)(t, q, 1), x)


def test_sums_of_nothing_in_logarithms_have_no_gradient():  # PyTorch #49724: NaN there
    for name in ("logaddexp", "logaddexp2"):
        a, b = (mt.tensor([-math.inf, -math.inf, 0.0, 800.0], requires_grad=True) for _ in range(2))
        y = getattr(mt, name)(a, b)
        y.backward(mt.ones(4))
        assert y.tolist()[:2] == [-math.inf] * 2
        assert a.grad.tolist() == b.grad.tolist() == [0.0, 0.0, 0.5, 0.5]  # equal ones: Keras #23616


def test_special_values():
    inf, nan = math.inf, math.nan
    against_torch(lambda lib, x: lib.erfinv(x), numpy.array([0.0, 1e-200, 1 - 1e-15, -1.0, 1.5]))
    against_torch(lambda lib, x: lib.erfc(x), numpy.array([0.0, 9.0, 20.0, -inf]))
    against_torch(lambda lib, x: lib.nan_to_num(x, 7.0, neginf=-1.0), numpy.array([nan, inf, -inf, 0.5]))
    against_torch(lambda lib, x: lib.sinc(x), numpy.array([0.0, 1.0]))
    against_torch(lambda lib, x, y: lib.copysign(x, y), numpy.array([0.0, -2.0]), numpy.array([-0.0, 0.0]))
    against_torch(lambda lib, x: lib.signbit(x), numpy.array([0.0, -0.0, -inf]))
    against_torch(lambda lib, x: lib.heaviside(x.detach(), x.detach() + 5), numpy.array([0.0, nan, -1.0]))
    against_torch(
        lambda lib, a, b: lib.fmax(a, b), numpy.array([nan, 1.0, 2.0]), numpy.array([1.0, nan, 2.0])
    )
    against_torch(lambda lib, a, b: lib.xlogy(a, b).detach(), numpy.zeros(3), numpy.array([0.0, -1.0, 2.0]))
    origin = mt.zeros(1, requires_grad=True)
    (mt.hypot(origin, origin) + mt.atan2(origin, origin)).backward()
    assert origin.grad.tolist() == [0.0]


WHOLE = numpy.array([[3, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "fn",
    [
        lambda lib, x: lib.unique_consecutive(x, return_inverse=True, return_counts=True),
        lambda lib, x: lib.unique_consecutive(x, dim=1, return_counts=True),
        lambda lib, x: lib.median(x, 1).values,
        lambda lib, x: lib.mode(x).values,
        lambda lib, x: lib.histc(x.double(), bins=4),
        lambda lib, x: lib.histc(x.double(), 3, 0, 2),
        lambda lib, x: (x << 2, x >> 1, x | 4, lib.bitwise_xor(x, x + 1)),
        lambda lib, x: lib.fmod(x - 2, 2),
        lambda lib, x: lib.atan2(x, x + 1),
    ],
)
def test_integers(fn):
    against_torch(fn, WHOLE)


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda x: x.kthvalue(4), ValueError, "expected k in 1..3, got 4"),
        (lambda x: x.quantile(1.5), ValueError, "q from 0 to 1"),
        (lambda x: x.quantile(0.5, interpolation="cubic"), ValueError, "an interpolation of"),
        (lambda x: x.long().quantile(0.5), TypeError, "floating-point values"),
        (lambda x: x[:, :0].median(1), IndexError, "expected values along dimension 1"),
        (lambda x: x[:, :0].mode(1), IndexError, "expected values along dimension 1"),
        (lambda x: mt.histc(x, 0), ValueError, "expected bins >= 1"),
        (lambda x: mt.fmod(1, x), TypeError, "expected a tensor"),
        (lambda x: mt.heaviside(x, x.float()), TypeError, "expected one dtype"),
        (lambda x: x << 1, TypeError, "expected integers"),
    ],
)
def test_what_does_not_fit_is_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call(mt.tensor(array(2, 3)))
