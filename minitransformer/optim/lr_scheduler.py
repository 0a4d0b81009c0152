"""Learning rates that change from step to step. Warm-up and cosine: `SequentialLR` of `LinearLR` and `CosineAnnealingLR`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from minitransformer.optim.optimizer import Optimizer


class LRScheduler:
    """Sets the learning rate of each group, now and at each `step`. A subclass gives `rate(step, initial)` in closed form."""

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.last_epoch = optimizer, 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._set()

    def rate(self, step: int, initial: float, group: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say its rates")

    def _set(self) -> None:
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.rate(self.last_epoch, self.base_lrs[i], i)

    def step(self) -> None:
        """Go on to the next learning rate; call it after `optimizer.step()`."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict:
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict) -> None:
        self.last_epoch, self.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])
        self._set()


class LambdaLR(LRScheduler):
    """initial * lr_lambda(step)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]):
        n = len(optimizer.param_groups)
        self.lambdas = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * n
        if len(self.lambdas) != n:
            raise ValueError(f"LambdaLR: expected {n} functions, one for each group, got {len(self.lambdas)}")
        super().__init__(optimizer)

    def rate(self, step, initial, group):
        return initial * self.lambdas[group](step)


class LinearLR(LRScheduler):
    """initial times a factor that moves from `start_factor` to `end_factor` in a straight line over `total_iters` steps."""

    def __init__(self, optimizer: Optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5):
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1 and total_iters > 0):
            got = f"{start_factor}, {end_factor} and {total_iters}"
            raise ValueError(f"LinearLR: expected start_factor in (0, 1], end_factor in [0, 1], total_iters > 0, got {got}")
        self.start, self.end, self.total = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, step, initial, group):
        return initial * (self.start + (self.end - self.start) * min(step, self.total) / self.total)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (initial - eta_min) (1 + cos(pi step / T_max)) / 2 (Loshchilov & Hutter, ICLR 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: expected T_max > 0, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, step, initial, group):
        return self.eta_min + (initial - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other; each begins again at its own step 0 when its milestone is reached."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]):
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(f"SequentialLR: expected one milestone fewer than {len(schedulers)} schedules, got {len(milestones)}")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, step, initial, group):
        i = sum(step >= m for m in self.milestones)
        return self.schedulers[i].rate(step - (self.milestones[i - 1] if i else 0), initial, group)
