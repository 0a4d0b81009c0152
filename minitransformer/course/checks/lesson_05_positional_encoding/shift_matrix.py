"""What must be true of shift_matrix."""

import math

import numpy as np

from minitransformer.course.checks.lesson_05_positional_encoding.common import angle_of
from minitransformer.course.differences import rounded
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import same


def _rows(*places, d=8):
    return np.array(
        [[(math.cos if c % 2 else math.sin)(angle_of(p, c // 2, d)) for c in range(d)] for p in places]
    )


def _moves(k, d, *places):
    def holds(answer):
        M = answer(k, d)
        same(np.shape(M), (d, d), "the shape of the matrix")
        cut_off = rounded(_turn(k, d), np.asarray(M))
        for p in places:
            same(
                M @ _rows(p, d=d)[0],
                _rows(p + k, d=d)[0],
                f"M @ PE[{p}] for k = {k}, which is to be PE[{p + k}]",
                hint=cut_off,
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


def _turn(k, d, sign=1, angle=angle_of, halves=False, odd=1):
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


def _blocks(k, d, block):
    """Blocks block(cosine, sine) along the diagonal, one for each hand"""
    M = np.zeros((d, d))
    for row in range(0, d - 1, 2):
        turn = angle_of(k, row / 2, d)
        M[row : row + 2, row : row + 2] = block(math.cos(turn), math.sin(turn))
    return M


def _overlapping(k, d):
    """Blocks of which each is written over half of the one before."""
    M = np.zeros((d, d))
    for row in range(d - 1):
        c, s = math.cos(angle_of(k, row / 2, d)), math.sin(angle_of(k, row / 2, d))
        M[row : row + 2, row : row + 2] = [[c, s], [-s, c]]
    return M


def _with_block(block):
    return lambda k, d: _blocks(k, d, block)


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
            lambda k, d: _turn(k, d, angle=lambda k, i, d: angle_of(k, 2 * i, d))
        ),
        "Only the first hand moves: each other hand turns too, by k / 10000^(2i / d_model), which may be less than 1.": (
            lambda k, d: _first_block(k, d, 1.0),
            lambda k, d: _first_block(k, d, 0.0),
        ),
        "This moves one place too far: the angle is k times the speed.": lambda k, d: _turn(k + 1, d),
        "This moves one place too little: the angle is k times the speed.": lambda k, d: _turn(k - 1, d),
        "Angles are radians as they are: nothing is multiplied by 2 pi.": lambda k, d: _turn(
            2 * math.pi * k, d
        ),
        "Angles are radians as they are: no conversion from degrees.": lambda k, d: _turn(math.radians(k), d),
        "The base is 10000.": (
            lambda k, d: _turn(k, d, angle=lambda k, i, d: angle_of(k, i, d, 1000.0)),
            lambda k, d: _turn(k, d, angle=lambda k, i, d: angle_of(k, i, d, 100000.0)),
        ),
        "Sine and cosine have changed places: the cosines stand on the diagonal.": (
            _with_block(lambda c, s: [[s, c], [-c, s]]),
            _with_block(lambda c, s: [[s, -c], [c, s]]),
            _with_block(lambda c, s: [[s, c], [c, -s]]),
        ),
        "One of the two cosines is missing: both stand on the diagonal of a block.": (
            _with_block(lambda c, s: [[c, s], [-s, 0]]),
            _with_block(lambda c, s: [[0, s], [-s, c]]),
        ),
        "One of the two sines is missing: they stand at both other places of a block.": (
            _with_block(lambda c, s: [[c, s], [0, c]]),
            _with_block(lambda c, s: [[c, 0], [-s, c]]),
        ),
        "This mirrors, it does not turn: both cosines have a plus, and one of the sines a minus.": (
            _with_block(lambda c, s: [[c, s], [s, -c]]),
            _with_block(lambda c, s: [[-c, s], [s, c]]),
        ),
        "The blocks overlap here: they begin in the rows 0, 2, 4, ..": _overlapping,
        "These are the blocks alone: each has its place along the diagonal of a matrix (d_model, d_model).": (
            lambda k, d: np.array([_turn(k, d)[i : i + 2, i : i + 2] for i in range(0, d, 2)])
        ),
        "The sines are missing: each channel needs the other one of its pair.": lambda k, d: np.diag(
            np.diag(_turn(k, d))
        ),
        "This moves twice as far.": lambda k, d: _turn(2 * k, d),
        "All blocks are alike here: each hand turns at its own speed.": lambda k, d: _turn(
            k, d, angle=lambda k, i, d: k
        ),
        "The exponent is 2i / d_model; the 2 is missing.": lambda k, d: _turn(
            k, d, angle=lambda k, i, d: angle_of(k, i / 2, d)
        ),
        "Channel i is paired with i + d/2 here; in this table a sine and its cosine are neighbours.": lambda k, d: (
            _turn(k, d, halves=True)
        ),
        "This moves by one place whatever k is: the angle is k times the speed.": lambda k, d: _turn(1, d),
        "The matrix changes nothing: it is for k = 0.": lambda k, d: np.eye(d),
    },
)
