"""Rprop: each weight has its own step size, which follows from the signs of its gradients alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, rate


class Rprop(Optimizer):
    """A step size grows while the gradient keeps its sign, shrinks where it changes, and there no step is made.

    For gradients of the whole training set: those of batches change their signs too often.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the size of the first step, at least 0; a float, or a tensor of one element.
        etas: (less, more): what a step size is multiplied by, 0 < less < 1 < more.
        step_sizes: (least, most): its bounds.
        capturable: accepted as in PyTorch; no effect.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Riedmiller & Braun, ICNN 1993.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, etas=tuple(etas), step_sizes=tuple(step_sizes))
        how = dict(capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable)
        super().__init__(params, settings | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        less, more = group["etas"]
        if not 0 < less < 1 < more:
            raise ValueError(f"Rprop: expected etas with 0 < less < 1 < more, got {group['etas']}")

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "prev" (the gradient before) and "step_size".
        """
        return {"step", "prev", "step_size"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds the gradient before and the step sizes.
            group: the settings of the group.
        """
        xp = namespace(p)
        first = not state
        self.begin(p, state, group)
        if first:
            state["step_size"][...] = rate(group)
        turned = xp.sign(g * state["prev"])  # 1 where the sign is kept, -1 where it has changed
        less, more = group["etas"]
        factor = xp.where(turned > 0, more, xp.where(turned < 0, less, 1.0))
        size = state["step_size"]
        size[...] = xp.clip(size * factor, *group["step_sizes"])
        state["prev"][...] = xp.where(turned < 0, 0.0, g)
        p -= xp.sign(state["prev"]) * size
