"""What two neighbouring stages tell each other: arrays of any shapes, and beside them any Python object."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minitransformer.backends import Array
from minitransformer.collectives.engine import Engine


def send(
    engine: Engine, to: int, arrays: Sequence[Array | None], beside: Any = None
) -> list[Callable[[], object]]:
    """Begin to send. A stage never waits here: two neighbours that sent to each other would wait for ever.

    Args:
        engine: the group.
        to: which rank of it.
        arrays: of any shapes and dtypes, or None; they stay as they are until they have arrived.
        beside: anything that pickle knows.

    Returns:
        What waits until all have been sent.
    """
    forms = [None if a is None else (a.shape, a.dtype) for a in arrays]
    letter = numpy.frombuffer(pickle.dumps((forms, beside)), numpy.uint8)
    parts = [numpy.array([letter.size]), letter, *(a for a in arrays if a is not None)]
    return [engine.sending(part, to) for part in parts]


def receive(engine: Engine, source: int) -> tuple[list[Array | None], Any]:
    """Receive what was sent.

    Args:
        engine: the group.
        source: which rank of it.

    Returns:
        The arrays, and what came beside them.

    Raises:
        DistError: nothing comes, or the sender has ended.
    """
    size = numpy.empty(1, numpy.int64)
    engine.receive(size, source)
    letter = numpy.empty(int(size[0]), numpy.uint8)
    engine.receive(letter, source)
    forms, beside = pickle.loads(letter.tobytes())
    arrays = [None if form is None else numpy.empty(*form) for form in forms]
    for array in arrays:
        if array is not None:
            engine.receive(array, source)
    return arrays, beside
