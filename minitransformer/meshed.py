"""Training on a mesh of ranks: `MeshedModel` takes the steps; checkpoints hold the whole model, as those of one process do."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy

from minitransformer.autograd import Tensor
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.distributed.meshed_model import MeshedModel
from minitransformer.distributed.pipelining.schedules import Schedule1F1B
from minitransformer.nn import Module
from minitransformer.nn.parallel.global_batch import sharing
from minitransformer.randomness import Rows, generator
from minitransformer.ranked import RankedTrainer
from minitransformer.training import MEND, Signals, Trainer


class Layout(NamedTuple):
    """How many ranks share out the layers, and how many stages there are."""

    tensor: int = 1
    pipeline: int = 1


ONE = Layout()  # each rank has the whole model
chosen: ContextVar[Layout] = ContextVar("layout", default=ONE)
EACH = 2  # micro-batches for each stage


class MeshedTrainer(RankedTrainer):
    """A trainer of a model that is cut into parts. Every rank has one, made alike, and they run together.

    Losses, gradients, dropout and steps are those of one process, to rounding. Each rank also has the whole model, to evaluate it
    and to write checkpoints, from which any layout can go on, or one process.

    Args:
        *args: as for `Trainer`; the optimizer has one group of parameters.
        layout: the mesh.
        blocks_of: the model as a row of blocks, for several stages.
        **options: as for `Trainer`; without `amp`.

    Raises:
        ValueError: there is no process group, its size does not fit the layout, or for `amp`.
    """

    def __init__(self, *args: Any, layout: Layout, blocks_of: Any, **options: Any):
        super().__init__(*args, **options)
        if self.scaler.enabled:
            raise ValueError(
                "MeshedTrainer: expected amp=False; half precision is there for data parallel alone"
            )
        self.meshed = MeshedModel(self.model, *layout, blocks_of)
        micro_batches = EACH * layout.pipeline if layout.pipeline > 1 else 1
        self.schedule = Schedule1F1B(self.meshed.stage, micro_batches, lambda *_: self.loss(*_))
        group = {name: value for name, value in self.optimizer.param_groups[0].items() if name != "params"}
        learning = [p for p in self.meshed.parameters() if p.requires_grad]
        self.part_optimizer = type(self.optimizer)([{**group, "params": learning}])  # type: ignore[call-arg]  # of a subclass

    def _take_step(self, batch: Any) -> None:
        self.part_optimizer.zero_grad()
        self.meshed.part.train()
        data = self.meshed.data
        total = len(batch if isinstance(batch, Tensor) else batch[0])
        begin, end = (total * place // data.size for place in (data.rank, data.rank + 1))
        with sharing(Rows(begin, end - begin, total), data):
            value = self._computed(batch)
        if not math.isfinite(value):
            raise FloatingPointError(f"step {self.step + 1}: the loss is {value}. {MEND}")
        self.meshed.average_gradients()
        if self.max_norm is not None:
            self._clip(self.max_norm)
        settings = {k: v for k, v in self.optimizer.param_groups[0].items() if k != "params"}
        self.part_optimizer.param_groups[0].update(settings)  # the learning rate of the schedule
        self.part_optimizer.step()
        if self.scheduler:
            self.scheduler.step()
        self.losses.append(value)

    def _computed(self, batch: Any) -> float:
        """Forward and back; returns the loss of the whole batch."""
        losses: list[Tensor] = []
        before = generator().bit_generator.state
        inputs = self._inputs(batch)

        def loss_of(output: Any, _: Any) -> Tensor:
            after = generator().bit_generator.state
            # what the loss draws, such as which words are hidden, it draws again
            generator().bit_generator.state = before
            loss = self.loss(_Answering(self.model, output), batch)
            generator().bit_generator.state = after
            return loss

        self.schedule.loss_fn = loss_of
        self.schedule.step(*inputs, losses=losses)
        mine = numpy.array([sum(loss.item() for loss in losses) / self.schedule.n_microbatches])
        self.meshed.data.all_reduce(mine, ReduceOp.AVG)
        self.meshed.pipeline.broadcast(mine, self.meshed.pipeline.size - 1)
        return float(mine[0])

    def _inputs(self, batch: Any) -> tuple[Tensor, ...]:
        """What the loss would call the model with."""
        try:
            self.loss(_Asking(self.model), batch)
        except _Asked as asked:
            return asked.inputs
        raise TypeError("MeshedTrainer: expected a loss that calls the model")

    def _clip(self, max_norm: float) -> None:
        norm = self.meshed.norm()
        if not math.isfinite(norm):
            raise FloatingPointError(f"step {self.step + 1}: the norm of the gradients is {norm}. {MEND}")
        factor = min(max_norm / (norm + 1e-6), 1.0)
        for p in self.meshed.parameters():
            if p.grad is not None:
                p.grad.array *= factor

    def _follow_up(self, kept: Any, signals: Signals, report: Callable[[Trainer], None] | None) -> None:
        super()._follow_up(kept, signals, None)
        if report:
            report(self)  # an error here is this rank's alone: the others would not come to a checkpoint

    def _agreed(self, due: bool) -> bool:
        came = numpy.array([due])
        self.engine.all_reduce(came, ReduceOp.MAX)
        return bool(came[0])

    def _evaluate(self) -> None:
        if self.evaluate is not None:
            self.meshed.gather()
        super()._evaluate()

    def _save(self, name: str) -> None:
        self.meshed.gather()
        self.optimizer.state.update(self.meshed.gather_state(self.part_optimizer))
        super()._save(name)
        self.optimizer.state.clear()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.meshed.scatter()
        self.meshed.scatter_state(self.optimizer.state, self.part_optimizer)
        self.optimizer.state.clear()


class _Asked(Exception):
    """What a loss called the model with."""

    def __init__(self, inputs: tuple[Tensor, ...]):
        super().__init__()
        self.inputs = inputs


class _Asking(Module):
    """In place of a model: stops a loss where it calls the model."""

    def __init__(self, model: Module):
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> Tensor:
        raise _Asked(inputs)


class _Answering(Module):
    """In place of a model: answers with an output that is there already."""

    def __init__(self, model: Module, output: Any):
        super().__init__()
        self.model, self.output = model, output

    def forward(self, *inputs: Tensor) -> Any:
        return self.output
