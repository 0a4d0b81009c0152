"""ZeRO, stage 1: what an optimizer keeps for each parameter is shared out over the ranks, instead of lying on all of them.

Adam keeps two numbers for each number of the model. Of W ranks, each keeps them for about 1/W of the parameters, steps these alone,
and gives them to the others.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.distributed.groups import ProcessGroup, engine_of, place_in
from minitransformer.nn.parallel.buckets import CAP, broadcast_in_buckets
from minitransformer.optim.optimizer import Optimizer, Params, Settings
from minitransformer.settings import enable_grad


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer of which each rank keeps a part; its steps are those of the whole one, to the last bit.

    All ranks have the same parameters and the same gradients, as `DistributedDataParallel` gives them, and step together.

    Args:
        params: parameters, or groups of them, the same on all ranks.
        optimizer_class: the optimizer, such as `optim.Adam`.
        process_group: the ranks; None means all.
        parameters_as_bucket_view: accepted as in PyTorch; no effect.
        overlap_with_ddp: only False.
        **defaults: the settings of `optimizer_class`.

    Attributes:
        optim: the optimizer inside; its state holds this rank's parameters alone.

    Raises:
        ValueError: as `optimizer_class`; or there is no process group, or this rank is not in it.
        NotImplementedError: for `overlap_with_ddp`.

    Source:
        Rajbhandari et al., SC 2020, section 5.1.
    """

    def __init__(
        self,
        params: Params,
        optimizer_class: Callable[..., Optimizer],
        process_group: ProcessGroup | None = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise NotImplementedError(
                "ZeroRedundancyOptimizer: expected overlap_with_ddp=False; leave it out"
            )
        self.engine = engine_of(process_group, "ZeroRedundancyOptimizer")
        self.optim = optimizer_class(params, **defaults)
        self.defaults, self.param_groups, self.state = (
            self.optim.defaults,
            self.optim.param_groups,
            self.optim.state,
        )
        self._whole: dict[str, Any] | None = None  # what `consolidate_state_dict` found

    def add_param_group(self, param_group: Settings) -> None:
        self.optim.add_param_group(param_group)

    def owners(self) -> list[tuple[Tensor, int]]:
        """Each parameter, and the rank of the group that steps it: the one that has least so far.

        Returns:
            The pairs, in the order of the groups.
        """
        held = [0] * self.engine.size
        found = []
        for p in (p for group in self.param_groups for p in group["params"]):
            least = held.index(min(held))
            held[least] += p.array.nbytes
            found.append((p, least))
        return found

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change this rank's parameters, and take those of the other ranks. All ranks call this.

        Args:
            closure: as for `Optimizer.step`.

        Returns:
            The loss that `closure` returned; None without `closure`.

        Raises:
            DistError: the ranks have gradients of other parameters.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        owners = [(p, owner) for p, owner in self.owners() if p.grad is not None]
        others = [(p, p.grad) for p, owner in owners if owner != self.engine.rank]
        for p, _ in others:
            p.grad = None  # hidden from the optimizer inside, which passes over such parameters
        self.optim.step()
        for p, grad in others:
            p.grad = grad
        self._whole = None
        self._give(owners)
        return loss

    @no_grad()
    def _give(self, owners: list[tuple[Tensor, int]]) -> None:
        """Let all ranks take each parameter from its owner."""
        for owner in range(self.engine.size):
            arrays = [p.writable() for p, whose in owners if whose == owner]
            broadcast_in_buckets(self.engine, arrays, owner, CAP)

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Bring the state of all ranks to one, whose `state_dict` has it then. All ranks call this.

        Args:
            to: the number of that rank among all.

        Raises:
            ValueError: it is not in the group.
        """
        root = place_in(self.engine, to, "consolidate_state_dict")
        number = {id(p): i for i, (p, _) in enumerate(self.owners())}
        mine = numpy.frombuffer(pickle.dumps({number[id(p)]: s for p, s in self.state.items()}), numpy.uint8)
        sizes = self.engine.objects(mine.size, "consolidate_state_dict")
        if self.engine.rank != root:
            self.engine.send(mine, root)
            return
        found = {}
        for place, size in enumerate(sizes):
            data = mine.copy() if place == root else numpy.empty(size, numpy.uint8)
            if place != root:
                self.engine.receive(data, place)
            found.update(pickle.loads(data.tobytes()))
        self._whole = {
            "state": dict(sorted(found.items())),
            "param_groups": self.optim.state_dict()["param_groups"],
        }

    def state_dict(self) -> dict[str, Any]:
        """The state of the whole optimizer, which `optimizer_class` without ranks can load too.

        Returns:
            As `Optimizer.state_dict`, on the rank that `consolidate_state_dict` named.

        Raises:
            RuntimeError: there was a step since `consolidate_state_dict`, or it named another rank.
        """
        if self._whole is None:
            raise RuntimeError(
                "ZeroRedundancyOptimizer.state_dict: this rank has only its part of the state; let all ranks call "
                f"consolidate_state_dict(to={self.engine.ranks[self.engine.rank]}) first"
            )
        return self._whole

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from the state of a whole optimizer, of which this rank keeps its part.

        Args:
            state_dict: of `optimizer_class`, or from `state_dict`, saved by any number of ranks.

        Raises:
            ValueError: as `Optimizer.load_state_dict`.
        """
        self.optim.load_state_dict(state_dict)
        for p, owner in self.owners():
            if owner != self.engine.rank:
                self.state.pop(p, None)
