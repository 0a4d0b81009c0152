"""One batch whose rows several ranks share out, so that all together compute what one process would compute of the whole batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy

from minitransformer.backends import Array, float64, namespace
from minitransformer.collectives import world
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.randomness import Rows, own_rows
from minitransformer.settings import counted, setting


@contextlib.contextmanager
def global_batch(rows: int, group: Engine | None = None) -> Iterator[Rows]:
    """Inside this block, losses and dropout are those of the whole batch, of which each rank has some rows.

    - The mean of a loss divides by the mean count of all ranks, not by this rank's own. The average of such losses over ranks is
      the loss of the whole batch, and so are the gradients that `DistributedDataParallel` averages, whatever shares the ranks have
      and however many targets are ignored on each.
    - Dropout draws the mask of the whole batch, of which each rank takes its rows, if their random generators are in one state.
      Rows lie along the first dimension: models are made with `batch_first=True`. Dropout of anything else raises ValueError.

    All ranks enter it together; forward and loss stand inside.

    Args:
        rows: how many rows this rank has; 0 is allowed.
        group: whose ranks share the batch; None means all.

    Returns:
        A context manager; its value says which rows these are.

    Raises:
        ValueError: there is no process group.
    """
    engine = group or world.current("global_batch")
    counts = numpy.empty((engine.size, 1), numpy.int64)
    engine.all_gather(counts, numpy.array([rows]))
    before, total = int(counts[: engine.rank].sum()), int(counts.sum())
    mine = Rows(before, rows, total)
    with sharing(mine, engine):
        yield mine


@contextlib.contextmanager
def sharing(rows: Rows, engine: Engine) -> Iterator[None]:
    """`global_batch` for ranks that know their rows.

    Args:
        rows: those of this rank.
        engine: the group that shares the batch.

    Returns:
        A context manager.
    """
    with setting(own_rows, rows), setting(counted, lambda count: mean_count(engine, count)):
        yield


def mean_count(engine: Engine, count: Array) -> Any:
    """The mean over the ranks of how many targets count.

    Args:
        engine: the group.
        count: this rank's, (); of any dtype.

    Returns:
        float64, ().
    """
    mean = namespace(count).asarray(count, dtype=float64).reshape(1)
    engine.all_reduce(mean, ReduceOp.AVG)
    return mean[0]
