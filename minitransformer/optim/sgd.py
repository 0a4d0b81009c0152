"""Stochastic gradient descent: a step against the gradient, with or without momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Optimizer, Params, Settings, State, rate


class SGD(Optimizer):
    """v <- momentum v + (1 - dampening) g, p <- p - lr v; in Nesterov's form p <- p - lr (g + momentum v).

    In the first step v is g. Without momentum, p <- p - lr g.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        momentum: how much of v each step keeps, at least 0.
        dampening: how much of the gradient does not enter v.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        nesterov: use Nesterov's form, which needs a momentum and no dampening.
        maximize: step along the gradient instead of against it.
        foreach: accepted as in PyTorch; no effect.
        differentiable: must be False: steps leave no tape.
        fused: accepted as in PyTorch; no effect.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Sutskever et al., ICML 2013.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if momentum < 0 or weight_decay < 0:
            raise ValueError(
                f"SGD: expected momentum and weight_decay >= 0, got {momentum} and {weight_decay}"
            )
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")
        settings: Settings = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )
        how = dict(maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(params, settings | how)

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "momentum_buffer" (v).
        """
        return {"momentum_buffer"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds the array v as "momentum_buffer" after the first step with momentum.
            group: the settings of the group.
        """
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if momentum := group["momentum"]:
            v = _velocity(g, state, group)
            g = g + momentum * v if group["nesterov"] else v
        p -= rate(group) * g


def _velocity(g: Array, state: State, group: Settings) -> Array:
    """v after this step, kept in `state`."""
    if (v := state.get("momentum_buffer")) is None:
        state["momentum_buffer"] = v = namespace(g).array(g)  # a copy
    else:
        v *= group["momentum"]
        v += (1 - group["dampening"]) * g
    return v
