"""Losses: how far from right, as one number."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import namespace
from minitransformer.errors import check_device
from minitransformer.ops.index import check_ids
from minitransformer.ops.precision import raised

REDUCTIONS = ("mean", "sum", "none")


class CrossEntropy(Op):
    """L_n = -ln softmax(x_n)[target_n], with probabilities smoothed towards uniform by `smoothing`, summed over rows."""

    def __init__(self, target, keep, smoothing: float):
        self.target, self.keep, self.smoothing = target, keep, smoothing  # (N,), (N,)

    def forward(self, x):  # (N, V) -> (N,)
        loss, self.logsumexp = kernels.of(x).cross_entropy(x, self.target, self.smoothing)
        return namespace(x).where(self.keep, loss, 0)

    def vjp(self, g, x):  # dL/dx = softmax(x) - (1 - smoothing) onehot - smoothing / V
        g = namespace(x).where(self.keep, g, 0)
        return (kernels.of(x).cross_entropy_vjp(g, x, self.target, self.logsumexp, self.smoothing),)


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction: expected one of {', '.join(REDUCTIONS)}, got {reduction!r}")


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def cross_entropy(
    input: Tensor, target: Tensor, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """-ln of the probability that softmax(input) gives the right class.

    Logits (N, V) and class ids (N,), or (V,) and (), or (N, V, d_1, ..) and (N, d_1, ..). The mean is over the targets
    that are not `ignore_index`, NaN if there are none. Raises ValueError on shapes, IndexError on a class out of range.
    """
    _check_reduction(reduction)
    if input.ndim == 0 or target.shape != input.shape[:1] * (input.ndim > 1) + input.shape[2:]:
        raise ValueError(f"cross_entropy: logits {input.shape} do not fit targets {target.shape}; expected (N, V) and (N,)")
    check_device("cross_entropy", input, target)
    if target.dtype.kind not in "iu" or input.dtype.kind != "f":
        raise TypeError(f"cross_entropy: expected floating-point logits and integer class ids, got {input.dtype}, {target.dtype}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: expected label_smoothing in [0, 1], got {label_smoothing}")
    (input,) = raised(input)
    rows = input if input.ndim < 3 else input.permute(0, *range(2, input.ndim), 1)
    rows = rows.reshape(-1, rows.shape[-1]) if rows.array.size else rows.reshape(0, input.shape[min(1, input.ndim - 1)])
    ids = target.array.reshape(-1)  # (N,)
    keep = ids != ignore_index
    ids = namespace(ids).where(keep, ids, 0)
    check_ids(ids, rows.shape[1], "cross_entropy: class {} is outside 0..{}")
    loss = CrossEntropy(ids, keep, label_smoothing)(rows)  # (N,)
    if reduction == "mean":
        n = keep.sum()
        return loss.sum() / Tensor(namespace(ids).where(n == 0, math.nan, n).astype(input.dtype))
    return loss.sum() if reduction == "sum" else loss.reshape(target.shape)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)^2, averaged or summed. Raises ValueError if the shapes differ: a broadcast here hides a mistake."""
    _check_reduction(reduction)
    if input.shape != target.shape:
        raise ValueError(f"mse_loss: expected equal shapes, got {input.shape} and {target.shape}")
    input, target = raised(input, target)
    difference = input - target
    return _reduce(difference * difference, reduction)
