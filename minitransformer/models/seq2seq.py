"""The Transformer as it was first published: an encoder reads one text, and a decoder that attends to it writes another.

`nn.Transformer` does the work; here it gets an embedding, positions, and a head. It differs from the paper in two places: the
norms come before the blocks (`norm_first`), and the head has a matrix of its own.

Source:
    Vaswani et al., NeurIPS 2017, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn import init
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.filled import zeros
from minitransformer.ops.shape.joining import cat

PAD = 0  # fills up the shorter texts of a batch, and begins every answer


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The sizes of a `Seq2Seq`, under PyTorch's names where PyTorch has them.

    Args:
        vocab_size: the number V of ids, the same for both texts.
        d_model: the size C of each token's vector.
        nhead: attention heads in each attention of the encoder; a divisor of `d_model`.
        decoder_nhead: the same for the decoder. One head is easy to read: it shows where each token was found.
        num_layers: layers of the encoder, and of the decoder.
        dim_feedforward: the size of the hidden layer in each feed-forward part.
        dropout: the probability of dropout, in [0, 1].
        activation: "gelu" or "relu", between the two layers of each feed-forward part.
        max_length: the largest number of tokens of either text.
    """

    vocab_size: int
    d_model: int = 64
    nhead: int = 4
    decoder_nhead: int = 1
    num_layers: int = 1
    dim_feedforward: int = 128
    dropout: float = 0.1
    activation: str = "gelu"
    max_length: int = 64


class Seq2Seq(nn.Module):
    """ids of a text (B, S), ids of its answer (B, T) -> logits of each next token of the answer (B, T, V).

    The answer begins with one token of padding, after which its first token is predicted.

    Args:
        config: the sizes.
    """

    def __init__(self, config: Seq2SeqConfig):
        super().__init__()
        self.config = c = config
        self.embedding = nn.Embedding(c.vocab_size, c.d_model)
        self.positions = nn.SinusoidalPositionalEncoding(c.d_model, c.dropout, c.max_length, batch_first=True)
        sizes = (c.dim_feedforward, c.dropout, c.activation)
        layer = nn.TransformerDecoderLayer(
            c.d_model, c.decoder_nhead, *sizes, batch_first=True, norm_first=True
        )
        decoder = nn.TransformerDecoder(layer, c.num_layers, nn.LayerNorm(c.d_model))
        layers = (c.num_layers, c.num_layers, *sizes)
        self.transformer = nn.Transformer(
            c.d_model, c.nhead, *layers, custom_decoder=decoder, batch_first=True, norm_first=True
        )
        self.head = nn.Linear(c.d_model, c.vocab_size)
        # after the scaling in `embed`, each component has variance 1
        init.normal_(self.embedding.weight, std=c.d_model**-0.5)

    def forward(self, source: Tensor, ids: Tensor) -> Tensor:
        """The logits of each next token of the answers.

        Args:
            source: (B, S) integers, the texts, padded at their end.
            ids: (B, T) integers, the answers, each after one token of padding.

        Returns:
            (B, T, V).
        """
        return self.decode(ids, *self.encode(source))

    def embed(self, ids: Tensor) -> Tensor:
        """The vectors of tokens and of their positions.

        Args:
            ids: (B, T) integers.

        Returns:
            (B, T, C).
        """
        return self.positions(self.embedding(ids) * math.sqrt(self.config.d_model))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """The output of the encoder, which the decoder attends to.

        Args:
            source: (B, S) integers.

        Returns:
            The memory (B, S, C), and (B, S) bool, True for padding.
        """
        padding = source == PAD
        return self.transformer.encoder(self.embed(source), src_key_padding_mask=padding), padding

    def decode(self, ids: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        """The logits of each next token of the answers.

        Args:
            ids: (B, T) integers.
            memory: (B, S, C), the output of the encoder.
            padding: (B, S) bool, True for padding of the memory.

        Returns:
            (B, T, V).
        """
        x = self.embed(ids)  # (B, T, C)
        x = self.transformer.decoder(x, memory, memory_key_padding_mask=padding, tgt_is_causal=True)
        return self.head(x)  # (B, T, V)

    def write(self, source: Tensor, length: int) -> Tensor:
        """The answers of a given length, greedily: each token is the one with the largest logit.

        Args:
            source: (B, S) integers, the texts, padded at their end.
            length: the number T of tokens of each answer.

        Returns:
            (B, T) integers.
        """
        with no_grad(), in_use(self):
            read = self.encode(source)
            ids = zeros(len(source), 1, dtype=source.dtype, device=source.device)  # (B, 1): PAD
            for _ in range(length):
                best = self.decode(ids, *read)[:, -1:].argmax(-1)  # (B, 1)
                ids = cat([ids, best], 1)  # (B, 1 + tokens so far)
        return ids[:, 1:]
