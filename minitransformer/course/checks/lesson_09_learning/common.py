"""What the exercises of the lesson share."""

import math

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import same


def batch(rng):
    return rng.normal(size=(4, 5)) * 2, np.array([3, 0, 3, 1])


def large_scores(rng):
    return np.array([[1000.0, 0.0, -1000.0], [-2900.0, -2000.0, -1100.0]]), np.array([1, 2])


def surprise(logits, targets):
    """The loss in Python's own numbers, one row after the other."""
    total = []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        top = max(row)
        total.append(math.log(math.fsum(math.exp(x - top) for x in row)) + top - row[target])
    return np.array(math.fsum(total) / len(total))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def run(make, start, grads, rates=None):
    """The parameters after each step, as the model's own arrays show them: a list of lists."""
    params = [p.copy() for p in start]
    optimizer = make(list(params))
    seen = []
    for i, now in enumerate(grads):
        if rates is not None:
            optimizer.lr = rates[i]
        with np.errstate(all="ignore"):
            optimizer.step([g.copy() for g in now])
        seen.append([p.copy() for p in params])
    return seen


def steps(answer, make, start, grads, expected, what, rates=None, rtol=1e-7):
    for i, (got, right) in enumerate(
        zip(run(lambda p: make(answer, p), start, grads, rates), expected, strict=True)
    ):
        for j, (p, q) in enumerate(zip(got, right, strict=True)):
            same(p, q, f"{what}: parameter {j} after step {i + 1}", rtol)


def history(rng, count=5, size=1.0):
    """Two parameters of different shapes, and gradients for some steps."""
    start = [rng.normal(size=(2, 3)), rng.normal(size=4)]
    return start, [[rng.normal(size=p.shape) * size for p in start] for _ in range(count)]


def in_place(make):
    def holds(answer):
        w = np.array([1.0, -2.0])
        with np.errstate(all="ignore"):
            make(answer, [w]).step([np.array([1.0, 1.0])])
        if np.array_equal(w, [1.0, -2.0]):
            raise Failed(
                "the array that was passed is not changed",
                hint="`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.",
            )

    return Property(
        "it writes into the model's own arrays", holds, "`p -= change` writes into p; so does p[...] = new."
    )


def own_steps(make):
    """Two optimizers of one class do not know of each other, and a gradient array may be used again with other numbers."""

    def holds(answer):
        def run_alone(g):
            w = np.array([0.0])
            optimizer = make(answer, [w])
            for x in g:
                optimizer.step([np.array([x])])
            return w

        series = [(1.0, -3.0, 0.5), (-2.0, 0.5, 4.0)]
        expected = [run_alone(g) for g in series]
        arrays = [np.zeros(1), np.zeros(1)]
        same_array = np.zeros(1)
        optimizers = [make(answer, [w]) for w in arrays]
        for pair in zip(*series, strict=True):
            for optimizer, x in zip(optimizers, pair, strict=True):
                same_array[:] = x
                optimizer.step([same_array])
        for w, right in zip(arrays, expected, strict=True):
            same(
                w,
                right,
                "a parameter, while another optimizer is at work and the gradient's array is used again",
                hint=KEPT,
            )

    return Property("what one optimizer keeps is its own", holds, KEPT)


KEPT = (
    "Make what is kept in __init__, with self., in arrays of its own: not in the class, not in a default argument, "
    "and not the gradient's array itself."
)


def grads_stay(make):
    def holds(answer):
        w = np.array([1.0, -2.0])
        g = np.array([3.0, 4.0])
        optimizer = make(answer, [w])
        for _ in range(3):
            optimizer.step([g])
            if not np.array_equal(g, [3.0, 4.0]):
                hint = (
                    "The gradient array was changed: `v = g` keeps the array itself, and `v *= ...` then writes into it. "
                    "Copy it."
                )
                raise Failed(f"the gradient became {g.tolist()}, it was [3.0, 4.0]", hint=hint)

    return Property(
        "it leaves the gradients as they were",
        holds,
        "Copy what is kept of a gradient, and write into the copy.",
    )


def lists_stay(make):
    def holds(answer):
        params = [np.zeros(2), np.zeros(3)]
        grads = [np.ones(2), np.ones(3)]
        kept = list(params), list(grads)
        make(answer, params).step(grads)
        for what, got, before in (("params", params, kept[0]), ("grads", grads, kept[1])):
            if len(got) != len(before) or any(a is not b for a, b in zip(got, before, strict=True)):
                raise Failed(
                    f"the list `{what}` no longer contains the arrays that were in it", hint=SAME_LIST
                )

    return Property("the lists keep their arrays", holds, SAME_LIST)


def returns_nothing(make):
    def holds(answer):
        got = make(answer, [np.zeros(2)]).step([np.ones(2)])
        if got is not None:
            raise Failed(f"expected None from `step`, got a {type(got).__name__}", hint=NO_RETURN)

    return Property("step returns nothing", holds, NO_RETURN)


NO_RETURN = "`step` writes into the parameters and returns nothing: no `return` is needed."


SAME_LIST = (
    "params[i] = .. and .pop() change the list that was passed: write into the arrays, and leave the lists."
)


RATES = (0.1, 0.1, 0.02, 0.02, 0.05)


def try_with(make):
    """What an optimizer does to two parameters when the learning rate changes on the way."""

    def trial(answer, seed, size):
        start, grads = history(np.random.default_rng(seed), size=size)
        return np.concatenate(
            [p.ravel() for ps in run(lambda p: make(answer, p), start, grads, RATES) for p in ps]
        )

    return trial
