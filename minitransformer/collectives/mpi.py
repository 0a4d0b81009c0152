"""Ranks that are processes, on one machine or on many, by MPI: the packages mpi4py and mpich.

A rank waits for the others with a limit before each collective, and tells them after a while that it waits, so that an error names
who is missing. One that leaves tells so too, and who still waits for it need not wait for the limit. An error that nobody catches
ends all ranks: without that, MPI would wait for the one that failed.
"""

from __future__ import annotations

import atexit
import importlib
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NoReturn

import numpy

from minitransformer.backends import Array
from minitransformer.collectives.engine import WORDS, DistError, Engine, described
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.devices import to_host
from minitransformer.installing import install_line

BUSY = 0.002  # seconds of waiting without sleep
NAP = 0.0002  # seconds of sleep between two looks, later on
ROLL = 32767  # the tag of "I wait" and "I leave": the largest that every MPI has
HEARD = 0.3  # seconds in which the launcher passes on what was printed before the end
GRACE = 0.5  # seconds after "I leave" in which what was sent before it comes
OPS = {"SUM": "SUM", "AVG": "SUM", "PRODUCT": "PROD"}  # names in MPI, where they are others


def library() -> Any:
    """MPI, imported by the first call; that also starts it.

    Returns:
        The module `mpi4py.MPI`.

    Raises:
        ImportError: mpi4py or MPI itself is not installed; the message says what to install.
    """
    try:
        return importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        line = install_line("[mpi]")
        raise ImportError(
            f"several processes need mpi4py and mpich, which are not installed: {line}"
        ) from error


def world(world_size: int, rank: int, timeout: float) -> Mpi:
    """The group of all processes that the launcher started.

    Args:
        world_size: not needed: the launcher knows.
        rank: not needed.
        timeout: seconds for which a rank waits for the others.

    Returns:
        The group.

    Raises:
        ImportError: as `library`.
    """
    engine = Mpi(library().COMM_WORLD.Dup(), timeout)
    before = sys.excepthook

    def ends_all(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, DistError):
            before(kind, error, trace)
        engine.abort(error)

    sys.excepthook = ends_all
    atexit.register(
        engine.wait_for_end
    )  # after `sys.exit`, and before MPI's own end, which waits for all ranks
    return engine


class Mpi(Engine):
    """A group of processes.

    Args:
        comm: MPI's communicator, for this group alone.
        timeout: seconds for which a rank waits for the others.
        ranks: the number of each rank of the group among all; None if these are all.
    """

    name = "mpi"

    def __init__(self, comm: Any, timeout: float, ranks: Sequence[int] | None = None):
        super().__init__(range(comm.size) if ranks is None else ranks, comm.rank, timeout)
        self.comm = comm
        self.calls = 0
        self.parts: list[Mpi] = []
        self.over = False
        self.said: list[Any] = []  # what is on its way
        self.heard = dict.fromkeys(
            range(self.size), -1
        )  # the latest call of which each rank said that it waits
        self.left: dict[
            int, tuple[int, float]
        ] = {}  # after which call a rank has left, and when that was heard

    def told(self, call: str) -> list[str]:
        self.calls += 1
        every = numpy.empty((self.size, WORDS), numpy.uint8)
        request = self.comm.Iallgather(_words(call), every)
        others = [place for place in range(self.size) if place != self.rank]
        if not self._within(self.timeout / 2, request.Test, call, others):
            self._say(self.calls)
            if not self._within(self.timeout / 2, request.Test, call, others):
                raise self._late(call, self._missing())
        return [bytes(row).rstrip(b"\0").decode() for row in every]

    def _who(self, call: str) -> str:
        return f"rank {self.ranks[self.rank]} in {call}"

    def _late(self, call: str, whom: str) -> DistError:
        return DistError(f"{self._who(call)}: {whom} did not come within {self.timeout:g} seconds")

    def _say(self, number: int) -> None:
        """Tell the others in which call this rank waits, or, as a negative number, after which it leaves."""
        word = numpy.array([number])
        others = [place for place in range(self.size) if place != self.rank]
        self.said += [word, *(self.comm.Isend(word, place, ROLL) for place in others)]

    def _hear(self) -> None:
        """Take note of what others have said."""
        number = numpy.empty(1, numpy.int64)
        mpi = library()
        status = mpi.Status()
        while self.comm.Iprobe(mpi.ANY_SOURCE, ROLL, status):
            self.comm.Recv(number, status.source, ROLL)
            if number[0] < 0:
                self.left[status.source] = -int(number[0]) - 1, time.monotonic()
            else:
                self.heard[status.source] = int(number[0])

    def _missing(self) -> str:
        """The ranks that have not said that they wait in this call."""
        self._hear()
        away = [place for place in range(self.size) if place != self.rank and self.heard[place] < self.calls]
        return ", ".join(f"rank {self.ranks[place]}" for place in away) or "another rank"

    def _within(
        self, seconds: float, done: Callable[[], Any], call: str, others: Sequence[int], pair: bool = False
    ) -> bool:
        """Whether something is done in time; looks again and again. Raises DistError once one of the others has left before it."""
        begun = time.monotonic()
        while not done():
            waited = time.monotonic() - begun
            if waited > seconds:
                return False
            time.sleep(0 if waited < BUSY else NAP)
            if waited > BUSY:
                self._hear()
                self._check_left(call, others, pair)
        return True

    def _check_left(self, call: str, others: Sequence[int], pair: bool) -> None:
        """Raise DistError if one of the others has left before this call; of a pair, if all that may come have left."""
        if pair:
            last = time.monotonic() - GRACE
            gone = [place for place in others if place in self.left and self.left[place][1] < last]
        else:
            gone = [place for place in others if place in self.left and self.left[place][0] < self.calls]
        if len(gone) >= (len(others) if pair else 1):
            who = f"rank {self.ranks[gone[0]]}"
            raise DistError(f"{self._who(call)}: {who} has ended without coming to it")

    def end(self) -> None:
        if not self.over and not library().Is_finalized():
            self.over = True
            for group in [self, *self.parts]:
                group._say(-group.calls - 1)

    def wait_for_end(self) -> None:
        """Leave, and hear that the others do, so that no message is left over."""
        self.end()
        last = time.monotonic() + self.timeout
        groups = [self, *self.parts]
        while not library().Is_finalized() and time.monotonic() < last:
            for group in groups:
                group._hear()
            if all(len(group.left) == group.size - 1 for group in groups):
                return
            time.sleep(NAP)

    def _finish(self, done: Callable[[], Any], call: str, places: Sequence[int], whom: str) -> None:
        if not self._within(self.timeout, done, call, places, pair=True):
            raise self._late(call, whom)

    def reduce_all(self, array: Array, op: ReduceOp, call: str) -> None:
        mpi = library()
        plain = array.view(numpy.uint8) if array.dtype == bool else array
        self.comm.Allreduce(mpi.IN_PLACE, plain, getattr(mpi, OPS.get(op.name, op.name)))

    def copy_from(self, array: Array, root: int, call: str) -> None:
        self.comm.Bcast(_bytes(array), root)

    def gather(self, out: Array, array: Array, call: str) -> None:
        self.comm.Allgather(_bytes(array), _bytes(out))

    def swap(self, out: Array, array: Array, call: str) -> None:
        self.comm.Alltoall(_bytes(array), _bytes(out))

    def put(self, array: Array, to: int, tag: int, call: str) -> Callable[[], object]:
        words, data = _words(described(array)), _bytes(array)
        both = [self.comm.Isend(words, to, tag), self.comm.Isend(data, to, tag)]

        def wait() -> None:
            for request in both:
                self._finish(request.Test, call, [to], f"rank {self.ranks[to]}")
            words.shape, data.shape  # noqa: B018  # alive until now

        return wait

    def take(self, array: Array, source: int | None, tag: int, call: str) -> int:
        mpi = library()
        status = mpi.Status()
        words = numpy.empty(WORDS, numpy.uint8)
        whom = "any rank" if source is None else f"rank {self.ranks[source]}"
        request = self.comm.Irecv(words, mpi.ANY_SOURCE if source is None else source, tag)
        places = [place for place in range(self.size) if place != self.rank] if source is None else [source]
        self._finish(lambda: request.Test(status), call, places, whom)
        found = int(status.source)
        if (got := bytes(words).rstrip(b"\0").decode()) != described(array):
            raise DistError(f"{self._who(call)}: rank {self.ranks[found]} sent {got}")
        self.comm.Recv(_bytes(array), found, tag)
        return found

    def part(self, ranks: Sequence[int]) -> Engine | None:
        inside = self.rank in ranks
        key = list(ranks).index(self.rank) if inside else 0
        comm = self.comm.Split(0 if inside else library().UNDEFINED, key)
        if not inside:
            return None
        self.parts.append(Mpi(comm, self.timeout, [self.ranks[place] for place in ranks]))
        return self.parts[-1]

    def place(self, array: Array) -> Array:
        return super().place(to_host(array))

    def abort(self, error: BaseException) -> NoReturn:
        """End all ranks, with one line about the error.

        Args:
            error: what happened. Where all ranks meet the same, the first one says so before the others would.
        """
        time.sleep(1 if self.rank else 0)
        who = (
            "" if isinstance(error, DistError) else f"rank {self.ranks[self.rank]}: {type(error).__name__}: "
        )
        sys.stderr.write(f"error: {who}{error}\n")
        sys.stderr.flush()
        time.sleep(HEARD)
        library().COMM_WORLD.Abort(1)
        raise SystemExit(1)


def _words(text: str) -> numpy.ndarray:
    """A text as bytes of a fixed number; the end of a long one is replaced by its digest."""
    data = text.encode()
    if len(data) > WORDS:
        data = data[: WORDS - 12] + f"..{zlib.crc32(data):08x}".encode()
    return numpy.frombuffer(data.ljust(WORDS, b"\0"), numpy.uint8)


def _bytes(array: Array) -> Any:
    """The memory of an array in one piece, of any dtype."""
    return array.reshape(-1).view(numpy.uint8)
