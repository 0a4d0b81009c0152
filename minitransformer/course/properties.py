"""Properties that many exercises share: shapes, values, gradients, and inputs that are not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.judge import CRASHES

Inputs = Callable[[numpy.random.Generator], Sequence]
SEED = 20


def _rng() -> numpy.random.Generator:
    return numpy.random.default_rng(SEED)


@dataclass(frozen=True)
class Tried(Exercise):
    """An exercise whose answers are classes, or functions that return text or change objects: a call alone cannot compare them.

    Args:
        trial: `trial(answer, *example)` uses an answer and returns numbers. Two answers make the same mistake if these agree.
    """

    trial: Callable = lambda answer, *example: answer(*example)

    def likely_mistake(self, answer: Callable) -> str:
        tried = {said: partial(self.trial, wrong) for said, wrong in self.mistakes.items()}
        return Exercise.likely_mistake(replace(self, mistakes=tried), partial(self.trial, answer))


def equal(got: Any, expected: Any, what: str = "the result", hint: str = "") -> None:
    """Raise Failed unless two lists, dictionaries or texts are equal.

    Args:
        got: the learner's result.
        expected: the right one.
        what: what it is, for the report.
        hint: a sentence that may help.
    """
    if got is None:
        raise Failed(f"{what}: got None", hint="Is there a `return`?")
    if type(got) is not type(expected):
        raise Failed(
            f"{what}: expected {type(expected).__name__}, got {type(got).__name__}: {got!r:.80}", hint=hint
        )
    if got != expected:
        raise Failed(f"{what}: expected {expected!r:.160}", f"got {got!r:.160}", hint=hint)


def same(got, expected, what: str = "the result", rtol: float = 1e-7, hint: str = "") -> None:
    """Raise Failed unless two arrays have the same shape and nearly the same values.

    Args:
        got: the learner's result.
        expected: the right one.
        what: what it is, for the report.
        rtol: the largest difference, as a share of the largest entry.
        hint: a sentence that may help.
    """
    if got is None:
        raise Failed(f"{what}: got None", hint="Is there a `return`?")
    try:
        got = numpy.asarray(got, dtype=float)
    except (TypeError, ValueError):
        hint = CRASHES["generator"] if type(got).__name__ == "generator" else ""
        raise Failed(f"{what}: expected an array of numbers, got {type(got).__name__}", hint=hint) from None
    expected = numpy.asarray(expected, dtype=float)
    if got.shape != expected.shape:
        raise Failed(f"{what}: expected shape {expected.shape}, got {got.shape}", hint=hint)
    scale = abs(expected[numpy.isfinite(expected)]).max(initial=0.0) or 1.0
    wrong = ~numpy.isclose(got, expected, rtol=0, atol=rtol * scale, equal_nan=True)
    if wrong.any():
        index = tuple(map(int, numpy.argwhere(wrong)[0]))
        where = f" at index {index}" if index else ""
        raise Failed(f"{what}{where}: expected {expected[index]:.6g}, got {got[index]:.6g}", hint=hint)


def returns(what: str, inputs: Inputs, expected: Callable, rtol: float = 1e-7) -> Property:
    """The answer returns the expected values.

    Args:
        what: the property in words.
        inputs: makes the arguments from a random generator.
        expected: `expected(*inputs)` computes the values in another way than an answer would: by hand, by loops, or as numbers
            that PyTorch gave.
        rtol: the largest difference, as a share of the largest entry.

    Returns:
        The property.
    """

    def holds(answer):
        values = inputs(_rng())
        same(answer(*_copies(values)), expected(*_copies(values)), rtol=rtol)

    return Property(what, holds)


def keeps_its_inputs(inputs: Inputs) -> Property:
    """The answer does not change its arguments.

    Args:
        inputs: makes the arguments from a random generator.

    Returns:
        The property.
    """

    def holds(answer):
        values = inputs(_rng())
        mine = _copies(values)
        answer(*mine)
        for i, (before, after) in enumerate(zip(values, mine, strict=True)):
            if isinstance(before, numpy.ndarray) and not numpy.array_equal(before, after, equal_nan=True):
                raise Failed(
                    f"input {i} was changed in place",
                    hint="Work on a copy, or use `x = x - m` instead of `x -= m`.",
                )

    return Property("it leaves its inputs as they were", holds)


def keeps_float32(inputs: Inputs) -> Property:
    """The answer returns float32 for float32 arguments.

    Args:
        inputs: makes the arguments from a random generator.

    Returns:
        The property.
    """

    def holds(answer):
        values = [
            v.astype("float32") if isinstance(v, numpy.ndarray) and v.dtype == float else v
            for v in inputs(_rng())
        ]
        for result in _results(answer(*values)):
            if numpy.asarray(result).dtype != numpy.float32:
                raise Failed(
                    f"float32 went in, {numpy.asarray(result).dtype} came out",
                    hint="A NumPy scalar such as np.sqrt(8) makes float32 arrays float64; math.sqrt(8) does not.",
                )

    return Property("float32 stays float32", holds)


def is_vjp_of(
    what: str,
    forward: Callable,
    inputs: Inputs,
    vjp: Callable | None = None,
    wrt: Sequence[int] | None = None,
) -> Property:
    """The answer returns the gradients of a function, d(sum(g * forward)) / d(input); checked by central differences, random g.

    Args:
        what: the property in words.
        forward: the function.
        inputs: makes its arguments from a random generator.
        vjp: `vjp(answer, g, *inputs)` calls the answer; None calls `answer(g, *inputs)`.
        wrt: the numbers of the arguments whose gradients the answer returns; None means all.

    Returns:
        The property.
    """

    def holds(answer):
        values = inputs(_rng())
        g = numpy.random.default_rng(SEED + 1).normal(size=numpy.shape(forward(*values)))
        got = _results((vjp or (lambda f, *a: f(*a)))(answer, g.copy(), *_copies(values)))
        chosen = range(len(values)) if wrt is None else wrt
        if len(got) != len(chosen):
            raise Failed(f"expected {len(chosen)} gradients, one for each input, got {len(got)}")
        for i, gradient in zip(chosen, got, strict=True):
            same(gradient, slopes(forward, values, i, g), f"the gradient of input {i}", rtol=1e-6)

    return Property(what, holds)


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
    x, out = values[i], numpy.zeros_like(values[i], dtype=float)
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
