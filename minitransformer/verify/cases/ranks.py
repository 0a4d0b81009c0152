"""Ops between ranks, in a group of one, where each of them is what PyTorch does without any."""

from __future__ import annotations

from minitransformer.collectives.local import Local, Room
from minitransformer.ops.networks.ranks import copied, gathered, parted, summed, vocabulary_lookup
from minitransformer.verify.case import OpCase
from minitransformer.verify.inputs import ids, normal

ALONE = Local(Room(1), [0], 0, 1.0)


def _same(torch, x):
    return x * 1


RANKS = [
    OpCase("copied, one rank", lambda lib, x: copied(x, ALONE), [normal(2, 3)], _same),
    OpCase("summed, one rank", lambda lib, x: summed(x, ALONE), [normal(2, 3)], _same),
    OpCase("gathered, one rank", lambda lib, x: gathered(x, ALONE, 3), [normal(2, 3)], _same),
    OpCase("parted, one rank", lambda lib, x: parted(x, ALONE), [normal(2, 3)], _same),
    OpCase(
        "vocabulary_lookup, one rank",
        lambda lib, rows, i: vocabulary_lookup(i, rows, ALONE, 4),
        [normal(4, 3), ids(4, 2, 5)],
        lambda torch, rows, i: rows[i],
    ),
]
