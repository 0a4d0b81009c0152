"""What must be true of prefixes."""

import numpy as np

from minitransformer.course.checks.lesson_13_which_to_believe.common import left_after
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same


def _order(rng):
    return (rng.permutation(6),)


def _booleans(answer):
    got = np.asarray(answer(np.array([1, 0])))
    if got.dtype != bool:
        raise Failed(
            f"expected booleans, got {got.dtype}",
            hint="np.ones(shape, dtype=bool) makes them; so do comparisons.",
        )


def _all_and_none(answer):
    got = np.asarray(answer(np.array([3, 1, 0, 2])))
    same(got.shape, (5, 4), "the shape for 4 words")
    same([got[0].sum(), got[-1].sum()], [4, 0], "how many words are left in the first and in the last row")


prefixes = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Begin with np.ones((T + 1, T), dtype=bool): in row 0 no word is removed.",
        "The word that goes in step k is away in row k + 1 and in all rows below.",
        "keep[step + 1 :, place] = False removes the word from all these rows.",
    ),
    why="All T + 1 texts go to the model in one batch; asking T + 1 times costs many times as much.",
    properties=(
        Property(
            "it starts with all words and ends with none",
            _all_and_none,
            "T words make T + 1 rows: the first has all words, the last none.",
        ),
        returns(
            "row k lacks the first k of the order",
            _order,
            left_after,
            hint="Row k has False at order[0], .., order[k - 1], and True elsewhere.",
        ),
        Property("it is an array of booleans", _booleans, "np.ones(shape, dtype=bool) makes booleans."),
        keeps_its_inputs(_order),
    ),
    examples=lambda rng: (_order(rng), (np.array([2, 0, 1]),)),
    mistakes={
        "`order` lists the places in the order in which they go; here it is taken for each place's turn.": lambda order: (
            order >= np.arange(len(order) + 1)[:, None]
        ),
        "The last row is missing, in which all have gone: T + 1 rows.": lambda order: np.array(
            left_after(order)
        )[:-1],
        "The first row is missing, in which no word is removed: T + 1 rows.": lambda order: np.array(
            left_after(order)
        )[1:],
        "This is inverted: True is for words that are left.": lambda order: ~np.array(left_after(order)),
        "In each row one word is missing; those that went before stay away.": lambda order: np.vstack(
            [np.ones((1, len(order)), bool), ~np.eye(len(order), dtype=bool)[order]]
        ),
        "The last of the order goes first here; order[0] goes first.": lambda order: np.array(
            left_after(order[::-1])
        ),
        "Row 0 has all words: the first word goes in row 1, keep[step + 1 :, place].": lambda order: np.array(
            [[place not in order[: k + 1] for place in range(len(order))] for k in range(len(order) + 1)]
        ),
        "One word too few is gone in each row: the first goes in row 1, keep[step + 1 :, place].": lambda order: (
            np.array(
                [
                    [place not in order[: max(k - 1, 0)] for place in range(len(order))]
                    for k in range(len(order) + 1)
                ]
            )
        ),
        "The rows stand in the reverse order: row 0 has all words.": lambda order: np.array(
            left_after(order)
        )[::-1],
        "The last word of the order does not go here: in the last row no word is left.": lambda order: (
            np.array(
                [
                    [place not in order[: min(k, len(order) - 1)] for place in range(len(order))]
                    for k in range(len(order) + 1)
                ]
            )
        ),
        "Only the first word of the order goes here: a row further down lacks one more each time.": lambda order: (
            (np.arange(len(order)) != order[0]) | (np.arange(len(order) + 1) == 0)[:, None]
        ),
        "All rows are one and the same array: append a copy, row.copy().": lambda order: np.zeros(
            (len(order) + 1, len(order)), bool
        ),
        "Rows are steps and columns are places, (T + 1, T): here they are exchanged.": lambda order: (
            np.array(left_after(order)).T
        ),
        "This takes words from left to right, whatever the order.": lambda order: np.array(
            left_after(np.arange(len(order)))
        ),
    },
)
