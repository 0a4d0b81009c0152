"""What must be true of stabilised."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import or_say
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same


def _z(rng):
    return (np.array([[0.5, -0.25, 0.0], [-3.0, 1e-9, -1e-9]]), 0.125)


def _zero(answer):
    same(answer(np.array([0.0, 0.0])), [1e-6, 1e-6], "S(0)")
    same(answer(np.array([-5e-7])), [-1.5e-6], "S(-5e-7) with eps = 1e-6")


def _stays_float32(answer):
    or_say(
        "np.where with plain numbers makes float64 of float32: `.astype(z.dtype)`.",
        keeps_float32(_z).holds,
        answer,
    )


def _to_float32(f):
    return lambda z, eps=1e-6: np.asarray(f(z, eps)).astype(z.dtype)


stabilised = Exercise(
    minutes=5,
    level=1,
    hints=(
        "np.where(z < 0, -eps, eps) has the sign of z, and +eps where z is 0.",
        "np.sign(0.0) is 0: it would leave a zero where it is.",
        "np.where with plain numbers makes float64: `.astype(z.dtype)`.",
    ),
    why="|S(z)| is never below eps, and dividing by S(z) makes no share larger than dividing by z, as S(z) is further from 0.",
    properties=(
        returns(
            "positive numbers rise, negative ones fall, each by eps",
            lambda rng: (np.array([1.5, -1.5, 2.0]), 0.5),
            lambda z, eps: [2.0, -2.0, 2.5],
        ),
        Property("zero counts as positive, and small negative numbers stay negative", _zero),
        returns(
            "any shape will do",
            _z,
            lambda z, eps: [[v + math.copysign(eps, v) for v in row] for row in z.tolist()],
        ),
        keeps_its_inputs(_z),
        Property("float32 stays float32", _stays_float32),
    ),
    examples=lambda rng: (_z(rng), (np.array([0.5, -2.0]), 0.01), (np.zeros(2), 1e-6)),
    mistakes={
        "eps is added to negative numbers too: -5e-7 becomes +5e-7, and its relevance turns round.": lambda z, eps=1e-6: (
            z + eps
        ),
        "np.sign(0) is 0, so that a sum of zero stays zero: there take +eps.": lambda z, eps=1e-6: (
            z + eps * np.sign(z)
        ),
        "This moves numbers towards zero; they are to move away from it.": (
            lambda z, eps=1e-6: z - np.where(z < 0, -eps, eps),
            _to_float32(lambda z, eps: z + np.where(z > 0, -eps, eps)),
        ),
        "The sign of z is lost.": _to_float32(lambda z, eps: abs(z) + eps),
        "Only numbers nearer to zero than eps are moved; all are.": _to_float32(
            lambda z, eps: np.where(abs(z) < eps, np.where(z < 0, -eps, eps), z)
        ),
        "Only zeros are moved here; all numbers are, by eps.": _to_float32(
            lambda z, eps: np.where(z == 0, eps, z)
        ),
        "A zero counts as positive: np.where(z < 0, -eps, eps), so that S(0) is +eps.": _to_float32(
            lambda z, eps: z + np.where(z > 0, eps, -eps)
        ),
        "eps is an argument: 1e-6 is only what it is if nothing else is passed.": _to_float32(
            lambda z, eps: z + np.where(z < 0, -1e-6, 1e-6)
        ),
        "eps is added, whatever the size of z: z + eps sign(z), no product with z.": (
            _to_float32(lambda z, eps: z * (1 + eps)),
            _to_float32(lambda z, eps: z * eps),
            _to_float32(lambda z, eps: abs(z) * eps),
        ),
        "Numbers below 0 stay as they are here: they fall by eps.": _to_float32(
            lambda z, eps: np.where(z < 0, z, z + eps)
        ),
        "Numbers above 0 stay as they are here: they rise by eps.": (
            _to_float32(lambda z, eps: np.where(z < 0, z - eps, z)),
            _to_float32(lambda z, eps: np.where(z <= 0, z - eps, z)),
        ),
        "Only numbers nearer to zero than eps are moved, and all of them up: all are, each away from zero.": (
            _to_float32(lambda z, eps: np.where(abs(z) < eps, z + eps, z)),
            _to_float32(lambda z, eps: np.where(abs(z) < eps, eps, z)),
            lambda z, eps: np.maximum(z, eps),
        ),
        "The sign is that of each number, not one for all, as that of their sum.": _to_float32(
            lambda z, eps: z + (eps if z.sum() >= 0 else -eps)
        ),
        "The sign is that of each number, not one for each row.": lambda z, eps: (
            z + np.where(z.sum(-1, keepdims=True) < 0, -eps, eps)
        ),
        "All numbers move by 1 here; they move by eps.": _to_float32(
            lambda z, eps: z + np.where(z < 0, -1, 1)
        ),
        "Half of eps is added here: all of it is.": lambda z, eps: z + np.where(z < 0, -eps, eps) / 2,
        "eps is added twice.": lambda z, eps: z + 2 * np.where(z < 0, -eps, eps),
        "eps is squared, or its root is taken: it is added as it is.": (
            _to_float32(lambda z, eps: z + np.where(z < 0, -(eps**2), eps**2)),
            _to_float32(lambda z, eps: z + np.where(z < 0, -(eps**0.5), eps**0.5)),
        ),
        "This is only the stabiliser; add z.": _to_float32(lambda z, eps: np.where(z < 0, -eps, eps)),
    },
)
