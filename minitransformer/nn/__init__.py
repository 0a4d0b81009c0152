"""Layers, under PyTorch's names."""

from minitransformer.nn import functional, init, utils
from minitransformer.nn.activation import GELU, ReLU, Sigmoid, SiLU, Tanh
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.cache import AttentionCache, TransformerCache
from minitransformer.nn.containers import ModuleList, Sequential
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.linear import Linear
from minitransformer.nn.loss import CrossEntropyLoss, MSELoss, NLLLoss
from minitransformer.nn.masking import generate_square_subsequent_mask
from minitransformer.nn.module import Module, Parameter
from minitransformer.nn.normalization import LayerNorm, RMSNorm
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
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "GELU",
    "LayerNorm",
    "LearnedPositionalEncoding",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Parameter",
    "PositionalEncoding",
    "RMSNorm",
    "ReLU",
    "RotaryEmbedding",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "Tanh",
    "Transformer",
    "TransformerCache",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "apply_rotary",
    "functional",
    "generate_square_subsequent_mask",
    "init",
    "mark_positions",
    "positions_after_padding",
    "record_attention",
    "utils",
]
