"""A group of ranks, as one of them sees it. An engine for it moves the bytes.

Before each collective all ranks tell each other what they are about to call. If one of them is about to call something else, or
with another shape or dtype, none calls, and each raises the same error, which names the ranks and their calls.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy

from minitransformer.backends import Array, float32, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.collectives.reductions import ReduceOp, check_op, divided

WORDS = 192  # bytes in which a rank tells its call
ORDER = "every rank of a group makes the same calls in the same order, with the same shapes and dtypes"


class DistError(RuntimeError):
    """Ranks cannot go on together: one has ended, does not come, or calls something else."""


class Engine:
    """A group of ranks. Arrays are changed in place. A subclass defines the methods after `agree`.

    Args:
        ranks: the number of each rank of the group among all, in the group's order.
        rank: which of them this one is, counted within the group.
        timeout: seconds for which a rank waits for the others.

    Attributes:
        ranks: as given.
        rank: as given.
        timeout: as given.
        size: the number of ranks in the group.
    """

    name = "none"

    def __init__(self, ranks: Sequence[int], rank: int, timeout: float):
        self.ranks, self.rank, self.timeout = tuple(ranks), rank, timeout
        self.size = len(self.ranks)

    def agree(self, call: str) -> None:
        """Raise DistError on every rank, unless all are about to make the same call.

        Args:
            call: the call in words, with shape and dtype.
        """
        told = self.told(call)
        if other := next((place for place, text in enumerate(told) if text != told[0]), None):
            what = f"rank {self.ranks[0]} calls {told[0]}, rank {self.ranks[other]} calls {told[other]}"
            raise DistError(f"the ranks disagree: {what}; {ORDER}")

    def told(self, call: str) -> list[str]:
        """What each rank is about to call."""
        raise NotImplementedError

    def reduce_all(self, array: Array, op: ReduceOp, call: str) -> None:
        """Put the arrays of all ranks together, on each."""
        raise NotImplementedError

    def copy_from(self, array: Array, root: int, call: str) -> None:
        """Take the array of one rank."""
        raise NotImplementedError

    def gather(self, out: Array, array: Array, call: str) -> None:
        """The arrays of all ranks, one after the other, into `out` (size, ..)."""
        raise NotImplementedError

    def swap(self, out: Array, array: Array, call: str) -> None:
        """Row j of `array` (size, ..) goes to rank j; row i of `out` comes from rank i."""
        raise NotImplementedError

    def put(self, array: Array, to: int, tag: int, call: str) -> Callable[[], object]:
        """Begin to send to a rank of the group; returns what waits until the array may be changed."""
        raise NotImplementedError

    def take(self, array: Array, source: int | None, tag: int, call: str) -> int:
        """Receive from a rank of the group, or from any; returns which."""
        raise NotImplementedError

    def part(self, ranks: Sequence[int]) -> Engine | None:
        """A group of some ranks, counted within this one; None on the others. Every rank of this group calls it."""
        raise NotImplementedError

    def end(self) -> None:
        """Leave the group."""

    def abort(self, error: Exception) -> NoReturn:
        """End all ranks, with one line about the error; here the error itself does so."""
        raise error

    def place(self, array: Array) -> Array:
        """An array as this engine can move it: itself, or a copy in one piece."""
        return array if array.flags.c_contiguous else array.copy(order="C")

    @contextlib.contextmanager
    def _placed(self, array: Array, wide: bool = False) -> Iterator[Array]:
        """`place`, and the way back. `wide`: half precision is added up in float32."""
        half = wide and array.dtype.kind in FLOATS and array.dtype.itemsize == 2
        there = self.place(array.astype(float32) if half else array)
        yield there
        if there is not array:
            array[...] = there if isinstance(there, type(array)) else namespace(array).asarray(there)

    def all_reduce(self, array: Array, op: ReduceOp) -> None:
        """Put the arrays of all ranks together, on each, in place.

        Args:
            array: any shape, the same on all ranks.
            op: how.
        """
        self._reduce("all_reduce", array, op)

    def reduce(self, array: Array, root: int, op: ReduceOp) -> None:
        """`all_reduce`, whose result only one rank takes.

        Args:
            array: any shape, the same on all ranks; changed on the root alone.
            root: which rank of the group.
            op: how.
        """
        check_op(op, array)
        call = f"reduce({described(array)}, {root}, {op.name})"
        self.agree(call)
        with self._placed(array.copy() if self.rank != root else array, wide=True) as there:
            self.reduce_all(there, op, call)
            divided(there, op, self.size)

    def broadcast(self, array: Array, root: int) -> None:
        """Take the array of one rank.

        Args:
            array: any shape, the same on all ranks.
            root: which rank of the group.
        """
        call = f"broadcast({described(array)}, {root})"
        self.agree(call)
        with self._placed(array) as there:
            self.copy_from(there, root, call)

    def all_gather(self, out: Array, array: Array) -> None:
        """The arrays of all ranks, on each.

        Args:
            out: (size, ..).
            array: (..), the same shape on all ranks.
        """
        call = f"all_gather({described(array)})"
        self.agree(call)
        with self._placed(out) as there:
            self.gather(there, self.place(array), call)

    def all_to_all(self, out: Array, array: Array) -> None:
        """Each rank gives each a row.

        Args:
            out: (size, ..); row i comes from rank i.
            array: (size, ..); row j goes to rank j.
        """
        call = f"all_to_all({described(array)})"
        self.agree(call)
        with self._placed(out) as there:
            self.swap(there, self.place(array), call)

    def reduce_scatter(self, out: Array, array: Array, op: ReduceOp) -> None:
        """Put the arrays of all ranks together, of which each rank takes its row.

        Args:
            out: (..).
            array: (size, ..).
            op: how.
        """
        whole = array.copy()
        self._reduce("reduce_scatter", whole, op)
        out[...] = whole[self.rank]

    def _reduce(self, name: str, array: Array, op: ReduceOp) -> None:
        """Put the arrays of all ranks together, on each, in place, in a call of this name."""
        check_op(op, array)
        call = f"{name}({described(array)}, {op.name})"
        self.agree(call)
        with self._placed(array, wide=True) as there:
            self.reduce_all(there, op, call)
            divided(there, op, self.size)

    def send(self, array: Array, to: int, tag: int = 0) -> None:
        """Send an array.

        Args:
            array: any shape.
            to: which rank of the group.
            tag: a number that `receive` must ask for.
        """
        self.sending(array, to, tag)()

    def sending(self, array: Array, to: int, tag: int = 0) -> Callable[[], object]:
        """Begin to send an array.

        Args:
            array: any shape.
            to: which rank of the group.
            tag: a number that `receive` must ask for.

        Returns:
            What waits until the array may be changed.
        """
        return self.put(self.place(array), to, tag, f"send({described(array)}, to rank {self.ranks[to]})")

    def receive(self, array: Array, source: int | None = None, tag: int = 0) -> int:
        """Receive an array.

        Args:
            array: of the shape and dtype that are sent.
            source: which rank of the group; None for any.
            tag: the number that it was sent with.

        Returns:
            The rank of the group that sent it.
        """
        whom = "any rank" if source is None else f"rank {self.ranks[source]}"
        with self._placed(array) as there:
            return self.take(there, source, tag, f"recv({described(array)}, from {whom})")

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self.agree("barrier()")

    def objects(self, value: Any, call: str) -> list[Any]:
        """What each rank has, pickled on the way.

        Args:
            value: anything that pickle knows.
            call: the name of the call, for errors.

        Returns:
            The values, in the order of the ranks.
        """
        data = numpy.frombuffer(pickle.dumps(value), numpy.uint8)
        self.agree(call)
        sizes = numpy.empty((self.size, 1), numpy.int64)
        self.gather(sizes, numpy.array([data.size]), call)
        rows = numpy.empty((self.size, int(sizes.max())), numpy.uint8)
        self.gather(rows, numpy.pad(data, (0, rows.shape[1] - data.size)), call)
        return [pickle.loads(row[:n].tobytes()) for row, n in zip(rows, sizes[:, 0], strict=True)]


def described(array: Array) -> str:
    """The dtype and the shape of an array in words.

    Args:
        array: the array.

    Returns:
        Such as "float32 (3, 4)".
    """
    return f"{array.dtype} {tuple(array.shape)}"
