"""Learning rates that are a function of the number of steps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from minitransformer.optim.lr_scheduler.scheduler import LRScheduler
from minitransformer.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class LambdaLR(LRScheduler):
    """initial * lr_lambda(step), whatever the rate was before.

    Args:
        optimizer: the optimizer whose groups get the rates.
        lr_lambda: a function of the number of steps, or one for each group.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if the number of functions is not that of the groups.
        KeyError: as `LRScheduler`.
    """

    chains = False

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        n = len(optimizer.param_groups)
        self.lambdas = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * n
        if len(self.lambdas) != n:
            raise ValueError(
                f"{type(self).__name__}: expected {n} functions, one for each group, got {len(self.lambdas)}"
            )
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.

        Raises:
            ValueError: if the group was added later and has no function.
        """
        if group >= len(self.lambdas):
            raise ValueError(
                f"{type(self).__name__}: group {group} came later and has no function; make a new one of all groups"
            )
        return initial * self.lambdas[group](step)


class MultiplicativeLR(LambdaLR):
    """The rate before, times lr_lambda(step).

    Args:
        optimizer: the optimizer whose groups get the rates.
        lr_lambda: a function of the number of steps, or one for each group.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if the number of functions is not that of the groups.
        KeyError: as `LRScheduler`.
    """

    chains = True

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.

        Raises:
            ValueError: if the group was added later and has no function.
        """
        for i in range(1, step + 1):
            initial = super().rate(i, initial, group)
        return initial


class LinearLR(LRScheduler):
    """initial times a factor that changes linearly from `start_factor` to `end_factor` over `total_iters` steps.

    Args:
        optimizer: the optimizer whose groups get the rates.
        start_factor: the factor at step 0, in (0, 1].
        end_factor: the factor from step `total_iters` on, in [0, 1].
        total_iters: the number of steps, at least 1.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if a setting is out of its range.
        KeyError: as `LRScheduler`.
    """

    settings = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1 and total_iters > 0):
            got = f"{start_factor}, {end_factor} and {total_iters}"
            raise ValueError(
                f"LinearLR: expected start_factor in (0, 1], end_factor in [0, 1], total_iters > 0, got {got}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.
        """
        start, end, total = self.start_factor, self.end_factor, self.total_iters
        return initial * (start + (end - start) * min(step, total) / total)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (initial - eta_min) (1 + cos(pi step / T_max)) / 2.

    Args:
        optimizer: the optimizer whose groups get the rates.
        T_max: the number of steps to the lowest rate, at least 1.
        eta_min: the lowest rate.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if `T_max` is not positive.
        KeyError: as `LRScheduler`.

    Source:
        Loshchilov & Hutter, ICLR 2017.
    """

    settings = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: expected T_max > 0, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.
        """
        return self.eta_min + (initial - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


class StepLR(LRScheduler):
    """initial * gamma^k after k times `step_size` steps.

    Args:
        optimizer: the optimizer whose groups get the rates.
        step_size: the number of steps of one rate, at least 1.
        gamma: the factor from one rate to the next.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if `step_size` is not positive.
        KeyError: as `LRScheduler`.
    """

    settings = ("step_size", "gamma")

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size <= 0:
            raise ValueError(f"StepLR: expected step_size > 0, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`."""
        return initial * self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """initial * gamma^k after k of the milestones.

    Args:
        optimizer: the optimizer whose groups get the rates.
        milestones: the steps at which the rate changes; one that stands twice counts twice.
        gamma: the factor at each.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        KeyError: as `LRScheduler`.
    """

    settings = ("milestones", "gamma")

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = dict(Counter(milestones))  # how often each stands there
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`."""
        return initial * self.gamma ** sum(times for m, times in self.milestones.items() if m <= step)


class ExponentialLR(LRScheduler):
    """initial * gamma^step.

    Args:
        optimizer: the optimizer whose groups get the rates.
        gamma: the factor of each step.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        KeyError: as `LRScheduler`.
    """

    settings = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`."""
        return initial * self.gamma**step


class ConstantLR(LRScheduler):
    """initial * factor in the first `total_iters` steps, then initial.

    Args:
        optimizer: the optimizer whose groups get the rates.
        factor: in [0, 1].
        total_iters: the number of steps.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if `factor` is out of its range.
        KeyError: as `LRScheduler`.
    """

    settings = ("factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: expected factor in [0, 1], got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`."""
        return initial * self.factor if step < self.total_iters else initial


class PolynomialLR(LRScheduler):
    """initial * (1 - step / total_iters)^power, and 0 from step `total_iters` on.

    Args:
        optimizer: the optimizer whose groups get the rates.
        total_iters: the number of steps, at least 1.
        power: of the polynomial.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if `total_iters` is not positive.
        KeyError: as `LRScheduler`.
    """

    settings = ("total_iters", "power")

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        if total_iters <= 0:
            raise ValueError(f"PolynomialLR: expected total_iters > 0, got {total_iters}")
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`."""
        left: float = (1 - min(step, self.total_iters) / self.total_iters) ** self.power
        return initial * left
