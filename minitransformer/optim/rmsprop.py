"""RMSprop: each weight's step is divided by the root of a running mean of its squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, check_settings, keep, rate


class RMSprop(Optimizer):
    """v <- alpha v + (1 - alpha) g^2, p <- p - lr g / (sqrt(v) + eps).

    With `centered`, v is replaced in the root by v - m^2, where m is a running mean of g. With `momentum`, the quotient is added to
    momentum b, and b takes its place.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        alpha: how much of a running mean each step keeps, at least 0.
        eps: added to the root, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        momentum: how much of b each step keeps, at least 0.
        centered: see above.
        capturable: accepted as in PyTorch; no effect.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        differentiable: must be False: steps leave no tape.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Tieleman & Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012; centered: Graves, arXiv 1308.0850, 2013.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered)
        how = dict(capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable)
        super().__init__(params, settings | how | dict(weight_decay=weight_decay))

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("RMSprop", group, "alpha", "eps", "weight_decay", "momentum")

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "square_avg" (v), with `centered` "grad_avg" (m), and with a momentum "momentum_buffer" (b).
        """
        more = {"grad_avg": group["centered"], "momentum_buffer": group["momentum"] > 0}
        return {"step", "square_avg", *(name for name, used in more.items() if used)}

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
        v = keep(state["square_avg"], xp.square(g), group["alpha"])
        if group["centered"]:
            v = v - xp.square(keep(state["grad_avg"], g, group["alpha"]))
        change = g / (xp.sqrt(v) + group["eps"])
        if group["momentum"] > 0:
            change = keep(state["momentum_buffer"], change, group["momentum"], 1.0)
        p -= rate(group) * change
