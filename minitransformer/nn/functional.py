"""The ops that layers are made of, under PyTorch's names: `import minitransformer.nn.functional as F`."""

import warnings

from minitransformer import ops
from minitransformer.autograd import Tensor
from minitransformer.ops import (
    cross_entropy,
    dropout,
    embedding,
    gelu,
    layer_norm,
    linear,
    mse_loss,
    one_hot,
    pad,
    relu,
    rms_norm,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    tanh,
)
from minitransformer.ops.loss import nll_loss

__all__ = [
    "cross_entropy",
    "dropout",
    "embedding",
    "gelu",
    "layer_norm",
    "linear",
    "log_softmax",
    "mse_loss",
    "one_hot",
    "nll_loss",
    "pad",
    "relu",
    "rms_norm",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "tanh",
]


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """e^input / sum e^input along `dim`, see `ops.softmax`; without it along PyTorch's implicit one, with its warning."""
    return ops.softmax(input, _implicit(input) if dim is None else dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype=None) -> Tensor:
    """The logarithm of `softmax`, computed at once."""
    return ops.log_softmax(input, _implicit(input) if dim is None else dim, dtype)


def _implicit(input: Tensor) -> int:
    dim = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"softmax without dim goes along dimension {dim} of {input.ndim}, as in PyTorch: say which",
        stacklevel=3,
    )
    return dim
