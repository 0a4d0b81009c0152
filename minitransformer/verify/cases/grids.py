"""Values on grids: convolution, pooling, resizing, normalization by channel."""

from __future__ import annotations

from minitransformer.verify.case import LayerCase, OpCase
from minitransformer.verify.inputs import normal


def _pooled(name: str, *args, **settings):
    return lambda lib, x: getattr(lib.nn.functional, name)(x, *args, **settings)


def _resized(*sizes: int, **settings):
    return lambda lib, x: lib.nn.functional.interpolate(x, sizes, **settings)


def _in_use(lib, x, weight, bias):
    running = lib.arange(1, 4).to(x.dtype)
    return lib.nn.functional.batch_norm(x, running - 2, running, weight, bias)


CONVOLUTIONS = [
    OpCase(
        "conv1d", lambda lib, *t: lib.nn.functional.conv1d(*t), [normal(2, 3, 5), normal(4, 3, 2), normal(4)]
    ),
    OpCase(
        "conv2d, strided, dilated, padded",
        lambda lib, *t: lib.nn.functional.conv2d(*t, stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
        [normal(2, 2, 4, 5), normal(3, 2, 2, 3), normal(3)],
    ),
    OpCase(
        "conv2d, in groups",
        lambda lib, *t: lib.nn.functional.conv2d(*t, padding="same", groups=2),
        [normal(2, 4, 3, 2), normal(6, 2, 3, 1), normal(6)],
    ),
    OpCase(
        "conv3d, no bias",
        lambda lib, *t: lib.nn.functional.conv3d(*t, stride=2),
        [normal(2, 2, 3, 4, 3), normal(2, 2, 2, 1, 2)],
    ),
    OpCase(
        "conv_transpose1d",
        lambda lib, *t: lib.nn.functional.conv_transpose1d(*t, stride=2, output_padding=1),
        [normal(2, 3, 4), normal(3, 2, 3), normal(2)],
    ),
    OpCase(
        "conv_transpose2d, in groups",
        lambda lib, *t: lib.nn.functional.conv_transpose2d(*t, (2, 1), (1, 0), (1, 0), 2, (1, 2)),
        [normal(2, 4, 3, 2), normal(4, 1, 2, 3), normal(2)],
    ),
]
POOLING = [
    OpCase("max_pool1d", _pooled("max_pool1d", 3, 2, 1), [normal(2, 3, 7)]),
    OpCase("max_pool2d", _pooled("max_pool2d", 2, ceil_mode=True), [normal(2, 3, 5, 4)]),
    OpCase("avg_pool1d", _pooled("avg_pool1d", 2), [normal(2, 3, 6)]),
    OpCase("avg_pool2d", _pooled("avg_pool2d", (2, 3), 2, 1, True, False), [normal(2, 3, 5, 4)]),
    OpCase("adaptive_max_pool1d", _pooled("adaptive_max_pool1d", 3), [normal(2, 3, 5)]),
    OpCase("adaptive_max_pool2d", _pooled("adaptive_max_pool2d", (2, None)), [normal(2, 3, 5, 4)]),
    OpCase("adaptive_avg_pool1d", _pooled("adaptive_avg_pool1d", 3), [normal(2, 3, 5)]),
    OpCase("adaptive_avg_pool2d", _pooled("adaptive_avg_pool2d", (2, None)), [normal(2, 3, 5, 4)]),
]
RESIZING = [
    OpCase("interpolate, nearest", _resized(2, 7), [normal(2, 3, 3, 4)]),
    OpCase("interpolate, linear", _resized(7, mode="linear"), [normal(2, 3, 4)]),
    OpCase(
        "interpolate, bilinear", _resized(2, 7, mode="bilinear", align_corners=True), [normal(2, 3, 3, 4)]
    ),
    OpCase("interpolate, bicubic", _resized(5, 3, mode="bicubic"), [normal(2, 3, 3, 4)]),
    OpCase("pixel_shuffle", lambda lib, x: lib.nn.functional.pixel_shuffle(x, 2), [normal(2, 8, 2, 3)]),
    OpCase("pixel_unshuffle", lambda lib, x: lib.nn.functional.pixel_unshuffle(x, 2), [normal(3, 4, 6)]),
    OpCase("interpolate, area", _resized(2, 3, mode="area"), [normal(2, 3, 3, 4)]),
]
CHANNELS = [
    OpCase(
        "batch_norm, in training",
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True),
        [normal(4, 3, 2), normal(3), normal(3)],
    ),
    OpCase("batch_norm, in use", _in_use, [normal(4, 3), normal(3), normal(3)]),
    OpCase(
        "instance_norm",
        lambda lib, x, w, b: lib.nn.functional.instance_norm(x, None, None, w, b),
        [normal(2, 3, 4), normal(3), normal(3)],
    ),
    OpCase(
        "group_norm",
        lambda lib, x, w, b: lib.nn.functional.group_norm(x, 2, w, b),
        [normal(2, 4, 3), normal(4), normal(4)],
    ),
]
GRIDS = [*CONVOLUTIONS, *POOLING, *RESIZING, *CHANNELS]

GRID_LAYERS = [
    LayerCase("Conv1d", lambda lib: lib.nn.Conv1d(2, 4, 3, groups=2), [normal(2, 2, 5)]),
    LayerCase(
        "Conv2d",
        lambda lib: lib.nn.Conv2d(2, 3, (2, 3), padding=1, padding_mode="reflect"),
        [normal(2, 2, 4, 3)],
    ),
    LayerCase("Conv3d", lambda lib: lib.nn.Conv3d(1, 2, 2, bias=False), [normal(2, 1, 2, 3, 3)]),
    LayerCase("ConvTranspose1d", lambda lib: lib.nn.ConvTranspose1d(2, 4, 3, 2, groups=2), [normal(2, 2, 3)]),
    LayerCase(
        "ConvTranspose2d",
        lambda lib: lib.nn.ConvTranspose2d(2, 3, (2, 3), 2, 1, 1, dilation=(1, 2)),
        [normal(2, 2, 3, 2)],
    ),
    LayerCase("MaxPool1d", lambda lib: lib.nn.MaxPool1d(2), [normal(2, 3, 6)]),
    LayerCase("MaxPool2d", lambda lib: lib.nn.MaxPool2d(3, 1, padding=1), [normal(2, 3, 4, 3)]),
    LayerCase("AvgPool1d", lambda lib: lib.nn.AvgPool1d(2), [normal(2, 3, 6)]),
    LayerCase("AvgPool2d", lambda lib: lib.nn.AvgPool2d(2), [normal(2, 3, 4, 4)]),
    LayerCase("AdaptiveAvgPool1d", lambda lib: lib.nn.AdaptiveAvgPool1d(2), [normal(2, 3, 5)]),
    LayerCase("AdaptiveAvgPool2d", lambda lib: lib.nn.AdaptiveAvgPool2d(1), [normal(2, 3, 4, 3)]),
    LayerCase("AdaptiveMaxPool1d", lambda lib: lib.nn.AdaptiveMaxPool1d(2), [normal(2, 3, 5)]),
    LayerCase("AdaptiveMaxPool2d", lambda lib: lib.nn.AdaptiveMaxPool2d((2, 3)), [normal(2, 3, 4, 3)]),
    LayerCase("BatchNorm1d, in training", lambda lib: lib.nn.BatchNorm1d(3), [normal(5, 3)]),
    LayerCase("BatchNorm2d, in use", lambda lib: lib.nn.BatchNorm2d(3).eval(), [normal(2, 3, 2, 2)]),
    LayerCase("InstanceNorm1d", lambda lib: lib.nn.InstanceNorm1d(3, affine=True), [normal(2, 3, 4)]),
    LayerCase("InstanceNorm2d", lambda lib: lib.nn.InstanceNorm2d(3), [normal(2, 3, 2, 3)]),
    LayerCase("GroupNorm", lambda lib: lib.nn.GroupNorm(2, 4), [normal(2, 4, 3)]),
    LayerCase("Upsample", lambda lib: lib.nn.Upsample(scale_factor=2, mode="bilinear"), [normal(2, 1, 2, 3)]),
    LayerCase("Unfold", lambda lib: lib.nn.Unfold((2, 1), 1, 1, 2), [normal(2, 2, 3, 4)]),
    LayerCase("Fold", lambda lib: lib.nn.Fold((3, 4), 2), [normal(2, 8, 6)]),
    LayerCase("PixelShuffle", lambda lib: lib.nn.PixelShuffle(2), [normal(2, 4, 2, 3)]),
    LayerCase("PixelUnshuffle", lambda lib: lib.nn.PixelUnshuffle(2), [normal(2, 1, 2, 4)]),
    LayerCase("ReflectionPad1d", lambda lib: lib.nn.ReflectionPad1d((2, 1)), [normal(2, 1, 4)]),
    LayerCase("ReflectionPad2d", lambda lib: lib.nn.ReflectionPad2d((1, 0, 2, 1)), [normal(2, 1, 3, 3)]),
    LayerCase("ReplicationPad1d", lambda lib: lib.nn.ReplicationPad1d(2), [normal(2, 1, 3)]),
    LayerCase("ReplicationPad2d", lambda lib: lib.nn.ReplicationPad2d((1, 0, 2, 1)), [normal(2, 1, 2, 3)]),
    LayerCase("CircularPad1d", lambda lib: lib.nn.CircularPad1d((2, 1)), [normal(2, 1, 3)]),
    LayerCase("CircularPad2d", lambda lib: lib.nn.CircularPad2d((1, 0, 2, 1)), [normal(2, 1, 2, 3)]),
    LayerCase("ConstantPad1d", lambda lib: lib.nn.ConstantPad1d(2, 1.5), [normal(2, 1, 3)]),
    LayerCase("ConstantPad2d", lambda lib: lib.nn.ConstantPad2d((1, 0, 2, 1), -2.0), [normal(2, 1, 2, 3)]),
    LayerCase("ZeroPad1d", lambda lib: lib.nn.ZeroPad1d((1, -1)), [normal(2, 1, 3)]),
    LayerCase("ZeroPad2d", lambda lib: lib.nn.ZeroPad2d((1, 0, 2, 1)), [normal(2, 1, 2, 3)]),
]
