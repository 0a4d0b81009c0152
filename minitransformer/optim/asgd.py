"""ASGD: steps along the gradient that become smaller, and beside them the mean of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, check_settings, rate


class ASGD(Optimizer):
    """p <- (1 - lambd eta) p - eta g, with eta = lr / (1 + lambd lr t)^alpha after step t; `state[p]["ax"]` is the mean of p.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        lambd: how fast weights and steps shrink.
        alpha: the power with which steps shrink.
        t0: from which step on the weights count in the mean; before, "ax" is p itself.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.
        capturable: accepted as in PyTorch; no effect.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Polyak & Juditsky, SIAM Journal on Control and Optimization, 1992.
    """

    numbers = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay)
        how = dict(foreach=foreach, maximize=maximize, differentiable=differentiable, capturable=capturable)
        super().__init__(params, settings | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("ASGD", group, "weight_decay")

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "eta", "mu" (how far the mean moves) and "ax" (the mean).
        """
        return {"step", "eta", "mu", "ax"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds the mean, and the size of the next step.
            group: the settings of the group.
        """
        lr = rate(group)
        self.begin(p, state, group)
        eta, mu = state.get("eta", lr), state.get("mu", 1.0)
        g = g + group["weight_decay"] * p if group["weight_decay"] else g
        p *= 1 - group["lambd"] * eta
        p -= eta * g
        state["ax"] += mu * (p - state["ax"])
        t = state["step"]
        state["eta"] = lr / (1 + group["lambd"] * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1, t - group["t0"])
