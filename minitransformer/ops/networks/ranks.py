"""Ops between ranks that compute one layer together: what a tensor-parallel layer begins and ends with.

Outside such a layer every rank has the same tensors. Inside, each has a part of the channels, or a term of a sum. The ops come in
pairs, in which one's way back is the other's way forward:

| op | forward | back |
|---|---|---|
| `Copied`, f in the paper | the tensor itself | the sum over ranks |
| `Summed`, g in the paper | the sum over ranks | the cotangent itself |
| `Parted` | this rank's channels | the channels of all ranks |
| `Gathered` | the channels of all ranks | this rank's channels |

`VocabularyLookup` is an embedding whose rows are shared out. Relevance goes the same ways. Each rank keeps books of its own, which
close: under "ranks" they hold what others have in theirs.

Source:
    Shoeybi et al., arXiv:1909.08053, section 3.
"""

from __future__ import annotations

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.ops.books import Books
from minitransformer.ops.index.bounds import check_ids
from minitransformer.ops.index.lookup import Embedding

ELSEWHERE = "ranks"  # of the ledger


def bounds(total: int, engine: Engine) -> tuple[int, int]:
    """Which of a number of things are this rank's.

    Args:
        total: how many there are.
        engine: the group that shares them out.

    Returns:
        The first, and the one after the last.
    """
    return total * engine.rank // engine.size, total * (engine.rank + 1) // engine.size


class Between(Op):
    """An op between ranks.

    Args:
        engine: their group.
    """

    reads = "shapes"

    def __init__(self, engine: Engine):
        self.engine = engine

    def total(self, x: Array) -> Array:
        """The sum over ranks.

        Args:
            x: any shape, the same on all ranks.

        Returns:
            The same shape.
        """
        y = x.copy()
        self.engine.all_reduce(y, ReduceOp.SUM)
        return y

    def part(self, x: Array) -> Array:
        """This rank's channels, as a view.

        Args:
            x: (.., C).

        Returns:
            (.., C / ranks).
        """
        start, end = bounds(x.shape[-1], self.engine)
        return x[..., start:end]

    def all_parts(self, x: Array, channels: int) -> Array:
        """The channels of all ranks: each adds its own to zeros.

        Args:
            x: (.., C / ranks).
            channels: C.

        Returns:
            (.., C).
        """
        y = namespace(x).zeros((*x.shape[:-1], channels), x.dtype)
        self.part(y)[...] = x
        return self.total(y)


class Copied(Between):
    """f: y = x on every rank, each of which goes its own way from here. The cotangents of all ranks are added."""

    def forward(self, x: Array) -> Array:
        return x.copy()

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (self.total(g),)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        whole = self.total(r)
        books.absorb(ELSEWHERE, r - whole)
        return (whole,)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:
        whole = self.total(g)
        books.absorb(ELSEWHERE, (g - whole) * books.finite(x))
        return (whole,)


class Summed(Between):
    """g: y = the sum over ranks of x. Each rank's term gets its share of the sum, R_x = x R / S(y)."""

    def forward(self, x: Array) -> Array:
        return self.total(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1
        return (g,)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        y = self.total(x)
        share = books.ratio(r, y)
        books.absorb(ELSEWHERE, share * (y - x))
        return (share * x,)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:
        books.absorb(ELSEWHERE, g * (self.total(x) - x))
        return (g,)


class Gathered(Between):
    """The channels of all ranks side by side, (.., C / ranks) to (.., C).

    Args:
        engine: the group.
        channels: C.
    """

    def __init__(self, engine: Engine, channels: int):
        super().__init__(engine)
        self.channels = channels

    def forward(self, x: Array) -> Array:
        return self.all_parts(x, self.channels)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (self.part(g),)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        books.absorb(ELSEWHERE, r)
        books.absorb(ELSEWHERE, -self.part(r))
        return (self.part(r),)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:
        books.absorb(ELSEWHERE, g * self.forward(books.finite(x)))
        books.absorb(ELSEWHERE, -self.part(g) * books.finite(x))
        return (self.part(g),)


class Parted(Between):
    """This rank's channels, (.., C) to (.., C / ranks)."""

    def forward(self, x: Array) -> Array:
        return self.part(x).copy()

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (self.all_parts(g, x.shape[-1]),)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        whole = self.all_parts(r, x.shape[-1])
        books.absorb(ELSEWHERE, r)
        books.absorb(ELSEWHERE, -whole)
        return (whole,)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:
        whole = self.all_parts(g, x.shape[-1])
        books.absorb(ELSEWHERE, g * self.part(books.finite(x)))
        books.absorb(ELSEWHERE, -whole * books.finite(x))
        return (whole,)


class VocabularyLookup(Embedding):
    """y = weight[ids] of a matrix whose rows are shared out: (V / ranks, C) and (..) to (.., C). One rank has the row of an id.

    Args:
        engine: the group.
        rows: V.
    """

    def __init__(self, engine: Engine, rows: int):
        self.engine, self.rows = engine, rows

    def forward(self, weight: Array, ids: Array) -> Array:
        own, mine = self._own(ids)
        y = namespace(weight).where(mine, super().forward(weight, own), 0).astype(weight.dtype, copy=False)
        self.engine.all_reduce(y, ReduceOp.SUM)
        return y

    def vjp(self, g: Array, weight: Array, ids: Array) -> Arrays:
        own, mine = self._own(ids)
        return super().vjp(namespace(g).where(mine, g, 0).astype(g.dtype, copy=False), weight, own)

    def _own(self, ids: Array) -> tuple[Array, Array]:
        """Ids as numbers of this rank's rows, 0 for those of other ranks, (..); and which are its own, (.., 1)."""
        start, end = bounds(self.rows, self.engine)
        mine = (ids >= start) & (ids < end)
        return namespace(ids).where(mine, ids - start, 0), mine[..., None]


def copied(input: Tensor, engine: Engine) -> Tensor:
    """A tensor that all ranks have, as the input of what each computes alone. All ranks call this, and walk back together.

    Args:
        input: any shape.
        engine: the group.

    Returns:
        The same values.
    """
    return Copied(engine)(input)


def summed(input: Tensor, engine: Engine) -> Tensor:
    """The sum of what the ranks have computed, on each.

    Args:
        input: this rank's term, of the same shape on all ranks.
        engine: the group.

    Returns:
        The same shape.

    Raises:
        DistError: the shapes differ, or a rank does not come.
    """
    return Summed(engine)(input)


def gathered(input: Tensor, engine: Engine, channels: int) -> Tensor:
    """The channels of all ranks, on each.

    Args:
        input: (.., C / ranks).
        engine: the group.
        channels: C.

    Returns:
        (.., C).
    """
    return Gathered(engine, channels)(input)


def parted(input: Tensor, engine: Engine) -> Tensor:
    """This rank's channels of a tensor that all have.

    Args:
        input: (.., C).
        engine: the group.

    Returns:
        (.., C / ranks).
    """
    return Parted(engine)(input)


def vocabulary_lookup(input: Tensor, weight: Tensor, engine: Engine, rows: int) -> Tensor:
    """For each id its row of a matrix whose rows are shared out.

    Args:
        input: integer ids (..), the same on all ranks.
        weight: this rank's rows, (V / ranks, C).
        engine: the group.
        rows: V.

    Returns:
        (.., C), the same on all ranks.

    Raises:
        IndexError: an id is out of range.
    """
    check_ids(input.array, rows, "embedding: id {} is outside the vocabulary 0..{}")
    return VocabularyLookup(engine, rows)(weight, input)
