"""What must be true of unbroadcast."""

import math
from functools import partial

import numpy as np

from minitransformer.course.checks.lesson_02_gradient_checks.common import added_up, put_together
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, same

STRETCHES = (((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (2, 1)), ((2, 3, 4), (3, 1)), ((4, 2, 3), (4, 1, 3)))


def _unrepeated(answer):
    g = np.arange(6.0).reshape(2, 3)
    same(answer(g.copy(), (2, 3)), g, "unbroadcast to the shape it has already")
    same(answer(g[:1].copy(), (1, 3)), g[:1], "unbroadcast of a (1, 3) to (1, 3)")


def _stretched(which):
    def holds(answer):
        rng = np.random.default_rng(5)
        for full, shape in which:
            g = rng.normal(size=full)
            same(answer(g.copy(), shape), added_up(g, shape), f"unbroadcast of {full} to {shape}")

    return holds


def _gradient_of(full, shape, rng):
    return rng.normal(size=full), shape


def _from_the_left(g, shape):
    """Dimensions of size 1 are looked for from the left, and those in front stay."""
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def _front(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def _where_equal(g, shape):
    """Dimensions that were not repeated are summed, and the others are not."""
    g = _front(g, shape)
    return g.sum(tuple(i for i, n in enumerate(shape) if n == g.shape[i]), keepdims=True)


def _ones(g, shape):
    return tuple(d for d in range(-len(shape), 0) if shape[d] == 1)


def _back(g, shape):
    """As many of the last dimensions are summed as there are new ones, which stand in front."""
    g = g.sum(tuple(range(len(shape), g.ndim)))
    return g.sum(_ones(g, shape), keepdims=True)


unbroadcast = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Each number was used as often as it was repeated: add the gradients of all its copies.",
        "Sum over two kinds of dimensions: new ones in front, g.ndim - len(shape) of them, and those of size 1 in `shape`.",
        "g.sum(axis=(0, 2)) sums over several dimensions at once; a final .reshape(shape) brings back those of size 1.",
    ),
    why="Broadcasting uses a number many times, and gradients add where a number is used many times: lesson 01, in an array.",
    properties=(
        Property(
            "what was not repeated stays as it is",
            _unrepeated,
            "Where g has the asked-for shape already, nothing was repeated, also not along a dimension of size 1.",
        ),
        Property(
            "new dimensions in front are summed",
            _stretched(STRETCHES[:1]),
            "NumPy adds new dimensions in front: sum over the first g.ndim - len(shape) dimensions, and they are gone.",
        ),
        Property(
            "repeated dimensions of size 1 are summed, and stay",
            _stretched(STRETCHES[1:3]),
            "Where `shape` has a 1 and g has more, sum over this dimension with keepdims=True, over every such dimension.",
        ),
        Property(
            "both at once, and dimensions in the middle",
            _stretched((*STRETCHES[3:], ((2, 3), ()), ((2, 1, 3), (1, 1)), ((2, 3, 4), (1, 1)))),
            "Shapes are compared from the right: dimension i of `shape` is dimension i + g.ndim - len(shape) of g.",
        ),
        keeps_its_inputs(
            *(partial(_gradient_of, full, shape) for full, shape in (*STRETCHES, ((2, 3), (2, 3))))
        ),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3)), (1, 3))),
    ),
    examples=lambda rng: [(rng.normal(size=full), shape) for full, shape in STRETCHES],
    mistakes={
        "Nothing is summed here: the result must have the given shape.": lambda g, shape: g,
        "Everything is summed here: sum over repeated dimensions only.": lambda g, shape: np.full(
            shape, g.sum()
        ),
        "Only new dimensions in front are summed; those of size 1 were repeated too.": _front,
        "Dimensions of size 1 are summed, but new ones in front are not.": (
            lambda g, shape: g.sum(_ones(g, shape), keepdims=True),
            _from_the_left,
        ),
        "Dimensions that were not repeated are summed here: sum where g has more than `shape`.": _where_equal,
        "The first numbers are taken, and the others are lost: sum over what was repeated.": np.resize,
        "The sums are right, but dimensions of size 1 are gone: keep them, or reshape.": lambda g, shape: (
            added_up(g, shape).squeeze()
        ),
        "This is the mean; gradients of repeated numbers add.": lambda g, shape: (
            added_up(g, shape) * (np.prod(shape) / g.size)
        ),
        "This takes the largest; the gradients of all places add.": lambda g, shape: put_together(
            g, shape, max
        ),
        "This takes the smallest; the gradients of all places add.": lambda g, shape: put_together(
            g, shape, min
        ),
        "This multiplies; the gradients of repeated numbers add.": lambda g, shape: put_together(
            g, shape, math.prod
        ),
        "New dimensions stand in front; here the last ones are summed.": _back,
        "This takes the last of the places; the gradients of all of them add.": lambda g, shape: put_together(
            g, shape, lambda numbers: numbers[-1]
        ),
        "This takes one of the places; the gradients of all of them add.": lambda g, shape: g[
            tuple([0] * (g.ndim - len(shape)) + [slice(1) if n == 1 else slice(None) for n in shape])
        ],
    },
)
