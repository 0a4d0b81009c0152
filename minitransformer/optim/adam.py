"""Adam: each weight has its own step size, from running means of its gradient and of the squared gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.optim.optimizer import Entries, Optimizer, Params, Settings, State, rate


class Adam(Optimizer):
    """m, v: running means of g and of g^2; p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) in step t.

    The step itself is `kernels.reference.adam_all`; on a device, one launch changes all parameters of a group.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        betas: (b1, b2), each in [0, 1): how much of a running mean each step keeps.
        eps: added to the root of v, at least 0.
        weight_decay: at least 0. weight_decay * p is added to the gradient.
        amsgrad: use the largest v of all steps in place of v.
        foreach: accepted as in PyTorch; no effect.
        maximize: step along the gradient instead of against it.
        capturable: accepted as in PyTorch; no effect.
        differentiable: must be False: steps leave no tape.
        fused: accepted as in PyTorch; no effect.
        decoupled_weight_decay: do not change the gradient; multiply p by 1 - lr * weight_decay before the step (`AdamW`).

    Raises:
        TypeError: if `params` is a single tensor, a set, or contains something else than tensors.
        ValueError: if there are no parameters, one is given twice or is not a leaf, or a setting is out of its range.

    Source:
        Kingma & Ba, ICLR 2015, algorithm 1; `amsgrad`: Reddi et al., ICLR 2018.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        settings: Settings = dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )
        how = dict(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        super().__init__(params, settings | how | dict(decoupled_weight_decay=decoupled_weight_decay))

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        betas = group["betas"]
        eps = group["eps"]
        decay = group["weight_decay"]
        two = len(betas) == 2 and all(not isinstance(b, Tensor) and 0 <= b < 1 for b in betas)
        if not two or eps < 0 or decay < 0:
            raise ValueError(
                f"Adam: expected two betas in [0, 1), eps and weight_decay >= 0, got {betas}, {eps}, {decay}"
            )

    def state_names(self, group: Mapping[str, Any]) -> set[str]:
        """The names of the entries in each parameter's state: see `Optimizer.state_names`.

        Args:
            group: a parameter group.

        Returns:
            "step", "exp_avg" (m), "exp_avg_sq" (v), and with amsgrad "max_exp_avg_sq".
        """
        return {"step", *_mean_names(group)}

    def update_all(self, entries: Entries, group: Settings) -> None:
        """One step for all parameters of a group; those that have made equally many steps change together.

        Args:
            entries: for each parameter its array, its gradient and its state, which are changed in place.
            group: the settings of the group.
        """
        together: dict[int, list[tuple[Array, ...]]] = {}  # by the number of the step
        for p, g, state in entries:
            _count_step(p, state, group)
            together.setdefault(state["step"], []).append((p, g, *map(state.get, _mean_names(group))))
        lr = rate(group)
        decay = group["weight_decay"]
        decay, shrink = (0.0, 1 - lr * decay) if group["decoupled_weight_decay"] else (decay, 1.0)
        for step, arrays in together.items():
            kernel = kernels.of(arrays[0][0])
            kernel.adam_all(arrays, step, lr, group["betas"], group["eps"], decay, shrink)


def _mean_names(group: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the running means in a parameter's state, in the order in which the kernel takes them."""
    return ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))


def _count_step(p: Array, state: State, group: Mapping[str, Any]) -> None:
    """Add 1 to the number of steps; before the first step, the running means become zeros."""
    if not state:
        state.update({name: namespace(p).zeros_like(p) for name in _mean_names(group)}, step=0)
    state["step"] += 1


class AdamW(Adam):
    """Adam with decoupled weight decay: p <- p (1 - lr weight_decay) before each step; the gradient stays as it is.

    Args:
        params: parameters, or groups of them: dicts with "params" and settings that differ from the arguments below.
        lr: the learning rate, at least 0; a float, or a tensor of one element.
        betas: (b1, b2), each in [0, 1): how much of a running mean each step keeps.
        eps: added to the root of v, at least 0.
        weight_decay: at least 0; see above.
        amsgrad: use the largest v of all steps in place of v.
        options: `Adam`'s other arguments, by name.

    Raises:
        TypeError: as `Adam`.
        ValueError: as `Adam`.

    Source:
        Loshchilov & Hutter, ICLR 2019.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options
        )
