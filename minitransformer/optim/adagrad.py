"""Adagrad: each weight's step is divided by the root of the sum of all its squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, check_settings, rate


class Adagrad(Optimizer):
    """s <- s + g^2, p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps) in step t.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        lr_decay: at least 0; see above.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        initial_accumulator_value: s before the first step, at least 0.
        eps: added to the root, at least 0.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.
        fused: accepted as in PyTorch; no effect.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Duchi et al., JMLR 2011.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        settings: Settings = dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)
        how = dict(foreach=foreach, maximize=maximize, differentiable=differentiable, fused=fused)
        start = dict(initial_accumulator_value=initial_accumulator_value)
        super().__init__(params, settings | start | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("Adagrad", group, "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step" and "sum" (s).
        """
        return {"step", "sum"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds s.
            group: the settings of the group.
        """
        xp = namespace(p)
        self.begin(p, state, group, group["initial_accumulator_value"])
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        state["sum"] += xp.square(g)
        lr = rate(group) / (1 + (state["step"] - 1) * group["lr_decay"])
        p -= lr * (g / (xp.sqrt(state["sum"]) + group["eps"]))
