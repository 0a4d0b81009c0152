"""What must be true of a scalar engine."""

import math
from functools import partial

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same


class Node:
    """The judge's own Value: what a learner's functions are handed."""

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self.slopes = data, 0.0, tuple(parents), tuple(slopes)


OPS = {
    "a + b": (lambda a, b: a + b, lambda a, b: a + b),
    "a * b": (lambda a, b: a * b, lambda a, b: a * b),
    "a ** 3": (lambda a, b: a**3, lambda a, b: a**3),
    "a.exp()": (lambda a, b: a.exp(), lambda a, b: math.exp(a)),
    "a.tanh()": (lambda a, b: a.tanh(), lambda a, b: math.tanh(a)),
}
POINTS = ((0.7, -1.3), (-0.4, 2.5))


def _through(end, start):
    """d(end)/d(start) over all paths."""
    if end is start:
        return 1.0
    return sum(slope * _through(parent, start) for parent, slope in zip(end.parents, end.slopes, strict=True))


def _results(answer):
    for name, (op, plain) in OPS.items():
        for a, b in POINTS:
            result = op(answer(a), answer(b))
            if not isinstance(result, answer):
                hint = "Is there a `return`?" if result is None else "Return Value(..., parents, slopes)."
                raise Failed(f"{name}: expected a Value, got {type(result).__name__}", hint=hint)
            same(result.data, plain(a, b), f"{name} for a = {a}, b = {b}")


def _numbers(answer):
    for name, op, expected in (
        ("v + 3", lambda v: v + 3, 5.0),
        ("3 + v", lambda v: 3 + v, 5.0),
        ("v * 4", lambda v: v * 4, 8.0),
        ("4 * v", lambda v: 4 * v, 8.0),
        ("v - 5", lambda v: v - 5, -3.0),
    ):
        try:
            same(op(answer(2.0)).data, expected, f"{name} for v = Value(2.0)")
        except (AttributeError, TypeError) as error:
            raise Failed(f"{name}: {error}", hint="`other = Value.lift(other)` makes a Value of a plain number.") from None


def _remembers(answer):
    for name, (op, _) in OPS.items():
        a, b = answer(0.5), answer(2.0)
        result = op(a, b)
        if len(result.parents) != len(result.slopes):
            counts = f"{len(result.parents)} parents, but {len(result.slopes)} slopes"
            raise Failed(f"{name}: {counts}", hint="One slope for each parent.")
        if not result.parents:
            raise Failed(f"{name}: no parents", hint="Hand `(self, other)` or `(self,)` to the new Value: what it came from.")


def _slopes(answer):
    eps = 1e-6
    for name, (op, plain) in OPS.items():
        for x, y in POINTS:
            a, b = answer(x), answer(y)
            result = op(a, b)
            da = (plain(x + eps, y) - plain(x - eps, y)) / (2 * eps)
            db = (plain(x, y + eps) - plain(x, y - eps)) / (2 * eps)
            same(_through(result, a), da, f"the slope of {name} in a, for a = {x}, b = {y}", rtol=1e-6)
            if name in ("a + b", "a * b"):
                same(_through(result, b), db, f"the slope of {name} in b, for a = {x}, b = {y}", rtol=1e-6)


def _large(answer):
    try:
        same([answer(1000.0).tanh().data, answer(-1000.0).tanh().data], [1.0, -1.0], "tanh of 1000 and of -1000")
    except OverflowError as error:
        raise Failed(f"tanh of 1000: OverflowError: {error}", hint="exp(1000) is too large for a float: use math.tanh.") from None


def _leaves_alone(answer):
    for name, (op, _) in OPS.items():
        a, b = answer(0.5), answer(2.0)
        result = op(a, b)
        if result is a or result is b or (a.data, b.data) != (0.5, 2.0) or a.parents or b.parents:
            raise Failed(f"{name} changed a or b", hint="Return a new Value; a and b may be needed elsewhere.")
        same([a.grad, result.grad], [0, 0], f"grad of a and of {name}")


def _try_value(answer, x, y):
    """Every result and every slope at a point, NaN where there is none."""
    found = []
    for op, _ in (*OPS.values(), (lambda a, b: a + 3, None), (lambda a, b: 4 * a, None)):
        a, b = answer(x), answer(y)
        try:
            result = op(a, b)
            found += [result.data, _through(result, a), _through(result, b), a.data]
        except Exception:
            found += [math.nan] * 4
    try:
        found.append(answer(1000.0).tanh().data)
    except OverflowError:
        found.append(math.inf)
    return np.array(found, dtype=float)


def _engine(add=None, mul=None, power=None, exp=None, tanh=None, lift=True, parents=True):
    """A Value with something wrong in it: each law gives (data, slopes)."""

    class Value(Node):
        def _make(self, others, law):
            data, slopes = law(self.data, *(o.data for o in others))
            return Value(data, (self, *others), slopes) if parents else Value(data)

        def _of(self, other):
            return Value(other) if lift and not isinstance(other, Value) else other

        def __add__(self, other):
            return self._make((self._of(other),), add or (lambda a, b: (a + b, (1.0, 1.0))))

        def __mul__(self, other):
            return self._make((self._of(other),), mul or (lambda a, b: (a * b, (b, a))))

        def __pow__(self, n):
            return self._make((), power and partial(power, n=n) or (lambda a: (a**n, (n * a ** (n - 1),))))

        def exp(self):
            return self._make((), exp or (lambda a: (math.exp(a), (math.exp(a),))))

        def tanh(self):
            return self._make((), tanh or (lambda a: (math.tanh(a), (1 - math.tanh(a) ** 2,))))

        __radd__, __rmul__ = __add__, __mul__

        def __sub__(self, other):
            return self + self._of(other) * -1

    return Value


def _tanh_by_exp(a):
    e = math.exp(2 * a)
    t = (e - 1) / (e + 1)
    return t, (1 - t * t,)


Value = Tried(
    minutes=20,
    level=1,
    hints=(
        "Each method is one line more than the number: Value(number, parents, slopes).",
        "a * b: hold b still and move a by h; the product moves by b h. So the slope in a is b, and the slope in b is a.",
        "exp and tanh have one parent: a tuple of one is written `(self,)`. Their slopes need the result, already computed.",
        "For plain numbers, begin `__add__` and `__mul__` with `other = Value.lift(other)`.",
    ),
    why="Each result keeps its parents and a number for each: the slopes are computed where the numbers they need are at hand.",
    properties=(
        Property("the results are right", _results),
        Property("a and b stay as they were", _leaves_alone),
        Property("plain numbers may stand where Values do", _numbers),
        Property("each result remembers its parents, with a slope for each", _remembers),
        Property("the slopes are those of central differences", _slopes),
        Property("tanh of a large number does not overflow", _large),
    ),
    examples=lambda rng: POINTS,
    trial=_try_value,
    mistakes={
        "The slopes of a product are swapped: d(a b)/da is b.": _engine(mul=lambda a, b: (a * b, (a, b))),
        "The slopes of a sum are 1 and 1: a sum moves as far as each of its terms.": _engine(add=lambda a, b: (a + b, (a, b))),
        "The slope of tanh is 1 - tanh(a)^2: square the output, not the input.": _engine(
            tanh=lambda a: (math.tanh(a), (1 - a * a,))
        ),
        "The slope of a^n is n a^(n - 1): the power falls by one.": _engine(power=lambda a, n: (a**n, (n * a**n,))),
        "The factor n of the slope n a^(n - 1) is missing.": _engine(power=lambda a, n: (a**n, (a ** (n - 1),))),
        "The slope of exp(a) is exp(a) itself, not a.": _engine(exp=lambda a: (math.exp(a), (a,))),
        "The slope of exp(a) is exp(a) itself, not 1.": _engine(exp=lambda a: (math.exp(a), (1.0,))),
        "`v + 3` fails: make a Value of a plain number with `Value.lift(other)`.": _engine(lift=False),
        "The result does not know what it came from: hand parents and slopes to the new Value.": _engine(parents=False),
        "exp(1000) is too large for a float: use math.tanh.": _engine(tanh=_tanh_by_exp),
    },
)


def _graph(rng):
    """A random history: each of twelve nodes computed from two before it, which may be the same."""
    nodes = [Node(float(i)) for i in range(3)]
    for i in range(9):
        parents = [nodes[j] for j in rng.integers(max(0, i - 1), len(nodes), 2)]
        nodes.append(Node(float(i + 3), parents, rng.normal(size=2).tolist()))
    return nodes


def _chain(length, slope=1.0):
    """Nodes in a row, each computed from the one before."""
    nodes = [Node(0.0)]
    for i in range(length):
        nodes.append(Node(float(i + 1), (nodes[-1],), (slope,)))
    return nodes


def _ladder(steps):
    """Each node is the sum of the one before with itself: 2^steps paths."""
    nodes = [Node(1.0)]
    for _ in range(steps):
        nodes.append(Node(2 * nodes[-1].data, (nodes[-1],) * 2, (1.0, 1.0)))
    return nodes


def _kite():
    """a -> b -> d and a -> c -> d: two paths of different slopes."""
    a = Node(1.0)
    b, c = Node(2.0, (a,), (2.0,)), Node(3.0, (a,), (3.0,))
    return a, b, c, Node(4.0, (b, c), (5.0, 7.0))


def _longer_way():
    """d uses a at once and by way of b and c: the near user is not the last to speak."""
    a = Node(1.0)
    b = Node(2.0, (a,), (2.0,))
    c = Node(3.0, (b,), (3.0,))
    return a, b, c, Node(4.0, (a, b, c), (5.0, 7.0, 11.0))


def _same_node(answer):
    node = Node(2.0)
    same(answer(node, node), 1.0, "d(a)/d(a)")


def _one_path(answer):
    nodes = _chain(3, 2.0)
    same(answer(nodes[3], nodes[0]), 8.0, "three slopes of 2 in a row")


def _two_paths(answer):
    a, b, c, d = _kite()
    same(answer(d, a), 31.0, "paths of slopes 5 * 2 and 7 * 3")
    root = Node(9.0, (a, a), (3.0, 3.0))
    same(answer(root, a), 6.0, "a * a for a = 3: the same parent twice")


def _unconnected(answer):
    a, b, c, d = _kite()
    same([answer(b, c), answer(a, d)], [0.0, 0.0], "where no path leads")


def _random_graph(answer):
    nodes = _graph(np.random.default_rng(4))
    reached = {nodes[-1]: 1.0}
    for node in reversed(nodes):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            reached[parent] = reached.get(parent, 0.0) + slope * reached.get(node, 0.0)
    for i in range(3):
        same(answer(nodes[-1], nodes[i]), reached.get(nodes[i], 0.0), f"d(end)/d(node {i}) in a history of 12")


def _paths(fold=lambda slope, rest: slope * rest, total=sum, ends=1.0, missing=0.0):
    """The sum over paths with something wrong in it."""

    def sum_over_paths(end, start):
        if end is start:
            return ends
        found = [fold(s, sum_over_paths(p, start)) for p, s in zip(end.parents, end.slopes, strict=True)]
        return total(found) if found else missing

    return sum_over_paths


def _try_paths(answer, seed):
    nodes = (_longer_way(), _kite())[seed] if seed < 2 else _graph(np.random.default_rng(seed))
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
        "Where no path leads the slope is 0, not 1: `end` without parents is not yet `start`.": _paths(missing=1.0),
        "The slopes are left out: this counts the paths.": _paths(fold=lambda slope, rest: rest),
    },
)


def _all_there(answer):
    for nodes in (_kite(), _longer_way(), _chain(3)):
        order = _listed(answer(nodes[-1]))
        if missing := [n.data for n in nodes if n not in order]:
            raise Failed(f"the Value of data {missing[0]:g} is missing", hint="Visit the parents of every Value, and root itself.")


def _once(answer):
    for nodes in (_kite(), _ladder(3)):
        order = _listed(answer(nodes[-1]))
        if len(order) != len(set(order)):
            twice = next(n for n in order if order.count(n) > 1)
            raise Failed(
                f"the Value of data {twice.data:g} is in the list {order.count(twice)} times",
                hint="Keep a set of what was visited.",
            )


def _parents_first(answer):
    for nodes in (_chain(2), _kite(), _longer_way(), *(_graph(np.random.default_rng(seed)) for seed in range(5))):
        order = _listed(answer(nodes[-1]))
        for i, node in enumerate(order):
            if late := [p for p in node.parents if p not in order[:i]]:
                raise Failed(f"the Value of data {node.data:g} comes before its parent, of data {late[0].data:g}")


def _listed(order):
    if not isinstance(order, (list, tuple)):
        raise Failed(f"expected a list, got {type(order).__name__}", hint="Is there a `return`?" if order is None else "")
    return list(order)


def _deep(answer):
    try:
        got = len(answer(_chain(5000)[-1]))
    except RecursionError:
        hint = "Python allows 1000 calls within calls: keep a stack of your own."
        raise Failed("5000 Values in a row: RecursionError", hint=hint) from None
    same(got, 5001, "the number of Values in a chain of 5000 steps")


def _leaves_graph(answer):
    nodes = _kite()
    before = [(n.data, n.grad, n.parents, n.slopes) for n in nodes]
    answer(nodes[-1])
    if before != [(n.data, n.grad, n.parents, n.slopes) for n in nodes]:
        raise Failed("a Value was changed", hint="Only look at the Values; copy `parents` before you take from it.")


def _by_recursion(root, seen=None, before=False, every=False):
    """The order by recursion: right, but for its depth."""
    seen = [] if seen is None else seen
    if not every and root in seen:
        return []
    seen.append(root)
    below = [node for parent in root.parents for node in _by_recursion(parent, seen, before, every)]
    return [root, *below] if before else [*below, root]


def _by_layers(root):
    """Nearest first, then turned round: wrong where a Value is used near and far."""
    order, seen = [root], {root}
    for node in order:
        new = [p for p in dict.fromkeys(node.parents) if p not in seen]
        seen.update(new)
        order.extend(new)
    return order[::-1]


def _try_order(answer, seed):
    """The place of each node in the list, its length, and whether it can go deep."""
    nodes = (_kite, _longer_way)[seed]()
    order = answer(nodes[-1])
    places = [order.index(n) if n in order else -1 for n in nodes]
    try:
        answer(_chain(1500)[-1])
        return np.array([*places, len(order), 1.0])
    except RecursionError:
        return np.array([*places, len(order), 0.0])


def _without_recursion(root, before=False, every=False):
    """A right order by the nodes' numbers here, or one that is turned round or repeats."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if every or node not in found:
            found.append(node)
            stack.extend(node.parents)
    return sorted(found, key=lambda n: n.data, reverse=before)


topological_order = Tried(
    minutes=20,
    level=3,
    hints=(
        "When may a Value enter the list? When all its parents are in it.",
        "Walk down from root; on the way back up append the Value. A set of what was visited keeps each from coming twice.",
        "Instead of recursion keep a stack, a list of (value, done) pairs: take the last; if it is not done, put (value, True) "
        "back and its parents as (parent, False) on top; if it is done, append it.",
        "Use sets to ask what was visited: `in` a list of 5000 has to look at them all.",
    ),
    why="A Value is appended when nothing below it is left: so its parents stand before it. Read backwards, users come first.",
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
        "The list is turned round: parents come before the Values computed from them.": partial(_without_recursion, before=True),
        "A Value enters the list before its parents: append it when all of them are done.": partial(_by_recursion, before=True),
        "A Value used in several places is in the list several times: keep a set of what was visited.": partial(
            _by_recursion, every=True
        ),
        "Layer by layer is not enough: a Value may be used near root and far from it.": _by_layers,
        "The order is right, but recursion ends at 1000 calls: keep a stack of your own.": _by_recursion,
        "root itself is missing at the end.": lambda root: _without_recursion(root)[:-1],
        "Only root and its parents are there: go on to the parents' parents.": lambda root: [*dict.fromkeys(root.parents), root],
    },
)


def _grads(answer, nodes):
    answer(nodes[-1])
    return [node.grad for node in nodes]


def _root_is_one(answer):
    node = Node(4.0)
    answer(node)
    same(node.grad, 1.0, "root.grad")


def _kite_grads(answer):
    same(_grads(answer, _chain(3, 2.0)), [8.0, 4.0, 2.0, 1.0], "grad of four Values in a row, each slope 2")
    same(_grads(answer, _kite()), [31.0, 5.0, 7.0, 1.0], "grad of a, b, c, d where d uses b and c, which both use a")
    a = Node(3.0)
    same(_grads(answer, [a, Node(9.0, (a, a), (3.0, 3.0))]), [6.0, 1.0], "grad of a and a * a, for a = 3")


def _order_matters(answer):
    same(_grads(answer, _longer_way()), [5 + 14 + 66, 7 + 33, 11.0, 1.0], "grad where a Value is used near root and far from it")


def _random_grads(answer):
    for seed in range(5):
        nodes = _graph(np.random.default_rng(seed))
        expected = [_through(nodes[-1], n) for n in nodes]
        same(_grads(answer, nodes), expected, "grad in a random history")


def _twice(answer):
    nodes = _kite()
    _grads(answer, nodes)
    same(_grads(answer, nodes), [31.0, 5.0, 7.0, 1.0], "grad after a second call")


def _fast(answer):
    nodes = _ladder(18)
    same(_grads(answer, nodes)[0], 2.0**18, "grad of the first of 18 doublings")
    nodes = _chain(3000)
    try:
        same(_grads(answer, nodes)[0], 1.0, "grad of the first of 3000 Values in a row")
    except RecursionError:
        raise Failed("3000 Values in a row: RecursionError", hint="Use a loop over topological_order(root).") from None


def _wrong_backward(order=_without_recursion, add=True, reset=True, seed=1.0, times_grad=True, forwards=False):
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
    nodes = (_kite, _longer_way)[seed]()
    return np.array([*_grads(answer, nodes), *_grads(answer, nodes)], dtype=float)


def _down(value):
    for parent, slope in zip(value.parents, value.slopes, strict=True):
        parent.grad += slope * value.grad
        _down(parent)


def _hand_down(root):
    """Each Value hands on at once what it has so far, as often as it is reached."""
    for node in _without_recursion(root):
        node.grad = 0.0
    root.grad = 1.0
    _down(root)


backward = Tried(
    minutes=15,
    level=2,
    hints=(
        "root.grad is 1: root moves as far as itself. All others begin at 0.",
        "Walk through topological_order(root) from the end: a Value hands slope * its own grad to each parent.",
        "A parent may hear from several users: add with +=.",
    ),
    why="When a Value is reached, all its users have spoken, so its grad is complete: one visit each, however many the paths.",
    properties=(
        Property("root's own grad is 1", _root_is_one),
        Property("slopes are multiplied along a path and added where paths meet", _kite_grads),
        Property("a Value waits until all its users have spoken", _order_matters),
        Property("it is the sum over all paths in random histories", _random_grads),
        Property("a second call gives the same", _twice),
        Property("many paths and long histories are no problem", _fast),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_backward,
    mistakes={
        "A Value used twice keeps what it heard last: add with +=.": _wrong_backward(add=False),
        "A second call adds to what the first left: begin with grad = 0 everywhere.": _wrong_backward(reset=False),
        "root.grad is 1, not 0: so every product becomes 0.": _wrong_backward(seed=0.0),
        "Each slope is to be multiplied by the grad of the Value it belongs to.": _wrong_backward(times_grad=False),
        "This walks from the inputs to root: begin at root.": _wrong_backward(forwards=True),
        "A Value hands on before all its users have spoken: take the topological order.": _wrong_backward(order=_by_layers),
        "A Value that is reached again hands on once more what it handed on before: visit each once, in order.": _hand_down,
    },
)
