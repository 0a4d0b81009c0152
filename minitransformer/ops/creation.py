"""New tensors: from data, filled with a value, or drawn at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, DType, float32, int64, namespace
from minitransformer.defaults import default_device
from minitransformer.devices import to_device
from minitransformer.ops.convert import in_order, preserve_format
from minitransformer.ops.shape import shape_of
from minitransformer.randomness import generator


def tensor(
    data: Any, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of data.

    Args:
        data: a number, nested lists of numbers, an array or another tensor.
        dtype: the dtype; None keeps that of an array, makes Python floats float32 and integers int64.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A tensor of the shape of `data`.

    Raises:
        TypeError: `data` is not made of numbers, or its shape is irregular.

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


def _plain_numbers(data: Any) -> Any:
    """Nested sequences of numbers, in which tensors may stand for numbers or rows."""
    if isinstance(data, Tensor):
        return data.tolist()
    return [_plain_numbers(item) for item in data] if isinstance(data, (list, tuple)) else data


def laid_out(data: Any, *sizes: int) -> Array:
    """The array that `Tensor(data)` or `Tensor(2, 3)` holds, as in PyTorch.

    Args:
        data: a sequence of numbers, which becomes float32; a NumPy number, which keeps its dtype; a tensor, which shares its
            memory; or the first of the sizes.
        *sizes: the other sizes of a tensor of zeros.

    Returns:
        The array.

    Raises:
        TypeError: one number, which could mean a value or a size; or anything else.
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
    """A tensor on the CPU that shares the memory of a NumPy array.

    Args:
        array: the array.

    Returns:
        A tensor of its shape and dtype.
    """
    return Tensor(array)


def as_tensor(data: Any, dtype: DType | None = None, device: str | None = None) -> Tensor:
    """Data as a tensor, copied only where the dtype or the device must change.

    Args:
        data: a tensor, an array, a number or nested lists.
        dtype: the dtype; None keeps it as `tensor` does.
        device: "cpu", "cuda" or "cuda:N"; None means where the data are.

    Returns:
        A tensor of the shape of `data`.
    """
    source = Tensor(data) if isinstance(data, numpy.ndarray) else data
    made = source if isinstance(source, Tensor) else tensor(source)
    return made.to(*[t for t in (dtype, device) if t is not None])


def _placed(array: numpy.ndarray, device: str | None, requires_grad: bool) -> Tensor:
    return Tensor(to_device(array, device or default_device()), requires_grad=requires_grad)


def _number(value: Any) -> Any:
    """A Python number of one that may be a 0-d tensor or NumPy's."""
    return value.item() if hasattr(value, "item") else value


def _filling(value: Any, dtype: DType | None) -> Any:
    """The number of `dtype` that a fill with `value` leaves: integers wrap."""
    value = _number(value)
    return (
        numpy.array(value).astype(dtype).item()
        if dtype is not None and numpy.dtype(dtype).kind in "iu"
        else value
    )


def zeros(
    *size: int | Sequence[int],
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros.

    Args:
        *size: the sizes, one by one or as one tuple.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return _placed(numpy.zeros(shape_of(size), dtype), device, requires_grad)


def ones(
    *size: int | Sequence[int],
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones.

    Args:
        *size: the sizes, one by one or as one tuple.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return _placed(numpy.ones(shape_of(size), dtype), device, requires_grad)


def empty(
    *size: int | Sequence[int],
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose values are to be written later; it starts with zeros, so that results can be repeated.

    Args:
        *size: the sizes, one by one or as one tuple.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full(
    size: int | Sequence[int],
    fill_value: Tensor | float,
    *,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with one value everywhere.

    Args:
        size: the sizes, as one tuple.
        fill_value: a number, or a 0-d tensor.
        dtype: the dtype; float32 for a float, int64 for an int, bool for a bool unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    fill_value = _filling(fill_value, dtype)
    dtype = dtype or (float32 if isinstance(fill_value, float) else None)
    return _placed(numpy.full(size, fill_value, dtype), device, requires_grad)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers start, start + step, .. below `end`.

    Args:
        start: the first number; if `end` is None, the end, and the first number is 0.
        end: the end, which is not included.
        step: the difference of neighbours; negative counts down.
        dtype: the dtype; float32 if an argument is a float, else int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A tensor of one dimension.

    Raises:
        ValueError: the step is 0, or leads away from `end`.
    """
    start, end, step = map(_number, (0, start, step) if end is None else (start, end, step))
    dtype = numpy.dtype(
        dtype or (float32 if any(isinstance(x, float) for x in (start, end, step)) else int64)
    )
    if dtype == int64:
        start = int(start)
        end = int(end)
        step = int(step)
    if not step or not 0 <= (end - start) * step < math.inf:
        raise ValueError(f"arange: expected a step that is not 0 and leads from {start} to {end}, got {step}")
    n = math.ceil((end - start) / step)
    first, step = (start, step) if dtype.kind == "f" else (int(start), int(step))
    return _placed((first + step * numpy.arange(n)).astype(dtype), device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Evenly spaced numbers from `start` to `end`, both included.

    Args:
        start: the first number.
        end: the last number.
        steps: how many numbers.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        (steps,).

    Raises:
        ValueError: `steps` is negative.
    """
    if steps < 0:
        raise ValueError(f"linspace: expected steps >= 0, got {steps}")
    start, end = numpy.array([_number(start), _number(end)]).astype(dtype)
    places = numpy.arange(steps)
    step = (float(end) - float(start)) / max(steps - 1, 1)
    values = float(start) + step * places
    values[steps // 2 :] = float(end) - step * (steps - 1 - places[steps // 2 :])
    return _placed((values if steps > 1 else values * 0 + start).astype(dtype), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere.

    Args:
        n: the number of rows.
        m: the number of columns; None means `n`.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        (n, m).
    """
    return _placed(numpy.eye(n, m, dtype=dtype), device, requires_grad)


def randn(
    *size: int | Sequence[int],
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution.

    Args:
        *size: the sizes, one by one or as one tuple.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return _placed(generator().standard_normal(shape_of(size)).astype(dtype), device, requires_grad)


def rand(
    *size: int | Sequence[int],
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the uniform distribution over [0, 1).

    Args:
        *size: the sizes, one by one or as one tuple.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return _placed(generator().random(shape_of(size)).astype(dtype), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    dtype: DType | None = int64,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers from the uniform distribution over low .. high - 1.

    Args:
        low: the smallest integer; in the form `randint(high, size)` it is 0.
        high: one more than the largest integer.
        size: the sizes, as one tuple.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    if size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    return _placed(generator().integers(low, high, size).astype(dtype), device, requires_grad)


def randperm(n: int, *, dtype: DType | None = int64, device: str | None = None) -> Tensor:
    """The integers 0 .. n - 1 in random order.

    Args:
        n: how many.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.

    Returns:
        (n,).
    """
    return _placed(generator().permutation(n).astype(dtype), device, False)


def _like(
    name: str,
    input: Tensor,
    *value: Any,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
    memory_format: str = preserve_format,
) -> Tensor:
    array = getattr(namespace(input.array), name)(input.array, *value, dtype=dtype)
    made = in_order(Tensor(to_device(array, device or input.device)), memory_format)
    return made.requires_grad_(requires_grad)


def zeros_like(input: Tensor, **options: Any) -> Tensor:
    """Zeros in the shape of another tensor.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("zeros_like", input, **options)


def ones_like(input: Tensor, **options: Any) -> Tensor:
    """Ones in the shape of another tensor.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("ones_like", input, **options)


def empty_like(input: Tensor, **options: Any) -> Tensor:
    """A tensor in the shape of another, whose values are to be written later: see `empty`.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return zeros_like(input, **options)


def full_like(input: Tensor, fill_value: Tensor | float, **options: Any) -> Tensor:
    """One value everywhere, in the shape of another tensor.

    Args:
        input: gives the shape.
        fill_value: a number, or a 0-d tensor.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("full_like", input, _filling(fill_value, options.get("dtype") or input.dtype), **options)


def randn_like(
    input: Tensor, *, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the standard normal distribution, in the shape of another tensor.

    Args:
        input: gives the shape.
        dtype: the dtype; None means that of `input`.
        device: None means that of `input`.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return randn(
        input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


def rand_like(
    input: Tensor, *, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the uniform distribution over [0, 1), in the shape of another tensor.

    Args:
        input: gives the shape.
        dtype: the dtype; None means that of `input`.
        device: None means that of `input`.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
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
    """Zeros, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return zeros(*size, **_options(input, options))


def new_ones(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """Ones, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return ones(*size, **_options(input, options))


def new_empty(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """A tensor whose values are to be written later, of the dtype and on the device of another.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return empty(*size, **_options(input, options))


def new_full(input: Tensor, size: Any, fill_value: Any, **options: Unpack[Like]) -> Tensor:
    """One value everywhere, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        size: the sizes, as one tuple.
        fill_value: a number, or a 0-d tensor.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return full(size, fill_value, **_options(input, options))


def new_tensor(input: Tensor, data: Any, **options: Unpack[Like]) -> Tensor:
    """A copy of data, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        data: as for `tensor`.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return tensor(data, **_options(input, options))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False) -> Tensor:
    """Random indices, each drawn with a probability proportional to its weight.

    Args:
        input: the weights, (n,) or (rows, n), floating-point, at least 0; they need not sum to 1.
        num_samples: how many indices for each row.
        replacement: whether an index may be drawn more than once.

    Returns:
        int64, (num_samples,) or (rows, num_samples).

    Raises:
        TypeError: the weights are not floating-point.
        ValueError: weights are negative, not finite, all 0, fewer than are to be drawn, or more than 2^24, PyTorch's limit.
    """
    if input.dtype.kind != "f":
        raise TypeError(f"multinomial: expected floating-point weights, got {input.dtype}; call .float()")
    if input.ndim not in (1, 2) or num_samples < 1:
        raise ValueError(
            f"multinomial: expected weights (n,) or (rows, n) and samples >= 1, got {input.shape}, {num_samples}"
        )
    if input.shape[-1] > 2**24:
        raise ValueError(f"multinomial: expected at most 2^24 weights in a row, got {input.shape[-1]:,}")
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
    """A copy with memory of its own, through which gradients flow.

    Args:
        input: any tensor.
        memory_format: the order of the copy in memory.

    Returns:
        The same shape and dtype.
    """
    return in_order(input * 1.0 if input.requires_grad else Tensor(input.array.copy()), memory_format)
