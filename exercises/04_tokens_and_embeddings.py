"""04 Tokens and embeddings. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

from collections import Counter

import numpy as np


def merge_pair(ids, pair, new):
    """Put the id `new` in place of each `pair` of neighbours, from left to right.

    ids: a tuple of integers; pair: a tuple of two of them; new: any integer, also one of the pair.
    Returns a tuple. What was merged is used up: merging (1, 1) turns 1 1 1 into new 1, and a new
    id is not merged again.

    >>> merge_pair((5, 1, 2, 1, 2), (1, 2), 9)
    (5, 9, 9)
    """
    raise NotImplementedError


def most_frequent_pair(words):
    """The pair of neighbours that occurs most often in all words.

    words: {word: how often it occurs in the text}, a word being a tuple of ids. A pair counts at
    each of its places in a word, times the word's number, and never reaches from one word into
    the next. Of pairs that are equally frequent return the smallest (as Python compares tuples);
    None if no pair occurs at least twice.

    >>> most_frequent_pair({(1, 2, 3): 2, (2, 3): 1})
    (2, 3)
    """
    raise NotImplementedError


def bpe_encode(ids, merges):
    """Merge the ids of a word as training did: what was learned first is merged first.

    ids: a tuple of integers; merges: {pair: its new id}, in any order. A merge learned earlier has a
    smaller new id. As long as there are neighbours in `merges`, merge those with the smallest new id.
    Returns a tuple. `merge_pair` above is yours to use.

    >>> bpe_encode((1, 2, 3), {(2, 3): 10, (1, 2): 11, (1, 10): 12})
    (12,)
    """
    raise NotImplementedError


def embedding(weight, ids):
    """Each id's vector, read off a table.

        y[...] = weight[ids[...]]

    weight: (V, C), a row for each id; ids: integers of any shape (...). Returns (..., C) of weight's
    dtype.

    >>> embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    raise NotImplementedError


def embedding_vjp(g, ids, vocab_size):
    """The gradient of the table: the gradients of all uses of a row, added up.

        dL/dweight[v] = sum of g[...] over all places where ids[...] == v

    g: (..., C), the gradient of embedding(weight, ids); ids: (...); vocab_size: V, the number of
    rows. Returns (V, C) of g's dtype; rows that were not used get zeros.

    >>> embedding_vjp(np.array([[1.0, 2.0], [10.0, 20.0]]), np.array([1, 1]), 3)
    array([[ 0.,  0.],
           [11., 22.],
           [ 0.,  0.]])
    """
    raise NotImplementedError
