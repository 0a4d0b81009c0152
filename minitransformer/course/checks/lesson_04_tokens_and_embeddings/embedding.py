"""What must be true of embedding."""

import numpy as np

from minitransformer.course.checks.lesson_04_tokens_and_embeddings.common import table
from minitransformer.course.exercise import Exercise
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns


def _square_table(rng):
    """Where a mistaken axis still has the right shape."""
    return rng.normal(size=(4, 4)), rng.integers(1, 4, size=4)


def _looked_up(weight, ids):
    out = np.zeros((*ids.shape, weight.shape[1]), weight.dtype)
    for index in np.ndindex(ids.shape):
        for c in range(weight.shape[1]):
            out[*index, c] = weight[ids[index], c]
    return out


embedding = Exercise(
    minutes=5,
    level=1,
    hints=(
        "weight[3] is row 3. What does NumPy give for weight[np.array([3, 0])]?",
        "An array of integers in the brackets picks a row for each, and keeps the array's shape in front.",
    ),
    why="The same as one-hot vectors times the table, without the multiplications by 0.",
    properties=(
        returns(
            "each id gets its row",
            _square_table,
            _looked_up,
            hint="The vector of id i is row i of the table, weight[i], as it is; the vectors stand in the order of the ids.",
        ),
        returns(
            "ids may have any shape",
            table,
            _looked_up,
            hint="weight[np.array([3, 0])] picks two rows; with ids of shape (2, 4) it picks 2 x 4, and keeps that shape in front.",
        ),
        keeps_its_inputs(_square_table, table),
        keeps_float32(table, hint="weight[ids] has the dtype of the table: leave it so."),
    ),
    examples=lambda rng: (_square_table(rng), (rng.normal(size=(5, 5)), np.array([4, 1, 1, 3, 2]))),
    mistakes={
        "This picks columns; an id's vector is a row of the table.": lambda weight, ids: weight[:, ids],
        "This picks columns and transposes them; an id's vector is a row of the table.": lambda weight, ids: (
            weight[:, ids].T
        ),
        "One row too early: ids count from 0.": lambda weight, ids: weight[ids - 1],
        "One row too late: ids count from 0.": lambda weight, ids: weight[(ids + 1) % len(weight)],
        "The rows are multiplied by numbers of ids; an id says which row is meant.": (
            lambda weight, ids: weight * ids[:, None],
            lambda weight, ids: ids @ weight,
        ),
        "np.take without axis=0 picks single numbers, from the table as one long row.": lambda weight, ids: (
            np.take(weight, ids)
        ),
        "These are one number for each id, weight[id, id]: the whole row is its vector.": lambda weight, ids: (
            weight[ids, ids]
        ),
        "The result is transposed: a row for each id, and the channels in the last dimension.": (
            lambda weight, ids: weight[ids].T,
            lambda weight, ids: np.eye(len(weight))[:, ids] @ weight,
        ),
        "Each id is to have its own vector: this is their mean.": (
            lambda weight, ids: weight[ids].mean(0),
            lambda weight, ids: weight[ids].mean(-1),
        ),
        "The vectors are scaled; they are to be the rows as they are.": (
            lambda weight, ids: weight[ids] * np.sqrt(weight.shape[1]),
            lambda weight, ids: weight[ids] / np.linalg.norm(weight[ids], axis=-1, keepdims=True),
        ),
        "Every id gets the same row here, row 0: weight[ids] gives each its own.": lambda weight, ids: weight[
            ids * 0
        ],
        "The vectors are those of the sorted ids: leave the ids in their order.": lambda weight, ids: weight[
            np.sort(ids)
        ],
        "The vectors stand in the reverse order: leave the ids in their order.": lambda weight, ids: weight[
            ids[::-1]
        ],
        "Rows are counted from the end here: row 0 is the first of the table.": (
            lambda weight, ids: weight[-ids],
            lambda weight, ids: weight[-ids - 1],
        ),
        "To each vector that of another row is added: an id has one row.": lambda weight, ids: (
            weight[ids] + weight[ids - 1]
        ),
        "This is the vector of one id alone: each id gets its own.": (
            lambda weight, ids: weight[ids[0]],
            lambda weight, ids: weight[ids[-1]],
        ),
        "The one-hot vectors stand on the left of the product, a row for each id: one_hot @ weight.": (
            lambda weight, ids: weight @ np.eye(len(weight))[ids],
            lambda weight, ids: weight.T @ np.eye(len(weight))[ids],
        ),
        "These are the first rows of the table, whatever the ids are.": lambda weight, ids: weight[
            : len(ids)
        ],
        "Each id has its own vector: this adds them up.": lambda weight, ids: weight[ids].sum(0),
        "Each row once, in the order of the table; rows come in the order of the ids, again if an id comes again.": (
            lambda weight, ids: weight[np.unique(ids)]
        ),
        "These are one number for each id: the whole row is its vector.": lambda weight, ids: weight[ids, 0],
        "These are one-hot vectors; multiplied with the table they would be the answer.": lambda weight, ids: (
            np.eye(len(weight))[ids]
        ),
    },
)
