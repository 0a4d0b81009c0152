"""Softmax and its relatives, and normalizations, against PyTorch: values, gradients, infinities, masked rows."""

import math

import numpy
import pytest
from helpers import against_torch, array, arrays, as_numpy, check_op, check_values, run_ours

import minitransformer as mt

F = mt.nn.functional
INF = math.inf


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "shape, dim",
    [
        ((3, 4), -1),
        ((3, 4), 0),
        ((2, 3, 4), 1),
        ((1, 5), 1),
        ((5, 1), 1),
        ((4,), 0),
        ((0, 3), 1),
        ((3, 0), 1),
        ((), -1),
    ],
    ids=str,
)
def test_softmax(name, shape, dim):
    check_op(lambda lib, x: getattr(lib, name)(x, dim=dim), shape, low=-5, high=5)
    check_op(lambda lib, x: getattr(x, name)(dim), shape)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("offset", [1e4, -1e4, 300.0])
def test_large_scores_do_not_overflow(name, offset):
    x = array(3, 4) * 10 + offset
    with numpy.errstate(over="raise", invalid="raise", divide="raise"):
        against_torch(lambda lib, x: getattr(lib, name)(x, dim=-1), x, rtol=1e-9)
        against_torch(lambda lib, x: lib.logsumexp(x, dim=-1), x)


def test_partly_masked_rows():
    x = array(3, 4)
    x[0, 1] = x[1, :3] = x[2, ::2] = -INF
    for name in ("softmax", "log_softmax"):
        against_torch(lambda lib, x, n=name: getattr(lib, n)(x, dim=-1)[0, 2:], x)
        against_torch(lambda lib, x, n=name: getattr(lib, n)(x, dim=-1).exp(), x)
    against_torch(lambda lib, x: lib.logsumexp(x, -1), x)


def test_fully_masked_rows_are_zeros_with_zero_gradient():
    """PyTorch's softmax gives NaN here; ours has nothing to attend to, and says so with zeros."""
    x = array(3, 4)
    x[1] = -INF
    (y,), (g,) = run_ours(lambda lib, x: lib.softmax(x, -1), [x])
    assert as_numpy(y)[1].tolist() == [0, 0, 0, 0]
    assert as_numpy(g)[1].tolist() == [0, 0, 0, 0]
    against_torch(lambda lib, x: lib.softmax(x, -1), x[[0, 2]])
    assert as_numpy(mt.tensor(x).softmax(0)).sum(0) == pytest.approx(numpy.ones(4))


def test_log_of_nothing():
    """It is -inf, and where PyTorch's slope there is NaN ours is 0."""
    x = numpy.array([[0.0, -INF], [1e4, -INF], [-INF, -INF]])
    against_torch(lambda lib, x: lib.logsumexp(x, 1), x[:2])
    against_torch(lambda lib, x: lib.logsumexp(x, 1), numpy.zeros((2, 0)))
    (y,), (g,) = run_ours(lambda lib, x: lib.logsumexp(x, 1), [x])
    assert y[2].item() == -INF
    assert as_numpy(g)[2].tolist() == [0, 0]


def test_logsumexp_of_infinity_is_infinity():
    assert mt.tensor([INF, 0.0]).logsumexp(0).item() == INF
    assert mt.tensor([INF, -INF]).logsumexp(0).item() == INF


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_nan_stays_in_its_row(name):
    x = numpy.array([[1.0, math.nan], [1.0, 2.0]])
    against_torch(lambda lib, x: getattr(lib, name)(x, dim=-1), x)


def test_softmax_of_integers():
    x = numpy.array([[1, 2, 3]])
    against_torch(lambda lib, x: lib.softmax(x.float(), -1), x)
    against_torch(lambda lib, x: lib.softmax(x, -1, lib.float64), x)
    for fn in (mt.softmax, mt.log_softmax):
        with pytest.raises(
            TypeError, match="softmax: expected a floating-point tensor, got int64; pass dtype=float32"
        ):
            fn(mt.tensor(x), -1)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 3, 1, 4)], ids=str)
def test_without_dim_functional_takes_the_implicit_one_and_warns(name, shape):
    with pytest.warns(UserWarning, match="without dim|Implicit dimension"):
        against_torch(lambda lib, x: getattr(lib.nn.functional, name)(x), array(*shape))
    for call in (lambda x: getattr(mt, name)(x), lambda x: getattr(x, name)()):
        with pytest.raises(TypeError, match="dim"):
            call(mt.ones(shape))


def test_softmax_in_half_precision_is_added_up_in_single():
    n = 8192
    x = mt.zeros(n, dtype=mt.float16)
    assert x.softmax(0).double().sum().item() == pytest.approx(1, rel=1e-3)
    against_torch(lambda lib, x: lib.softmax(x, -1), (array(3, 1000) * 3).astype("float16"), rtol=5e-3)


def test_dimension_out_of_range():
    with pytest.raises(IndexError, match="dimension 2 is out of range"):
        mt.ones(2, 3).softmax(2)


NORMS = [((3, 4), 4), ((2, 3, 5), 5), ((7,), 7), ((1, 2, 1, 6), 6), ((0, 4), 4), ((2, 0, 4), 4)]


@pytest.mark.parametrize("shape, n", NORMS, ids=str)
def test_layer_norm(shape, n):
    check_op(lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (n,), w, b), shape, (n,), (n,))
    check_op(lambda lib, x, w: lib.nn.functional.layer_norm(x, [n], w, eps=0.1), shape, (n,))
    check_op(lambda lib, x: lib.nn.functional.layer_norm(x, (n,)), shape)


@pytest.mark.parametrize("shape, n", NORMS, ids=str)
def test_rms_norm(shape, n):
    check_op(lambda lib, x, w: lib.nn.functional.rms_norm(x, (n,), w), shape, (n,))
    check_op(lambda lib, x: lib.nn.functional.rms_norm(x, (n,), eps=0.1), shape)


def test_normalizing_a_single_feature():
    """There is no spread: layer_norm leaves the bias, rms_norm the sign, and neither passes a gradient on."""
    values = arrays((3, 1), (1,), (1,))
    against_torch(lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (1,), w, b), *values)
    against_torch(lambda lib, x, w: lib.nn.functional.rms_norm(x, (1,), w), *values[:2])


@pytest.mark.parametrize("constant", [0, 1, 2])
def test_layer_norm_with_parts_constant(constant):
    def fn(lib, *tensors):
        return lib.nn.functional.layer_norm(
            tensors[0].detach() if constant == 0 else tensors[0],
            (4,),
            *[t.detach() if i == constant else t for i, t in enumerate(tensors)][1:],
        )

    against_torch(fn, *arrays((2, 3, 4), (4,), (4,)))


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_normalizing_far_from_zero(name):
    """A large mean beside a small spread: the variance must not come out of a difference of large numbers."""
    x = array(3, 64) + 1e4
    against_torch(lambda lib, x: getattr(lib.nn.functional, name)(x, (64,)), x, rtol=1e-9)
    against_torch(
        lambda lib, x: getattr(lib.nn.functional, name)(x, (64,)).sum(), x.astype("float32"), rtol=1.0
    )
    check_values(
        lambda lib, x: getattr(lib.nn.functional, name)(x, (2,)),
        numpy.array([[1.0, 1.0], [0.0, 0.0], [1e-3, -1e-3]]),
        differences=False,
    )


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_half_precision(name):
    """Statistics in float32, values and every gradient in float16."""
    values = [array(3, 2000).astype("float16"), array(2000, seed=1).astype("float16")]
    against_torch(lambda lib, x, w: getattr(lib.nn.functional, name)(x, (2000,), w), *values, rtol=5e-3)


OFFSETS = {"float64": 2.0**53, "float32": 1e8, "float16": 2e4}


@pytest.mark.parametrize("dtype", OFFSETS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_constant_added_to_all_logits_changes_nothing(dtype, sign):
    """Values and gradients at an offset whose rounding is as large as the differences: as of the same numbers in float64."""
    x = (sign * OFFSETS[dtype] + 32 * numpy.array([[0, 0, -1], [1, 0, 0]])).astype(dtype)  # (2, 3)
    shifted = (x.astype("float64") - x.max()).astype("float64")
    ids = mt.tensor([1, 2])
    for loss in (
        lambda t: t.softmax(-1),
        lambda t: t.log_softmax(-1),
        lambda t: F.cross_entropy(t, ids, label_smoothing=0.1),
    ):
        (y,), (g,) = run_ours(lambda lib, t, loss=loss: loss(t), [x])
        (expected,), (slope,) = run_ours(lambda lib, t, loss=loss: loss(t), [shifted])
        rounding = 2e-3 if dtype == "float16" else 1e-6
        assert abs(as_numpy(y) - as_numpy(expected)).max() <= rounding * max(1, abs(as_numpy(expected)).max())
        assert abs(as_numpy(g) - as_numpy(slope)).max() <= 2 * rounding


@pytest.mark.parametrize("dtype", OFFSETS)
@pytest.mark.parametrize("width", [1, 3, 7, 100, 384, 768])
def test_equal_numbers_are_normalized_to_nothing(dtype, width):
    """Zeros to the last digit, and the gradient of a variance of 0: (g - mean(g)) / sqrt(eps)."""
    for value in (10.3, 1000.1, 12345.678):
        (y,), (g,) = run_ours(
            lambda lib, t: F.layer_norm(t, (width,)), [numpy.full((2, width), value).astype(dtype)]
        )
        assert not as_numpy(y).any()
        came = array(2, width, seed=7, dtype=dtype).astype("float64")
        expected = (came - came.mean(-1, keepdims=True)) / math.sqrt(1e-5)
        assert abs(as_numpy(g) - expected).max() <= {"float64": 1e-10, "float32": 1e-3, "float16": 0.6}[dtype]
        (v,), _ = run_ours(
            lambda lib, t: t.var(-1, correction=0), [numpy.full((2, width), value).astype(dtype)]
        )
        assert not as_numpy(v).any()


def test_wrong_sizes_and_dtypes():
    with pytest.raises(
        ValueError, match=r"layer_norm: expected input \(.., 5\) over its last dimensions, got \(2, 4\)"
    ):
        F.layer_norm(mt.ones(2, 4), (5,))
    with pytest.raises(ValueError, match="rms_norm: expected input"):
        F.rms_norm(mt.ones(2, 4), (3, 4))
    with pytest.raises(TypeError, match="layer_norm: input is float32, parameters are float64"):
        F.layer_norm(mt.ones(2, 4), (4,), mt.ones(4).double())
