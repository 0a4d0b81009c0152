"""A learning rate that is lowered when what is watched no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

from minitransformer.autograd import Tensor, no_grad
from minitransformer.optim.optimizer import Optimizer, rate

STATE = (
    "factor patience cooldown eps min_lrs mode threshold threshold_mode best num_bad_epochs cooldown_counter last_epoch"
).split()


class ReduceLROnPlateau:
    """Multiplies the rates by `factor` after more than `patience` steps without a better value.

    Args:
        optimizer: the optimizer whose groups get the rates.
        mode: "min" if smaller values are better, "max" if larger ones are.
        factor: below 1.
        patience: how many steps without a better value are waited for.
        threshold: how much better than the best a value must be to count.
        threshold_mode: "rel": by a share of the best; "abs": by a difference.
        cooldown: how many steps after a change are not counted.
        min_lr: the lowest rate; one, or one for each group.
        eps: a smaller change of a rate is not made.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            what = "expected factor < 1, mode 'min' or 'max', threshold_mode 'rel' or 'abs'"
            raise ValueError(f"ReduceLROnPlateau: {what}, got {factor}, {mode!r}, {threshold_mode!r}")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = (
            threshold,
            threshold_mode,
            cooldown,
            eps,
        )
        self.min_lrs = (
            list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * len(optimizer.param_groups)
        )
        if len(self.min_lrs) != len(optimizer.param_groups):
            raise ValueError(
                f"ReduceLROnPlateau: expected {len(optimizer.param_groups)} min_lrs, got {len(self.min_lrs)}"
            )
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: SupportsFloat) -> None:
        """Take in a value, and lower the rates if it is time.

        Args:
            metrics: the value, a number or a tensor of one element.
        """
        value = float(metrics)
        self.last_epoch += 1
        better = self._improves(value)
        self.best = value if better else self.best
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _improves(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        relative = self.threshold_mode == "rel"
        limit = self.best * (1 - sign * self.threshold) if relative else self.best - sign * self.threshold
        return sign * value < sign * limit

    @no_grad()
    def _reduce(self) -> None:
        # a group that was added later is held to the lowest rate of the last
        lowest = self.min_lrs + self.min_lrs[-1:] * (len(self.optimizer.param_groups) - len(self.min_lrs))
        for group, least in zip(self.optimizer.param_groups, lowest, strict=True):
            old = rate(group)
            new = max(old * self.factor, least)
            if old - new > self.eps:
                group["lr"] = group["lr"].fill_(new) if isinstance(group["lr"], Tensor) else new

    def get_last_lr(self) -> list[float]:
        """The learning rates in use.

        Returns:
            One for each group.
        """
        return [rate(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The settings, the best value and the counts, to save.

        Returns:
            A dict for `load_state_dict`.
        """
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a saved state, of this schedule or of PyTorch's.

        Args:
            state_dict: what `state_dict` returned.

        Raises:
            ValueError: without any change, if an entry is missing.
        """
        if missing := [name for name in STATE if name not in state_dict]:
            raise ValueError(f"ReduceLROnPlateau: the state_dict lacks {missing}")
        for name in STATE:
            setattr(self, name, state_dict[name])
