"""From samples to a batch: samples of one shape are stacked, sequences are padded to one length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import float64, int64, namespace
from minitransformer.errors import check_device
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.shape.joining import stack

PADDING_HINT = "to fill sequences up to the longest, use collate_fn=pad_collate"


def default_collate(batch: Sequence[Any]) -> Any:
    """Put samples of one type together into a batch, as PyTorch does.

    Args:
        batch: B samples: tensors, arrays, numbers, strings, or tuples, lists or dicts of these.

    Returns:
        For tensors and arrays (..) a tensor (B, ..); for integers an int64 tensor and for floats a float64 tensor, (B,); for
        strings `batch` itself; for tuples and lists a list of batches, one for each field; for dicts a dict of batches.

    Raises:
        RuntimeError: if the samples differ in shape or number of fields.
        TypeError: for samples of another type.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(_same_shape(batch))
    if hasattr(first, "__cuda_array_interface__"):
        return stack([Tensor(sample) for sample in _same_shape(batch)])
    if isinstance(first, (numpy.ndarray, numpy.generic)):
        return tensor(numpy.stack(_same_shape(batch)))
    if isinstance(first, (int, float)):
        return tensor(list(batch), dtype=float64 if isinstance(first, float) else None)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        return [default_collate(field) for field in _fields(batch)]
    raise TypeError(
        f"default_collate: expected tensors, arrays, numbers, strings, tuples or dicts, got {type(first).__name__}"
    )


def default_convert(data: Any) -> Any:
    """A single sample as tensors.

    Args:
        data: a tensor, an array, or tuples, lists or dicts of them.

    Returns:
        Arrays as tensors; anything else, such as numbers and strings, as it is.
    """
    if isinstance(data, (numpy.ndarray, numpy.generic)):
        return tensor(data) if data.dtype.kind in "biuf" else data
    if hasattr(data, "__cuda_array_interface__"):
        return Tensor(data)
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(item) for item in data]
    return data


def _same_shape(samples: Sequence[Any]) -> Sequence[Any]:
    shapes = list(dict.fromkeys(numpy.shape(s.array if isinstance(s, Tensor) else s) for s in samples))
    if len(shapes) > 1:
        raise RuntimeError(
            f"default_collate: expected samples of one shape, got {shapes[:5]}; {PADDING_HINT}"
        )
    return samples


def _fields(samples: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """[(a1, b1), (a2, b2), ..] -> [(a1, a2, ..), (b1, b2, ..)]."""
    counts = sorted({len(sample) for sample in samples})
    if len(counts) > 1:
        raise RuntimeError(
            f"default_collate: expected samples of one length, got {counts[:5]}; {PADDING_HINT}"
        )
    return list(zip(*samples, strict=True))


def pad_sequence(sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0) -> Tensor:
    """Put sequences of different lengths into one tensor; each is padded at its end to the longest length T.

    Args:
        sequences: B tensors, arrays or lists (T_i, *).
        batch_first: whether the batch is the first dimension of the result.
        padding_value: the number in the padding.

    Returns:
        (T, B, *), or (B, T, *) if `batch_first`, in the dtype of the first sequence. Empty lists have no dtype and do not
        count; if all are empty the result is int64.

    Raises:
        RuntimeError: if there are no sequences, or they differ in more than their length.
        TypeError: if they are on different devices.
    """
    if not len(sequences):
        raise RuntimeError("pad_sequence: expected at least one sequence, got none")
    tensors = [_sequence(s) for s in sequences]
    check_device("pad_sequence", *tensors)
    rows = [t.array for t in tensors]
    rest = sorted({row.shape[1:] for row in rows})
    if len(rest) > 1 or not all(row.ndim for row in rows):
        raise RuntimeError(
            f"pad_sequence: expected sequences that differ in nothing but length, got {[r.shape for r in rows][:5]}"
        )
    shape = (len(rows), max(map(len, rows)), *rest[0])
    dtype = next(
        (row.dtype for s, row in zip(sequences, rows, strict=True) if len(row) or hasattr(s, "dtype")), int64
    )
    padded = namespace(rows[0]).full(shape, padding_value, dtype)  # (B, T, *)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    device = next((s.device for s in sequences if isinstance(s, Tensor)), None)
    return tensor(padded if batch_first else padded.swapaxes(0, 1), device=device)


def _sequence(s: Any) -> Tensor:
    return s if isinstance(s, Tensor) else Tensor(s) if hasattr(s, "dtype") else tensor(s, device="cpu")


def pad_collate(samples: Sequence[Any], padding_value: float = 0) -> Tensor | tuple[Any, ...]:
    """Put sequences of ids, with or without labels, into a batch; for `DataLoader(collate_fn=..)`.

    Args:
        samples: B sequences of ids, or B tuples (ids, label, ..).
        padding_value: the id of padding, which is added at the end.

    Returns:
        (B, T) ids; for tuples, a tuple of the ids and of the batches of all other fields, such as labels (B,).
    """
    if not isinstance(samples[0], tuple):
        return pad_sequence(samples, True, padding_value)
    ids, *others = _fields(samples)
    return pad_sequence(ids, True, padding_value), *map(default_collate, others)
