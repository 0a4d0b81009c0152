"""The ops that layers consist of, under PyTorch's names: `import minitransformer.nn.functional as F`."""

import warnings
from typing import TYPE_CHECKING, Any

from minitransformer.autograd import Tensor
from minitransformer.errors import no_such_name
from minitransformer.nn.projected_attention import multi_head_attention_forward
from minitransformer.ops.grids.adaptive_max import adaptive_max_pool1d, adaptive_max_pool2d
from minitransformer.ops.grids.convolution import conv1d, conv2d, conv3d
from minitransformer.ops.grids.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from minitransformer.ops.grids.resizing import interpolate
from minitransformer.ops.grids.shuffling import pixel_shuffle, pixel_unshuffle
from minitransformer.ops.grids.transposed import conv_transpose1d, conv_transpose2d
from minitransformer.ops.grids.unfolding import fold, unfold
from minitransformer.ops.index.lookup import embedding, one_hot
from minitransformer.ops.networks.activation import gelu, relu, sigmoid, silu, tanh
from minitransformer.ops.networks.attention import scaled_dot_product_attention
from minitransformer.ops.networks.bags import embedding_bag
from minitransformer.ops.networks.channels import batch_norm, group_norm, instance_norm
from minitransformer.ops.networks.differences import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from minitransformer.ops.networks.distances import (
    cosine_embedding_loss,
    margin_ranking_loss,
    pairwise_distance,
    triplet_margin_loss,
)
from minitransformer.ops.networks.dropout import dropout, dropout1d, dropout2d
from minitransformer.ops.networks.gumbel import gumbel_softmax
from minitransformer.ops.networks.likelihoods import gaussian_nll_loss, poisson_nll_loss
from minitransformer.ops.networks.loss import cross_entropy, nll_loss
from minitransformer.ops.networks.margins import (
    hinge_embedding_loss,
    multi_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from minitransformer.ops.networks.normalization import layer_norm, rms_norm
from minitransformer.ops.networks.padding import pad
from minitransformer.ops.networks.probabilities import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    kl_div,
)
from minitransformer.ops.networks.rectifiers import (
    elu,
    glu,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu6,
    softplus,
)
from minitransformer.ops.networks.shrinking import (
    celu,
    hardshrink,
    hardsigmoid,
    hardswish,
    selu,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from minitransformer.ops.networks.softmax import log_softmax as _log_softmax
from minitransformer.ops.networks.softmax import softmax as _softmax
from minitransformer.ops.products.bilinear import bilinear
from minitransformer.ops.products.likeness import cosine_similarity, normalize
from minitransformer.ops.products.linalg import linear

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "embedding",
    "embedding_bag",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "unfold",
]


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^input / sum e^input along one dimension.

    Args:
        input: (..), floating-point.
        dim: the dimension along which the results sum to 1. None chooses as PyTorch does, with its warning: dimension 0 for
            0, 1 or 3 dimensions, else 1.
        _stacklevel: accepted as in PyTorch; no effect.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape. A slice in which every input is -inf gives zeros.
    """
    return _softmax(input, _implicit(input) if dim is None else dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """ln softmax(input), computed without the intermediate softmax, which could underflow to 0.

    Args:
        input: (..), floating-point.
        dim: as in `softmax`.
        _stacklevel: accepted as in PyTorch; no effect.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape.
    """
    return _log_softmax(input, _implicit(input) if dim is None else dim, dtype)


def _implicit(input: Tensor) -> int:
    """The dimension that PyTorch chooses, with its warning."""
    dim = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"softmax without dim uses dimension {dim} of {input.ndim}, as in PyTorch: pass dim={dim}",
        stacklevel=3,
    )
    return dim


if not TYPE_CHECKING:  # a type checker reports a name that is not there

    def __getattr__(name):
        raise no_such_name("module 'minitransformer.nn.functional'", name, __all__)
