"""Positional encodings: vectors that are added to the embeddings, or rotations of queries and keys.

Attention treats its keys as a set: without a positional encoding it cannot tell in which order the tokens come. Encodings that
are added are marked as positions, so that the relevance ledger separates the relevance of tokens from that of positions.
"""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import float32, float64
from minitransformer.nn import init
from minitransformer.nn.dropout import Dropout
from minitransformer.nn.module import Module
from minitransformer.ops.creation.filled import arange, zeros
from minitransformer.ops.elementwise.trigonometry import cos, sin
from minitransformer.ops.index.lookup import embedding
from minitransformer.ops.shape.joining import cat, chunk, stack
from minitransformer.ops.shape.layout import flatten, unsqueeze

POSITIONS = "positions"  # a role of tensors, and where the ledger books their relevance


def mark_positions(t: Tensor) -> Tensor:
    """Mark a tensor as a positional encoding, for the relevance ledger.

    The ledger of `explain.lrp` books the relevance of a sum's marked terms as "positions", separate from the tokens. Mark the
    table of a positional encoding of your own, or scores that depend only on positions. The mark is an attribute of the
    tensor and not an entry in a table of marked tensors, because slices of a tensor and the copies of it that ops keep must
    have the mark too.

    Args:
        t: any tensor, changed: its `role` becomes "positions".

    Returns:
        `t` itself.
    """
    t.role = POSITIONS
    return t


def is_marked(t: Tensor) -> bool:
    """Whether `mark_positions` marked a tensor, or one of which it is a view.

    Args:
        t: any tensor.

    Returns:
        True or False.
    """
    return t.role == POSITIONS


def angles(max_len: int, exponents: Tensor, base: float = 10000.0) -> Tensor:
    """theta[p, i] = p / base^exponents[i]: the angle of position p in channel i.

    Args:
        max_len: the number of positions.
        exponents: (n,) float64.
        base: the largest wavelength over 2 pi, for an exponent of 1.

    Returns:
        (max_len, n) float64, in radians.
    """
    return unsqueeze(arange(max_len, dtype=float64), 1) / base**exponents


def rows(table: Tensor, start: int, length: int) -> Tensor:
    """`table[start : start + length]`, the rows of consecutive positions.

    Args:
        table: (max_len, ..), a row for each position.
        start: the first position.
        length: how many.

    Returns:
        (length, ..).

    Raises:
        ValueError: if the table is too short.
    """
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
    """The base of encodings that are added: x + table[position], then dropout. A subclass defines `table`.

    Args:
        d_model: the size C of each vector.
        dropout: the probability of dropout, in [0, 1].
        batch_first: whether the batch is the first dimension of the input, before the tokens.
    """

    def __init__(self, d_model: int, dropout: float, batch_first: bool) -> None:
        super().__init__()
        self.d_model, self.batch_first = d_model, batch_first
        self.dropout = Dropout(dropout)

    def table(self) -> Tensor:
        """The vectors of all positions; a subclass defines it.

        Returns:
            (max_len, d_model).

        Raises:
            NotImplementedError: if the subclass does not.
        """
        raise NotImplementedError(f"{type(self).__name__}: define table(self)")

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Add the vectors of the positions `start`, `start` + 1, .., and apply dropout.

        Args:
            x: (T, B, d_model), or (B, T, d_model) if `batch_first`, or (T, d_model).
            start: the position of the first token.

        Returns:
            The shape of `x`.

        Raises:
            ValueError: if the shape is another, or a position is not below max_len.
        """
        if x.ndim not in (2, 3) or x.shape[-1] != self.d_model:
            raise ValueError(
                f"expected 2 or 3 dimensions, the last of size d_model={self.d_model}, got {x.shape}"
            )
        sequence_first = x.ndim == 3 and not self.batch_first
        added = rows(self.table(), start, x.shape[0 if sequence_first else -2])  # (T, C)
        return self.dropout(x + (unsqueeze(added, 1) if sequence_first else added))

    def at(self, x: Tensor, positions: Tensor) -> Tensor:
        """Add the vectors of given positions, and apply dropout.

        Args:
            x: (.., d_model).
            positions: integers (..), for example those of `positions_after_padding`.

        Returns:
            (.., d_model).

        Raises:
            IndexError: if a position is not below max_len.
        """
        return self.dropout(x + mark_positions(embedding(positions, self.table())))

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={len(self.table())}, batch_first={self.batch_first}"


class _FixedEncoding(AdditiveEncoding):
    """A table that is computed once: the buffer `pe`, (max_len, 1, C), or (1, max_len, C) if `batch_first`.

    Its numbers are rounded to float32, also after `.double()`: a PyTorch module with such a buffer has the same numbers.
    """

    pe: Tensor

    def __init__(
        self, d_model: int, dropout: float = 0.1, max_len: int = 5000, batch_first: bool = False
    ) -> None:
        super().__init__(d_model, dropout, batch_first)
        init.reserve(max_len, d_model)
        pe = self.compute(max_len).float().unsqueeze(0 if batch_first else 1)
        self.register_buffer("pe", mark_positions(pe))

    def table(self) -> Tensor:
        """The vectors of all positions.

        Returns:
            (max_len, d_model).
        """
        return self.pe.view(-1, self.d_model)

    def compute(self, max_len: int) -> Tensor:
        """The formula of the encoding; a subclass defines it.

        Args:
            max_len: the number of positions.

        Returns:
            (max_len, d_model) float64.

        Raises:
            NotImplementedError: if the subclass does not.
        """
        raise NotImplementedError(f"{type(self).__name__}: define compute(self, max_len)")


class SinusoidalPositionalEncoding(_FixedEncoding):
    """PE[p, 2i] = sin(p / 10000^(2i / d)), PE[p, 2i + 1] = cos of the same angle.

    Each pair of channels is a point on a circle, like the tip of a clock hand. From position p to position p + 3, each hand
    turns by an angle that does not depend on p. So the product `<PE_p, PE_{p+3}>` does not depend on p either: a product of two
    encodings measures their distance.

    Args:
        d_model: the size d of each vector.
        dropout: the probability of dropout, in [0, 1].
        max_len: the number of positions.
        batch_first: whether the batch is the first dimension of the input, before the tokens.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.5.
    """

    def compute(self, max_len: int) -> Tensor:
        """The formula of the encoding.

        Args:
            max_len: the number of positions.

        Returns:
            (max_len, d_model) float64.
        """
        pe = zeros(max_len, self.d_model, dtype=float64)
        exponents = arange(0, self.d_model, 2, dtype=float64) / self.d_model
        theta = angles(max_len, exponents)  # (max_len, C/2 rounded up)
        pe[:, 0::2] = sin(theta)
        pe[:, 1::2] = cos(theta)[:, : self.d_model // 2]
        return pe


PositionalEncoding = SinusoidalPositionalEncoding


class AddedPositionalEncoding(_FixedEncoding):
    """ep[p, i] = sin(theta) + cos(theta), theta = p / 10000^(2i / d): an example of an error, not for use.

    An article printed the formula of `SinusoidalPositionalEncoding` in this form. The sum equals sqrt(2) sin(theta + pi/4): one
    coordinate of a point on the circle instead of two. One coordinate does not determine the angle, so the product
    `<ep_p, ep_{p+3}>` depends on p: over 32 positions, for d = 16, it varies by 4.2.

    Args:
        d_model: the size d of each vector.
        dropout: the probability of dropout, in [0, 1].
        max_len: the number of positions.
        batch_first: whether the batch is the first dimension of the input, before the tokens.
    """

    def compute(self, max_len: int) -> Tensor:
        """The formula of the encoding.

        Args:
            max_len: the number of positions.

        Returns:
            (max_len, d_model) float64.
        """
        theta = angles(max_len, 2 * arange(self.d_model, dtype=float64) / self.d_model)  # (max_len, C)
        return sin(theta) + cos(theta)


class LearnedPositionalEncoding(AdditiveEncoding):
    """A learned vector for each position: `weight` (max_len, d_model), which starts as N(0, 0.02^2).

    Args:
        d_model: the size of each vector.
        dropout: the probability of dropout, in [0, 1].
        max_len: the number of positions.
        batch_first: whether the batch is the first dimension of the input, before the tokens.

    Source:
        Gehring et al., ICML 2017.
    """

    def __init__(
        self, d_model: int, dropout: float = 0.1, max_len: int = 5000, batch_first: bool = False
    ) -> None:
        super().__init__(d_model, dropout, batch_first)
        self.weight = init.parameter(max_len, d_model)
        mark_positions(self.weight)
        init.normal_(self.weight, std=0.02)

    def table(self) -> Tensor:
        """The vectors of all positions.

        Returns:
            (max_len, d_model): `weight`.
        """
        return self.weight


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = True) -> Tensor:
    """Rotate each pair of channels of queries or keys: (a, b) -> (a cos - b sin, a sin + b cos).

    Args:
        x: (.., T, d), d even.
        cos: (T, d/2), the cosine of each pair's angle.
        sin: (T, d/2), its sine.
        interleaved: True pairs the channels (0, 1), (2, 3), .., as in the paper; False pairs channel i with i + d/2, as many
            published weights expect.

    Returns:
        (.., T, d).

    Raises:
        ValueError: if the sizes do not fit.

    Source:
        Su et al., arXiv 2104.09864, section 3.4.
    """
    if x.shape[-2:] != (cos.shape[0], 2 * cos.shape[1]):
        raise ValueError(
            f"apply_rotary: expected x (.., T, d) for angles (T, d/2), got {x.shape} and {cos.shape}"
        )
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else chunk(x, 2, -1)  # (.., T, d/2) each
    turned = [a * cos - b * sin, a * sin + b * cos]
    return flatten(stack(turned, -1), -2) if interleaved else cat(turned, -1)


class RotaryEmbedding(Module):
    """Rotates each pair of channels i of a query or key at position p by the angle p base^(-2i / d).

    The product `<R_p q, R_s k>` then depends on the positions only through their distance p - s. The buffers `cos` and `sin`
    (max_len, d/2) are rounded to float32, also after `.double()`, like the buffers of a PyTorch module.

    Args:
        dim: the size d of each head, even.
        max_len: the number of positions.
        base: sets the range of the angles.
        interleaved: how channels are paired: see `apply_rotary`.
        frequencies: (d/2,) float64, the angle of each pair at position 1, in radians; None means base^(-2i / d).

    Raises:
        ValueError: if `dim` is odd, or the frequencies have another shape.

    Source:
        Su et al., arXiv 2104.09864, section 3.2.
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self,
        dim: int,
        max_len: int = 5000,
        base: float = 10000.0,
        interleaved: bool = True,
        frequencies: Tensor | None = None,
    ) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(
                f"RotaryEmbedding: expected an even dim, since channels are rotated in pairs, got {dim}"
            )
        if frequencies is not None and frequencies.shape != (dim // 2,):
            raise ValueError(
                f"RotaryEmbedding: expected {dim // 2} frequencies for dim={dim}, got shape {frequencies.shape}"
            )
        self.dim, self.base, self.interleaved = dim, base, interleaved
        init.reserve(max_len, dim)
        if frequencies is None:
            theta = angles(max_len, arange(0, dim, 2, dtype=float64) / dim, base)  # (max_len, d/2)
        else:
            theta = unsqueeze(arange(max_len, dtype=float64), 1) * frequencies  # (max_len, d/2)
        self.register_buffer("cos", cos(theta).to(float32), persistent=False)
        self.register_buffer("sin", sin(theta).to(float32), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Rotate the vectors of the positions `start`, `start` + 1, ..

        Args:
            x: queries or keys (.., T, dim).
            start: the position of the first token.

        Returns:
            (.., T, dim).

        Raises:
            ValueError: if the last size is not dim, or a position is not below max_len.
        """
        turn_cos, turn_sin = (rows(table, start, x.shape[-2]) for table in (self.cos, self.sin))  # (T, d/2)
        return apply_rotary(x, turn_cos, turn_sin, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.dim}, max_len={len(self.cos)}, base={self.base}, interleaved={self.interleaved}"
