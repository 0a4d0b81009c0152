"""Layers, under PyTorch's names."""

from minitransformer.nn import functional, init, parameter, utils
from minitransformer.nn.activation import GELU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.cache import AttentionCache, TransformerCache
from minitransformer.nn.cells import GRUCell, LSTMCell, RNNCell, RNNCellBase
from minitransformer.nn.containers import ModuleDict, ModuleList, Sequential
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.linear import Linear
from minitransformer.nn.loss import CrossEntropyLoss, MSELoss, NLLLoss
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
from minitransformer.nn.recurrent import GRU, LSTM, RNN, RNNBase
from minitransformer.nn.shaping import Flatten, Identity, Unflatten
from minitransformer.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

__all__ = [
    "AddedPositionalEncoding",
    "AttentionCache",
    "Buffer",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GELU",
    "Identity",
    "GRU",
    "GRUCell",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "LearnedPositionalEncoding",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PositionalEncoding",
    "RMSNorm",
    "RNN",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "ReLU",
    "RotaryEmbedding",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "Softmax",
    "Tanh",
    "Transformer",
    "TransformerCache",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "apply_rotary",
    "functional",
    "generate_square_subsequent_mask",
    "init",
    "mark_positions",
    "parameter",
    "positions_after_padding",
    "record_attention",
    "utils",
]
