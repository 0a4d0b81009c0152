"""Other dtypes and other devices."""

from __future__ import annotations

from functools import reduce

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_, float16, float32, float64, int32, int64
from minitransformer.defaults import default_device
from minitransformer.devices import Device, device_of, to_device
from minitransformer.ops.laws import Moves, register


class Cast(Moves):
    """The same values in another dtype."""

    saves = "nothing"

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x):
        return x.astype(self.dtype)

    def vjp(self, g, x):
        return (g.astype(x.dtype),)


class ToDevice(Moves):
    """The same values on another device."""

    saves = "nothing"

    def __init__(self, device):
        self.device = device

    def forward(self, x):
        return to_device(x, self.device)

    def vjp(self, g, x):
        return (to_device(g, device_of(x)),)


Tensor.device = property(lambda x: device_of(x.array))


def cast(input: Tensor, dtype) -> Tensor:
    """`input` in `dtype`: itself if it has it already."""
    if input.dtype == dtype:
        return input
    op = Cast(numpy.dtype(dtype))
    return op(input) if op.dtype.kind == "f" else Tensor(op.forward(input.array))


_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2}


def common_dtype(*tensors: Tensor):
    """PyTorch's promotion: the highest of bool, integer, float decides; in it the widest, 0-d tensors giving way to others."""
    ranks = [(_CATEGORY[x.dtype.kind], x.ndim > 0) for x in tensors]
    return reduce(numpy.promote_types, [x.dtype for x, rank in zip(tensors, ranks, strict=True) if rank == max(ranks)])


@register()
def to(input: Tensor, *targets) -> Tensor:
    """`input` in the dtype and on the device of `targets`: a dtype, a device's name, another tensor, or several."""
    for target in targets:
        if isinstance(target, Tensor):
            input = to(input, target.device, target.dtype)
        elif isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
            input = input if input.device == Device(target) else ToDevice(target)(input)
        else:
            input = cast(input, target)
    return input


@register()
def cuda(input: Tensor) -> Tensor:
    return to(input, "cuda")


@register()
def cpu(input: Tensor) -> Tensor:
    return to(input, "cpu")


def _caster(name: str, dtype):
    def caster(input: Tensor) -> Tensor:
        return cast(input, dtype)

    caster.__name__, caster.__doc__ = name, f"`input` as {dtype}."
    register(name)(caster)


for _name, _dtype in dict(half=float16, float=float32, double=float64, int=int32, long=int64, bool=bool_).items():
    _caster(_name, _dtype)


@register()
def type_as(input: Tensor, other: Tensor) -> Tensor:
    return to(input, other)


def on_default_device(array) -> Tensor:
    """A tensor of a host array, on the backend in use."""
    return Tensor(to_device(array, default_device()))
