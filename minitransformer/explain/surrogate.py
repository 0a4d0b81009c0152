"""LIME: explain one prediction of any classifier by a small linear model that approximates it near the text.

LIME reads nothing inside the classifier. It removes words from the text at random, computes the classifier's probability for
each such text, and fits a weighted linear regression, which gives what the presence of each word adds to the probability:

    xi(x) = argmin_g  sum_z  pi_x(z) (f(z) - g(z'))^2  +  Omega(g)

f is the classifier and z a text with some words of x. z' is a row of zeros and ones that tells which words these are,
g(z') = b + sum_i c_i z'_i is the linear model, pi_x(z) is high for z near x, and Omega(g) keeps g to a few words. The *signed*
c_i are the explanation. Ribeiro, Singh and Guestrin, "Why should I trust you?", KDD 2016, equation 1 and algorithm 1. The
details (seeded draws, kernel, selection) and the numbers are those of lime 0.2.0.1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast, overload

import numpy

from minitransformer.explain.explanation import Explanation
from minitransformer.explain.predictions import Label, ask, numbered
from minitransformer.tokenization import Tokenizer
from minitransformer.tokenization.marks import LETTERS, find_words

KERNEL_WIDTH = 25.0  # in the units of `cosine_distance`, 0 to 100
HIDDEN = "UNKWORDZ"  # takes the place of a removed word with bow=False
BATCH_SIZE = 512  # texts in one call of the classifier
ROWS = 256  # of a matrix in one product
SEPARATOR = re.compile(r"(\W+)")
PIECE = re.compile(rf"{LETTERS}|\W+")

Array = numpy.ndarray
Predict = Callable[[list[str]], Any]  # see `predictions`
SEVERAL = (list, tuple, range, Array)  # types of several labels
Several = list[Label] | list[int] | list[str] | tuple[Label, ...] | range | Array
Cutter = Tokenizer | Callable[[str], Sequence[str]]


class LimeExplanation(Explanation):
    """The linear model that approximates the classifier near one text.

    Args:
        pieces: all pieces of the text, T of them.
        ids: for each piece the index of its feature, -1 for none, (T,).
        label: the class.
        prediction: the classifier's probability for the whole text.
        chosen: the indices of the chosen features, (k,).
        weights: their weights, (k,).
        intercept: b of the linear model.
        score: its weighted R^2.
        local_prediction: its value for the whole text.

    Attributes:
        words, weights: the chosen features, largest |weight| first.
        tokens, ids: all pieces of the text in order, and the index (T,) of the feature that each belongs to, -1 for none.
        relevance: the weight of that feature, (T,); 0 where it was not chosen.
        prediction: the classifier's probability for the whole text.
        intercept, local_prediction: b, and the linear model's value for the whole text, b + the sum of `weights`.
        score: the weighted R^2 of the linear model; 1 is a perfect fit, 0 is no better than a constant.
    """

    def __init__(
        self,
        pieces: list[str],
        ids: Array,
        label: Label,
        prediction: float,
        chosen: Array,
        weights: Array,
        intercept: float,
        score: float,
        local_prediction: float,
    ):
        weight_of = dict(zip(chosen.tolist(), weights.tolist(), strict=True))
        relevance = numpy.array([weight_of.get(i, 0.0) for i in ids.tolist()])
        super().__init__("LIME", ids, relevance, [label], prediction, pieces)
        self.words = [pieces[ids.tolist().index(i)] for i in weight_of]
        self.weights, self.intercept, self.score = weights, intercept, score
        self.prediction, self.local_prediction = prediction, local_prediction

    def as_list(self) -> list[tuple[str, float]]:
        """The chosen features and their weights.

        Returns:
            (word, weight) of each, largest |weight| first.
        """
        return list(zip(self.words, self.weights.tolist(), strict=True))

    def __repr__(self) -> str:
        lines = [f"  {weight:+.4f}  {word}" for word, weight in self.as_list()]
        title = f"LIME: probability of class {self.target[0]} is {self.prediction:.4f}, "
        return "\n".join(
            [title + f"its imitation says {self.local_prediction:.4f} (R^2 {self.score:.3f})", *lines]
        )


# ---- the text as features ----


def split_words(text: str) -> list[str]:
    """A text cut into words and the characters between them. A combining mark ends a word, as in lime.

    Args:
        text: any text.

    Returns:
        The pieces in order; joined they are the text.
    """
    return [piece for piece in SEPARATOR.split(text) if piece]


def whole_words(text: str) -> list[str]:
    """As `split_words`, but a word includes its combining marks, such as the vowel signs of Hindi.

    Args:
        text: any text.

    Returns:
        The pieces in order; joined they are the text.
    """
    return find_words(PIECE, text)


def number_features(pieces: Sequence[str], bow: bool) -> Array:
    """The index of the feature that each piece belongs to.

    Args:
        pieces: T pieces of a text.
        bow: whether all occurrences of a word are one feature (bag of words), or each is a feature of its own.

    Returns:
        (T,), numbered by first appearance, -1 for a piece without a letter or digit.
    """
    number: dict[str | int, int] = {}
    found = [-1] * len(pieces)
    for position, piece in enumerate(pieces):
        if re.search(r"\w", piece):
            found[position] = number.setdefault(piece if bow else position, len(number))
    return numpy.array(found, dtype=numpy.int64)


def perturb(n: int, num_samples: int, seed: int) -> Array:
    """The features that each sample keeps.

    The numbers of removed features are drawn first, for all samples; then which ones: the first of a shuffled 0, ..., n - 1.

    Args:
        n: the number of features.
        num_samples: the number of samples.
        seed: of the draws.

    Returns:
        bool (num_samples, n). The first row keeps all features; each other row loses 1 to n.
    """
    random = numpy.random.RandomState(seed)
    lost = random.randint(1, n + 1, num_samples - 1)  # (N - 1,)
    order = numpy.tile(numpy.arange(n), (num_samples - 1, 1))  # (N - 1, n)
    for row in order:
        random.shuffle(row)
    masks = numpy.ones((num_samples, n), dtype=bool)
    numpy.put_along_axis(masks[1:], order, numpy.arange(n) >= lost[:, None], axis=1)
    return masks


def distinct(masks: Array) -> tuple[Array, Array]:
    """The different rows, in the order of first appearance, and how often each was drawn.

    Equal rows are equal texts with equal probabilities, so one row of weight 2 has the same effect as two rows.

    Args:
        masks: bool (N, n).

    Returns:
        (rows (U, n), counts (U,)).
    """
    packed = numpy.packbits(masks, axis=1)  # (N, n) -> (N, ceil(n / 8))
    count = Counter(packed.view(f"V{packed.shape[1]}").ravel().tolist())
    rows = numpy.frombuffer(b"".join(count), dtype=numpy.uint8).reshape(len(count), -1)
    different = numpy.unpackbits(rows, axis=1, count=masks.shape[1]).astype(bool)  # (U, n)
    return different, numpy.array(list(count.values()))


def write_texts(
    pieces: Sequence[str], ids: Array, masks: Array, bow: bool, replacement: str | None = None
) -> list[str]:
    """The text with the words that each mask keeps.

    Args:
        pieces: T pieces of the text.
        ids: the feature of each piece, (T,), -1 for none.
        masks: bool (U, n), the features that each text keeps.
        bow: whether a removed word disappears, or becomes `HIDDEN`.
        replacement: what a removed word becomes instead.

    Returns:
        U texts.
    """
    lost = ("" if bow else HIDDEN) if replacement is None else replacement
    words = [position for position, i in enumerate(ids) if i >= 0]  # (M,)
    tails = ["".join(pieces[a + 1 : b]) for a, b in zip(words, words[1:] + [len(pieces)], strict=True)]
    kept = [pieces[position] + tail for position, tail in zip(words, tails, strict=True)]
    gone = [lost + tail for tail in tails]
    present, absent = (numpy.array(each, dtype=object) for each in (kept, gone))  # (M,)
    choice = numpy.where(masks[:, ids[words]], present, absent)  # (U, M)
    head = "".join(pieces[: words[0]])
    return [head + "".join(row) for row in choice.tolist()]


# ---- how near a sample is ----


def cosine_distance(masks: Array) -> Array:
    """100 (1 - cos) between each row and the row of ones, where cos = k / sqrt(k n) if k of n are kept.

    Args:
        masks: (N, n) booleans, True for a feature that is kept.

    Returns:
        (N,), from 0 to 100.
    """
    cosine: Array = numpy.sqrt(masks.mean(axis=1))
    return 100 * (1 - cosine)


def kernel(distance: Array, width: float = KERNEL_WIDTH) -> Array:
    """The weight of a sample at distance D from the text, sqrt(exp(-D^2 / width^2)).

    Args:
        distance: D of each sample, (N,).
        width: the larger, the more a distant sample counts.

    Returns:
        (N,), 1 for the text itself and lower at a greater distance.
    """
    return numpy.sqrt(numpy.exp(-(distance**2) / width**2))


def mask_weights(masks: Array, width: float = KERNEL_WIDTH) -> Array:
    """The weight of each sample of a text: `kernel` of its `cosine_distance`.

    Args:
        masks: bool (N, n), the features that each sample keeps.
        width: of the kernel.

    Returns:
        (N,), from 0 to 1.
    """
    return kernel(cosine_distance(masks), width)


# ---- the linear model ----


def weighted_products(x: Array, y: Array, weight: Array) -> Array:
    """X^T W Y, in blocks of rows, since small products are faster in one thread.

    Args:
        x: (N, k).
        y: (N, ..).
        weight: the diagonal of W, (N,).

    Returns:
        (k, ..).
    """
    blocks = [slice(start, start + ROWS) for start in range(0, len(x), ROWS)]
    parts: list[Array] = [x[block].T * weight[block] @ y[block] for block in blocks]
    return sum(parts[1:], parts[0])


def weighted_least_squares(x: Array, y: Array, weight: Array, alpha: float = 0.0) -> Array:
    """The c that minimises sum_n w_n (y_n - x_n c)^2 + alpha |c|^2; it solves (X^T W X + alpha I) c = X^T W y.

    Args:
        x: (N, k).
        y: (N,).
        weight: w, (N,).
        alpha: the weight of the penalty.

    Returns:
        c, (k,).

    Raises:
        numpy.linalg.LinAlgError: the equations have no unique solution.
    """
    gram = weighted_products(x, x, weight) + alpha * numpy.eye(x.shape[1])  # (k, k)
    return numpy.linalg.solve(gram, weighted_products(x, y, weight))


def centre(values: Array, weight: Array) -> tuple[Array, Array]:
    """Values less their weighted mean, and that mean.

    Args:
        values: (N, ..).
        weight: (N,).

    Returns:
        The differences (N, ..), and the mean (..).
    """
    # relative to the first row, so that constant values give exactly zero
    rest = values - values[0]
    mean = weight @ rest / weight.sum()
    return rest - mean, values[0] + mean


def weighted_ridge(x: Array, y: Array, weight: Array, alpha: float) -> tuple[Array, float, float]:
    """Weighted ridge regression y ~ b + x c, with the penalty alpha |c|^2 that does not include b.

    b = mean(y) - mean(x) c, so both sides are first centred by their weighted means, which removes b.

    Args:
        x: (N, k).
        y: (N,).
        weight: w, (N,).
        alpha: the weight of the penalty.

    Returns:
        (c (k,), b, R^2), with R^2 = 1 - sum w (y - b - x c)^2 / sum w (y - mean(y))^2, or 0 where y does not vary.
    """
    xc, x_mean = centre(x, weight)
    yc, y_mean = centre(y, weight)
    coef = weighted_least_squares(xc, yc, weight, alpha)  # (k,)
    total = weight @ yc**2
    left = weight @ (yc - xc @ coef) ** 2
    return coef, float(y_mean - x_mean @ coef), float(1 - left / total) if total else 0.0


# ---- which words ----


def forward_selection(x: Array, y: Array, weight: Array, k: int) -> Array:
    """k features, chosen one by one: each gives the best fit of y together with those chosen before it.

    No regression is repeated: the part that the chosen features explain is subtracted from y and from the other columns.
    Fitting the rest of y by the rest of a column has the same residual as the joint fit (Frisch and Waugh, Econometrica
    1933). Of several equally good features the first is chosen.

    Args:
        x: (N, n).
        y: (N,).
        weight: (N,).
        k: the number of features.

    Returns:
        The indices of the features, (min(k, n),).
    """
    root = numpy.sqrt(weight)[:, None]
    # (N, n), (N, 1)
    x = root * centre(x, weight)[0]
    y = root * centre(y[:, None], weight)[0]
    total = (y * y).sum() or 1.0
    norms = (x * x).sum(axis=0)  # (n,)
    chosen: list[int] = []
    for _ in range(min(k, x.shape[1])):
        square = (x * x).sum(axis=0)  # (n,)
        square[square <= 1e-12 * norms] = numpy.inf  # a linear combination of the chosen columns gets slope 0
        slope = (x * y).sum(axis=0) / square
        score = 1 - ((y - slope * x) ** 2).sum(axis=0) / total  # (n,): the R^2 with each feature added
        score[chosen] = -numpy.inf
        best = int(score.argmax())
        chosen.append(best)
        column = x[:, best : best + 1]  # (N, 1)
        y = y - slope[best] * column
        x = x - column * ((column * x).sum(axis=0) / square[best])
    return numpy.array(chosen)


def highest_weights(x: Array, y: Array, weight: Array, k: int) -> Array:
    """The features with the largest |c x_0| in a fit of all features with coefficients c.

    Args:
        x: (N, n), x_0 in the first row.
        y: (N,).
        weight: (N,).
        k: how many features.

    Returns:
        Their indices, (min(k, n),).
    """
    coef, _, _ = weighted_ridge(x, y, weight, alpha=0.01)
    return numpy.argsort(-abs(coef * x[0]), kind="stable")[:k]


def select_features(x: Array, y: Array, weight: Array, k: int) -> Array:
    """At most k features: by forward selection for k up to 6, else by their weights, which is faster.

    Args:
        x: (N, n).
        y: (N,).
        weight: (N,).
        k: how many features.

    Returns:
        Their indices, (min(k, n),).
    """
    return (forward_selection if k <= 6 else highest_weights)(x, y, weight, k)


# ---- the request ----


def check_request(text: str, **counts: int) -> None:
    """Raise an error for a text or a count that cannot be explained.

    Args:
        text: the text.
        **counts: as in `check_counts`.

    Raises:
        TypeError: the text is no string; and as `check_counts`.
        ValueError: as `check_counts`.
    """
    if not isinstance(text, str):
        raise TypeError(f"text: expected a string, got {type(text).__name__}")
    check_counts(**counts)


def check_counts(**counts: int) -> None:
    """Raise an error for a count that is no integer or is too small.

    Args:
        **counts: the counts, by the names of the arguments.

    Raises:
        TypeError: a count is no integer.
        ValueError: a count is too small.
    """
    for name, value in counts.items():
        if not isinstance(value, (int, numpy.integer)):
            raise TypeError(f"{name}: expected an integer, got {value!r}")
    if counts.get("num_features", 1) < 1:
        raise ValueError(
            f"num_features: expected at least 1 word to explain with, got {counts['num_features']}"
        )
    if counts.get("num_samples", 2) < 2:
        raise ValueError(
            f"num_samples: expected at least 2, the text and one change of it, got {counts['num_samples']}"
        )


def cut(text: str, tokenizer: Cutter | None, bow: bool) -> tuple[list[str], Array]:
    """The pieces of a text, and the feature of each.

    Args:
        text: the text.
        tokenizer: what cuts it; None for `split_words`.
        bow: whether equal words are one feature.

    Returns:
        The T pieces, and the index of each one's feature, (T,), -1 for none.

    Raises:
        ValueError: the pieces do not make up the text, or there is no word.
    """
    split = tokenizer.tokens if isinstance(tokenizer, Tokenizer) else tokenizer or split_words
    pieces = list(split(text))
    if not all(isinstance(piece, str) for piece in pieces) or "".join(pieces) != text:
        raise ValueError(f"tokenizer: expected strings that joined make up {text[:40]!r}, got {pieces[:8]}")
    ids = number_features(pieces, bow)
    if ids.max(initial=-1) < 0:
        raise ValueError(
            f"text: expected at least one word, something with a letter or digit, got {text[:40]!r}"
        )
    return pieces, ids


def imitate(
    pieces: list[str],
    ids: Array,
    label: Label,
    prediction: float,
    x: Array,
    y: Array,
    weight: Array,
    num_features: int,
) -> LimeExplanation:
    """Fit the linear model.

    Args:
        pieces: the T pieces of the text.
        ids: the index of the feature of each piece, (T,).
        label: the class.
        prediction: the classifier's probability for the text.
        x: the features of each sample, (N, n), the text itself first.
        y: the classifier's probability for each sample, (N,).
        weight: of each sample, (N,).
        num_features: the largest number of features in the linear model.

    Returns:
        The explanation.
    """
    chosen = select_features(x, y, weight, num_features)  # (k,)
    coef, intercept, score = weighted_ridge(x[:, chosen], y, weight, alpha=1.0)
    local = intercept + float(x[0, chosen] @ coef)
    order = numpy.argsort(-abs(coef), kind="stable")
    return LimeExplanation(
        pieces, ids, label, prediction, chosen[order], coef[order], intercept, score, local
    )


@overload
def lime(
    predict: Predict,
    text: str,
    label: Label = 1,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Cutter | None = None,
    *,
    replacement: str | None = None,
) -> LimeExplanation: ...


@overload
def lime(
    predict: Predict,
    text: str,
    label: Several,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Cutter | None = None,
    *,
    replacement: str | None = None,
) -> list[LimeExplanation]: ...


def lime(
    predict: Predict,
    text: str,
    label: Label | Several = 1,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Cutter | None = None,
    *,
    replacement: str | None = None,
) -> LimeExplanation | list[LimeExplanation]:
    """How much each word of a text adds to the probability of a class, or takes from it.

    Args:
        predict: N texts, at most 512 in one call -> probabilities (N, n_classes), or another of the forms in
            `explain.predictions`: a pipeline of scikit-learn or transformers, spaCy's `nlp.pipe`, one score for each text. It is
            called once for each different text, one of which may have none of the words.
        text: the explained text, with at least one word.
        label: the class, by its number or its name; a sequence of classes gives a list of explanations from the same samples.
        num_features: the largest number of words in the linear model.
        num_samples: the number of samples, with the text itself.
        seed: of the samples.
        bow: True removes all occurrences of a word together (bag of words). False treats each occurrence by itself, and
            puts "UNKWORDZ" in the place of a removed one.
        tokenizer: a tokenizer, or a function, that cuts the text into pieces which joined make it up; those with a letter
            or digit are the words. None cuts as lime does; `list` cuts into characters, which suits Chinese;
            `surrogate.whole_words` leaves combining marks in their words, which Hindi needs.
        replacement: what a removed word becomes instead.

    Returns:
        A `LimeExplanation`, or a list of them.

    Raises:
        TypeError: a text that is no string, or counts that are no integers.
        ValueError: a text without words, counts that are too small, pieces that are not the text, or probabilities of
            another shape or not finite.
        IndexError: a label that is no class; and whatever `predict` raises.

    Source:
        Ribeiro et al., KDD 2016, algorithm 1.
    """
    several = isinstance(label, SEVERAL)
    labels = list(cast(Several, label)) if several else [cast(Label, label)]
    for each in labels:
        check_request(text, label=numbered(each), num_features=num_features, num_samples=num_samples)
    pieces, ids = cut(text, tokenizer, bow)
    masks, count = distinct(perturb(int(ids.max()) + 1, num_samples, seed))  # (U, n), (U,)
    batches = (masks[start : start + BATCH_SIZE] for start in range(0, len(masks), BATCH_SIZE))
    asked = [ask(predict, write_texts(pieces, ids, batch, bow, replacement), labels) for batch in batches]
    x = masks.astype(numpy.float64)
    weight = count * mask_weights(masks)
    found = [
        imitate(pieces, ids, each, float(y[0]), x, y, weight, num_features)
        for each, y in zip(labels, numpy.concatenate(asked).T, strict=True)  # (U, L) -> L of (U,)
    ]
    return found if several else found[0]
