"""The base classes and helpers of layers, under the names by which PyTorch's programs ask for them."""

from minitransformer.nn.dropout import Dropout
from minitransformer.nn.grids.convolution import _Convolution, _Transposed
from minitransformer.nn.grids.normalization import _BatchNorm, _InstanceNorm, _Tracking
from minitransformer.nn.losses.differences import Loss, WeightedLoss
from minitransformer.nn.transformer import _copies, _function

_BatchNorm, _InstanceNorm = _BatchNorm, _InstanceNorm
_ConvNd, _ConvTransposeNd, _NormBase, _DropoutNd = _Convolution, _Transposed, _Tracking, Dropout
_Loss, _WeightedLoss = Loss, WeightedLoss
_get_clones, _get_activation_fn = _copies, _function
