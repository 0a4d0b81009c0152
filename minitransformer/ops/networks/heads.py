"""Vectors split into heads, and heads merged to vectors: what multi-head attention does before and after it attends."""

from __future__ import annotations

from typing import Literal, overload

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Moves


class SplitHeads(Moves):
    """Each vector cut into `parts` vectors, such as query, key and value, and each of these into heads: one output a part.

    (B, T, P H d), (T, B, P H d) or (T, P H d) -> P times (B, H, T, d) or (H, T, d).

    Args:
        heads: H.
        parts: P.
        batch_first: False for (T, B, P H d).
    """

    reads = "shapes"
    view = True

    def __init__(self, heads: int, parts: int, batch_first: bool):
        self.heads, self.outputs, self.batch_first = heads, parts, batch_first

    def pieces(self, x: Array) -> Array:
        """The pieces of an array, as a view.

        Args:
            x: (B, T, P H d), (T, B, P H d) or (T, P H d).

        Returns:
            (P, B, H, T, d) or (P, H, T, d).
        """
        cut = x.reshape(*x.shape[:-1], self.outputs, self.heads, x.shape[-1] // (self.outputs * self.heads))
        time = 1 if x.ndim == 3 and self.batch_first else 0
        part, head, d = range(x.ndim - 1, x.ndim + 2)
        batch = [1 - time] if x.ndim == 3 else []
        return cut.transpose(part, *batch, head, time, d)

    def forward(self, x: Array) -> Array:  # (B, T, P H d) -> P times (B, H, T, d), or one as it is
        parts = tuple(self.pieces(x))
        return parts if self.outputs > 1 else parts[0]

    def vjp(self, gs: Arrays, x: Array) -> Arrays:  # each piece back in its place
        y = namespace(x).empty(x.shape, x.dtype)
        for piece, g in zip(self.pieces(y), gs if self.outputs > 1 else (gs,), strict=True):
            piece[...] = 0 if g is None else g
        return (y,)


class MergeHeads(Moves):
    """The heads of each token side by side, as one vector. (B, H, T, d) or (H, T, d) -> (B, T, H d) or (T, H d).

    Args:
        batch_first: False for a result (T, B, H d).
    """

    reads = "shapes"
    view = True

    def __init__(self, batch_first: bool):
        self.batch_first = batch_first

    def forward(self, x: Array) -> Array:  # (B, H, T, d) -> (B, T, H d) or (T, B, H d), (H, T, d) -> (T, H d)
        head, time, d = range(x.ndim - 3, x.ndim)
        batch = list(range(x.ndim - 3))
        order = (*batch, time, head, d) if self.batch_first else (time, *batch, head, d)
        moved = x.transpose(order)
        return moved.reshape(*moved.shape[:-2], x.shape[head] * x.shape[d])

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (SplitHeads(x.shape[-3], 1, self.batch_first).pieces(g)[0],)


@overload
def split_heads(input: Tensor, num_heads: int, parts: Literal[1] = 1, batch_first: bool = True) -> Tensor: ...
@overload
def split_heads(
    input: Tensor, num_heads: int, parts: int, batch_first: bool = True
) -> Tensor | tuple[Tensor, ...]: ...
def split_heads(
    input: Tensor, num_heads: int, parts: int = 1, batch_first: bool = True
) -> Tensor | tuple[Tensor, ...]:
    """Vectors cut into parts, such as query, key and value, and each of these into heads.

    Args:
        input: (B, T, P H d), (T, B, P H d) with `batch_first=False`, or (T, P H d).
        num_heads: H.
        parts: P.
        batch_first: whether the batch is the first dimension.

    Returns:
        (B, H, T, d) or (H, T, d); for several parts a tuple of them.

    Raises:
        ValueError: the sizes do not fit.
    """
    if input.ndim not in (2, 3) or input.shape[-1] % (num_heads * parts):
        what = f"2 or 3 dimensions, the last a multiple of {num_heads * parts} = {parts} x {num_heads} heads"
        raise ValueError(f"split_heads: expected {what}, got {input.shape}")
    return SplitHeads(num_heads, parts, batch_first)(input)


def merge_heads(input: Tensor, batch_first: bool = True) -> Tensor:
    """The heads of each token side by side, as one vector.

    Args:
        input: (B, H, T, d) or (H, T, d).
        batch_first: whether the batch is the first dimension of the result.

    Returns:
        (B, T, H d), (T, B, H d) with `batch_first=False`, or (T, H d).

    Raises:
        ValueError: the input has another number of dimensions.
    """
    if input.ndim not in (3, 4):
        raise ValueError(f"merge_heads: expected (B, H, T, d) or (H, T, d), got {input.shape}")
    return MergeHeads(batch_first)(input)
