"""What must be true of rotary positions whose pairs are neighbours, or half a vector apart."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import (
    keeps_float32,
    keeps_its_inputs,
    returns,
    same,
    takes_batches,
)


def _speed(t, i, d, base, place):
    """The angle of pair i at the position t, which is the place-th one."""
    return t / base ** (2 * i / d)


def _turned(x, positions, base=10000.0, interleaved=False, *, angle=_speed, signs=(-1, 1), outside_in=False, stale=False,
            turn=lambda c, s: (c, s), first=None, second=None):  # fmt: skip
    """Pair by pair; the last ones say what may be wrong."""
    d = x.shape[-1]
    y = np.array(x, dtype=float)
    for t in range(x.shape[-2]):
        for i in range(d // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, d - 1 - i if outside_in else i + d // 2)
            way = angle(positions[t], i, d, base, t)
            c, s = turn(math.cos(way), math.sin(way))
            p, q = x[..., t, a], x[..., t, b]
            y[..., t, a] = first(p, q, c, s) if first else p * c + signs[0] * q * s
            p = y[..., t, a] if stale else p
            y[..., t, b] = second(p, q, c, s) if second else p * signs[1] * s + q * c
    return y


def _misturned(**wrong):
    return lambda *arguments: _turned(*arguments, **wrong)


def _in_each_form(**wrong):
    """A mistake in both kinds of pairs, and in one of them alone."""

    def only(kind):
        return lambda x, p, base=1e4, i=False: _turned(x, p, base, i, **(wrong if i == kind else {}))

    return _misturned(**wrong), only(False), only(True)


def _wide(x, positions, base=10000.0, interleaved=False):
    """With the angles written twice, once for each channel of a pair, in the order that the other kind of pairs has."""
    d = x.shape[-1]
    angles = np.outer(positions, base ** (-np.arange(0, d, 2) / d))  # (T, d/2)
    order = np.tile(angles, 2) if interleaved else np.repeat(angles, 2, axis=-1)  # (T, d)
    a, b = (slice(0, d, 2), slice(1, d, 2)) if interleaved else (slice(0, d // 2), slice(d // 2, d))
    other = np.empty_like(x)
    other[..., a], other[..., b] = -x[..., b], x[..., a]
    return x * np.cos(order) + other * np.sin(order)


def _side_by_side(x, positions, base=10000.0, interleaved=False):
    """Turned right, but not put back between each other."""
    y = _turned(x, positions, base, interleaved)
    return np.concatenate([y[..., ::2], y[..., 1::2]], axis=-1) if interleaved else y


def _vectors(rng):
    return rng.normal(size=(2, 5, 8)), np.array([0, 1, 2, 7, 3])


def _neighbours(rng):
    return (*_vectors(rng), 500.0, True)


def _quarter(answer):
    got = answer(np.array([[3.0, 0.0, 1.0, 0.0]]), np.array([math.pi / 2]))
    same(
        got,
        [[-1.0, 0.0, 3.0, 0.0]],
        "(3, 0, 1, 0) at place pi/2: the first pair is the channels 0 and 2, a quarter turn",
    )


def _converts(answer):
    """Channels in another order turn Llama's pairs into the paper's: so weights are converted."""
    x, positions = _vectors(np.random.default_rng(5))
    order = np.arange(8).reshape(2, 4).T.reshape(-1)  # 0 4 1 5 2 6 3 7
    same(
        answer(x[..., order], positions, 10000.0, True),
        answer(x, positions)[..., order],
        "the same pairs, side by side",
    )


def _distance_only(answer):
    rng = np.random.default_rng(9)
    q, k = rng.normal(size=(2, 1, 8))
    near, far = ((answer(q, np.array([p])) * answer(k, np.array([p + 3]))).sum() for p in (0, 25))
    same(far, near, "the product of q at 25 and k at 28, beside q at 0 and k at 3: equal distance")


rotary_pairs = Exercise(
    minutes=15,
    level=2,
    hints=(
        "The angles are lesson 05's: positions as a column, speeds as a row, (T, d/2). Only the channels differ.",
        "Two slices say which channels are first and second of their pairs: 0::2 and 1::2, or :d/2 and d/2:.",
        "Make an empty y like x; y[..., first] and y[..., second] both from the old x. Cosines as .astype(x.dtype).",
    ),
    why="Which channels are partners makes no difference to what can be learned. It makes all the difference to weights learned.",
    properties=(
        Property(
            "a quarter turn is right",
            _quarter,
            "At place 1 the first pair turns by 1, at place pi/2 by a quarter: (a, b) becomes (-b, a). The pair is 0 and d/2 here.",
        ),
        returns(
            "Llama's pairs, by loops",
            _vectors,
            _turned,
            hint="Unless interleaved, pair i is the channels i and i + d/2, and turns by positions[t] / base ** (2 * i / d).",
        ),
        returns(
            "the paper's pairs, and another base",
            _neighbours,
            _turned,
            hint="If interleaved, pair i is the channels 2i and 2i + 1: 0::2 and 1::2. The angles are the same; `base` is passed.",
        ),
        Property(
            "one way is the other with the channels in another order",
            _converts,
            "Both kinds of pairs turn by the same angles; they differ in which channels are partners, and in nothing else.",
        ),
        Property(
            "a product depends on the distance alone",
            _distance_only,
            "Each pair must turn by an angle proportional to its position, and keep its length: a cos - b sin, a sin + b cos.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(5, 8)), np.array([0, 1, 2, 7, 3])),
            hint="x may have any number of dimensions in front: index from the end, x.shape[-2], x.shape[-1] and x[..., first].",
        ),
        keeps_its_inputs(_vectors, _neighbours),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3, 4)), np.arange(3))),
    ),
    examples=lambda rng: (_vectors(rng), _neighbours(rng)),
    mistakes={
        "Neighbours are pairs here whatever is asked: unless interleaved, i goes with i + d/2.": lambda x, p, base=1e4, i=False: (
            _turned(x, p, base, True)
        ),
        "i goes with i + d/2 here whatever is asked: if interleaved, neighbours are pairs.": lambda x, p, base=1e4, i=False: (
            _turned(x, p, base, False)
        ),
        "`interleaved` is taken the wrong way round.": lambda x, p, base=1e4, i=False: _turned(
            x, p, base, not i
        ),
        "The channels are paired from outside in, 0 with the last: i goes with i + d/2.": _misturned(
            outside_in=True
        ),
        "This rotates the other way: the signs of the sines are wrong.": _misturned(signs=(1, -1)),
        "Unless interleaved, this rotates the other way: (x_a, x_b) goes with (-x_b, x_a), not with (x_b, -x_a).": (
            lambda x, p, base=1e4, i=False: _turned(x, p, base, i, signs=(-1, 1) if i else (1, -1))
        ),
        "If interleaved, this rotates the other way: (x_a, x_b) goes with (-x_b, x_a), not with (x_b, -x_a).": (
            lambda x, p, base=1e4, i=False: _turned(x, p, base, i, signs=(1, -1) if i else (-1, 1))
        ),
        "One sine has a minus, the other has none: a cos - b sin, a sin + b cos.": (
            _misturned(signs=(1, 1)),
            _misturned(signs=(-1, -1)),
        ),
        "The second channel is a cos + b sin here: it is a sin + b cos.": _in_each_form(
            second=lambda a, b, c, s: a * c + b * s
        ),
        "The first channel is a sin - b cos here: it is a cos - b sin.": _in_each_form(
            first=lambda a, b, c, s: a * s - b * c
        ),
        "The two channels of a pair have changed places in the result: first a cos - b sin, then a sin + b cos.": _in_each_form(
            first=lambda a, b, c, s: a * s + b * c, second=lambda a, b, c, s: a * c - b * s
        ),
        "The two channels of a pair have changed places before they are turned: a is the first.": _in_each_form(
            first=lambda a, b, c, s: b * c - a * s, second=lambda a, b, c, s: b * s + a * c
        ),
        "The second channel of each pair is left as it was: it becomes a sin + b cos.": _in_each_form(
            second=lambda a, b, c, s: b
        ),
        "The first channel of each pair is left as it was: it becomes a cos - b sin.": _in_each_form(
            first=lambda a, b, c, s: a
        ),
        "Each channel is only multiplied by the cosine; the other channel of the pair times the sine is missing.": _in_each_form(
            first=lambda a, b, c, s: a * c, second=lambda a, b, c, s: b * c
        ),
        "Cosine and sine are added to the channels; each is multiplied.": _in_each_form(
            first=lambda a, b, c, s: a + c, second=lambda a, b, c, s: b + s
        ),
        "Cosine and sine are squared here.": _misturned(turn=lambda c, s: (c * c, s * s)),
        "The tangent stands where the sine should.": _misturned(turn=lambda c, s: (c, s / c)),
        "The speeds stand in the reverse order: pair 0 turns the fastest.": _misturned(
            angle=lambda t, i, d, base, place: _speed(t, d // 2 - 1 - i, d, base, place)
        ),
        "The speeds are no powers of base here; they are 1 / base ** (2i / d).": (
            _misturned(angle=lambda t, i, d, base, place: t / (1 + 2 * i / d)),
            _misturned(angle=lambda t, i, d, base, place: t / (base * 2 * i / d + 1)),
        ),
        "The positions are divided by how many there are; they are taken as they are.": (
            lambda x, p, *rest, **named: _turned(x, p / len(p), *rest, **named)
        ),
        "Sine and cosine have changed places: a cos - b sin, a sin + b cos.": _misturned(
            turn=lambda c, s: (s, c)
        ),
        "All pairs turn alike here: each has its own speed.": (
            _misturned(angle=lambda t, i, d, base, place: t),
            _misturned(angle=lambda t, i, d, base, place: t / base),
        ),
        "The exponent is 2i / d for pair i = 0 .. d/2 - 1, so that it runs from 0 to nearly 1.": (
            _misturned(angle=lambda t, i, d, base, place: t / base ** (i / d)),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (4 * i / d)),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (2 * i)),
            _misturned(angle=lambda t, i, d, base, place: t / base**i),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (2 * (i + 1) / d)),
        ),
        "The speeds grow here: divide by base ** (2i / d), later pairs turn more slowly.": _misturned(
            angle=lambda t, i, d, base, place: t * base ** (2 * i / d)
        ),
        "`positions` says how far each row is turned; here rows are counted as 0, 1, 2, ..": _misturned(
            angle=lambda t, i, d, base, place: _speed(place, i, d, base, place)
        ),
        "Position 0 is not turned at all; here the count begins at 1.": (
            _misturned(angle=lambda t, i, d, base, place: _speed(t + 1, i, d, base, place)),
            _misturned(angle=lambda t, i, d, base, place: _speed(place + 1, i, d, base, place)),
        ),
        "The angles are radians: np.cos and np.sin take them as they are.": (
            _misturned(angle=lambda t, i, d, base, place: math.radians(_speed(t, i, d, base, place))),
            _misturned(angle=lambda t, i, d, base, place: 2 * math.pi * _speed(t, i, d, base, place)),
        ),
        "The second channel is computed from the first *after* it was turned: keep the old one.": _misturned(
            stale=True
        ),
        "Both channels of a pair turn by one angle. With halves the angles stand as (w0, w1, .., w0, w1, ..): np.tile; "
        "with neighbours as (w0, w0, w1, w1, ..): np.repeat.": (
            _wide,
            lambda x, p, base=1e4, i=False: _wide(x, p, base, i) if i else _turned(x, p, base),
            lambda x, p, base=1e4, i=False: _turned(x, p, base, True) if i else _wide(x, p, base),
        ),
        "If interleaved, both channels of a pair go back to where they were, 2i and 2i + 1; here they stand apart.": _side_by_side,
        "`base` is not used here.": lambda x, p, base=0, i=False: _turned(x, p, 10000.0, i),
    },
)
