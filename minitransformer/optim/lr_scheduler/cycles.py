"""Learning rates that rise again: cosines with restarts, and one large cycle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.optim.lr_scheduler.scheduler import LRScheduler
from minitransformer.optim.optimizer import Optimizer


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosines from initial to eta_min, each beginning anew: the first over `T_0` steps, each next over `T_mult` times as many.

    Args:
        optimizer: the optimizer whose groups get the rates.
        T_0: the number of steps to the first restart, at least 1.
        T_mult: an integer from 1 on.
        eta_min: the lowest rate.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if a setting is out of its range.
        KeyError: as `LRScheduler`.

    Source:
        Loshchilov & Hutter, ICLR 2017.
    """

    settings = ("T_0", "T_i", "T_mult", "eta_min", "T_cur")
    chains = False

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not (isinstance(T_0, int) and isinstance(T_mult, int) and T_0 > 0 and T_mult > 0):
            raise ValueError(
                f"CosineAnnealingWarmRestarts: expected integers T_0, T_mult >= 1, got {T_0}, {T_mult}"
            )
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_cur, self.T_i = self._cycle(last_epoch + 1)
        super().__init__(optimizer, last_epoch)

    def _cycle(self, step: float) -> tuple[float, int]:
        """The steps since the last restart, and those from it to the next."""
        length = self.T_0
        while step >= length:
            step -= length
            length *= self.T_mult
        return step, length

    def _now(self) -> float:
        return self.last_epoch + self.T_cur % 1

    def step(self, epoch: float | None = None) -> None:
        """Set the next learning rate.

        Args:
            epoch: the number of steps from which the schedule goes on, which may lie between two; None means one more.

        Raises:
            ValueError: if `epoch` is negative, or a group was added to the optimizer and cannot join at this step.
        """
        if epoch is None:
            epoch = self._now() + 1
        if epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: expected an epoch >= 0, got {epoch}")
        self.T_cur, self.T_i = self._cycle(epoch)
        self.last_epoch = math.floor(epoch) - 1
        super().step()

    def rate(self, step: float, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
        """
        done, length = self._cycle(step)
        return self.eta_min + (initial - self.eta_min) * (1 + math.cos(math.pi * done / length)) / 2


Curve = Callable[[float, float, float], float]


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _line(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


CURVES: dict[str, Curve] = {"cos": _cosine, "linear": _line}


class OneCycleLR(LRScheduler):
    """The rate rises to `max_lr` and falls far below where it began; the momentum falls and rises.

    Args:
        optimizer: the optimizer whose groups get the rates.
        max_lr: the highest rate; one, or one for each group.
        total_steps: the number of steps; None means `epochs` times `steps_per_epoch`.
        epochs: see `total_steps`.
        steps_per_epoch: see `total_steps`.
        pct_start: the share of steps in which the rate rises, in [0, 1].
        anneal_strategy: "cos" or "linear": the curve from one rate to the next.
        cycle_momentum: whether the momentum, or the first of Adam's betas, changes too.
        base_momentum: the lowest momentum; one, or one for each group.
        max_momentum: the highest; one, or one for each group.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last rate is the first / final_div_factor.
        three_phase: whether the rate falls to the first in as many steps as it rose, and only then to the last.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if a setting is out of its range, the number of rates is not that of the groups, or the optimizer has no
            momentum that could change.
        KeyError: as `LRScheduler`.

    Source:
        Smith & Topin, arXiv 1708.07120, 2017.
    """

    settings = ("total_steps", "cycle_momentum", "use_beta1")
    chains = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.total_steps = (epochs or 0) * (steps_per_epoch or 0) if total_steps is None else total_steps
        self.cycle_momentum, self.use_beta1 = cycle_momentum, "betas" in optimizer.defaults
        self._check(optimizer, pct_start, anneal_strategy)
        self.curve, self.phases = CURVES[anneal_strategy], _phases(self.total_steps, pct_start, three_phase)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, _each(max_lr, optimizer, "max_lr"), strict=True):
                first = top / div_factor
                group.update(initial_lr=first, max_lr=top, min_lr=first / final_div_factor)
            if cycle_momentum:
                low, high = (
                    _each(base_momentum, optimizer, "momentums"),
                    _each(max_momentum, optimizer, "momentums"),
                )
                for group, base, top in zip(optimizer.param_groups, low, high, strict=True):
                    group.update(base_momentum=base, max_momentum=top)
        super().__init__(optimizer, last_epoch)

    def _check(self, optimizer: Optimizer, pct_start: float, anneal_strategy: str) -> None:
        if not isinstance(self.total_steps, int) or self.total_steps <= 0:
            raise ValueError(
                f"OneCycleLR: expected total_steps, or epochs and steps_per_epoch, > 0, got {self.total_steps}"
            )
        if not 0 <= pct_start <= 1 or anneal_strategy not in CURVES:
            what = "expected pct_start in [0, 1], anneal_strategy 'cos' or 'linear'"
            raise ValueError(f"OneCycleLR: {what}, got {pct_start}, {anneal_strategy!r}")
        if self.cycle_momentum and not optimizer.defaults.keys() & {"betas", "momentum"}:
            raise ValueError(
                "OneCycleLR: cycle_momentum needs an optimizer with a momentum or betas; pass False"
            )

    def _between(self, step: float, group: int, names: int) -> float:
        """The value at a step: of the rates for `names` 0, of the momentums for 1."""
        settings = self.optimizer.param_groups[group]
        if step > self.total_steps:
            raise ValueError(f"OneCycleLR: expected at most {self.total_steps} steps, got {step}")
        if "max_lr" not in settings:
            raise ValueError(
                f"OneCycleLR: group {group} came later and has no max_lr; make a new OneCycleLR of all groups"
            )
        ends = [phase[0] for phase in self.phases]
        i = next((i for i, end in enumerate(ends) if step <= end), len(ends) - 1)
        end, *ways = self.phases[i]
        start = ends[i - 1] if i else 0.0
        before, after = ways[names]
        return self.curve(settings[before], settings[after], (step - start) / (end - start))

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Raises:
            ValueError: if there are no more steps, or the group was added later.
        """
        return self._between(step, group, 0)

    def _set(self) -> None:
        super()._set()
        for i, group in enumerate(self.optimizer.param_groups if self.cycle_momentum else ()):
            momentum = self._between(self.last_epoch, i, 1)
            group.update(
                {"betas": (momentum, *group["betas"][1:])} if self.use_beta1 else {"momentum": momentum}
            )


Phase = tuple[
    float, tuple[str, str], tuple[str, str]
]  # its last step; the rates, and the momentums, at its two ends


def _phases(steps: int, rising: float, three: bool) -> list[Phase]:
    up: Phase = (rising * steps - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three:
        return [up, (steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    down: Phase = (2 * rising * steps - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [up, down, (steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]


def _each(value: Any, optimizer: Optimizer, what: str) -> list[float]:
    """One value for each group."""
    n = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * n
    if len(values) != n:
        raise ValueError(f"OneCycleLR: expected {n} {what}, one for each group, got {len(values)}")
    return values
