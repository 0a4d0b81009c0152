"""A model on a mesh of ranks: data, pipeline and tensor parallel at once.

The mesh has three dimensions. Ranks in line along "tensor" share out each layer, along "pipeline" the layers, along "data" the rows
of each batch; together as in Smith et al., arXiv:2201.11990, section 3. Tensor ranks are neighbours: they talk most.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array
from minitransformer.collectives import world
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.distributed.groups import get_world_size
from minitransformer.distributed.mesh import init_device_mesh
from minitransformer.distributed.pipelining.stage import PipelineStage, stage_of
from minitransformer.distributed.tensor.parallel import parallelize_module
from minitransformer.nn import Module, Parameter, Sequential
from minitransformer.nn.parallel.buckets import CAP, begin_alike, mean_of_gradients
from minitransformer.nn.parallel.tensor import Sharded
from minitransformer.optim.optimizer import Optimizer, State


class MeshedModel:
    """A whole model, and the part of it that this rank trains. All ranks make one, and call its methods together.

    All begin with the parameters of the first rank's model.

    Args:
        model: the whole model; it stays as it is until `gather`.
        tensor: how many ranks share out each layer.
        pipeline: how many stages the layers are cut into; all ranks that are left share out the rows of batches.
        blocks_of: the model as a row of blocks, for a pipeline of several stages.
        plan: which layers are cut for `tensor`; None for those of Transformers.

    Attributes:
        model: as given.
        data: the group of the ranks that have the same part.
        pipeline: the group of the stages.
        tensor: the group of the ranks that share the layers.
        part: a copy of the model, of which the layers of `stage` are trained here.
        stage: this rank's stage.

    Raises:
        ValueError: the number of ranks is no multiple of `tensor` times `pipeline`; or as `parallelize_module` and `stage_of`.
    """

    def __init__(
        self,
        model: Module,
        tensor: int = 1,
        pipeline: int = 1,
        blocks_of: Callable[[Module], Sequential] | None = None,
        plan: Any = None,
    ):
        rows, left = divmod(get_world_size(), tensor * pipeline)
        if left:
            what = f"a multiple of {tensor} x {pipeline} (tensor x pipeline) ranks"
            raise ValueError(f"MeshedModel: expected {what}, got {get_world_size()}")
        mesh = init_device_mesh(
            "cpu", (rows, pipeline, tensor), mesh_dim_names=("data", "pipeline", "tensor")
        )
        self.data, self.pipeline, self.tensor = (mesh.get_group(i) for i in range(3))
        begin_alike(world.current("MeshedModel"), model, 0)
        self.model, self.part = model, copy.deepcopy(model)
        if tensor > 1:
            parallelize_module(self.part, self.tensor, plan, src_data_rank=None)
        self.stage = (
            PipelineStage(self.part, 0, 1, group=self.pipeline)
            if pipeline == 1 or blocks_of is None
            else stage_of(blocks_of(self.part), self.pipeline)
        )
        own = {id(p) for p in self.stage.submodule.parameters()}
        self._pairs = list(zip(model.parameters(), self.part.parameters(), strict=True))
        has = self.pipeline.objects([id(part) in own for _, part in self._pairs], "MeshedModel")
        # of each parameter the first stage that has it
        self._owners = [next(i for i, flags in enumerate(has) if flags[j]) for j in range(len(self._pairs))]

    def parameters(self) -> list[Parameter]:
        """The parameters that this rank trains.

        Returns:
            Those of its stage, of which some are parts.
        """
        return list(self.stage.submodule.parameters())

    def _whole(self, number: int, array: Array) -> Array:
        """An array of a part's shape, such as a gradient, as that of the whole parameter, on all ranks."""
        part = self._pairs[number][1]
        whole = part.whole_of(array) if isinstance(part, Sharded) else array.copy()
        self.pipeline.broadcast(whole, self._owners[number])
        return whole

    @no_grad()
    def gather(self) -> None:
        """Give the whole model the values of all parts."""
        for i, (whole, part) in enumerate(self._pairs):
            whole.writable()[...] = self._whole(i, part.array)

    @no_grad()
    def scatter(self) -> None:
        """Give the parts the values of the whole model."""
        for whole, part in self._pairs:
            part.writable()[...] = part.part_of(whole.array) if isinstance(part, Sharded) else whole.array

    def gradients(self) -> list[Array]:
        """The gradient of each of the model's parameters, put together.

        Returns:
            An array for each parameter, in order; zeros where there is no gradient.
        """
        return [
            self._whole(i, 0 * part.array if part.grad is None else part.grad.array)
            for i, (_, part) in enumerate(self._pairs)
        ]

    def gather_state(self, optimizer: Optimizer) -> dict[Tensor, State]:
        """What the ranks' optimizers keep, as that of one optimizer of the whole model.

        Args:
            optimizer: of this rank's `parameters`.

        Returns:
            The state of each parameter of the whole model.
        """
        mine = [optimizer.state.get(part, {}) for _, part in self._pairs]
        forms = [{k: None if hasattr(v, "dtype") else v for k, v in state.items()} for state in mine]
        known = self.pipeline.objects(forms, "gather_state")
        found: dict[Tensor, State] = {}
        for i, (whole, part) in enumerate(self._pairs):
            form = known[self._owners[i]][i]
            arrays = {k: self._whole(i, mine[i].get(k, 0 * part.array)) for k, v in form.items() if v is None}
            if form:
                found[whole] = {**form, **arrays}
        return found

    def scatter_state(self, state: dict[Tensor, State], optimizer: Optimizer) -> None:
        """The way back of `gather_state`.

        Args:
            state: of the parameters of the whole model.
            optimizer: of this rank's `parameters`; it is changed.
        """
        own = {id(p) for p in self.parameters()}
        for whole, part in self._pairs:
            if id(part) in own and whole in state:
                optimizer.state[part] = {
                    k: part.part_of(v) if isinstance(part, Sharded) and hasattr(v, "dtype") else copy.copy(v)
                    for k, v in state[whole].items()
                }

    def average_gradients(self) -> None:
        """Make each gradient the mean over the ranks along "data"."""
        mean_of_gradients(self.data, self.parameters(), CAP)

    def norm(self) -> float:
        """The norm of all gradients together: each part counts once, and so does what several ranks have.

        Returns:
            The norm.
        """
        own = [part for i, (_, part) in enumerate(self._pairs) if self._owners[i] == self.pipeline.rank]
        shared = _squares(self.tensor, [p for p in own if isinstance(p, Sharded)])
        rest = sum(_square(p) for p in own if not isinstance(p, Sharded))
        return math.sqrt(_sum(self.pipeline, shared + rest))


def _square(p: Parameter) -> float:
    """The sum of squares of a parameter's gradient."""
    return 0.0 if p.grad is None else float((p.grad.array.astype(numpy.float64) ** 2).sum())


def _squares(engine: Engine, params: list[Parameter]) -> float:
    return _sum(engine, sum(map(_square, params)))


def _sum(engine: Engine, number: float) -> float:
    """The sum of the numbers of all ranks."""
    total = numpy.array([float(number)])
    engine.all_reduce(total, ReduceOp.SUM)
    return float(total[0])
