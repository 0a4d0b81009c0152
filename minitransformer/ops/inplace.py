"""Edits in place, for weights and buffers: each counts as an edit, so that backward notices if it needed the old values."""

from __future__ import annotations

from minitransformer.autograd import Tensor, is_grad_enabled, moment
from minitransformer.devices import device_of, to_device
from minitransformer.errors import check_device
from minitransformer.ops.laws import register
from minitransformer.randomness import generator


def no_history(input: Tensor, value):
    """What to write into `input`: a number, or an array of its device.

    Raises RuntimeError if a gradient should flow to the value, TypeError if it is on another device.
    """
    check_device("an in-place edit", input, value)
    if not isinstance(value, Tensor):
        return value
    if value.requires_grad and is_grad_enabled():
        raise RuntimeError("an in-place edit with a tensor that requires grad would lose its history; use where, cat or +")
    return value.array


def _data(input: Tensor) -> Tensor:
    """The same memory without its history. Unlike PyTorch's, an edit through it is seen by `backward`."""
    return input.detach()


def _set_data(input: Tensor, value: Tensor) -> None:
    input.array = value.array
    input.watched()[0] = moment()


Tensor.data = property(_data, _set_data)


@register()
def zero_(input: Tensor) -> Tensor:
    """All 0."""
    return fill_(input, 0)


@register()
def fill_(input: Tensor, value) -> Tensor:
    """All `value`."""
    input.writable()[...] = no_history(input, value)
    return input


@register()
def copy_(input: Tensor, source: Tensor) -> Tensor:
    """The values of `source`, broadcast and converted to this dtype and device."""
    array = input.writable()
    array[...] = no_history(input, source.to(input.device))
    return input


@register()
def add_(input: Tensor, other, alpha: float = 1) -> Tensor:
    """input += alpha * other."""
    array = input.writable()
    other = no_history(input, other)
    array += other if alpha == 1 else alpha * other
    return input


@register()
def sub_(input: Tensor, other) -> Tensor:
    """input -= other."""
    return add_(input, other, alpha=-1)


@register()
def mul_(input: Tensor, other) -> Tensor:
    """input *= other."""
    array = input.writable()
    array *= no_history(input, other)
    return input


@register()
def div_(input: Tensor, other) -> Tensor:
    """input /= other."""
    array = input.writable()
    array /= no_history(input, other)
    return input


@register("clamp_", "clip_")
def clamp_(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """Held between `min` and `max`."""
    array = input.writable()
    array.clip(min, max, out=array)
    return input


@register()
def masked_fill_(input: Tensor, mask: Tensor, value: float) -> Tensor:
    """`value` where the boolean `mask` holds."""
    return copy_(input, input.detach().masked_fill(mask, value))


def _drawn(input: Tensor, values) -> Tensor:
    array = input.writable()
    array[...] = to_device(values.astype(input.dtype), device_of(array))
    return input


@register()
def uniform_(input: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Drawn evenly from [a, b)."""
    return _drawn(input, generator().uniform(a, b, input.shape))


@register()
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Drawn from the normal distribution of this mean and standard deviation."""
    return _drawn(input, generator().normal(mean, std, input.shape))
