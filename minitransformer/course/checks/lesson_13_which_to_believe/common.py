"""What the exercises of the lesson share."""

import math

import numpy as np

from minitransformer.course.exercise import Failed


def left_after(order):
    """Row by row, which places have not gone yet."""
    return [[place not in order[:k] for place in range(len(order))] for k in range(len(order) + 1)]


def model_of(seed, n=7):
    """A score of masks: words that count for themselves, and pairs that count together."""
    rng = np.random.default_rng(seed)
    alone = rng.normal(size=n)
    pairs = rng.normal(size=(n, n))
    return asked_in_rows(lambda keep: 0.3 + np.asarray(keep, float) @ alone + ((keep @ pairs) * keep).sum(-1))


def asked_in_rows(score):
    """A model that takes masks (N, T) of booleans and nothing else, as those of the library do."""

    def logit(keep):
        if np.ndim(keep) != 2 or np.asarray(keep).dtype != bool:
            says = f"logit takes masks (N, T) of booleans, got {np.asarray(keep).dtype} of shape {np.shape(keep)}"
            raise Failed(
                says, hint="One mask is a table of one row, mask[None]; True stands for a word that is left."
            )
        return score(np.asarray(keep))

    return logit


def ask(model, places, n):
    """The score with only these places left, asked on its own."""
    keep = np.zeros((1, n), bool)
    keep[0, list(places)] = True
    return float(model(keep)[0])


def by_rank(relevance):
    """The places, most relevant first."""
    return sorted(range(len(relevance)), key=lambda i: -relevance[i])


def ranks_by_counting(values):
    """The rank of each value; those that are equal share the mean of theirs."""
    return [(1 + 2 * sum(w < v for w in values) + sum(w == v for w in values)) / 2 for v in values]


def spearman(a, b):
    """The rank correlation, by counting."""
    a, b = (np.array(ranks_by_counting(v.tolist())) - (len(v) + 1) / 2 for v in (a, b))
    return math.fsum(a * b) / math.sqrt(math.fsum(a * a) * math.fsum(b * b))


def correlation_of(a, b):
    """The plain correlation, nan where all are equal."""
    with np.errstate(all="ignore"):
        a = a - a.mean()
        b = b - b.mean()
        return (a @ b) / np.sqrt((a @ a) * (b @ b))


def keeps_relevance(answer):
    """The relevance that the answer was given is as it was."""
    relevance = np.array([0.5, -2.0, 1.0])
    answer(asked_in_rows(lambda keep: keep @ np.arange(3.0)), relevance)
    if relevance.tolist() != [0.5, -2.0, 1.0]:
        raise Failed(
            "relevance was changed in place",
            hint="Sort and change a copy: relevance.sort() changes the array itself.",
        )
