"""In which order each stage of a pipeline works on the parts of a batch, the micro-batches.

GPipe sends all of them forward, then all back. 1F1B begins the way back as soon as it can, and then does one of each in turn: a
stage keeps the activations of at most as many micro-batches as there are stages from it to the last, not of all. Both compute the
same.

Source:
    GPipe: Huang et al., NeurIPS 2019, section 2.2. 1F1B: Narayanan et al., SC 2021, section 2.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.distributed.pipelining.stage import PipelineStage
from minitransformer.distributed.pipelining.timeline import Slot
from minitransformer.ops.shape.joining import cat
from minitransformer.randomness import Rows, generator, own_rows
from minitransformer.settings import counted, no_grad, setting

Work = tuple[str, int]  # "forward" or "backward", and of which micro-batch


class Schedule:
    """A pipeline at work; a subclass gives the order.

    A step computes what one process computes of the whole batch: gradients, dropout, and the mean of a loss, which divides by the
    targets of all micro-batches together, however many each of them has. The random numbers travel with the activations. Inside
    `nn.parallel.global_batch` the batch is this rank's part of a larger one.

    Args:
        stage: this rank's stage.
        n_microbatches: the number M of micro-batches.
        loss_fn: `loss_fn(output, target)`, with one mean or none; None for a step without a way back.
        scale_grads: whether a loss without a mean is divided by M.

    Attributes:
        timeline: the pieces of work of this stage in the last step.

    Raises:
        ValueError: `n_microbatches` is below 1.
    """

    def __init__(
        self,
        stage: PipelineStage,
        n_microbatches: int,
        loss_fn: Callable[[Any, Any], Tensor] | None = None,
        scale_grads: bool = True,
    ):
        if n_microbatches < 1:
            raise ValueError(f"{type(self).__name__}: expected n_microbatches >= 1, got {n_microbatches}")
        self.stage, self.n_microbatches, self.loss_fn, self.scale_grads = (
            stage,
            n_microbatches,
            loss_fn,
            scale_grads,
        )
        self.timeline: list[Slot] = []

    def order(self) -> Iterator[Work]:
        """What this stage does, one after the other.

        Returns:
            ("forward" or "backward", number of the micro-batch) of each piece of work.
        """
        raise NotImplementedError(f"{type(self).__name__}: define order(self)")

    def step(self, *args: Tensor, target: Any = None, losses: list[Tensor] | None = None) -> Any:
        """Compute a batch: forward, loss and gradients, which are added to those of the parameters. All ranks call this.

        Args:
            *args: the batch, (B, ..) each; it counts on the first stage.
            target: what `loss_fn` gets beside the output, (B, ..); it counts on the last stage.
            losses: on the last stage, the share of each micro-batch is appended: their mean is the loss of the batch.

        Returns:
            On the last stage the output, (B, ..), without a tape; None elsewhere.

        Raises:
            ValueError: `loss_fn` takes several means.
            DistError: a stage has ended, does not come, or has another schedule.
        """
        what = f"{type(self).__name__}({self.n_microbatches}{'' if self.loss_fn else ', no loss_fn'}).step"
        self.stage.engine.agree(what)  # stages that do not would wait for each other
        step = _Step(self, args, target)
        params = list(self.stage.submodule.parameters())
        before = [p.grad for p in params]
        for p in params:
            p.grad = None
        for kind, micro_batch in self.order():
            (step.forward if kind == "forward" else step.backward)(micro_batch)
        self.stage.end()
        scale = step.agreed_scale()
        self.stage.add_tied()
        for p, earlier in zip(params, before, strict=True):
            if p.grad is not None:
                p.grad.array *= scale
            if earlier is not None:
                p.grad = earlier if p.grad is None else Tensor(earlier.array + p.grad.array)
        self.timeline = step.timeline
        if losses is not None:
            losses += [Tensor(loss.array * (scale * self.n_microbatches)) for loss in step.losses]
        return step.output() if self.stage.is_last else None

    def whole_timeline(self) -> list[Slot]:
        """The pieces of work of all stages in the last step. All ranks of the pipeline call this.

        Returns:
            The slots, counted from the first beginning.
        """
        slots = [slot for own in self.stage.engine.objects(self.timeline, "timeline") for slot in own]
        start = min(slot.begin for slot in slots)
        return [slot._replace(begin=slot.begin - start, end=slot.end - start) for slot in slots]


class ScheduleGPipe(Schedule):
    """All micro-batches forward, then all back."""

    def order(self) -> Iterator[Work]:
        for micro_batch in range(self.n_microbatches):
            yield "forward", micro_batch
        for micro_batch in range(self.n_microbatches if self.loss_fn else 0):
            yield "backward", micro_batch


class Schedule1F1B(Schedule):
    """As many micro-batches forward as there are stages after this one; then one forward, one back, in turn; then the rest back."""

    def order(self) -> Iterator[Work]:
        if self.loss_fn is None:
            yield from (("forward", micro_batch) for micro_batch in range(self.n_microbatches))
            return
        ahead = min(self.stage.engine.size - 1 - self.stage.engine.rank, self.n_microbatches)
        for micro_batch in range(self.n_microbatches + ahead):
            if micro_batch < self.n_microbatches:
                yield "forward", micro_batch
            if micro_batch >= ahead:
                yield "backward", micro_batch - ahead


class _Step:
    """One batch on its way through a stage.

    Args:
        schedule: whose step it is.
        args: the batch, on the first stage.
        target: the targets, on the last.
    """

    def __init__(self, schedule: Schedule, args: tuple[Tensor, ...], target: Any):
        self.schedule, self.stage = schedule, schedule.stage
        self.n = n = schedule.n_microbatches
        self.args = [_parts(t, n) for t in args] if self.stage.is_first else []
        self.targets = _parts(target, n) if self.stage.is_last else []
        self.rows = _rows([len(part) for part in self.args[0]]) if self.args else []
        self.begun: Any = generator().bit_generator.state  # before the batch
        self.ended: Any = self.begun
        self.outer = counted.get()
        self.counts: list[float] = []
        self.losses: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.timeline: list[Slot] = []

    def forward(self, micro_batch: int) -> None:
        """The way forward of one micro-batch.

        Args:
            micro_batch: its number.
        """
        if self.stage.is_first:
            inputs, beside = [parts[micro_batch] for parts in self.args], (self.begun, self.rows[micro_batch])
        else:
            inputs, beside = self.stage.take()
        begin, busy = time.perf_counter(), time.thread_time()
        generator().bit_generator.state, rows = beside
        with setting(own_rows, rows), setting(counted, self._count):
            outputs = self.stage.forward(micro_batch, inputs)
            self.ended = generator().bit_generator.state
            if self.stage.is_last:
                self._finish(outputs, micro_batch)
        self._note(micro_batch, "forward", begin, busy)
        if not self.stage.is_last:
            self.stage.give(outputs, (self.ended, rows))

    def _finish(self, outputs: tuple[Tensor, ...], micro_batch: int) -> None:
        """What the last stage does with its outputs."""
        output = outputs if len(outputs) > 1 else outputs[0]
        self.outputs.append(outputs[0].detach())
        if self.schedule.loss_fn is not None:
            self.losses.append(self.schedule.loss_fn(output, self.targets[micro_batch]))

    def _count(self, count: Array) -> Array:
        """A mean: note what it would divide by, and let it divide by one, since the count of the whole batch comes later."""
        self.counts.append(float(count))
        return namespace(count).ones(())

    def backward(self, micro_batch: int) -> None:
        """The way back of one micro-batch.

        Args:
            micro_batch: its number.
        """
        gradients = [] if self.stage.is_last else self.stage.take_gradients()
        begin, busy = time.perf_counter(), time.thread_time()
        loss = self.losses[micro_batch] if self.stage.is_last else None
        inputs = self.stage.backward(micro_batch, loss, gradients)
        self._note(micro_batch, "backward", begin, busy)
        if not self.stage.is_first:
            self.stage.give_gradients(inputs)

    def _note(self, micro_batch: int, kind: str, begin: float, busy: float) -> None:
        engine = self.stage.engine
        times = begin, time.perf_counter(), time.thread_time() - busy
        self.timeline.append(Slot(engine.ranks[engine.rank], engine.rank, micro_batch, kind, *times))

    def agreed_scale(self) -> float:
        """By what all gradients are multiplied, as the last stage knows; and its random numbers are from now on those of all.

        Returns:
            The factor.

        Raises:
            ValueError: the loss takes several means.
        """
        mine = (self._scale(), self.ended) if self.stage.is_last else None
        scale, state = self.stage.engine.objects(mine, "the end of a pipeline's step")[-1]
        generator().bit_generator.state = state
        return float(scale)

    def _scale(self) -> float:
        if len(self.counts) not in (0, self.n):
            raise ValueError(
                f"{type(self.schedule).__name__}: expected a loss with one mean, got {len(self.counts) / self.n:g} means"
            )
        if not self.counts:
            return 1 / self.n if self.schedule.scale_grads else 1.0
        total = namespace(self.outputs[0].array).asarray(sum(self.counts))
        return 1 / float(self.outer(total) if self.outer else total)

    @no_grad()
    def output(self) -> Tensor:
        """The output of the whole batch.

        Returns:
            (B, ..).
        """
        return (
            cat(self.outputs, 0)
            if self.outputs[0].ndim
            else Tensor(namespace(self.outputs[0].array).stack([t.array for t in self.outputs]))
        )


def _parts(whole: Any, n: int) -> list[Any]:
    """A tensor cut into n parts of its rows, some of which may be empty; anything else n times."""
    if not isinstance(whole, Tensor):
        return [whole] * n
    return [whole[len(whole) * i // n : len(whole) * (i + 1) // n] for i in range(n)]


def _rows(sizes: list[int]) -> list[Rows]:
    """Which rows of the batch each micro-batch has; of the larger one, where this batch is a part of it."""
    outer = own_rows.get()
    first, total = (0, sum(sizes)) if outer is None else (outer.first, outer.total)
    return [Rows(first + sum(sizes[:i]), size, total) for i, size in enumerate(sizes)]
