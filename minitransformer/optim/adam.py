"""Adam: each weight has its own step size, from running means of its gradient and of its square."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.backends import namespace
from minitransformer.optim.optimizer import Optimizer


class Adam(Optimizer):
    """m, v: running means of g and g^2; p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

    Kingma & Ba, ICLR 2015, algorithm 1. `weight_decay` adds weight_decay * p to the gradient.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        if not all(0 <= b < 1 for b in betas) or eps < 0 or weight_decay < 0:
            raise ValueError(f"Adam: expected betas in [0, 1), eps and weight_decay >= 0, got {betas}, {eps}, {weight_decay}")
        super().__init__(params, dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay))

    def decay(self, p, g, group):
        """The gradient that the running means see."""
        return g + group["weight_decay"] * p if group["weight_decay"] else g

    def begin(self, p, state) -> None:
        """One more step: the running means are zeros at first."""
        if not state:
            state.update(step=0, exp_avg=namespace(p).zeros_like(p), exp_avg_sq=namespace(p).zeros_like(p))
        state["step"] += 1

    def update_all(self, entries, group) -> None:
        """In one launch, where the array library and the parameters allow it."""
        for p, _, state in entries:
            self.begin(p, state)
        steps = {state["step"] for *_, state in entries}
        arrays = [(p, g, state["exp_avg"], state["exp_avg_sq"]) for p, g, state in entries]
        settings = group["lr"], group["betas"], group["eps"], *self.decay_factors(group)
        if len(steps) != 1 or not kernels.of(arrays[0][0]).adam_all(arrays, *steps, *settings):
            super().update_all(entries, group)

    def decay_factors(self, group) -> tuple[float, float]:
        """What `decay` does, as numbers: times the parameter, added to the gradient; times the parameter, kept of it."""
        return group["weight_decay"], 1.0

    def update(self, p, g, state, group) -> None:
        xp, (b1, b2) = namespace(p), group["betas"]
        g = self.decay(p, g, group)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * g * g
        size = xp.sqrt(v)
        size /= math.sqrt(1 - b2 ** state["step"])
        size += group["eps"]
        xp.divide(m, size, out=size)
        size *= group["lr"] / (1 - b1 ** state["step"])
        p -= size


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves: p <- p (1 - lr weight_decay). Loshchilov & Hutter, ICLR 2019."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def decay_factors(self, group):
        return 0.0, 1 - group["lr"] * group["weight_decay"]

    def decay(self, p, g, group):
        p *= 1 - group["lr"] * group["weight_decay"]
        return g
