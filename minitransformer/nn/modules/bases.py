"""The base classes and helpers of layers, under the names by which PyTorch's programs ask for them."""

from minitransformer.nn.dropout import Dropout as _DropoutNd
from minitransformer.nn.grids.convolution import _Convolution as _ConvNd
from minitransformer.nn.grids.convolution import _Transposed as _ConvTransposeNd
from minitransformer.nn.grids.normalization import _BatchNorm, _InstanceNorm
from minitransformer.nn.grids.normalization import _Tracking as _NormBase
from minitransformer.nn.losses.differences import Loss as _Loss
from minitransformer.nn.losses.differences import WeightedLoss as _WeightedLoss
from minitransformer.nn.transformer import _copies as _get_clones
from minitransformer.nn.transformer import _function as _get_activation_fn

__all__ = [
    "_BatchNorm",
    "_ConvNd",
    "_ConvTransposeNd",
    "_DropoutNd",
    "_InstanceNorm",
    "_Loss",
    "_NormBase",
    "_WeightedLoss",
    "_get_activation_fn",
    "_get_clones",
]
