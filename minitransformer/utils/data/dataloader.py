"""The loader: a dataset in batches, epoch after epoch, which can stop between two batches and go on with the next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy

from minitransformer.utils.data.collate import default_collate, default_convert
from minitransformer.utils.data.dataset import IterableDataset
from minitransformer.utils.data.sampler import (
    BatchSampler,
    Drawing,
    RandomSampler,
    SequentialSampler,
    check_sizes,
    in_batches,
)


class Epoch:
    """The batches of one pass over the data, and how many of them have been given out.

    Args:
        batches: a list of sample numbers for each batch; an iterator of them, if the pass cannot be continued from a state.
        given: the number of batches that have been given out.
    """

    def __init__(self, batches: Iterable[Any], given: int = 0):
        self.batches, self.given = batches, given

    def __iter__(self) -> Iterator[Any]:
        for batch in itertools.islice(self.batches, self.given, None):
            self.given += (
                1  # before the yield: a state taken while this batch is in use counts it as given out
            )
            yield batch


def get_worker_info() -> None:
    """The worker that makes the batches, of which an `IterableDataset` may ask.

    Returns:
        None, as in PyTorch outside of a worker: there are none.
    """


class DataLoader:
    """Iterates over a dataset in batches; each iteration is one epoch.

    Random numbers come from the generator that `manual_seed` seeds, unless one is given. `state_dict` holds the position in the
    latest epoch: a loader that loads it continues with the next batch.

    Batches are made where they are asked for, by the process that iterates. The arguments by which PyTorch arranges workers and
    pinned memory are accepted and have no effect: `num_workers`, `pin_memory`, `timeout`, `worker_init_fn`,
    `multiprocessing_context`, `prefetch_factor`, `persistent_workers`, `pin_memory_device`, `in_order`.

    Args:
        dataset: a `Dataset`, or anything with `__getitem__` and `__len__`; or an `IterableDataset`.
        batch_size: samples in a batch; None gives single samples, without a dimension for the batch.
        shuffle: whether the samples are in a new random order each epoch.
        sampler: an iterable of sample numbers, instead of `shuffle`.
        batch_sampler: an iterable of lists of sample numbers, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: see above.
        collate_fn: makes a batch from a list of samples; None takes `default_collate`, or `default_convert` for single samples.
        pin_memory: see above.
        drop_last: whether to leave out the last samples if they do not fill a batch.
        timeout: see above.
        worker_init_fn: see above.
        multiprocessing_context: see above.
        generator: where the random numbers of `shuffle` come from.
        prefetch_factor: see above.
        persistent_workers: see above.
        pin_memory_device: see above.
        in_order: see above.

    Raises:
        ValueError: if arguments contradict each other, or there is no batch.
        TypeError: if the dataset has no length and is no `IterableDataset`.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[..., Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Drawing | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_workers, self.pin_memory, self.generator = num_workers, pin_memory, generator
        self._check(bool(shuffle), sampler, batch_sampler)
        streamed = isinstance(dataset, IterableDataset)
        if sampler is None and not streamed:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler = sampler
        if batch_sampler is None and not streamed and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]  # not None
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if self._single else default_collate)
        self._epoch = Epoch([])
        self._loaded = False

    def _check(self, shuffle: bool, sampler: Any, batch_sampler: Any) -> None:
        """Raise ValueError for arguments that contradict each other, TypeError for a dataset without a length."""
        size, drop_last = self.batch_size, self.drop_last
        if isinstance(self.dataset, IterableDataset):
            if shuffle or sampler is not None or batch_sampler is not None:
                raise ValueError(
                    "DataLoader: an IterableDataset decides the order itself; leave shuffle and samplers out"
                )
            check_sizes("DataLoader", 1, 1 if size is None else size, False)
            return
        if not hasattr(self.dataset, "__len__"):
            what = f"expected a dataset with a length, got {type(self.dataset).__name__}"
            raise TypeError(f"DataLoader: {what}; give it __len__, or make it an IterableDataset")
        if batch_sampler is not None and (size != 1 or shuffle or drop_last or sampler is not None):
            what = "expected a batch_sampler alone, got batch_size, shuffle, sampler or drop_last beside it"
            raise ValueError(f"DataLoader: {what}; leave them out")
        if sampler is not None and shuffle:
            raise ValueError(
                "DataLoader: expected a sampler or shuffle, got both; a sampler decides the order itself"
            )
        if size is None and drop_last:
            raise ValueError("DataLoader: drop_last needs a batch_size, got None")
        samples = len(sampler) if hasattr(sampler, "__len__") else len(self.dataset)
        check_sizes("DataLoader", samples, 1 if size is None else size, drop_last)

    @property
    def _single(self) -> bool:
        """Whether single samples are given, not batches."""
        return self.batch_size is None and self.batch_sampler is None

    @property
    def _source(self) -> Any:
        """What decides on the order: numbers of single samples, or of those of a batch."""
        return self.sampler if self._single else self.batch_sampler

    def __len__(self) -> int:
        """The number of batches in an epoch. TypeError if what decides on it has no length."""
        if isinstance(self.dataset, IterableDataset):
            return len(BatchSampler(self.dataset, self.batch_size or 1, self.drop_last))
        return len(self._source)

    def __iter__(self) -> Iterator[Any]:
        if not self._loaded:
            self._epoch = Epoch(self._draw())
        self._loaded = False
        return map(self._collated, self._epoch)

    def _collated(self, batch: list[Any]) -> Any:
        """A batch, of the numbers of its samples; of an `IterableDataset`, of the samples themselves."""
        streamed = isinstance(self.dataset, IterableDataset)
        samples = batch if streamed else [self.dataset[i] for i in batch]
        return self.collate_fn(samples[0] if self._single else samples)

    def _draw(self) -> Iterable[list[Any]]:
        """The batches of a new epoch: a list, or an iterator if they may be more than the dataset has samples."""
        if isinstance(self.dataset, IterableDataset):
            return in_batches(self.dataset, self.batch_size or 1, self.drop_last)
        batches = _some([i] if self._single else list(i) for i in self._source)
        known = len(self._source) if hasattr(self._source, "__len__") else math.inf
        return list(batches) if known <= len(self.dataset) else batches

    def state_dict(self) -> dict[str, Any]:
        """The position in the latest epoch.

        Returns:
            The sample numbers of the epoch in order, the sizes of its batches, the number of batches given out, and the size
            of the dataset.

        Raises:
            ValueError: if there is no such state: the samples have no numbers, or may be more than the dataset has.
        """
        batches = self._batches()
        return {
            "order": numpy.array([i for batch in batches for i in batch], dtype=numpy.int64),
            "sizes": numpy.array([len(batch) for batch in batches], dtype=numpy.int64),
            "given": self._epoch.given,
            "samples": len(self.dataset),
        }

    def _batches(self) -> list[list[int]]:
        """The numbers of all samples of the latest epoch."""
        if not isinstance(self._epoch.batches, list):
            what = "a state holds the order of an epoch; this one comes from an IterableDataset or an endless sampler"
            raise ValueError(f"DataLoader: {what}, so there is none")
        return self._epoch.batches

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


def _some(batches: Iterator[list[int]]) -> Iterator[list[int]]:
    """The batches. Raises ValueError if there is none."""
    first = next(batches, None)
    if first is None:
        what = (
            "the batch_sampler or sampler gave no batch; expected a list, or what can be read more than once"
        )
        raise ValueError(f"DataLoader: {what}")
    yield first
    yield from batches


def _batches_of(order: list[int], sizes: list[int], samples: int) -> list[list[int]]:
    """The sample numbers in `order`, cut into batches of these sizes. Raises ValueError unless they fit."""
    if min(sizes, default=1) < 1 or sum(sizes) != len(order) or not set(order) <= set(range(samples)):
        raise ValueError(f"DataLoader: expected the state to name samples 0 to {samples - 1}, in batches")
    ends = itertools.accumulate(sizes)
    return [order[end - size : end] for size, end in zip(sizes, ends, strict=True)]
