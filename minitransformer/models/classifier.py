"""A sequence classifier: a Transformer encoder without a causal mask, whose outputs are averaged over the real tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn.modes import in_use
from minitransformer.tokenization import Tokenizer
from minitransformer.utils.data import pad_sequence

PAD = 0


@dataclass(frozen=True)
class ClassifierConfig:
    """The sizes of a `SequenceClassifier`, under PyTorch's names where PyTorch has them.

    Args:
        vocab_size: the number of ids.
        num_classes: the number of classes.
        d_model: the size C of each token's vector.
        nhead: attention heads in a layer; a divisor of `d_model`.
        num_layers: layers of the encoder.
        dim_feedforward: the size of the hidden layer in each feed-forward part.
        dropout: the probability of dropout, in [0, 1].
        activation: "gelu" or "relu", between the two layers of each feed-forward part.
        norm_first: whether each part normalises its input, instead of its output.
        final_norm: whether the last layer is followed by a layer norm; it counts only with `norm_first`. Without this norm,
            the vector of a word that the layers hardly change stays small in the mean.
        max_len: the largest number of tokens.
        position_scale: a factor for the positional encoding. In reviews the order of words matters less than the words.
        bag_of_words: whether the logits are also the sum of one weight for each word and class, as in a linear model that
            counts words.
    """

    vocab_size: int
    num_classes: int = 2
    d_model: int = 32
    nhead: int = 4
    num_layers: int = 1
    dim_feedforward: int = 64
    dropout: float = 0.3
    activation: str = "gelu"
    norm_first: bool = True
    final_norm: bool = True
    max_len: int = 256
    position_scale: float = 0.1
    bag_of_words: bool = False


class SequenceClassifier(nn.Module):
    """ids (B, T), padded with 0 -> logits (B, num_classes). Padding does not change the result.

    Args:
        config: the sizes.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = c = config
        self.embedding = nn.Embedding(c.vocab_size, c.d_model, padding_idx=PAD)
        self.positions = nn.SinusoidalPositionalEncoding(c.d_model, c.dropout, c.max_len, batch_first=True)
        self.positions.pe.mul_(c.position_scale)
        layer = nn.TransformerEncoderLayer(
            c.d_model,
            c.nhead,
            c.dim_feedforward,
            c.dropout,
            c.activation,
            batch_first=True,
            norm_first=c.norm_first,
        )
        norm = nn.LayerNorm(c.d_model) if c.norm_first and c.final_norm else None
        self.encoder = nn.TransformerEncoder(layer, c.num_layers, norm)
        self.head = nn.Linear(c.d_model, c.num_classes)
        self.bag = nn.Embedding(c.vocab_size, c.num_classes, padding_idx=PAD) if c.bag_of_words else None
        if self.bag is not None:
            nn.init.zeros_(self.bag.weight)
        self.embedding.weight.data.mul_(
            0.1
        )  # small, so that a few steps of training can change the vector of a word

    def forward(self, ids: Tensor) -> Tensor:
        """The logits of each text.

        Args:
            ids: (B, T) integers, padded with 0.

        Returns:
            (B, num_classes).
        """
        padding = ids == PAD  # (B, T)
        x = self.positions(self.embedding(ids) * math.sqrt(self.config.d_model))  # (B, T, C)
        x = self.encoder(x, src_key_padding_mask=padding)
        real = (~padding).to(x.dtype).unsqueeze(-1)  # (B, T, 1)
        mean = (x * real).sum(1) / real.sum(1).clip(min=1)  # (B, C)
        logits = self.head(mean)  # (B, num_classes)
        return logits if self.bag is None else logits + self.bag(ids).sum(1)


@no_grad()
def predict_proba(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 256
) -> numpy.ndarray:
    """The probability of each class for each text.

    Args:
        model: a classifier, such as `SequenceClassifier`; it runs in evaluation mode.
        tokenizer: the tokenizer of its ids.
        texts: N texts; one without words counts as one unknown word.
        batch_size: texts in a batch.

    Returns:
        (N, num_classes), in the order of the texts.
    """
    ids = [tokenizer.encode(text) or [tokenizer.unk_id] for text in texts]
    weight = next(model.parameters())
    order = sorted(
        range(len(ids)), key=lambda i: len(ids[i])
    )  # batches of similar lengths need little padding
    parts = [numpy.zeros((0, model.config.num_classes), weight.dtype)]
    with in_use(model):
        for start in range(0, len(ids), batch_size):
            rows = [ids[i] for i in order[start : start + batch_size]]
            batch = pad_sequence(rows, batch_first=True).to(weight.device)  # (B, T)
            parts.append(model(batch).softmax(-1).numpy())  # (B, num_classes)
    return numpy.concatenate(parts)[numpy.argsort(order)]
