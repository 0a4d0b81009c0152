"""What must be true of Value."""

import math
from functools import partial

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import Node, over_all_paths
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same

OPS = {
    "a + b": (lambda a, b: a + b, lambda a, b: a + b),
    "a * b": (lambda a, b: a * b, lambda a, b: a * b),
    "a ** 3": (lambda a, b: a**3, lambda a, b: a**3),
    "a.exp()": (lambda a, b: a.exp(), lambda a, b: math.exp(a)),
    "a.tanh()": (lambda a, b: a.tanh(), lambda a, b: math.tanh(a)),
}


POINTS = ((0.7, -1.3), (-0.4, 2.5))


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
            raise Failed(
                f"{name}: {error}", hint="`other = Value.lift(other)` makes a Value of a plain number."
            ) from None


def _remembers(answer):
    for name, (op, _) in OPS.items():
        a, b = answer(0.5), answer(2.0)
        result = op(a, b)
        if len(result.parents) != len(result.slopes):
            counts = f"{len(result.parents)} parents, but {len(result.slopes)} slopes"
            raise Failed(f"{name}: {counts}", hint="One slope for each parent.")
        if not result.parents:
            raise Failed(
                f"{name}: no parents",
                hint="Pass its parents, `(self, other)` or `(self,)`, to the new Value.",
            )


def _slopes(answer):
    eps = 1e-6
    for name, (op, plain) in OPS.items():
        for x, y in POINTS:
            a, b = answer(x), answer(y)
            result = op(a, b)
            da = (plain(x + eps, y) - plain(x - eps, y)) / (2 * eps)
            db = (plain(x, y + eps) - plain(x, y - eps)) / (2 * eps)
            same(over_all_paths(result, a), da, f"the slope of {name} in a, for a = {x}, b = {y}", rtol=1e-6)
            if name in ("a + b", "a * b"):
                same(
                    over_all_paths(result, b),
                    db,
                    f"the slope of {name} in b, for a = {x}, b = {y}",
                    rtol=1e-6,
                )


def _large(answer):
    try:
        same(
            [answer(1000.0).tanh().data, answer(-1000.0).tanh().data],
            [1.0, -1.0],
            "tanh of 1000 and of -1000",
        )
    except OverflowError as error:
        raise Failed(
            f"tanh of 1000: OverflowError: {error}", hint="exp(1000) is too large for a float: use math.tanh."
        ) from None


def _leaves_alone(answer):
    for name, (op, _) in OPS.items():
        a, b = answer(0.5), answer(2.0)
        result = op(a, b)
        if result is a or result is b or (a.data, b.data) != (0.5, 2.0) or a.parents or b.parents:
            raise Failed(
                f"{name} changed a or b", hint="Return a new Value; a and b may be needed elsewhere."
            )
        same([a.grad, result.grad], [0, 0], f"grad of a and of {name}")


def _try_value(answer, x, y):
    """Every result and every slope at a point, NaN where there is none."""
    found = []
    for op, _ in (*OPS.values(), (lambda a, b: a + 3, None), (lambda a, b: 4 * a, None)):
        a, b = answer(x), answer(y)
        try:
            result = op(a, b)
            found += [result.data, over_all_paths(result, a), over_all_paths(result, b), a.data]
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
        "Each method computes a number and returns Value(number, parents, slopes).",
        "a * b: keep b and increase a by h; the product grows by b h. So the slope in a is b, and the slope in b is a.",
        "exp and tanh have one parent: a tuple of one is written `(self,)`. Their slopes need the result, already computed.",
        "For plain numbers, begin `__add__` and `__mul__` with `other = Value.lift(other)`.",
    ),
    why="Each result keeps its parents and a number for each: the slopes are computed where the numbers they need are at hand.",
    properties=(
        Property("the results are right", _results),
        Property("a and b stay as they were", _leaves_alone),
        Property("plain numbers are accepted in place of Values", _numbers),
        Property("each result remembers its parents, with a slope for each", _remembers),
        Property("the slopes are those of central differences", _slopes),
        Property("tanh of a large number does not overflow", _large),
    ),
    examples=lambda rng: POINTS,
    trial=_try_value,
    mistakes={
        "The slopes of a product are swapped: d(a b)/da is b.": _engine(mul=lambda a, b: (a * b, (a, b))),
        "The slopes of a sum are 1 and 1: a sum moves as far as each of its terms.": _engine(
            add=lambda a, b: (a + b, (a, b))
        ),
        "The slope of tanh is 1 - tanh(a)^2: square the output, not the input.": _engine(
            tanh=lambda a: (math.tanh(a), (1 - a * a,))
        ),
        "The slope of a^n is n a^(n - 1): the power falls by one.": _engine(
            power=lambda a, n: (a**n, (n * a**n,))
        ),
        "The factor n of the slope n a^(n - 1) is missing.": _engine(
            power=lambda a, n: (a**n, (a ** (n - 1),))
        ),
        "The slope of exp(a) is exp(a) itself, not a.": _engine(exp=lambda a: (math.exp(a), (a,))),
        "The slope of exp(a) is exp(a) itself, not 1.": _engine(exp=lambda a: (math.exp(a), (1.0,))),
        "`v + 3` fails: make a Value of a plain number with `Value.lift(other)`.": _engine(lift=False),
        "The result has no history: pass parents and slopes to the new Value.": _engine(parents=False),
        "exp(1000) is too large for a float: use math.tanh.": _engine(tanh=_tanh_by_exp),
    },
)
