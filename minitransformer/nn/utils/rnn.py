"""Sequences of different lengths in one tensor: padded at their ends, or packed without the padding.

A packed sequence holds the first vectors of all sequences, then the second ones, and so on. The sequences stand from the longest
to the shortest, so that those which still run at a step are always the first ones:

    a b c        a d f | b e | c      batch_sizes 3 2 1
    d e      ->
    f
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy

from minitransformer.autograd import Tensor
from minitransformer.ops.creation.filled import full
from minitransformer.ops.networks.padding import pad
from minitransformer.ops.order.sorting import argsort
from minitransformer.ops.shape.joining import stack, unbind


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of different lengths, packed. `pack_padded_sequence` and `pack_sequence` make one.

    Args:
        data: the vectors of all sequences, step by step, (N, ..).
        batch_sizes: how many sequences still run at each step, integers (T,) on the CPU; they never grow.
        sorted_indices: which sequence stands at each place, (B,); None if the order was not changed.
        unsorted_indices: the way back; None to find it.
    """

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        back = invert_permutation(sorted_indices) if unsorted_indices is None else unsorted_indices
        return super().__new__(cls, data, batch_sizes, sorted_indices, back)

    def with_data(self, data: Tensor) -> PackedSequence:
        """The same sequences with other vectors.

        Args:
            data: (N, ..), in the order of those here.

        Returns:
            A packed sequence.
        """
        return PackedSequence(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move the vectors to a device, or convert them.

        Args:
            *args: as for `Tensor.to`.
            **kwargs: as for `Tensor.to`.

        Returns:
            A packed sequence.
        """
        return self.with_data(self.data.to(*args, **kwargs))

    def lengths(self) -> Any:
        """The length of each sequence, from the longest to the shortest.

        Returns:
            A NumPy array of integers, (B,).
        """
        sizes = self.batch_sizes.numpy()  # (T,)
        return (sizes[:, None] > numpy.arange(sizes[0])).sum(axis=0)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one.

    Args:
        permutation: each of the numbers 0 to B - 1 once, (B,), or None.

    Returns:
        (B,), or None.
    """
    return None if permutation is None else argsort(permutation)


def _running(lengths: Any, steps: int, like: Tensor) -> Tensor:
    """Which sequences still run at each step, True or False, (T, B), where `like` lives."""
    running = numpy.arange(steps)[:, None] < numpy.asarray(lengths)
    return Tensor(running).to(like.device)


def _checked(lengths: Any, batch: int, steps: int) -> numpy.ndarray[Any, Any]:
    """Lengths as an array on the host, (B,). Raises RuntimeError if they do not fit sequences (T, B, ..)."""
    values = numpy.array(lengths.numpy() if isinstance(lengths, Tensor) else lengths, dtype="int64")
    if values.shape != (batch,):
        raise RuntimeError(f"lengths: expected one for each of {batch} sequences, got shape {values.shape}")
    if (wrong := [n for n in values.tolist() if not 0 < n <= steps]) or not batch:
        raise RuntimeError(f"lengths: expected 1 to {steps}, got {wrong[0] if wrong else 'no sequence'}")
    return values


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack sequences that are padded at their ends.

    Args:
        input: (T, B, ..).
        lengths: of the sequences, (B,), from 1 to T.
        batch_first: whether the input is (B, T, ..).
        enforce_sorted: whether the lengths must come from the longest to the shortest; if not, the sequences are sorted here.

    Returns:
        The packed sequence. Gradients reach the input, where padding gets zeros.

    Raises:
        RuntimeError: the lengths do not fit, or are not sorted where they must be.
    """
    padded = input.transpose(0, 1) if batch_first else input  # (T, B, ..)
    values = _checked(lengths, padded.shape[1], padded.shape[0])
    order = numpy.argsort(-values, kind="stable")
    if enforce_sorted and (values != values[order]).any():
        raise RuntimeError(
            f"lengths: expected the longest first, got {values.tolist()}; or pass enforce_sorted=False"
        )
    values = values[order]
    running = _running(values, int(values[0]), input)  # (T, B)
    sorted_indices = None if enforce_sorted else Tensor(order).to(input.device)
    if sorted_indices is not None:
        padded = padded.index_select(1, sorted_indices)
    data = padded[: len(running)][running]  # (N, ..), step by step
    return PackedSequence(data, running.cpu().sum(dim=1), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pad what is packed; the sequences stand in the order in which they were given.

    Args:
        sequence: the packed sequence.
        batch_first: whether the result is (B, T, ..).
        padding_value: what fills up.
        total_length: T; None means the length of the longest.

    Returns:
        (T, B, ..), and the lengths, integers (B,) on the CPU.

    Raises:
        ValueError: `total_length` is less than the longest.
    """
    lengths = sequence.lengths()
    steps = int(lengths[0]) if total_length is None else total_length
    if steps < lengths[0]:
        raise ValueError(f"total_length: expected at least the longest, {lengths[0]}, got {total_length}")
    data = sequence.data
    shape = (steps, len(lengths), *data.shape[1:])
    padded = full(shape, padding_value, dtype=data.dtype, device=data.device)
    padded[_running(lengths, steps, data)] = data  # (T, B, ..)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.numpy()]
    return padded.transpose(0, 1) if batch_first else padded, Tensor(lengths)


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths as one padded tensor.

    Args:
        sequences: (L, ..) each; a tensor counts as a list of those along its first dimension.
        batch_first: whether the result is (B, T, ..).
        padding_value: what fills up.
        padding_side: "right" pads the ends, "left" the beginnings.

    Returns:
        (T, B, ..), T the longest length.

    Raises:
        RuntimeError: there are no sequences, or `padding_side` is another word.
    """
    given = list(sequences)
    if not given or padding_side not in ("left", "right"):
        raise RuntimeError(
            f"pad_sequence: expected sequences and padding_side 'left' or 'right', got {len(given)} and {padding_side!r}"
        )
    longest = max(len(s) for s in given)
    padded = []
    for s in given:
        missing = longest - len(s)
        ends = (0, missing) if padding_side == "right" else (missing, 0)
        padded.append(pad(s, (0, 0) * (s.ndim - 1) + ends, value=padding_value))
    return stack(padded, 1 - batch_first)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences without the padding at their ends.

    Args:
        padded_sequences: (T, B, ..).
        lengths: of the sequences, (B,).
        batch_first: whether the input is (B, T, ..).

    Returns:
        (L, ..) each.
    """
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    sequences = unbind(padded_sequences, 0 if batch_first else 1)
    return [s[:n] for s, n in zip(sequences, sizes, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Args:
        sequences: (L, ..) each, L at least 1.
        enforce_sorted: as in `pack_padded_sequence`.

    Returns:
        The packed sequence.

    Raises:
        RuntimeError: a sequence is empty, or they are not sorted where they must be.
    """
    return pack_padded_sequence(
        pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted
    )


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in the order in which they were given.

    Args:
        packed_sequences: the packed sequence.

    Returns:
        (L, ..) each.
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences))
