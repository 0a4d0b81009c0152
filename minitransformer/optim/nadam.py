"""NAdam: Adam that looks one step ahead, as Nesterov's momentum does."""

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
    decayed,
    keep,
    rate,
)


class NAdam(Optimizer):
    """Adam's step with m replaced by what it will be: mu' m / (1 - mu mu' ..) + (1 - mu) g / (1 - mu ..).

    mu = b1 (1 - 0.96^(t momentum_decay) / 2) in step t, mu' the same of the next step, and the dots the product of all before.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        betas: (b1, b2), each in [0, 1): how much of a running mean each step keeps.
        eps: added to the root, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        momentum_decay: how fast mu comes to b1, at least 0.
        decoupled_weight_decay: do not change the gradient; multiply p by 1 - lr * weight_decay before the step.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        capturable: accepted as in PyTorch; no effect.
        differentiable: must be False: steps leave no tape.

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Dozat, ICLR workshop 2016.
    """

    numbers = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings: Settings = dict(lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)
        settings |= dict(momentum_decay=momentum_decay, decoupled_weight_decay=decoupled_weight_decay)
        how = dict(foreach=foreach, maximize=maximize, capturable=capturable, differentiable=differentiable)
        super().__init__(params, settings | how)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        check_settings("NAdam", group, "eps", "weight_decay", "momentum_decay")
        check_betas("NAdam", group["betas"])

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "mu_product" (the product of all mu), "exp_avg" (m) and "exp_avg_sq" (v).
        """
        return {"step", "mu_product", "exp_avg", "exp_avg_sq"}

    def update(self, p: Array, g: Array, state: State, group: Settings) -> None:
        """One step for one parameter: see `Optimizer.update`.

        Args:
            p: the parameter's array, changed in place.
            g: its gradient, of the same shape and dtype.
            state: holds m, v and the product.
            group: the settings of the group.
        """
        xp = namespace(p)
        b1, b2 = group["betas"]
        self.begin(p, state, group)
        g = decayed(p, g, group)
        t = state["step"]
        mu, ahead = (b1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        m, v = keep(state["exp_avg"], g, b1), keep(state["exp_avg_sq"], xp.square(g), b2)
        size = xp.sqrt(v / (1 - b2**t)) + group["eps"]
        p -= rate(group) * ((1 - mu) / (1 - product) * g + ahead / (1 - product * ahead) * m) / size
