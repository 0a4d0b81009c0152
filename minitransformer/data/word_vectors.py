"""Vectors of words from the words around them: words that stand in like places get like vectors, before any training.

How often two words are neighbours is counted. The positive pointwise mutual information says how much more often that is than by
chance. Its leading singular vectors hold most of it in a few numbers for each word.

Source:
    Levy, Goldberg and Dagan, "Improving distributional similarity with lessons learned from word embeddings", TACL 2015,
    sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

Array = numpy.ndarray
SMOOTHING = 0.75  # the power of a neighbour's count: rare neighbours are taken for less of a surprise
SPARE = 20  # directions beyond those asked for, which make the leading ones exact
ROUNDS = 4


def word_vectors(texts: Sequence[Sequence[int]], vocab_size: int, size: int, window: int = 4) -> Array:
    """One vector for each id, from its neighbours in texts.

    Args:
        texts: the ids of each text.
        vocab_size: the number V of ids.
        size: the number C of each vector; beyond V, the last ones are 0.
        window: the largest distance of two neighbours.

    Returns:
        (V, C); zeros for an id without neighbours.
    """
    information = positive_information(neighbours(texts, vocab_size, window))  # (V, V)
    left, values = leading(information, size)
    vectors = left * numpy.sqrt(values) * information.any(axis=1, keepdims=True)  # (V, C) * (C,) * (V, 1)
    return numpy.pad(vectors, [(0, 0), (0, size - vectors.shape[1])])


def neighbours(texts: Sequence[Sequence[int]], vocab_size: int, window: int) -> Array:
    """How often two ids are neighbours; a pair at distance d counts 1 / d.

    Args:
        texts: the ids of each text.
        vocab_size: the number V of ids.
        window: the largest distance.

    Returns:
        (V, V), symmetric.
    """
    counts = numpy.zeros((vocab_size, vocab_size))
    for text in texts:
        ids = numpy.array(text, dtype=numpy.int64)  # (T,)
        for distance in range(1, min(window, len(ids) - 1) + 1):
            numpy.add.at(counts, (ids[:-distance], ids[distance:]), 1 / distance)
    return counts + counts.T


def positive_information(counts: Array) -> Array:
    """max(0, log p(i, j) / (p(i) q(j))), where q is the smoothed distribution of neighbours.

    Args:
        counts: of pairs, (V, V).

    Returns:
        (V, V) in nats; 0 where the count is 0.
    """
    each = counts.sum(axis=1)  # (V,)
    smoothed = each**SMOOTHING
    by_chance = numpy.outer(each, smoothed / max(smoothed.sum(), 1))  # (V, V)
    ratio = numpy.divide(counts, by_chance, out=numpy.ones_like(counts), where=counts > 0)
    information: Array = numpy.log(numpy.maximum(ratio, 1))
    return information


def leading(matrix: Array, number: int) -> tuple[Array, Array]:
    """The leading left singular vectors of a matrix and their singular values, by subspace iteration.

    Args:
        matrix: (V, V).
        number: how many, C.

    Returns:
        The vectors as columns (V, C), and the values (C,), the largest first.

    Source:
        Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, algorithms 4.4 and 5.1.
    """
    basis = numpy.random.default_rng(0).standard_normal((len(matrix), min(number + SPARE, len(matrix))))
    for _ in range(ROUNDS):
        basis, _ = numpy.linalg.qr(matrix @ (matrix.T @ basis))  # (V, C + SPARE)
    left, values, _ = numpy.linalg.svd(basis.T @ matrix, full_matrices=False)
    return (basis @ left)[:, :number], values[:number]
