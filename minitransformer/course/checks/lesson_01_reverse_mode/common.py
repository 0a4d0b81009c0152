"""What the exercises of the lesson share."""

from minitransformer.course.exercise import Failed, Property


class Node:
    """The judge's own Value, which is passed to a learner's functions."""

    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0
        self.parents = tuple(parents)
        self.slopes = tuple(slopes)


def over_all_paths(end, start):
    """d(end)/d(start) over all paths."""
    if end is start:
        return 1.0
    return sum(
        slope * over_all_paths(parent, start) for parent, slope in zip(end.parents, end.slopes, strict=True)
    )


def random_graph(rng):
    """A random history: each of twelve nodes computed from two before it, which may be the same."""
    nodes = [Node(float(i)) for i in range(3)]
    for i in range(9):
        parents = [nodes[j] for j in rng.integers(max(0, i - 1), len(nodes), 2)]
        nodes.append(Node(float(i + 3), parents, rng.normal(size=2).tolist()))
    return nodes


def chain_of(length, slope=1.0):
    """Nodes in a row, each computed from the one before."""
    nodes = [Node(0.0)]
    for i in range(length):
        nodes.append(Node(float(i + 1), (nodes[-1],), (slope,)))
    return nodes


def a_ladder(steps):
    """Each node is the sum of the one before with itself: 2^steps paths."""
    nodes = [Node(1.0)]
    for _ in range(steps):
        nodes.append(Node(2 * nodes[-1].data, (nodes[-1],) * 2, (1.0, 1.0)))
    return nodes


def a_kite():
    """a -> b -> d and a -> c -> d: two paths of different slopes."""
    a = Node(1.0)
    b = Node(2.0, (a,), (2.0,))
    c = Node(3.0, (a,), (3.0,))
    return a, b, c, Node(4.0, (b, c), (5.0, 7.0))


def longer_way():
    """d uses a directly, and through b and c: the nearest user is not the last to be visited."""
    a = Node(1.0)
    b = Node(2.0, (a,), (2.0,))
    c = Node(3.0, (b,), (3.0,))
    return a, b, c, Node(4.0, (a, b, c), (5.0, 7.0, 11.0))


def by_layers(root):
    """Nearest first, then reversed: wrong where a Value is used near root and far from it."""
    order = [root]
    seen = {root}
    for node in order:
        new = [p for p in dict.fromkeys(node.parents) if p not in seen]
        seen.update(new)
        order.extend(new)
    return order[::-1]


def without_recursion(root, before=False, every=False):
    """A right order, by the numbers of these nodes; or one that is reversed, or repeats nodes."""
    found = []
    stack = [root]
    while stack:
        node = stack.pop()
        if every or node not in found:
            found.append(node)
            stack.extend(node.parents)
    return sorted(found, key=lambda n: n.data, reverse=before)


def equal_numbers():
    """Five Values that all hold the number 1: the end is computed from two others in two ways."""
    a = Node(1.0)
    b = Node(1.0)
    c = Node(1.0, (a, b), (2.0, 3.0))
    d = Node(1.0, (a, b), (5.0, 7.0))
    return a, b, c, d, Node(1.0, (c, d), (11.0, 13.0))


def falling():
    """A chain with a side way in which numbers get smaller from step to step: their order is not that of the history."""
    a = Node(9.0)
    b = Node(7.0, (a,), (2.0,))
    c = Node(5.0, (b, a), (3.0, 5.0))
    return a, b, c, Node(-4.0, (c, b), (7.0, 11.0))


def leaves_its_values(call, grad=True):
    """The property that `call(answer, nodes)` changes nothing of the Values that it is handed; their grad only if it is to."""
    parts = ("data", "parents", "slopes", "grad")[: 4 if grad else 3]

    hint = "Only look at the Values: work on copies, as in list(v.parents)."

    def holds(answer):
        for nodes in (a_kite(), longer_way()):
            before = [dict(vars(n)) for n in nodes]
            call(answer, nodes)
            for i, (old, node) in enumerate(zip(before, nodes, strict=True)):
                for part in parts:
                    if _plain(getattr(node, part)) != _plain(old[part]):
                        changed = f"`{part}` of Value {i} of {len(nodes)} is not what it was before the call"
                        raise Failed(changed, hint=hint)

    return Property("the Values stay as they were", holds)


def _plain(part):
    return tuple(part) if isinstance(part, (list, tuple)) else part
