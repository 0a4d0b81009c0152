"""13 Which explanation to believe. Replace each `raise NotImplementedError`, then run `minitransformer check`.

A text has T words. A mask (T,) of booleans says which of them are left: True stays, False is taken
away. The model is a function `logit` that takes many masks at once, (N, T), and returns one number
for each, (N,): the score that is explained.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


def prefixes(order):
    """Take words away one after the other: which are left after 0, 1, ..., T steps?

    order: (T,) of integers, the places of the words in the order in which they go: order[0] goes
    first. Returns the masks, (T + 1, T) of booleans: row k has False at the first k places of
    `order`.

    >>> prefixes(np.array([2, 0, 1])).astype(int)
    array([[1, 1, 1],
           [1, 1, 0],
           [0, 1, 0],
           [0, 0, 0]])
    """
    raise NotImplementedError


def removal_curves(logit, relevance):
    """Take the most relevant words away first, then the least relevant first, and watch the score.

    relevance: (T,), signed; the largest is the most relevant. logit: masks (N, T) -> scores (N,).
    Returns three things: MoRF (T + 1,), the score after 0 .. T words are gone, most relevant first;
    LeRF (T + 1,), the same with the least relevant first; and the area between, a number:
    AUC(LeRF) - AUC(MoRF).

    AUC is the mean height of a curve over the share of words gone, from 0 to 1, its points joined
    by straight lines (the trapezoid rule): each of the T pieces is 1/T wide and as high as the mean
    of its two ends. `prefixes` above is yours to use.

    >>> removal_curves(lambda keep: keep @ np.array([1.0, 3.0]), np.array([0.1, 0.9]))
    (array([4., 1., 0.]), array([4., 3., 0.]), 1.0)
    """
    raise NotImplementedError


def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
    """The loss without the most relevant words (comprehensiveness), and with them alone (sufficiency).

    For each share p, the most relevant words are the first k = ceil(p T), the largest relevance
    first. With f for the score,

        comprehensiveness = mean over p of f(all) - f(all but these k)   large: these words were needed
        sufficiency       = mean over p of f(all) - f(these k alone)     small: these words are enough

    relevance: (T,); logit: masks (N, T) -> scores (N,). Returns the two numbers, in this order.

    >>> erased(lambda keep: keep @ np.array([1.0, 3.0]), np.array([0.1, 0.9]), shares=(0.5,))
    (3.0, 1.0)
    """
    raise NotImplementedError


def rank_correlation(a, b):
    """Spearman's rank correlation: do two lists of numbers put things in the same order?

    Replace each number by its rank: 1 for the smallest, n for the largest, and where some are
    equal, the mean of the ranks that they would share. Then, with a' and b' the ranks less their
    means,

        rho = sum a'_i b'_i / sqrt(sum a'_i^2 sum b'_i^2)

    a, b: (n,). Returns a number from -1 (opposite order) to 1 (same order); 0 if all of a, or all
    of b, are equal.

    >>> rank_correlation(np.array([1.0, 2.0, 30.0]), np.array([0.0, 5.0, 6.0]))
    1.0
    """
    raise NotImplementedError


def randomisation_test(explain, layers, rng):
    """Destroy a model from the output down, and see how much of an explanation is left.

    layers: a list of weight arrays, the first layer first; they stay as they are. explain: takes
    such a list and returns relevance (T,). rng: a generator, such as np.random.default_rng(0).

    First explain the model as it is. Then replace the *last* layer by normal noise of the same
    shape, mean and standard deviation, and explain again; then the one before as well, and so on
    down to the first, each staying destroyed. Returns a list with one number for each step: the
    rank correlation with the first explanation. `rank_correlation` above is yours to use.

    >>> blind = lambda layers: np.array([3.0, 1.0, 2.0])  # does not look at the model
    >>> randomisation_test(blind, [np.ones((2, 2)), np.ones(2)], np.random.default_rng(0))
    [1.0, 1.0]
    """
    raise NotImplementedError


def auroc(relevance, marked):
    """How well does relevance tell the words that people marked from the others?

    Take every pair of a marked word and one that is not. Count 1 where the marked one has more
    relevance, a half where both have the same, 0 where it has less. Returns the mean over all
    pairs, a number: 1 if all marked words come first, 0.5 for chance.

    relevance: (T,); marked: (T,) of booleans, at least one True and one False.

    >>> auroc(np.array([0.9, 0.1, 0.5]), np.array([True, False, False]))
    1.0
    """
    raise NotImplementedError
