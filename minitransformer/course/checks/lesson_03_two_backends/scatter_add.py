"""What must be true of scatter_add."""

import numpy as np

from minitransformer.course.checks.lesson_03_two_backends.common import (
    namespace_of,
    nothing_waits,
    numbers_inside,
    other_libraries,
    outcomes_of,
    put_there,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.pretend import faraway
from minitransformer.course.properties import Tried, same

CASES = {
    "one number for each place": (np.zeros(4), np.array([2, 0, 3]), np.array([1.0, 2.0, 3.0])),
    "an index that occurs twice": (np.zeros(4), np.array([2, 0, 2]), np.array([1.0, 5.0, 10.0])),
    "rows, with an index three times": (
        np.zeros((3, 2)), np.array([1, 1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])),
    "tables, with an index twice": (np.ones((2, 2, 3)), np.array([1, 1]), np.arange(1.0, 13.0).reshape(2, 2, 3)),
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
                into, index, values = put_there(*(v.copy() for v in CASES[name]), library=library)
                answer(into, index, values)
                same(
                    numbers_inside(into, library, "`into`"),
                    _scattered(*CASES[name]),
                    f"`into` after the call ({name})",
                )

    return holds


def _leaves_the_rest(answer):
    into, index, values = (v.copy() for v in CASES["rows, with an index three times"])
    answer(into, index, values)
    same(index, CASES["rows, with an index three times"][1], "`index` after the call")
    same(values, CASES["rows, with an index three times"][2], "`values` after the call")


def _returns_nothing(answer):
    got = answer(*(v.copy() for v in CASES["one number for each place"]))
    if got is not None:
        says = f"expected None, got a {type(got).__name__}"
        raise Failed(
            says,
            hint="It changes `into` in place and returns nothing, as list.append does: no `return` is needed.",
        )


def _scatter_counted(answer):
    rng = np.random.default_rng(3)
    arrays = put_there(np.zeros((5, 2)), rng.integers(0, 5, size=60), rng.normal(size=(60, 2)))
    answer(*arrays)
    nothing_waits(faraway, 30)


def _try_scatter(answer):
    """What is in `into` afterwards, here and there."""

    def run(into, index, values):
        answer(into, index, values)
        return into

    rng = np.random.default_rng(3)
    large = np.zeros((5, 2)), rng.integers(0, 5, size=60), rng.normal(size=(60, 2))
    here = [(run, *(v.copy() for v in case)) for case in CASES.values()]
    return outcomes_of([*here, *((run, *put_there(*case)) for case in (*CASES.values(), large))])


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


def _by_order(into, index, values):
    into[: len(values)] += values


def _added(changed):
    """changed(into, index, values) are the places and the numbers that are added."""

    def scatter(into, index, values):
        namespace_of(into).add.at(into, *changed(into, index, values))

    return scatter


def _looped_over(places):
    """One by one, for the i of places(N) alone."""

    def scatter(into, index, values):
        for i in places(len(index)):
            into[index[i]] += values[i]

    return scatter


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
    why="It is the gradient of picking rows: a row that was picked n times gets the sum of n gradients.",
    properties=(
        Property(
            "each value goes to its place",
            _adds("one number for each place"),
            "values[i] goes into into[index[i]], in `into` itself: `into = ..` only gives the name to another array.",
        ),
        Property(
            "an index that occurs twice gets both values",
            _adds("an index that occurs twice"),
            "Assignment with an array of indices writes each place once: add.at adds one value after the other.",
        ),
        Property(
            "it adds rows",
            _adds("rows, with an index three times", "tables, with an index twice"),
            "values[i] may be a row, or more: whatever into[index[i]] is.",
        ),
        Property(
            "what was there before stays",
            _adds("a place that was not empty", "nothing to add"),
            "Add to what is there; where no index points, nothing changes.",
        ),
        Property("`index` and `values` stay as they were", _leaves_the_rest),
        Property("it returns nothing", _returns_nothing),
        Property("it works in other libraries", _adds(*CASES, libraries=other_libraries)),
        Property("nothing is copied, nothing waits, and there is no loop", _scatter_counted),
    ),
    examples=lambda rng: ((),),
    trial=_try_scatter,
    mistakes={
        "Of two values for the same place only one is kept: `into[index] += values` adds once.": _buffered,
        "This overwrites; add to the numbers that are there.": _overwritten,
        "What was in `into` before is lost: add to it.": _emptied,
        "`into` is as it was: change it in place, as nothing is returned.": (
            _elsewhere,
            lambda into, index, values: None,
        ),
        "np.add.at knows NumPy's arrays: take `add.at` from the arrays' own library.": lambda into, index, values: (
            np.add.at(into, index, values)
        ),
        "The arrays make a trip to the host and back: add where they are.": _through_host,
        "int(index[i]) waits for the device, once for every value: use whole arrays.": _looped,
        "A loop costs steps on the device at every turn: use whole arrays.": _step_by_step,
        "values[i] goes to the place index[i]: here it goes to place i.": _by_order,
        "index counts from 0: here each value goes one place too early.": _added(
            lambda into, index, values: (index - 1, values)
        ),
        "What is there is added twice: `add.at` adds to it, so values alone are handed in.": _added(
            lambda into, index, values: (index, into[index] + values)
        ),
        "The largest is kept here: add the values.": lambda into, index, values: namespace_of(
            into
        ).maximum.at(into, index, values),
        "The values are subtracted here: add them.": lambda into, index, values: namespace_of(
            into
        ).subtract.at(into, index, values),
        "Each place gets its own value, values[i]: here each gets the sum of all values.": _added(
            lambda into, index, values: (index, values.sum(axis=0))
        ),
        "Each place gets its own value, values[i]: here each gets the first.": _added(
            lambda into, index, values: (index, values[0])
        ),
        "The values are divided by how many there are: add them as they are.": _added(
            lambda into, index, values: (index, values / len(values))
        ),
        "The last value is missing: every value is added, from values[0] to values[N - 1].": (
            _added(lambda into, index, values: (index[:-1], values[:-1])),
            _looped_over(lambda n: range(n - 1)),
        ),
        "The first value is missing: the places count from 0.": (
            _added(lambda into, index, values: (index[1:], values[1:])),
            _looped_over(lambda n: range(1, n)),
        ),
        "This counts how often each row was picked; add the values.": _once,
    },
)
