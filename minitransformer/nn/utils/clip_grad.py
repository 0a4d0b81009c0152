"""Limits for gradients, applied between `backward` and the optimizer's step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

from minitransformer import kernels
from minitransformer.autograd import Tensor, no_grad
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.elementwise.arithmetic import abs_
from minitransformer.ops.laws import is_half
from minitransformer.ops.order.extreme import amax, amin
from minitransformer.ops.shape.joining import stack


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients of those parameters that have one."""
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


def _norm(values: Tensor, norm_type: float) -> Tensor:
    """(sum |x|^p)^(1/p); for p = inf the largest |x|, for -inf the smallest, for 0 the number of x != 0. (..) -> ()."""
    magnitudes = abs_(values)
    if math.isinf(norm_type):
        return (amax if norm_type > 0 else amin)(magnitudes)
    if norm_type == 0:
        return (magnitudes != 0).sum().to(values.dtype)
    return (magnitudes**norm_type).sum() ** (1 / norm_type)


def _total(tensors: list[Tensor], norm_type: float) -> Tensor:
    """The norm of all tensors together; half precision is added up in float32, where it does not overflow."""
    if not tensors:
        return tensor(0.0)
    if norm_type == 2:
        return Tensor(kernels.of(tensors[0].array).norm_of_all([t.array for t in tensors]))
    wide = [t.float() if is_half(t.dtype) else t for t in tensors]
    return _norm(stack([_norm(t, norm_type) for t in wide]), norm_type)


@no_grad()
def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all tensors concatenated into one vector.

    Args:
        tensors: floating-point, of any shapes.
        norm_type: p of the p-norm; inf for the largest magnitude.
        error_if_nonfinite: raise an error for a norm of infinity or NaN.

    Returns:
        The norm, (); float32 for tensors of float16.

    Raises:
        RuntimeError: if `error_if_nonfinite` and the norm is not finite.
    """
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
    """Scale the gradients of all parameters so that the norm of all together is at most `max_norm`; in place.

    All are multiplied by the same factor, so the direction of the whole gradient stays.

    Args:
        parameters: a parameter, or several; those without a gradient do not count.
        max_norm: the largest norm, at least 0.
        norm_type: p of the p-norm; inf for the largest magnitude.
        error_if_nonfinite: raise an error for a norm of infinity or NaN.
        foreach: accepted as in PyTorch; no effect.

    Returns:
        The norm before scaling, (); float32 for gradients of float16.

    Raises:
        ValueError: if `max_norm` is negative, which would reverse the gradient.
        RuntimeError: if `error_if_nonfinite` and the norm is not finite.

    Source:
        Pascanu et al., ICML 2013.
    """
    if max_norm < 0:
        raise ValueError(f"clip_grad_norm_: expected max_norm >= 0, got {max_norm}")
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)  # stays on the device: the host need not wait
    if gradients:
        kernels.of(gradients[0].array).scale_all([g.writable() for g in gradients], factor.array)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """`clip_grad_norm_` under its older name, with a warning.

    Args:
        parameters: as in `clip_grad_norm_`.
        max_norm: as in `clip_grad_norm_`.
        norm_type: as in `clip_grad_norm_`.
        error_if_nonfinite: as in `clip_grad_norm_`.
        foreach: as in `clip_grad_norm_`.

    Returns:
        As `clip_grad_norm_`.
    """
    warnings.warn("nn.utils.clip_grad_norm is now clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to [-clip_value, clip_value]; in place.

    Args:
        parameters: a parameter, or several; those without a gradient do not count.
        clip_value: the largest magnitude, at least 0.
    """
    for g in _gradients(parameters):
        g.clamp_(-clip_value, clip_value)
