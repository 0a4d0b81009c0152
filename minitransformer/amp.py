"""Automatic mixed precision: matrix products in float16 or bfloat16; norms, softmax and losses, which need more, in float32.

Parameters stay float32. Each product reads a copy of them in half precision, and their gradients are float32. Gradients below the
smallest float16 number would become zero, so the loss is multiplied by a large factor before `backward`, and the gradients are
divided by it afterwards. `exponents.GradientExponents` shows it: how large the gradients of a run are by layer, which of them
vanish or overflow in float16, and where a scale moves them.

Source:
    Micikevicius et al., ICLR 2018.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import DType, float16, namespace
from minitransformer.brain_float import bfloat16
from minitransformer.ops.laws import is_half
from minitransformer.ops.precision import autocast_dtype
from minitransformer.optim import Optimizer
from minitransformer.settings import setting


def autocast(
    device_type: str = "cuda",
    dtype: DType | None = None,
    enabled: bool = True,
    cache_enabled: bool | None = None,
) -> setting:
    """Inside this block linear maps, matrix products and attention compute in half precision; norms, softmax and losses in float32.

    Args:
        device_type: "cpu" or "cuda"; it decides on the dtype if none is given.
        dtype: float16, or bfloat16, whose products are of rounded numbers, computed in float32 and rounded; None means bfloat16
            for "cpu" and float16 for "cuda", as in PyTorch.
        enabled: whether the block changes anything.
        cache_enabled: accepted as in PyTorch; no effect.

    Returns:
        A context manager, which is also a decorator.

    Raises:
        TypeError: for another dtype.
        ImportError: for bfloat16, if ml_dtypes is not installed.
    """
    if dtype is None:
        dtype = bfloat16() if device_type.startswith("cpu") else float16
    if enabled and not is_half(numpy.dtype(dtype)):
        raise TypeError(f"autocast: expected float16 or bfloat16, got {dtype}")
    return setting(autocast_dtype, numpy.dtype(dtype) if enabled else None)


SCALES = 2.0**-126, 2.0**127  # the smallest and the largest factor: float32 holds both, and their reciprocals


class GradScaler:
    """Multiplies the loss by a factor so that small gradients are not zero in float16, and adapts this factor during training.

    A step whose gradients overflow is skipped, and the factor is multiplied by `backoff_factor`. After `growth_interval` steps
    without an overflow it is multiplied by `growth_factor`. It stays within `SCALES`.

    Args:
        device: has no effect; it is accepted because PyTorch has it.
        init_scale: the first factor.
        growth_factor: above 1.
        backoff_factor: between 0 and 1.
        growth_interval: in steps.
        enabled: False makes the factor 1; overflows are then not looked for.

    Attributes:
        skipped: the number of skipped steps.

    Raises:
        ValueError: if a factor is out of range.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if growth_factor <= 1 or not 0 < backoff_factor < 1:
            raise ValueError(
                f"GradScaler: expected growth > 1 and 0 < backoff < 1, got {growth_factor} and {backoff_factor}"
            )
        self._scale = float(init_scale) if enabled else 1.0
        self.growth_factor = growth_factor
        self.backoff_factor = backoff_factor
        self.growth_interval = growth_interval
        self.enabled, self.skipped, self._good_steps = enabled, 0, 0
        self._finite: dict[
            int, bool
        ] = {}  # id of an optimizer whose gradients are divided -> whether they are finite

    def get_scale(self) -> float:
        """The factor in use.

        Returns:
            A float; 1 if the scaler is not enabled.
        """
        return self._scale

    def scale(self, outputs: Tensor) -> Tensor:
        """Multiply the loss by the factor.

        Args:
            outputs: the loss.

        Returns:
            The tensor to call `backward` on.
        """
        return outputs * self._scale if self.enabled else outputs

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the factor, in place, so that they can be clipped.

        Args:
            optimizer: the optimizer of the parameters whose gradients are divided.

        Raises:
            RuntimeError: if they have been divided since the last `update`.
        """
        if id(optimizer) in self._finite:
            raise RuntimeError(
                "unscale_: the gradients of this optimizer have been divided already; call update() after each step"
            )
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        self._finite[id(optimizer)] = not self.enabled or not gradients or self._divide(gradients)

    def _divide(self, gradients: list[Tensor]) -> bool:
        """Divide the gradients in place; returns whether all are finite. For this answer the host waits for the device."""
        kernel = kernels.of(gradients[0].array)
        arrays = [g.writable() for g in gradients]
        kernel.scale_all(arrays, 1 / self._scale)
        return math.isfinite(kernel.norm_of_all(arrays)) or all(
            namespace(a).isfinite(a).all() for a in arrays
        )

    def step(self, optimizer: Optimizer) -> None:
        """Call `optimizer.step()`, unless a gradient overflowed.

        Args:
            optimizer: its gradients are divided first, if `unscale_` has not done so.
        """
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        if self._finite[id(optimizer)]:
            optimizer.step()

    def update(self) -> None:
        """Adapt the factor; call it once after each step.

        Raises:
            RuntimeError: if there was no step since the last call.
        """
        if not self._finite:
            raise RuntimeError(
                "update: no step since the last one; the order is scale, backward, step, update"
            )
        overflow = not all(self._finite.values())
        self._finite.clear()
        self.skipped += overflow
        self._good_steps = 0 if overflow else self._good_steps + 1
        if self.enabled and overflow:
            self._scale = max(self._scale * self.backoff_factor, SCALES[0])
        elif self.enabled and self._good_steps == self.growth_interval:
            grown = self._scale * self.growth_factor
            self._good_steps = 0
            self._scale = grown if grown <= SCALES[1] else self._scale

    def state_dict(self) -> dict[str, Any]:
        """The factor, the steps since the last overflow, and the number of skipped steps.

        Returns:
            The state for `load_state_dict`.
        """
        return {"scale": self._scale, "good_steps": self._good_steps, "skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state.

        Args:
            state_dict: from `state_dict` of this class or of PyTorch's GradScaler.

        Raises:
            ValueError: if it has other keys.
        """
        steps = "_growth_tracker" if "_growth_tracker" in state_dict else "good_steps"
        settings = {"growth_factor", "backoff_factor", "growth_interval"}
        missing = {"scale", steps} - state_dict.keys()
        unknown = state_dict.keys() - {"scale", steps, "skipped", *settings}
        if missing or unknown:
            raise ValueError(
                f"GradScaler: expected 'scale' and '{steps}' in the state_dict, got {sorted(state_dict)}"
            )
        self._scale = state_dict["scale"]
        self._good_steps = state_dict[steps]
        self.skipped = state_dict.get("skipped", 0)
        for name in settings & state_dict.keys():
            setattr(self, name, state_dict[name])
