"""Convolution, pooling, resizing and normalization by channel against PyTorch and finite differences, and their mistakes."""

import itertools

import numpy
import pytest
from helpers import array, arrays, check_op, check_values
from later import torch
from twins import compare, share_weights

import minitransformer as mt
from minitransformer import nn
from minitransformer.ops.grids.windows import Spread, Windows

F = nn.functional


def asked(name, *args, **settings):
    """`lib.nn.functional.name` with these settings."""
    return lambda lib, *tensors: getattr(lib.nn.functional, name)(*tensors, *args, **settings)


CONVOLUTIONS = [
    ("conv1d", [(2, 3, 6), (4, 3, 2), (4,)], {}),
    ("conv1d", [(3, 6), (4, 3, 6)], {"padding": "valid"}),
    ("conv1d", [(2, 6, 7), (6, 1, 3), (6,)], {"groups": 6, "padding": 2, "stride": 2}),
    ("conv2d", [(2, 2, 5, 4), (3, 2, 2, 3), (3,)], {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    ("conv2d", [(4, 5, 4), (6, 2, 3, 1), (6,)], {"groups": 2, "padding": "same"}),
    ("conv2d", [(1, 1, 3, 3), (1, 1, 1, 1)], {}),
    ("conv2d", [(0, 2, 3, 3), (1, 2, 2, 2), (1,)], {}),
    ("conv3d", [(1, 2, 3, 2, 3), (2, 2, 2, 1, 2), (2,)], {"stride": 2, "padding": (1, 0, 0)}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name, shapes, settings", CONVOLUTIONS)
def test_convolution(name, shapes, settings):
    check_op(asked(name, **settings), *shapes)


def test_convolutions_in_groups_of_random_settings():
    rng = numpy.random.default_rng(0)
    for n, groups in itertools.product((1, 2), (2, 3, 5)):
        n_in, n_out, *rest = rng.integers(1, 4, 2 + n)
        stride, apart, around = rng.integers(1, 4, (3, n)).tolist()
        settings = {"stride": stride, "dilation": apart, "padding": around, "groups": groups}
        grid = [8 + 3 * n for n in rest]
        shapes = [(2, groups * n_in, *grid), (groups * n_out, n_in, *rest), (groups * n_out,)]
        check_op(asked(f"conv{n}d", **settings), *shapes)
        check_op(asked(f"conv{n}d", **settings), *shapes[:2])


TRANSPOSED = [
    ("conv_transpose1d", [(2, 3, 4), (3, 4, 2), (4,)], {}),
    ("conv_transpose1d", [(3, 1), (3, 2, 3)], {"stride": 4, "padding": 1}),
    ("conv_transpose1d", [(2, 6, 3), (6, 1, 3), (6,)], {"groups": 6, "stride": 2, "output_padding": 1}),
    ("conv_transpose1d", [(1, 1, 3), (1, 2, 2)], {"dilation": 3, "output_padding": 2, "padding": 2}),
    ("conv_transpose2d", [(2, 2, 3, 2), (2, 3, 2, 3), (3,)], {"stride": (2, 1), "padding": (1, 0)}),
    ("conv_transpose2d", [(4, 2, 3), (4, 3, 3, 1), (6,)], {"groups": 2, "dilation": (2, 1)}),
    ("conv_transpose2d", [(0, 2, 2, 2), (2, 1, 2, 2), (1,)], {"stride": 2}),
]


@pytest.mark.parametrize("name, shapes, settings", TRANSPOSED)
def test_transposed_convolution(name, shapes, settings):
    check_op(asked(name, **settings), *shapes)


def test_a_transposed_convolution_is_the_adjoint_of_one():
    """<conv(x), y> = <x, conv_transpose(y)>, with the same weight."""
    settings = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    x, w, y = (mt.tensor(a) for a in arrays((2, 4, 5, 6), (6, 2, 3, 2), (2, 6, 3, 4)))
    there = (F.conv2d(x, w, **settings) * y).sum()
    back = (F.conv_transpose2d(y, w, **settings) * x).sum()
    numpy.testing.assert_allclose(there.item(), back.item(), rtol=1e-12)


def test_the_size_of_a_transposed_convolution_may_be_asked_for():
    ours, theirs = nn.ConvTranspose2d(2, 3, 3, 2, 1), torch.nn.ConvTranspose2d(2, 3, 3, 2, 1)
    share_weights(ours, theirs)
    for size in ((6, 7), (5, 8), (1, 3, 6, 8)):
        compare(ours, theirs, array(1, 2, 3, 4), call=lambda m, x, size=size: m(x, output_size=size))
    with pytest.raises(ValueError, match=r"from \(5, 7\), by less than the stride"):
        ours(mt.ones(1, 2, 3, 4), (7, 7))


@pytest.mark.parametrize("shape, factor", [((2, 8, 2, 3), 2), ((9, 1, 2), 3), ((2, 2, 4, 1, 1), 2)])
def test_pixels_and_channels(shape, factor):
    check_op(asked("pixel_shuffle", factor), shape)
    fine = (*shape[:-3], shape[-3] // factor**2, shape[-2] * factor, shape[-1] * factor)
    check_op(asked("pixel_unshuffle", factor), fine)


UNFOLDED = [((2, 2, 4, 5), ((2, 3), 1, (0, 1), 2)), ((1, 3, 3), (2, (1, 2), 1)), ((1, 1, 2, 2), (2,))]


@pytest.mark.parametrize("shape, settings", UNFOLDED)
def test_columns_and_pictures(shape, settings):
    check_op(asked("unfold", *settings), shape)
    columns = F.unfold(mt.ones(*shape), *settings).shape
    check_op(asked("fold", shape[-2:], *settings), tuple(columns))


@pytest.mark.parametrize(
    "kernel, stride, padding", [(2, None, 0), (3, 2, 1), ((3, 2), (1, 2), (0, 1)), (3, 1, 1)]
)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooling_of_pictures(kernel, stride, padding, ceil_mode):
    shape = (2, 2, 5, 6)
    settings = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    check_op(asked("max_pool2d", kernel, **settings), (1, 2, 5, 4))
    check_op(asked("max_pool2d", kernel, return_indices=True, **settings), shape, differences=False)
    for counts in (True, False):
        check_op(asked("avg_pool2d", kernel, count_include_pad=counts, **settings), shape, differences=False)


def test_pooling_of_sequences_and_of_single_grids():
    check_op(asked("max_pool1d", 3, 2, dilation=2), (2, 3, 9))
    check_op(asked("avg_pool1d", 2, ceil_mode=True), (3, 7))
    check_op(asked("avg_pool2d", 2, divisor_override=3), (3, 4, 5))
    check_op(asked("max_pool2d", 2), (3, 4, 5))


def test_means_of_half_precision_do_not_overflow():
    x = mt.full((1, 1, 64, 64), 300.0).half()
    assert F.avg_pool2d(x, 64).item() == F.adaptive_avg_pool2d(x, 1).item() == 300


def test_of_equal_values_the_first_wins():
    x = mt.ones(1, 1, 4, requires_grad=True)
    F.max_pool1d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[1, 0, 1, 0]]]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_the_largest_of_integers_keeps_their_dtype(dtype):
    drawn = numpy.random.default_rng(0).integers(0, 3, (2, 3, 5, 4))  # 0 is the least of uint8
    values = drawn.astype(dtype)
    check_values(asked("max_pool2d", 3, 2, 1, return_indices=True), values, differences=False)
    check_values(asked("max_pool2d", (2, 3), ceil_mode=True), values[0], differences=False)


def test_where_all_are_the_least_number_the_first_inside_the_grid_wins():
    for dtype in ("float32", "int64"):
        least = -numpy.inf if dtype == "float32" else numpy.iinfo(dtype).min
        values = numpy.full((1, 2, 3, 3), least, dtype)
        check_values(asked("max_pool2d", 3, 2, 1, return_indices=True), values, differences=False)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_limits_beside_integers_are_cut(dtype):
    values = numpy.arange(12).reshape(3, 4).astype(dtype)
    check_values(asked("relu6"), values, differences=False)
    check_values(asked("hardtanh", 1.9, 7.9), values, differences=False)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_adaptive_pooling(size):
    check_op(asked("adaptive_avg_pool1d", size), (2, 3, 5))
    check_op(asked("adaptive_avg_pool2d", (size, None)), (3, 5, 4))


MODES = ["nearest", "nearest-exact", "area", "bilinear", "bicubic"]
SIZES = [{"size": (2, 9)}, {"size": 5}, {"scale_factor": (1.7, 0.6)}]
SIZES += [{"scale_factor": 1.7, "recompute_scale_factor": True}]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_interpolation(mode, sizes):
    for corners in (None, True) if mode.startswith("bi") else (None,):
        settings = {**sizes, "mode": mode, "align_corners": corners}
        check_op(asked("interpolate", **settings), (1, 2, 4, 5))


def test_interpolation_of_sequences_and_volumes():
    check_op(asked("interpolate", 7, mode="linear"), (2, 1, 4))
    check_op(asked("interpolate", (3, 1, 4), mode="trilinear"), (1, 1, 2, 3, 2))


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 2)])
def test_batch_norm(shape):
    def ran(training):
        def run(lib, x, weight, bias):
            mean, variance = lib.tensor(numpy.arange(3.0) / 3), lib.tensor(numpy.arange(3.0) + 0.5)
            mean, variance = mean.to(x.dtype), variance.to(x.dtype)
            settings = {"training": training, "momentum": 0.3, "eps": 1e-3}
            return lib.nn.functional.batch_norm(x, mean, variance, weight, bias, **settings), mean, variance

        return run

    values = arrays(shape, (3,), (3,))
    check_values(ran(True), *values, differences=False)
    check_values(ran(False), *values, differences=False)


@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 3, 2, 3), (1, 3, 4)])
def test_instance_norm(shape):
    def ran(of_input):
        def run(lib, x, weight, bias):
            mean, variance = lib.tensor(numpy.arange(3.0) / 3), lib.tensor(numpy.arange(3.0) + 0.5)
            settings = mean.to(x.dtype), variance.to(x.dtype), weight, bias, of_input, 0.3, 1e-3
            return lib.nn.functional.instance_norm(x, *settings), *settings[:2]

        return run

    values = arrays(shape, (3,), (3,))
    check_values(ran(True), *values, differences=False)
    check_values(ran(False), *values, differences=False)
    check_op(lambda lib, x: lib.nn.functional.instance_norm(x), shape)


def test_instance_norm_without_a_batch_and_in_use():
    settings = {"affine": True, "track_running_stats": True, "momentum": 0.3}
    ours, theirs = nn.InstanceNorm2d(3, **settings), torch.nn.InstanceNorm2d(3, **settings)
    share_weights(ours, theirs)
    compare(ours, theirs, array(3, 2, 4))
    compare(ours, theirs, array(2, 3, 2, 4))
    compare(ours.eval(), theirs.eval(), array(2, 3, 1, 1))
    with pytest.warns(UserWarning, match="4 channels"):
        nn.InstanceNorm1d(3)(mt.ones(2, 4, 5))


def test_group_norm():
    check_op(lambda lib, x, w, b: lib.nn.functional.group_norm(x, 2, w, b), (2, 4, 3), (4,), (4,))
    check_op(lambda lib, x: lib.nn.functional.group_norm(x, 1), (2, 3))


LAYERS = {
    "conv": lambda lib: lib.Conv2d(2, 4, 3, padding=1, groups=2),
    "conv, dilated": lambda lib: lib.Conv2d(2, 3, 2, (2, 1), dilation=(1, 2), bias=False),
    "conv, same": lambda lib: lib.Conv2d(2, 3, 3, padding="same", padding_mode="circular"),
    "conv, transposed": lambda lib: lib.ConvTranspose2d(2, 4, (3, 2), 2, 1, 1, groups=2, dilation=2),
    "conv, transposed, no bias": lambda lib: lib.ConvTranspose2d(2, 3, 2, bias=False),
    "instance norm": lambda lib: lib.InstanceNorm2d(2, affine=True, bias=False),
    "instance norm, tracking": lambda lib: lib.InstanceNorm2d(2, track_running_stats=True),
    "pixel unshuffle": lambda lib: lib.Sequential(lib.ZeroPad2d((0, 0, 0, 1)), lib.PixelUnshuffle(2)),
    "pixel shuffle": lambda lib: lib.Sequential(lib.Conv2d(2, 4, 1), lib.PixelShuffle(2)),
    "mirrored": lambda lib: lib.ReflectionPad2d((1, 3, 0, 2)),
    "edge repeated": lambda lib: lib.ReplicationPad2d(2),
    "circular": lambda lib: lib.CircularPad2d((1, 2, 0, 3)),
    "constant": lambda lib: lib.ConstantPad2d((1, -1, 0, 3), 2.5),
    "max": lambda lib: lib.MaxPool2d(2, ceil_mode=True),
    "avg": lambda lib: lib.AvgPool2d((2, 3), 1, padding=1),
    "adaptive": lambda lib: lib.AdaptiveAvgPool2d((3, None)),
    "batch norm": lambda lib: lib.BatchNorm2d(2, momentum=None),
    "batch norm, plain": lambda lib: lib.BatchNorm2d(2, affine=False, track_running_stats=False),
    "group norm": lambda lib: lib.GroupNorm(1, 2, bias=False),
    "upsample": lambda lib: lib.Upsample(scale_factor=2),
    "zeros around": lambda lib: lib.ZeroPad2d((1, 0, -1, 2)),
    "leaky relu": lambda lib: lib.LeakyReLU(0.2, inplace=True),
    "elu": lambda lib: lib.ELU(alpha=2.0),
    "relu 6": lambda lib: lib.ReLU6(),
    "mish": lambda lib: lib.Mish(inplace=True),
    "softplus": lambda lib: lib.Softplus(2, 1),
    "prelu": lambda lib: lib.PReLU(2),
    "dropout of channels": lambda lib: lib.Dropout2d(0.3).eval(),
    "relu in place": lambda lib: lib.Sequential(lib.Conv2d(2, 2, 1), lib.ReLU(inplace=True)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_are_torch_s(layer):
    ours, theirs = LAYERS[layer](nn), LAYERS[layer](torch.nn)
    assert repr(ours) == repr(theirs)
    share_weights(ours, theirs)

    def call(module, x):
        return module(x * 1.0)  # a result, which may be edited in place

    compare(ours, theirs, array(3, 2, 5, 4), call=call)
    assert {k: v.tolist() for k, v in ours.state_dict().items() if "track" in k} == {
        k: v.tolist() for k, v in theirs.state_dict().items() if "track" in k
    }
    for name, buffer in theirs.named_buffers():
        numpy.testing.assert_allclose(ours.get_buffer(name).numpy(), buffer.numpy(), rtol=1e-12)


def test_batch_norm_over_several_batches_and_in_use():
    for momentum in (0.1, None):
        ours, theirs = nn.BatchNorm1d(3, momentum=momentum), torch.nn.BatchNorm1d(3, momentum=momentum)
        share_weights(ours, theirs)
        for seed in range(3):
            compare(ours, theirs, array(4, 3, seed=seed))
        compare(ours.eval(), theirs.eval(), array(1, 3, seed=9))
        assert ours.num_batches_tracked.item() == 3
        twin = nn.BatchNorm1d(3).double()
        twin.load_state_dict(ours.state_dict())
        assert (twin.running_var.numpy() == ours.running_var.numpy()).all()
        ours.reset_running_stats()
        assert ours.running_mean.tolist() == [0, 0, 0] and ours.num_batches_tracked.item() == 0


def test_initial_weights_of_a_convolution_have_torch_s_bound():
    for lib in (nn, torch.nn):
        weight = lib.Conv2d(16, 64, 5).weight.detach().numpy()
        assert abs(weight).max() == pytest.approx(1 / 20, rel=1e-2)


def test_dropout_of_whole_channels():
    mt.manual_seed(0)
    x = mt.ones(50, 8, 3, 2, requires_grad=True)
    y = nn.Dropout2d(0.25)(x)
    each = y.numpy().reshape(400, 6)
    assert set(numpy.unique(each)) == {0, numpy.float32(1 / 0.75)} and (each == each[:, :1]).all()
    assert 0.15 < (each == 0).mean() < 0.35
    y.sum().backward()
    assert (x.grad.numpy() == y.numpy()).all()
    assert F.dropout1d(mt.ones(2, 3), 0.5, training=False).tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize("shape, instead", [((50, 40), "dropout"), ((50, 40, 3), "dropout1d")])
def test_dropout_of_channels_that_are_no_pictures(shape, instead):
    """As in PyTorch: with a warning, the elements of (N, C), the channels of (N, C, L)."""
    mt.manual_seed(0)
    with pytest.warns(UserWarning, match=f"what {instead} does"):
        y = F.dropout2d(mt.ones(*shape), 0.25).numpy().reshape(2000, -1)
    assert (y == y[:, :1]).all() and 0.2 < (y == 0).mean() < 0.3


@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (1, 1, 3, 3)])
def test_windows_by_hand(shape):
    """Against a loop, and the cotangent against the sum of what each window sends back."""
    x, op = array(*shape), Windows((2, 3), (2, 1), (1, 1))
    y = op.forward(x)
    g = array(*y.shape, seed=1)
    (dx,) = op.vjp(g, x)
    expected = numpy.zeros_like(x)
    for i, j in itertools.product(range(y.shape[1]), range(y.shape[2])):
        assert (y[:, i, j] == x[:, :, 2 * i : 2 * i + 2, j : j + 3]).all()
        expected[:, :, 2 * i : 2 * i + 2, j : j + 3] += g[:, i, j]
    numpy.testing.assert_allclose(dx, expected, rtol=1e-14)
    back = Spread(op, shape[2:])
    numpy.testing.assert_allclose(back.forward(g), expected, rtol=1e-14)
    assert (back.vjp(x, g)[0] == y).all()


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda x: F.conv2d(x, mt.ones(4, 3, 2, 2)), ValueError, "has 2 channels.*takes 3"),
        (lambda x: F.conv2d(x, mt.ones(3, 1, 2, 2), groups=2), ValueError, "in 2 groups"),
        (
            lambda x: F.conv2d(x, mt.ones(4, 2, 6, 1)),
            ValueError,
            "reaches over .6, 1. does not fit in .5, 4.",
        ),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2)), ValueError, "a weight of 4"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2).double()), RuntimeError, "float32 and float64"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), mt.ones(3)), ValueError, "expected a bias"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), stride=2, padding="same"), ValueError, "stride 1 only"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), padding="full"), ValueError, "'same', 'valid'"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), padding=-1), ValueError, "padding >= 0"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), stride=(1, 1, 1)), ValueError, "one number, or 2"),
        (lambda x: F.conv2d(x, mt.ones(4, 2, 2, 2), stride=0), ValueError, "stride and dilation >= 1"),
        (lambda x: nn.Conv2d(3, 4, 1, groups=2), ValueError, "groups that divide"),
        (lambda x: nn.Conv2d(2, 4, 1, padding_mode="edge"), ValueError, "padding_mode"),
        (lambda x: F.max_pool2d(x, 2, padding=2), ValueError, "half of the kernel"),
        (lambda x: F.max_pool2d(x, 9), ValueError, "does not fit in a grid"),
        (lambda x: F.max_pool2d(x.bool(), 2), TypeError, "expected numbers, got bool"),
        (lambda x: F.avg_pool2d(x.long(), 2), TypeError, "floating-point"),
        (lambda x: F.avg_pool2d(x[0, 0], 2), ValueError, "3 or 4 dimensions"),
        (lambda x: F.avg_pool2d(x, 2, divisor_override=0), ValueError, "other than 0"),
        (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), ValueError, "one size >= 0, or 2"),
        (lambda x: F.interpolate(x), ValueError, "size or scale_factor"),
        (lambda x: F.interpolate(x, 3, mode="linear"), ValueError, "does not fit an input of 4"),
        (
            lambda x: F.interpolate(x.long(), 3, mode="area"),
            TypeError,
            "'area' expects a floating-point input",
        ),
        (lambda x: F.interpolate(x, 3, mode="sinc"), ValueError, "expected mode"),
        (lambda x: F.interpolate(x, 3, align_corners=True), ValueError, "align_corners"),
        (lambda x: F.interpolate(x, (3, 3, 3)), ValueError, "expected 2 sizes"),
        (lambda x: F.interpolate(x, 3, mode="bilinear", antialias=True), NotImplementedError, "antialias"),
        (lambda x: nn.BatchNorm2d(3)(x), ValueError, "each of 2 channels"),
        (lambda x: nn.BatchNorm1d(2)(x), ValueError, "expected 2 or 3 dimensions"),
        (lambda x: nn.BatchNorm1d(2)(mt.ones(1, 2)), ValueError, "more than 1 value per channel"),
        (lambda x: F.batch_norm(x, None, None), RuntimeError, "running_mean and running_var"),
        (lambda x: F.group_norm(x, 3), ValueError, "divide 2 channels"),
        (lambda x: nn.GroupNorm(3, 4), ValueError, "divide 4"),
        (lambda x: F.prelu(x, mt.ones(3)), ValueError, "1 or 2 slopes"),
        (lambda x: F.glu(x[0, :, :, 0]), ValueError, "even size"),
        (lambda x: F.hardtanh(x, 2.0, 1.0), ValueError, "min_val <= max_val"),
        (lambda x: F.hardtanh(x.to(mt.uint8)), ValueError, "limits that uint8 holds"),
        (lambda x: F.relu6(x.bool()), TypeError, "expected numbers, got bool"),
        (lambda x: F.dropout2d(x[0, 0, 0]), ValueError, "3 or 4 dimensions"),
        (lambda x: F.conv_transpose2d(x, mt.ones(3, 4, 2, 2)), ValueError, "has 2 channels.*takes 3"),
        (lambda x: F.conv_transpose2d(x, mt.ones(2, 4, 2)), ValueError, "a weight of 4"),
        (lambda x: F.conv_transpose2d(x, mt.ones(2, 1, 2, 2), mt.ones(2)), ValueError, "expected a bias"),
        (lambda x: F.conv_transpose2d(x, mt.ones(2, 1, 2, 2).double()), RuntimeError, "float32 and float64"),
        (lambda x: F.conv_transpose2d(x, mt.ones(2, 1, 2, 2), stride=0), ValueError, "stride and dilation"),
        (
            lambda x: F.conv_transpose2d(x, mt.ones(2, 1, 2, 2), output_padding=1),
            ValueError,
            "smaller than stride",
        ),
        (lambda x: F.conv_transpose2d(x, mt.ones(2, 1, 1, 1), padding=2), ValueError, "leaves sizes .1, 0."),
        (lambda x: nn.ConvTranspose2d(2, 4, 2, padding_mode="reflect"), ValueError, "padding_mode 'zeros'"),
        (lambda x: F.unfold(x, 6), ValueError, "would be .0, -1. places"),
        (lambda x: F.unfold(x, 0), ValueError, "kernel, stride and dilation >= 1"),
        (lambda x: F.unfold(x[0, 0], 1), ValueError, "unfold: expected .N, C, H, W."),
        (lambda x: F.fold(x, 2, 1), ValueError, "fold: expected .N, C K_h K_w, places."),
        (lambda x: F.fold(x[0], 3, 2), ValueError, "multiple of 4 numbers for 4 places"),
        (lambda x: F.pixel_shuffle(x, 2), ValueError, "divisible by 2"),
        (lambda x: F.pixel_unshuffle(x, 2), ValueError, "height and width divisible by 2"),
        (lambda x: F.pixel_unshuffle(x[0, 0], 1), ValueError, "factor >= 1"),
        (lambda x: F.instance_norm(x[..., :1, :1]), ValueError, "more than 1 place"),
        (lambda x: F.instance_norm(x, eps=0), ValueError, "eps > 0"),
        (lambda x: nn.InstanceNorm2d(3, affine=True)(x), ValueError, "each of 2 channels"),
        (lambda x: nn.InstanceNorm1d(2)(x), ValueError, "expected 2 or 3 dimensions"),
        (lambda x: nn.ReflectionPad2d(4)(x), ValueError, "too few"),
        (lambda x: nn.Dropout1d(2.0), ValueError, "probability"),
    ],
)
def test_mistakes_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(mt.ones(3, 2, 5, 4))


@pytest.mark.parametrize("settings", [{}, {"return_indices": True}])
def test_largest_values_of_parts(settings):
    for shape, size in (((2, 3, 7), 3), ((3, 5), 5), ((1, 1, 1), 4)):
        pool = lambda lib, x, s=size: lib.nn.functional.adaptive_max_pool1d(x, s, **settings)  # noqa: E731
        check_op(pool, shape, differences=not settings)
    for shape, size in (((2, 3, 5, 4), (2, 3)), ((3, 5, 4), (None, 7)), ((2, 1, 1, 6), 1), ((0, 2, 3, 3), 2)):
        pool = lambda lib, x, s=size: lib.nn.functional.adaptive_max_pool2d(x, s, **settings)  # noqa: E731
        check_op(pool, shape, differences=not settings)
    assert repr(nn.AdaptiveMaxPool2d((2, 3))) == repr(torch.nn.AdaptiveMaxPool2d((2, 3)))
    with pytest.raises(ValueError, match="one size >= 0, or 2"):
        nn.functional.adaptive_max_pool2d(mt.ones(1, 1, 3, 3), (2, 3, 4))
    with pytest.raises(ValueError, match="a grid with places"):
        nn.functional.adaptive_max_pool1d(mt.ones(1, 0), 2)
