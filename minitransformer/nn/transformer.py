"""The Transformer (Vaswani et al., NeurIPS 2017): encoder, decoder, and both together."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

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
    """The activation function from its name, or itself."""
    if isinstance(activation, str) and activation not in ("relu", "gelu"):
        raise ValueError(f"activation: expected 'relu', 'gelu' or a function of a tensor, got {activation!r}")
    if isinstance(activation, str):
        return F.relu if activation == "relu" else F.gelu
    return activation


class _Layer(Module):
    """The common part of encoder and decoder layers: residual connections around blocks, and the feed-forward block."""

    norm_first: bool
    activation: Callable[[Tensor], Tensor]
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _residual(
        self, x: Tensor, block: Callable[[Tensor], Tensor], norm: LayerNorm, dropout: Dropout
    ) -> Tensor:
        """x + block(x), with the norm after the sum as in the paper, or before the block (Xiong et al., ICML 2020)."""
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def feed_forward(self, x: Tensor) -> Tensor:
        """linear2(dropout(activation(linear1(x)))), for each token by itself.

        Args:
            x: (.., C).

        Returns:
            (.., C).
        """
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a feed-forward network for each token, each with a residual connection and a LayerNorm.

    Args:
        d_model: the size C of each vector, a multiple of `nhead`.
        nhead: the number of attention heads.
        dim_feedforward: the size of the feed-forward network's hidden layer.
        dropout: the probability of dropout, in [0, 1].
        activation: "relu", "gelu", or a function of a tensor.
        layer_norm_eps: added to the variance in each LayerNorm.
        batch_first: whether the batch is the first dimension, before the tokens.
        norm_first: normalize the input of each block instead of the sum after it.
        bias: whether linear layers and norms have biases.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: for another activation, or if `nhead` does not divide `d_model`.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.1; `norm_first`: Xiong et al., ICML 2020.
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
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm1, self.norm2 = (LayerNorm(d_model, layer_norm_eps, **made) for _ in range(2))
        self.dropout1, self.dropout2 = (Dropout(dropout) for _ in range(2))
        self.norm_first = norm_first
        self.activation = _function(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
        *,
        cache: AttentionCache | None = None,
    ) -> Tensor:
        """Apply the layer. The masks have the forms of `MultiheadAttention`.

        Args:
            src: (T, B, C), or (B, T, C) if `batch_first`, or (T, C).
            src_mask: (T, T) or (B H, T, T).
            src_key_padding_mask: (B, T).
            is_causal: no token may attend to a later one; `src_mask`, if given, must be the causal mask.
            cache: holds the keys and values of earlier tokens; `src` are the tokens that follow.

        Returns:
            The shape of `src`.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit.
        """

        def attend(x: Tensor) -> Tensor:
            masks = (src_key_padding_mask, False, src_mask)
            return self.self_attn(x, x, x, *masks, is_causal=is_causal, cache=cache)[0]

        x = self._residual(src, attend, self.norm1, self.dropout1)
        return self._residual(x, self.feed_forward, self.norm2, self.dropout2)


def _copies(layer: Module, number: int) -> ModuleList:
    """Copies of a layer, with equal but separate parameters."""
    for p in layer.parameters():
        init.reserve(number, p.array.size + init.EACH)
    return ModuleList([copy.deepcopy(layer) for _ in range(number)])


class TransformerEncoder(Module):
    """Several encoder layers, one after the other.

    Args:
        encoder_layer: the layer to copy. The copies start with equal parameters.
        num_layers: the number of copies.
        norm: applied to the output of the last layer; None for no norm.
        enable_nested_tensor: accepted as in PyTorch; no effect.
        mask_check: accepted as in PyTorch; no effect.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.1.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
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
        """Apply all layers. The masks have the forms of `MultiheadAttention`.

        Args:
            src: (T, B, C), or (B, T, C) if `batch_first`, or (T, C).
            mask: (T, T) or (B H, T, T).
            src_key_padding_mask: (B, T).
            is_causal: no token may attend to a later one; `mask`, if given, must be the causal mask. None compares the mask with
                the causal one.
            cache: holds the keys and values of earlier tokens; `src` are the tokens that follow.

        Returns:
            The shape of `src`.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit.
        """
        is_causal = looks_causal(mask) if is_causal is None else is_causal
        caches = [None] * self.num_layers if cache is None else cache.layers
        for layer, layer_cache in zip(self.layers, caches, strict=True):
            src = layer(src, mask, src_key_padding_mask, is_causal, cache=layer_cache)
        return src if self.norm is None else self.norm(src)

    def new_cache(self) -> TransformerCache:
        """An empty cache, to give a text to this encoder token by token.

        Returns:
            A `TransformerCache` for all layers.
        """
        return TransformerCache(self.num_layers)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, and a feed-forward network for each token.

    Args:
        d_model: the size C of each vector, a multiple of `nhead`.
        nhead: the number of attention heads.
        dim_feedforward: the size of the feed-forward network's hidden layer.
        dropout: the probability of dropout, in [0, 1].
        activation: "relu", "gelu", or a function of a tensor.
        layer_norm_eps: added to the variance in each LayerNorm.
        batch_first: whether the batch is the first dimension, before the tokens.
        norm_first: normalize the input of each block instead of the sum after it.
        bias: whether linear layers and norms have biases.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: for another activation, or if `nhead` does not divide `d_model`.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.1; `norm_first`: Xiong et al., ICML 2020.
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
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(d_model, layer_norm_eps, **made) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))
        self.norm_first = norm_first
        self.activation = _function(activation)

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
        """Apply the layer. The masks have the forms of `MultiheadAttention`.

        Args:
            tgt: (T, B, C), or (B, T, C) if `batch_first`, or (T, C).
            memory: the encoder's output: (S, B, C), or (B, S, C) if `batch_first`, or (S, C).
            tgt_mask: (T, T) or (B H, T, T).
            memory_mask: (T, S) or (B H, T, S).
            tgt_key_padding_mask: (B, T).
            memory_key_padding_mask: (B, S).
            tgt_is_causal: no token may attend to a later one of `tgt`; `tgt_mask`, if given, must be the causal mask.
            memory_is_causal: the same for `memory` and `memory_mask`.

        Returns:
            The shape of `tgt`.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit.
        """

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def attend_to_memory(x: Tensor) -> Tensor:
            masks = (memory_key_padding_mask, False, memory_mask)
            return self.multihead_attn(x, memory, memory, *masks, is_causal=memory_is_causal)[0]

        x = self._residual(tgt, attend, self.norm1, self.dropout1)
        x = self._residual(x, attend_to_memory, self.norm2, self.dropout2)
        return self._residual(x, self.feed_forward, self.norm3, self.dropout3)


class TransformerDecoder(Module):
    """Several decoder layers, one after the other.

    Args:
        decoder_layer: the layer to copy. The copies start with equal parameters.
        num_layers: the number of copies.
        norm: applied to the output of the last layer; None for no norm.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.1.
    """

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
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
        """Apply all layers. The masks have the forms of `MultiheadAttention`.

        Args:
            tgt: (T, B, C), or (B, T, C) if `batch_first`, or (T, C).
            memory: the encoder's output: (S, B, C), or (B, S, C) if `batch_first`, or (S, C).
            tgt_mask: (T, T) or (B H, T, T).
            memory_mask: (T, S) or (B H, T, S).
            tgt_key_padding_mask: (B, T).
            memory_key_padding_mask: (B, S).
            tgt_is_causal: no token may attend to a later one of `tgt`; `tgt_mask`, if given, must be the causal mask. None
                compares the mask with the causal one.
            memory_is_causal: the same for `memory` and `memory_mask`, without None.

        Returns:
            The shape of `tgt`.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit.
        """
        tgt_is_causal = looks_causal(tgt_mask) if tgt_is_causal is None else tgt_is_causal
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder for `src`, and a decoder for `tgt` that attends to the encoder's output.

    Args:
        d_model: the size C of each vector, a multiple of `nhead`.
        nhead: the number of attention heads.
        num_encoder_layers: the number of encoder layers.
        num_decoder_layers: the number of decoder layers.
        dim_feedforward: the size of the feed-forward networks' hidden layers.
        dropout: the probability of dropout, in [0, 1].
        activation: "relu", "gelu", or a function of a tensor.
        custom_encoder: a module to use as the encoder, called like `TransformerEncoder`; None builds one.
        custom_decoder: a module to use as the decoder, called like `TransformerDecoder`; None builds one.
        layer_norm_eps: added to the variance in each LayerNorm.
        batch_first: whether the batch is the first dimension, before the tokens.
        norm_first: normalize the input of each block instead of the sum after it.
        bias: whether linear layers and norms have biases.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: for another activation, or if `nhead` does not divide `d_model`.

    Source:
        Vaswani et al., NeurIPS 2017.
    """

    encoder: Module
    decoder: Module

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
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        shape = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        sizes = (*shape, batch_first, norm_first)
        norms = [LayerNorm(d_model, layer_norm_eps, **made) for _ in range(2)]
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*sizes, **made)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norms[0])
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*sizes, **made)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norms[1])
        self.encoder, self.decoder = custom_encoder, custom_decoder
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
        """Apply encoder and decoder. The masks have the forms of `MultiheadAttention`.

        Args:
            src: (S, B, C), or (B, S, C) if `batch_first`, or (S, C).
            tgt: (T, B, C), or (B, T, C) if `batch_first`, or (T, C).
            src_mask: (S, S) or (B H, S, S).
            tgt_mask: (T, T) or (B H, T, T).
            memory_mask: (T, S) or (B H, T, S).
            src_key_padding_mask: (B, S).
            tgt_key_padding_mask: (B, T).
            memory_key_padding_mask: (B, S).
            src_is_causal: no token may attend to a later one of `src`; `src_mask`, if given, must be the causal mask. None
                compares the mask with the causal one.
            tgt_is_causal: the same for `tgt`.
            memory_is_causal: the same for `memory_mask`, without None.

        Returns:
            The shape of `tgt`.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit.
        """
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)  # (S, B, C)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        output: Tensor = self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)  # (T, B, C)
        return output

    generate_square_subsequent_mask = staticmethod(generate_square_subsequent_mask)
