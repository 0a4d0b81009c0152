"""New tensors: from data, filled with a value, or drawn at random."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, float32, int64, namespace
from minitransformer.defaults import default_device
from minitransformer.devices import to_device
from minitransformer.ops.laws import register
from minitransformer.ops.shape import shape_of
from minitransformer.randomness import generator


def tensor(data, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: a number, nested lists, an array, another tensor.

    Arrays keep their dtype; Python floats become float32 and integers int64. Goes to `device`, or to the default one.

    >>> tensor([[1, 2], [3, 4]]).dtype, tensor(0.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    source = data.array if isinstance(data, Tensor) else data
    if not hasattr(source, "dtype"):
        source = numpy.array(_plain_numbers(source))
        dtype = dtype or (float32 if source.dtype.kind == "f" else None)
    if source.dtype.kind not in "biuf":
        raise TypeError(f"tensor: expected numbers in a regular shape, got {type(data).__name__} of dtype {source.dtype}")
    array = source.astype(dtype or source.dtype, copy=True)
    return Tensor(to_device(array, device or default_device()), requires_grad=requires_grad)


def _plain_numbers(data):
    """Nested sequences of numbers, in which tensors may stand for numbers or rows."""
    if isinstance(data, Tensor):
        return data.tolist()
    return [_plain_numbers(item) for item in data] if isinstance(data, (list, tuple)) else data


def laid_out(data, *sizes) -> Array:
    """What `Tensor(data)` holds: sequences of numbers as float32, as in PyTorch; `Tensor(2, 3)` is room of that shape.

    A NumPy number keeps its dtype, a tensor its memory. Raises TypeError for one number, which could be meant as either.
    """
    if isinstance(data, numpy.generic) and not sizes:
        return numpy.asarray(data)
    if isinstance(data, Tensor) and not sizes and not data.requires_grad:
        return data.array
    if all(type(n) is int for n in (data, *sizes)):
        return zeros(data, *sizes).array
    if sizes or not hasattr(data, "__len__") or isinstance(data, (str, Tensor)):
        what = ", ".join(map(repr, (data, *sizes)))
        raise TypeError(f"Tensor: expected sizes, a sequence of numbers or an array, got {what}; use tensor() or .clone()")
    return tensor(data, dtype=float32).array


Tensor.laid_out = staticmethod(laid_out)


def from_numpy(array: numpy.ndarray) -> Tensor:
    """A CPU tensor on the same memory as `array`."""
    return Tensor(array)


def as_tensor(data, dtype=None, device: str | None = None) -> Tensor:
    """`data` as a tensor, copied only if it must be."""
    if not isinstance(data, Tensor):
        data = Tensor(data) if isinstance(data, numpy.ndarray) else tensor(data)
    return data.to(*[t for t in (dtype, device) if t is not None])


def _placed(array: numpy.ndarray, device: str | None, requires_grad: bool) -> Tensor:
    return Tensor(to_device(array, device or default_device()), requires_grad=requires_grad)


def zeros(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 0."""
    return _placed(numpy.zeros(shape_of(size), dtype), device, requires_grad)


def ones(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 1."""
    return _placed(numpy.ones(shape_of(size), dtype), device, requires_grad)


def empty(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Room for values to come; zeros, so that nothing depends on what was there before."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full(size, fill_value, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All `fill_value`."""
    dtype = dtype or (float32 if isinstance(fill_value, float) else None)
    return _placed(numpy.full(size, fill_value, dtype), device, requires_grad)


def arange(start, end=None, step=1, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """start, start + step, .. below `end`; with one argument, 0, 1, .. below it. int64, or float32 if any is a float."""
    start, end = (0, start) if end is None else (start, end)
    if not step:
        raise ValueError("arange: expected a step that is not 0")
    dtype = dtype or (float32 if any(isinstance(x, float) for x in (start, end, step)) else int64)
    return _placed(numpy.arange(start, end, step).astype(dtype), device, requires_grad)


def linspace(start, end, steps: int, dtype=float32, device: str | None = None) -> Tensor:
    """`steps` evenly spaced values from `start` to `end`, both included."""
    return _placed(numpy.linspace(start, end, steps).astype(dtype), device, False)


def eye(n: int, m: int | None = None, dtype=float32, device: str | None = None) -> Tensor:
    """The identity matrix."""
    return _placed(numpy.eye(n, m, dtype=dtype), device, False)


def randn(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Drawn from the normal distribution of mean 0 and variance 1."""
    return _placed(generator().standard_normal(shape_of(size)).astype(dtype), device, requires_grad)


def rand(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Drawn evenly from [0, 1)."""
    return _placed(generator().random(shape_of(size)).astype(dtype), device, requires_grad)


def randint(low: int, high: int, size, device: str | None = None) -> Tensor:
    """Integers drawn evenly from low .. high - 1."""
    return _placed(generator().integers(low, high, size), device, False)


def randperm(n: int, device: str | None = None) -> Tensor:
    """0 .. n - 1 in random order."""
    return _placed(generator().permutation(n), device, False)


def zeros_like(input: Tensor, dtype=None) -> Tensor:
    """All 0, with the shape, dtype and device of `input`."""
    return Tensor(namespace(input.array).zeros_like(input.array, dtype=dtype))


def ones_like(input: Tensor, dtype=None) -> Tensor:
    """All 1, with the shape, dtype and device of `input`."""
    return Tensor(namespace(input.array).ones_like(input.array, dtype=dtype))


def full_like(input: Tensor, fill_value, dtype=None) -> Tensor:
    """All `fill_value`, with the shape, dtype and device of `input`."""
    return Tensor(namespace(input.array).full_like(input.array, fill_value, dtype=dtype))


def randn_like(input: Tensor) -> Tensor:
    """Normal random numbers, with the shape, dtype and device of `input`."""
    return randn(input.shape, dtype=input.dtype, device=input.device)


def rand_like(input: Tensor) -> Tensor:
    """Even random numbers in [0, 1), with the shape, dtype and device of `input`."""
    return rand(input.shape, dtype=input.dtype, device=input.device)


@register()
def clone(input: Tensor) -> Tensor:
    """A copy that gradients flow through."""
    return input * 1.0 if input.requires_grad else Tensor(input.array.copy())
