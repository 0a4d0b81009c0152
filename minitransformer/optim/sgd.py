"""Stochastic gradient descent: a step against the gradient, with momentum if asked."""

from __future__ import annotations

from minitransformer.backends import namespace
from minitransformer.optim.optimizer import Optimizer, rate


class SGD(Optimizer):
    """v <- momentum v + (1 - dampening) g, p <- p - lr v; Nesterov's form looks ahead by g + momentum v.

    Sutskever et al., ICML 2013. `weight_decay` adds weight_decay * p to the gradient; `maximize` goes with the gradient instead.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0.0,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        if momentum < 0 or weight_decay < 0:
            raise ValueError(
                f"SGD: expected momentum and weight_decay >= 0, got {momentum} and {weight_decay}"
            )
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")
        settings = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )
        how = dict(maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(params, settings | how)

    def memories(self, group):
        return {"momentum_buffer"}

    def update(self, p, g, state, group) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if momentum := group["momentum"]:
            if (v := state.get("momentum_buffer")) is None:
                state["momentum_buffer"] = v = namespace(p).array(g)  # a copy
            else:
                v *= momentum
                v += (1 - group["dampening"]) * g
            g = g + momentum * v if group["nesterov"] else v
        p -= rate(group) * g
