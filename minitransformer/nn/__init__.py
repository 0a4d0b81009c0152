"""Layers, under PyTorch's names."""

import importlib
from typing import TYPE_CHECKING

from minitransformer.errors import no_such_name
from minitransformer.nn import functional, init, parameter, utils
from minitransformer.nn.activation import GELU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softmin, Tanh
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.cache import AttentionCache, TransformerCache
from minitransformer.nn.cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from minitransformer.nn.containers import ModuleDict, ModuleList, Sequential
from minitransformer.nn.dropout import Dropout, Dropout1d, Dropout2d
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.embedding_bag import EmbeddingBag
from minitransformer.nn.grids.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d
from minitransformer.nn.grids.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
)
from minitransformer.nn.grids.padding import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from minitransformer.nn.grids.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from minitransformer.nn.grids.resizing import PixelShuffle, PixelUnshuffle, Upsample
from minitransformer.nn.grids.unfolding import Fold, Unfold
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.lazy import LazyLinear
from minitransformer.nn.linear import Bilinear, Linear
from minitransformer.nn.losses.classes import CrossEntropyLoss, NLLLoss
from minitransformer.nn.losses.differences import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from minitransformer.nn.losses.distances import (
    CosineEmbeddingLoss,
    CosineSimilarity,
    MarginRankingLoss,
    PairwiseDistance,
    TripletMarginLoss,
)
from minitransformer.nn.losses.likelihoods import GaussianNLLLoss, PoissonNLLLoss
from minitransformer.nn.losses.margins import (
    HingeEmbeddingLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
)
from minitransformer.nn.losses.probabilities import BCELoss, BCEWithLogitsLoss, KLDivLoss
from minitransformer.nn.masking import generate_square_subsequent_mask
from minitransformer.nn.module import Module
from minitransformer.nn.normalization import LayerNorm, RMSNorm
from minitransformer.nn.parameter import Buffer, Parameter
from minitransformer.nn.parameter_containers import ParameterDict, ParameterList
from minitransformer.nn.position import (
    AddedPositionalEncoding,
    LearnedPositionalEncoding,
    PositionalEncoding,
    RotaryEmbedding,
    SinusoidalPositionalEncoding,
    apply_rotary,
    mark_positions,
    positions_after_padding,
)
from minitransformer.nn.rectifiers import (
    ELU,
    GLU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    Mish,
    PReLU,
    ReLU6,
    Softplus,
)
from minitransformer.nn.recurrent import GRU, LSTM, RNN, RNNBase
from minitransformer.nn.shaping import Flatten, Identity, Unflatten
from minitransformer.nn.shrinking import (
    CELU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Softshrink,
    Softsign,
    Tanhshrink,
    Threshold,
)
from minitransformer.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

if TYPE_CHECKING:
    from minitransformer.nn import parallel
    from minitransformer.nn.parallel import DataParallel

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AddedPositionalEncoding",
    "AttentionCache",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Bilinear",
    "Buffer",
    "CELU",
    "CircularPad1d",
    "CircularPad2d",
    "ConstantPad1d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "DataParallel",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "ELU",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "Fold",
    "GELU",
    "GLU",
    "GRU",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "KLDivLoss",
    "L1Loss",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "LazyLinear",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "PositionalEncoding",
    "RMSNorm",
    "RNN",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "RotaryEmbedding",
    "SELU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerCache",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "ZeroPad1d",
    "ZeroPad2d",
    "apply_rotary",
    "functional",
    "generate_square_subsequent_mask",
    "init",
    "mark_positions",
    "parallel",
    "parameter",
    "positions_after_padding",
    "record_attention",
    "utils",
]

if not TYPE_CHECKING:  # a type checker reports a name that is not there

    def __getattr__(name):
        if name in ("modules", "parallel"):  # these open when first entered
            return importlib.import_module(f"minitransformer.nn.{name}")
        if name == "DataParallel":
            return importlib.import_module("minitransformer.nn.parallel").DataParallel
        raise no_such_name("module 'minitransformer.nn'", name, __all__)
