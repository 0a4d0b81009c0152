"""Properties that many exercises share, and the comparisons that checks are made of.

What is checked as a kind, wherever it applies:

| kind | helper |
|---|---|
| values, found in another way; large scores and -inf where there is a softmax, ties where there is an order | `returns` |
| a gradient, also of a function whose output has another shape than its input | `is_vjp_of` |
| inputs are not changed: arrays, lists, dictionaries, on every way through the code | `keeps_its_inputs` (several inputs) |
| several batch dimensions give what each sample gives alone | `takes_batches` |
| the promised dtype; only where the task's docstring promises it | `keeps_float32` |
| a promised type, such as a tuple or one number | `equal`, `one_number` |
| the generator handed in is the one that is used, and its distribution | `uses_its_generator`, `is_normal` |
| a promised complexity: a size that an exponential or quadratic answer cannot finish | `Property(.., slow=..)` |

What a report says. Each property has a `hint` about itself, true for any answer; the report labels it "a first hint:" and shows it
where nothing more is known. More is known where an answer gives the same results as one of the exercise's `mistakes`, where a
check raises `Failed(.., hint=..)` because it has seen what is wrong, where a result is None (`Nothing`: the reason is read off the
source, see nothing.py), and where code crashed (crashes.py). `same` says the first difference with digits enough, and what
the numbers that came have to do with those expected (differences.py): times a factor, transposed, one row wrong.
Where nothing is known, small changes of the answer are tried one by one, and the report names the line of one that makes the
properties hold (repair/).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy

from minitransformer.course import derived, differences
from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.folded import folded
from minitransformer.course.ingredients import ingredient

Inputs = Callable[[numpy.random.Generator], Sequence]
SEED = 20
ALONE = "One result is asked for: return it alone."
OF_TEXTS = "The array holds texts: numbers, or True and False, are written without quotation marks."
OF_OBJECTS = "An array of dtype object holds other things, such as None or lists of different lengths: each place takes one number."


def _rng() -> numpy.random.Generator:
    return numpy.random.default_rng(SEED)


@dataclass(frozen=True)
class Tried(Exercise):
    """An exercise whose answers are classes, or functions that return text or change objects: a call alone cannot compare them.

    Args:
        trial: `trial(answer, *example)` uses an answer and returns numbers. Two answers make the same mistake if these agree.
    """

    trial: Callable = lambda answer, *example: answer(*example)

    def tried(self, answer: Callable) -> Callable:
        return partial(self.trial, answer)


def equal(got: Any, expected: Any, what: str = "the result", hint: str = "", first: str = "") -> None:
    """Raise Failed unless two lists, dictionaries or texts are equal and of the same type.

    Args:
        got: the learner's result.
        expected: the right one.
        what: what it is, for the report.
        hint: what is wrong, if the check knows it.
        first: what may help in this case if nothing more is known.
    """
    if got is None:
        raise Nothing(what)
    if type(got) is not type(expected):
        kinds = f"expected a {type(expected).__name__}, got a {type(got).__name__}"
        convert = (
            f"`{type(expected).__name__}(..)` makes one of it."
            if got and isinstance(got, list | tuple)
            else hint
        )
        raise Failed(f"{what}: {kinds}: {got!r:.80}", hint=convert, first=first)
    if got != expected:
        alone = isinstance(got, tuple) and expected in got
        hint = ALONE if alone else hint
        raise Failed(f"{what}: expected {expected!r:.160}", f"got {got!r:.160}", hint=hint, first=first)


def is_array_if(expected: Any, got: Any) -> None:
    """Raise Failed if an array is expected, and the learner's result is a list or a tuple of its numbers.

    Args:
        expected: the right result.
        got: the learner's.
    """
    if numpy.ndim(expected) and isinstance(got, list | tuple):
        hint = (
            "np.array(..) makes an array of it: a list has no shape, and `+` and `*` do other things with it."
        )
        raise Failed(f"expected an array, got a {type(got).__name__}", hint=hint)


def one_number(got: Any, what: str = "the result") -> float:
    """A result as a float: Python's numbers, NumPy's, and arrays without dimensions are one number each.

    Args:
        got: the learner's result.
        what: what it is, for the report.

    Returns:
        The number. Raises Failed if it is none, or more than one.
    """
    if got is None:
        raise Nothing(what)
    array = _numbers(got, what)
    if array.shape:
        hint = "It is alone in a list or an array: take it out, such as by [0]." if array.size == 1 else ""
        raise Failed(f"{what}: expected one number, got shape {array.shape}", hint=hint)
    return float(array)


def same(
    got,
    expected,
    what: str = "the result",
    rtol: float = 1e-7,
    hint: str = "",
    first: str = "",
    given: Mapping[str, Any] | None = None,
) -> None:
    """Raise Failed unless two arrays have the same shape and nearly the same values.

    Args:
        got: the learner's result.
        expected: the right one.
        what: what it is, for the report.
        rtol: the largest difference, as a share of the largest entry.
        hint: what is wrong, if the check knows it.
        first: what may help in this case if nothing more is known.
        given: the arguments by their names, with which the result is compared.
    """
    if got is None:
        raise Nothing(what)
    expected = numpy.asarray(expected, dtype=float)
    if isinstance(got, tuple) and expected.ndim and expected.shape in map(numpy.shape, got):
        raise Failed(
            f"{what}: expected one array, got a tuple of {len(got)}",
            hint=ALONE,
        )
    came = got
    got = _numbers(came, what)
    if got.shape != expected.shape:
        sizes = f"{what}: expected shape {expected.shape}, got {got.shape}"
        found = derived.of_other_shape(expected, got) or folded(expected, got)
        related = found or differences.shapes(expected.shape, got.shape)
        raise Failed(sizes, *related, hint=hint, first=first)
    scale = abs(expected[numpy.isfinite(expected)]).max(initial=0.0) or 1.0
    wrong = ~numpy.isclose(got, expected, rtol=0, atol=rtol * scale, equal_nan=True)
    if wrong.any():
        index = tuple(map(int, numpy.argwhere(wrong)[0]))
        where = f" at index {index}" if index else ""
        numbers = f"{what}{where}: {differences.apart(expected[index], got[index])}"
        hint = hint or differences.rounded(expected, numpy.asarray(came))
        related = ingredient(expected, got, given or {}) or differences.relation(expected, got, wrong)
        raise Failed(numbers, *related, hint=hint, first=first)


def _numbers(got: Any, what: str) -> numpy.ndarray:
    try:
        array = numpy.asarray(got)
        return array.astype(float)
    except (TypeError, ValueError):
        kind = type(got).__name__
        hint = ""
        if kind == "generator":
            hint = "There is a `yield` in it, which makes it a generator: `return` the result."
        elif kind == "Value":
            hint = "A plain number is asked for: that of a Value is its `.data`."
        elif callable(got) or any(map(callable, numpy.ravel(getattr(got, "flat", ())))):
            kind, hint = "function", "A function is given back, not its result: ( ) calls it."
        elif isinstance(got, numpy.ndarray):
            kind = f"ndarray of dtype {got.dtype}"
            hint = OF_TEXTS if got.dtype.kind in "US" else OF_OBJECTS
        if isinstance(got, list | tuple):
            kind += f" that is no array of numbers: {got!r:.60}"
        raise Failed(f"{what}: expected an array of numbers, got a {kind}", hint=hint) from None


def returns(what: str, inputs: Inputs, expected: Callable, rtol: float = 1e-7, hint: str = "") -> Property:
    """The answer returns the expected values.

    Args:
        what: the property in words.
        inputs: makes the arguments from a random generator.
        expected: `expected(*inputs)` computes the values in another way than an answer would: by hand, by loops, or as numbers
            that PyTorch gave.
        rtol: the largest difference, as a share of the largest entry.
        hint: what may help if nothing more is known.

    Returns:
        The property.
    """

    def holds(answer):
        values = inputs(_rng())
        with numpy.errstate(all="ignore"):
            got = answer(*_copies(values))
            right = expected(*_copies(values))
            same(got, right, f"the result {_for(values)}", rtol=rtol, given=_arguments(answer, values))
            is_array_if(right, got)

    return Property(what, holds, hint)


def _arguments(answer: Callable, values: Sequence) -> dict[str, Any]:
    """The arguments by the names that the learner's function gives them."""
    return {_name(answer, i): value for i, value in enumerate(values)}


def keeps_its_inputs(*inputs: Inputs) -> Property:
    """The answer does not change its arguments: arrays, lists and dictionaries, also inside others.

    Args:
        *inputs: each makes the arguments from a random generator; give one for each way through the code.

    Returns:
        The property.
    """

    hint = "Work on a copy, x.copy(), or write `x = x - m`, which makes a new array, instead of `x -= m` or `x[..] = m`."

    def holds(answer):
        for values in (make(_rng()) for make in inputs):
            mine = copy.deepcopy(list(values))
            answer(*mine)
            for i, (before, after) in enumerate(zip(values, mine, strict=True)):
                if not unchanged(before, after):
                    raise Failed(f"argument {i + 1} was changed in place {_for(values)}", hint=hint)

    return Property("it leaves its inputs as they were", holds, hint)


def unchanged(before: Any, after: Any) -> bool:
    """Whether a value is as it was: arrays number by number, lists and dictionaries part by part; others are not looked at.

    Args:
        before: a copy of it, made before.
        after: the value.

    Returns:
        Whether nothing is different.
    """
    if isinstance(before, numpy.ndarray):
        return isinstance(after, numpy.ndarray) and _identical(before, after)
    if isinstance(before, dict):
        return list(before) == list(after) and all(unchanged(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return not isinstance(before, int | float | str) or before == after


def _identical(before: numpy.ndarray, after: numpy.ndarray) -> bool:
    return before.dtype == after.dtype and numpy.array_equal(
        before, after, equal_nan=before.dtype.kind == "f"
    )


def takes_batches(
    one: Inputs, batched: Sequence[int] = (0,), dims: Sequence[int] = (2, 3), hint: str = ""
) -> Property:
    """With several batch dimensions, each sample gives the same result as alone.

    Whether the result for a single sample is right is checked by another property.

    Args:
        one: makes the arguments of one sample from a random generator.
        batched: which of them have batch dimensions in front; the others serve all samples.
        dims: the batch dimensions.
        hint: what may help if nothing more is known.

    Returns:
        The property.
    """

    def holds(answer):
        rng = _rng()
        samples = [one(rng) for _ in range(numpy.prod(dims))]
        alone = [answer(*_copies(_shared(samples, i, batched))) for i in range(len(samples))]
        together = [
            numpy.reshape([s[i] for s in samples], (*dims, *samples[0][i].shape)) if i in batched else v
            for i, v in enumerate(samples[0])
        ]
        expected = numpy.reshape(alone, (*dims, *numpy.shape(alone[0])))
        same(answer(*together), expected, f"the result {_for(together)}")

    return Property("several batch dimensions: each sample gives what it gives alone", holds, hint)


def _shared(samples: Sequence[Sequence], i: int, batched: Sequence[int]) -> list:
    """The arguments of sample i, those that serve all samples taken from the first."""
    return [samples[i][k] if k in batched else v for k, v in enumerate(samples[0])]


def keeps_float32(*inputs: Inputs, hint: str = "") -> Property:
    """The answer returns float32 for float32 arguments. Only for tasks whose docstring promises the dtype.

    Args:
        *inputs: each makes the arguments from a random generator.
        hint: what may help if nothing more is known.

    Returns:
        The property.
    """

    def holds(answer):
        for values in (make(_rng()) for make in inputs):
            for result in _results(answer(*map(_short, values))):
                if numpy.asarray(result).dtype != numpy.float32:
                    raise Failed(f"float32 went in, {numpy.asarray(result).dtype} came out")

    usual = "np.zeros and np.eye make float64 unless told otherwise, and a NumPy number such as np.sqrt(8) turns float32 into it."
    return Property("float32 stays float32", holds, hint or usual)


def _short(value: Any) -> Any:
    return value.astype("float32") if isinstance(value, numpy.ndarray) and value.dtype == float else value


def uses_its_generator(draw: Callable) -> Property:
    """The generator handed in is the one that is used: equal ones give equal results, others give others.

    Args:
        draw: `draw(answer, rng)` calls the answer with a generator and returns numbers.

    Returns:
        The property.
    """

    def holds(answer):
        first, again, other = (
            numpy.asarray(draw(answer, numpy.random.default_rng(n)), dtype=float) for n in (1, 1, 2)
        )
        if first.shape != again.shape or not numpy.array_equal(first, again, equal_nan=True):
            raise Failed("two generators of one seed were handed in, and different numbers came out")
        if numpy.array_equal(first, other, equal_nan=True):
            raise Failed("generators of two seeds were handed in, and the same numbers came out")

    hint = "Draw with the methods of the generator that is handed in, `rng`: np.random and generators of your own are others."
    return Property("it draws from the generator that is handed in", holds, hint)


def is_normal(values: numpy.ndarray) -> bool:
    """Whether numbers look normally distributed, with any mean and standard deviation.

    About 68 in a hundred normal numbers lie within one standard deviation, and 5 beyond two; of uniform ones 58, and none.

    Args:
        values: at least a thousand numbers.

    Returns:
        Whether they do.
    """
    z = abs(values - values.mean()) / (values.std() or 1.0)
    return bool(0.64 < (z < 1).mean() < 0.73 and 0.025 < (z > 2).mean() < 0.07)


def is_vjp_of(
    what: str,
    forward: Callable,
    inputs: Inputs,
    vjp: Callable | None = None,
    wrt: Sequence[int] | None = None,
    hint: str = "",
) -> Property:
    """The answer returns the gradients of a function, d(sum(g * forward)) / d(input); checked by central differences, random g.

    Args:
        what: the property in words.
        forward: the function.
        inputs: makes its arguments from a random generator.
        vjp: `vjp(answer, g, *inputs)` calls the answer; None calls `answer(g, *inputs)`.
        wrt: the numbers of the arguments whose gradients the answer returns; None means all.
        hint: what may help if nothing more is known.

    Returns:
        The property.
    """

    def holds(answer):
        values = inputs(_rng())
        g = numpy.random.default_rng(SEED + 1).normal(size=numpy.shape(forward(*values)))
        result = (vjp or (lambda f, *a: f(*a)))(answer, g.copy(), *_copies(values))
        if result is None:
            raise Nothing(f"the gradient {_for(values)}")
        chosen = range(len(values)) if wrt is None else wrt
        if isinstance(result, list) and len(chosen) > 1:
            raise Failed(
                "expected a tuple of gradients, got a list",
                hint="`return a, b` gives a tuple; [a, b] is a list.",
            )
        if len(got := _results(result)) != len(chosen):
            hint = "Return them as a tuple, in the order of the inputs." if len(chosen) > 1 else ALONE
            raise Failed(f"expected {len(chosen)} gradients, one for each input, got {len(got)}", hint=hint)
        given = {"g": g} | {_name(forward, i): value for i, value in enumerate(values)}
        _gradients_are_right([(f"the gradient of {_name(forward, i)} {_for(values)}", gradient, slopes(forward, values, i, g))
                              for i, gradient in zip(chosen, got, strict=True)], given)  # fmt: skip

    return Property(what, holds, hint)


def _gradients_are_right(found: Sequence[tuple[str, Any, numpy.ndarray]], given: Mapping[str, Any]) -> None:
    """Raise Failed at the first gradient that is wrong, and say which of the others is right."""
    wrong = {}
    for what, got, expected in found:
        try:
            same(got, expected, what, rtol=1e-6, given=given)
        except Failed as failed:
            wrong[what] = failed
    right = [what.partition(" for ")[0] for what, *_ in found if what not in wrong]
    for first in wrong.values():
        raise Failed(*first.details, *(f"{what} is right.".capitalize() for what in right), hint=first.hint)


def _name(forward: Callable, i: int) -> str:
    """What the function calls its argument i."""
    try:
        return list(inspect.signature(forward).parameters)[i]
    except (TypeError, ValueError, IndexError):
        return f"input {i}"


def _for(values: Sequence) -> str:
    """The arguments in a few words: small ones themselves, of arrays the shapes."""
    return f"for {', '.join(map(_in_short, values))}" if values else ""


def _in_short(value: Any) -> str:
    if isinstance(value, numpy.ndarray):
        return f"shape {value.shape}" if value.size > 4 else str(value.round(4).tolist())
    if isinstance(value, dict) and len(value) > 2:
        return f"a dictionary of {len(value)}"
    return getattr(value, "__name__", f"{value!r:.40}")


def slopes(forward: Callable, values: Sequence, i: int, g: numpy.ndarray, eps: float = 1e-6) -> numpy.ndarray:
    """d(sum(g * forward(values))) / d(values[i]) by central differences.

    Args:
        forward: a function of arrays.
        values: its arguments, which are not changed.
        i: the number of the argument.
        g: the cotangent, in the shape of the result.
        eps: the step.

    Returns:
        An array in the shape of argument i.
    """
    values = _copies(values)
    x = values[i]
    out = numpy.zeros_like(values[i], dtype=float)
    for index in numpy.ndindex(x.shape):
        before = x[index]
        sides = []
        for value in (before + eps, before - eps):
            x[index] = value
            sides.append(float((g * forward(*_copies(values))).sum()))
        x[index] = before
        out[index] = (sides[0] - sides[1]) / (2 * eps)
    return out


def _copies(values: Sequence) -> list:
    return [v.copy() if isinstance(v, numpy.ndarray) else v for v in values]


def _results(result) -> tuple:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)
