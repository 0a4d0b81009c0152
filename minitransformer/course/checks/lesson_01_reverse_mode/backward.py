"""What must be true of backward."""

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import (
    Node,
    a_kite,
    a_ladder,
    by_layers,
    chain_of,
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
    answer(node)
    same(node.grad, 1.0, "root.grad")


def _kite_grads(answer):
    same(_grads(answer, chain_of(3, 2.0)), [8.0, 4.0, 2.0, 1.0], "grad of four Values in a row, each slope 2")
    same(
        _grads(answer, a_kite()),
        [31.0, 5.0, 7.0, 1.0],
        "grad of a, b, c, d where d uses b and c, which both use a",
    )
    a = Node(3.0)
    same(_grads(answer, [a, Node(9.0, (a, a), (3.0, 3.0))]), [6.0, 1.0], "grad of a and a * a, for a = 3")


def _order_matters(answer):
    same(
        _grads(answer, longer_way()),
        [5 + 14 + 66, 7 + 33, 11.0, 1.0],
        "grad where a Value is used near root and far from it",
    )


def _random_grads(answer):
    for seed in range(5):
        nodes = random_graph(np.random.default_rng(seed))
        expected = [over_all_paths(nodes[-1], n) for n in nodes]
        same(_grads(answer, nodes), expected, "grad in a random history")


def _twice(answer):
    nodes = a_kite()
    _grads(answer, nodes)
    same(_grads(answer, nodes), [31.0, 5.0, 7.0, 1.0], "grad after a second call")


def _fast(answer):
    nodes = a_ladder(18)
    same(_grads(answer, nodes)[0], 2.0**18, "grad of the first of 18 doublings")
    nodes = chain_of(3000)
    try:
        same(_grads(answer, nodes)[0], 1.0, "grad of the first of 3000 Values in a row")
    except RecursionError:
        raise Failed(
            "3000 Values in a row: RecursionError", hint="Use a loop over topological_order(root)."
        ) from None


def _wrong_backward(order=without_recursion, add=True, reset=True, seed=1.0, times_grad=True, forwards=False):
    """Backward with something wrong in it."""

    def backward(root):
        values = order(root)
        for value in values if reset else ():
            value.grad = 0.0
        root.grad = seed
        for value in values if forwards else reversed(values):
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                parent.grad = parent.grad * add + slope * (value.grad if times_grad else 1.0)

    return backward


def _try_backward(answer, seed):
    nodes = (a_kite, longer_way)[seed]()
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
        Property("root's own grad is 1", _root_is_one),
        Property("slopes are multiplied along a path and added where paths meet", _kite_grads),
        Property("a Value is visited after all its users", _order_matters),
        Property("it is the sum over all paths in random histories", _random_grads),
        Property("a second call gives the same", _twice),
        Property("many paths and long histories are no problem", _fast),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_backward,
    mistakes={
        "A Value used twice keeps only the share of its last user: add with +=.": _wrong_backward(add=False),
        "A second call adds to the grads of the first: begin with grad = 0 everywhere.": _wrong_backward(
            reset=False
        ),
        "root.grad is 1, not 0: so every product becomes 0.": _wrong_backward(seed=0.0),
        "Multiply each slope by the grad of the Value that it belongs to.": _wrong_backward(times_grad=False),
        "This walks from the inputs to root: begin at root.": _wrong_backward(forwards=True),
        "A Value is visited before all its users: take the topological order.": _wrong_backward(
            order=by_layers
        ),
        "A Value that is reached again passes its grad on a second time: visit each Value once, in order.": _hand_down,
    },
)
