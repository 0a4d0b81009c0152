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
    optimizer, seen = make(list(params)), []
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

    return Property("it writes into the model's own arrays", holds)


def grads_stay(make):
    def holds(answer):
        w, g = np.array([1.0, -2.0]), np.array([3.0, 4.0])
        optimizer = make(answer, [w])
        for _ in range(3):
            optimizer.step([g])
            if not np.array_equal(g, [3.0, 4.0]):
                hint = (
                    "The gradient array was changed: `v = g` keeps the array itself, and `v *= ...` then writes into it. "
                    "Copy it."
                )
                raise Failed(f"the gradient became {g.tolist()}, it was [3.0, 4.0]", hint=hint)

    return Property("it leaves the gradients as they were", holds)


RATES = (0.1, 0.1, 0.02, 0.02, 0.05)


def try_with(make):
    """What an optimizer does to two parameters when the learning rate changes on the way."""

    def trial(answer, seed, size):
        start, grads = history(np.random.default_rng(seed), size=size)
        return np.concatenate(
            [p.ravel() for ps in run(lambda p: make(answer, p), start, grads, RATES) for p in ps]
        )

    return trial
