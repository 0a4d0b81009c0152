"""Learning rates that go up and down in straight lines, again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.optim.lr_scheduler.cycles import _each
from minitransformer.optim.lr_scheduler.scheduler import LRScheduler
from minitransformer.optim.optimizer import Optimizer

# what the height of a triangle is multiplied by, and what that is a function of
SCALES: dict[str, tuple[Callable[[float, float], float], str]] = {
    "triangular": (lambda x, gamma: 1.0, "cycle"),
    "triangular2": (lambda x, gamma: 1 / 2.0 ** (x - 1), "cycle"),
    "exp_range": (lambda x, gamma: gamma**x, "iterations"),
}


class CyclicLR(LRScheduler):
    """From `base_lr` to `max_lr` in `step_size_up` steps, back in `step_size_down`, and again; the momentum moves against it.

    Args:
        optimizer: the optimizer whose groups get the rates.
        base_lr: the lowest rate, or one for each group.
        max_lr: the highest, or one for each group.
        step_size_up: how many steps a rate rises.
        step_size_down: how many it falls; None means as many.
        mode: "triangular"; "triangular2" for triangles each half as high as the one before; "exp_range" for heights times
            gamma^step.
        gamma: of "exp_range".
        scale_fn: a function that takes the place of the modes.
        scale_mode: what that is a function of: "cycle", the number of the triangle from 1 on, or "iterations", of the step.
        cycle_momentum: whether the momentum, or Adam's first beta, moves too.
        base_momentum: its lowest value, or one for each group.
        max_momentum: its highest, or one for each group.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: for another mode, a wrong number of rates, or an optimizer that has no momentum.
        KeyError: as `LRScheduler`.

    Source:
        Smith, WACV 2017.
    """

    settings = tuple(
        """total_size step_ratio mode gamma scale_mode max_lrs cycle_momentum use_beta1 base_momentums
        max_momentums""".split()
    )
    chains = False

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.step_ratio = step_size_up / self.total_size
        if scale_fn is None and mode not in SCALES:
            raise ValueError(f"CyclicLR: expected a mode {', '.join(SCALES)}, or a scale_fn, got {mode!r}")
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn else SCALES[mode][1]
        self.max_lrs = _each(max_lr, optimizer, "max_lr")
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, _each(base_lr, optimizer, "base_lr"), strict=True):
                group["lr"] = group["initial_lr"] = low
        self.cycle_momentum, self.use_beta1 = cycle_momentum, "betas" in optimizer.defaults
        if cycle_momentum and not optimizer.defaults.keys() & {"betas", "momentum"}:
            raise ValueError(
                "CyclicLR: cycle_momentum needs an optimizer with a momentum or betas; pass False"
            )
        bounds = ((base_momentum, "base_momentum"), (max_momentum, "max_momentum"))
        self.base_momentums, self.max_momentums = (_each(m, optimizer, name) for m, name in bounds)
        super().__init__(optimizer, last_epoch)

    def _height(self, step: int) -> float:
        """How far from the lowest value to the highest."""
        cycle = math.floor(1 + step / self.total_size)
        x = 1 + step / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        of = cycle if self.scale_mode == "cycle" else step
        return share * (self.scale_fn(of) if self.scale_fn else SCALES[self.mode][0](of, self.gamma))

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Raises:
            ValueError: if the group was added later.
        """
        if group >= len(self.max_lrs):
            raise ValueError(
                f"CyclicLR: group {group} came later and has no max_lr; make a new CyclicLR of all groups"
            )
        return initial + (self.max_lrs[group] - initial) * self._height(step)

    def _set(self) -> None:
        super()._set()
        height = self._height(self.last_epoch)
        for i, group in enumerate(self.optimizer.param_groups if self.cycle_momentum else ()):
            momentum = self.max_momentums[i] - (self.max_momentums[i] - self.base_momentums[i]) * height
            new: dict[str, Any] = {"momentum": momentum}
            group.update({"betas": (momentum, *group["betas"][1:])} if self.use_beta1 else new)
