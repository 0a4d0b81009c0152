"""What must be true of causal_mask."""

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import is_array_if, same


def _sees_itself_and_before(answer):
    got = answer(4)
    right = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    same(got, right, "the mask of 4 positions")
    is_array_if(right, got)
    if np.asarray(got).dtype.kind != "b":
        raise Failed(
            f"expected booleans, got {np.asarray(got).dtype}",
            hint="A comparison such as `a >= b` gives booleans.",
        )


def _one(answer):
    same(answer(1), [[1]], "the mask of 1 position")


causal_mask = Exercise(
    minutes=5,
    level=1,
    hints=("np.arange(T) as a column, compared with np.arange(T) as a row, gives a table of T x T answers.",),
    why="One line of broadcasting; np.tri and np.tril make the same table.",
    properties=(
        Property(
            "position i sees positions 0 .. i",
            _sees_itself_and_before,
            "A table of T rows and T columns: row i is True at columns 0 to i, and False behind them.",
        ),
        Property(
            "a single position sees itself", _one, "For T = 1 it is a table of one row and one column, True."
        ),
    ),
    examples=lambda rng: ((4,), (3,)),
    mistakes={
        "No position sees itself: j <= i, not j < i.": lambda T: np.tri(T, k=-1, dtype=bool),
        "This looks ahead: transpose it.": lambda T: np.tri(T, dtype=bool).T,
        "This forbids where it should allow: True is where i may see j.": lambda T: ~np.tri(T, dtype=bool),
        "This is a mask to be added, of 0 and -inf; here True and False are asked for.": (
            lambda T: np.where(np.tri(T), 0, -np.inf),
            lambda T: np.where(np.tri(T), 0, -1e9),
        ),
        "The rows are in the reverse order: row 0 sees position 0 alone.": lambda T: np.tri(T, dtype=bool)[
            ::-1
        ],
        "The columns are in the reverse order: row 0 sees position 0 alone.": lambda T: np.tri(T, dtype=bool)[
            :, ::-1
        ],
        "Only the position just before and the position itself are seen; all earlier ones may be.": lambda T: (
            np.tri(T, dtype=bool) & ~np.tri(T, k=-2, dtype=bool)
        ),
        "A table of T rows and T columns is wanted; this is one row.": (
            lambda T: np.ones(T, dtype=bool),
            lambda T: np.arange(T) >= np.arange(T),
        ),
        "This looks one step ahead: j <= i, not j <= i + 1.": lambda T: np.tri(T, k=1, dtype=bool),
        "The first position sees nothing here: row 0 is True at column 0.": lambda T: (
            np.tri(T, dtype=bool) & (np.arange(T) > 0)[:, None]
        ),
        "The last position sees nothing here: it sees all, itself included.": lambda T: (
            np.tri(T, dtype=bool) & (np.arange(T) < T - 1)[:, None]
        ),
        "Position 0 is seen by none here: every position sees it.": lambda T: (
            np.tri(T, dtype=bool) & (np.arange(T) > 0)
        ),
        "T positions make T rows and T columns: here is one row, or one column, too many.": (
            lambda T: np.tri(T + 1, dtype=bool),
            lambda T: np.tri(T, T + 1, dtype=bool),
            lambda T: np.tri(T + 1, T, dtype=bool),
        ),
        "T positions make T rows and T columns: here is one row, or one column, too few.": (
            lambda T: np.tri(T - 1, dtype=bool),
            lambda T: np.tri(T - 1, T, dtype=bool),
            lambda T: np.tri(T, T - 1, dtype=bool),
        ),
        "One row of T times T numbers: .reshape(T, T) makes a table of it.": lambda T: np.tri(
            T, dtype=bool
        ).ravel(),
        "A table of two axes is wanted, and here is a third of size 1.": (
            lambda T: np.tri(T, dtype=bool)[None],
            lambda T: np.tri(T, dtype=bool)[..., None],
        ),
        "Each position sees its neighbours on both sides; it may see all before it, and none behind.": lambda T: (
            np.tri(T, k=1, dtype=bool) & ~np.tri(T, k=-2, dtype=bool)
        ),
        "Each position sees all others and not itself: it sees itself and those before.": lambda T: (
            ~np.eye(T, dtype=bool)
        ),
        "Only the first position is seen; all earlier ones may be, and the position itself.": lambda T: (
            np.arange(T) + 0 * np.arange(T)[:, None] == 0
        ),
        "This looks two steps ahead: j <= i, not j <= i + 2.": lambda T: np.tri(T, k=2, dtype=bool),
        "The positions just before are hidden as well: j <= i, not j <= i - 2.": lambda T: np.tri(
            T, k=-2, dtype=bool
        ),
        "Each position sees only itself; it may see earlier ones too.": lambda T: np.eye(T, dtype=bool),
        "Each position sees all positions.": lambda T: np.ones((T, T), dtype=bool),
    },
)
