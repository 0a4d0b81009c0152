"""Automatic mixed precision: products in float16, everything delicate in float32 (Micikevicius et al., ICLR 2018).

Parameters stay float32; a copy in half precision goes into each product, and its gradient comes back as float32. Small
gradients would vanish in half precision, so the loss is multiplied by a large number first and the gradients divided by it.
"""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import NO_BFLOAT16, float16, namespace
from minitransformer.ops.precision import autocast_dtype
from minitransformer.optim import Optimizer
from minitransformer.settings import setting


def autocast(device_type: str = "cuda", dtype=float16, enabled: bool = True):
    """Inside this block linear maps, matrix products and attention compute in float16; norms, softmax and losses in float32.

    `device_type` is there for PyTorch's sake: it is the tensors' device that counts. Raises TypeError for another dtype.
    """
    if "bfloat16" in str(dtype):
        raise TypeError(f"autocast: {NO_BFLOAT16}")
    if enabled and dtype != float16:
        raise TypeError(f"autocast: expected float16, got {dtype}")
    return setting(autocast_dtype, float16 if enabled else None)


SCALES = 2.0**-126, 2.0**127  # factors that float32 holds, and whose reciprocals it holds


class GradScaler:
    """Multiplies the loss so that no gradient vanishes in float16, and finds the factor as it goes.

    An overflow skips the step and multiplies the factor by `backoff_factor`; `growth_interval` steps without one multiply it
    by `growth_factor`, as long as it is one of `SCALES`. `skipped` counts the steps that were skipped.
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
        self._finite: dict[int, bool] = {}  # by optimizer: whether its gradients, divided already, are finite

    def get_scale(self) -> float:
        """The factor in use."""
        return self._scale

    def scale(self, outputs: Tensor) -> Tensor:
        """The loss to call `backward` on."""
        return outputs * self._scale if self.enabled else outputs

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients, so that they can be clipped. Raises RuntimeError if that was done since the last update."""
        if id(optimizer) in self._finite:
            raise RuntimeError(
                "unscale_: the gradients of this optimizer are divided already; call update() after each step"
            )
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        self._finite[id(optimizer)] = not self.enabled or not gradients or self._divide(gradients)

    def _divide(self, gradients: list[Tensor]) -> bool:
        """Whether they are all finite; the one moment in which the host waits."""
        kernel, arrays = kernels.of(gradients[0].array), [g.writable() for g in gradients]
        kernel.scale_all(arrays, 1 / self._scale)
        return math.isfinite(kernel.norm_of_all(arrays)) or all(
            namespace(a).isfinite(a).all() for a in arrays
        )

    def step(self, optimizer: Optimizer) -> None:
        """`optimizer.step()`, unless a gradient overflowed."""
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        if self._finite[id(optimizer)]:
            optimizer.step()

    def update(self) -> None:
        """Find the next factor; once after every step."""
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
            grown, self._good_steps = self._scale * self.growth_factor, 0
            self._scale = grown if grown <= SCALES[1] else self._scale

    def state_dict(self) -> dict:
        """What `load_state_dict` goes on from."""
        return {"scale": self._scale, "good_steps": self._good_steps, "skipped": self.skipped}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from where `state_dict` was taken, by us or by PyTorch's GradScaler. Raises ValueError if it is none."""
        steps = "_growth_tracker" if "_growth_tracker" in state_dict else "good_steps"
        settings = {"growth_factor", "backoff_factor", "growth_interval"}
        missing = {"scale", steps} - state_dict.keys()
        unknown = state_dict.keys() - {"scale", steps, "skipped", *settings}
        if missing or unknown:
            raise ValueError(
                f"GradScaler: expected 'scale' and '{steps}' in the state_dict, got {sorted(state_dict)}"
            )
        self._scale, self._good_steps = state_dict["scale"], state_dict[steps]
        self.skipped = state_dict.get("skipped", 0)
        for name in settings & state_dict.keys():
            setattr(self, name, state_dict[name])
