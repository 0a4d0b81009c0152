"""The Transformer (Vaswani et al., NeurIPS 2017): encoder, decoder, and both together."""

from __future__ import annotations

import copy
from collections.abc import Callable

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.cache import AttentionCache, TransformerCache
from minitransformer.nn.containers import ModuleList
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.linear import Linear
from minitransformer.nn.masking import generate_square_subsequent_mask, looks_causal
from minitransformer.nn.module import Module
from minitransformer.nn.normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


def _function(activation: Activation) -> Callable[[Tensor], Tensor]:
    if isinstance(activation, str) and activation not in ("relu", "gelu"):
        raise ValueError(f"activation: expected 'relu', 'gelu' or a function of a tensor, got {activation!r}")
    return getattr(F, activation) if isinstance(activation, str) else activation


class _Layer(Module):
    """What encoder and decoder layers share: residual connections around blocks, and the feed-forward block."""

    def _residual(
        self, x: Tensor, block: Callable[[Tensor], Tensor], norm: Module, dropout: Module
    ) -> Tensor:
        """x + block(x), normalized after the sum as in the paper, or before the block (Xiong et al., ICML 2020)."""
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:  # (.., C) -> (.., F) -> (.., C)
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a feed-forward network for each token, each with a residual connection and a LayerNorm.

    `activation` is "relu", "gelu" or a function; `norm_first` normalizes before each block instead of after. Raises
    ValueError for another activation, or if `nhead` does not divide `d_model`.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | None = None,
        dtype=None,
    ):
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm1, self.norm2 = (LayerNorm(d_model, layer_norm_eps, **made) for _ in range(2))
        self.dropout1, self.dropout2 = (Dropout(dropout) for _ in range(2))
        self.norm_first, self.activation = norm_first, _function(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
        *,
        cache: AttentionCache | None = None,
    ) -> Tensor:
        """(T, B, C), or (B, T, C) if `batch_first`, or (T, C) -> the same. Masks, cache: see `MultiheadAttention`."""

        def attend(x):
            return self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal, cache=cache
            )[0]

        x = self._residual(src, attend, self.norm1, self.dropout1)
        return self._residual(x, self._feed_forward, self.norm2, self.dropout2)


def _copies(layer: Module, number: int) -> ModuleList:
    """So many copies of a layer."""
    for p in layer.parameters():
        init.reserve(number, p.array.size + init.EACH)
    return ModuleList([copy.deepcopy(layer) for _ in range(number)])


class TransformerEncoder(Module):
    """`num_layers` copies of `encoder_layer`, equal at first, one after the other, and `norm` at the end if given.

    `enable_nested_tensor` and `mask_check` are taken so that PyTorch's calls work, and change nothing.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
        *,
        cache: TransformerCache | None = None,
    ) -> Tensor:
        """(T, B, C), or (B, T, C) if `batch_first`, or (T, C) -> the same. Masks, cache: see `MultiheadAttention`.

        `is_causal` None finds out from the mask.
        """
        is_causal = looks_causal(mask) if is_causal is None else is_causal
        caches = [None] * self.num_layers if cache is None else cache.layers
        for layer, layer_cache in zip(self.layers, caches, strict=True):
            src = layer(src, mask, src_key_padding_mask, is_causal, cache=layer_cache)
        return src if self.norm is None else self.norm(src)

    def new_cache(self) -> TransformerCache:
        """A cache with no tokens yet, for this encoder to read a text token by token."""
        return TransformerCache(self.num_layers)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, a feed-forward network; arguments as the encoder layer's."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | None = None,
        dtype=None,
    ):
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(d_model, layer_norm_eps, **made) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))
        self.norm_first, self.activation = norm_first, _function(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """`tgt` (T, B, C) and `memory` (S, B, C), B first if `batch_first`, or without B -> the shape of `tgt`."""

        def attend(x):
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def consult(x):
            masks = (memory_key_padding_mask, False, memory_mask)
            return self.multihead_attn(x, memory, memory, *masks, is_causal=memory_is_causal)[0]

        x = self._residual(tgt, attend, self.norm1, self.dropout1)
        x = self._residual(x, consult, self.norm2, self.dropout2)
        return self._residual(x, self._feed_forward, self.norm3, self.dropout3)


class TransformerDecoder(Module):
    """`num_layers` copies of `decoder_layer`, equal at first, one after the other, and `norm` at the end if given."""

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """`tgt` (T, B, C) and `memory` (S, B, C), B first if `batch_first`, or without B -> the shape of `tgt`.

        `tgt_is_causal` None finds out from the mask.
        """
        tgt_is_causal = looks_causal(tgt_mask) if tgt_is_causal is None else tgt_is_causal
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder that reads `src`, and a decoder that reads `tgt` and consults what the encoder made of `src`.

    Modules of one's own, called as these are, may stand in their place: `custom_encoder`, `custom_decoder`.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | None = None,
        dtype=None,
    ):
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        shape = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        sizes = (*shape, batch_first, norm_first)
        norms = [LayerNorm(d_model, layer_norm_eps, **made) for _ in range(2)]
        self.encoder, self.decoder = custom_encoder, custom_decoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*sizes, **made)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norms[0])
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*sizes, **made)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norms[1])
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """`src` (S, B, C) and `tgt` (T, B, C), B first if `batch_first`, or without B -> the shape of `tgt`."""
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)  # (S, B, C)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)

    generate_square_subsequent_mask = staticmethod(generate_square_subsequent_mask)
