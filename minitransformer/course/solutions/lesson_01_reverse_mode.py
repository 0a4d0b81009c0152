"""01 Reverse-mode differentiation. Replace each `raise NotImplementedError`, then run `minitransformer check`."""

import math


class Value:
    """A number that knows how it was computed.

    data: the number. grad: later, the slope of the end result in this number. parents: the Values
    it was computed from; slopes: for each parent, how fast `data` changes when that parent does.
    Each method returns a new Value.

    >>> product = Value(2.0) * Value(5.0)
    >>> product.data, product.slopes
    (10.0, (5.0, 2.0))
    """

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.parents, self.slopes = parents, slopes

    @staticmethod
    def lift(x):
        return x if isinstance(x, Value) else Value(x)  # for v + 3 and 2 * v: use it on `other`

    def __add__(self, other):
        """self + other, a Value or a plain number. d(a + b)/da = 1, d(a + b)/db = 1."""
        other = Value.lift(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        """self * other, a Value or a plain number. What are d(a b)/da and d(a b)/db?"""
        other = Value.lift(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        """self ** n, n a plain number. d(a^n)/da = n a^(n - 1)."""
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        """e to the power of self: its own slope."""
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def tanh(self):
        """`math.tanh` squeezes any number between -1 and 1. d tanh(a)/da = 1 - tanh(a)^2."""
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t * t,))

    __radd__, __rmul__ = __add__, __mul__  # 3 + v, 2 * v

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + Value.lift(other) * -1

    def __repr__(self):
        return f"Value({self.data:.4g}, grad={self.grad:.4g})"


def sum_over_paths(end, start):
    """d(end)/d(start): multiply the slopes along each path from `end` down to `start`, add the paths.

    end, start: Values. Returns a number: 1 if they are the same Value, 0 if no path leads from one
    to the other. The parents of a Value v are `v.parents`, and `v.slopes` belong to them in the
    same order. (Two or three lines, with recursion.)

    >>> a = Value(3.0)
    >>> b = Value(6.0, (a,), (2.0,))
    >>> sum_over_paths(Value(9.0, (a, b), (1.0, 1.0)), a)
    3.0
    """
    if end is start:
        return 1.0
    steps = zip(end.parents, end.slopes, strict=True)
    return sum((slope * sum_over_paths(parent, start) for parent, slope in steps), 0.0)


def topological_order(root):
    """The list of all Values that `root` was computed from: each once, each after all its parents.

    root is included and comes last. A history may be 5000 Values deep, deeper than Python lets a
    function call itself, and may use a Value in many places: visit each once.

    >>> a = Value(1.0)
    >>> b = Value(2.0, (a, a), (1.0, 1.0))
    >>> [v.data for v in topological_order(b)]
    [1.0, 2.0]
    """
    order = []
    seen = {root}
    stack = [(root, iter(root.parents))]
    while stack:
        value, parents = stack[-1]
        parent = next((p for p in parents if p not in seen), None)
        if parent is None:  # all its parents are in the list
            order.append(value)
            stack.pop()
        else:
            seen.add(parent)
            stack.append((parent, iter(parent.parents)))
    return order


def backward(root):
    """Write d(root)/d(v) into `v.grad` of every Value v that root was computed from, and of root.

        root.grad = 1,    v.grad = sum over all users u of v:  u.grad * (slope of u in v)

    Whatever was in `grad` before does not count. Returns nothing. `topological_order` above is
    yours to use.

    >>> a = Value(3.0)
    >>> b = Value(6.0, (a,), (2.0,))
    >>> backward(Value(9.0, (a, b), (1.0, 1.0)))
    >>> a.grad, b.grad
    (3.0, 1.0)
    """
    order = topological_order(root)
    for value in order:
        value.grad = 0.0
    root.grad = 1.0
    for value in reversed(order):  # all users of a value come before it
        for parent, slope in zip(value.parents, value.slopes, strict=True):
            parent.grad += slope * value.grad
