"""Shapley values: what each word adds to the answer, averaged over all orders in which the words could have come.

They are the only shares that add up to the answer, are equal for equal players, and nothing for one that never matters
(Shapley, 1953). There are 2^n coalitions to ask. KernelSHAP finds the values by a weighted regression, the same surrogate as
LIME's with another kernel, and so makes do with some of them (Lundberg & Lee, NeurIPS 2017, theorem 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

import numpy

from minitransformer.explain.answer import Explanation
from minitransformer.explain.surrogate import BATCH_SIZE, ask, check_request, cut, whole_words, write_texts
from minitransformer.tokenization import Tokenizer

Array = numpy.ndarray


class ShapleyExplanation(Explanation):
    """The share of each word: `words` and `values` in the order of first appearance.

    `base` is the answer without any word, and `base` + the sum of `values` is `output`, the answer for the whole text.
    `tokens` are all pieces of the text, `ids` (T,) the word each belongs to (-1: none), `relevance` (T,) that word's value
    shared evenly among its occurrences. `exact` tells whether every coalition was asked.
    """

    def __init__(self, pieces: list[str], ids: Array, label: int, values: Array, base: float, exact: bool):
        share = values / numpy.bincount(ids[ids >= 0])  # (n,)
        relevance = numpy.where(ids >= 0, share[ids], 0.0)
        super().__init__("KernelSHAP", ids, relevance, [label], base + float(values.sum()), pieces)
        self.words = [pieces[ids.tolist().index(i)] for i in range(len(values))]
        self.values, self.base, self.exact = values, base, exact

    def as_list(self) -> list[tuple[str, float]]:
        """(word, value), largest |value| first."""
        order = numpy.argsort(-abs(self.values), kind="stable")
        return [(self.words[i], float(self.values[i])) for i in order]


def shapley_kernel(n: int, size: int) -> float:
    """(n - 1) / (C(n, k) k (n - k)): the weight of a coalition of k among n players, 0 < k < n (theorem 2)."""
    return (n - 1) / (comb(n, size) * size * (n - size))


def size_weight(n: int, size):
    """What all coalitions of a size weigh together, of which there may be more than a float can count."""
    return (n - 1) / (size * (n - size))


def coalitions(n: int, num_samples: int, seed: int = 0) -> tuple[Array, Array, bool]:
    """Coalitions to ask, bool (N, n), their weights (N,), and whether they are all, without the empty and the full one.

    Sizes k and n - k are taken together, all of them as long as they fit into `num_samples`, the smallest and largest
    first: they weigh most. What is left is drawn at random from the other sizes, each draw with its complement, and
    equal draws count together (Covert & Lee, AISTATS 2021, section 4).
    """
    masks, weights, size = [], [], 1
    while size <= n // 2 and len(masks) + comb(n, size) * (1 if 2 * size == n else 2) <= num_samples:
        block = _of_size(n, size)
        masks += block
        weights += [shapley_kernel(n, size)] * len(block)
        size += 1
    if size > n // 2:
        return numpy.array(masks, dtype=bool).reshape(-1, n), numpy.array(weights), True
    drawn = _draw(n, size, (num_samples - len(masks)) // 2, seed)
    left = sum(size_weight(n, k) for k in range(size, n - size + 1))
    total = sum(drawn.values())
    masks += [numpy.frombuffer(row, dtype=bool) for row in drawn]
    weights += [left * count / total for count in drawn.values()]
    return numpy.array(masks, dtype=bool).reshape(-1, n), numpy.array(weights), False


def _of_size(n: int, size: int) -> list[Array]:
    """All coalitions of `size` or n - `size` players, as masks."""
    rows = numpy.zeros((comb(n, size), n), dtype=bool)
    for row, members in zip(rows, combinations(range(n), size), strict=True):
        row[list(members)] = True
    return list(rows) + ([] if 2 * size == n else list(~rows))


def _draw(n: int, smallest: int, pairs: int, seed: int) -> dict[bytes, int]:
    """Pairs of a coalition of `smallest` to n - `smallest` players and its complement: mask bytes -> how often drawn."""
    random, drawn = numpy.random.default_rng(seed), {}
    sizes = numpy.arange(smallest, n - smallest + 1)
    chance = size_weight(n, sizes)
    for size in random.choice(sizes, pairs, p=chance / chance.sum()):
        mask = numpy.zeros(n, dtype=bool)
        mask[random.permutation(n)[:size]] = True
        for side in (mask, ~mask):
            drawn[side.tobytes()] = drawn.get(side.tobytes(), 0) + 1
    return drawn


def constrained_fit(masks: Array, gain: Array, weight: Array, total: float) -> Array:
    """phi (n,) of least sum_z w_z (gain_z - z phi)^2 with sum(phi) = total. masks (N, n), gain (N,), weight (N,).

    phi = total / n + u with sum(u) = 0: what is left is an ordinary regression on centred rows. Where coalitions are too
    few to tell, the u of least norm.
    """
    n = masks.shape[1]
    z, root = masks.astype(numpy.float64), numpy.sqrt(weight)
    rest = gain - z.sum(axis=1) * total / n  # (N,)
    centred = z - z.mean(axis=1, keepdims=True)  # (N, n)
    u = numpy.linalg.lstsq(root[:, None] * centred, root * rest, rcond=None)[0]
    return total / n + u - u.mean()


def shapley_values(
    game: Callable[[Array], Array], n: int, num_samples: int = 2048, seed: int = 0
) -> tuple[Array, float, bool]:
    """The Shapley value of each of n players (n,), the worth of nobody, and whether they are exact.

    `game` takes coalitions, bool (N, n), and returns what each is worth, (N,). It is asked about nobody, all, and at most
    `num_samples` others; when all 2^n - 2 fit, the values are exact, and else a regression's estimate. In both cases they
    add up to game(all) - game(nobody). Raises ValueError for no player, too few samples, and answers that are not finite
    numbers (N,).
    """
    if n < 1 or num_samples < 2:
        raise ValueError(f"expected n >= 1 players and num_samples >= 2, got {n} and {num_samples}")
    masks, weight, exact = coalitions(n, num_samples, seed)
    asked = numpy.vstack([numpy.zeros((1, n), bool), numpy.ones((1, n), bool), masks])
    worth = numpy.asarray(game(asked), dtype=numpy.float64)
    if worth.shape != (len(asked),) or not numpy.isfinite(worth).all():
        raise ValueError(
            f"game: expected {len(asked)} finite numbers, shape ({len(asked)},), got shape {worth.shape}: {worth}"
        )
    base, full, gain = worth[0], worth[1], worth[2:] - worth[0]
    if n == 1:
        return numpy.array([full - base]), float(base), True
    return constrained_fit(masks, gain, weight, full - base), float(base), exact


def kernel_shap(
    predict: Callable[[list[str]], Array],
    text: str,
    label: int = 1,
    num_samples: int = 2048,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Tokenizer | Callable[[str], Sequence[str]] | None = None,
    replacement: str | None = None,
) -> ShapleyExplanation:
    """What each word of `text` adds to the probability of class `label` (Lundberg & Lee, NeurIPS 2017, theorem 2).

    The words, with their combining marks, are the players; arguments and errors are those of `lime`. Up to 11 different words,
    2048 samples are all coalitions and the values exact. They always add up to predict(text) - predict(no word).
    """
    check_request(text, label=label, num_samples=num_samples)
    pieces, ids = cut(text, tokenizer or whole_words, bow)

    def game(masks: Array) -> Array:
        batches = (masks[start : start + BATCH_SIZE] for start in range(0, len(masks), BATCH_SIZE))
        return numpy.concatenate(
            [ask(predict, write_texts(pieces, ids, b, bow, replacement), [label])[:, 0] for b in batches]
        )

    values, base, exact = shapley_values(game, int(ids.max()) + 1, num_samples, seed)
    return ShapleyExplanation(pieces, ids, int(label), values, base, exact)
