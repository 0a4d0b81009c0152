"""What must be true of sinusoidal_table."""

import math

import numpy as np

from minitransformer.course.checks.lesson_05_positional_encoding.common import angle_of
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import returns, same


def _by_loops(length, d_model):
    """The table one number at a time."""
    table = np.zeros((length, d_model))
    for p, channel in np.ndindex(length, d_model):
        table[p, channel] = (math.cos if channel % 2 else math.sin)(angle_of(p, channel // 2, d_model))
    return table


def _place_zero(answer):
    same(answer(1, 4), [[0, 1, 0, 1]], "the table of one place: sin 0 and cos 0 in turn")


def _first_hand(answer):
    got = answer(4, 2)
    same(
        got,
        [[math.sin(p), math.cos(p)] for p in range(4)],
        "the table of 4 places and one hand, one radian further each place",
    )


def _odd_width(answer):
    try:
        same(answer(7, 5), _by_loops(7, 5))
    except (IndexError, ValueError) as error:
        hint = "5 channels hold 3 sines and 2 cosines: np.arange(0, d_model, 2) are 3; keep the first d_model // 2 of the cosines."
        raise Failed(f"d_model = 5: {type(error).__name__}: {error}", hint=hint) from None


def _neighbours(length, d, sine=math.sin, cosine=math.cos, angle=angle_of, halves=False, start=0, width=None):
    """The table with something wrong in it."""
    out = np.zeros((length, d))
    half = (d + 1) // 2
    for p in range(length):
        for channel in range(d):
            i, odd = (channel % half, channel // half) if halves else divmod(channel, 2)
            out[p, channel] = (cosine if odd else sine)(angle(p + start, i, width or d))
    return out


def _both_in_one(length, d):
    angles = np.arange(length)[:, None] / 10000.0 ** (2 * np.arange(d) / d)
    return np.sin(angles) + np.cos(angles)


sinusoidal_table = Exercise(
    minutes=15,
    level=2,
    hints=(
        "First the angles: places as a column, one angular speed for each hand as a row; broadcasting makes (length, hands).",
        "The speeds are 1 / 10000 ** (np.arange(0, d_model, 2) / d_model): 0, 2, 4, ... are the 2i of the formula.",
        "table[:, 0::2] are the even channels, for the sines, and table[:, 1::2] the odd ones, for the cosines.",
        "If d_model is odd there is one cosine too many: keep d_model // 2 of them.",
    ),
    why="The first hand turns once in about six places, the last in tens of thousands: together they show each place.",
    properties=(
        Property(
            "place 0 has all hands at angle 0",
            _place_zero,
            "A row for each place; even channels are sines, odd ones cosines, for all d_model / 2 hands: 0 1 0 1 at place 0.",
        ),
        Property(
            "the first hand turns by one radian a place",
            _first_hand,
            "For i = 0 the angle is p / 10000^0 = p, in radians, which np.sin takes; p counts 0, 1, 2, ..",
        ),
        returns(
            "values are right, number by number",
            lambda rng: (30, 8),
            _by_loops,
            hint="The angle is p / 10000^(2i / d_model), i = 0, 1, 2, ..: of np.arange(0, d_model, 2) the numbers are 2i already.",
        ),
        Property(
            "an odd width leaves out the last cosine",
            _odd_width,
            "5 channels hold 3 sines and 2 cosines: there are (d_model + 1) // 2 hands, and d_model // 2 of the cosines are kept.",
        ),
        returns(
            "far places are right too",
            lambda rng: (3000, 6),
            _by_loops,
            hint="Places are not limited: compute, count nothing round.",
        ),
    ),
    examples=lambda rng: ((9, 8), (5, 4)),
    mistakes={
        "Sine and cosine are added in one channel, as the article has it; each needs a channel of its own.": _both_in_one,
        "All sines come first here, then all cosines: they take turns, channel by channel.": lambda n, d: (
            _neighbours(n, d, halves=True)
        ),
        "Sine and cosine have changed places: even channels are sines.": lambda n, d: _neighbours(
            n, d, sine=math.cos, cosine=math.sin
        ),
        "Both channels of a hand are sines here: the odd ones are cosines.": lambda n, d: _neighbours(
            n, d, cosine=math.sin
        ),
        "Both channels of a hand are cosines here: the even ones are sines.": lambda n, d: _neighbours(
            n, d, sine=math.cos
        ),
        "The exponent is divided by d_model, not by d_model - 2.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: angle_of(p, i, d - 2)
        ),
        "The slowest hand comes first here: begin with i = 0, whose speed is 1.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: angle_of(p, (d + 1) // 2 - 1 - i, d)
        ),
        "Angles are radians as they are: nothing is multiplied by 2 pi.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: 2 * math.pi * angle_of(p, i, d)
        ),
        "The sines have a minus here: neither p nor the sine has one.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: -angle_of(p, i, d)
        ),
        "Places count from 0, here they count from 1.": lambda n, d: _neighbours(n, d, start=1),
        "The base is 10000.": (
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: angle_of(p, i, d, 1000.0)),
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: angle_of(p, i, d, 100000.0)),
        ),
        "`10000 ** 2 * i / d_model` is (10000 ** 2) * i / d_model: the exponent needs brackets, 10000 ** (2 * i / d_model).": (
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: p / 10000.0**2 * i / d),
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: p / 10000.0 ** (2 * i) / d),
        ),
        "The exponent is divided by d_model, not by half of it.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: angle_of(p, 2 * i, d)
        ),
        "Angles are radians as they are: no conversion from degrees.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: math.radians(angle_of(p, i, d))
        ),
        "The table is transposed: a row for each place, a column for each channel.": lambda n, d: (
            _neighbours(n, d).T
        ),
        "The exponent is 2i / d_model; the 2 is missing.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: angle_of(p, i / 2, d)
        ),
        "i counts hands, not channels: channels 2i and 2i + 1 share an angle.": lambda n, d: np.array(
            [[(math.cos if c % 2 else math.sin)(angle_of(p, c, d)) for c in range(d)] for p in range(n)]
        ),
        "Each channel has an angle of its own here; a sine and its cosine share theirs.": lambda n, d: (
            np.array(
                [
                    [(math.cos if c % 2 else math.sin)(angle_of(p, c / 2, d)) for c in range(d)]
                    for p in range(n)
                ]
            )
        ),
        "The hands get faster here: divide by 10000^(2i / d_model).": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: p * 10000 ** (2 * i / d)
        ),
        "All hands turn alike here: the angle has to depend on i.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: p
        ),
    },
)
