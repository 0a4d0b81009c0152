"""What must be true of rotary_vjp."""

import math

import numpy as np

from minitransformer.course.checks.lesson_05_positional_encoding.common import (
    SHORT,
    angle_of,
    later_places,
    turned,
    vectors,
    wrong_rotary,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import is_vjp_of, keeps_float32, keeps_its_inputs, same, takes_batches


def _quarter_back(answer):
    got = answer(np.array([[-1.0, 3.0]]), np.array([math.pi / 2]))
    same(got, [[3.0, 1.0]], "the gradient (-1, 3) at place pi/2: a quarter turn back")


def _with_g(rng):
    return rng.normal(size=(2, 5, 6)), np.arange(5)


def _cosines_only(g, positions, base=10000.0):
    return (wrong_rotary(g, positions, base) + wrong_rotary(g, positions, base, sign=-1)) / 2


def _in_the_angle(g, positions, base=10000.0):
    y = wrong_rotary(g, positions, base)
    return np.stack([-y[..., 1::2], y[..., 0::2]], -1).reshape(g.shape)


rotary_vjp = Exercise(
    minutes=10,
    level=2,
    hints=(
        "Write one pair as a matrix: [[cos a, -sin a], [sin a, cos a]]. Its transpose turns by which angle?",
        "Turning back by a is turning by -a: cos(-a) = cos a, sin(-a) = -sin a.",
    ),
    why="The transpose of a rotation is the rotation back. So the gradient costs a turn, and needs to remember nothing of x.",
    properties=(
        Property(
            "a quarter turn is turned back",
            _quarter_back,
            "The result is one array, g turned by -a: [[cos a, sin a], [-sin a, cos a]] is the transpose.",
        ),
        is_vjp_of(
            "it is the gradient of the rotation",
            lambda x, positions: turned(x, positions),
            lambda rng: (rng.normal(size=(2, 3, 4)), np.array([1, 5, 2])),
            vjp=lambda f, g, x, positions: f(g, positions),
            wrt=(0,),
            hint="Each vector is turned back by the angle of its own place: only the sign of the angle is another.",
        ),
        is_vjp_of(
            "also for another base",
            lambda x, positions: turned(x, positions, 50.0),
            lambda rng: (rng.normal(size=(3, 4)), np.array([1, 5, 2])),
            vjp=lambda f, g, x, positions: f(g, positions, 50.0),
            wrt=(0,),
            hint="`base` is an argument: pass it on to `rotary`.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(3, 4)), np.array([2, 0, 5])),
            hint="There may be any number of dimensions in front: index from the end, g[..., 0::2], and keep the shape.",
        ),
        keeps_its_inputs(_with_g),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3, 4)), np.arange(3)), hint=SHORT.replace("x.", "g.")),
    ),
    examples=lambda rng: (vectors(rng), later_places(rng)),
    mistakes={
        "This turns on instead of back: the transpose of a rotation turns by -a.": wrong_rotary,
        "This returns g unchanged; the rotation must be undone.": lambda g, positions, base=0: g,
        "The sines are missing: each channel of x goes into both channels of its pair.": _cosines_only,
        "One sine has a minus, the other has none.": lambda *a: wrong_rotary(*a, sign=-1, cross=-1),
        "Channel i is paired with i + d/2 here; neighbours are pairs.": lambda *a: wrong_rotary(
            *a, sign=-1, halves=True
        ),
        "`base` is not used here: pass it to `rotary`.": lambda g, positions, base=0: wrong_rotary(
            g, positions, sign=-1
        ),
        "The sign of the whole gradient is wrong: the angle has the minus, not g.": (
            lambda *a: -wrong_rotary(*a),
            lambda *a: -wrong_rotary(*a, sign=-1),
        ),
        "This is the slope in the angle; asked for is the gradient in x.": _in_the_angle,
        "The places are in the reverse order: the sign of each angle is another, not its place.": (
            lambda g, positions, *base: wrong_rotary(g, positions[::-1], *base, sign=-1),
            lambda g, positions, *base: wrong_rotary(g, positions[::-1], *base),
        ),
        "The result of the turn is multiplied by g here: g is what is turned, once.": (
            lambda g, *a: g * wrong_rotary(g, *a, sign=-1),
            lambda g, *a: g * wrong_rotary(g, *a),
        ),
        "The angle is one place off: it is -positions[t] times the speed.": (
            lambda *a: wrong_rotary(*a, angle=lambda p, i, d, base: angle_of(-p - 1, i, d, base)),
            lambda *a: wrong_rotary(*a, angle=lambda p, i, d, base: angle_of(1 - p, i, d, base)),
        ),
        "This turns back twice as far.": lambda *a: wrong_rotary(
            *a, angle=lambda p, i, d, base: -2 * angle_of(p, i, d, base)
        ),
    },
)
