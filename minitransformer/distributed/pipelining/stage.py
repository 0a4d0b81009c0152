"""One stage of a pipeline: some blocks of a model, on one rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.autograd.engine import accumulate
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.distributed.groups import ProcessGroup, engine_of
from minitransformer.distributed.pipelining import messages
from minitransformer.nn import Module, Parameter, Sequential

Outputs = tuple[Tensor, ...]


class PipelineStage:
    """Some blocks of a model, and what they keep of each micro-batch between its way forward and its way back.

    Args:
        submodule: the blocks: of one or several tensors, to one or several.
        stage_index: the number of this stage: this rank's in the group.
        num_stages: how many there are: as many as ranks.
        device: accepted as in PyTorch; no effect.
        input_args: accepted as in PyTorch; no effect: each message says its shapes.
        output_args: in the same way.
        group: the ranks of the pipeline; None means all.

    Attributes:
        submodule: as given.
        engine: the group.
        is_first: whether it reads the batch.
        is_last: whether it computes the loss.
        tied: parameters that other stages have too, with the group of these stages; see `stage_of`.

    Raises:
        ValueError: the numbers are not those of the group.
    """

    def __init__(
        self,
        submodule: Module,
        stage_index: int,
        num_stages: int,
        device: Any = None,
        input_args: Any = None,
        output_args: Any = None,
        group: ProcessGroup | None = None,
    ):
        self.engine = engine_of(group, "PipelineStage")
        if (stage_index, num_stages) != (self.engine.rank, self.engine.size):
            what = f"expected stage {self.engine.rank} of {self.engine.size}, one for each rank of the group"
            raise ValueError(f"PipelineStage: {what}, got stage {stage_index} of {num_stages}")
        self.submodule = submodule
        self.is_first, self.is_last = stage_index == 0, stage_index == num_stages - 1
        self.tied: list[tuple[Parameter, Engine]] = []
        self._kept: dict[int, tuple[list[Tensor], Outputs]] = {}  # of each micro-batch on its way
        self._sent: list[Callable[[], object]] = []

    def take(self) -> tuple[list[Tensor], Any]:
        """What the stage before has computed of the next micro-batch.

        Returns:
            The inputs, and what came beside them.
        """
        arrays, (beside, needs) = messages.receive(self.engine, self.engine.rank - 1)
        return [Tensor(a, requires_grad=need) for a, need in zip(arrays, needs, strict=True)], beside

    def forward(self, micro_batch: int, inputs: list[Tensor]) -> Outputs:
        """Compute the blocks of one micro-batch.

        Args:
            micro_batch: its number.
            inputs: from `take`, or of the batch.

        Returns:
            The outputs.
        """
        found = self.submodule(*inputs)
        outputs: Outputs = found if isinstance(found, tuple) else (found,)
        self._kept[micro_batch] = inputs, outputs
        return outputs

    def give(self, outputs: Outputs, beside: Any) -> None:
        """Send outputs to the next stage.

        Args:
            outputs: from `forward`.
            beside: what goes with them.
        """
        needs = [t.requires_grad for t in outputs]
        self._sent += messages.send(
            self.engine, self.engine.rank + 1, [t.array for t in outputs], (beside, needs)
        )

    def take_gradients(self) -> list[Any]:
        """The gradients of this stage's outputs, from the next stage.

        Returns:
            An array for each output, or None.
        """
        return messages.receive(self.engine, self.engine.rank + 1)[0]

    def backward(self, micro_batch: int, loss: Tensor | None, gradients: Sequence[Any]) -> list[Tensor]:
        """Add the gradients of one micro-batch to those of the parameters.

        Args:
            micro_batch: its number; what was kept of it is let go.
            loss: its loss, on the last stage; None elsewhere.
            gradients: from `take_gradients`, elsewhere.

        Returns:
            The inputs, with their gradients.
        """
        inputs, outputs = self._kept.pop(micro_batch)
        if loss is not None:
            loss.backward()
            return inputs
        pairs = [(t, g) for t, g in zip(outputs, gradients, strict=True) if g is not None and t.requires_grad]
        accumulate([t for t, _ in pairs], [Tensor(g) for _, g in pairs], True)
        return inputs

    def give_gradients(self, inputs: list[Tensor]) -> None:
        """Send the gradients of inputs to the stage before.

        Args:
            inputs: from `backward`.
        """
        arrays = [None if t.grad is None else t.grad.array for t in inputs]
        self._sent += messages.send(self.engine, self.engine.rank - 1, arrays)

    def end(self) -> None:
        """Wait until all that was sent has arrived, and forget micro-batches that had no way back."""
        for wait in self._sent:
            wait()
        self._sent.clear()
        self._kept.clear()

    def add_tied(self) -> None:
        """Make the gradient of each tied parameter the sum over the stages that have it: on all of them, once."""
        for parameter, engine in self.tied:
            if parameter.grad is None:
                parameter.grad = Tensor(0 * parameter.array)
            engine.all_reduce(parameter.grad.array, ReduceOp.SUM)


def stage_of(
    blocks: Sequential, group: ProcessGroup | None = None, ends: Sequence[int] | None = None
) -> PipelineStage:
    """This rank's stage of a model that is a row of blocks. All ranks of the group call this, with the same blocks.

    A parameter that blocks of several stages share, such as the matrix of words and of logits, lies on each of them. Their
    gradients are added up, so that equal optimizers keep them equal.

    Args:
        blocks: the model.
        group: the ranks; None means all.
        ends: for each stage the number of blocks in it and in those before it; None shares them out evenly.

    Returns:
        The stage.

    Raises:
        ValueError: a stage would have no block.
    """
    engine = engine_of(group, "stage_of")
    cuts = [0, *(ends or [len(blocks) * (i + 1) // engine.size for i in range(engine.size)])]
    if len(cuts) != engine.size + 1 or cuts[-1] != len(blocks) or sorted(set(cuts)) != cuts:
        raise ValueError(
            f"stage_of: expected {engine.size} stages of the {len(blocks)} blocks, got ends {cuts[1:]}"
        )
    stages = [list(blocks)[begin:end] for begin, end in zip(cuts, cuts[1:], strict=False)]
    stage = PipelineStage(type(blocks)(*stages[engine.rank]), engine.rank, engine.size, group=engine)
    for parameter in blocks.parameters():
        having = [
            i for i, some in enumerate(stages) if any(parameter is p for b in some for p in b.parameters())
        ]
        if len(having) > 1 and (part := engine.part(having)) is not None:
            stage.tied.append((parameter, part))
    return stage
