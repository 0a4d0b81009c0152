"""What must be true of cross_entropy."""

import math

import numpy as np

from minitransformer.course.checks.lesson_09_learning.common import batch, large_scores, softmax, surprise
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_its_inputs, one_number, returns, same


def _equal_scores(answer):
    for n in (2, 10):
        same(
            one_number(answer(np.full((3, n), 7.0), np.array([0, 1, 1])), "the loss"),
            math.log(n),
            f"the loss of {n} equal scores, ln {n}",
        )


def _sure_and_right(answer):
    same(
        one_number(answer(np.array([[50.0, 0.0]]), np.array([0])), "the loss") + 1,
        1.0,
        "1 + the loss where the right class is all but certain",
    )


NO_INFINITY = (
    "exp(1000) is infinite, and ln of a share that rounds to 0 is -inf: "
    "neither occurs in x_i - m - ln(sum), with m the row's own maximum."
)


LIMITED = (
    "A small number added to the share, or a limit for it, makes the loss finite, but too small: "
    "x_i - m - ln(sum) needs neither."
)


def _sure_and_wrong(answer):
    with np.errstate(all="ignore"):
        got = answer(*large_scores(None))
        one_more = answer(np.array([[-np.inf, 0.0, 0.0]]), np.array([1]))
    if got is not None and not np.isfinite(got).all():
        raise Failed(f"the loss of a row that is wrong by 1000 became {got}", hint=NO_INFINITY)
    hint = LIMITED if np.shape(got) == () and got < 500 else ""
    same(got, 500.0, "the mean loss of two rows, one wrong by 1000, one right by 900", hint=hint)
    same(one_more, math.log(2), "the loss where a wrong class has the score -inf and two are equal")


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
        Property(
            "equal scores cost ln V",
            _equal_scores,
            "V equal scores have the shares 1/V, and -ln(1/V) = ln V for each row; their mean is the same.",
        ),
        Property(
            "being right and certain costs nothing",
            _sure_and_right,
            "The share of the right class is nearly 1 here, and ln 1 = 0.",
        ),
        returns(
            "values are right",
            batch,
            surprise,
            hint="-ln of each row's share of its own right class, log_p[np.arange(N), targets], and the mean over the rows.",
        ),
        Property("being wrong and certain costs a lot, but no infinity", _sure_and_wrong, NO_INFINITY),
        keeps_its_inputs(batch, large_scores),
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
        "Softmax goes over all rows together; each row's shares sum to 1.": (
            lambda logits, targets: _wrong_loss(
                shares=lambda x, axis: np.exp(x - x.max()) / np.exp(x - x.max()).sum()
            )(logits, targets)
        ),
        "Softmax is taken twice: log of softmax of the scores, and of nothing else.": _wrong_loss(
            shares=lambda x, axis: softmax(softmax(x))
        ),
        "This is the mean square of what is missing to the right class's share; the loss is -ln of this share.": _wrong_loss(
            log=lambda p: -((1 - p) ** 2)
        ),
        "This is the squared error to a table of 0 and 1; cross-entropy is -ln of the right class's share.": (
            lambda logits, targets: ((softmax(logits) - np.eye(logits.shape[1])[targets]) ** 2).mean(),
            lambda logits, targets: (
                ((softmax(logits) - np.eye(logits.shape[1])[targets]) ** 2).sum(-1).mean()
            ),
        ),
        "The losses of the wrong classes, ln(1 - share), are added: only the right class's share counts.": (
            lambda logits, targets: (
                -np.log(abs(np.eye(logits.shape[1])[targets] + softmax(logits) - 1)).sum(-1).mean()
            )
        ),
        "The sigmoid of each score on its own stands where softmax of the row should.": _wrong_loss(
            shares=lambda x, axis: 1 / (1 + np.exp(-x))
        ),
        "This is 1 minus the share; the loss is minus its logarithm.": _wrong_loss(log=lambda p: p - 1),
        "This is ln(1 - share); the loss is minus the logarithm of the share.": _wrong_loss(
            log=lambda p: np.log(1 - p)
        ),
        "This is the entropy of the shares, which does not need the targets: take -ln of the right class's share.": (
            lambda logits, targets: -(softmax(logits) * np.log(softmax(logits))).sum(-1).mean()
        ),
        "The logarithm of the mean share is taken; it is the mean of the logarithms.": (
            lambda logits, targets: -np.log(softmax(logits)[np.arange(len(targets)), targets].mean())
        ),
        "The median is taken; it is the mean.": _wrong_loss(total=np.median),
        "The losses are divided by V, the number of classes; the mean divides by N, the number of rows.": (
            lambda logits, targets: _wrong_loss(total=np.sum)(logits, targets) / logits.shape[1]
        ),
        "The score of the right class is missing, and only ln of the sum is there.": (
            lambda logits, targets: np.log(np.exp(logits).sum(-1)).mean()
        ),
        "The maximum was subtracted from the right class's score, or inside the sum, but not both: subtract it first, from all.": (
            lambda logits, targets: (
                np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))
                - logits[np.arange(len(targets)), targets]
            ).mean(),
            lambda logits, targets: (
                np.log(np.exp(logits).sum(-1))
                - (logits - logits.max(-1, keepdims=True))[np.arange(len(targets)), targets]
            ).mean(),
        ),
        "This is the loss of the largest score's class; the targets say which class is right.": (
            lambda logits, targets: _wrong_loss()(logits, logits.argmax(-1))
        ),
        "`log_p[targets]` takes whole rows; `log_p[np.arange(N), targets]` takes one entry of each row.": _wrong_loss(
            pick=lambda table, targets: table[targets]
        ),
        "The rows and the targets are exchanged in the index: log_p[np.arange(N), targets].": _wrong_loss(
            pick=lambda table, targets: table[targets, np.arange(len(targets))]
        ),
        "Softmax is missing: these are the scores, not the logarithms of shares.": _wrong_loss(
            log=lambda p: p, shares=lambda x, axis: x
        ),
    },
)
