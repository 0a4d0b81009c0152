"""The base of all schedules: a rate for each group, set when the schedule is made and at each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minitransformer.autograd import Tensor, no_grad
from minitransformer.optim.optimizer import Optimizer, rate


class LRScheduler:
    """Sets the learning rate of each group, when it is made and at each `step`.

    A subclass defines `rate(step, initial, group)`. If its class attribute `chains` is True, the schedule continues from a rate
    that another schedule or the user has set in between, as PyTorch's do: the factors of two schedules then multiply. The class
    attribute `settings` names the attributes that `state_dict` saves, as PyTorch's does.

    Args:
        optimizer: the optimizer whose groups get the rates.
        last_epoch: the number of steps made already, minus 1. With another value than -1, each group must have "initial_lr".

    Raises:
        KeyError: if a group has no "initial_lr" although steps have been made.
    """

    settings: tuple[str, ...] = ()
    chains = True

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        self.last_epoch = last_epoch + 1
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch {last_epoch} needs the 'initial_lr' of group {i}"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        current = self.chains and last_epoch == -1 and not self.begins(0)
        rates = [rate(group) for group in optimizer.param_groups] if current else self.base_lrs
        self._initial = list(rates)  # the argument `initial` of `rate`, for each group
        self._set()

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps; a subclass defines it.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.

        Raises:
            NotImplementedError: if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__}: define rate(self, step, initial, group)")

    def begins(self, step: int) -> bool:
        """Whether the schedule starts again at `step` from the groups' `initial_lr`, whatever the rate was before.

        Args:
            step: the number of steps, from 0 on.

        Returns:
            False, unless a subclass says otherwise.
        """
        return False

    def _now(self) -> Any:
        """The number of steps for `rate`."""
        return self.last_epoch

    @no_grad()
    def _set(self) -> None:
        self._last_lr = [self.rate(self._now(), initial, i) for i, initial in enumerate(self._initial)]
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = group["lr"].fill_(lr) if isinstance(group["lr"], Tensor) else lr

    def _solved(self, i: int, step: int, lr: float) -> float | None:
        """The initial rate with which group `i` has the rate `lr` at `step`; None if the initial rate has no effect."""
        at_zero, at_one = (self.rate(step, initial, i) for initial in (0.0, 1.0))
        return None if at_zero == at_one else (lr - at_zero) / (at_one - at_zero)

    def _admit(self, i: int, group: dict[str, Any]) -> None:
        """Take in a group that was added to the optimizer later: it continues from its own rate."""
        initial = self._solved(i, self.last_epoch, rate(group))
        if initial is None:
            what = f"at step {self.last_epoch} every initial rate becomes the same, so group {i} cannot join"
            raise ValueError(f"{type(self).__name__}: {what}; add the group at another step")
        group["initial_lr"] = initial
        self.base_lrs.append(initial)
        self._initial.append(initial)

    def _follow(self, i: int, lr: float) -> None:
        """Continue from a rate set elsewhere: in proportion, or by difference where the initial rate has no effect."""
        now = self.last_epoch
        base = self.base_lrs[i]
        change = self.rate(now + 1, base, i) - self.rate(now, base, i)
        choices = self._solved(i, now, lr), self._solved(i, now + 1, lr + change)
        self._initial[i] = next((choice for choice in choices if choice is not None), base)

    def step(self) -> None:
        """Set the next learning rate; call it after `optimizer.step()`.

        Raises:
            ValueError: if a group was added to the optimizer and cannot join at this step.
        """
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
        """The learning rates that this schedule has set last.

        Returns:
            One for each group.
        """
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps, the initial rates and the settings, to save.

        Returns:
            A dict for `load_state_dict`.
        """
        state = {"last_epoch": self.last_epoch, "base_lrs": [*self.base_lrs], "_initial": [*self._initial]}
        return state | {name: getattr(self, name) for name in self.settings}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state, of this schedule or of PyTorch's schedule of the same name.

        Args:
            state_dict: what `state_dict` returned.

        Raises:
            ValueError: without any change, if it is not such a dict, has settings that this schedule does not have, or is of
                another number of groups.
        """
        known = {"last_epoch", "base_lrs", *self.settings}
        missing = sorted({"last_epoch", "base_lrs"} - state_dict.keys())
        unknown = sorted(
            name
            for name, value in state_dict.items()
            if name not in known and name[0] != "_" and _is_set(value)
        )
        if missing or unknown:
            what = f"the state_dict lacks {missing}, and has {unknown}, which this schedule does not have"
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
        if "_last_lr" in state_dict and self.chains:  # PyTorch's name for the current rates
            last = enumerate(state_dict["_last_lr"])
            solved = [self._solved(i, self.last_epoch, float(lr)) for i, lr in last]
            self._initial = [base if s is None else s for base, s in zip(self.base_lrs, solved, strict=True)]
        self._set()


def _is_set(value: Any) -> bool:
    """Whether a saved setting says anything: PyTorch saves functions as a list of None."""
    return any(value) if isinstance(value, list) else bool(value)


class SequentialLR(LRScheduler):
    """Several schedules, one after the other; each counts its steps from 0 when its milestone is reached.

    Args:
        optimizer: the optimizer whose groups get the rates.
        schedulers: the schedules, all of this optimizer.
        milestones: the steps at which the second, third, .. schedule starts.
        last_epoch: the number of steps made already, minus 1.

    Raises:
        ValueError: if there is not one milestone fewer than schedules, or a schedule is of another optimizer.
        KeyError: as `LRScheduler`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) != len(milestones) + 1:
            raise ValueError(
                f"SequentialLR: expected one milestone fewer than {len(schedulers)} schedules, got {len(milestones)}"
            )
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: expected schedules of this one optimizer, got some of another")
        self.schedulers = list(schedulers)
        self.milestones = list(milestones)
        super().__init__(optimizer, last_epoch)

    def begins(self, step: int) -> bool:
        """Whether one of the schedules starts at `step`.

        Args:
            step: the number of steps, from 0 on.

        Returns:
            True at 0 and at each milestone.
        """
        return step == 0 or step in self.milestones

    def rate(self, step: int, initial: float, group: int) -> float:
        """The learning rate after a number of steps: see `LRScheduler.rate`.

        Args:
            step: the number of steps, from 0 on.
            initial: the learning rate from which the schedule starts.
            group: the number of the parameter group.

        Returns:
            The learning rate.
        """
        i = sum(step >= m for m in self.milestones)
        return self.schedulers[i].rate(step - (self.milestones[i - 1] if i else 0), initial, group)


class ChainedScheduler(LRScheduler):
    """Several schedules at once: each step of this one is a step of each of them, in order.

    Args:
        schedulers: the schedules, all of one optimizer; their factors multiply.
        optimizer: the optimizer; None means that of the schedules.

    Raises:
        ValueError: if there is no schedule, or one is of another optimizer.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler: expected at least one schedule, got none")
        self.schedulers = list(schedulers)
        self.optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        if any(scheduler.optimizer is not self.optimizer for scheduler in schedulers):
            raise ValueError("ChainedScheduler: expected schedules of one optimizer, got some of another")
        self._read()

    def _read(self) -> None:
        self._last_lr = [rate(group) for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Make a step of each schedule; call it after `optimizer.step()`."""
        for scheduler in self.schedulers:
            scheduler.step()
        self._read()

    def state_dict(self) -> dict[str, Any]:
        """The states of the schedules, to save.

        Returns:
            A dict for `load_state_dict`.
        """
        return {"_schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state, of this schedule or of PyTorch's.

        Args:
            state_dict: what `state_dict` returned.

        Raises:
            ValueError: if it is of another number of schedules.
        """
        states = state_dict["_schedulers"]
        if len(states) != len(self.schedulers):
            raise ValueError(
                f"ChainedScheduler: expected the states of {len(self.schedulers)} schedules, got {len(states)}"
            )
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        self._read()
