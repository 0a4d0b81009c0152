"""RAdam: Adam that does without the second moment in its first steps, when too few squares are known."""

from __future__ import annotations

import math
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
    decayed,
    keep,
    rate,
)


class RAdam(Optimizer):
    """Adam's step times r of step t; where r is not defined, p <- p - lr m / (1 - b1^t).

    With n = 2 / (1 - b2) - 1 and k = n - 2 t b2^t / (1 - b2^t), r^2 = (k - 4) (k - 2) n / ((n - 4) (n - 2) k), defined for k > 5.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        betas: (b1, b2), each in [0, 1): how much of a running mean each step keeps.
        eps: added to the root, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        decoupled_weight_decay: do not change the gradient; multiply p by 1 - lr * weight_decay before the step.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        capturable: accepted as in PyTorch; no effect.
        differentiable: must be False: steps leave no tape.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Liu et al., ICLR 2020, algorithm 2.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)
        how = dict(foreach=foreach, maximize=maximize, capturable=capturable, differentiable=differentiable)
        super().__init__(params, settings | how | dict(decoupled_weight_decay=decoupled_weight_decay))

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("RAdam", group, "eps", "weight_decay")
        check_betas("RAdam", group["betas"])

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "exp_avg" (m) and "exp_avg_sq" (v).
        """
        return {"step", "exp_avg", "exp_avg_sq"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds m and v.
            group: the settings of the group.
        """
        xp = namespace(p)
        b1, b2 = group["betas"]
        self.begin(p, state, group)
        g = decayed(p, g, group)
        t = state["step"]
        m, v = keep(state["exp_avg"], g, b1), keep(state["exp_avg_sq"], xp.square(g), b2)
        step = rate(group) / (1 - b1**t) * m
        if (r := _rectified(b2, t)) is not None:
            step = step * (r * math.sqrt(1 - b2**t) / (xp.sqrt(v) + group["eps"]))
        p -= step


def _rectified(b2: float, t: int) -> float | None:
    """r of step t; None where it is not defined."""
    n = 2 / (1 - b2) - 1
    k = n - 2 * t * b2**t / (1 - b2**t)
    return math.sqrt((k - 4) * (k - 2) * n / ((n - 4) * (n - 2) * k)) if k > 5 else None
