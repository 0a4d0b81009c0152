"""New tensors: from data, filled with a value, or drawn at random."""

from __future__ import annotations

import math
from typing import Any, TypedDict, Unpack

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, DType, float32, int64, namespace
from minitransformer.defaults import default_device
from minitransformer.devices import to_device
from minitransformer.ops.convert import in_order, preserve_format
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
        raise TypeError(
            f"tensor: expected numbers in a regular shape, got {type(data).__name__} of dtype {source.dtype}"
        )
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
        raise TypeError(
            f"Tensor: expected sizes, a sequence of numbers or an array, got {what}; use tensor() or .clone()"
        )
    return tensor(data, dtype=float32).array


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


def _number(value):
    """A Python number of one that may be a 0-d tensor or NumPy's."""
    return value.item() if hasattr(value, "item") else value


def _filling(value, dtype):
    """The number of `dtype` that a fill with `value` leaves: integers wrap."""
    value = _number(value)
    return (
        numpy.array(value).astype(dtype).item()
        if dtype is not None and numpy.dtype(dtype).kind in "iu"
        else value
    )


def zeros(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 0."""
    return _placed(numpy.zeros(shape_of(size), dtype), device, requires_grad)


def ones(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All 1."""
    return _placed(numpy.ones(shape_of(size), dtype), device, requires_grad)


def empty(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Room for values to come; zeros, so that nothing depends on what was there before."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full(size, fill_value, *, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """All `fill_value`."""
    fill_value = _filling(fill_value, dtype)
    dtype = dtype or (float32 if isinstance(fill_value, float) else None)
    return _placed(numpy.full(size, fill_value, dtype), device, requires_grad)


def arange(
    start, end=None, step=1, *, dtype=None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """start, start + step, .. before `end`; with one argument, 0, 1, .. below it. int64, or float32 if any is a float."""
    start, end, step = map(_number, (0, start, step) if end is None else (start, end, step))
    dtype = numpy.dtype(
        dtype or (float32 if any(isinstance(x, float) for x in (start, end, step)) else int64)
    )
    if dtype == int64:
        start, end, step = int(start), int(end), int(step)
    if not step or not 0 <= (end - start) * step < math.inf:
        raise ValueError(f"arange: expected a step that is not 0 and leads from {start} to {end}, got {step}")
    n = math.ceil((end - start) / step)
    first, step = (start, step) if dtype.kind == "f" else (int(start), int(step))
    return _placed((first + step * numpy.arange(n)).astype(dtype), device, requires_grad)


def linspace(
    start, end, steps: int, *, dtype=float32, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """`steps` evenly spaced values from `start` to `end`, both included, each reckoned from the nearer end."""
    if steps < 0:
        raise ValueError(f"linspace: expected steps >= 0, got {steps}")
    start, end = numpy.array([_number(start), _number(end)]).astype(dtype)
    places, step = numpy.arange(steps), (float(end) - float(start)) / max(steps - 1, 1)
    values = float(start) + step * places
    values[steps // 2 :] = float(end) - step * (steps - 1 - places[steps // 2 :])
    return _placed((values if steps > 1 else values * 0 + start).astype(dtype), device, requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype=float32, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """The identity matrix."""
    return _placed(numpy.eye(n, m, dtype=dtype), device, requires_grad)


def randn(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Drawn from the normal distribution of mean 0 and variance 1."""
    return _placed(generator().standard_normal(shape_of(size)).astype(dtype), device, requires_grad)


def rand(*size, dtype=float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Drawn evenly from [0, 1)."""
    return _placed(generator().random(shape_of(size)).astype(dtype), device, requires_grad)


def randint(
    low: int, high=None, size=None, *, dtype=int64, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Integers drawn evenly from low .. high - 1; `randint(high, size)` from 0 on."""
    if size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    return _placed(generator().integers(low, high, size).astype(dtype), device, requires_grad)


def randperm(n: int, *, dtype=int64, device: str | None = None) -> Tensor:
    """0 .. n - 1 in random order."""
    return _placed(generator().permutation(n).astype(dtype), device, False)


def _like(
    name,
    input,
    *value,
    dtype=None,
    device=None,
    requires_grad: bool = False,
    memory_format: str = preserve_format,
):
    array = getattr(namespace(input.array), name)(input.array, *value, dtype=dtype)
    made = in_order(Tensor(to_device(array, device or input.device)), memory_format)
    return made.requires_grad_(requires_grad)


def zeros_like(input: Tensor, **options) -> Tensor:
    """All 0, with the shape, dtype and device of `input`; `options`: dtype, device, requires_grad, memory_format."""
    return _like("zeros_like", input, **options)


def ones_like(input: Tensor, **options) -> Tensor:
    """All 1, with the shape, dtype and device of `input`; `options` as for `zeros_like`."""
    return _like("ones_like", input, **options)


def empty_like(input: Tensor, **options) -> Tensor:
    """Room for values to come, as `empty`; `options` as for `zeros_like`."""
    return zeros_like(input, **options)


def full_like(input: Tensor, fill_value, **options) -> Tensor:
    """All `fill_value`, with the shape, dtype and device of `input`; `options` as for `zeros_like`."""
    return _like("full_like", input, _filling(fill_value, options.get("dtype") or input.dtype), **options)


def randn_like(
    input: Tensor, *, dtype=None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Normal random numbers, with the shape, dtype and device of `input`."""
    return randn(
        input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


def rand_like(input: Tensor, *, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Even random numbers in [0, 1), with the shape, dtype and device of `input`."""
    return rand(
        input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


class Like(TypedDict, total=False):
    """The options of `new_zeros` and its kin; the dtype and the device are those of the tensor if not given."""

    dtype: DType | None
    device: str | None
    requires_grad: bool


def _options(input: Tensor, given: Like) -> Like:
    """`given`, with the dtype and the device of `input` where it names none."""
    return {
        **given,
        "dtype": given.get("dtype") or input.dtype,
        "device": given.get("device") or input.device,
    }


def new_zeros(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """All 0, with the dtype and on the device of `input` unless `options` name others."""
    return zeros(*size, **_options(input, options))


def new_ones(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """All 1, with the dtype and on the device of `input` unless `options` name others."""
    return ones(*size, **_options(input, options))


def new_empty(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """Room for values to come, as `empty`, with the dtype and on the device of `input` unless `options` name others."""
    return empty(*size, **_options(input, options))


def new_full(input: Tensor, size: Any, fill_value: Any, **options: Unpack[Like]) -> Tensor:
    """All `fill_value`, with the dtype and on the device of `input` unless `options` name others."""
    return full(size, fill_value, **_options(input, options))


def new_tensor(input: Tensor, data: Any, **options: Unpack[Like]) -> Tensor:
    """A copy of `data`, with the dtype and on the device of `input` unless `options` name others."""
    return tensor(data, **_options(input, options))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False) -> Tensor:
    """Indices drawn by the weights `input`, (n,) or (rows, n), of one or of each row; without `replacement` none twice.

    Raises ValueError for weights that are negative or not finite, all 0, or fewer than are to be drawn.
    """
    if input.dtype.kind != "f":
        raise TypeError(f"multinomial: expected floating-point weights, got {input.dtype}; call .float()")
    if input.ndim not in (1, 2) or num_samples < 1:
        raise ValueError(
            f"multinomial: expected weights (n,) or (rows, n) and samples >= 1, got {input.shape}, {num_samples}"
        )
    weights = to_device(input.array, "cpu").astype("float64")
    rows = weights.reshape(-1, weights.shape[-1])
    if not (rows >= 0).all() or not (0 < rows.sum(axis=1)).all() or not (rows.sum(axis=1) < math.inf).all():
        raise ValueError("multinomial: expected finite weights >= 0 that are not all 0")
    if not replacement and num_samples > (rows > 0).sum(axis=1).min():
        raise ValueError(
            f"multinomial: {num_samples} of weights that are not 0 cannot be drawn, unless with replacement"
        )
    drawn = [generator().choice(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    return _placed(numpy.array(drawn, int64).reshape(*weights.shape[:-1], num_samples), input.device, False)


def clone(input: Tensor, *, memory_format: str = preserve_format) -> Tensor:
    """A copy that gradients flow through."""
    return in_order(input * 1.0 if input.requires_grad else Tensor(input.array.copy()), memory_format)
