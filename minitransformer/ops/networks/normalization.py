"""Layer normalization and its cheaper relative."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, float32, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Remembers, is_half
from minitransformer.ops.precision import raised


class LayerNorm(Remembers):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimension. (.., C), (C,), (C,) -> (.., C).

    Relevance: sigma = sqrt(var + eps) is taken as a constant, and the rest is a linear map, with the epsilon rule.

    Args:
        eps: what is added to the variance.

    Source:
        Ba et al., arXiv 1607.06450; Ali et al., ICML 2022, for the relevance.
    """

    def __init__(self, eps: float):
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:  # (.., C), (C,), (C,) -> (.., C)
        y, *statistics = kernels.of(x).layer_norm(x, weight, bias, self.eps)  # mean, 1 / sigma: (.., 1)
        self.remember((x, weight, bias), statistics)
        return y

    # with n = (x - mean) / sigma and h = g weight: dL/dx = (h - mean of h - n mean of (h n)) / sigma
    def vjp(self, g: Array, x: Array, weight: Array, bias: Array) -> Arrays:
        return kernels.of(x).layer_norm_vjp(g, x, weight, *self.recalled(x, weight, bias))  # type: ignore[no-any-return]  # a kernel

    # the epsilon rule on a linear map: sigma is taken as a constant
    def relprop(self, r: Array, books: Books, x: Array, weight: Array, bias: Array) -> Arrays:
        s = books.ratio(r, self.forward(x, weight, bias))
        dx, _, db = self.modified(s, books, x, weight, bias)
        return x * dx, None, bias * db

    def modified(self, g: Array, books: Books, x: Array, weight: Array, bias: Array) -> Arrays:
        _, rstd = self.recalled(x, weight, bias)
        slope = g * weight
        slope *= rstd
        # the mean, as a product
        slope -= slope @ namespace(g).full((g.shape[-1], 1), 1 / g.shape[-1], g.dtype)
        return slope, None, g.reshape(-1, g.shape[-1]).sum(axis=0)


class RMSNorm(Remembers):
    """y = x / sqrt(mean of x^2 + eps) * weight over the last dimension. (.., C), (C,) -> (.., C).

    Relevance: R_x = R, since each unit is only scaled.

    Args:
        eps: what is added to the mean square.

    Source:
        Zhang and Sennrich, NeurIPS 2019.
    """

    def __init__(self, eps: float):
        self.eps = eps

    def forward(self, x: Array, weight: Array) -> Array:  # (.., C), (C,) -> (.., C)
        y, *scale = kernels.of(x).rms_norm(x, weight, self.eps)  # 1 / rms: (.., 1)
        self.remember((x, weight), scale)
        return y

    # with n = x / rms and h = g weight: dL/dx = (h - n mean of (h n)) / rms
    def vjp(self, g: Array, x: Array, weight: Array) -> Arrays:
        return kernels.of(x).rms_norm_vjp(g, x, weight, *self.recalled(x, weight))  # type: ignore[no-any-return]  # a kernel

    # each unit is scaled and stays itself
    def relprop(self, r: Array, books: Books, x: Array, weight: Array) -> Arrays:
        return r, None

    # the scale is taken as a constant
    def modified(self, g: Array, books: Books, x: Array, weight: Array) -> Arrays:
        (rstd,) = self.recalled(x, weight)
        return g * weight * rstd, None


def _check(name: str, input: Tensor, shape: tuple[int, ...], *parameters: Tensor | None) -> None:
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{name}: expected input (.., {', '.join(map(str, shape))}) over its last dimensions, got {input.shape}"
        )
    for p in parameters:
        if p is not None and p.dtype != input.dtype:
            raise TypeError(
                f"{name}: input is {input.dtype}, parameters are {p.dtype}; call .to(...) on one of them"
            )
        if p is not None and p.shape != shape:
            raise ValueError(f"{name}: expected parameters of the normalized shape {shape}, got {p.shape}")


def _over_the_last(op: Op, input: Tensor, *parameters: Tensor) -> Tensor:
    """`op` over as many of the last dimensions as the parameters have."""
    if parameters[0].ndim == 1:
        return op(input, *parameters)
    size = parameters[0].numel()  # several dimensions are one that is written apart
    rows = input.reshape(*input.shape[: input.ndim - parameters[0].ndim], size)
    return op(rows, *[p.reshape(size) for p in parameters]).reshape(*input.shape)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each vector shifted to mean 0 and scaled to variance 1, then multiplied by `weight` and shifted by `bias`.

    Args:
        input: (.., C), floating-point.
        normalized_shape: (C,), or the sizes of the last dimensions that together form a vector.
        weight: of that shape; None means ones.
        bias: of that shape; None means zeros.
        eps: added to the variance.

    Returns:
        The same shape.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the dtypes differ.

    Source:
        Ba et al., arXiv 1607.06450.
    """
    input, weight, bias = raised(input, weight, bias)
    shape = tuple(normalized_shape)
    _check("layer_norm", input, shape, weight, bias)
    xp = namespace(input.array)
    weight = Tensor(xp.ones(shape, input.dtype)) if weight is None else weight
    bias = Tensor(xp.zeros(shape, input.dtype)) if bias is None else bias
    return _over_the_last(LayerNorm(eps), input, weight, bias)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Each vector scaled to root mean square 1, then multiplied by `weight`.

    Args:
        input: (.., C), floating-point.
        normalized_shape: (C,), or the sizes of the last dimensions that together form a vector.
        weight: of that shape; None means ones.
        eps: added to the mean square; None means the machine epsilon of the dtype in which the squares are summed.

    Returns:
        The same shape.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the dtypes differ.

    Source:
        Zhang and Sennrich, NeurIPS 2019.
    """
    input, weight = raised(input, weight)
    shape = tuple(normalized_shape)
    _check("rms_norm", input, shape, weight)
    xp = namespace(input.array)
    weight = Tensor(xp.ones(shape, input.dtype)) if weight is None else weight
    eps = float(xp.finfo(float32 if is_half(input.dtype) else input.dtype).eps) if eps is None else eps
    return _over_the_last(RMSNorm(eps), input, weight)
