"""Data for training: datasets of numbered samples, and loaders that shuffle them anew each epoch and collate them into batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import float64, int64, namespace
from minitransformer.errors import check_device
from minitransformer.ops.creation import tensor
from minitransformer.ops.shape import stack
from minitransformer.randomness import generator

# batches that are sorted by length together: more need less padding, fewer shuffle the samples better
WINDOW = 50
PADDING_HINT = "to fill sequences up to the longest, use collate_fn=pad_collate"


class Dataset:
    """Numbered samples. A subclass defines `__getitem__` and `__len__`; a list is a dataset too."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no __getitem__, so sample {index} is undefined: define it in the class"
        )


class TensorDataset(Dataset):
    """A dataset whose sample i is the tuple of the i-th rows of some tensors.

    Args:
        *tensors: (N, ..) each.

    Raises:
        ValueError: if there is none, or they differ in their number of rows.
    """

    def __init__(self, *tensors: Tensor):
        if not tensors or len({len(t) for t in tensors}) > 1:
            raise ValueError(
                f"TensorDataset: expected tensors of one first size, got shapes {[t.shape for t in tensors]}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


# ---- from samples to a batch ----


def default_collate(samples: Sequence[Any]) -> Any:
    """Put samples of one type together into a batch, as PyTorch does.

    Args:
        samples: B samples: tensors, arrays, numbers, strings, or tuples, lists or dicts of these.

    Returns:
        For tensors and arrays (..) a tensor (B, ..); for integers an int64 tensor and for floats a float64 tensor, (B,); for
        strings `samples` itself; for tuples and lists a list of batches, one for each field; for dicts a dict of batches.

    Raises:
        RuntimeError: if the samples differ in shape or number of fields.
        TypeError: for samples of another type.
    """
    first = samples[0]
    if isinstance(first, Tensor):
        return stack(_same_shape(samples))
    if isinstance(first, (numpy.ndarray, numpy.generic)):
        return tensor(numpy.stack(_same_shape(samples)))
    if isinstance(first, (int, float)):
        return tensor(list(samples), dtype=float64 if isinstance(first, float) else None)
    if isinstance(first, (str, bytes)):
        return samples
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, Sequence):
        return [default_collate(field) for field in _fields(samples)]
    raise TypeError(
        f"default_collate: expected tensors, arrays, numbers, strings, tuples or dicts, got {type(first).__name__}"
    )


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


# ---- which samples, in which order ----


class LengthSampler:
    """Batches of samples of similar length, which need little padding, in another random order each epoch.

    The samples are shuffled, then sorted by length within windows of 50 batches; then the batches are shuffled. An epoch holds
    each sample once.

    Args:
        lengths: the length of each sample.
        batch_size: samples in a batch.
        drop_last: whether to leave out the last samples if they do not fill a batch.

    Raises:
        ValueError: if there is no sample, or no batch is left.
    """

    def __init__(self, lengths: Iterable[int], batch_size: int, drop_last: bool = False):
        self.lengths = numpy.array(list(lengths), dtype=int)  # (N,)
        self.batch_size, self.drop_last = batch_size, drop_last
        _check_sizes("LengthSampler", len(self.lengths), batch_size, drop_last)

    def __len__(self) -> int:
        return _count(len(self.lengths), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        order = generator().permutation(len(self.lengths))
        windows = _cut(order, WINDOW * self.batch_size)
        order = numpy.concatenate([w[self.lengths[w].argsort(kind="stable")] for w in windows])
        batches = _cut(order, self.batch_size)[
            : len(self)
        ]  # only the last one may be smaller; drop_last leaves it out
        return (batches[i].tolist() for i in generator().permutation(len(batches)))


def _cut(order: numpy.ndarray, size: int) -> list[numpy.ndarray]:
    return [order[i : i + size] for i in range(0, len(order), size)]


def _count(samples: int, batch_size: int, drop_last: bool) -> int:
    return samples // batch_size if drop_last else -(-samples // batch_size)


def _check_sizes(name: str, samples: int, batch_size: int, drop_last: bool) -> None:
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, numpy.integer)) or batch_size < 1:
        raise ValueError(f"{name}: expected batch_size to be an integer >= 1, got {batch_size!r}")
    if not samples:
        raise ValueError(f"{name}: expected at least one sample, got none")
    if drop_last and samples < batch_size:
        raise ValueError(
            f"{name}: drop_last leaves no batch, got {samples} samples and batch_size {batch_size}; take a smaller batch_size"
        )


class Epoch:
    """The batches of one pass over the data, and how many of them have been given out.

    Args:
        batches: a list of sample numbers for each batch.
        given: the number of batches that have been given out.
    """

    def __init__(self, batches: list[list[int]], given: int = 0):
        self.batches, self.given = batches, given

    def __iter__(self) -> Iterator[list[int]]:
        while self.given < len(self.batches):
            self.given += (
                1  # before the yield: a state taken while this batch is in use counts it as given out
            )
            yield self.batches[self.given - 1]


class DataLoader:
    """Iterates over a dataset in batches; each iteration is one epoch.

    Random numbers come from the generator that `manual_seed` seeds. `state_dict` holds the position in the latest epoch: a
    loader that loads it continues with the next batch.

    Args:
        dataset: a `Dataset`, or anything with `__getitem__` and `__len__`.
        batch_size: samples in a batch.
        shuffle: whether the samples are in a new random order each epoch.
        batch_sampler: an iterable of lists of sample numbers, instead of `batch_size`, `shuffle` and `drop_last`.
        collate_fn: makes a batch from a list of samples; None takes `default_collate`.
        drop_last: whether to leave out the last samples if they do not fill a batch.

    Raises:
        ValueError: if arguments contradict each other, or there is no batch.
        TypeError: if the dataset has no length.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        collate_fn: Callable[..., Any] | None = None,
        drop_last: bool = False,
    ):
        if not hasattr(dataset, "__len__"):
            raise TypeError(
                f"DataLoader: expected a dataset with a length, got {type(dataset).__name__}; give it __len__"
            )
        if batch_sampler is not None and (batch_size != 1 or shuffle or drop_last):
            raise ValueError(
                "DataLoader: expected a batch_sampler alone, got batch_size, shuffle or drop_last beside it; leave them out"
            )
        _check_sizes("DataLoader", len(dataset), batch_size, drop_last)
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or default_collate
        self._epoch = Epoch([])
        self._loaded = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]  # TypeError if it has no length
        return _count(len(self.dataset), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        if not self._loaded:
            self._epoch = Epoch(self._draw())
        self._loaded = False
        return (self.collate_fn([self.dataset[i] for i in batch]) for batch in self._epoch)

    def _draw(self) -> list[list[int]]:
        """The batches of a new epoch."""
        if self.batch_sampler is None:
            n = len(self.dataset)
            order = generator().permutation(n) if self.shuffle else numpy.arange(n)
            return [batch.tolist() for batch in _cut(order, self.batch_size)[: len(self)]]
        batches = [list(batch) for batch in self.batch_sampler]
        if not batches:
            raise ValueError(
                "DataLoader: the batch_sampler gave no batch; expected a list, or what can be read more than once"
            )
        return batches

    def state_dict(self) -> dict[str, Any]:
        """The position in the latest epoch.

        Returns:
            The sample numbers of the epoch in order, the sizes of its batches, the number of batches given out, and the size
            of the dataset.
        """
        batches = self._epoch.batches
        return {
            "order": numpy.array([i for batch in batches for i in batch], dtype=numpy.int64),
            "sizes": numpy.array([len(batch) for batch in batches], dtype=numpy.int64),
            "given": self._epoch.given,
            "samples": len(self.dataset),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration continue from a state; a state at the end of an epoch is followed by a new epoch.

        Args:
            state: from `state_dict`.

        Raises:
            ValueError: if it is from a dataset of another size, or damaged.
        """
        if state["samples"] != len(self.dataset):
            raise ValueError(
                f"DataLoader: the state is of {state['samples']} samples, the dataset has {len(self.dataset)}"
            )
        batches = _batches_of(state["order"].tolist(), state["sizes"].tolist(), len(self.dataset))
        if not 0 <= state["given"] <= len(batches):
            raise ValueError(
                f"DataLoader: expected at most {len(batches)} batches given out, got {state['given']}"
            )
        self._epoch = Epoch(batches, state["given"])
        self._loaded = self._epoch.given < len(batches)


def _batches_of(order: list[int], sizes: list[int], samples: int) -> list[list[int]]:
    """The sample numbers in `order`, cut into batches of these sizes. Raises ValueError unless they fit."""
    if min(sizes, default=1) < 1 or sum(sizes) != len(order) or not set(order) <= set(range(samples)):
        raise ValueError(f"DataLoader: expected the state to name samples 0 to {samples - 1}, in batches")
    ends = itertools.accumulate(sizes)
    return [order[end - size : end] for size, end in zip(sizes, ends, strict=True)]
