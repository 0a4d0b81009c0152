"""Training by several ranks: each computes some rows of every batch, and all take the same step."""

from __future__ import annotations

import signal
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.collectives import world
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.nn.parallel.buckets import CAP, mean_of_gradients
from minitransformer.nn.parallel.global_batch import sharing
from minitransformer.randomness import Rows
from minitransformer.training import Signals, Trainer


class RankedTrainer(Trainer):
    """A trainer whose steps are shared out: every rank has one, made alike, and they run together.

    Each rank reads every batch, and the loss takes this rank's rows of it (`randomness.own`) once it has drawn its random numbers.
    So losses, gradients and dropout are those of one process, to rounding, whatever the number of ranks. The first rank writes the
    checkpoints, from which any number of ranks can go on. A signal that one rank gets stops all after the same step.

    Args:
        *args: as for `Trainer`.
        **options: as for `Trainer`.

    Raises:
        ValueError: there is no process group.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.engine = world.current("RankedTrainer")
        self.writes = self.engine.rank == 0
        self.together = True

    def _take_step(self, batch: Any) -> None:
        total = len(batch if isinstance(batch, Tensor) else batch[0])
        begin, end = (total * place // self.engine.size for place in (self.engine.rank, self.engine.rank + 1))
        with sharing(Rows(begin, end - begin, total), self.engine):
            super()._take_step(batch)

    def _value(self, loss: Tensor) -> float:
        mean = numpy.array([super()._value(loss)])
        self.engine.all_reduce(mean, ReduceOp.AVG)
        return float(mean[0])

    def _backward(self, loss: Tensor) -> None:
        super()._backward(loss)
        mean_of_gradients(self.engine, [p for p in self.model.parameters() if p.requires_grad], CAP)

    def _listen(self, signals: Signals) -> None:
        noted = numpy.array([signals.noted or 0])
        self.engine.all_reduce(noted, ReduceOp.MAX)
        signals.came = signal.Signals(int(noted[0])) if noted[0] else None
