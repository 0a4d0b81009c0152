"""Reading and writing by index."""

from __future__ import annotations

from minitransformer.verify.case import OpCase
from minitransformer.verify.cases.masks import BLOCKED
from minitransformer.verify.inputs import given, ids, normal


def _written(lib, x, row, column):
    """x, scaled in place, a part of it overwritten, and the rest of that row added to through a view."""
    y = x * 1
    y.mul_(2)
    y.T[1:3, 0] = row
    y[0].unsqueeze(1)[2:] += column[:2]
    return y


INDICES = [
    OpCase("take_along_dim", lambda lib, x, i: lib.take_along_dim(x, i, 1), [normal(2, 4), ids(4, 1, 3)]),
    OpCase(
        "masked_scatter",
        lambda lib, x, mask, y: lib.masked_scatter(x, mask, y),
        [normal(3, 4), BLOCKED, normal(12)],
    ),
    OpCase(
        "index_put",
        lambda lib, x, i, y: lib.index_put(x, (i,), y),
        [normal(4, 2), given([2, 0]), normal(2, 2)],
    ),
    OpCase(
        "index_put, added",
        lambda lib, x, i, y: lib.index_put(x, (i, i), y, True),
        [normal(3, 3), given([1, 1]), normal(2)],
    ),
    OpCase(
        "embedding_bag",
        lambda lib, rows, i, at, w: lib.nn.functional.embedding_bag(
            i, rows, at, mode="sum", per_sample_weights=w
        ),
        [normal(6, 3), ids(6, 7), given([0, 2, 2, 5]), normal(7)],
    ),
    OpCase("getitem, slices", lambda lib, x: x[1:, None, ::2, -1], [normal(3, 4, 2)]),
    OpCase("getitem, ids that repeat", lambda lib, x, i: x[i], [normal(4, 3), ids(4, 2, 5)]),
    OpCase("getitem, a mask", lambda lib, x, mask: x[mask], [normal(3, 4), BLOCKED]),
    OpCase("narrow", lambda lib, x: lib.narrow(x, 1, -3, 2), [normal(2, 4)]),
    OpCase("select", lambda lib, x: lib.select(x, 1, -2), [normal(2, 4)]),
    OpCase("unfold", lambda lib, x: x.unfold(1, 3, 2), [normal(2, 8)]),
    OpCase("diagonal", lambda lib, x: lib.diagonal(x, 1, 0, 2), [normal(3, 2, 4)]),
    OpCase("diag", lambda lib, x: lib.diag(x, -1), [normal(3)]),
    OpCase("diag_embed", lambda lib, x: lib.diag_embed(x, 1, 0, 2), [normal(2, 3)]),
    OpCase("trace", lambda lib, x: lib.trace(x), [normal(3, 4)]),
    OpCase("gather", lambda lib, x, i: lib.gather(x, 1, i), [normal(3, 4), ids(4, 3, 6)]),
    OpCase("pad", lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1), value=0.5), [normal(2, 3, 4)]),
    OpCase("take", lambda lib, x, i: lib.take(x, i), [normal(3, 4), ids(12, 2, 5)]),
    OpCase("masked_select", lambda lib, x, mask: lib.masked_select(x, mask), [normal(3, 4), BLOCKED]),
    OpCase(
        "put",
        lambda lib, x, source, i: x.put(i, source, accumulate=True),
        [normal(3, 4), normal(2, 2), given([[2, 11], [11, 3]])],
    ),
    OpCase(
        "scatter",
        lambda lib, x, src, i: lib.scatter(x, 1, i, src),
        [normal(3, 4), normal(2, 2), given([[2, 0], [1, 3]])],
    ),
    OpCase(
        "scatter_add",
        lambda lib, x, src, i: lib.scatter_add(x, 1, i, src),
        [normal(3, 4), normal(3, 6), ids(4, 3, 6)],
    ),
    OpCase(
        "index_add",
        lambda lib, x, rows, i: lib.index_add(x, 1, i, rows, alpha=3),
        [normal(3, 4), normal(3, 6), ids(4, 6)],
    ),
    OpCase(
        "index_copy",
        lambda lib, x, rows, i: lib.index_copy(x, 1, i, rows),
        [normal(3, 4), normal(3, 2), given([2, 0])],
    ),
    OpCase(
        "index_fill",
        lambda lib, x, value, i: lib.index_fill(x, 0, i, value),
        [normal(3, 4), normal(), given([2, 0])],
    ),
    OpCase("setitem, in a view", _written, [normal(3, 4), normal(2), normal(3, 1)]),
    OpCase("masked_fill", lambda lib, x, mask: lib.masked_fill(x, mask, 7.0), [normal(2, 3, 4), BLOCKED]),
    OpCase("tril", lambda lib, x: lib.tril(x, 1), [normal(2, 4, 4)]),
    OpCase("triu", lambda lib, x: lib.triu(x, -1), [normal(2, 4, 3)]),
    OpCase("embedding", lambda lib, w, i: lib.nn.functional.embedding(i, w), [normal(5, 3), ids(5, 2, 6)]),
]
