"""What must be true of cross_entropy."""

import math

import numpy as np

from minitransformer.course.checks.lesson_09_learning.common import batch, large_scores, softmax, surprise
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same


def _equal_scores(answer):
    for n in (2, 10):
        same(
            answer(np.full((3, n), 7.0), np.array([0, 1, 1])),
            math.log(n),
            f"the loss of {n} equal scores, ln {n}",
        )


def _sure_and_right(answer):
    same(
        answer(np.array([[50.0, 0.0]]), np.array([0])) + 1,
        1.0,
        "1 + the loss where the right class is all but certain",
    )


NO_INFINITY = (
    "exp(1000) is infinite, and ln of a share that rounds to 0 is -inf: "
    "neither occurs in x_i - m - ln(sum), with m the row's own maximum."
)


def _sure_and_wrong(answer):
    with np.errstate(all="ignore"):
        got = answer(*large_scores(None))
    if got is not None and not np.isfinite(got).all():
        raise Failed(f"the loss of a row that is wrong by 1000 became {got}", hint=NO_INFINITY)
    same(got, 500.0, "the mean loss of two rows, one wrong by 1000, one right by 900")


def _wrong_loss(axis=-1, log=np.log, pick=None, total=np.mean, shares=softmax, sign=-1):
    """Cross-entropy with something wrong in it."""
    pick = pick or (lambda table, targets: table[np.arange(len(targets)), targets])
    return lambda logits, targets: sign * total(pick(log(shares(logits, axis)), targets))


cross_entropy = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Three steps: the logarithm of softmax of each row, (N, V); each row's entry of the right class, (N,); minus their mean.",
        "log_p[np.arange(N), targets] takes one entry of each row: (0, targets[0]), (1, targets[1]), and so on.",
        "ln(exp(x_i - m) / sum) = x_i - m - ln(sum): the exponential and the logarithm cancel, so take neither of x_i.",
    ),
    why="With the logarithm taken inside, no share ever rounds to 0; a model that is wrong by 1000 pays 1000, and not infinity.",
    properties=(
        Property("equal scores cost ln V", _equal_scores),
        Property("being right and certain costs nothing", _sure_and_right),
        returns("values are right", batch, surprise),
        Property("being wrong and certain costs a lot, but no infinity", _sure_and_wrong),
        keeps_its_inputs(batch),
        keeps_float32(batch),
    ),
    examples=lambda rng: (batch(rng), batch(rng)),
    mistakes={
        "Divide the sum over the rows by N: the mean.": _wrong_loss(total=np.sum),
        "These are the losses of all rows; one number is wanted, their mean.": _wrong_loss(total=lambda t: t),
        "The sign is wrong: the logarithm of a share is negative, and the loss is minus that.": _wrong_loss(
            sign=1
        ),
        "`log_p[:, targets]` takes N entries of every row; `log_p[np.arange(N), targets]` takes one of each.": _wrong_loss(
            pick=lambda table, targets: table[:, targets]
        ),
        "The mean goes over all N x V entries; there are N losses, one for each row.": _wrong_loss(
            pick=lambda table, targets: table * (np.arange(table.shape[1]) == targets[:, None])
        ),
        "Every class counts here; only the right one's share matters.": _wrong_loss(
            pick=lambda table, targets: table
        ),
        "Softmax goes down the columns; the classes of a row are along the last axis.": _wrong_loss(axis=0),
        "The logarithm is missing: this is minus the mean share.": _wrong_loss(log=lambda p: p),
        "The logarithm is to base 2; ln is np.log.": _wrong_loss(log=lambda p: np.log(p) / np.log(2)),
        "Softmax is missing: these are the scores, not the logarithms of shares.": _wrong_loss(
            log=lambda p: p, shares=lambda x, axis: x
        ),
    },
)
