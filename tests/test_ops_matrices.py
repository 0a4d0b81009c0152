"""Functions of matrices, of neighbours and of combined values, against PyTorch and finite differences."""

import math

import numpy
import pytest
from helpers import against_torch, array, check_op

import minitransformer as mt


def definite(lib, x):
    """A symmetric matrix whose eigenvalues are positive and apart."""
    return x @ x.mT + lib.diag(lib.arange(1, x.shape[-1] + 1).to(x.dtype))


# name, function, shapes
CASES = [
    ("inv", lambda lib, x: lib.linalg.inv(definite(lib, x)), [(2, 3, 3)]),
    ("inv of one", lambda lib, x: x.inverse(), [(1, 1)]),
    ("solve, broadcast", lambda lib, a, b: lib.linalg.solve(definite(lib, a), b), [(3, 3), (2, 3, 1)]),
    ("solve, a vector", lambda lib, a, b: lib.linalg.solve(definite(lib, a), b), [(3, 3), (3,)]),
    ("solve, right", lambda lib, a, b: lib.linalg.solve(definite(lib, a), b, left=False), [(3, 3), (2, 3)]),
    (
        "solve_triangular",
        lambda lib, a, b: lib.linalg.solve_triangular(definite(lib, a), b, upper=True, unitriangular=True),
        [(3, 3), (3, 2)],
    ),
    ("pinv, tall", lambda lib, x: lib.linalg.pinv(x), [(4, 3)]),
    ("pinv, wide", lambda lib, x: lib.linalg.pinv(x), [(2, 3, 4)]),
    ("lstsq", lambda lib, a, b: lib.linalg.lstsq(a, b).solution, [(4, 2), (4, 3)]),
    ("det", lambda lib, x: lib.linalg.det(x), [(2, 3, 3)]),
    ("logdet", lambda lib, x: lib.logdet(definite(lib, x)), [(3, 3)]),
    ("cholesky, upper", lambda lib, x: lib.linalg.cholesky(definite(lib, x), upper=True), [(2, 3, 3)]),
    ("qr, wide", lambda lib, x: lib.linalg.qr(x).R.abs(), [(2, 4)]),
    ("eigh", lambda lib, x: lib.linalg.eigh(definite(lib, x)).eigenvectors.abs(), [(3, 3)]),
    ("svd, full", lambda lib, x: lib.linalg.svd(x).U.abs()[:, :2], [(4, 2)]),
    ("svd, rows", lambda lib, x: lib.svd(x).V.abs(), [(2, 4)]),
    ("nuclear norm", lambda lib, x: lib.linalg.matrix_norm(x, "nuc", (0, 2), True), [(2, 3, 4)]),
    ("spectral norm", lambda lib, x: lib.linalg.norm(x, 2), [(3, 4)]),
    ("matrix_power", lambda lib, x: lib.linalg.matrix_power(definite(lib, x), -3), [(2, 2)]),
    ("cross", lambda lib, a, b: lib.linalg.cross(a, b), [(2, 3), (1, 3)]),
    ("cov, weighted", lambda lib, x, w: lib.cov(x, aweights=w * w), [(2, 4), (4,)]),
    ("corrcoef", lambda lib, x: lib.corrcoef(x), [(2, 5)]),
    ("dist", lambda lib, a, b: lib.dist(a, b, 1), [(2, 3), (3,)]),
    ("pdist", lambda lib, x: lib.pdist(x, 1.5), [(4, 2)]),
    ("renorm", lambda lib, x: lib.renorm(x, 1, 1, 2.0), [(2, 3)]),
    ("addmv", lambda lib, *t: lib.addmv(*t, beta=0.5, alpha=2), [(1,), (3, 4), (4,)]),
    ("addbmm", lambda lib, *t: lib.addbmm(*t, beta=0.5), [(2,), (3, 2, 4), (3, 4, 2)]),
    ("addr, beta 0", lambda lib, *t: lib.addr(*t, beta=0), [(3,), (2,), (3,)]),
    ("logcumsumexp", lambda lib, x: lib.logcumsumexp(x, 0), [(6, 2)]),
    ("diff", lambda lib, x, y: x.diff(append=y), [(2, 3), (2, 1)]),
    ("diff, more than there is", lambda lib, x: x.diff(5), [(2, 3)]),
    ("cumulative_trapezoid", lambda lib, y, x: lib.cumulative_trapezoid(y, x, dim=0), [(4, 2), (4,)]),
    ("var_mean", lambda lib, x: lib.stack(lib.var_mean(x, (0, 1), keepdim=True)), [(2, 3)]),
    ("std_mean", lambda lib, x: lib.stack(lib.std_mean(x, False)), [(2, 3)]),
    ("cartesian_prod", lambda lib, *t: lib.cartesian_prod(*t), [(2,), (1,), (3,)]),
    ("combinations", lambda lib, x: lib.combinations(x, 3, True), [(3,)]),
    ("block_diag", lambda lib, *t: lib.block_diag(*t), [(2, 3), (), (1, 2)]),
    ("rot90", lambda lib, x: lib.rot90(x, -1, (1, 0)), [(2, 3)]),
    ("tensor_split", lambda lib, x: lib.cat(lib.tensor_split(x, (1, 1, -1), 1)[1:], 1), [(2, 4)]),
    ("column_stack", lambda lib, *t: lib.column_stack(t), [(2,), (2, 3)]),
    ("take_along_dim", lambda lib, x: lib.take_along_dim(x, lib.tensor([[0, -1]]), 1), [(2, 3)]),
    ("index_put", lambda lib, x, y: x.index_put((lib.tensor([1, 0]),), y), [(2, 3), (1, 3)]),
]


FACTORED = pytest.mark.host("matrices are factored by cuSOLVER, which the emulated device does not have")
WORDS = "inv solve pinv lstsq det cholesky qr eigh svd norm matrix_power".split()


def marked(name, fn, shapes):
    """The case, marked if a matrix is factored in it."""
    return pytest.param(fn, shapes, id=name, marks=[FACTORED] if any(w in name for w in WORDS) else [])


@pytest.mark.parametrize("fn, shapes", [marked(*case) for case in CASES])
def test_values_and_gradients(fn, shapes):
    check_op(fn, *shapes)


@FACTORED
def test_the_determinant_of_what_has_no_inverse_has_a_gradient():
    x = array(3, 3)
    x[2] = x[0] - x[1]
    mt.gradcheck(mt.linalg.det, [x])  # PyTorch's gradient of this one is 0
    against_torch(lambda lib, t: lib.linalg.det(t), numpy.zeros((2, 2)))


@FACTORED
def test_the_inverse_of_what_has_none_reaches_what_it_can():
    x = array(4, 3)
    x[:, 2] = x[:, 0] + x[:, 1]
    against_torch(lambda lib, t: lib.linalg.pinv(t, rtol=1e-9), x)
    assert mt.linalg.matrix_rank(mt.tensor(x)).item() == 2
    with pytest.raises(mt.linalg.LinAlgError, match="Singular"):
        mt.linalg.inv(mt.zeros(2, 2))


@FACTORED
def test_factors_give_the_matrix_back():
    x = mt.tensor(array(2, 4, 3))
    q, r = mt.linalg.qr(x)
    u, s, v = mt.svd(x)
    w, vectors = mt.linalg.eigh(x.mT @ x)
    for found, expected in ((q @ r, x), (u @ mt.diag_embed(s) @ v.mT, x)):
        assert mt.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert mt.allclose(vectors @ mt.diag_embed(w) @ vectors.mT, x.mT @ x, rtol=1e-12, atol=1e-12)
    assert mt.linalg.qr(x, "complete").Q.shape == (2, 4, 4)


def test_running_sums_in_logarithms_of_nothing_and_of_much():  # PyTorch #52213, tinygrad #17853
    x = mt.tensor([-math.inf, -math.inf, 1.0, 1000.0, -1000.0], requires_grad=True)
    y = mt.logcumsumexp(x, 0)
    y.backward(mt.tensor([1.0, 1.0, 1.0, 2.0, -1.0]))
    assert y.tolist() == [-math.inf, -math.inf, 1.0, 1000.0, 1000.0]
    assert x.grad.tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]


def test_a_negative_number_of_differences_is_refused():  # PyTorch #94740, which gave the input back
    for n in (-1, -3):
        with pytest.raises(ValueError, match="expected n >= 0"):
            mt.diff(mt.arange(4), n)
    assert mt.diff(mt.tensor([True, True, False])).tolist() == [False, True]
    assert mt.diff(mt.arange(3), 0).tolist() == [0, 1, 2]


def test_distances_of_equal_rows_have_a_gradient_in_every_norm():  # PyTorch #36493, #37154: NaN
    x = mt.tensor([[1.0, 2.0, 3.0], [1.0, 2.5, 3.0]], dtype=mt.float64, requires_grad=True)
    for p in (0.5, 0.99, 1.0, 2.0, math.inf):
        x.grad = None
        mt.cdist(x, x, p=p).sum().backward()
        assert x.grad.isfinite().all()


def test_powers_side_by_side():
    x = mt.tensor(array(3), requires_grad=True)
    y = mt.vander(x, 4, increasing=True)
    assert mt.allclose(y, mt.stack([x**k for k in range(4)], -1))
    mt.gradcheck(lambda t: mt.vander(t), [array(3)])
    against_torch(lambda lib, t: lib.vander(t, 5), numpy.array([1, 2, 3]))


def test_nan_counts_for_nothing():
    x = numpy.array([[1.0, math.nan, 3.0], [math.nan] * 3])
    against_torch(lambda lib, t: lib.nansum(t, 1), x)
    against_torch(lambda lib, t: lib.nanmean(t[:1], 1), x)


def test_values_of_a_source_go_where_a_mask_holds():
    mask = numpy.array([[True, False, True], [False, True, False]])
    for source in (array(3), array(2, 2)):
        against_torch(lambda lib, x, m, s: lib.masked_scatter(x, m, s), array(2, 3), mask, source)
    x = mt.zeros(2, 3)
    x.masked_scatter_(mt.tensor(mask), mt.arange(3.0) + 1)
    assert x.tolist() == [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda x: mt.linalg.inv(x), ValueError, "expected square matrices"),
        (lambda x: mt.linalg.det(x[:, :2].long()), TypeError, "floating-point tensor"),
        (lambda x: mt.linalg.solve(x @ x.mT, x.double()), RuntimeError, "expected one dtype"),
        (lambda x: mt.linalg.solve(x @ x.mT, x.mT), ValueError, "sizes do not fit"),
        (lambda x: mt.linalg.qr(x, "full"), ValueError, "'reduced' or 'complete'"),
        (lambda x: mt.linalg.qr(x.mT.requires_grad_(), "complete"), NotImplementedError, "use 'reduced'"),
        (lambda x: mt.linalg.eigh(x, "X"), ValueError, "UPLO 'L' or 'U'"),
        (lambda x: mt.svd(x, compute_uv=False), NotImplementedError, "use linalg.svdvals"),
        (lambda x: mt.linalg.lstsq(x, x.mT), ValueError, "as many rows"),
        (lambda x: mt.cross(x, x[:, :2], 1), RuntimeError, "broadcast"),
        (lambda x: mt.cartesian_prod(x), ValueError, "rows of numbers"),
        (lambda x: mt.combinations(x), ValueError, "expected a row"),
        (lambda x: mt.block_diag(x[None]), ValueError, "expected matrices"),
        (lambda x: mt.rot90(x, 1, (0, 0)), ValueError, "two different dimensions"),
        (lambda x: x.hsplit(2), ValueError, "no 2 equal parts"),
        (lambda x: x.masked_scatter(x > -9, x[:1]), ValueError, "expected 6 values or more, got 3"),
        (lambda x: x.take_along_dim(x.long()[0], 1), ValueError, "expected 2 dimensions"),
        (lambda x: mt.renorm(x, 2, 0, -1), ValueError, "maxnorm >= 0"),
        (lambda x: mt.vander(x), ValueError, "expected a row"),
    ],
)
def test_what_does_not_fit_is_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call(mt.ones(2, 3))
