"""Gradients held within bounds before the optimizer's step."""

from __future__ import annotations

import math
from collections.abc import Iterable

from minitransformer import kernels
from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float16
from minitransformer.ops.creation import tensor
from minitransformer.ops.elementwise import abs_
from minitransformer.ops.extreme import amax, amin
from minitransformer.ops.shape import stack


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


def _norm(values: Tensor, norm_type: float) -> Tensor:
    """(sum |x|^p)^(1/p), the largest |x| for p = inf, the smallest for -inf, how many are not 0 for 0. (..) -> ()."""
    magnitudes = abs_(values)
    if math.isinf(norm_type):
        return (amax if norm_type > 0 else amin)(magnitudes)
    return (
        (magnitudes**norm_type).sum() ** (1 / norm_type)
        if norm_type
        else (magnitudes != 0).sum().to(values.dtype)
    )


def _total(tensors: list[Tensor], norm_type: float) -> Tensor:
    """The norm of all; that of half precision in float32, in which it does not overflow."""
    if not tensors:
        return tensor(0.0)
    if norm_type == 2:
        return Tensor(kernels.of(tensors[0].array).norm_of_all([t.array for t in tensors]))
    return _norm(
        stack([_norm(t.float() if t.dtype == float16 else t, norm_type) for t in tensors]), norm_type
    )


@no_grad()
def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all tensors read as one vector: the norm of their norms. Can raise RuntimeError if not finite."""
    total = _total([*tensors], float(norm_type))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"the norm of the gradients is {total.item()}; detect_anomaly() names the op that made it"
        )
    return total


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Shorten the gradient of all parameters, read as one vector, to `max_norm` if it is longer; its direction stays.

    Returns the norm before (Pascanu et al., ICML 2013), of float16 in float32. `foreach` is taken and changes nothing. Raises
    RuntimeError if `error_if_nonfinite` and it is not, ValueError for a negative `max_norm`, which would turn the direction round.
    """
    if max_norm < 0:
        raise ValueError(f"clip_grad_norm_: expected max_norm >= 0, got {max_norm}")
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)  # stays on the device: no waiting for a comparison
    if gradients:
        kernels.of(gradients[0].array).scale_all([g.writable() for g in gradients], factor.array)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Hold every entry of every gradient within +-clip_value."""
    for g in _gradients(parameters):
        g.clamp_(-clip_value, clip_value)
