"""Shapley values: what each word adds to the output, averaged over all orders in which the words can be added.

In the terms of game theory, the words are players, a set of words is a coalition, and the output for it is its worth. Shapley
values are the only shares that add up to the worth of all players, depend linearly on the game, are equal for players that
are equal, and are zero for a player that never changes the worth (Shapley, 1953). There are 2^n coalitions. KernelSHAP finds
the values by a weighted regression, LIME's linear model with another kernel, which can also estimate them from some of the
coalitions (Lundberg and Lee, NeurIPS 2017, theorem 2).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb
from typing import Any

import numpy

from minitransformer.explain.explanation import Explanation
from minitransformer.explain.predictions import Label, ask, numbered
from minitransformer.explain.surrogate import (
    BATCH_SIZE,
    Cutter,
    Predict,
    check_request,
    cut,
    whole_words,
    write_texts,
)

Array = numpy.ndarray


class ShapleyExplanation(Explanation):
    """The Shapley value of each word of a text.

    Args:
        pieces: all pieces of the text, T of them.
        ids: for each piece the index of its word, -1 for none, (T,).
        label: the class.
        values: the value of each word.
        base: the probability without any word.
        exact: whether every coalition was computed.

    Attributes:
        words, values: the different words in the order of first appearance, and their values.
        base: the probability without any word; `base` + the sum of `values` is `output`, that of the whole text.
        exact: whether every coalition was computed.
        tokens, ids: all pieces of the text, and the index (T,) of the word that each belongs to, -1 for none.
        relevance: the value of that word, divided evenly among its occurrences, (T,).
    """

    def __init__(self, pieces: list[str], ids: Array, label: Label, values: Array, base: float, exact: bool):
        share = values / numpy.bincount(ids[ids >= 0])  # (n,)
        relevance = numpy.where(ids >= 0, share[ids], 0.0)
        super().__init__("KernelSHAP", ids, relevance, [label], base + float(values.sum()), pieces)
        self.words = [pieces[ids.tolist().index(i)] for i in range(len(values))]
        self.values, self.base, self.exact = values, base, exact

    def as_list(self) -> list[tuple[str, float]]:
        """The words and their values.

        Returns:
            (word, value) of each, largest |value| first.
        """
        order = numpy.argsort(-abs(self.values), kind="stable")
        return [(self.words[i], float(self.values[i])) for i in order]


def shapley_kernel(n: int, size: int) -> float:
    """The weight of one coalition of k among n players, (n - 1) / (C(n, k) k (n - k)).

    Args:
        n: the number of players.
        size: k, from 1 to n - 1.

    Returns:
        The weight.

    Source:
        Lundberg and Lee, NeurIPS 2017, theorem 2.
    """
    return (n - 1) / (comb(n, size) * size * (n - size))


def size_weight(n: int, size: Any) -> Any:
    """The weight of all coalitions of one size together, whose number may be too large for a float.

    Args:
        n: the number of players.
        size: the number of players in the coalition, from 1 to n - 1; or an array of such numbers.

    Returns:
        The weight, or an array of the shape of `size`.
    """
    return (n - 1) / (size * (n - size))


def coalitions(n: int, num_samples: int, seed: int = 0) -> tuple[Array, Array, bool]:
    """The coalitions of n players whose worth is computed, besides the empty and the full one.

    Sizes k and n - k are taken together, the smallest and largest first, since they weigh most: all coalitions of these
    sizes, as long as they fit into `num_samples`. The rest are drawn at random from the other sizes, each with its
    complement; the weight of a coalition that is drawn several times is added up.

    Args:
        n: the number of players.
        num_samples: the largest number of coalitions.
        seed: of the draws.

    Returns:
        (coalitions, bool (N, n); their weights (N,); whether they are all).

    Source:
        Covert and Lee, AISTATS 2021, section 4.
    """
    masks: list[Array] = []
    weights: list[float] = []
    size = 1
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
    """All coalitions of `size` or of n - `size` players, as masks."""
    rows = numpy.zeros((comb(n, size), n), dtype=bool)
    for row, members in zip(rows, combinations(range(n), size), strict=True):
        row[list(members)] = True
    return list(rows) + ([] if 2 * size == n else list(~rows))


def _draw(n: int, smallest: int, pairs: int, seed: int) -> dict[bytes, int]:
    """Draw coalitions of `smallest` to n - `smallest` players, with their complements: bytes of the mask -> number of draws."""
    random = numpy.random.default_rng(seed)
    drawn: dict[bytes, int] = {}
    sizes = numpy.arange(smallest, n - smallest + 1)
    chance = size_weight(n, sizes)
    for size in random.choice(sizes, pairs, p=chance / chance.sum()):
        mask = numpy.zeros(n, dtype=bool)
        mask[random.permutation(n)[:size]] = True
        for side in (mask, ~mask):
            drawn[side.tobytes()] = drawn.get(side.tobytes(), 0) + 1
    return drawn


def constrained_fit(masks: Array, gain: Array, weight: Array, total: float) -> Array:
    """The phi (n,) that minimises sum_z w_z (gain_z - z phi)^2 with sum(phi) = total.

    With phi = total / n + u and sum(u) = 0, this is an ordinary regression on centred rows. If the coalitions are too few to
    determine u, the u of least norm is taken.

    Args:
        masks: coalitions z, bool (N, n).
        gain: (N,).
        weight: w, (N,).
        total: the sum of phi.

    Returns:
        phi, (n,).
    """
    n = masks.shape[1]
    z = masks.astype(numpy.float64)
    root = numpy.sqrt(weight)
    rest = gain - z.sum(axis=1) * total / n  # (N,)
    centred = z - z.mean(axis=1, keepdims=True)  # (N, n)
    u = numpy.linalg.lstsq(root[:, None] * centred, root * rest, rcond=None)[0]
    phi: Array = total / n + u - u.mean()
    return phi


def shapley_values(
    game: Callable[[Array], Array], n: int, num_samples: int = 2048, seed: int = 0
) -> tuple[Array, float, bool]:
    """The Shapley value of each of n players.

    Args:
        game: coalitions, bool (N, n) -> their worth (N,). It is called with the empty and the full coalition, and at most
            `num_samples` others.
        n: the number of players.
        num_samples: the largest number of other coalitions. If all 2^n - 2 fit, the values are exact; otherwise they are
            estimated by a regression. In both cases they add up to game(all) - game(none).
        seed: of the coalitions that are drawn.

    Returns:
        (values (n,), the worth of the empty coalition, whether the values are exact).

    Raises:
        ValueError: no player, too few samples, or `game` returns another shape or no finite numbers.
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
    base = worth[0]
    full = worth[1]
    gain = worth[2:] - worth[0]
    if n == 1:
        return numpy.array([full - base]), float(base), True
    return constrained_fit(masks, gain, weight, full - base), float(base), exact


def kernel_shap(
    predict: Predict,
    text: str,
    label: Label = 1,
    *,
    num_samples: int = 2048,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Cutter | None = None,
    replacement: str | None = None,
) -> ShapleyExplanation:
    """What each word of a text adds to the probability of a class. The words, with their combining marks, are the players.

    The values always add up to predict(text) - predict(text without words).

    Args:
        predict: N texts -> probabilities (N, n_classes), or another form that `lime` takes.
        text: the explained text.
        label: the class, by its number or its name.
        seed: of the samples.
        bow: whether all occurrences of a word are removed together.
        tokenizer: cuts the text into pieces, as in `lime`.
        replacement: what a removed word becomes, as in `lime`.
        num_samples: the largest number of texts, besides the whole and the empty one. Up to 11 different words, 2048 are all
            coalitions, and the values are exact.

    Returns:
        A `ShapleyExplanation`.

    Raises:
        TypeError, ValueError, IndexError: as `lime` does.

    Source:
        Lundberg and Lee, NeurIPS 2017, theorem 2.
    """
    check_request(text, label=numbered(label), num_samples=num_samples)
    pieces, ids = cut(text, tokenizer or whole_words, bow)

    def game(masks: Array) -> Array:
        batches = (masks[start : start + BATCH_SIZE] for start in range(0, len(masks), BATCH_SIZE))
        return numpy.concatenate(
            [ask(predict, write_texts(pieces, ids, b, bow, replacement), [label])[:, 0] for b in batches]
        )

    values, base, exact = shapley_values(game, int(ids.max()) + 1, num_samples, seed)
    return ShapleyExplanation(pieces, ids, label, values, base, exact)
