"""What must be true of move."""

from itertools import permutations

import numpy as np

from minitransformer.course.checks.lesson_03_two_backends.common import (
    LIBRARIES,
    namespace_of,
    numbers_inside,
    numbers_of,
    other_libraries,
    outcomes_of,
    put_there,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.pretend import PRETEND
from minitransformer.course.properties import Tried, same

COPIED = "Another array comes back for one that is in xp already: return `array` itself."
LEAVES = "An array that is in xp already leaves it here: return `array` itself."
OTHER_DTYPE = "The dtype changes on the way: .astype, a dtype= of your own, and lists of numbers do that."
NOT_MOVED = "Nothing is moved here: the result must be an array of xp."
ENDS_ON_HOST = "It always ends on the host: for another library, xp.asarray(...) follows."


def _moves(pairs):
    """Between the pairs of libraries, with one copy for each pretend library that the numbers leave or enter."""

    def holds(answer):
        for start, end in pairs():
            for values in (np.array([[1.5, -2.0, 0.1]], dtype="float32"), np.array([3, 1], dtype="int16")):
                _moves_one(answer, values, start, end)

    return holds


def _moves_one(answer, values, start, end):
    (array,) = put_there(values, library=start)
    way = f"from {start.__name__} to {end.__name__}"
    got = answer(array, end)
    if start is end and got is not array:
        hint = COPIED if isinstance(got, end.ndarray) else "" if got is None else LEAVES
        raise Failed(f"{way}: expected the very array that was handed in, got {got!r:.80}", hint=hint)
    made = sum(library.count[what] for library in PRETEND for what in ("to host", "to device"))
    if got is array and start is not end:
        raise Failed(f"{way}: got the array of {start.__name__} that was handed in", hint=NOT_MOVED)
    if end is not np and isinstance(got, np.ndarray):
        raise Failed(f"{way}: got an array of numpy", hint=ENDS_ON_HOST)
    inside = numbers_inside(got, end, way)
    same(inside, values, way, rtol=0)
    if inside.dtype != values.dtype:
        raise Failed(f"{way}: {values.dtype} went in, {inside.dtype} came out", hint=OTHER_DTYPE)
    if made != (copies := 0 if start is end else (start in PRETEND) + (end in PRETEND)):
        raise Failed(f"{way}: {made} copies, expected {copies}")


def _try_move(answer):
    values = np.array([[1.5, -2.0, 0.1]], dtype="float32")

    def run(array, end):
        got = answer(array, end)
        return np.append(numbers_of(got), float(got is array))

    return outcomes_of((run, start.asarray(values), end) for start in LIBRARIES for end in LIBRARIES)


def _here(array):
    return isinstance(array, np.ndarray)


def _by_lists(array, xp):
    return array if namespace_of(array) is xp else xp.asarray(array.tolist())


def _always_via_host(array, xp):
    on_host = array if _here(array) else array.get()
    return on_host if xp is np else xp.asarray(on_host)


def _straight(array, xp):
    if namespace_of(array) is xp:
        return array
    return array.get() if xp is np else xp.asarray(array)


move = Tried(
    minutes=10,
    level=1,
    hints=(
        "Three cases: there already; on the host; in another library. namespace(array) tells.",
        "First bring the numbers to the host, unless they are there: array.get(). Then, unless xp is numpy: xp.asarray(...).",
    ),
    why="A copy that is not made is the fastest. `tensor.to(...)` of the library does the same.",
    properties=(
        Property(
            "an array that is in xp already is returned itself",
            _moves(lambda: [(here, here) for here in (np, *other_libraries())]),
            "Ask namespace(array) first: if it is xp, return `array` itself, before anything is called.",
        ),
        Property(
            "from the host to a device, in one copy",
            _moves(lambda: [(np, library) for library in other_libraries()]),
            "xp.asarray(array), and nothing else: shape and dtype stay as they are.",
        ),
        Property(
            "from a device to the host, in one copy",
            _moves(lambda: [(library, np) for library in other_libraries()]),
            "array.get(), which any other library's array has, and nothing else.",
        ),
        Property(
            "from one library to another, over the host", _moves(lambda: permutations(other_libraries(), 2))
        ),
    ),
    examples=lambda rng: ((),),
    trial=_try_move,
    mistakes={
        NOT_MOVED: lambda array, xp: array,
        "xp.asarray cannot read another library's arrays: first array.get(), which makes a NumPy array.": lambda array, xp: (
            array if namespace_of(array) is xp else xp.asarray(array)
        ),
        "NumPy's arrays have no `get`: they are on the host already.": lambda array, xp: (
            array if namespace_of(array) is xp else (array.get() if xp is np else xp.asarray(array.get()))
        ),
        "An array that is in xp already is copied to the host and back: return the array itself.": _always_via_host,
        "This copies an array that is in xp already: return the array itself.": lambda array, xp: (
            array.copy() if namespace_of(array) is xp else _always_via_host(array, xp)
        ),
        "The condition is the wrong way round: an array that is not in xp is returned itself.": (
            lambda array, xp: array if namespace_of(array) is not xp else _always_via_host(array, xp)
        ),
        "Between two libraries other than NumPy the way leads over the host: first array.get().": _straight,
        "float32 becomes float64 on the way: lists, and .astype(float), lose the dtype.": _by_lists,
        ENDS_ON_HOST: lambda array, xp: array if _here(array) else array.get(),
    },
)
