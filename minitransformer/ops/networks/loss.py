"""Losses of classes: how improbable the right one is, as one number."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.errors import check_device
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.index.bounds import check_ids
from minitransformer.ops.index.picking import gather
from minitransformer.ops.laws import Remembers, Tangent
from minitransformer.ops.networks.softmax import log_softmax
from minitransformer.ops.precision import raised
from minitransformer.settings import counted

REDUCTIONS = ("mean", "sum", "none")


class CrossEntropy(Remembers, Tangent):
    """L_n = -ln softmax(x_n)[target_n] for each row, (N, V) -> (N,). Relevance by the tangent.

    Args:
        target: class ids (N,).
        keep: (N,), False for a row whose loss is 0 whatever it holds.
        smoothing: the part of each target, from 0 to 1, that is spread evenly over all V classes.
    """

    sink = "softmax"

    def __init__(self, target: Array, keep: Array, smoothing: float):
        self.target, self.keep, self.smoothing = target, keep, smoothing  # (N,), (N,)

    def forward(self, x: Array) -> Array:  # (N, V) -> (N,)
        loss, *sums = kernels.of(x).cross_entropy(x, self.target, self.smoothing)
        self.remember((x,), sums)
        return namespace(x).where(self.keep, loss, 0)

    # dL/dx = softmax(x) - (1 - smoothing) onehot - smoothing / V
    def vjp(self, g: Array, x: Array) -> Arrays:
        g = namespace(x).where(self.keep, g, 0)
        return (kernels.of(x).cross_entropy_vjp(g, x, self.target, *self.recalled(x), self.smoothing),)


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's older and newer arguments mean.

    Args:
        size_average: an older form: False means "sum", True "mean"; None if not given.
        reduce: an older form: False means "none"; None if not given.
        reduction: what holds if neither is given.

    Returns:
        "mean", "sum" or "none".

    Raises:
        ValueError: `reduction` is another word.
    """
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction: expected one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return reduction


def reduced(loss: Tensor, reduction: str, counts: Array | float | None = None) -> Tensor:
    """One number for all losses, or the losses themselves.

    Args:
        loss: any shape.
        reduction: "mean", "sum" or "none".
        counts: what the mean divides by, when it is added up; None for the number of losses.

    Returns:
        A 0-d tensor; with "none", `loss`.
    """
    if reduction == "none":
        return loss
    count = counted.get()
    if reduction == "sum" or (counts is None and count is None):
        return loss.sum() if reduction == "sum" else loss.mean()
    xp = namespace(loss.array)
    n = xp.asarray(loss.array.size if counts is None else counts).sum()
    n = count(n) if count else n
    return loss.sum() / Tensor(xp.where(n == 0, math.nan, n).astype(loss.dtype))  # NaN for a mean of nothing


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-ln softmax(input)[target]: how improbable the right class is.

    Args:
        input: logits (N, V), (V,) or (N, V, d_1, ..), floating-point.
        target: class ids (N,), () or (N, d_1, ..); or probabilities in the shape of the logits.
        weight: (V,), a factor for each class; None means 1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        ignore_index: targets with this id count for nothing.
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.
        label_smoothing: the part of each target, from 0 to 1, that is spread evenly over all classes.

    Returns:
        A 0-d tensor, or the shape of the ids with "none". The mean weighs each target by the weight of its class; it is NaN
        if no target counts.

    Raises:
        ValueError: the shapes do not fit, or a setting is out of range.
        TypeError: a dtype does not fit.
        IndexError: a class id is out of range; on a GPU only inside `detect_anomaly`.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: expected label_smoothing in [0, 1], got {label_smoothing}")
    input, weight = raised(input, weight)
    _check("cross_entropy", input, target, weight)
    if target.dtype.kind in FLOATS:
        if ignore_index >= 0:
            raise ValueError(
                "cross_entropy: ignore_index names a class id, and the targets are probabilities"
            )
        return reduced(*_of_probabilities(input, *raised(target), weight, label_smoothing, reduction))
    rows, ids, keep = _by_rows("cross_entropy", input, target, ignore_index)
    counts = _counts(ids, keep, weight)
    if weight is None:
        loss = CrossEntropy(ids, keep, label_smoothing)(rows)  # (N,)
    else:
        loss = CrossEntropy(ids, keep, 0.0)(rows) * Tensor(counts * (1 - label_smoothing))
        if label_smoothing:
            even = -(log_softmax(rows, -1) * weight).sum(-1) * (label_smoothing / rows.shape[-1])
            loss = loss + where(Tensor(keep), even, 0.0)
    return reduced(loss.reshape(target.shape) if reduction == "none" else loss, reduction, counts)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target]: `cross_entropy` for an input of log-probabilities.

    Args:
        input: log-probabilities (N, V), (V,) or (N, V, d_1, ..).
        target: class ids (N,), () or (N, d_1, ..).
        weight: (V,), a factor for each class; None means 1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        ignore_index: targets with this id count for nothing.
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or the shape of the ids with "none".

    Raises:
        ValueError: the shapes do not fit.
        TypeError: a dtype does not fit.
        IndexError: a class id is out of range; on a GPU only inside `detect_anomaly`.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    input, weight = raised(input, weight)
    _check("nll_loss", input, target, weight)
    rows, ids, keep = _by_rows("nll_loss", input, target, ignore_index)
    counts = _counts(ids, keep, weight).astype(rows.dtype)
    # (N,)
    loss = where(Tensor(keep), -gather(rows, 1, Tensor(ids[:, None])).squeeze(1) * Tensor(counts), 0.0)
    return reduced(loss.reshape(target.shape) if reduction == "none" else loss, reduction, counts)


def _check(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Raise TypeError unless devices and dtypes fit, ValueError unless there is a weight for each class, or none."""
    check_device(name, input, target, weight)
    if input.dtype.kind not in FLOATS or target.dtype.kind not in (
        "iufV" if name == "cross_entropy" else "iu"
    ):
        what = "floating-point logits and integer class ids (of cross_entropy: or probabilities)"
        raise TypeError(f"{name}: expected {what}, got {input.dtype}, {target.dtype}")
    if weight is None:
        return
    if weight.shape != input.shape[min(1, input.ndim - 1) :][:1]:
        raise ValueError(
            f"{name}: expected a weight for each class of logits {input.shape}, got weights {weight.shape}"
        )
    if weight.dtype != input.dtype:
        raise TypeError(
            f"{name}: logits are {input.dtype}, class weights {weight.dtype}; call .to(...) on one of them"
        )
    if weight.requires_grad and target.dtype.kind not in FLOATS:
        raise RuntimeError(f"{name}: class weights get no gradient from class ids; detach() them")


def _by_rows(name: str, input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Array, Array]:
    """Logits (N, V), class ids (N,), and which of them count (N,); an id that does not is 0."""
    if input.ndim == 0 or target.shape != input.shape[:1] * (input.ndim > 1) + input.shape[2:]:
        raise ValueError(
            f"{name}: logits {input.shape} do not fit targets {target.shape}; expected (N, V) and (N,)"
        )
    rows = input if input.ndim < 3 else input.permute(0, *range(2, input.ndim), 1)
    rows = (
        rows.reshape(-1, rows.shape[-1])
        if rows.array.size
        else rows.reshape(0, input.shape[min(1, input.ndim - 1)])
    )
    ids = target.array.reshape(-1)
    keep = ids != ignore_index
    ids = namespace(ids).where(keep, ids, 0)
    check_ids(ids, rows.shape[1], name + ": class {} is outside 0..{}")
    return rows, ids, keep


def _counts(ids: Array, keep: Array, weight: Tensor | None) -> Array:
    """How much each target counts in a mean: its class's weight, or one; 0 for what is ignored. (N,)."""
    return keep if weight is None else namespace(ids).where(keep, weight.array[ids], 0)


def _of_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, smoothing: float, reduction: str
) -> tuple[Tensor, str, float]:
    """-sum over classes of weight * target * ln softmax(input); the reduction, and the number of targets."""
    if target.shape != input.shape or not input.ndim:
        what = f"cross_entropy: expected probabilities of the logits' shape {input.shape}, got {target.dtype} {target.shape}"
        raise ValueError(f"{what}; if they are class ids, call .long()")
    dim = min(1, input.ndim - 1)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    parts = log_softmax(input, dim) * target  # (N, V, ..)
    if weight is not None:
        parts = parts * weight.reshape(-1, *[1] * (input.ndim - 1 - dim))
    loss = -parts.sum(dim)
    return loss, reduction, float(loss.array.size)
