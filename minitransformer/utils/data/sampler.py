"""Samplers: which samples come, in which order, and which of them make a batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypeAlias

import numpy

from minitransformer.ops.tensors.python import host_array
from minitransformer.randomness import drawing

Drawing: TypeAlias = numpy.random.Generator
# batches that are sorted by length together: more need less padding, fewer shuffle the samples better
WINDOW = 50
CHUNK = 1024  # numbers that are drawn at once where a sampler may give more than memory holds


class Sampler:
    """Gives the numbers of samples in an order. A subclass defines `__iter__`, and `__len__` if it knows how many there are."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define it in the class")


class SequentialSampler(Sampler):
    """All samples, in their order.

    Args:
        data_source: a dataset with a length.
    """

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Samples in a new random order each time.

    Args:
        data_source: a dataset with a length.
        replacement: whether each sample is drawn from all, so that it may come again.
        num_samples: how many; None means as many as the dataset has. Without replacement, every sample has come before one comes
            again.
        generator: where the random numbers come from; None takes the one that `manual_seed` seeds.

    Raises:
        ValueError: if the dataset is empty, or `num_samples` is not an integer from 1 on.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Drawing | None = None,
    ):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        check_count("RandomSampler", self.num_samples)

    def __iter__(self) -> Iterator[int]:
        every, source = len(self.data_source), drawing(self.generator)
        for done in range(0, self.num_samples, CHUNK if self.replacement else every):
            left = self.num_samples - done
            if self.replacement:
                yield from source.integers(every, size=min(CHUNK, left)).tolist()
            else:
                yield from source.permutation(every)[:left].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Some samples, in a new random order each time.

    Args:
        indices: the numbers of the samples.
        generator: as in `RandomSampler`.
    """

    def __init__(self, indices: Sequence[int], generator: Drawing | None = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in drawing(self.generator).permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Samples drawn with given weights.

    Args:
        weights: (N,) numbers from 0 on, one for each sample; they need not add up to 1.
        num_samples: how many are drawn.
        replacement: whether a sample may come again; if not, `num_samples` weights must be above 0.
        generator: as in `RandomSampler`.

    Raises:
        ValueError: if the weights are not such numbers, or too few are above 0.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Drawing | None = None,
    ):
        check_count("WeightedRandomSampler", num_samples)
        self.weights = numpy.asarray(host_array(weights), "float64")  # (N,)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        if self.weights.ndim != 1 or not numpy.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ValueError(
                "WeightedRandomSampler: expected a row of weights that are finite and not negative"
            )
        wanted = 1 if replacement else num_samples
        if (found := int((self.weights > 0).sum())) < wanted:
            raise ValueError(f"WeightedRandomSampler: expected {wanted} weights above 0, got {found}")

    def __iter__(self) -> Iterator[int]:
        p = self.weights / self.weights.sum()
        drawn = drawing(self.generator).choice(len(p), self.num_samples, self.replacement, p)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The numbers of another sampler, cut into lists.

    Args:
        sampler: gives the numbers of samples.
        batch_size: samples in a batch.
        drop_last: whether to leave out the last samples if they do not fill a batch.

    Raises:
        ValueError: if `batch_size` is not an integer from 1 on.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        check_count("BatchSampler", batch_size, "batch_size")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return in_batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return batch_count(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]  # TypeError without one


def in_batches(samples: Iterable[Any], batch_size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Cut what comes one after the other into lists.

    Args:
        samples: anything that can be read once.
        batch_size: the length of a list.
        drop_last: whether to leave out the last list if it is shorter.

    Yields:
        The lists.
    """
    source = iter(samples)
    while batch := list(itertools.islice(source, batch_size)):
        if len(batch) == batch_size or not drop_last:
            yield batch


def check_count(name: str, count: Any, what: str = "num_samples") -> None:
    """Raise ValueError unless a number is an integer from 1 on.

    Args:
        name: of the class, for the message.
        count: the number.
        what: its name.
    """
    if isinstance(count, bool) or not isinstance(count, (int, numpy.integer)) or count < 1:
        raise ValueError(f"{name}: expected {what} to be an integer >= 1, got {count!r}")


class LengthSampler(Sampler):
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
        check_sizes("LengthSampler", len(self.lengths), batch_size, drop_last)

    def __len__(self) -> int:
        return batch_count(len(self.lengths), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        order = drawing(None).permutation(len(self.lengths))
        windows = _cut(order, WINDOW * self.batch_size)
        order = numpy.concatenate([w[self.lengths[w].argsort(kind="stable")] for w in windows])
        batches = _cut(order, self.batch_size)[
            : len(self)
        ]  # only the last one may be smaller; drop_last leaves it out
        return (batches[i].tolist() for i in drawing(None).permutation(len(batches)))


def _cut(order: Any, size: int) -> list[Any]:
    return [order[i : i + size] for i in range(0, len(order), size)]


def batch_count(samples: int, batch_size: int, drop_last: bool) -> int:
    """The number of batches that some samples make.

    Args:
        samples: the number of samples.
        batch_size: samples in a batch.
        drop_last: whether the last samples are left out if they do not fill a batch.

    Returns:
        The number of batches.
    """
    return samples // batch_size if drop_last else -(-samples // batch_size)


def check_sizes(name: str, samples: int, batch_size: Any, drop_last: bool) -> None:
    """Raise ValueError unless the samples make at least one batch.

    Args:
        name: of the class, for the message.
        samples: the number of samples.
        batch_size: samples in a batch.
        drop_last: whether the last samples are left out if they do not fill a batch.
    """
    check_count(name, batch_size, "batch_size")
    if not samples:
        raise ValueError(f"{name}: expected at least one sample, got none")
    if drop_last and samples < batch_size:
        raise ValueError(
            f"{name}: drop_last leaves no batch, got {samples} samples and batch_size {batch_size}; take a smaller batch_size"
        )
