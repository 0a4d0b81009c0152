"""What must be true of code that is written once for several array libraries."""

import math
import sys
from itertools import permutations
from types import ModuleType

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.judge import CRASHES
from minitransformer.course.pretend import PretendArray, elsewhere, faraway, library_name
from minitransformer.course.properties import Tried, keeps_float32, keeps_its_inputs, returns, same

PRETEND = (faraway, elsewhere)
LIBRARIES = (np, *PRETEND)
EXCEPTIONS = ("TypeError", "KeyError", "ModuleNotFoundError", "AttributeError", "ValueError", "IndexError")


def _others():
    """The libraries beside NumPy: the pretend ones, and CuPy if it has been imported and finds a device."""
    cupy = sys.modules.get("cupy")
    try:
        return (*PRETEND, cupy) if cupy and cupy.cuda.runtime.getDeviceCount() else PRETEND
    except Exception:  # CuPy without a driver
        return PRETEND


def _there(*values, library=faraway):
    """The arrays in the library, the counters at 0."""
    placed = [library.asarray(v) if isinstance(v, np.ndarray) else v for v in values]
    _clear()
    return placed


def _clear():
    for library in PRETEND:
        library.count.clear()


def _inside(result, library, what="the result"):
    """The numbers of an array of `library`."""
    if result is None:
        raise Failed(f"{what}: got None", hint="Is there a `return`?")
    if not isinstance(result, library.ndarray):
        raise Failed(f"{what}: expected an array of {library.__name__}, got {result!r:.80}")
    if library is np:
        return result
    return result.hidden if library in PRETEND else result.get()


def _nothing_waits(library, most_steps):
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
        raise Failed(f"{count['steps']} steps on the device", hint="A loop costs steps at every turn: use whole arrays.")


def _outcome(call, *arguments):
    """What came of a call, as numbers: which kind of failure it was, or which library, or what was computed and counted."""
    _clear()
    counts = [library.count for library in PRETEND]
    try:
        result = call(*arguments)
    except Exception as error:
        name = type(error).__name__
        return [-9.0 - EXCEPTIONS.index(name) if name in EXCEPTIONS else -99.0]
    counted = [float(count[what] > 0) for count in counts for what in ("to host", "to device", "waits")]
    many = [float(count["steps"] > 30) for count in counts]
    return [*counted, *many, *_numbers(result)]


def _numbers(result) -> list[float]:
    if isinstance(result, (np.ndarray, PretendArray)):
        values = result.hidden if isinstance(result, PretendArray) else result
        return [float(library_name(result) == lib.__name__) for lib in LIBRARIES] + [values.itemsize, *values.ravel().tolist()]
    if isinstance(result, ModuleType):
        return [float(result is library) for library in LIBRARIES]
    return [-1.0 if result is None else -2.0]


def _outcomes(calls):
    """The outcomes of several calls in a row of numbers."""
    with np.errstate(all="ignore"):
        return np.array([n for call in calls for n in [*_outcome(*call), 0.5]])


# Which library?

ALWAYS_NUMPY = "This is always numpy: ask the arrays."
A_TEXT = "This is the library's name, a text; sys.modules[name] is the module."


def _one_of_each():
    return {library: library.asarray(np.ones((2, 3))) for library in (np, *_others())}


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
        raise Failed(f"{what}: {error}", hint="Import nothing: the library of an array is in sys.modules.") from None
    if got is not library:
        hint = CRASHES["NoneType"] if got is None else ALWAYS_NUMPY if got is np else A_TEXT if isinstance(got, str) else ""
        raise Failed(f"{what}: expected the module {library.__name__}, got {got!r:.80}", hint=hint)


def _companions(answer):
    for library, array in _one_of_each().items():
        for others in ((array, array), (array, 2.0), (3, array), (None, array, True), (array, None)):
            if (got := answer(*others)) is not library:
                kinds = ", ".join("array" if o is array else repr(o) for o in others)
                raise Failed(f"({kinds}), the arrays of {library.__name__}: got {got!r:.80}")
    if (got := answer(1.0, None)) is not np:
        raise Failed(f"(1.0, None): expected the module numpy, got {got!r:.80}")


def _refuses_mixes(answer):
    host, far, *rest = _one_of_each().values()
    for arrays in ((host, far), (far, host), (host, host, far), (far, host, far), *((array, far) for array in rest)):
        names = sorted({library_name(array) for array in arrays})
        try:
            got = answer(*arrays)
        except TypeError as error:
            if missing := [name for name in names if name not in str(error)]:
                raise Failed(
                    f"TypeError is raised, but {str(error)!r:.100} does not name {missing[0]}", hint="Name both libraries."
                ) from None
        else:
            raise Failed(f"arrays of {' and '.join(names)}: expected TypeError, got {got!r:.80}")


class _Door:
    """Stands where Python looks for modules, and notes who asks for cupy."""

    asked = False

    def find_spec(self, name, *_):
        if name.partition(".")[0] == "cupy":
            self.asked = True
            raise ModuleNotFoundError("No module named 'cupy'")


def _imports_nothing(answer):
    door, arrays = _Door(), _one_of_each().values()
    sys.meta_path.insert(0, door)
    try:
        for array in arrays:
            answer(array)
    finally:
        sys.meta_path.remove(door)
    if door.asked:
        raise Failed("cupy was imported", hint="That takes a second, and fails without a graphics card: look into sys.modules.")


def _first_word(array):
    return type(array).__module__.partition(".")[0]


NUMBERS = (bool, int, float)
NOTHING = type(None)


def _namespace(name=_first_word, alone=(*NUMBERS, NOTHING), mixes=False):
    def namespace(*arrays):
        names = [name(a) for a in arrays if not isinstance(a, alone)]
        if len(set(names)) > 1 and not mixes:
            raise TypeError(" and ".join(names))
        return sys.modules[names[0]] if names else np

    return namespace


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
    why="The arrays say where to compute. No switch to forget, and both libraries can be in use at once.",
    properties=(
        Property("it knows NumPy's arrays", _finds(lambda library: library is np)),
        Property("it knows the arrays of a library it has never heard of", _finds(lambda library: library is faraway)),
        Property("it knows a library by its first name, before the dot", _finds(lambda library: True)),
        Property("numbers and None go along with any library", _companions),
        Property("arrays of two libraries are refused, and both are named", _refuses_mixes),
        Property("it imports nothing", _imports_nothing),
    ),
    examples=lambda rng: ((),),
    trial=lambda answer: _outcomes(
        (answer, *arrays) for host, far, other in [[library.asarray(np.ones(2)) for library in LIBRARIES]] for arrays in (
            (host,), (far,), (other,), (host, far), (far, host), (far, other), (far, 2.0), (2, far), (None, far), (far, None), (1,))
    ),
    mistakes={
        ALWAYS_NUMPY: lambda *arrays: np,
        "This knows numpy and cupy only. Look into sys.modules, by the name that the array's class tells.": _numpy_or_cupy,
        A_TEXT: lambda *arrays: _first_word(arrays[0]),
        "An array's class may live deeper in its package: the library is what stands before the first dot.": _namespace(
            lambda array: type(array).__module__
        ),
        "Only the first array is asked: all of them must agree.": lambda *arrays: sys.modules.get(_first_word(arrays[0])),
        "Arrays of two libraries pass for one here: raise TypeError.": _namespace(mixes=True),
        "Python's numbers have no library: leave them out, as well as None.": _namespace(alone=()),
        "None has no library: leave it out, like Python's numbers.": _namespace(alone=NUMBERS),
        "Python's numbers have no library: leave them out, like None.": _namespace(alone=(NOTHING,)),
    },
)  # fmt: skip


# One function for all


def _some(rng):
    return (rng.normal(size=(3, 4)) * 3,)


def _by_loop(x):
    return np.array([1 / (1 + math.exp(-v)) for v in x.ravel().tolist()]).reshape(x.shape)


EXTREMES = np.array([-1e4, -800.0, -100.0, 0.0, 100.0, 800.0, 1e4])


def _overflows_nowhere(answer):
    for dtype in ("float64", "float32"):
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                got = answer(EXTREMES.astype(dtype))
        except FloatingPointError as error:
            raise Failed(f"{error}, for {dtype} numbers from -10000 to 10000", hint="e^-|x| is never above 1.") from None
        same(got, [0, 0, 0, 0.5, 1, 1, 1], f"sigmoid of {EXTREMES.tolist()}", rtol=1e-6)


def _also_far_away(answer):
    (x,) = _some(np.random.default_rng(3))
    for library in _others():
        (there,) = _there(x, library=library)
        same(_inside(answer(there), library), _by_loop(x), f"sigmoid in {library.__name__}")


def _sigmoid_counted(answer):
    (there,) = _there(*_some(np.random.default_rng(3)))
    answer(there)
    _nothing_waits(faraway, 20)


def _try_sigmoid(answer, x):
    """Results here and there, and whether an exponential was too large."""
    flags = []
    for numbers in (EXTREMES[:3], EXTREMES[3:], EXTREMES.astype("float32")):
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                flags.append(float(np.asarray(answer(numbers.copy())).sum()))
        except Exception as error:
            flags.append(-7.0 if isinstance(error, FloatingPointError) else -8.0)
    short = x.astype("float32")
    return np.append(_outcomes(((answer, x.copy()), (answer, short), (answer, *_there(x)))), flags)


def _stable(xp, x):
    z = xp.exp(-abs(x))
    return xp.where(x >= 0, 1, z) / (1 + z)


def _by_masks(x):
    out, low = namespace_of(x).zeros_like(x), x < 0
    out[~low] = 1 / (1 + namespace_of(x).exp(-x[~low]))
    z = namespace_of(x).exp(x[low])
    out[low] = z / (1 + z)
    return out


namespace_of = _namespace()

sigmoid = Tried(
    minutes=15,
    level=2,
    hints=(
        "xp = namespace(x), and then xp.exp instead of np.exp.",
        "e^-x is too large for a number if x is -1000, e^x if x is 1000. z = e^-|x| is neither: it lies between 0 and 1.",
        "Both formulas are something / (1 + z): 1 where x >= 0, and z elsewhere.",
    ),
    why="Both branches in one formula, as whole arrays: the same code in every library, with nothing to wait for.",
    properties=(
        returns("the values are right, in NumPy", _some, _by_loop),
        Property("no number is too large or too small for it", _overflows_nowhere),
        keeps_its_inputs(_some),
        keeps_float32(_some),
        Property("the values are right in other libraries, and stay there", _also_far_away),
        Property("nothing is copied, and nothing waits", _sigmoid_counted),
    ),
    examples=lambda rng: (_some(rng),),
    trial=_try_sigmoid,
    mistakes={
        "e^-x is too large where x is very negative: use e^x / (1 + e^x) there.": lambda x: 1 / (1 + namespace_of(x).exp(-x)),
        "e^x is too large where x is large: use 1 / (1 + e^-x) there.": lambda x: namespace_of(x).exp(x)
        / (1 + namespace_of(x).exp(x)),
        "Both sides of `where` are computed everywhere, so an exponential overflows in the one not picked: use e^-|x|.": lambda x: (
            lambda xp: xp.where(x >= 0, 1 / (1 + xp.exp(-x)), xp.exp(x) / (1 + xp.exp(x)))
        )(namespace_of(x)),
        "np's functions know NumPy's arrays: take them from xp = namespace(x).": lambda x: _stable(np, x),
        "The array makes a trip to the host and back: compute where it is.": lambda x: _stable(np, x)
        if isinstance(x, np.ndarray)
        else namespace_of(x).asarray(_stable(np, x.get())),
        "Something makes the host wait: an `if`, float(), or a mask as an index (how many are there?). Use xp.where.": _by_masks,
        "This is sigmoid(-x): large x give 1, very negative x give 0.": lambda x: _stable(namespace_of(x), -x),
        "The formula 1 / (1 + z) is used for all x; where x < 0 it is z / (1 + z).": lambda x: 1
        / (1 + namespace_of(x).exp(-abs(x))),
        "An array has no single truth: no `if`, pick with xp.where.": lambda x: x if x >= 0 else -x,
        "float32 became float64: use Python's numbers, such as 1.0, and math instead of NumPy's numbers.": lambda x: _stable(
            namespace_of(x), x
        )
        * np.float64(1),
    },
)


# Adding where it came from

CASES = {
    "one number for each place": (np.zeros(4), np.array([2, 0, 3]), np.array([1.0, 2.0, 3.0])),
    "an index that occurs twice": (np.zeros(4), np.array([2, 0, 2]), np.array([1.0, 5.0, 10.0])),
    "rows, with an index three times": (
        np.zeros((3, 2)), np.array([1, 1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])),
    "a place that was not empty": (np.array([10.0, 20.0, 30.0]), np.array([1, 1]), np.array([1.0, 2.0])),
    "nothing to add": (np.array([1.0, 2.0]), np.zeros(0, int), np.zeros(0)),
}  # fmt: skip


def _scattered(into, index, values):
    into = into.copy()
    for i, place in enumerate(index.tolist()):
        into[place] = into[place] + values[i]
    return into


def _adds(*names, libraries=lambda: (np,)):
    def holds(answer):
        for name in names:
            for library in libraries():
                into, index, values = _there(*(v.copy() for v in CASES[name]), library=library)
                answer(into, index, values)
                same(_inside(into, library, "`into`"), _scattered(*CASES[name]), f"`into` after the call ({name})")

    return holds


def _leaves_the_rest(answer):
    into, index, values = (v.copy() for v in CASES["rows, with an index three times"])
    answer(into, index, values)
    same(index, CASES["rows, with an index three times"][1], "`index` after the call")
    same(values, CASES["rows, with an index three times"][2], "`values` after the call")


def _scatter_counted(answer):
    rng = np.random.default_rng(3)
    arrays = _there(np.zeros((5, 2)), rng.integers(0, 5, size=60), rng.normal(size=(60, 2)))
    answer(*arrays)
    _nothing_waits(faraway, 30)


def _try_scatter(answer):
    """What is in `into` afterwards, here and there."""

    def run(into, index, values):
        answer(into, index, values)
        return into

    rng = np.random.default_rng(3)
    large = np.zeros((5, 2)), rng.integers(0, 5, size=60), rng.normal(size=(60, 2))
    here = [(run, *(v.copy() for v in case)) for case in CASES.values()]
    return _outcomes([*here, *((run, *_there(*case)) for case in (*CASES.values(), large))])


def _through_host(into, index, values):
    if isinstance(into, np.ndarray):
        np.add.at(into, index, values)
    else:
        new = into.get()
        np.add.at(new, index.get(), values.get())
        into[...] = namespace_of(into).asarray(new)


def _looped(into, index, values):
    for i in range(len(index)):
        into[int(index[i])] += values[i]


def _step_by_step(into, index, values):
    for i in range(len(index)):
        into[index[i]] += values[i]


def _buffered(into, index, values):
    into[index] += values


def _overwritten(into, index, values):
    into[index] = values


def _emptied(into, index, values):
    into[...] = 0
    namespace_of(into).add.at(into, index, values)


def _elsewhere(into, index, values):
    into = into.copy()
    namespace_of(into).add.at(into, index, values)
    return into


def _once(into, index, values):
    counts = namespace_of(into).add.at
    counts(into, index, values * 0 + 1)


scatter_add = Tried(
    minutes=10,
    level=2,
    hints=(
        "`into[index] += values` reads the old numbers once, adds, and writes: of two values for one place the last one wins.",
        "np.add.at(into, index, values) adds one after the other. What is its name in the library that made the arrays?",
    ),
    why="It is the way back from picking: a row that was picked n times hears from n places.",
    properties=(
        Property("each value goes to its place", _adds("one number for each place")),
        Property("an index that occurs twice gets both values", _adds("an index that occurs twice")),
        Property("it adds rows", _adds("rows, with an index three times")),
        Property("what was there before stays", _adds("a place that was not empty", "nothing to add")),
        Property("`index` and `values` stay as they were", _leaves_the_rest),
        Property("it works in other libraries", _adds(*CASES, libraries=_others)),
        Property("nothing is copied, nothing waits, and there is no loop", _scatter_counted),
    ),
    examples=lambda rng: ((),),
    trial=_try_scatter,
    mistakes={
        "Of two values for the same place only one is kept: `into[index] += values` adds once.": _buffered,
        "This overwrites; what was there is to be added to.": _overwritten,
        "What was in `into` before is lost: add to it.": _emptied,
        "`into` is as it was: change it in place, as nothing is returned.": _elsewhere,
        "np.add.at knows NumPy's arrays: take `add.at` from the arrays' own library.": lambda into, index, values: np.add.at(
            into, index, values
        ),
        "The arrays make a trip to the host and back: add where they are.": _through_host,
        "int(index[i]) waits for the device, once for every value: use whole arrays.": _looped,
        "A loop costs steps on the device at every turn: use whole arrays.": _step_by_step,
        "This counts how often each place was picked; the values are to be added.": _once,
    },
)


# Moving

NOT_MOVED = "Nothing is moved here: the result is to be an array of xp."
ENDS_ON_HOST = "It always ends on the host: for another library, xp.asarray(...) follows."


def _moves(pairs):
    """Between the pairs of libraries, with one copy for each pretend library that the numbers leave or enter."""

    def holds(answer):
        for start, end in pairs():
            for values in (np.array([[1.5, -2.0, 0.1]], dtype="float32"), np.array([3, 1], dtype="int16")):
                _moves_one(answer, values, start, end)

    return holds


def _moves_one(answer, values, start, end):
    (array,) = _there(values, library=start)
    way = f"from {start.__name__} to {end.__name__}"
    got = answer(array, end)
    if start is end and got is not array:
        raise Failed(f"{way}: expected the very array that was handed in, got {got!r:.80}")
    made = sum(library.count[what] for library in PRETEND for what in ("to host", "to device"))
    if got is array and start is not end:
        raise Failed(f"{way}: got the array of {start.__name__} that was handed in", hint=NOT_MOVED)
    if end is not np and isinstance(got, np.ndarray):
        raise Failed(f"{way}: got an array of numpy", hint=ENDS_ON_HOST)
    inside = _inside(got, end, way)
    same(inside, values, way, rtol=0)
    if inside.dtype != values.dtype:
        raise Failed(f"{way}: {values.dtype} went in, {inside.dtype} came out")
    if made != (copies := 0 if start is end else (start in PRETEND) + (end in PRETEND)):
        raise Failed(f"{way}: {made} copies, expected {copies}")


def _try_move(answer):
    values = np.array([[1.5, -2.0, 0.1]], dtype="float32")

    def run(array, end):
        got = answer(array, end)
        return np.append(_numbers(got), float(got is array))

    return _outcomes((run, start.asarray(values), end) for start in LIBRARIES for end in LIBRARIES)


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
        Property("what is there already is handed back", _moves(lambda: [(library, library) for library in (np, *_others())])),
        Property("from the host to a device, in one copy", _moves(lambda: [(np, library) for library in _others()])),
        Property("from a device to the host, in one copy", _moves(lambda: [(library, np) for library in _others()])),
        Property("from one library to another, over the host", _moves(lambda: permutations(_others(), 2))),
    ),
    examples=lambda rng: ((),),
    trial=_try_move,
    mistakes={
        NOT_MOVED: lambda array, xp: array,
        "xp.asarray cannot read another library's arrays: first array.get(), which makes a NumPy array.": lambda array, xp: array
        if namespace_of(array) is xp
        else xp.asarray(array),
        "NumPy's arrays have no `get`: they are on the host already.": lambda array, xp: array
        if namespace_of(array) is xp
        else (array.get() if xp is np else xp.asarray(array.get())),
        "What is there already takes a trip over the host: hand it back as it is.": _always_via_host,
        "This copies what is there already: hand back the array itself.": lambda array, xp: array.copy()
        if namespace_of(array) is xp
        else _always_via_host(array, xp),
        "Between two libraries other than NumPy the way leads over the host: first array.get().": _straight,
        "On the way through lists the dtype is lost: float32 becomes float64.": _by_lists,
        ENDS_ON_HOST: lambda array, xp: array
        if _here(array)
        else array.get(),
    },
)
