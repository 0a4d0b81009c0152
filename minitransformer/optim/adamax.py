"""Adamax: Adam whose steps are divided by the largest gradient of late, not by a root of mean squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import (
    Optimizer,
    Params,
    Settings,
    State,
    check_betas,
    check_settings,
    keep,
    rate,
)


class Adamax(Optimizer):
    """m: a running mean of g; u <- max(b2 u, |g| + eps); p <- p - lr m / ((1 - b1^t) u) in step t.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        betas: (b1, b2), each in [0, 1): how much of m and u each step keeps.
        eps: added to each gradient's size, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.
        capturable: accepted as in PyTorch; no effect.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Kingma & Ba, ICLR 2015, algorithm 2.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)
        how = dict(foreach=foreach, maximize=maximize, differentiable=differentiable, capturable=capturable)
        super().__init__(params, settings | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("Adamax", group, "eps", "weight_decay")
        check_betas("Adamax", group["betas"])

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "exp_avg" (m) and "exp_inf" (u).
        """
        return {"step", "exp_avg", "exp_inf"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds m and u.
            group: the settings of the group.
        """
        xp = namespace(p)
        b1, b2 = group["betas"]
        self.begin(p, state, group)
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        m, u = keep(state["exp_avg"], g, b1), state["exp_inf"]
        u[...] = xp.maximum(b2 * u, abs(g) + group["eps"])
        p -= rate(group) / (1 - b1 ** state["step"]) * (m / u)
