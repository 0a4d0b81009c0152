"""Learning rates that change from step to step. Warm-up and cosine: `SequentialLR` of `LinearLR` and `CosineAnnealingLR`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from minitransformer.autograd import Tensor, no_grad
from minitransformer.optim.optimizer import Optimizer, rate


class LRScheduler:
    """Sets the learning rate of each group, now and at each `step`. A subclass gives `rate(step, initial)` in closed form.

    A schedule that `chains` goes on from a rate that another one, or its user, has set meanwhile, as PyTorch's do: two of them
    multiply. `settings` names what of it PyTorch's `state_dict` holds. A schedule made with `last_epoch` is one that has come
    that far, and needs the groups' `initial_lr`.
    """

    settings: tuple[str, ...] = ()
    chains = True

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch {last_epoch} needs the 'initial_lr' of group {i}"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        found = self.chains and last_epoch == -1 and not self.begins(0)
        self._initial = (
            [rate(group) for group in optimizer.param_groups] if found else list(self.base_lrs)
        )  # what `rate` starts from
        self._set()

    def rate(self, step: int, initial: float, group: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say its rates")

    def begins(self, step: int) -> bool:
        """Whether everything before `step` is forgotten there."""
        return False

    @no_grad()
    def _set(self) -> None:
        self._last_lr = [self.rate(self.last_epoch, initial, i) for i, initial in enumerate(self._initial)]
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = group["lr"].fill_(lr) if isinstance(group["lr"], Tensor) else lr

    def _solved(self, i: int, step: int, lr: float) -> float | None:
        """The initial rate of group `i` that becomes `lr` at `step`; None if each becomes the same."""
        at_zero, at_one = (self.rate(step, initial, i) for initial in (0.0, 1.0))
        return None if at_zero == at_one else (lr - at_zero) / (at_one - at_zero)

    def _admit(self, i: int, group: dict) -> None:
        """A group that came later goes on from the rate it came with."""
        initial = self._solved(i, self.last_epoch, rate(group))
        if initial is None:
            what = f"at step {self.last_epoch} every initial rate becomes the same, so group {i} cannot join"
            raise ValueError(f"{type(self).__name__}: {what}; add it at another step")
        group["initial_lr"] = initial
        self.base_lrs.append(initial)
        self._initial.append(initial)

    def _follow(self, i: int, lr: float) -> None:
        """Go on from a rate that someone else has set: in proportion, or, where every rate is the same now, by the difference."""
        now, base = self.last_epoch, self.base_lrs[i]
        change = self.rate(now + 1, base, i) - self.rate(now, base, i)
        choices = self._solved(i, now, lr), self._solved(i, now + 1, lr + change)
        self._initial[i] = next((choice for choice in choices if choice is not None), base)

    def step(self) -> None:
        """Go on to the next learning rate; call it after `optimizer.step()`."""
        for i, group in enumerate(self.optimizer.param_groups):
            if i >= len(self.base_lrs):
                self._admit(i, group)
            elif self.begins(self.last_epoch + 1):
                self._initial[i] = self.base_lrs[i]
            elif self.chains and (rate(group) != self._last_lr[i] or self._initial[i] != self.base_lrs[i]):
                self._follow(i, rate(group))
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as this schedule has set it."""
        return list(self._last_lr)

    def state_dict(self) -> dict:
        state = {
            "last_epoch": self.last_epoch,
            "base_lrs": list(self.base_lrs),
            "_initial": list(self._initial),
        }
        return state | {name: getattr(self, name) for name in self.settings}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from where `state_dict` was taken, by us or by PyTorch's schedule of the same name.

        Raises ValueError, changing nothing, if it is none, has settings that this one does not, or other groups.
        """
        known = {"last_epoch", "base_lrs", *self.settings}
        missing = sorted({"last_epoch", "base_lrs"} - state_dict.keys())
        unknown = sorted(
            name for name, value in state_dict.items() if name not in known and name[0] != "_" and value
        )
        if missing or unknown:
            what = f"the state_dict lacks {missing}, and has {unknown}, which this schedule has not"
            raise ValueError(f"{type(self).__name__}: {what}")
        groups = len(self.optimizer.param_groups)
        if len(state_dict["base_lrs"]) != groups:
            raise ValueError(
                f"{type(self).__name__}: expected rates of {groups} groups, got {len(state_dict['base_lrs'])}"
            )
        for name in known & state_dict.keys():
            setattr(self, name, state_dict[name])
        self.base_lrs = list(self.base_lrs)
        self._initial = list(state_dict.get("_initial", self.base_lrs))
        if "_last_lr" in state_dict and self.chains:  # PyTorch's word for where it stood
            solved = [
                self._solved(i, self.last_epoch, float(lr)) for i, lr in enumerate(state_dict["_last_lr"])
            ]
            self._initial = [base if s is None else s for base, s in zip(self.base_lrs, solved, strict=True)]
        self._set()


Factor = Callable[[int], float]


class LambdaLR(LRScheduler):
    """initial * lr_lambda(step), whatever the rate was before."""

    chains = False

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1):
        n = len(optimizer.param_groups)
        self.lambdas = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * n
        if len(self.lambdas) != n:
            raise ValueError(f"LambdaLR: expected {n} functions, one for each group, got {len(self.lambdas)}")
        super().__init__(optimizer, last_epoch)

    def rate(self, step, initial, group):
        if group >= len(self.lambdas):
            raise ValueError(
                f"LambdaLR: group {group} came later and has no function; make a new LambdaLR of all groups"
            )
        return initial * self.lambdas[group](step)


class LinearLR(LRScheduler):
    """initial times a factor that moves from `start_factor` to `end_factor` in a straight line over `total_iters` steps."""

    settings = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5, last_epoch: int = -1
    ):
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1 and total_iters > 0):
            got = f"{start_factor}, {end_factor} and {total_iters}"
            raise ValueError(
                f"LinearLR: expected start_factor in (0, 1], end_factor in [0, 1], total_iters > 0, got {got}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, step, initial, group):
        start, end, total = self.start_factor, self.end_factor, self.total_iters
        return initial * (start + (end - start) * min(step, total) / total)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (initial - eta_min) (1 + cos(pi step / T_max)) / 2 (Loshchilov & Hutter, ICLR 2017)."""

    settings = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: expected T_max > 0, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, step, initial, group):
        return self.eta_min + (initial - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other; each begins again at its own step 0 when its milestone is reached."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ):
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(
                f"SequentialLR: expected one milestone fewer than {len(schedulers)} schedules, got {len(milestones)}"
            )
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: expected schedules of this one optimizer, got some of another")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def begins(self, step):
        return step == 0 or step in self.milestones

    def rate(self, step, initial, group):
        i = sum(step >= m for m in self.milestones)
        return self.schedulers[i].rate(step - (self.milestones[i - 1] if i else 0), initial, group)
