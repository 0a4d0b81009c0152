"""What must be true of namespace."""

import builtins
import sys

import numpy as np

from minitransformer.course.checks.lesson_03_two_backends.common import (
    LIBRARIES,
    NOTHING,
    NUMBERS,
    clear_counts,
    first_word,
    namespace_with,
    other_libraries,
    outcomes_of,
)
from minitransformer.course.exercise import Failed, Nothing, Property
from minitransformer.course.pretend import Door, faraway, library_name
from minitransformer.course.properties import Tried

ALWAYS_NUMPY = "This is numpy for every array: ask each array, type(array).__module__."
OF_PYTHON = (
    "This is the module of Python's own types: ask the class of each array, type(array), and of nothing else."
)
GOES_ALONG = (
    "A number or None beside an array makes this numpy: leave it out, and go on to the other arguments."
)
A_TEXT = "This is the library's name, a text; sys.modules[name] is the module."


def _one_of_each():
    return {library: library.asarray(np.ones((2, 3))) for library in (np, *other_libraries())}


def _finds(chosen):
    def holds(answer):
        for library, array in _one_of_each().items():
            if chosen(library):
                _is_of(library, answer, array)

    return holds


def _is_of(library, answer, array):
    what = f"an array of {library.__name__}"
    try:
        got = answer(array)
    except ImportError as error:
        raise Failed(
            f"{what}: {error}", hint="Import nothing: the library of an array is in sys.modules."
        ) from None
    if got is None:
        raise Nothing(what)
    if got is not library:
        raise Failed(
            f"{what}: expected the module {library.__name__}, got {got!r:.80}", hint=_in_its_place(got)
        )


def _in_its_place(got):
    """What came in the place of the module."""
    if got is np:
        return ALWAYS_NUMPY
    if got is builtins:
        return OF_PYTHON
    if isinstance(got, str):
        return A_TEXT
    return "Return the module alone, not several." if isinstance(got, list | tuple | set) else ""


def _companions(answer):
    for library, array in _one_of_each().items():
        for others in ((array, array), (array, 2.0), (3, array), (None, array, True), (array, None)):
            if (got := answer(*others)) is not library:
                kinds = ", ".join("array" if o is array else repr(o) for o in others)
                hint = GOES_ALONG if got is np else ""
                raise Failed(f"({kinds}), the arrays of {library.__name__}: got {got!r:.80}", hint=hint)
    if (got := answer(1.0, None)) is not np:
        hint = "Where there is no array, return numpy." if got is None else ""
        raise Failed(f"(1.0, None): expected the module numpy, got {got!r:.80}", hint=hint)


def _refuses_mixes(answer):
    host, far, *rest = _one_of_each().values()
    for arrays in (
        (host, far),
        (far, host),
        (host, host, far),
        (far, host, far),
        *((array, far) for array in rest),
    ):
        names = sorted({library_name(array) for array in arrays})
        try:
            got = answer(*arrays)
        except TypeError as error:
            if missing := [name for name in names if name not in str(error)]:
                raise Failed(
                    f"TypeError is raised, but {str(error)!r:.100} does not name {missing[0]}",
                    hint="Name both libraries.",
                ) from None
        except Exception as error:
            if type(error) not in (Exception, ValueError, AssertionError, RuntimeError):
                raise
            hint = f"A TypeError is asked for here: what is raised is of class {type(error).__name__}."
            raise Failed(f"arrays of {' and '.join(names)}: got {error!r:.80}", hint=hint) from None
        else:
            says = f"arrays of {' and '.join(names)}: expected TypeError, got {got!r:.80}"
            raise Failed(says, hint=_passed_as(got, answer, arrays, rest))


def _passed_as(got, answer, arrays, others):
    """Why arrays of two libraries, of NumPy and another one, were not refused."""
    if isinstance(got, BaseException) or got is TypeError:
        return "The exception is returned here: `raise` it, do not return it."
    try:
        for array in others:
            answer(array, arrays[-1])
    except TypeError:
        return "Two other libraries are refused, but NumPy beside one is not: NumPy is a library too."
    return "Arrays of two libraries pass for one here: raise TypeError."


def _imports_nothing(answer):
    door = Door()
    arrays = _one_of_each().values()
    clear_counts()
    sys.meta_path.insert(0, door)
    try:
        for array in arrays:
            answer(array)
    finally:
        sys.meta_path.remove(door)
    if faraway.count["asked for cupy"]:
        raise Failed(
            "cupy was imported",
            hint="That takes a second, and fails without a graphics card: look into sys.modules.",
        )


def _numpy_or_cupy(*arrays):
    if all(isinstance(a, (np.ndarray, int, float, type(None))) for a in arrays):
        return np
    raise ModuleNotFoundError("No module named 'cupy'")


namespace = Tried(
    minutes=15,
    level=1,
    hints=(
        "type(array).__module__ is a text such as 'numpy' or 'cupy.something'; .partition('.')[0] is what stands before the dot.",
        "sys.modules[name] is the module of that name.",
        "Collect the names in a set, leaving out None and Python's bool, int and float: none, one, or a mix?",
    ),
    why="The arrays decide where to compute: there is no setting to forget, and both libraries can be used in one program.",
    properties=(
        Property(
            "it knows NumPy's arrays",
            _finds(lambda library: library is np),
            "sys.modules[name], with the name that type(array).__module__ tells.",
        ),
        Property(
            "it knows the arrays of a library that is not named in the code",
            _finds(lambda library: library is faraway),
            "Name no library: type(array).__module__ tells the name, and sys.modules[name] is the module.",
        ),
        Property(
            "it knows a library by its first name, before the dot",
            _finds(lambda library: True),
            "Of a name such as 'cupy.something' take what stands before the first dot: name.partition('.')[0].",
        ),
        Property(
            "numbers and None go along with any library",
            _companions,
            "Leave None and Python's bool, int and float out; if nothing is left: numpy. There may be any number of arguments.",
        ),
        Property(
            "arrays of two libraries are refused, and both are named",
            _refuses_mixes,
            "Compare the libraries of all arrays, and `raise TypeError(..)` with both names in it; do not return it.",
        ),
        Property("it imports nothing", _imports_nothing),
    ),
    examples=lambda rng: ((),),
    trial=lambda answer: outcomes_of(
        (answer, *arrays) for host, far, other in [[library.asarray(np.ones(2)) for library in LIBRARIES]] for arrays in (
            (host,), (far,), (other,), (host, far), (far, host), (far, other), (far, 2.0), (2, far), (None, far), (far, None), (1,))
    ),
    mistakes={
        ALWAYS_NUMPY: lambda *arrays: np,
        "This knows numpy and cupy only. Look into sys.modules, by the name that the array's class tells.": _numpy_or_cupy,
        A_TEXT: lambda *arrays: first_word(arrays[0]),
        "An array's class may live deeper in its package: the library is what stands before the first dot.": namespace_with(
            lambda array: type(array).__module__
        ),
        "Of a name with dots the first word is the library: here it is the last one.": namespace_with(
            lambda array: type(array).__module__.rpartition(".")[2]
        ),
        "Only the first array is asked: all of them must agree.": lambda *arrays: sys.modules.get(first_word(arrays[0])),
        "Arrays of two libraries pass for one here: raise TypeError.": namespace_with(mixes=True),
        "Python's numbers have no library: leave them out, as well as None.": namespace_with(alone=()),
        "None has no library: leave it out, like Python's numbers.": namespace_with(alone=NUMBERS),
        "Python's numbers have no library: leave them out, like None.": namespace_with(alone=(NOTHING,)),
    },
)  # fmt: skip
