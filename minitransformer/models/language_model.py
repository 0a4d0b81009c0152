"""The article's language model, in our own style: a Transformer encoder with a causal mask, trained to predict the next token.

Such a model is now called decoder-only. Its parts are those of Vaswani et al., NeurIPS 2017. The listing of the article that
this project follows runs too, with only its imports changed: `tests/article.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from minitransformer import nn
from minitransformer.autograd import Tensor


@dataclass(frozen=True)
class LanguageModelConfig:
    """The sizes of a `LanguageModel`, under PyTorch's names where PyTorch has them.

    Args:
        vocab_size: the number V of ids.
        d_model: the size C of each token's vector.
        nhead: attention heads in a layer; a divisor of `d_model`.
        num_layers: layers.
        dim_feedforward: the size of the hidden layer in each feed-forward part.
        dropout: the probability of dropout, in [0, 1].
        activation: "gelu" or "relu", between the two layers of each feed-forward part.
        norm_first: whether each part normalises its input, instead of its output.
        max_len: the largest number of tokens.
    """

    vocab_size: int
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 2
    dim_feedforward: int = 256
    dropout: float = 0.1
    activation: str = "gelu"
    norm_first: bool = True
    max_len: int = 256


class LanguageModel(nn.Module):
    """ids (B, T) -> logits of each next token (B, T, V).

    Args:
        config: the sizes.
    """

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        self.config = c = config
        self.embedding = nn.Embedding(c.vocab_size, c.d_model)
        self.positions = nn.SinusoidalPositionalEncoding(c.d_model, c.dropout, c.max_len, batch_first=True)
        layer = nn.TransformerEncoderLayer(
            c.d_model,
            c.nhead,
            c.dim_feedforward,
            c.dropout,
            c.activation,
            batch_first=True,
            norm_first=c.norm_first,
        )
        norm = nn.LayerNorm(c.d_model) if c.norm_first else None
        self.encoder = nn.TransformerEncoder(layer, c.num_layers, norm)
        self.head = nn.Linear(c.d_model, c.vocab_size)
        self.apply(self._init_weights)

    def _init_weights(self, module: nn.Module) -> None:
        """Small matrices, so that the first prediction is close to uniform (Radford et al. 2019: standard deviation 0.02)."""
        if isinstance(module, nn.Embedding):
            # after the scaling in forward, each component has variance 1
            module.weight.data.normal_(0, self.config.d_model**-0.5)
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.02)
            module.bias.data.zero_()

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The logits of each next token; see `generation.Writer.forward`.

        Args:
            ids: (B, T) integers. With a cache, only the tokens that are not yet in it.
            cache: from `new_cache()`; the keys and values of the T tokens are appended to it.
            padding: (B, S) bool for all S tokens so far, those in the cache included; True where a row has not yet begun.

        Returns:
            (B, T, V).
        """
        start = 0 if cache is None else len(cache)
        x = self.embedding(ids) * math.sqrt(self.config.d_model)  # (B, T, C)
        x = (
            self.positions(x, start)
            if padding is None
            else self.positions.at(x, nn.positions_after_padding(padding)[:, start:])
        )
        x = self.encoder(x, src_key_padding_mask=padding, is_causal=True, cache=cache)
        return self.head(x)  # (B, T, V)

    def new_cache(self) -> nn.TransformerCache:
        """An empty cache, to read a text token by token.

        Returns:
            The cache.
        """
        return self.encoder.new_cache()
