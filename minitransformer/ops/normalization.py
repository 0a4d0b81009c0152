"""Layer normalization and its cheaper relative."""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import namespace
from minitransformer.ops.precision import raised


class LayerNorm(Op):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimension (Ba et al., arXiv 1607.06450)."""

    def __init__(self, eps: float):
        self.eps = eps

    def forward(self, x, weight, bias):  # (.., C), (C,), (C,) -> (.., C)
        y, self.mean, self.rstd = kernels.of(x).layer_norm(x, weight, bias, self.eps)  # mean, 1 / sigma: (.., 1)
        return y

    def vjp(self, g, x, weight, bias):
        return kernels.of(x).layer_norm_vjp(g, x, weight, self.mean, self.rstd)

    def relprop(self, r, rule, x, weight, bias):  # the epsilon rule on a linear map: sigma is taken as a constant
        s = rule.ratio(r, self.forward(x, weight, bias))
        dx, _, db = self.modified(s, rule, x, weight, bias)
        return x * dx, None, bias * db

    def modified(self, g, rule, x, weight, bias):
        slope = g * weight
        slope *= self.rstd
        slope -= slope @ namespace(g).full((g.shape[-1], 1), 1 / g.shape[-1], g.dtype)  # the mean, as a product
        return slope, None, g.reshape(-1, g.shape[-1]).sum(axis=0)


class RMSNorm(Op):
    """y = x / sqrt(mean of x^2 + eps) * weight over the last dimension (Zhang & Sennrich, NeurIPS 2019)."""

    def __init__(self, eps: float):
        self.eps = eps

    def forward(self, x, weight):  # (.., C), (C,) -> (.., C)
        y, self.rstd = kernels.of(x).rms_norm(x, weight, self.eps)  # 1 / rms: (.., 1)
        return y

    def vjp(self, g, x, weight):
        return kernels.of(x).rms_norm_vjp(g, x, weight, self.rstd)

    def relprop(self, r, rule, x, weight):  # each unit is scaled and stays itself
        return r, None

    def modified(self, g, rule, x, weight):  # the scale is taken as a constant
        return g * weight * self.rstd, None


def _check(name: str, input: Tensor, normalized_shape, *parameters: Tensor | None) -> None:
    if len(normalized_shape) != 1 or input.shape[-1:] != tuple(normalized_shape):
        raise ValueError(f"{name}: expected input (.., {normalized_shape[-1]}) over its last dimension, got {input.shape}")
    for p in parameters:
        if p is not None and p.dtype != input.dtype:
            raise TypeError(f"{name}: input is {input.dtype}, parameters are {p.dtype}; call .to(...) on one of them")


def layer_norm(input: Tensor, normalized_shape, weight=None, bias=None, eps: float = 1e-5) -> Tensor:
    """Each vector shifted to mean 0, scaled to variance 1, then by `weight` and `bias`. (.., C) -> (.., C).

    `normalized_shape` is (C,), `eps` is added to the variance. Raises ValueError, TypeError if sizes or dtypes differ.
    """
    input, weight, bias = raised(input, weight, bias)
    _check("layer_norm", input, normalized_shape, weight, bias)
    xp = namespace(input.array)
    weight = Tensor(xp.ones(normalized_shape, input.dtype)) if weight is None else weight
    bias = Tensor(xp.zeros(normalized_shape, input.dtype)) if bias is None else bias
    return LayerNorm(eps)(input, weight, bias)


def rms_norm(input: Tensor, normalized_shape, weight=None, eps: float | None = None) -> Tensor:
    """Each vector scaled to root mean square 1, then by `weight`. (.., C) -> (.., C).

    `eps` is added to the mean square; None takes the dtype's machine epsilon, as PyTorch does.
    """
    input, weight = raised(input, weight)
    _check("rms_norm", input, normalized_shape, weight)
    xp = namespace(input.array)
    weight = Tensor(xp.ones(normalized_shape, input.dtype)) if weight is None else weight
    return RMSNorm(float(xp.finfo(input.dtype).eps) if eps is None else eps)(input, weight)
