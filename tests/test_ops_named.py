"""Functions under PyTorch's names against PyTorch and finite differences: slices, grids, norms, products, order, mixtures."""

import math

import numpy
import pytest
from helpers import against_torch, array, check_op, check_values

import minitransformer as mt

# name, function, shapes
CASES = [
    ("narrow", lambda lib, x: lib.narrow(x, -1, 1, 2), [(2, 3)]),
    ("select", lambda lib, x: lib.select(x, 1, -1), [(2, 3)]),
    ("unfold", lambda lib, x: x.unfold(1, 2, 1), [(2, 5)]),
    ("unfold, none fits twice", lambda lib, x: x.unfold(0, 3, 4), [(5, 1)]),
    ("diagonal", lambda lib, x: lib.diagonal(x, -1, 2, 0), [(4, 2, 3)]),
    ("diagonal, outside", lambda lib, x: lib.diagonal(x, 5), [(2, 3)]),
    ("diag of a row", lambda lib, x: lib.diag(x, 2), [(3,)]),
    ("diag of a matrix", lambda lib, x: lib.diag(x, -1), [(3, 4)]),
    ("diag_embed", lambda lib, x: lib.diag_embed(x, -1, 0, 1), [(2, 3)]),
    ("trace", lambda lib, x: lib.trace(x), [(3, 2)]),
    ("movedim", lambda lib, x: lib.movedim(x, 0, -1), [(2, 3, 4)]),
    ("unflatten", lambda lib, x: lib.unflatten(x, -1, (-1, 2)), [(3, 4)]),
    ("meshgrid", lambda lib, a, b: lib.stack(lib.meshgrid(a, b, indexing="ij")), [(2,), (3,)]),
    ("meshgrid, three", lambda lib, *t: lib.stack(lib.meshgrid(*t, indexing="xy")), [(2,), (3,), ()]),
    ("broadcast_tensors", lambda lib, a, b: lib.stack(lib.broadcast_tensors(a, b)), [(3, 1), (2, 1, 4)]),
    ("hstack", lambda lib, a, b: lib.hstack((a, b)), [(2,), (3,)]),
    ("vstack", lambda lib, a, b: lib.vstack((a, b)), [(2, 3), (3,)]),
    ("dstack", lambda lib, a, b: lib.dstack((a, b)), [(3,), (3,)]),
    ("take", lambda lib, x: lib.take(x, lib.tensor([[0, -1], [2, 2]])), [(2, 3)]),
    ("masked_select", lambda lib, x: lib.masked_select(x, lib.tensor([True, False, True])), [(2, 3)]),
    ("put", lambda lib, x, s: x.put(lib.tensor([4, 0]), s), [(2, 3), (2,)]),
    ("put, added", lambda lib, x, s: x.put(lib.tensor([4, 4]), s, accumulate=True), [(2, 3), (2,)]),
    ("prod", lambda lib, x: lib.prod(x), [(2, 3)]),
    ("prod, along one", lambda lib, x: lib.prod(x, 0, keepdim=True), [(2, 3)]),
    ("prod of nothing", lambda lib, x: lib.prod(x, 1), [(2, 0)]),
    ("cumprod", lambda lib, x: lib.cumprod(x, -1), [(2, 4)]),
    ("cumprod of one", lambda lib, x: lib.cumprod(x, 0), [(1, 3)]),
    ("norm", lambda lib, x: lib.norm(x), [(2, 3)]),
    ("norm, power 3", lambda lib, x: lib.norm(x, 3, 1, True), [(2, 3)]),
    ("norm, power 1", lambda lib, x: lib.linalg.vector_norm(x, 1, 0), [(2, 3)]),
    ("norm, infinite", lambda lib, x: lib.linalg.vector_norm(x, math.inf, 1), [(2, 3)]),
    ("norm, least", lambda lib, x: lib.linalg.norm(x, -math.inf, 1), [(2, 3)]),
    ("matrix_norm", lambda lib, x: lib.linalg.matrix_norm(x, -1), [(2, 3, 4)]),
    ("linalg.norm", lambda lib, x: lib.linalg.norm(x), [(2, 3, 4)]),
    ("trapezoid", lambda lib, y: lib.trapezoid(y, dx=0.3), [(2, 4)]),
    ("trapezoid of places", lambda lib, y, x: lib.trapezoid(y, x, dim=0), [(4, 2), (4,)]),
    ("cdist", lambda lib, a, b: lib.cdist(a, b, p=1.5), [(3, 4), (2, 4)]),
    ("cosine_similarity", lambda lib, a, b: lib.cosine_similarity(a, b, dim=-1), [(2, 3), (1, 3)]),
    ("normalize", lambda lib, x: lib.nn.functional.normalize(x, p=3.0), [(2, 3)]),
    ("kron", lambda lib, a, b: lib.kron(a, b), [(2, 3), (2, 1, 2)]),
    ("inner", lambda lib, a, b: lib.inner(a, b), [(2, 3), (4, 3)]),
    ("mv", lambda lib, a, b: lib.mv(a, b), [(2, 3), (3,)]),
    ("tensordot", lambda lib, a, b: lib.tensordot(a, b, dims=([1], [0])), [(2, 3, 4), (3, 2)]),
    ("tensordot, outer", lambda lib, a, b: lib.tensordot(a, b, dims=0), [(2,), (3,)]),
    ("baddbmm", lambda lib, *t: lib.baddbmm(*t, beta=0.5, alpha=2), [(2, 1), (3, 2, 4), (3, 4, 1)]),
    ("lerp", lambda lib, a, b: lib.lerp(a, b, 0.7), [(2, 3), (3,)]),
    ("addcmul", lambda lib, *t: lib.addcmul(*t, value=-2), [(2, 3), (3,), (2, 1)]),
    ("tan", lambda lib, x: lib.tan(x * 0.5), [(2, 3)]),
    ("asin", lambda lib, x: lib.asin(x * 0.4), [(2, 3)]),
    ("acos", lambda lib, x: lib.acos(x * 0.4), [(2, 3)]),
    ("atan", lambda lib, x: lib.atan(x), [(2, 3)]),
    ("sinh", lambda lib, x: lib.sinh(x), [(2, 3)]),
    ("cosh", lambda lib, x: lib.cosh(x), [(2, 3)]),
    ("frac", lambda lib, x: lib.frac(x), [(2, 3)]),
    ("clamp_min", lambda lib, x: lib.clamp_min(x, 0.25), [(2, 3)]),
    ("clamp_max, a tensor", lambda lib, x, y: lib.clamp_max(x, y), [(2, 3), (3,)]),
]


@pytest.mark.parametrize("fn, shapes", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_values_and_gradients(fn, shapes):
    check_op(fn, *shapes)


@pytest.mark.parametrize("numbers", [[2, 0, 3, 4], [0, 0, 3], [0], [5, 0, 2, 0], [0, 1, 2]], ids=str)
def test_products_with_zeros(numbers):
    x = numpy.array(numbers, float)
    check_values(lambda lib, t: lib.prod(t, 0), x)
    check_values(lambda lib, t: lib.cumprod(t, 0), x)


def test_norms_at_zero_and_where_several_are_largest():
    for p in (1, 2, 3.0, math.inf, -math.inf):
        for x in (numpy.zeros((2, 3)), numpy.array([[1.0, -1.0, 0.5], [0.0, 2.0, 2.0]])):
            against_torch(lambda lib, t, p=p: lib.norm(t, p, 1), x)
    same = array(2, 3)
    against_torch(lambda lib, a, b: lib.cdist(a, b), same, same[:1])


def test_norms_in_half_precision_are_summed_in_single():
    assert mt.norm(mt.full((3,), 300.0, dtype=mt.float16)).item() == 519.5
    x = mt.tensor(array(3, 4), dtype=mt.float16, requires_grad=True)
    mt.norm(x, 6.0).backward()
    assert x.grad.dtype == mt.float16


WHOLE = numpy.array([[3, 1, 2], [1, 1, 0]])


@pytest.mark.parametrize(
    "fn",
    [
        lambda lib, x: lib.unique(x),
        lambda lib, x: lib.unique(x, return_inverse=True, return_counts=True),
        lambda lib, x: lib.unique(x, dim=1, return_counts=True),
        lambda lib, x: lib.bincount(x.reshape(-1), minlength=6),
        lambda lib, x: lib.searchsorted(lib.tensor([0, 1, 2]), x, right=True),
        lambda lib, x: lib.searchsorted(lib.tensor([[0, 1], [1, 2]]), x),
        lambda lib, x: lib.bucketize(x, lib.tensor([0, 2])),
        lambda lib, x: lib.isin(x, lib.tensor([1, 3]), invert=True),
        lambda lib, x: lib.count_nonzero(x, 1),
        lambda lib, x: lib.argwhere(x),
        lambda lib, x: lib.logical_xor(x, x - 1),
        lambda lib, x: lib.triu_indices(3, 4, 1),
        lambda lib, x: lib.tril_indices(4, 2, -1),
        lambda lib, x: lib.prod(x),
        lambda lib, x: lib.sign(x - 1),
    ],
)
def test_integers(fn):
    against_torch(fn, WHOLE)


def test_special_values_in_order():
    values, counts = mt.unique(mt.tensor([1.0, 1.0, math.nan, math.nan, 0.0]), return_counts=True)
    assert counts.tolist() == [1, 2, 1, 1] and values[:2].tolist() == [0.0, 1.0]  # no NaN equals another
    places = mt.tensor([0.0, 4.0, math.inf, math.nan])
    assert mt.searchsorted(mt.tensor([1.0, 3.0, math.inf]), places).tolist() == [0, 2, 2, 3]
    assert mt.unique(mt.ones(0)).shape == (0,) and mt.bincount(mt.ones(0).long()).shape == (0,)


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda x: x.narrow(0, 1, 5), ValueError, "start and length within 0..2"),
        (lambda x: x.select(1, 3), IndexError, "index 3 is outside a dimension of 3"),
        (lambda x: x.unfold(1, 4, 1), ValueError, "size in 0..3"),
        (lambda x: x.diagonal(0, 1, -1), ValueError, "expected two dimensions"),
        (lambda x: mt.diag(x.reshape(1, 2, 3)), ValueError, "a vector or a matrix"),
        (lambda x: x.unflatten(1, (2, 2)), ValueError, "does not fill a dimension of 3"),
        (lambda x: mt.movedim(x, (0, 1), (0, 0)), ValueError, "as many places as dimensions"),
        (lambda x: mt.meshgrid(x), ValueError, "rows of numbers"),
        (lambda x: mt.broadcast_shapes((2,), (3,)), RuntimeError, "do not broadcast"),
        (lambda x: x.norm("nuc"), NotImplementedError, "linalg.matrix_norm has"),
        (lambda x: x.long().norm(), TypeError, "expected a floating-point tensor"),
        (lambda x: mt.tensordot(x, x, 3), ValueError, "dims in 0..2"),
        (lambda x: x.mv(x), ValueError, "a matrix and a vector"),
        (lambda x: mt.cdist(x, x.t()), ValueError, "rows of one length"),
        (lambda x: mt.trapezoid(x, x, dx=1.0), TypeError, "one of x and dx"),
        (lambda x: mt.bincount(x), ValueError, "a row of integers"),
        (lambda x: mt.lerp(x, x.double(), 0.5), TypeError, "of one dtype"),
        (lambda x: x.take(mt.tensor([6])), IndexError, "outside a tensor of 6 elements"),
        (lambda x: x.put(mt.tensor([1]), x), ValueError, "expected 1 values, got 6"),
        (lambda x: mt.isin(1, 2), TypeError, "got two numbers"),
        (lambda x: x.logical_and(1), TypeError, "expected two tensors"),
        (lambda x: mt.baddbmm(*[mt.ones(1, 1, 1).long()] * 3, alpha=0.5), RuntimeError, "expected integers"),
    ],
)
def test_what_does_not_fit_is_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call(mt.ones(2, 3))
