"""What must be true of clip_grad_norm."""

import math

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, one_number, same


def _lists(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 3)), rng.normal(size=4), rng.normal(size=())[None]]


def _long(grads):
    return math.sqrt(math.fsum(float(x) ** 2 for g in grads for x in g.ravel()))


def _clipped(answer):
    grads = [np.array([3.0]), np.array([[4.0]])]
    norm = answer(list(grads), 1.0)
    if isinstance(norm, (list, tuple)):
        hint = "Change the arrays in place, and return the norm, one number."
        raise Failed(f"expected the norm, got a {type(norm).__name__} of {len(norm)}", hint=hint)
    same(one_number(norm, "the norm"), 5.0, "the norm of (3, 4)", rtol=1e-5)
    same([grads[0][0], grads[1][0, 0]], [0.6, 0.8], "(3, 4) shortened to length 1", rtol=1e-5)


def _many(answer):
    grads = _lists(1)
    before = [g.copy() for g in grads]
    norm = _long(grads)
    same(answer(grads, 0.5), norm, "the norm before", rtol=1e-5)
    for i, (g, was) in enumerate(zip(grads, before, strict=True)):
        same(g, was * 0.5 / norm, f"gradient {i}, all being shortened together", rtol=1e-5)


def _short(answer):
    grads = _lists(2)
    before = [g.copy() for g in grads]
    norm = _long(grads)
    same(answer(list(grads), 2 * norm), norm, "the norm where nothing is to be clipped", rtol=1e-5)
    for i, (g, was) in enumerate(zip(grads, before, strict=True)):
        same(g, was, f"gradient {i}, short enough as it is", rtol=1e-12)


def _zeros(answer):
    grads = [np.zeros(3)]
    with np.errstate(all="ignore"):
        same(answer(grads, 1.0), 0.0, "the norm of zeros")
    if not np.array_equal(grads[0], np.zeros(3)):
        hint = (
            "max_norm / 0 is infinite, and 0 times that is nan: clip only where the norm is above max_norm."
        )
        raise Failed(f"a gradient of zeros became {grads[0].tolist()}", hint=hint)


SAME_LIST = "grads[i] = .. puts another array into the list: write into the arrays themselves, g *= factor."


def _same_list(answer):
    grads = _lists(3)
    before = list(grads)
    answer(grads, 0.1)
    if len(grads) != len(before) or any(a is not b for a, b in zip(grads, before, strict=True)):
        raise Failed("the list no longer contains the arrays that were in it", hint=SAME_LIST)


def _wrong_clip(
    norm=_long, factor=lambda n, m: min(1.0, m / n), result=lambda n, f: n, each=False, in_place=True
):
    """Clipping with something wrong in it."""

    def clip_grad_norm(grads, max_norm):
        with np.errstate(all="ignore"):
            n = np.float64(norm(grads))
            f = factor(n, max_norm)
            for i, g in enumerate(grads):
                new = g * (factor(np.float64(norm([g])), max_norm) if each else f)
                if in_place:
                    g[...] = new
                else:
                    grads[i] = new
            return result(n, f)

    return clip_grad_norm


def _by_value(grads, max_norm):
    n = _long(grads)
    for g in grads:
        np.clip(g, -max_norm, max_norm, out=g)
    return n


def _by_own_norm(grads, max_norm):
    for g in grads:
        norm = _long([g])
        if norm > max_norm:
            g *= max_norm / norm
    return norm


def _by_difference(grads, max_norm):
    n = _long(grads)
    for g in grads:
        g -= max_norm * (n > max_norm)
    return n


def _only_first(grads, max_norm):
    n = _long(grads)
    grads[0][...] *= min(1.0, max_norm / n)
    return n


def _try_clip(answer, seed, max_norm):
    mine = _lists(seed)
    with np.errstate(all="ignore"):
        norm = answer(list(mine), max_norm)
    return np.array([math.nan if norm is None else norm, *(x for g in mine for x in g.ravel())], dtype=float)


clip_grad_norm = Tried(
    minutes=10,
    level=1,
    hints=(
        "First the norm: add the squares of all entries of all arrays, then one root.",
        "Then one factor for all of them, max_norm / norm, but never above 1: short gradients stay as they are.",
        "`g *= factor` writes into the array; `g = g * factor` does not.",
    ),
    why="One factor for all keeps the direction: the step is shorter, but it still goes straight downhill.",
    properties=(
        Property(
            "it shortens (3, 4) to length 1, in place",
            _clipped,
            "The norm is sqrt(9 + 16) = 5; each array is multiplied by 1/5 in place, g *= factor, and 5 is returned.",
        ),
        Property(
            "all arrays are shortened together, and the norm before is returned",
            _many,
            "One norm from all entries of all arrays, one factor max_norm / norm for all of them.",
        ),
        Property(
            "a short gradient stays as it is",
            _short,
            "Where the norm is at most max_norm, nothing is changed; the norm is returned.",
        ),
        Property(
            "zeros stay zeros", _zeros, "The norm of zeros is 0, which is below max_norm: nothing is divided."
        ),
        Property("the list keeps its arrays", _same_list, SAME_LIST),
    ),
    examples=lambda rng: ((1, 0.5), (2, 100.0), (3, 1.0)),
    trial=_try_clip,
    mistakes={
        "Each array is clipped on its own, which turns the direction: one norm, one factor for all.": _wrong_clip(
            each=True
        ),
        "Short gradients are made longer: the factor must not exceed 1.": _wrong_clip(
            factor=lambda n, m: m / n
        ),
        "Each entry is clipped on its own, which turns the direction: scale them all by one factor.": _by_value,
        "The root is missing: this is the square of the norm.": _wrong_clip(
            norm=lambda grads: _long(grads) ** 2
        ),
        "These are absolute values added up; the norm adds squares and takes the root.": _wrong_clip(
            norm=lambda grads: sum(abs(g).sum() for g in grads)
        ),
        "This is the largest norm of an array; the norm adds the squares of all entries of all arrays.": _wrong_clip(
            norm=lambda grads: max(_long([g]) for g in grads)
        ),
        "Each array is clipped by its own norm, and the last one is returned: one norm for all arrays.": _by_own_norm,
        "This is the largest entry; the norm adds the squares of all.": _wrong_clip(
            norm=lambda grads: max(abs(g).max() for g in grads)
        ),
        "The norms of the arrays are added; add their squares, and take one root.": _wrong_clip(
            norm=lambda grads: sum(_long([g]) for g in grads)
        ),
        "The norm *after* clipping is returned; wanted is the one before.": _wrong_clip(
            result=lambda n, f: n * f
        ),
        "The gradients become 1 long, whatever max_norm is.": _wrong_clip(
            factor=lambda n, m: 1 / n if n > m else 1.0
        ),
        "The gradients are divided by max_norm; multiply by max_norm / norm.": _wrong_clip(
            factor=lambda n, m: 1 / m if n > m else 1.0
        ),
        "The gradients are multiplied by max_norm; multiply by max_norm / norm.": _wrong_clip(
            factor=lambda n, m: m if n > m else 1.0
        ),
        "max_norm is subtracted; multiply by max_norm / norm.": _by_difference,
        "The mean of the squares is taken; the norm adds them: sum, then root.": _wrong_clip(
            norm=lambda grads: math.sqrt(sum((g * g).sum() for g in grads) / sum(g.size for g in grads))
        ),
        "The root is taken of max_norm / norm; the factor is the quotient itself.": _wrong_clip(
            factor=lambda n, m: math.sqrt(m / n) if n > m else 1.0
        ),
        "Only the last array's norm counts here: add the squares of all.": _wrong_clip(
            norm=lambda grads: _long(grads[-1:])
        ),
        "Only the first array's norm counts here: add the squares of all.": _wrong_clip(
            norm=lambda grads: _long(grads[:1])
        ),
        "Only the first array is shortened: multiply all of them by the factor.": _only_first,
        "The factor is returned; wanted is the norm before.": _wrong_clip(result=lambda n, f: f),
        "The factor is upside down: max_norm / norm.": _wrong_clip(
            factor=lambda n, m: n / m if n > m else 1.0
        ),
        "The gradients are not changed: `g = g * factor` makes a new array, `g *= factor` writes into the old.": _wrong_clip(
            in_place=False
        ),
    },
)
