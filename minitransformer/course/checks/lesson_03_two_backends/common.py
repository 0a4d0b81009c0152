"""What the exercises of the lesson share."""

import sys
from types import ModuleType

import numpy as np

from minitransformer.course import pretend
from minitransformer.course.exercise import Failed
from minitransformer.course.pretend import PRETEND, PretendArray, faraway, library_name

LIBRARIES = (np, *PRETEND)
EXCEPTIONS = ("TypeError", "KeyError", "ModuleNotFoundError", "AttributeError", "ValueError", "IndexError")


def other_libraries():
    """The libraries beside NumPy: the pretend ones, and CuPy if it has been imported and finds a device."""
    cupy = None if pretend.alone else sys.modules.get("cupy")
    try:
        return (*PRETEND, cupy) if cupy and cupy.cuda.runtime.getDeviceCount() else PRETEND
    except Exception:  # CuPy without a driver
        return PRETEND


def put_there(*values, library=faraway):
    """The arrays in the library, the counters at 0."""
    placed = [library.asarray(v) if isinstance(v, np.ndarray) else v for v in values]
    clear_counts()
    return placed


def clear_counts():
    for library in PRETEND:
        library.count.clear()


def numbers_inside(result, library, what="the result"):
    """The numbers of an array of `library`."""
    if result is None:
        raise Failed(f"{what}: got None", hint="Is there a `return`?")
    if not isinstance(result, library.ndarray):
        raise Failed(f"{what}: expected an array of {library.__name__}, got {result!r:.80}")
    if library is np:
        return result
    return result.hidden if library in PRETEND else result.get()


def nothing_waits(library, most_steps):
    """Nothing has gone to the host or come from it, the host has not waited, and there was no loop."""
    count = library.count
    if count["to host"] or count["to device"]:
        raise Failed(
            f"{count['to host']} copies to the host and {count['to device']} to the device; none is needed",
            hint="Compute where the array is: a copy may take longer than the work.",
        )
    if count["waits"]:
        raise Failed(
            f"waits of the host for the device: {count['waits']}; none is needed",
            hint="`if`, float(), int() and a mask as an index need to know a number at once: use whole arrays, and `xp.where`.",
        )
    if count["steps"] > most_steps:
        raise Failed(
            f"{count['steps']} steps on the device",
            hint="A loop costs steps at every turn: use whole arrays.",
        )


def outcome_of(call, *arguments):
    """What came of a call, as numbers: which kind of failure it was, or which library, or what was computed and counted."""
    clear_counts()
    counts = [library.count for library in PRETEND]
    try:
        result = call(*arguments)
    except Exception as error:
        name = type(error).__name__
        return [-9.0 - EXCEPTIONS.index(name) if name in EXCEPTIONS else -99.0]
    counted = [float(count[what] > 0) for count in counts for what in ("to host", "to device", "waits")]
    many = [float(count["steps"] > 30) for count in counts]
    return [*counted, *many, *numbers_of(result)]


def numbers_of(result) -> list[float]:
    if isinstance(result, (np.ndarray, PretendArray)):
        values = result.hidden if isinstance(result, PretendArray) else result
        return [float(library_name(result) == lib.__name__) for lib in LIBRARIES] + [
            values.itemsize,
            *values.ravel().tolist(),
        ]
    if isinstance(result, ModuleType):
        return [float(result is library) for library in LIBRARIES]
    return [-1.0 if result is None else -2.0]


def outcomes_of(calls):
    """The outcomes of several calls in a row of numbers."""
    with np.errstate(all="ignore"):
        return np.array([n for call in calls for n in [*outcome_of(*call), 0.5]])


def first_word(array):
    return type(array).__module__.partition(".")[0]


NUMBERS = (bool, int, float)
NOTHING = type(None)


def namespace_with(name=first_word, alone=(*NUMBERS, NOTHING), mixes=False):
    def namespace(*arrays):
        names = [name(a) for a in arrays if not isinstance(a, alone)]
        if len(set(names)) > 1 and not mixes:
            raise TypeError(" and ".join(names))
        return sys.modules[names[0]] if names else np

    return namespace


namespace_of = namespace_with()
