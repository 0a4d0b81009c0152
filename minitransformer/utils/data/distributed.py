"""The sampler of one rank of several."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import numpy

from minitransformer.collectives import world
from minitransformer.utils.data.sampler import Sampler


class DistributedSampler(Sampler):
    """Every W-th sample of an order that all W ranks share. All ranks get equally many.

    Args:
        dataset: a dataset with a length.
        num_replicas: W; None means the number of ranks.
        rank: which of them; None means this one.
        shuffle: whether the order is a new one after each `set_epoch`.
        seed: of the order, the same on all ranks.
        drop_last: whether to leave out samples that do not go round; False begins again with the first ones.

    Raises:
        ValueError: the rank is not one of W; or W or the rank is not given, and there is no process group.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.num_replicas = world.current("DistributedSampler").size if num_replicas is None else num_replicas
        self.rank = world.current("DistributedSampler").rank if rank is None else rank
        self.epoch = 0
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"DistributedSampler: expected a rank from 0 to {self.num_replicas - 1}, got {self.rank}"
            )

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; without this, each has the same order.

        Args:
            epoch: its number.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        """The number of samples that each rank gets."""
        n = len(self.dataset)
        return n // self.num_replicas if self.drop_last else -(-n // self.num_replicas)

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = (
            numpy.random.default_rng(self.seed + self.epoch).permutation(n)
            if self.shuffle
            else numpy.arange(n)
        )
        order = numpy.resize(order, len(self) * self.num_replicas)  # cut, or begun again
        return iter(order[self.rank :: self.num_replicas].tolist())
