"""The article's language model, as we would write it: a Transformer encoder that may only look back.

Vaswani et al., NeurIPS 2017, for the parts; trained to predict the next token, it is what is now called a decoder-only
model. The article's own listing runs too, with only its imports changed: `tests/article.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from minitransformer import nn
from minitransformer.autograd import Tensor


@dataclass(frozen=True)
class LanguageModelConfig:
    """Sizes, in PyTorch's names where it has them."""

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
    """ids (B, T) -> logits of each next token (B, T, V)."""

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
        """Small matrices, so that the first guess is close to uniform (Radford et al. 2019: standard deviation 0.02)."""
        if isinstance(module, nn.Embedding):
            # unit length after the scaling in forward
            module.weight.data.normal_(0, self.config.d_model**-0.5)
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.02)
            module.bias.data.zero_()

    def forward(
        self, ids: Tensor, cache: nn.TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """(B, T) -> (B, T, V). With a cache, `ids` are only the tokens that follow those seen before.

        `padding` (B, S), of all S tokens so far: True where there is none, which is at the beginning of a row.
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
        """An empty cache, to read a text token by token."""
        return self.encoder.new_cache()
