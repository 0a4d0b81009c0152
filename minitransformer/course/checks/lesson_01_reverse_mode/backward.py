"""What must be true of backward."""

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    Node,
    a_kite,
    a_ladder,
    by_layers,
    chain_of,
    falling,
    leaves_its_values,
    longer_way,
    over_all_paths,
    random_graph,
    without_recursion,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same


def _grads(answer, nodes):
    answer(nodes[-1])
    return [node.grad for node in nodes]


def _root_is_one(answer):
    node = Node(4.0)
    if (got := answer(node)) is not None:
        says = f"expected None, got a {type(got).__name__}"
        raise Failed(says, hint="It writes into `grad` and returns nothing: no `return` is needed.")
    same(node.grad, 1.0, "root.grad, of a root without parents")
    nodes = chain_of(1, 2.0)
    same(_grads(answer, nodes)[1], 1.0, "root.grad")


def _chain_grads(answer):
    same(_grads(answer, chain_of(3, 2.0)), [8.0, 4.0, 2.0, 1.0], "grad of four Values in a row, each slope 2")


def _kite_grads(answer):
    same(
        _grads(answer, a_kite()),
        [31.0, 5.0, 7.0, 1.0],
        "grad of a, b, c, d where d uses b and c, which both use a",
    )


def _same_parent_twice(answer):
    a = Node(3.0)
    same(_grads(answer, [a, Node(9.0, (a, a), (3.0, 3.0))]), [6.0, 1.0], "grad of a and a * a, for a = 3")


def _order_matters(answer):
    same(
        _grads(answer, longer_way()),
        [5 + 14 + 66, 7 + 33, 11.0, 1.0],
        "grad where a Value is used near root and far from it",
    )


def _numbers_fall(answer):
    hint = "Numbers fall from step to step in this history: the order is that of the history, whatever stands in `data`."
    same(_grads(answer, falling()), [64 + 35, 11 + 21, 7.0, 1.0], "grad where numbers fall", hint=hint)


def _random_grads(answer):
    for seed in range(5):
        nodes = random_graph(np.random.default_rng(seed))
        expected = [over_all_paths(nodes[-1], n) for n in nodes]
        same(_grads(answer, nodes), expected, "grad in a random history")


def _twice(answer):
    nodes = a_kite()
    _grads(answer, nodes)
    same(_grads(answer, nodes), [31.0, 5.0, 7.0, 1.0], "grad after a second call")
    nodes = a_kite()
    for node in nodes:
        node.grad = 9.0
    same(_grads(answer, nodes), [31.0, 5.0, 7.0, 1.0], "grad where each was 9 before")


def _fast(answer):
    nodes = a_ladder(60)
    same(_grads(answer, nodes)[0], 2.0**60, "grad of the first of 60 doublings")
    nodes = chain_of(3000)
    try:
        same(_grads(answer, nodes)[0], 1.0, "grad of the first of 3000 Values in a row")
    except RecursionError:
        raise Failed(
            "3000 Values in a row: RecursionError", hint="Use a loop over topological_order(root)."
        ) from None


def _hand(slope, grad, value):
    return slope * grad


def _steps(value):
    return list(zip(value.parents, value.slopes, strict=True))


def _wrong_backward(
    order=without_recursion, add=True, reset=True, seed=1.0, hand=_hand, forwards=False, once=False, steps_of=_steps,
    join=lambda before, share: before + share, begin=0.0, of=lambda value: True
):  # fmt: skip
    """Backward with something wrong in it."""

    def backward(root):
        values = order(root)
        for value in values if reset else ():
            value.grad = begin if of(value) else value.grad
        root.grad = seed(root) if callable(seed) else seed
        for value in values if forwards else reversed(values):
            steps = steps_of(value)
            for parent, slope in dict(steps).items() if once else steps:
                parent.grad = join(parent.grad * add, hand(slope, value.grad, value))

    return backward


def _cleared_late(root):
    order = without_recursion(root)
    root.grad = 1.0
    for value in reversed(order):
        for parent in value.parents:
            parent.grad = 0.0
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += value.grad * slope


def _siblings_turned(root):
    """Another right order: b and c of the kite exchanged."""
    values = without_recursion(root)
    return (
        [values[0], values[2], values[1], *values[3:]]
        if len(values) == 4 and len(root.parents) == 2
        else values
    )


def _all_but_root(root):
    for value in (values := without_recursion(root)):
        value.grad = 0.0
    root.grad = 1.0
    for value in reversed(values[:-1]):
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += slope * value.grad


def _root_is_added_to(root):
    for value in (values := without_recursion(root))[:-1]:
        value.grad = 0.0
    root.grad += 1.0
    for value in reversed(values):
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += slope * value.grad


def _overwrite_down(root, g=1.0):
    root.grad = g
    for parent, slope in zip(root.parents, root.slopes, strict=True):
        _overwrite_down(parent, slope * g)


def _twice_a_parent():
    a = Node(3.0)
    return a, Node(9.0, (a, a), (3.0, 4.0))


def _kite_of_fractions():
    """Slopes that are fractions of both signs."""
    a = Node(1.0)
    b = Node(2.0, (a,), (2.5,))
    c = Node(3.0, (a,), (-0.7,))
    return a, b, c, Node(4.0, (b, c), (0.6, -7.1))


def _try_backward(answer, history):
    nodes = history()
    return np.array([*_grads(answer, nodes), *_grads(answer, nodes)], dtype=float)


def _down(value):
    for parent, slope in zip(value.parents, value.slopes, strict=True):
        parent.grad += slope * value.grad
        _down(parent)


def _hand_down(root):
    """Each Value passes on its grad so far, every time it is reached."""
    for node in without_recursion(root):
        node.grad = 0.0
    root.grad = 1.0
    _down(root)


backward = Tried(
    minutes=15,
    level=2,
    hints=(
        "root.grad is 1, the slope of root in itself. All others begin at 0.",
        "Walk through topological_order(root) from the end: a Value adds slope * its own grad to the grad of each parent.",
        "A parent gets a share from each of its users: add them with +=.",
    ),
    why="When a Value is reached, all its users have been visited, so its grad is complete: each is visited once.",
    properties=(
        Property(
            "root's own grad is 1",
            _root_is_one,
            "Write 1 into root.grad after all others were set to 0 and before the walk; nothing else goes into it.",
        ),
        Property(
            "along one path the slopes are multiplied",
            _chain_grads,
            "Each Value, root first, adds slope * its own grad to the grad of each parent; its own grad stays as it is.",
        ),
        Property(
            "where paths meet, they are added",
            _kite_grads,
            "A parent gets a share from each of its users: parent.grad += .., never =.",
        ),
        Property(
            "a parent that stands twice gets two shares",
            _same_parent_twice,
            "In a * a the parent a stands twice in `parents`: each place adds its own slope.",
        ),
        Property(
            "a Value is visited after all its users",
            _order_matters,
            "Walk through topological_order(root) from the end: then all users of a Value come before it.",
        ),
        Property("the numbers in `data` decide nothing", _numbers_fall),
        Property(
            "it is the sum over all paths in random histories",
            _random_grads,
            "Visit every Value of topological_order(root) once, from the end, and every one of its parents.",
        ),
        leaves_its_values(lambda answer, nodes: answer(nodes[-1]), grad=False),
        Property(
            "a second call gives the same",
            _twice,
            "What is in `grad` before does not count: set it to 0 in all Values first, also in root and those in the middle.",
        ),
        Property(
            "many paths and long histories are no problem",
            _fast,
            slow="60 doublings have 2^60 paths: visit each Value once, in order, instead of each path.",
        ),
    ),
    examples=lambda rng: [
        (history,) for history in (a_kite, longer_way, _twice_a_parent, _kite_of_fractions)
    ],
    trial=_try_backward,
    mistakes={
        "A Value used twice keeps only the share of its last user: add with +=, and set no grad to 0 on the way.": (
            _wrong_backward(add=False),
            _wrong_backward(add=False, order=_siblings_turned),
            _overwrite_down,
        ),
        "A second call adds to the grads of the first: begin with grad = 0 everywhere.": _wrong_backward(
            reset=False
        ),
        "Every grad is 0 in the end: root.grad is 1, set after all others, and the results go into v.grad.": (
            _wrong_backward(seed=0.0)
        ),
        "Multiply each slope by the grad of the Value that it belongs to.": _wrong_backward(
            hand=lambda slope, grad, value: slope
        ),
        "Slope and grad are multiplied, not added.": _wrong_backward(
            hand=lambda slope, grad, value: slope + grad
        ),
        "The slopes are not used: add slope * grad to the parent's grad.": _wrong_backward(
            hand=lambda slope, grad, value: grad
        ),
        "A parent that stands twice in `parents` gets two shares: as keys of a dictionary two become one.": _wrong_backward(
            once=True
        ),
        "Only root has a grad in the end: for each Value v, root first, parent.grad += slope * v.grad.": (
            _all_but_root
        ),
        "A second call adds to what the first left, also in root: set every grad to 0, then root.grad to 1.": _root_is_added_to,
        "Only root's own parents get their share: begin at root, and end at the inputs.": _wrong_backward(
            forwards=True
        ),
        "A parent's grad is set to 0 in the walk, so that what other users gave it is lost: set all to 0 before.": _cleared_late,
        "A Value is visited before all its users: take the topological order.": _wrong_backward(
            order=by_layers
        ),
        "root.grad is 1, the slope of root in itself, not the number in its data.": _wrong_backward(
            seed=lambda root: root.data
        ),
        "The sign is wrong: slope * grad is added to the parent's grad.": _wrong_backward(
            hand=lambda slope, grad, value: -slope * grad
        ),
        "The number in `data` does not enter here: slope * grad alone, as slopes hold all that is needed of it.": (
            _wrong_backward(hand=lambda slope, grad, value: grad * value.data),
            _wrong_backward(hand=lambda slope, grad, value: slope * grad * value.data),
            _wrong_backward(hand=lambda slope, grad, value: slope * value.data),
        ),
        "The grad is not shared among the parents: each gets slope * grad, undivided.": _wrong_backward(
            hand=lambda slope, grad, value: slope * grad / len(value.parents)
        ),
        "Slopes and grads keep their sign: no absolute values.": _wrong_backward(
            hand=lambda slope, grad, value: abs(slope * grad)
        ),
        "The slope counts once for each step, and here twice.": _wrong_backward(
            hand=lambda slope, grad, value: slope * slope * grad
        ),
        "The grad is cut off to a whole number: leave int(..), round(..) and // out.": (
            _wrong_backward(hand=lambda slope, grad, value: int(slope * grad)),
            _wrong_backward(hand=lambda slope, grad, value: round(slope * grad)),
        ),
        "The slopes are taken in the reverse order: they belong to the parents in the same order.": _wrong_backward(
            steps_of=lambda value: list(zip(value.parents, value.slopes[::-1], strict=True))
        ),
        "Only the first parent of each Value gets its share: go through all of them.": _wrong_backward(
            steps_of=lambda value: _steps(value)[:1]
        ),
        "Only the last parent of each Value gets its share: go through all of them.": _wrong_backward(
            steps_of=lambda value: _steps(value)[-1:]
        ),
        "Slopes are moved by one place: slope 0 belongs to parent 0.": _wrong_backward(
            steps_of=lambda value: list(zip(value.parents, value.slopes[1:], strict=False))
        ),
        "Every grad begins with 1 here: root's does, all others begin with 0.": _wrong_backward(begin=1.0),
        "This is a mean of what the users give: their shares are added.": _wrong_backward(
            join=lambda before, share: (before + share) / 2
        ),
        "The largest share alone is kept: the shares of all users are added.": _wrong_backward(join=max),
        "Only Values without parents begin with 0 here: all do, also those in the middle, or a second call adds to the first.": (
            _wrong_backward(of=lambda value: not value.parents)
        ),
        "Only Values with parents begin with 0 here: all do, also the inputs, or a second call adds to the first.": (
            _wrong_backward(of=lambda value: value.parents)
        ),
        "root.grad is 1, the slope of root in itself, and no other number.": (
            _wrong_backward(seed=0.5),
            _wrong_backward(seed=2.0),
            _wrong_backward(seed=-1.0),
        ),
        "The slope multiplies the grad; here it divides it.": _wrong_backward(
            hand=lambda slope, grad, value: grad / slope
        ),
        "The parent's own grad is added once more: with += it stays, and slope * grad alone is added.": _wrong_backward(
            join=lambda before, share: 2 * before + share
        ),
        "A Value that is reached again passes its grad on a second time: visit each Value once, in order.": _hand_down,
    },
)
