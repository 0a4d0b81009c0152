"""What must be true of auroc."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, one_number, returns, same


def _marks(rng):
    return rng.normal(size=9), np.array([1, 0, 0, 1, 1, 0, 0, 0, 1], dtype=bool)


def _tied_marks(rng):
    return np.array([1.0, 1.0, 0.0, 2.0, -1.0, 0.0, 1.0]), np.array(
        [True, False, True, False, False, False, True]
    )


MIDDLE = (
    np.array([0.1, 0.8, 0.9, 0.3, 0.5]),
    np.array([True, False, True, False, True]),
)  # the best is neither first nor last


def _pairs(relevance, marked):
    scores = [
        1.0 if r > s else 0.5 if r == s else 0.0
        for r, m in zip(relevance.tolist(), marked.tolist(), strict=True)
        for s, other in zip(relevance.tolist(), marked.tolist(), strict=True)
        if m and not other
    ]
    return math.fsum(scores) / len(scores)


def _best_and_worst(answer):
    relevance = np.array([3.0, 2.0, 1.0, 0.0])
    marked = np.array([True, True, False, False])
    same(
        [answer(relevance, marked), answer(-relevance, marked)],
        [1.0, 0.0],
        "all marked words first, and all marked words last",
    )


def _wrong_auroc(tie=0.5, turned=False, absolute=False, every=False):
    """The area with something wrong in it."""

    def auroc(relevance, marked):
        relevance = abs(relevance) if absolute else relevance
        ahead = relevance[marked][:, None] - relevance[~marked]
        ahead = -ahead if turned else ahead
        won = (ahead > 0) + tie * (ahead == 0)
        return won.sum() / len(relevance) ** 2 if every else won.mean()

    return auroc


def _ties_are_halves(answer):
    relevance, marked = _tied_marks(None)
    got = one_number(
        answer(relevance.copy(), marked.copy()), "the area where some words are equally relevant"
    )
    lost, won = (_wrong_auroc(tie=tie)(relevance, marked) for tie in (0, 1))
    counted = f"{(got - lost) / (won - lost):.4g}"
    hint = (
        f"This is the mean if a pair with the same relevance counts {counted}: count a half."
        if got >= 0
        else ""
    )
    same(got, _pairs(relevance, marked), "the area where some words are equally relevant", hint=hint)


def _halves(ahead):
    return ((ahead > 0) + (ahead == 0) / 2).mean()


def _against(chosen):
    """Only one of the marked words, chosen(places), is compared with the others."""

    def auroc(relevance, marked):
        one = np.zeros(len(marked), bool)
        one[chosen(relevance, np.flatnonzero(marked))] = True
        return _halves(relevance[one] - relevance[~marked])

    return auroc


def _side_by_side(relevance, marked):
    """The first marked word with the first other one, and so on."""
    ahead = [r - s for r, s in zip(relevance[marked], relevance[~marked], strict=False)]
    return float(np.mean([1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in ahead]))


def _precision(relevance, marked):
    return marked[np.argsort(-relevance, kind="stable")[: marked.sum()]].mean()


auroc = Exercise(
    minutes=10,
    level=1,
    hints=(
        "relevance[marked] and relevance[~marked] are the two groups.",
        "With one as a column, [:, None], their difference is a table of all pairs.",
        "(ahead > 0) + (ahead == 0) / 2, and the mean of it.",
    ),
    why="It needs no threshold: it asks for the order alone. It is also the area under the ROC curve, hence the name.",
    properties=(
        Property(
            "1 if all marked words come first, 0 if last",
            _best_and_worst,
            "A pair counts 1 where the marked word has more relevance; relevance is signed.",
        ),
        returns(
            "it is the mean over all pairs",
            _marks,
            _pairs,
            hint="The mean over all pairs of one marked word and one that is not.",
        ),
        Property(
            "equal relevance counts half",
            _ties_are_halves,
            "A pair with the same relevance counts a half.",
        ),
        keeps_its_inputs(_marks),
    ),
    examples=lambda rng: (_marks(rng), _tied_marks(rng), MIDDLE),
    mistakes={
        "Each marked word is compared with every other word; here only with one, as zip does.": _side_by_side,
        "`//` rounds down: divide by `/`.": lambda *inputs: float(_wrong_auroc()(*inputs) // 1),
        "Where both have the same relevance, count a half, not 0.": _wrong_auroc(tie=0),
        "Where both have the same relevance, count a half, not 1.": _wrong_auroc(tie=1),
        "This counts where the word that is not marked has more.": _wrong_auroc(turned=True),
        "Relevance is signed: a word that speaks against comes last, so take no absolute values.": _wrong_auroc(
            absolute=True
        ),
        "A pair lost counts 0, not -1.": lambda relevance, marked: 2 * _wrong_auroc()(relevance, marked) - 1,
        "Take the mean over the pairs, not the sum.": lambda relevance, marked: (
            _wrong_auroc()(relevance, marked) * marked.sum() * (~marked).sum()
        ),
        "How far apart they are does not matter: count the pairs in which the marked word is ahead.": lambda relevance, marked: (
            relevance[marked].mean() - relevance[~marked].mean()
        ),
        "Marked words are compared with the mean of the others: compare them with each of the others.": (
            lambda relevance, marked: _halves(relevance[marked] - relevance[~marked].mean())
        ),
        "The mean of the marked words is compared: compare each of them with each of the others.": (
            lambda relevance, marked: _halves(relevance[marked].mean() - relevance[~marked])
        ),
        "The means of the two groups are compared: compare the words, pair by pair.": (
            lambda relevance, marked: float(relevance[marked].mean() > relevance[~marked].mean())
        ),
        "Only the most relevant of the marked words is compared: compare each of them.": _against(
            lambda relevance, places: places[relevance[places].argmax()]
        ),
        "Only the first of the marked words is compared: compare each of them.": _against(
            lambda relevance, places: places[0]
        ),
        "Only the last of the marked words is compared: compare each of them.": _against(
            lambda relevance, places: places[-1]
        ),
        "Marked words are compared with all words: compare them with those that are not marked.": lambda relevance, marked: (
            np.mean([(r > s) + (r == s) / 2 for r in relevance[marked] for s in relevance])
        ),
        "All words are compared with all: compare a marked one with one that is not.": lambda relevance, marked: (
            np.mean([(r > s) + (r == s) / 2 for r in relevance for s in relevance])
        ),
        "This is divided by the number of marked words alone: divide by the number of pairs.": lambda relevance, marked: (
            _wrong_auroc()(relevance, marked) * (~marked).sum()
        ),
        "This is divided by the number of words that are not marked: divide by the number of pairs.": (
            lambda relevance, marked: _wrong_auroc()(relevance, marked) * marked.sum()
        ),
        "Divide by the number of pairs of a marked word and another, not by all T * T.": _wrong_auroc(
            every=True
        ),
        "This is the share of marked words among the first; here all pairs are asked for.": _precision,
        "This is how often the sign of relevance agrees with the marks; here pairs are compared.": lambda relevance, marked: (
            ((relevance > 0) == marked).mean()
        ),
    },
)
