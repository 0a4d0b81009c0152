"""Adam: each weight has its own step size, from running means of its gradient and of its square."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.optim.optimizer import Optimizer, rate


class Adam(Optimizer):
    """m, v: running means of g and g^2; p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

    Kingma & Ba, ICLR 2015, algorithm 1. `weight_decay` adds weight_decay * p to the gradient, or, if
    `decoupled_weight_decay`, shrinks the weights themselves. `amsgrad` keeps the largest v so far in the place of v (Reddi et
    al., ICLR 2018); `maximize` goes with the gradient instead of against it.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        settings = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )
        how = dict(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        super().__init__(params, settings | how | dict(decoupled_weight_decay=decoupled_weight_decay))

    def _check(self, group) -> None:
        super()._check(group)
        betas, eps, decay = group["betas"], group["eps"], group["weight_decay"]
        if (
            len(betas) != 2
            or not all(not isinstance(b, Tensor) and 0 <= b < 1 for b in betas)
            or eps < 0
            or decay < 0
        ):
            raise ValueError(
                f"Adam: expected two betas in [0, 1), eps and weight_decay >= 0, got {betas}, {eps}, {decay}"
            )

    def memories(self, group):
        return {"step", "exp_avg", "exp_avg_sq"} | ({"max_exp_avg_sq"} if group["amsgrad"] else set())

    def begin(self, p, state, group) -> None:
        """One more step: the running means are zeros at first."""
        if not state:
            state.update({name: namespace(p).zeros_like(p) for name in self.memories(group)}, step=0)
        state["step"] += 1

    def update_all(self, entries, group) -> None:
        """In one launch, where the array library and the parameters allow it."""
        for p, _, state in entries:
            self.begin(p, state, group)
        steps = {state["step"] for *_, state in entries}
        if len(steps) != 1 or group["amsgrad"] or not self._at_once(entries, *steps, group):
            super().update_all(entries, group)

    def _at_once(self, entries, step: int, group) -> bool:
        """Whether the kernel has changed all parameters."""
        arrays = [(p, g, state["exp_avg"], state["exp_avg_sq"]) for p, g, state in entries]
        lr, decay = rate(group), group["weight_decay"]
        # added to g; what is left of p
        decays = (0.0, 1 - lr * decay) if group["decoupled_weight_decay"] else (decay, 1.0)
        return kernels.of(arrays[0][0]).adam_all(arrays, step, lr, group["betas"], group["eps"], *decays)

    def decay(self, p, g, group):
        """The gradient that the running means see."""
        if group["decoupled_weight_decay"]:
            p *= 1 - rate(group) * group["weight_decay"]
            return g
        return g + group["weight_decay"] * p if group["weight_decay"] else g

    def update(self, p, g, state, group) -> None:
        xp, (b1, b2) = namespace(p), group["betas"]
        g = self.decay(p, g, group)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * g * g
        if group["amsgrad"]:
            v = xp.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        size = xp.sqrt(v, out=xp.empty_like(v))
        size /= math.sqrt(1 - b2 ** state["step"])
        size += group["eps"]
        xp.divide(m, size, out=size)
        size *= rate(group) / (1 - b1 ** state["step"])
        p -= size


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves: p <- p (1 - lr weight_decay). Loshchilov & Hutter, ICLR 2019."""

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, **options
    ):
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options
        )
