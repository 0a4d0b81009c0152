"""What must be true of clock hands: a table of them, the turn from place to place, and vectors turned by them."""

import cmath
import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import (
    is_vjp_of,
    keeps_float32,
    keeps_its_inputs,
    returns,
    same,
    takes_batches,
)


def _angle(p, i, d, base=10000.0):
    return p / base ** (2 * i / d)


def _by_loops(length, d_model):
    """The table one number at a time."""
    table = np.zeros((length, d_model))
    for p, channel in np.ndindex(length, d_model):
        table[p, channel] = (math.cos if channel % 2 else math.sin)(_angle(p, channel // 2, d_model))
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


def _neighbours(length, d, sine=math.sin, cosine=math.cos, angle=_angle, halves=False, start=0, width=None):
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
        "Places count from 0, here they count from 1.": lambda n, d: _neighbours(n, d, start=1),
        "The base is 10000.": (
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: _angle(p, i, d, 1000.0)),
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: _angle(p, i, d, 100000.0)),
        ),
        "`10000 ** 2 * i / d_model` is (10000 ** 2) * i / d_model: the exponent needs brackets, 10000 ** (2 * i / d_model).": (
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: p / 10000.0**2 * i / d),
            lambda n, d: _neighbours(n, d, angle=lambda p, i, d: p / 10000.0 ** (2 * i) / d),
        ),
        "The exponent is divided by d_model, not by half of it.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: _angle(p, 2 * i, d)
        ),
        "Angles are radians as they are: no conversion from degrees.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: math.radians(_angle(p, i, d))
        ),
        "The table is transposed: a row for each place, a column for each channel.": lambda n, d: (
            _neighbours(n, d).T
        ),
        "The exponent is 2i / d_model; the 2 is missing.": lambda n, d: _neighbours(
            n, d, angle=lambda p, i, d: _angle(p, i / 2, d)
        ),
        "i counts hands, not channels: channels 2i and 2i + 1 share an angle.": lambda n, d: np.array(
            [[(math.cos if c % 2 else math.sin)(_angle(p, c, d)) for c in range(d)] for p in range(n)]
        ),
        "Each channel has an angle of its own here; a sine and its cosine share theirs.": lambda n, d: (
            np.array(
                [[(math.cos if c % 2 else math.sin)(_angle(p, c / 2, d)) for c in range(d)] for p in range(n)]
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


def _rows(*places, d=8):
    return np.array(
        [[(math.cos if c % 2 else math.sin)(_angle(p, c // 2, d)) for c in range(d)] for p in places]
    )


def _moves(k, d, *places):
    def holds(answer):
        M = answer(k, d)
        same(np.shape(M), (d, d), "the shape of the matrix")
        for p in places:
            same(
                M @ _rows(p, d=d)[0],
                _rows(p + k, d=d)[0],
                f"M @ PE[{p}] for k = {k}, which is to be PE[{p + k}]",
            )

    return holds


def _moves_all(answer):
    for k, d in ((1, 2), (3, 8), (17, 6)):
        _moves(k, d, 0, 1, 2, 50)(answer)


def _stays(answer):
    same(answer(0, 6), np.eye(6), "the matrix for k = 0")


def _back(answer):
    _moves(-4, 8, 4, 9)(answer)


def _keeps_length(answer):
    M = answer(5, 8)
    same(M.T @ M, np.eye(8), "M transposed times M: a rotation changes no length")


def _adds_up(answer):
    same(answer(2, 8) @ answer(3, 8), answer(5, 8), "moving by 3 and then by 2")


def _turn(k, d, sign=1, angle=_angle, halves=False, odd=1):
    """The matrix with something wrong in it."""
    M = np.zeros((d, d))
    for i in range(d // 2):
        a, b = (i, i + d // 2) if halves else (2 * i, 2 * i + 1)
        turn = angle(k, i, d)
        M[a, a] = M[b, b] = math.cos(turn)
        M[a, b] = sign * math.sin(turn)
        M[b, a] = -sign * odd * math.sin(turn)
    return M


def _first_block(k, d, rest):
    M = rest * np.eye(d)
    M[:2, :2] = _turn(k, d)[:2, :2]
    return M


shift_matrix = Exercise(
    minutes=20,
    level=2,
    hints=(
        "One hand: (sin a, cos a) becomes (sin(a + b), cos(a + b)). Write both with the addition theorems, as a matrix times "
        "(sin a, cos a).",
        "The block is [[cos b, sin b], [-sin b, cos b]], with b = k / 10000^(2i / d_model): no p in it.",
        "A loop over i may write M[2i : 2i + 2, 2i : 2i + 2]. Without a loop: M[even, even], M[even, odd] with arrays of indices.",
    ),
    why="The matrix does not contain p: the same rotation leads from any position to the one k places further.",
    properties=(
        Property(
            "k = 0 changes nothing",
            _stays,
            "For b = 0 each block is [[1, 0], [0, 1]], cosines on the diagonal: for every one of the d_model / 2 hands.",
        ),
        Property(
            "one hand, one place on",
            _moves(1, 2, 0, 1, 5),
            "With b = k: [[cos b, sin b], [-sin b, cos b]] times (sin a, cos a) is (sin(a + b), cos(a + b)).",
        ),
        Property(
            "every row moves k places on, wherever it stands",
            _moves_all,
            "Each hand i has a block of its own, in rows and columns 2i and 2i + 1, with the angle b = k / 10000^(2i / d_model).",
        ),
        Property(
            "a negative k leads back",
            _back,
            "b = k / 10000^(2i / d_model) has the sign of k: leave it to sine and cosine.",
        ),
        Property(
            "it is a rotation: lengths stay",
            _keeps_length,
            "In each block the squares of sine and cosine add up to 1.",
        ),
        Property("moves add up", _adds_up, "The angle is proportional to k: by 3 and by 2 is by 5."),
    ),
    examples=lambda rng: ((3, 8), (1, 4)),
    mistakes={
        "This leads back, to p - k: the signs of the sines are wrong.": lambda k, d: _turn(k, d, sign=-1),
        "One of the two sines needs a minus: cos(a + b) = cos a cos b - sin a sin b.": lambda k, d: _turn(
            k, d, odd=-1
        ),
        "The hands get faster here: k *divided* by 10000^(2i / d_model).": lambda k, d: _turn(
            k, d, angle=lambda k, i, d: k * 10000 ** (2 * i / d)
        ),
        "i counts hands, not channels: the block of hand i is in rows 2i and 2i + 1, and its exponent is 2i / d_model.": (
            lambda k, d: _turn(k, d, angle=lambda k, i, d: _angle(k, 2 * i, d))
        ),
        "Only the first hand moves: each other hand turns too, by k / 10000^(2i / d_model), which may be less than 1.": (
            lambda k, d: _first_block(k, d, 1.0),
            lambda k, d: _first_block(k, d, 0.0),
        ),
        "The sines are missing: each channel needs the other one of its pair.": lambda k, d: np.diag(
            np.diag(_turn(k, d))
        ),
        "This moves twice as far.": lambda k, d: _turn(2 * k, d),
        "All blocks are alike here: each hand turns at its own speed.": lambda k, d: _turn(
            k, d, angle=lambda k, i, d: k
        ),
        "The exponent is 2i / d_model; the 2 is missing.": lambda k, d: _turn(
            k, d, angle=lambda k, i, d: _angle(k, i / 2, d)
        ),
        "Channel i is paired with i + d/2 here; in this table a sine and its cosine are neighbours.": lambda k, d: (
            _turn(k, d, halves=True)
        ),
        "This moves by one place whatever k is: the angle is k times the speed.": lambda k, d: _turn(1, d),
        "The matrix changes nothing: it is for k = 0.": lambda k, d: np.eye(d),
    },
)


def _turned(x, positions, base=10000.0):
    """Pair by pair, as complex numbers: to multiply by e^(i a) is to turn by a."""
    y = np.zeros(x.shape)
    d = x.shape[-1]
    for *rest, t, i in np.ndindex(*x.shape[:-1], d // 2):
        a = x[(*rest, t, 2 * i)]
        b = x[(*rest, t, 2 * i + 1)]
        hand = complex(a, b) * cmath.exp(1j * _angle(float(positions[t]), i, d, base))
        y[(*rest, t, 2 * i)], y[(*rest, t, 2 * i + 1)] = hand.real, hand.imag
    return y


def _x(rng):
    return rng.normal(size=(2, 5, 6)), np.arange(5)


def _later(rng):
    """Places that do not begin at 0, as while generating, and another base."""
    return rng.normal(size=(4, 8)), np.array([7, 8, 3, 40]), 500.0


def _right_angle(answer):
    got = answer(np.array([[3.0, 1.0]]), np.array([math.pi / 2]))
    same(got, [[-1.0, 3.0]], "(3, 1) turned by a quarter: place pi/2")


def _at_zero(answer):
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    same(answer(x, np.array([0])), x, "a vector at place 0, which is not turned")


def _lengths(answer):
    x, positions = _x(np.random.default_rng(8))
    same((answer(x, positions) ** 2).sum(-1), (x**2).sum(-1), "the squared length of each turned vector")


def _only_the_distance(answer):
    rng = np.random.default_rng(9)
    q, k = rng.normal(size=(2, 1, 8))
    near, far = ((answer(q, np.array([p])) * answer(k, np.array([p + 3]))).sum() for p in (0, 25))
    if not math.isclose(near, far, abs_tol=1e-9):
        raise Failed(
            f"q at 0 with k at 3: {near:.6g}; q at 25 with k at 28: {far:.6g}. Equal distance, unequal products"
        )


def _rotate(
    x, positions, base=10000.0, *, sign=1, angle=_angle, halves=False, cross=1, counted=False, stale=False
):
    """Turning with something wrong in it."""
    d = x.shape[-1]
    y = np.array(x, dtype=float)
    for t in range(x.shape[-2]):
        for i in range(d // 2):
            a, b = (i, i + d // 2) if halves else (2 * i, 2 * i + 1)
            turn = angle(t if counted else positions[t], i, d, base)
            c = math.cos(turn)
            s = sign * math.sin(turn)
            y[..., t, a] = x[..., t, a] * c - cross * x[..., t, b] * s
            y[..., t, b] = (y if stale else x)[..., t, a] * s + x[..., t, b] * c
    return y


def _added(x, positions, base=10000.0):
    return x + np.array([[(math.cos if c % 2 else math.sin)(_angle(p, c // 2, x.shape[-1], base)) for c in range(x.shape[-1])]
                         for p in positions])  # fmt: skip


SHORT = "The angles are float64, and so are their cosines: np.cos(angles).astype(x.dtype)."


def _own_channel(x, positions, base=10000.0):
    """Each channel is turned with itself."""
    y = np.array(x, dtype=float)
    for t, i in np.ndindex(x.shape[-2], x.shape[-1] // 2):
        turn = _angle(positions[t], i, x.shape[-1], base)
        y[..., t, 2 * i] *= math.cos(turn) - math.sin(turn)
        y[..., t, 2 * i + 1] *= math.cos(turn) + math.sin(turn)
    return y


def _side_by_side(x, positions, base=10000.0):
    y = _rotate(x, positions, base)
    return np.concatenate([y[..., 0::2], y[..., 1::2]], -1)


rotary = Exercise(
    minutes=20,
    level=2,
    hints=(
        "The angles are those of the sinusoidal table: positions as a column, speeds as a row, (T, d/2).",
        "x[..., 0::2] and x[..., 1::2] are the first and the second channel of all pairs, (..., T, d/2).",
        "Make an empty y like x, and write y[..., 0::2] and y[..., 1::2] by the formula, both from the old x.",
        "float32: np.cos(angles).astype(x.dtype), for the angles are float64.",
    ),
    why="A rotation changes no length and no angle between two vectors turned alike: what is left is the difference of places.",
    properties=(
        Property(
            "nothing is turned at place 0",
            _at_zero,
            "At angle 0 the cosine is 1 and the sine 0: y[..., 0::2] is x[..., 0::2], and y[..., 1::2] is x[..., 1::2].",
        ),
        Property(
            "a quarter turn is right",
            _right_angle,
            "Each channel of a pair needs both: first cos a - second sin a, first sin a + second cos a, with the x from before.",
        ),
        Property(
            "lengths stay",
            _lengths,
            "The angles are a column of positions over a row of speeds, (T, d/2): every vector of x, (..., T, d), is turned.",
        ),
        returns(
            "values are right, pair by pair",
            _x,
            _turned,
            hint="Channels 2i and 2i + 1 are a pair, and its angle is positions[t] / base^(2i / d).",
        ),
        returns(
            "places are those given, and the base too",
            _later,
            _turned,
            hint="The place of the vector t is positions[t], whatever t is, and `base` is the argument.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(3, 4)), np.array([2, 0, 5])),
            hint="There may be any number of dimensions in front: index from the end, x[..., 0::2], and keep the shape.",
        ),
        keeps_its_inputs(_x, _later),
        Property(
            "the product of two turned vectors depends on their distance alone",
            _only_the_distance,
            "Angles are proportional to the place, for every pair.",
        ),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3, 4)), np.arange(3)), hint=SHORT),
    ),
    examples=lambda rng: (_x(rng), _later(rng)),
    mistakes={
        "This rotates the other way: the signs of the sines are wrong.": lambda *a: _rotate(*a, sign=-1),
        "One sine has a minus, the other has none: a cos - b sin, a sin + b cos.": lambda *a: _rotate(
            *a, cross=-1
        ),
        "The right numbers stand in the wrong channels: the two of a pair are neighbours, y[..., 0::2] and y[..., 1::2].": (
            _side_by_side
        ),
        "Each channel is turned with itself: in both formulas stand the first and the second of a pair.": _own_channel,
        "Channel i is paired with i + d/2, as some published models have it; here neighbours are pairs.": lambda *a: (
            _rotate(*a, halves=True)
        ),
        "The second channel is computed from the first *after* it was turned: keep the old one.": lambda *a: (
            _rotate(*a, stale=True)
        ),
        "All pairs turn alike here: each has its own speed.": lambda *a: _rotate(
            *a, angle=lambda p, i, d, base: p
        ),
        "The exponent is 2i / d; the 2 is missing.": lambda *a: _rotate(
            *a, angle=lambda p, i, d, base: _angle(p, i / 2, d, base)
        ),
        "The places are counted 0, 1, 2, ... here: use `positions`.": lambda *a: _rotate(*a, counted=True),
        "`base` is not used here.": lambda x, positions, base=0: _rotate(x, positions),
        "This adds the sinusoidal table; rotary turns the vector itself.": _added,
        "Nothing is turned.": lambda x, positions, base=0: x,
    },
)


def _quarter_back(answer):
    got = answer(np.array([[-1.0, 3.0]]), np.array([math.pi / 2]))
    same(got, [[3.0, 1.0]], "the gradient (-1, 3) at place pi/2: a quarter turn back")


def _with_g(rng):
    return rng.normal(size=(2, 5, 6)), np.arange(5)


def _cosines_only(g, positions, base=10000.0):
    return (_rotate(g, positions, base) + _rotate(g, positions, base, sign=-1)) / 2


def _in_the_angle(g, positions, base=10000.0):
    y = _rotate(g, positions, base)
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
            lambda x, positions: _turned(x, positions),
            lambda rng: (rng.normal(size=(2, 3, 4)), np.array([1, 5, 2])),
            vjp=lambda f, g, x, positions: f(g, positions),
            wrt=(0,),
            hint="Each vector is turned back by the angle of its own place: only the sign of the angle is another.",
        ),
        is_vjp_of(
            "also for another base",
            lambda x, positions: _turned(x, positions, 50.0),
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
    examples=lambda rng: (_x(rng), _later(rng)),
    mistakes={
        "This turns on instead of back: the transpose of a rotation turns by -a.": _rotate,
        "This returns g unchanged; the rotation must be undone.": lambda g, positions, base=0: g,
        "The sines are missing: each channel of x goes into both channels of its pair.": _cosines_only,
        "One sine has a minus, the other has none.": lambda *a: _rotate(*a, sign=-1, cross=-1),
        "Channel i is paired with i + d/2 here; neighbours are pairs.": lambda *a: _rotate(
            *a, sign=-1, halves=True
        ),
        "`base` is not used here: pass it to `rotary`.": lambda g, positions, base=0: _rotate(
            g, positions, sign=-1
        ),
        "The sign of the whole gradient is wrong: the angle has the minus, not g.": (
            lambda *a: -_rotate(*a),
            lambda *a: -_rotate(*a, sign=-1),
        ),
        "This is the slope in the angle; asked for is the gradient in x.": _in_the_angle,
        "The places are in the reverse order: the sign of each angle is another, not its place.": (
            lambda g, positions, *base: _rotate(g, positions[::-1], *base, sign=-1),
            lambda g, positions, *base: _rotate(g, positions[::-1], *base),
        ),
        "This turns back twice as far.": lambda *a: _rotate(
            *a, angle=lambda p, i, d, base: -2 * _angle(p, i, d, base)
        ),
    },
)
