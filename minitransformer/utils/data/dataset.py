"""Datasets: numbered samples, samples that come one after the other, and parts and sums of them."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.randomness import drawing
from minitransformer.utils.data.sampler import Drawing


class Dataset:
    """Numbered samples. A subclass defines `__getitem__` and `__len__`; a list is a dataset too.

    The sum of two datasets is a `ConcatDataset`.
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no __getitem__, so sample {index} is undefined: define it in the class"
        )

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples without numbers, which come in their own order. A subclass defines `__iter__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define it in the class")


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


class Subset(Dataset):
    """Some samples of a dataset.

    Args:
        dataset: the dataset.
        indices: the numbers of the samples, in their new order.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """Datasets one after the other.

    Args:
        datasets: one or more, each with a length.

    Raises:
        ValueError: if there is none.
        TypeError: if one has no numbered samples.
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset, got none")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise TypeError(
                "ConcatDataset: expected numbered samples, got an IterableDataset; use itertools.chain"
            )
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: expected a number below {len(self)}, got {index}")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - ([0, *self.cumulative_sizes][which])]


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Drawing | None = None
) -> list[Subset]:
    """Deal the samples of a dataset out at random.

    Args:
        dataset: a dataset with a length.
        lengths: the number of samples in each part, which add up to all; or fractions that add up to 1, whose remainders go to
            the first parts, one each.
        generator: where the random numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        A `Subset` for each length.

    Raises:
        ValueError: if the lengths do not add up.
    """
    counts = _counts(lengths, len(dataset))
    if sum(counts) != len(dataset) or min(counts, default=0) < 0:
        raise ValueError(f"random_split: expected lengths that add up to {len(dataset)}, got {list(lengths)}")
    order = drawing(generator).permutation(len(dataset)).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends, strict=True)]


def _counts(lengths: Sequence[int | float], samples: int) -> list[int]:
    """The lengths as numbers of samples."""
    if not math.isclose(sum(lengths), 1):
        return [int(n) for n in lengths]
    counts = [math.floor(samples * fraction) for fraction in lengths]
    left = samples - sum(counts)
    return [n + (i < left) for i, n in enumerate(counts)]
