"""What must be true of sum_over_paths."""

import math

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    Node,
    a_kite,
    chain_of,
    longer_way,
    random_graph,
)
from minitransformer.course.exercise import Property
from minitransformer.course.properties import Tried, same


def _same_node(answer):
    node = Node(2.0)
    same(answer(node, node), 1.0, "d(a)/d(a)")


def _one_path(answer):
    nodes = chain_of(3, 2.0)
    same(answer(nodes[3], nodes[0]), 8.0, "three slopes of 2 in a row")


def _two_paths(answer):
    a, b, c, d = a_kite()
    same(answer(d, a), 31.0, "paths of slopes 5 * 2 and 7 * 3")
    root = Node(9.0, (a, a), (3.0, 3.0))
    same(answer(root, a), 6.0, "a * a for a = 3: the same parent twice")


def _unconnected(answer):
    a, b, c, d = a_kite()
    same([answer(b, c), answer(a, d)], [0.0, 0.0], "where no path leads")


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


def _paths(fold=lambda slope, rest: slope * rest, total=sum, ends=1.0, missing=0.0):
    """The sum over paths with something wrong in it."""

    def sum_over_paths(end, start):
        if end is start:
            return ends
        found = [fold(s, sum_over_paths(p, start)) for p, s in zip(end.parents, end.slopes, strict=True)]
        return total(found) if found else missing

    return sum_over_paths


def _try_paths(answer, seed):
    nodes = (longer_way(), a_kite())[seed] if seed < 2 else random_graph(np.random.default_rng(seed))
    return np.array([answer(end, nodes[0]) for end in nodes], dtype=float)


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
        Property("a Value's slope in itself is 1", _same_node),
        Property("along one path the slopes are multiplied", _one_path),
        Property("the paths are added", _two_paths),
        Property("where no path leads the slope is 0", _unconnected),
        Property("it is right in a random history", _random_graph),
    ),
    examples=lambda rng: ((0,), (1,), (2,)),
    trial=_try_paths,
    mistakes={
        "Along a path the slopes are multiplied, not added.": _paths(fold=lambda slope, rest: slope + rest),
        "Only one of the paths counts here: add them all.": _paths(total=lambda found: found[0]),
        "The last path alone counts here: add them all.": _paths(total=lambda found: found[-1]),
        "The paths are added, not multiplied.": _paths(total=math.prod),
        "A Value's slope in itself is 1, not 0: so every product becomes 0.": _paths(ends=0.0),
        "Where no path leads the slope is 0, not 1: `end` without parents is not yet `start`.": _paths(
            missing=1.0
        ),
        "The slopes are left out: this counts the paths.": _paths(fold=lambda slope, rest: rest),
    },
)
