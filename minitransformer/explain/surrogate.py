"""LIME: explain one prediction of any classifier by a small linear model that imitates it nearby.

Nothing inside the classifier is opened. Words are left out of the text at random, the classifier is asked about every
such text, and a weighted linear regression tells how much each word being there adds to the answer:

    xi(x) = argmin_g  sum_z  pi_x(z) (f(z) - g(z'))^2  +  Omega(g)

z' is a row of zeros and ones (which words of x are in z), g(z') = b + sum_i c_i z'_i, pi_x(z) says how near z is to x,
and Omega(g) keeps g to a few words. The *signed* c_i are the explanation. Ribeiro, Singh and Guestrin, "Why should I
trust you?", KDD 2016, equation 1 and algorithm 1. The details (seeded draws, kernel, selection) follow lime 0.2.0.1, and
so do the numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy

from minitransformer.explain.answer import Explanation
from minitransformer.tokenization import Tokenizer
from minitransformer.tokenization.marks import LETTERS, find_words

KERNEL_WIDTH = 25.0  # in the units of `cosine_distance`, 0 to 100
HIDDEN = "UNKWORDZ"  # stands for a removed word where the other words keep their places (bow=False)
BATCH_SIZE = 512  # texts shown to the classifier at once
ROWS = 256  # of a matrix multiplied at once
SEPARATOR = re.compile(r"(\W+)")
PIECE = re.compile(rf"{LETTERS}|\W+")

Array = numpy.ndarray


class LimeExplanation(Explanation):
    """A linear imitation of the classifier around one text, and what it says about each piece of that text.

    `words` and `weights` are the chosen features, largest |weight| first. `tokens` are all pieces of the text in order,
    `relevance` (T,) the weight of each (0 where not chosen), `ids` (T,) the feature each belongs to, -1 for none.
    `local_prediction` is the imitation's answer for the whole text, `intercept` + the sum of `weights`; `prediction` is
    the classifier's own. `score` is the weighted R^2 of the imitation: 1 perfect, 0 no better than a constant.
    """

    def __init__(
        self,
        pieces: list[str],
        ids: Array,
        label: int,
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
        """(word, weight) of each chosen feature, largest |weight| first."""
        return list(zip(self.words, self.weights.tolist(), strict=True))

    def __repr__(self) -> str:
        lines = [f"  {weight:+.4f}  {word}" for word, weight in self.as_list()]
        title = f"LIME: probability of class {self.target[0]} is {self.prediction:.4f}, "
        return "\n".join(
            [title + f"its imitation says {self.local_prediction:.4f} (R^2 {self.score:.3f})", *lines]
        )


# ---- the text as features ----


def split_words(text: str) -> list[str]:
    """Words and what stands between them, in order; together they are the text. A combining mark ends a word, as in lime."""
    return [piece for piece in SEPARATOR.split(text) if piece]


def whole_words(text: str) -> list[str]:
    """The same, but a word holds its combining marks, such as the vowel signs of Hindi."""
    return find_words(PIECE, text)


def number_features(pieces: Sequence[str], bow: bool) -> Array:
    """The feature each piece belongs to, counted by first appearance, -1 where a piece holds no word character.

    As a bag of words (`bow`) all occurrences of a word are one feature, otherwise each is a feature of its own.
    """
    number: dict = {}
    keys = [
        (piece if bow else place) if re.search(r"\w", piece) else None for place, piece in enumerate(pieces)
    ]
    return numpy.array(
        [-1 if key is None else number.setdefault(key, len(number)) for key in keys], dtype=numpy.int64
    )


def perturb(n: int, num_samples: int, seed: int) -> Array:
    """Which of n features each sample keeps: bool (num_samples, n). The first row keeps all, every other loses 1 to n.

    How many are lost is drawn first, for all samples, then which ones: the first so many of a shuffled 0, ..., n - 1.
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
    """Each different row once, by first appearance, and how often it was drawn: (N, n) -> (U, n), (U,).

    Equal rows are equal texts and get equal answers, so one row that counts twice says the same as two.
    """
    packed = numpy.packbits(masks, axis=1)  # (N, n) -> (N, ceil(n / 8))
    count = Counter(packed.view(f"V{packed.shape[1]}").ravel().tolist())
    rows = numpy.frombuffer(b"".join(count), dtype=numpy.uint8).reshape(len(count), -1)
    return numpy.unpackbits(rows, axis=1, count=masks.shape[1]).astype(bool), numpy.array(
        list(count.values())
    )


def write_texts(
    pieces: Sequence[str], ids: Array, masks: Array, bow: bool, replacement: str | None = None
) -> list[str]:
    """The text of each mask, (U, n) -> U strings: a lost word becomes `replacement`, and the rest stays.

    Without one it disappears (`bow`), or becomes `HIDDEN`.
    """
    lost = ("" if bow else HIDDEN) if replacement is None else replacement
    words = [start for start, i in enumerate(ids) if i >= 0]  # (M,): where the words are
    tails = ["".join(pieces[a + 1 : b]) for a, b in zip(words, words[1:] + [len(pieces)], strict=True)]
    present = numpy.array(
        [pieces[place] + tail for place, tail in zip(words, tails, strict=True)], dtype=object
    )
    absent = numpy.array([lost + tail for tail in tails], dtype=object)
    choice = numpy.where(masks[:, ids[words]], present, absent)  # (U, M)
    head = "".join(pieces[: words[0]])
    return [head + "".join(row) for row in choice.tolist()]


# ---- how near a sample is ----


def cosine_distance(masks: Array) -> Array:
    """D = 100 (1 - cos) from each row to the row of ones, (N, n) -> (N,): with k of n kept, cos = k / sqrt(k n)."""
    return 100 * (1 - numpy.sqrt(masks.mean(axis=1)))


def kernel(distance: Array, width: float = KERNEL_WIDTH) -> Array:
    """pi_x(z) = sqrt(exp(-D(x, z)^2 / width^2)): 1 at the text itself, less the more is missing."""
    return numpy.sqrt(numpy.exp(-(distance**2) / width**2))


# ---- the linear model ----


def weighted_products(x: Array, y: Array, weight: Array) -> Array:
    """X^T W Y, in blocks of rows: small products are done before a second thread would have woken up."""
    blocks = (slice(start, start + ROWS) for start in range(0, len(x), ROWS))
    return sum(x[block].T * weight[block] @ y[block] for block in blocks)


def weighted_least_squares(x: Array, y: Array, weight: Array, alpha: float = 0.0) -> Array:
    """The c of least sum_n w_n (y_n - x_n c)^2 + alpha |c|^2, where (X^T W X + alpha I) c = X^T W y.

    x (N, k), y (N,), weight (N,) -> (k,). Raises numpy.linalg.LinAlgError where the equations have no single solution.
    """
    gram = weighted_products(x, x, weight) + alpha * numpy.eye(x.shape[1])  # (k, k)
    return numpy.linalg.solve(gram, weighted_products(x, y, weight))


def centre(values: Array, weight: Array) -> tuple[Array, Array]:
    """Values less their weighted mean, and that mean: (N, ...), (N,) -> (N, ...), (...)."""
    # Counted from the first row, so that a constant is exactly zero and not rounding noise.
    rest = values - values[0]
    mean = weight @ rest / weight.sum()
    return rest - mean, values[0] + mean


def weighted_ridge(x: Array, y: Array, weight: Array, alpha: float) -> tuple[Array, float, float]:
    """c (k,), b and R^2 of y ~ b + x c, where the penalty alpha |c|^2 leaves b alone: x (N, k), y (N,), weight (N,).

    b = mean(y) - mean(x) c, so both sides are centred by their weighted means first and b drops out.
    R^2 = 1 - sum w (y - b - x c)^2 / sum w (y - mean(y))^2, and 0 where y does not vary.
    """
    (xc, x_mean), (yc, y_mean) = centre(x, weight), centre(y, weight)
    coef = weighted_least_squares(xc, yc, weight, alpha)  # (k,)
    total, left = weight @ yc**2, weight @ (yc - xc @ coef) ** 2
    return coef, float(y_mean - x_mean @ coef), float(1 - left / total) if total else 0.0


# ---- which words ----


def forward_selection(x: Array, y: Array, weight: Array, k: int) -> Array:
    """k features, each the one that, joined to those before it, fits y best: x (N, n), y (N,), weight (N,) -> (k,).

    No regression is repeated. Whatever the chosen features explain is taken out of y and of the other columns; fitting
    what is left of y by what is left of a column leaves what the joint fit would leave (Frisch and Waugh, Econometrica
    1933). Of equals the first is chosen.
    """
    root = numpy.sqrt(weight)[:, None]
    x, y = root * centre(x, weight)[0], root * centre(y[:, None], weight)[0]  # (N, n), (N, 1)
    total, norms, chosen = (y * y).sum() or 1.0, (x * x).sum(axis=0), []
    for _ in range(min(k, x.shape[1])):
        square = (x * x).sum(axis=0)  # (n,)
        square[square <= 1e-12 * norms] = numpy.inf  # a column that the chosen ones make up: slope 0
        slope = (x * y).sum(axis=0) / square
        score = 1 - ((y - slope * x) ** 2).sum(axis=0) / total  # (n,): the R^2 with each feature added
        score[chosen] = -numpy.inf
        best = int(score.argmax())
        chosen.append(best)
        column = x[:, best : best + 1]  # (N, 1)
        y, x = y - slope[best] * column, x - column * ((column * x).sum(axis=0) / square[best])
    return numpy.array(chosen)


def highest_weights(x: Array, y: Array, weight: Array, k: int) -> Array:
    """The k features of largest |coefficient x_0| when all are fitted together: x (N, n), first row x_0 -> (at most k,)."""
    coef, _, _ = weighted_ridge(x, y, weight, alpha=0.01)
    return numpy.argsort(-abs(coef * x[0]), kind="stable")[:k]


def select_features(x: Array, y: Array, weight: Array, k: int) -> Array:
    """At most k features, found one by one up to 6 and by weight beyond, where one by one takes long."""
    return (forward_selection if k <= 6 else highest_weights)(x, y, weight, k)


# ---- asking the classifier ----


def ask(predict: Callable, inputs: Sequence, labels: Sequence[int]) -> Array:
    """The probabilities of `labels` for each text (or row of numbers), float64 (len(inputs), len(labels))."""
    try:
        answer = predict(inputs)
    except Exception as error:
        error.add_note(f"raised by predict, given {len(inputs)} inputs such as {inputs[-1]!r} (perturbed)")
        raise
    answer = numpy.asarray(answer, dtype=numpy.float64)
    if answer.ndim != 2 or len(answer) != len(inputs):
        raise ValueError(
            f"predict: expected an array of shape ({len(inputs)}, n_classes), one row of probabilities for each text, "
            f"got shape {answer.shape}"
        )
    if wrong := [label for label in labels if not 0 <= label < answer.shape[1]]:
        raise IndexError(
            f"label: expected 0 to {answer.shape[1] - 1}, one of the classes of predict, got {wrong[0]}"
        )
    answer = answer[:, list(labels)]
    broken = ~numpy.isfinite(answer)
    if broken.any():
        row, column = numpy.argwhere(broken)[0]
        raise ValueError(
            f"predict: expected finite probabilities, got {answer[row, column]} for {inputs[row]!r}"
        )
    return answer


def check_request(text: str, **counts: int) -> None:
    """Raises TypeError, ValueError for what cannot be explained: no string, counts that are no integers or too small."""
    if not isinstance(text, str):
        raise TypeError(f"text: expected a string, got {type(text).__name__}")
    check_counts(**counts)


def check_counts(**counts: int) -> None:
    """Raises TypeError, ValueError for counts that are no integers or too small."""
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


def cut(text: str, tokenizer: Tokenizer | Callable | None, bow: bool) -> tuple[list[str], Array]:
    """Pieces of the text and their features, or why it cannot be explained."""
    pieces = list((tokenizer.tokens if isinstance(tokenizer, Tokenizer) else tokenizer or split_words)(text))
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
    label: int,
    prediction: float,
    x: Array,
    y: Array,
    weight: Array,
    num_features: int,
) -> LimeExplanation:
    """The explanation that samples x (N, n), the explained one first, with answers y (N,) and weights (N,) give."""
    chosen = select_features(x, y, weight, num_features)  # (k,)
    coef, intercept, score = weighted_ridge(x[:, chosen], y, weight, alpha=1.0)
    local, order = intercept + float(x[0, chosen] @ coef), numpy.argsort(-abs(coef), kind="stable")
    return LimeExplanation(
        pieces, ids, int(label), prediction, chosen[order], coef[order], intercept, score, local
    )


def lime(
    predict: Callable[[list[str]], Array],
    text: str,
    label: int | Sequence[int] = 1,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    bow: bool = True,
    tokenizer: Tokenizer | Callable[[str], Sequence[str]] | None = None,
    replacement: str | None = None,
) -> LimeExplanation | list[LimeExplanation]:
    """Which words of `text` speak for class `label`, and which against (Ribeiro et al., KDD 2016, algorithm 1).

    `predict` takes a list of N texts, at most 512 at a time, and returns probabilities (N, n_classes). It must answer
    alike for equal texts: each is asked once. A text may come without any of its words. Several labels give a list of
    explanations from the same answers. `bow=False` tells occurrences of a word apart and puts UNKWORDZ for each that is
    left out; `replacement` puts something else, with `bow` too. `tokenizer`, a model's own or a function, cuts the text
    into pieces that make it up when joined (`list` cuts it into characters, good for Chinese, `whole_words` leaves combining
    marks in their words, as Hindi needs); those with a letter or digit are the words.

    Raises TypeError or ValueError for a text without words, counts too small, pieces that are not the text, and answers
    of the wrong shape or not finite; IndexError for a label that is no class; and whatever `predict` raises.
    """
    several = isinstance(label, (list, tuple, range, Array))
    labels = list(label) if several else [label]
    for each in labels:
        check_request(text, label=each, num_features=num_features, num_samples=num_samples)
    pieces, ids = cut(text, tokenizer, bow)
    masks, count = distinct(perturb(int(ids.max()) + 1, num_samples, seed))  # (U, n), (U,)
    batches = (masks[start : start + BATCH_SIZE] for start in range(0, len(masks), BATCH_SIZE))
    answers = [ask(predict, write_texts(pieces, ids, batch, bow, replacement), labels) for batch in batches]
    x, weight = masks.astype(numpy.float64), count * kernel(cosine_distance(masks))
    found = [
        imitate(pieces, ids, each, float(y[0]), x, y, weight, num_features)
        for each, y in zip(labels, numpy.concatenate(answers).T, strict=True)  # (U, L) -> L of (U,)
    ]
    return found if several else found[0]
