"""NanoGuard: a published classifier of texts, which tells whether one tries to give a language model other orders.

It is an encoder without biases: rotary positions, RMS norms without weights, squared ReLU, and before each layer a share of the
first vectors. The mean of the last vectors is classified.

Source:
    The package metatronnanoguard 0.1.0; its parts are those of nanochat. So et al., "Primer", NeurIPS 2021 (squared ReLU).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.brain_float import from_bits, to_bits
from minitransformer.models.folder.model import PublishedModel
from minitransformer.nn import functional as F
from minitransformer.ops.creation.filled import ones, zeros
from minitransformer.ops.creation.from_data import tensor


@dataclass(frozen=True)
class NanoGuardConfig:
    """The sizes of a `NanoGuard`, under their published names. The defaults are those of the published one.

    Args:
        sequence_len: the largest number of tokens.
        vocab_size: the number of ids.
        n_layer: layers.
        n_head: attention heads in a layer; a divisor of `n_embd`.
        n_embd: the size C of each token's vector.
        num_classes: classes.
    """

    sequence_len: int = 512
    vocab_size: int = 8192
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 512
    num_classes: int = 2

    @property
    def max_len(self) -> int:
        """The largest number of tokens, `sequence_len`."""
        return self.sequence_len


def unit(x: Tensor) -> Tensor:
    """Each vector scaled to root mean square 1.

    Args:
        x: (.., C).

    Returns:
        The same shape.
    """
    return F.rms_norm(x, x.shape[-1:])


class NanoGuardAttention(nn.Module):
    """Attention of every token to every token; queries and keys are rotated, then scaled to root mean square 1.

    Args:
        config: the sizes.
    """

    def __init__(self, config: NanoGuardConfig):
        super().__init__()
        self.heads, C = config.n_head, config.n_embd
        self.c_q, self.c_k, self.c_v, self.c_proj = (nn.Linear(C, C, bias=False) for _ in range(4))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """What each token takes from all of them.

        Args:
            x: (B, T, C).
            cos: (T, d/2), the cosines of the angles.
            sin: (T, d/2), their sines.

        Returns:
            (B, T, C).
        """
        q, k, v = (self._split(part(x)) for part in (self.c_q, self.c_k, self.c_v))  # (B, H, T, d) each
        q, k = (unit(nn.apply_rotary(t, cos, -sin, interleaved=False)) for t in (q, k))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:  # (B, T, H d) -> (B, H, T, d)
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class NanoGuardLayer(nn.Module):
    """Attention, then two linear maps with squared ReLU between them, each with a residual connection.

    Args:
        config: the sizes.
    """

    def __init__(self, config: NanoGuardConfig):
        super().__init__()
        C = config.n_embd
        self.attn = NanoGuardAttention(config)
        self.c_fc = nn.Linear(C, 4 * C, bias=False)
        self.c_proj = nn.Linear(4 * C, C, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """The vectors after this layer.

        Args:
            x: (B, T, C).
            cos: (T, d/2).
            sin: (T, d/2).

        Returns:
            (B, T, C).
        """
        x = x + self.attn(unit(x), cos, sin)
        return x + self.c_proj(F.relu(self.c_fc(unit(x))).square())


class NanoGuard(PublishedModel):
    """ids (B, T) -> the logits of each class, (B, num_classes).

    Args:
        config: the sizes.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: NanoGuardConfig):
        super().__init__()
        self.config = c = config
        self.wte = nn.Embedding(c.vocab_size, c.n_embd)
        self.layers = nn.ModuleList([NanoGuardLayer(c) for _ in range(c.n_layer)])
        self.resid_lambdas = nn.Parameter(ones(c.n_layer))
        self.x0_lambdas = nn.Parameter(zeros(c.n_layer))
        self.cls_norm = nn.LayerNorm(c.n_embd)
        self.cls_head = nn.Linear(c.n_embd, c.num_classes)
        for name, table in angles(c.sequence_len, c.n_embd // c.n_head).items():
            self.register_buffer(name, tensor(table), persistent=False)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The logits of each text.

        Attention reads every id, padding too: the published model was trained on texts padded to 512 tokens, and only its mean
        leaves the padding out.

        Args:
            ids: (B, T) integers, the first of each text being that of the beginning.
            attention_mask: (B, T), 1 for the tokens of the mean, 0 for padding; None takes all.

        Returns:
            (B, num_classes).
        """
        first = x = unit(self.wte(ids))  # (B, T, C)
        cos, sin = (table[: ids.shape[1]] for table in (self.cos, self.sin))  # (T, d/2) each
        for i, layer in enumerate(self.layers):
            x = layer(self.resid_lambdas[i] * x + self.x0_lambdas[i] * first, cos, sin)
        return self.cls_head(self.cls_norm(_mean(unit(x), attention_mask)))


def _mean(x: Tensor, mask: Tensor | None) -> Tensor:  # (B, T, C), (B, T) -> (B, C)
    """The mean of the vectors that a mask takes."""
    if mask is None:
        return x.mean(1)
    taken = mask.to(x.dtype).unsqueeze(-1)  # (B, T, 1)
    return (x * taken).sum(1) / taken.sum(1).clip(min=1)


def angles(length: int, d: int, base: float = 10000.0) -> dict[str, numpy.ndarray]:
    """The cosines and sines by which pairs of channels are rotated, in float32 with the eight digits of a bfloat16.

    Args:
        length: positions T.
        d: the size of a head.
        base: sets the range of the angles.

    Returns:
        {"cos": (T, d/2), "sin": (T, d/2)}.
    """
    channel = numpy.arange(0, d, 2, dtype="float32")
    turns = numpy.outer(numpy.arange(length, dtype="float32"), 1 / numpy.float32(base) ** (channel / d))
    tables = {"cos": numpy.cos(turns), "sin": numpy.sin(turns)}
    return {name: from_bits(to_bits(table)) for name, table in tables.items()}
