"""What must be true of sum_over_paths."""

import math

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    Node,
    a_kite,
    chain_of,
    leaves_its_values,
    longer_way,
    random_graph,
)
from minitransformer.course.exercise import Property
from minitransformer.course.properties import Tried, same

TWICE = "Each place in `parents` is a path of its own, also where one parent stands there twice, as in a * a."
ANEW = "Each call begins anew: leave the Values as they are, and keep nothing from one `start` for another."
KEPT = "This is the result of the call before, for another `start`: keep nothing from call to call, as a default argument does."
EQUAL = "Two Values may hold equal numbers: `end is start` tells whether they are one and the same."


def _same_node(answer):
    node = Node(2.0)
    same(answer(node, node), 1.0, "d(a)/d(a)")


def _one_path(answer):
    a, b = chain_of(1, 2.0)
    same(answer(b, a), 2.0, "the only slope, 2")
    nodes = chain_of(3, 2.0)
    same(answer(nodes[3], nodes[0]), 8.0, "three slopes of 2 in a row")
    got = answer(nodes[3], nodes[1])
    what = "two slopes of 2 in a row, in the same history, after a call with another `start`"
    same(got, 4.0, what, hint=KEPT if np.ndim(got) == 0 and got == 8.0 else "", first=ANEW)


def _two_paths(answer):
    a, b, c, d = a_kite()
    same(answer(d, a), 31.0, "paths of slopes 5 * 2 and 7 * 3")
    root = Node(9.0, (a, a), (3.0, 3.0))
    same(answer(root, a), 6.0, "a * a for a = 3: the same parent twice", first=TWICE)


def _unconnected(answer):
    a, b, c, d = a_kite()
    same([answer(b, c), answer(a, d)], [0.0, 0.0], "where no path leads")


def _equal_numbers(answer):
    a = Node(1.0)
    b = Node(1.0)
    end = Node(1.0, (a, b), (3.0, 5.0))
    same(
        [answer(end, a), answer(end, b), answer(a, b)], [3.0, 5.0, 0.0], "three Values of data 1", hint=EQUAL
    )


def _random_graph(answer):
    nodes = random_graph(np.random.default_rng(4))
    reached = {nodes[-1]: 1.0}
    for node in reversed(nodes):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            reached[parent] = reached.get(parent, 0.0) + slope * reached.get(node, 0.0)
    for i in range(3):
        same(
            answer(nodes[-1], nodes[i]), reached.get(nodes[i], 0.0), f"d(end)/d(node {i}) in a history of 12"
        )


def _paths(fold=lambda slope, rest: slope * rest, total=sum, ends=1.0, missing=0.0, once=False, deeper=True):
    """The sum over paths with something wrong in it."""

    def sum_over_paths(end, start):
        if end is start:
            return ends
        steps = list(zip(end.parents, end.slopes, strict=True))
        steps = list(dict(steps).items()) if once else steps
        rest = sum_over_paths if deeper else lambda parent, start: float(parent is start)
        found = [fold(slope, rest(parent, start)) for parent, slope in steps]
        return total(found) if found else missing

    return sum_over_paths


def _multiplied(end, start):
    if end is start:
        return 1.0
    return math.prod(
        slope * _multiplied(parent, start) for parent, slope in zip(end.parents, end.slopes, strict=True)
    )


def _by_first_parents(end, start):
    product = 1.0
    while end is not start and end.parents:
        product *= end.slopes[0]
        end = end.parents[0]
    return product


def _last_slopes(end, start):
    """The slopes of the steps that arrive at start."""
    steps = zip(end.parents, end.slopes, strict=True)
    return sum((s * (p is start) + _last_slopes(p, start) for p, s in steps), 0.0)


def _ends_at_a_parent(weight):
    def sum_over_paths(end, start):
        if end is start:
            return 1.0
        if start in end.parents:
            return weight(end, start)
        return sum((s * sum_over_paths(p, start) for p, s in zip(end.parents, end.slopes, strict=True)), 0.0)

    return sum_over_paths


def _walk(weight):
    """The sum over paths with other weights of a step from v to its parent i."""

    def sum_over_paths(end, start):
        if end is start:
            return 1.0
        return sum((weight(end, i) * sum_over_paths(p, start) for i, p in enumerate(end.parents)), 0.0)

    return sum_over_paths


def _visited_once(end, start, seen=None):
    seen = set() if seen is None else seen
    if end is start:
        return 1.0
    if end in seen:
        return 0.0
    seen.add(end)
    steps = zip(end.parents, end.slopes, strict=True)
    return sum(slope * _visited_once(parent, start, seen) for parent, slope in steps)


def _from_start(end, start):
    if end is start:
        return 1.0
    return sum(s * _from_start(end, p) for p, s in zip(start.parents, start.slopes, strict=True))


def _of_data(end, start):
    return 1.0 if end is start else sum(parent.data * _of_data(parent, start) for parent in end.parents)


def _twice_a_parent():
    a = Node(3.0)
    return a, Node(9.0, (a, a), (3.0, 4.0))


HISTORIES = (longer_way, a_kite, _twice_a_parent, lambda: random_graph(np.random.default_rng(2)))


def _by_place(end, start):
    if end is start:
        return 1.0
    slopes = (end.slopes[end.parents.index(p)] for p in end.parents)
    return sum((s * _by_place(p, start) for s, p in zip(slopes, end.parents, strict=True)), 0.0)


def _try_paths(answer, history):
    found = []
    for i in range(len(history())):
        nodes = history()  # anew, for an answer may change it
        before = [node.data for node in nodes]
        found.append(answer(nodes[i], nodes[0]))
        found.append(float(before == [node.data for node in nodes]))
    return np.array(found, dtype=float)


sum_over_paths = Tried(
    minutes=10,
    level=1,
    hints=(
        "What is d(end)/d(start) if both are the same Value? And if `end` has no parents?",
        "Each path begins with a step to one of end's parents, and goes on from there: that rest is sum_over_paths(parent, start).",
        "Multiply along a path, add over the parents: sum(slope * sum_over_paths(parent, start) for ...).",
    ),
    why="This is the chain rule for many paths. It is right, and slow: thirty doublings have a billion paths.",
    properties=(
        Property("a Value's slope in itself is 1", _same_node, "The shortest path has no step: `if end is start`, the slope is 1."),
        Property(
            "along one path the slopes are multiplied",
            _one_path,
            "One step leads to a parent, with its slope in `end.slopes`; the rest of the way is sum_over_paths(parent, start).",
        ),
        Property(
            "the paths are added",
            _two_paths,
            "Each parent of `end` begins paths of its own: add slope * sum_over_paths(parent, start) over all of them.",
        ),
        Property(
            "where no path leads the slope is 0",
            _unconnected,
            "A way that ends at a Value without parents, and not at `start`, is no path: it adds 0.",
        ),
        Property("Values of equal numbers are not one Value", _equal_numbers, EQUAL),
        Property(
            "it is right in a random history",
            _random_graph,
            "A Value that is reached on several ways counts on each of them, with all that lies below it.",
        ),
        leaves_its_values(lambda answer, nodes: answer(nodes[-1], nodes[0])),
    ),
    examples=lambda rng: [(history,) for history in HISTORIES],
    trial=_try_paths,
    mistakes={
        "Along a path the slopes are multiplied, not added.": _paths(fold=lambda slope, rest: slope + rest),
        "`.index(parent)` is the first place of a parent that stands twice: walk through both with zip.": (
            lambda end, start: _by_place(end, start)
        ),
        "Only one of the paths counts here: add them all.": (
            _paths(total=lambda found: found[0]),
            _paths(total=lambda found: next(filter(None, found), 0.0)),
        ),
        "The last path alone counts here: add them all.": _paths(total=lambda found: found[-1]),
        "The largest of the paths alone counts here: add them all.": _paths(total=max),
        "The paths are added, not multiplied.": (
            _paths(total=math.prod),
            _multiplied,
        ),
        "This is the mean of the paths: they are added.": _paths(total=lambda found: sum(found) / len(found)),
        "A Value's slope in itself is 1, not 0: so every product becomes 0.": (
            _paths(ends=0.0),
            lambda end, start: sum(0.0 for _ in end.parents),
        ),
        "Where no path leads the slope is 0, not 1: `end` without parents is not yet `start`.": _paths(
            missing=1.0
        ),
        "The slopes are left out: this counts the paths.": _paths(fold=lambda slope, rest: rest),
        "A parent that stands twice in `parents` counts twice: as keys of a dictionary or members of a set two become one.": (
            _paths(once=True)
        ),
        "This looks at end's own parents only: go on from each with sum_over_paths(parent, start).": _paths(deeper=False),
        "Each step counts with its own slope; here the first slope of a Value counts for all of its parents.": _walk(
            lambda v, i: v.slopes[0]
        ),
        "The slopes are taken in the reverse order: they belong to the parents in the same order.": _walk(
            lambda v, i: v.slopes[-1 - i]
        ),
        "The slope counts once for each step, and here twice.": _walk(lambda v, i: v.slopes[i] ** 2),
        "Slopes keep their sign: no absolute values.": _walk(lambda v, i: abs(v.slopes[i])),
        "The sign is wrong in each step: nothing is subtracted.": _walk(lambda v, i: -v.slopes[i]),
        "Slopes alone are multiplied: the number in `data` does not enter.": (
            _walk(lambda v, i: v.slopes[i] * v.parents[i].data),
            _walk(lambda v, i: v.slopes[i] * v.data),
        ),
        "The last parent is left out: every parent begins paths of its own.": _paths(
            total=lambda found: sum(found[:-1])
        ),
        "The first parent is left out: every parent begins paths of its own.": _paths(
            total=lambda found: sum(found[1:])
        ),
        "1 is added in each step: a path is the product of its slopes, and paths are added, with nothing else.": _paths(
            total=lambda found: 1 + sum(found), missing=1.0
        ),
        "The path with the largest product alone counts here: add them all.": _paths(
            total=lambda found: max(found, key=abs)
        ),
        "Along a path the slopes are multiplied; here the largest or smallest of them is taken.": (
            _paths(fold=max),
            _paths(fold=min),
        ),
        "Always the first parent is followed: every parent begins paths of its own.": _by_first_parents,
        "Only the last step of each path counts here: multiply the slopes of all its steps.": _last_slopes,
        "Where `start` is a parent of `end`, the walk stops: other ways from there to `start` are paths too, "
        "and the step counts with its slope.": (
            _ends_at_a_parent(lambda end, start: 1.0),
            _ends_at_a_parent(lambda end, start: end.slopes[end.parents.index(start)]),
        ),
        "A Value is passed once only here: it counts on each path that leads through it.": _visited_once,
        "This walks on from `start`: its parents lie behind it. Walk from `end` to its parents.": _from_start,
        "These are the parents' numbers; the chain rule multiplies the slopes.": _of_data,
    },
)  # fmt: skip
