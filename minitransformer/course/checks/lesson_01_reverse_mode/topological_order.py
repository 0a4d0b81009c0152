"""What must be true of topological_order."""

from functools import partial

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    a_kite,
    a_ladder,
    by_layers,
    chain_of,
    longer_way,
    random_graph,
    without_recursion,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same


def _all_there(answer):
    for nodes in (a_kite(), longer_way(), chain_of(3)):
        order = _listed(answer(nodes[-1]))
        if missing := [n.data for n in nodes if n not in order]:
            raise Failed(
                f"the Value of data {missing[0]:g} is missing",
                hint="Visit the parents of every Value, and root itself.",
            )


def _once(answer):
    for nodes in (a_kite(), a_ladder(3)):
        order = _listed(answer(nodes[-1]))
        if len(order) != len(set(order)):
            twice = next(n for n in order if order.count(n) > 1)
            raise Failed(
                f"the Value of data {twice.data:g} is in the list {order.count(twice)} times",
                hint="Keep a set of what was visited.",
            )


def _parents_first(answer):
    for nodes in (
        chain_of(2),
        a_kite(),
        longer_way(),
        *(random_graph(np.random.default_rng(seed)) for seed in range(5)),
    ):
        order = _listed(answer(nodes[-1]))
        for i, node in enumerate(order):
            if late := [p for p in node.parents if p not in order[:i]]:
                raise Failed(
                    f"the Value of data {node.data:g} comes before its parent, of data {late[0].data:g}"
                )


def _listed(order):
    if not isinstance(order, (list, tuple)):
        raise Failed(
            f"expected a list, got {type(order).__name__}",
            hint="Is there a `return`?" if order is None else "",
        )
    return list(order)


def _deep(answer):
    try:
        got = len(answer(chain_of(5000)[-1]))
    except RecursionError:
        hint = "Python allows 1000 calls within calls: keep a stack of your own."
        raise Failed("5000 Values in a row: RecursionError", hint=hint) from None
    same(got, 5001, "the number of Values in a chain of 5000 steps")


def _leaves_graph(answer):
    nodes = a_kite()
    before = [(n.data, n.grad, n.parents, n.slopes) for n in nodes]
    answer(nodes[-1])
    if before != [(n.data, n.grad, n.parents, n.slopes) for n in nodes]:
        raise Failed(
            "a Value was changed", hint="Only look at the Values; copy `parents` before you take from it."
        )


def _by_recursion(root, seen=None, before=False, every=False):
    """The order by recursion: right, but for its depth."""
    seen = [] if seen is None else seen
    if not every and root in seen:
        return []
    seen.append(root)
    below = [node for parent in root.parents for node in _by_recursion(parent, seen, before, every)]
    return [root, *below] if before else [*below, root]


def _try_order(answer, seed):
    """The place of each node in the list, its length, and whether it can go deep."""
    nodes = (a_kite, longer_way)[seed]()
    order = answer(nodes[-1])
    places = [order.index(n) if n in order else -1 for n in nodes]
    try:
        answer(chain_of(1500)[-1])
        return np.array([*places, len(order), 1.0])
    except RecursionError:
        return np.array([*places, len(order), 0.0])


topological_order = Tried(
    minutes=20,
    level=3,
    hints=(
        "When may a Value enter the list? When all its parents are in it.",
        "Walk down from root; on the way back up append the Value. A set of what was visited keeps each from coming twice.",
        "Instead of recursion keep a stack, a list of (value, done) pairs: take the last; if it is not done, put (value, True) "
        "back and its parents as (parent, False) on top; if it is done, append it.",
        "Keep what was visited in a set: `in` a list of 5000 compares with all of them.",
    ),
    why="A Value is appended after everything below it, so its parents come before it. Read backwards, users come first.",
    properties=(
        Property("every Value that root was computed from is there", _all_there),
        Property("each Value is there once", _once),
        Property("each Value comes after its parents", _parents_first),
        Property("a history of 5000 steps is no problem", _deep),
        Property("the Values stay as they were", _leaves_graph),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_order,
    mistakes={
        "The list is reversed: parents come before the Values computed from them.": partial(
            without_recursion, before=True
        ),
        "A Value enters the list before its parents: append it when all of them are done.": partial(
            _by_recursion, before=True
        ),
        "A Value used in several places is in the list several times: keep a set of what was visited.": partial(
            _by_recursion, every=True
        ),
        "Layer by layer is not enough: a Value may be used near root and far from it.": by_layers,
        "The order is right, but recursion ends at 1000 calls: keep a stack of your own.": _by_recursion,
        "root itself is missing at the end.": lambda root: without_recursion(root)[:-1],
        "Only root and its parents are there: go on to the parents' parents.": lambda root: [
            *dict.fromkeys(root.parents),
            root,
        ],
    },
)
