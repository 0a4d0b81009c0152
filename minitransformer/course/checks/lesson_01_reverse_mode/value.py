"""What must be true of Value."""

import math
from functools import partial

import numpy as np

from minitransformer.course.checks.lesson_01_reverse_mode.common import Node, over_all_paths
from minitransformer.course.crashes import TUPLE_OF_ONE
from minitransformer.course.exercise import Failed, Nothing, Property
from minitransformer.course.properties import Tried, same

OPS = {
    "a + b": (lambda a, b: a + b, lambda a, b: a + b),
    "a * b": (lambda a, b: a * b, lambda a, b: a * b),
    "a ** 3": (lambda a, b: a**3, lambda a, b: a**3),
    "a.exp()": (lambda a, b: a.exp(), lambda a, b: math.exp(a)),
    "a.tanh()": (lambda a, b: a.tanh(), lambda a, b: math.tanh(a)),
}


PLAIN = {  # the name: the operation, the same of two plain numbers, and the number
    "a + 3": (lambda a: a + 3, lambda a, n: a + n, 3.0),
    "4 * a": (lambda a: 4 * a, lambda a, n: n * a, 4.0),
    "a ** 3": (lambda a: a**3, lambda a, n: a**n, 3.0),
}
TWICE = {
    "a + a": (lambda a: a + a, 2.0),
    "a * a": (lambda a: a * a, 1.4),
}
POWERS = (2, 1, 0, -1, 0.5)
AT = 0.7  # a point where every power has a slope
BOTH = ("a + b", "a * b")
NO_TUPLE = "`{0}` has an order, and may hold one thing twice: a tuple, ( , ), does; a {1} need not."
LIFT = "`other = Value.lift(other)` makes a Value of a plain number."
POINTS = ((AT, -1.3), (-0.4, 2.5))


ANY_POWER = "n may be any number, also 0, negative or a fraction: self.data ** n and n * self.data ** (n - 1) hold for all."


LAWS = {
    "a + b": "a sum moves as far as each of its terms, so its slopes are 1 and 1.",
    "a * b": "keep b and increase a by h; the product grows by b h: its slopes are b in a and a in b, as numbers.",
    "a ** 3": "d(a^n)/da = n a^(n - 1): the factor n, and the power falls by one.",
    "a.exp()": "e^a is its own slope.",
    "a.tanh()": "d tanh(a)/da = 1 - tanh(a)^2, with the tanh that is the result.",
}
NUMBERS = {
    "a + b": "self.data + other.data.",
    "a * b": "self.data * other.data.",
    "a ** 3": "self.data ** n, with the n that was given.",
    "a.exp()": "math.exp(self.data).",
    "a.tanh()": "math.tanh(self.data).",
}


def _results(answer):
    for name, (op, plain) in OPS.items():
        for a, b in POINTS:
            result = op(answer(a), answer(b))
            if result is None:
                raise Nothing(name)
            if not isinstance(result, answer):
                raise Failed(
                    f"{name}: expected a Value, got a {type(result).__name__}",
                    hint="Return Value(number, parents, slopes).",
                )
            first = f"The number of {name} is {NUMBERS[name]}"
            same(result.data, plain(a, b), f"the number of {name} for a = {a}, b = {b}", first=first)


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
            raise Failed(f"{name}: {error}", hint=LIFT) from None


def _remembers(answer):
    for name, (op, _) in OPS.items():
        a = answer(0.5)
        b = answer(2.0)
        _remembers_one(name, answer, op(a, b), (a, b) if name in BOTH else (a,))
    for name, (op, _, _) in PLAIN.items():
        a = answer(0.5)
        _remembers_one(name, answer, op(a), (a,))


def _remembers_one(name, answer, result, used):
    for what in ("parents", "slopes"):
        if not isinstance(part := getattr(result, what), (tuple, list)):
            alone = isinstance(part, answer) or not np.iterable(part)
            hint = TUPLE_OF_ONE if alone else NO_TUPLE.format(what, type(part).__name__)
            raise Failed(f"{name}: `{what}` is a {type(part).__name__}, and no tuple", hint=hint)
    if len(result.parents) != len(result.slopes):
        counts = f"{len(result.parents)} parents, but {len(result.slopes)} slopes"
        raise Failed(f"{name}: {counts}", hint="One slope for each parent.")
    if not result.parents:
        raise Failed(f"{name}: no parents")
    _are_its_own(name, answer, result, used)


def _are_its_own(name, answer, result, used):
    """The parents are the Values that were used, and the slopes are numbers."""
    if strange := [p for p in result.parents if not isinstance(p, answer)]:
        hint = "Parents are Values: pass `self` and `other`, not their numbers, and no plain n."
        raise Failed(
            f"{name}: among the parents is {strange[0]!r:.40}, a {type(strange[0]).__name__}", hint=hint
        )
    if missing := [
        which for which, value in zip("ab", used, strict=False) if not any(p is value for p in result.parents)
    ]:
        hint = "Pass every Value that was used, and the Values themselves: a new Value of the same number is another one."
        raise Failed(f"{name}: {missing[0]} is not among the parents", hint=hint)
    if strange := [s for s in result.slopes if isinstance(s, answer)]:
        raise Failed(
            f"{name}: a slope is a Value, not a number",
            hint="Slopes are plain numbers: other.data, not other.",
        )


def _slopes(answer):
    eps = 1e-6
    for name, (op, plain) in OPS.items():
        for x, y in POINTS:
            a = answer(x)
            b = answer(y)
            result = op(a, b)
            da = (plain(x + eps, y) - plain(x - eps, y)) / (2 * eps)
            db = (plain(x, y + eps) - plain(x, y - eps)) / (2 * eps)
            for which, value, slope in (("a", a, da), ("b", b, db))[: 2 if name in BOTH else 1]:
                what = f"the slope of {name} in {which}, for a = {x}, b = {y}"
                same(over_all_paths(result, value), slope, what, rtol=1e-6, first=f"Of {name}: {LAWS[name]}")

    _powers(answer)
    _of_one_value(answer)
    _of_plain_numbers(answer)


def _powers(answer):
    """Exponents other than 3."""
    for n in POWERS:
        a = answer(AT)
        result = a**n
        same(result.data, AT**n, f"the number of a ** {n}, for a = {AT}", hint=ANY_POWER)
        what = f"the slope of a ** {n} in a, for a = {AT}"
        same(over_all_paths(result, a), n * AT ** (n - 1), what, hint=ANY_POWER)


def _of_one_value(answer):
    """Operations with one Value on both sides."""
    for name, (op, slope) in TWICE.items():
        a = answer(AT)
        hint = (
            "Where both operands are one Value, it stands twice in `parents`, and its two slopes are added."
        )
        same(over_all_paths(op(a), a), slope, f"the slopes of {name} in a, added, for a = {AT}", hint=hint)


def _of_plain_numbers(answer):
    """The slope in each parent that the learner made of a plain number."""
    eps = 1e-6
    for name, (op, plain, n) in PLAIN.items():
        a = answer(AT)
        result = op(a)
        slope = (plain(AT, n + eps) - plain(AT, n - eps)) / (2 * eps)
        for parent in result.parents:
            if parent is not a and not parent.parents:
                what = f"the slope of {name} in the number {n:g}, for a = {AT}"
                hint = f"{n:g} is a parent here, with a slope that is not its own: leave it out of `parents`."
                same(
                    over_all_paths(result, parent), slope, what, rtol=1e-6, hint=hint if "**" in name else ""
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
        a = answer(0.5)
        b = answer(2.0)
        result = op(a, b)
        if result is a or result is b or (a.data, b.data) != (0.5, 2.0) or a.parents or b.parents:
            raise Failed(f"{name} changed a or b, or gave one of them back")
        if (a.grad, result.grad) != (0, 0):
            raise Failed(
                f"{name}: a.grad is {a.grad:g} and the result's {result.grad:g}",
                hint="grad stays 0 until `backward` sets it.",
            )


def _try_value(answer, x, y):
    """Every result and every slope at a point, NaN where there is none."""
    found = []
    for op, _ in (*OPS.values(), (lambda a, b: a + 3, None), (lambda a, b: 4 * a, None)):
        a = answer(x)
        b = answer(y)
        try:
            result = op(a, b)
            slopes = (
                [over_all_paths(result, start) for start in (a, b)] if _in_order(result) else [math.nan] * 2
            )
            found += [result.data, *slopes, a.data]
        except Exception:
            found += [math.nan] * 4
    try:
        found.append(answer(1000.0).tanh().data)
    except OverflowError:
        found.append(math.inf)
    return np.array(found, dtype=float)


def _in_order(result):
    return all(isinstance(part, (tuple, list)) for part in (result.parents, result.slopes))


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

        __radd__ = __add__
        __rmul__ = __mul__

        def __sub__(self, other):
            return self + self._of(other) * -1

    return Value


def _tanh_by_exp(a):
    e = math.exp(2 * a)
    t = (e - 1) / (e + 1)
    return t, (1 - t * t,)


def _cubed(slope):
    return _engine(power=lambda a, n: (a**n, (slope(a, n),)))


def _of_exp(slope, number=math.exp):
    return _engine(exp=lambda a: ((e := number(a)), (slope(a, e),)))


def _of_tanh(slope, number=math.tanh):
    return _engine(tanh=lambda a: ((t := number(a)), (slope(a, t),)))


def _by_exp(number):
    """A number of exp(a), which is too large for a float where a is."""

    def of(a):
        math.exp(a if a > 0 else -a)
        return number(a)

    return of


def _product(slopes, number=lambda a, b: a * b):
    return _engine(mul=lambda a, b: (number(a, b), slopes(a, b)))


def _sum(slopes, number=lambda a, b: a + b):
    return _engine(add=lambda a, b: (number(a, b), slopes(a, b)))


OTHER_LAWS = {
    "The slopes of a sum are 1 and 1; 1 and -1 are those of a difference.": _sum(lambda a, b: (1.0, -1.0)),
    "The slopes of a sum are 1 and 1; the half of that belongs to a mean.": _sum(lambda a, b: (0.5, 0.5)),
    "The slopes of a sum are 1 and 1, not the numbers of a and b.": _sum(lambda a, b: (b, a)),
    "The number of a + b is a sum; this is a difference.": (
        _sum(lambda a, b: (1.0, 1.0), lambda a, b: a - b),
        _sum(lambda a, b: (1.0, -1.0), lambda a, b: a - b),
    ),
    "The number of a * b is a product; this is a sum.": _product(lambda a, b: (b, a), lambda a, b: a + b),
    "The slopes of a product are b in a and a in b; here each is the product itself.": _product(
        lambda a, b: (a * b, a * b)
    ),
    "The slopes of a product are b in a and a in b; here both are b.": _product(lambda a, b: (b, b)),
    "The slopes of a product are b in a and a in b; here both are a.": _product(lambda a, b: (a, a)),
    "The slopes of a product are b in a and a in b; here both are a + b.": _product(
        lambda a, b: (a + b, a + b)
    ),
    "The slopes of a product are b in a and a in b; here one has the wrong sign.": (
        _product(lambda a, b: (b, -a)),
        _product(lambda a, b: (-b, a)),
    ),
    "The number of a ** n is a power; this is the product of a and n.": _engine(
        power=lambda a, n: (a * n, (n * a ** (n - 1),))
    ),
    "The number of a ** n is a power; this is n ** a.": _engine(
        power=lambda a, n: (n**a, (n * a ** (n - 1),))
    ),
    "The slope of a^n is n a^(n - 1): the power falls by one, and here it rises.": _cubed(
        lambda a, n: n * a ** (n + 1)
    ),
    "The slope of a^n is n a^(n - 1): the factor is n, not n - 1.": _cubed(
        lambda a, n: (n - 1) * a ** (n - 1)
    ),
    "This is what has the slope a^n, its integral; the slope of a^n is n a^(n - 1).": _cubed(
        lambda a, n: a ** (n + 1) / (n + 1)
    ),
    "This is the slope in n, a^n log(a); that in a is n a^(n - 1).": _cubed(
        lambda a, n: a**n * math.log(abs(a))
    ),
    "The slope of a^n is n a^(n - 1): this is the factor n alone.": _cubed(lambda a, n: n),
    "The slope of a^n is n a^(n - 1); 2 a is that of a^2 alone.": _cubed(lambda a, n: 2 * a),
    "The slope of a^n is n a^(n - 1); here it is the number itself, a^n.": _cubed(lambda a, n: a**n),
    "The slope of a^n is n a^(n - 1); here it has the wrong sign.": _cubed(lambda a, n: -n * a ** (n - 1)),
    "The slope of exp(a) is exp(a) itself; here 1 is taken off.": _of_exp(lambda a, e: e - 1),
    "The slope of exp(a) is exp(a) itself; here it is squared.": _of_exp(lambda a, e: e * e),
    "The slope of exp(a) is exp(a) itself; here it is 1 divided by it.": _of_exp(lambda a, e: 1 / e),
    "The slope of exp(a) is exp(a) itself; here it has the wrong sign.": _of_exp(lambda a, e: -e),
    "The slope of exp(a) is exp(a) itself; here exp is taken twice.": _of_exp(lambda a, e: math.exp(e)),
    "This is exp(-a): the number of a.exp() is math.exp(self.data).": _of_exp(
        lambda a, e: e, lambda a: math.exp(-a)
    ),
    "This is exp(a) - 1: the number of a.exp() is math.exp(self.data).": _of_exp(lambda a, e: e, math.expm1),
    "This is 2 ** a: the number of a.exp() is math.exp(self.data).": _of_exp(
        lambda a, e: e, lambda a: 2.0**a
    ),
    "The result of exp is rounded: return it as it is.": tuple(
        _engine(exp=lambda a, n=n: (round(math.exp(a), n), (math.exp(a),))) for n in range(1, 5)
    ),
    "The slope of tanh is 1 - t^2, not (1 - t)^2, t being the result.": _of_tanh(lambda a, t: (1 - t) ** 2),
    "The slope of tanh is 1 - t^2; here it is multiplied by t, the result.": _of_tanh(
        lambda a, t: t * (1 - t * t)
    ),
    "The slope of tanh is 1 - t^2; here it is t^2 - 1, with the wrong sign.": _of_tanh(
        lambda a, t: t * t - 1
    ),
    "The slope of tanh is 1 - t^2: the 1 is missing.": (
        _of_tanh(lambda a, t: -t * t),
        _of_tanh(lambda a, t: t * t),
    ),
    "The slope of tanh is 1 - t^2, and here its root, which is 1 / cosh(a).": (
        _of_tanh(lambda a, t: math.sqrt(1 - t * t)),
        _of_tanh(lambda a, t: 1 / math.cosh(a)),
    ),
    "The slope of tanh is 1 - t^2, and here its square.": _of_tanh(lambda a, t: (1 - t * t) ** 2),
    "The slope of tanh is 1 - t^2; here it is the result itself.": _of_tanh(lambda a, t: t),
    "The slope of tanh is 1 - t^2; here it is 1, which it is at 0 alone.": _of_tanh(lambda a, t: 1.0),
    "The slope of tanh is 1 - t^2; this is 1 / (1 + a^2), that of the arc tangent.": _of_tanh(
        lambda a, t: 1 / (1 + a * a)
    ),
    "math.tan is another function: a.tanh() is math.tanh(self.data).": _of_tanh(
        lambda a, t: 1 - t * t, lambda a: math.tan(a)
    ),
    "math.atan is another function: a.tanh() is math.tanh(self.data).": _of_tanh(
        lambda a, t: 1 - t * t, math.atan
    ),
    "math.sinh is another function: a.tanh() is math.tanh(self.data).": _of_tanh(
        lambda a, t: 1 - t * t, math.sinh
    ),
    "tanh has the wrong sign: it is above 0 where a is.": (
        _of_tanh(lambda a, t: 1 - t * t, lambda a: -math.tanh(a)),
        _of_tanh(lambda a, t: 1 - t * t, _by_exp(lambda a: -math.tanh(a))),
    ),
    "This is tanh(a / 2), as with exp(a) in the place of exp(2 a).": (
        _of_tanh(lambda a, t: 1 - t * t, lambda a: math.tanh(a / 2)),
        _of_tanh(lambda a, t: 1 - t * t, _by_exp(lambda a: math.tanh(a / 2))),
    ),
    "This is the logistic function, 1 / (1 + exp(-a)): a.tanh() is math.tanh(self.data).": _of_tanh(
        lambda a, t: 1 - t * t, lambda a: 1 / (1 + math.exp(-a))
    ),
    "The slope of tanh is rounded: return it as it is.": tuple(
        _of_tanh(lambda a, t, n=n: round(1 - t * t, n)) for n in range(1, 5)
    ),
}


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
        Property(
            "the results are right",
            _results,
            "The number of the new Value is that of plain numbers: self.data + other.data, math.exp(self.data), and so on.",
        ),
        Property(
            "a and b stay as they were", _leaves_alone, "Return a new Value; a and b may be needed elsewhere."
        ),
        Property("plain numbers may stand where Values do", _numbers, LIFT),
        Property(
            "each result remembers its parents, with a slope for each",
            _remembers,
            "Pass its parents, `(self, other)` or `(self,)`, to the new Value, and a tuple of as many slopes.",
        ),
        Property("the slopes are those of central differences", _slopes),
        Property(
            "tanh of a large number does not overflow",
            _large,
            "math.tanh takes any number, exp(1000) is too large.",
        ),
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
        "The slope of a^n is n a^(n - 1), a power: this is n a.": _engine(
            power=lambda a, n: (a**n, (n * a,))
        ),
        "`n * a ** n - 1` is (n * a^n) - 1: the power needs brackets, n * a ** (n - 1).": _engine(
            power=lambda a, n: (a**n, (n * a**n - 1,))
        ),
        "The slope of a^n is n a^(n - 1): factor and power are exchanged.": _engine(
            power=lambda a, n: (a**n, ((n - 1) * a**n,))
        ),
        "The slope of a product is the other factor, not 1: those are the slopes of a sum.": _engine(
            mul=lambda a, b: (a * b, (1.0, 1.0))
        ),
        "The slope of tanh is 1 - tanh(a)^2: the square is missing.": _engine(
            tanh=lambda a: (math.tanh(a), (1 - math.tanh(a),))
        ),
        "The slope of tanh is 1 - tanh(a)^2, with a minus.": _engine(
            tanh=lambda a: (math.tanh(a), (1 + math.tanh(a) ** 2,))
        ),
        "This is the slope of the logistic function; that of tanh is 1 - tanh(a)^2.": _engine(
            tanh=lambda a: (math.tanh(a), (math.tanh(a) * (1 - math.tanh(a)),))
        ),
        "The slope of tanh takes tanh twice: it is 1 - t^2, with the result t.": _engine(
            tanh=lambda a: (math.tanh(a), (1 - math.tanh(math.tanh(a)) ** 2,))
        ),
        "The factor n of the slope n a^(n - 1) is missing.": _engine(
            power=lambda a, n: (a**n, (a ** (n - 1),))
        ),
        "The slope of exp(a) is exp(a) itself, not a.": _engine(exp=lambda a: (math.exp(a), (a,))),
        "This is the law of powers, n a^(n - 1); the slope of exp(a) is exp(a) itself.": _engine(
            exp=lambda a: (math.exp(a), (a * math.exp(a - 1),))
        ),
        "The slope of exp(a) is exp(a) itself, without a factor a: that is the law of powers.": _engine(
            exp=lambda a: (math.exp(a), (a * math.exp(a),))
        ),
        "The slope of exp(a) is exp(a) itself, not 1.": _engine(exp=lambda a: (math.exp(a), (1.0,))),
        "`v + 3` fails: make a Value of a plain number with `Value.lift(other)`.": _engine(lift=False),
        **OTHER_LAWS,
        "The result has no history: pass parents and slopes to the new Value.": _engine(parents=False),
        "exp(1000) is too large for a float: use math.tanh.": _engine(tanh=_tanh_by_exp),
    },
)
