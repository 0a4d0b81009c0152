"""What must be true of topological_order."""

from functools import partial

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    a_kite,
    a_ladder,
    by_layers,
    chain_of,
    equal_numbers,
    falling,
    leaves_its_values,
    longer_way,
    random_graph,
    without_recursion,
)
from minitransformer.course.exercise import Failed, Nothing, Property
from minitransformer.course.properties import Tried, same

BEFORE = "Append a Value only when all its parents are in the list: on the way back up, not on the way down."
EQUAL = "Two Values may hold equal numbers: keep the Values themselves in the set, not their data."
KEPT = "A default argument, or a list outside the function, keeps what it holds from call to call: make new ones in the call."
BY_DATA = "This is the order of the numbers in `data`, which says nothing about the history: results may be smaller than parents."


def _all_there(answer):
    histories = (chain_of(1), chain_of(3), a_kite(), longer_way(), _crossed(), equal_numbers(), chain_of(0))
    for nodes in histories:
        order = _listed(answer(nodes[-1]))
        if any(n not in nodes for n in order):
            raise Failed(
                "in the list are Values that root was not computed from: those of the call before", hint=KEPT
            )
        if missing := [i for i, n in enumerate(nodes) if n not in order]:
            hint = EQUAL if nodes[1:] and nodes[0].data == nodes[-1].data else _about_missing(order, nodes)
            of = f"of {len(nodes)} Values {len(missing)} are missing, among them"
            raise Failed(f"{of} {_called(missing[0], nodes)}", hint=hint)


def _crossed():
    """Two Values that are both computed from the same two."""
    nodes = equal_numbers()
    for i, node in enumerate(nodes):
        node.data = float(i)
    return nodes


def _about_missing(order, nodes):
    """Which Values are missing, where they have something in common; or ""."""
    root = nodes[-1]
    if len(nodes) > 3 and _by_one_parent(order, root):
        return "Of each Value only one parent was visited: visit all of them."
    if len(nodes) > 1 and set(order) == {n for n in nodes if n.parents}:
        return "The Values without parents are missing: they belong into the list as well, before all others."
    if nodes[1:] and set(order) == {n for n in nodes if not n.parents}:
        return "Only Values without parents are in the list: those computed from them, root too, belong there as well."
    if nodes == [root]:
        return "A Value without parents is a history of its own: the list holds root alone."
    return ""


def _by_one_parent(order, root):
    """Whether just those Values are there that are reached by the first or the last parent of each."""
    return any(
        set(order) in (_reached(root, some), {root}.union(*(_reached(p, some) for p in root.parents)))
        for some in (slice(1), slice(-1, None))
    )


def _reached(root, some):
    """Values that are reached by some of the parents of each."""
    return {root, *(node for parent in root.parents[some] for node in _reached(parent, some))}


def _called(i, nodes):
    return "root" if i == len(nodes) - 1 else f"the one of data {nodes[i].data:g}"


def _once(answer):
    for nodes in (a_kite(), a_ladder(3)):
        order = _listed(answer(nodes[-1]))
        if len(order) != len(set(order)):
            twice = next(n for n in order if order.count(n) > 1)
            hint = "root is appended once more: it comes at the end by itself." if twice is nodes[-1] else ""
            raise Failed(
                f"the Value of data {twice.data:g} is in the list {order.count(twice)} times", hint=hint
            )


def _parents_first(answer):
    histories = (a_kite(), longer_way(), chain_of(2), falling())
    for nodes in (*histories, *(random_graph(np.random.default_rng(seed)) for seed in range(5))):
        order = _listed(answer(nodes[-1]))
        for i, node in enumerate(order):
            if late := [p for p in node.parents if p not in order[:i]]:
                numbers = [n.data for n in order]
                hint = BY_DATA if nodes[0].data > nodes[-1].data and numbers == sorted(numbers) else ""
                raise Failed(
                    f"the Value of data {node.data:g} comes before its parent, of data {late[0].data:g}",
                    hint=hint,
                )


def _listed(order):
    if order is None:
        raise Nothing("the result")
    if not isinstance(order, (list, tuple)):
        hint = ""
        if isinstance(order, (set, frozenset, dict)):
            hint = "A set has no order: append to a list as well."
        elif hasattr(order, "__next__"):
            hint = "It can be walked through once, and is no list: list(..) makes one of it. A `yield` gives such a thing."
        raise Failed(f"expected a list, got a {type(order).__name__}", hint=hint)
    if others := [part for part in order if isinstance(part, (int, float, str, list, tuple, type(None)))]:
        raise Failed(
            f"expected a list of Values, got one with {others[0]!r:.60}", hint="Append the Values themselves."
        )
    return list(order)


def _many_paths(answer):
    nodes = a_ladder(60)
    same(len(_listed(answer(nodes[-1]))), 61, "the number of Values in 60 doublings")


def _deep(answer):
    try:
        got = len(answer(chain_of(5000)[-1]))
    except RecursionError:
        hint = "Python allows 1000 calls within calls: keep a stack of your own."
        raise Failed("5000 Values in a row: RecursionError", hint=hint) from None
    same(got, 5001, "the number of Values in a chain of 5000 steps")


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


def _reached_first(root, turned=False):
    """What is reached first is listed first, and the list is reversed."""
    order = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack.extend(reversed(node.parents) if turned else node.parents)
    return order[::-1]


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
        Property(
            "every Value that root was computed from is there",
            _all_there,
            "Visit the parents of every Value, the parents of those, and so on, and root itself; all go into one list.",
        ),
        Property(
            "each Value is there once",
            _once,
            "Keep a set of what was visited, and pass over what is in it, also when a Value comes off the stack.",
        ),
        Property("each Value comes after its parents", _parents_first, BEFORE),
        Property(
            "a history with many paths is no problem",
            _many_paths,
            slow="60 doublings have 2^60 paths: a Value that was visited before is not to be gone through again. Keep a set.",
        ),
        Property(
            "a history of 5000 steps is no problem",
            _deep,
            slow="`in` a list looks at all that is in it: ask a set what was visited.",
        ),
        leaves_its_values(lambda answer, nodes: answer(nodes[-1])),
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
        "On the way down, each Value was listed when it was reached, and the list then reversed: that is too early. "
        "Append a Value when all its parents are in the list.": (
            _reached_first,
            partial(_reached_first, turned=True),
        ),
        "root itself is missing at the end.": lambda root: without_recursion(root)[:-1],
        "Only root and its parents are there: go on to the parents' parents.": lambda root: [
            *dict.fromkeys(root.parents),
            root,
        ],
    },
)
