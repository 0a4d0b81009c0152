"""Adadelta: each weight's step is as large as its recent steps were, without a learning rate to choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, check_settings, keep, rate


class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g^2, d = g sqrt(u + eps) / sqrt(v + eps), u <- rho u + (1 - rho) d^2, p <- p - lr d.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: a factor of the step, at least 0; a float, or a tensor of one element.
        rho: how much of a running mean each step keeps, in [0, 1].
        eps: added under the roots, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        foreach: accepted as in PyTorch; no effect.
        capturable: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Zeiler, arXiv 1212.5701, 2012, algorithm 1.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)
        how = dict(capturable=capturable, foreach=foreach, differentiable=differentiable)
        super().__init__(params, settings | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("Adadelta", group, "eps", "weight_decay", "rho")
        if group["rho"] > 1:
            raise ValueError(f"Adadelta: expected rho in [0, 1], got {group['rho']}")

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "square_avg" (v) and "acc_delta" (u).
        """
        return {"step", "square_avg", "acc_delta"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds the running means.
            group: the settings of the group.
        """
        xp = namespace(p)
        self.begin(p, state, group)
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        v = keep(state["square_avg"], xp.square(g), group["rho"])
        d = g * xp.sqrt(state["acc_delta"] + group["eps"]) / xp.sqrt(v + group["eps"])
        keep(state["acc_delta"], xp.square(d), group["rho"])
        p -= rate(group) * d
