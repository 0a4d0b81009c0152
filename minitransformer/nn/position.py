"""Where a token stands: vectors added to the embeddings, or rotations of queries and keys.

Attention treats its keys as a set; only what these give a token tells it from the same token elsewhere. What is added
is marked, so that the relevance ledger can tell what came from the words and what from their places.
"""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import float32, float64
from minitransformer.nn import init
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.module import Module
from minitransformer.ops.creation import arange, zeros
from minitransformer.ops.elementwise import cos, sin
from minitransformer.ops.index import embedding
from minitransformer.ops.shape import cat, chunk, flatten, stack, unsqueeze


def mark_positions(t: Tensor) -> Tensor:
    """Mark a tensor as a positional encoding, for the relevance ledger; views of it keep the mark.

    The ledger of `explain.lrp` books the relevance of a sum's marked terms as "positions", separate from the tokens. Mark the
    table of a positional encoding of your own, or scores that depend only on positions.

    Args:
        t: any tensor, changed: its `role` becomes "positions".

    Returns:
        `t` itself.
    """
    t.role = "positions"
    return t


def angles(max_len: int, exponents: Tensor, base: float = 10000.0) -> Tensor:
    """theta[p, i] = p / base^exponents[i] in radians: slow clocks and fast ones. (n,) -> (max_len, n), float64."""
    return unsqueeze(arange(max_len, dtype=float64), 1) / base**exponents


def rows(table: Tensor, start: int, length: int) -> Tensor:
    """`table[start : start + length]`. (max_len, ..) -> (length, ..). Raises ValueError if the table is too short."""
    if start + length > len(table):
        last = start + length - 1
        raise ValueError(
            f"positions {start} to {last} go beyond max_len={len(table)}: build with a larger max_len"
        )
    return table[start : start + length]


def positions_after_padding(padding: Tensor) -> Tensor:
    """The position of each token in sequences that begin with padding: 0 for the first token that is not padding.

    Args:
        padding: (B, T) bool, True where the token is padding.

    Returns:
        (B, T) int64; 0 for padding, too.
    """
    return ((~padding).long().cumsum(1) - 1).clip(min=0)


class AdditiveEncoding(Module):
    """What encodings that are added share: x + table[position], then dropout. Subclasses have the table."""

    def __init__(self, d_model: int, dropout: float, batch_first: bool):
        super().__init__()
        self.d_model, self.batch_first = d_model, batch_first
        self.dropout = Dropout(dropout)

    def table(self) -> Tensor:
        """A vector for each position. (max_len, d_model)."""
        raise NotImplementedError(f"{type(self).__name__} has no table")

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """x with the vectors of positions `start`, `start` + 1, .. added.

        (T, B, d_model), or (B, T, d_model) if `batch_first`, or (T, d_model) -> the same. Raises ValueError for another
        size, and beyond max_len.
        """
        if x.ndim not in (2, 3) or x.shape[-1] != self.d_model:
            raise ValueError(
                f"expected 2 or 3 dimensions, the last of size d_model={self.d_model}, got {x.shape}"
            )
        sequence_first = x.ndim == 3 and not self.batch_first
        added = rows(self.table(), start, x.shape[0 if sequence_first else -2])  # (T, C)
        return self.dropout(x + (unsqueeze(added, 1) if sequence_first else added))

    def at(self, x: Tensor, places: Tensor) -> Tensor:
        """x with the vectors of the positions `places` added. (.., C), integers (..) -> (.., C). Raises IndexError."""
        return self.dropout(x + embedding(places, self.table()))

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={len(self.table())}, batch_first={self.batch_first}"


class _FixedEncoding(AdditiveEncoding):
    """A table computed once and kept as the buffer `pe`: (max_len, 1, C), or (1, max_len, C) if `batch_first`.

    It is rounded to float32, and stays so after `.double()`: the same numbers as PyTorch's, whose buffers are cast alike.
    """

    def __init__(self, d_model: int, dropout: float = 0.1, max_len: int = 5000, batch_first: bool = False):
        super().__init__(d_model, dropout, batch_first)
        init.reserve(max_len, d_model)
        self.register_buffer(
            "pe", mark_positions(self.compute(max_len).float().unsqueeze(0 if batch_first else 1))
        )

    def table(self) -> Tensor:
        return self.pe.view(-1, self.d_model)

    def compute(self, max_len: int) -> Tensor:
        """The table, (max_len, d_model) float64."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its table holds")


class SinusoidalPositionalEncoding(_FixedEncoding):
    """PE[p, 2i] = sin(p / 10000^(2i / d)), PE[p, 2i + 1] = cos of the same angle (Vaswani et al., NeurIPS 2017, 3.5).

    Each pair of channels is a clock hand. Three places on, each hand has turned by an angle of its own, wherever it
    started, so <PE_p, PE_{p+3}> does not depend on p: distance can be read off by a product.
    """

    def compute(self, max_len: int) -> Tensor:
        pe = zeros(max_len, self.d_model, dtype=float64)
        # (max_len, C/2 rounded up)
        theta = angles(max_len, arange(0, self.d_model, 2, dtype=float64) / self.d_model)
        pe[:, 0::2] = sin(theta)
        pe[:, 1::2] = cos(theta)[:, : self.d_model // 2]
        return pe


PositionalEncoding = SinusoidalPositionalEncoding


class AddedPositionalEncoding(_FixedEncoding):
    """ep[p, i] = sin(theta) + cos(theta), theta = p / 10000^(2i / d), in one channel: to learn from, not to use.

    So an article once wrote the formula of `SinusoidalPositionalEncoding`. The sum is sqrt(2) sin(theta + pi/4): one
    coordinate of each hand instead of two, from which a turn cannot be told. <ep_p, ep_{p+3}> then depends on p: over
    32 positions of d = 16 it varies by 4.2.
    """

    def compute(self, max_len: int) -> Tensor:
        theta = angles(max_len, 2 * arange(self.d_model, dtype=float64) / self.d_model)  # (max_len, C)
        return sin(theta) + cos(theta)


class LearnedPositionalEncoding(AdditiveEncoding):
    """A vector learned for each position (Gehring et al., ICML 2017). `weight` (max_len, d_model), N(0, 0.02^2)."""

    def __init__(self, d_model: int, dropout: float = 0.1, max_len: int = 5000, batch_first: bool = False):
        super().__init__(d_model, dropout, batch_first)
        self.weight = mark_positions(init.parameter(max_len, d_model))
        init.normal_(self.weight, std=0.02)

    def table(self) -> Tensor:
        return self.weight


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = True) -> Tensor:
    """Turn each pair of channels of a query or key by its angle. (.., T, d), (T, d/2), (T, d/2) -> (.., T, d).

    (a, b) -> (a cos - b sin, a sin + b cos). Pairs are neighbours (0, 1), (2, 3), .. if `interleaved`, as in the paper;
    else channel i pairs with i + d/2, as in many published weights. Raises ValueError if the sizes do not fit.
    """
    if x.shape[-2:] != (cos.shape[0], 2 * cos.shape[1]):
        raise ValueError(
            f"apply_rotary: expected x (.., T, d) for angles (T, d/2), got {x.shape} and {cos.shape}"
        )
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else chunk(x, 2, -1)  # (.., T, d/2) each
    turned = [a * cos - b * sin, a * sin + b * cos]
    return flatten(stack(turned, -1), -2) if interleaved else cat(turned, -1)


class RotaryEmbedding(Module):
    """Queries and keys turned by position * base^(-2i / d), so that their product tells how far apart they are.

    <R_p q, R_s k> depends on p and s only through p - s (Su et al., arXiv 2104.09864, 2021, section 3.2). `dim` is the
    head's size; see `apply_rotary` for `interleaved`. The tables are rounded to float32, and stay so after `.double()`, as
    PyTorch's buffers do. Raises ValueError if `dim` is odd.
    """

    def __init__(self, dim: int, max_len: int = 5000, base: float = 10000.0, interleaved: bool = True):
        super().__init__()
        if dim % 2:
            raise ValueError(f"RotaryEmbedding: expected an even dim, to turn channels in pairs, got {dim}")
        self.dim, self.base, self.interleaved = dim, base, interleaved
        theta = angles(max_len, arange(0, dim, 2, dtype=float64) / dim, base)  # (max_len, d/2)
        self.register_buffer("cos", cos(theta).to(float32), persistent=False)
        self.register_buffer("sin", sin(theta).to(float32), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(.., T, dim) -> the same, turned for positions from `start` on. Raises ValueError beyond max_len."""
        turn_cos, turn_sin = (rows(table, start, x.shape[-2]) for table in (self.cos, self.sin))  # (T, d/2)
        return apply_rotary(x, turn_cos, turn_sin, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.dim}, max_len={len(self.cos)}, base={self.base}, interleaved={self.interleaved}"
