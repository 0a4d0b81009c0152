"""What must be true of lime."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitransformer.course.checks.lesson_12_lime.common import LAWS, stacked_fit, three_of, weights_by_hand
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, equal, same, uses_its_generator

WORDS = ["the", "plot", "was", "thin", "but", "fun"]


def _mood(left):
    """A classifier that is no linear model, with words for and against: (N, 6) of booleans -> (N,)."""
    the, plot, was, thin, but, fun = np.asarray(left, float).T
    return 1 / (
        1
        + np.exp(-(0.4 - 2 * thin + 1.6 * fun + 1.2 * but * thin - 0.5 * plot * thin + 0.2 * the - 0.1 * was))
    )


class _Asked:
    """A classifier that remembers which texts it was shown."""

    def __init__(self, f=_mood, words=WORDS):
        self.f = f
        self.words = words
        self.calls = []

    def __call__(self, texts):
        if isinstance(texts, (str, np.ndarray)) or not all(isinstance(t, str) for t in texts):
            kind = type(texts).__name__
            raise Failed(
                f"predict takes a list of texts, got {kind}",
                hint='" ".join(words) makes a text of a list of words.',
            )
        self.calls.append(list(texts))
        return self.f(self.masks(texts))

    def masks(self, texts):
        return np.array(
            [[word in text.split() for word in self.words] for text in texts], dtype=bool
        ).reshape(-1, len(self.words))

    @property
    def seen(self):
        return self.masks([text for call in self.calls for text in call])


def _run(answer, k=3, n=60, seed=0, f=_mood):
    asked = _Asked(f)
    got = answer(asked, list(WORDS), k, n, np.random.default_rng(seed))
    return asked, three_of(got, ("the weights of the words", "b", "R^2"))


def _asks(answer):
    asked, _ = _run(answer)
    if not asked.calls or len(asked.calls[0]) != 60:
        first = len(asked.calls[0]) if asked.calls else 0
        hint = FEATURES if first == 3 else ""
        says = f"expected one call with 60 texts, got {len(asked.calls)} calls, the first with {first}"
        raise Failed(says, hint=hint)
    whole = " ".join(WORDS)
    if asked.calls[0][0] != whole:
        hint = JOINED if "".join(re.findall(r"[a-z]", asked.calls[0][0])) == "".join(WORDS) else ""
        raise Failed(f"expected {whole!r} to be the first text, got {asked.calls[0][0]!r}", hint=hint)
    for text, row in zip(asked.calls[0], asked.seen, strict=False):
        expected = " ".join(word for word, left in zip(WORDS, row, strict=True) if left)
        if text != expected:
            says = f"expected texts such as {expected!r}, got {text!r}"
            raise Failed(
                says, hint='" ".join of the words that are left: one space between words, none at the ends.'
            )
    if "" not in asked.calls[0] and "" not in _run(answer, seed=1)[0].calls[0]:
        raise Failed("among 120 samples none has lost all its words", hint="Draw them with sample_masks.")


def _twice(answer):
    """A word that occurs three times: each of the three places is left or gone on its own."""
    texts = []

    def predict(asked):
        texts.extend(asked)
        return np.array([0.1 * text.count("so") + 0.3 * text.count("good") for text in asked])

    three_of(answer(predict, ["so", "good", "so", "so"], 2, 60, np.random.default_rng(3)))
    counts = {text.split().count("so") for text in texts}
    if not counts & {1, 2}:
        raise Failed(
            "of 'so good so so' every text has all three `so`, or none",
            hint="A mask is of places, not of words: a word that occurs three times may be gone at one place and left at others.",
        )


def _linear(answer):
    _, (c, b, score) = _run(answer, 2, 500, f=lambda left: 0.4 + left @ np.array([0, 0, 0, -0.3, 0, 0.2]))
    if np.shape(c) != (6,):
        hint = "The order is: the weights of the words, b, R^2." if np.shape(b) == (6,) else OF_ALL
        raise Failed(f"the weights of 6 words: expected an array of shape (6,), got {c!r:.60}", hint=hint)
    says = "the weights, where `thin` takes 0.3 off and `fun` adds 0.2"
    same(c, [0, 0, 0, -0.3, 0, 0.2], says, rtol=0.06)
    same(
        [b, score],
        [0.4, 1.0],
        "b and R^2 for these",
        rtol=0.05,
        hint="The weights are right: look at b and R^2.",
    )


@dataclass(frozen=True)
class _Way:
    """What is done with the samples: the right way, unless something is set."""

    absolute: bool = False
    refit: bool = True
    select: bool = True
    chosen: Callable = abs
    weigh: bool = True
    packed: bool = False
    alpha: float = 1.0
    out: bool = False
    by_size: bool = False
    flipped: bool = False
    first: float = 0.01
    extra: int = 0
    zeroed: bool = False
    scaled: bool = False
    decided: bool = False
    weights: Callable = weights_by_hand
    first_weights: Callable = np.array

    def samples(self, masks, y):
        """x, y and the weights of the fits."""
        weight = self.weights(masks) if self.weigh else np.ones(len(masks))
        x = masks * weight[:, None] if self.scaled else masks.astype(float)
        return x, (y > 0.5).astype(float) if self.decided else y, weight

    def last(self, x, y, weight, places):
        """The fit of the chosen words: c for these, b, R^2."""
        if self.zeroed:
            c, b, score = stacked_fit(x, y, weight, self.alpha)
            return c[places], b, score
        x = x[:, places]
        return stacked_fit(1 - x if self.flipped else x, y, weight, self.alpha)

    def put(self, c, places, count):
        """The weights of `count` words from those of the chosen ones."""
        if self.packed:
            return c
        found = np.zeros(count)
        found[range(len(places)) if self.by_size else places] = c
        return abs(found) if self.absolute else found


def _fitted(masks, y, k, **wrong):
    """What the samples say, with something wrong in it or nothing."""
    way = _Way(**wrong)
    x, y, weight = way.samples(masks, y)
    every, b, score = stacked_fit(x, y, way.first_weights(weight), way.first)
    places = np.argsort(-way.chosen(every), kind="stable")[: k + way.extra if way.select else None]
    c = every[places]
    if way.refit:
        c, b, score = way.last(x, y, weight, places)
    if way.out:
        c = y[0] - _mood(~np.eye(len(every), dtype=bool))[places]
    return way.put(c, places, len(every)), b, score


def _agrees(answer):
    for seed, k in ((0, 3), (1, 2), (2, 6), (3, 9)):
        asked, got = _run(answer, k, 80, seed)
        masks = asked.masks(asked.calls[0])
        expected = _fitted(masks, _mood(masks), k)
        for part, right, name in zip(got, expected, ("the weights of the words", "b", "R^2"), strict=True):
            hint = (
                ""
                if name == "the weights of the words"
                else "The weights are right; b and R^2 are those of the last fit too."
            )
            same(
                part,
                right,
                f"{name} for {k} words, fitted to the samples that were asked,",
                rtol=1e-6,
                hint=hint,
            )


def _clear(masks):
    """Whether the first fit leaves no doubt which two words are the largest."""
    every = stacked_fit(masks.astype(float), _mood(masks), weights_by_hand(masks), 0.01)[0]
    _, second, third, *_ = sorted(abs(every))[::-1]
    return second > 1.02 * third


def _first_fit_of(got, masks):
    """Which wrong first fit chooses these words."""
    y = _mood(masks)
    for said, first in {FIRST_FIT: {"first": 1.0}, NOT_WEIGHED: {"first_weights": np.ones_like}}.items():
        found = _fitted(masks, y, 2, **first)[0]
        if np.shape(got) == found.shape and np.allclose(got, found, atol=1e-8):
            return said
    return ""


def _chooses(answer):
    """Few samples, of which the two penalties choose different words."""
    for seed in range(60):
        asked, got = _run(answer, 2, 12, seed)
        masks = asked.masks(asked.calls[0])
        if _clear(masks):
            expected = _fitted(masks, _mood(masks), 2)[0]
            says = "the weights of 6 words, 2 of which are kept"
            same(got[0], expected, says, rtol=1e-6, hint=_first_fit_of(got[0], masks))


def _keeps_the_words(answer):
    words = list(WORDS)
    answer(_Asked(), words, 3, 20, np.random.default_rng(0))
    equal(words, WORDS, "the list of words that went in", hint="Make new lists: the words are still needed.")


def _again(answer):
    _, first = _run(answer, seed=4)
    _, second = _run(answer, seed=4)
    same(second[0], first[0], "the weights, a second time with the same rng")


NOT_WEIGHED = (
    "The first fit, which decides which words are kept, is weighed too: pass kernel_weights(masks) to both."
)
FEATURES = (
    "num_samples masks are drawn, and as many texts asked about: num_features is how many words are kept."
)
JOINED = '" ".join(..) puts one space between the words: here something else stands there.'
OF_ALL = "Return an array with a weight for each of the T words, 0 for those not chosen."
FIRST_FIT = "The first fit, which decides which words are kept, has alpha = 0.01."
VARIANTS: dict[str, dict[str, Any]] = {
    "The weights are signed: a word that speaks against has a negative one. Without the sign that is lost.": {
        "absolute": True
    },
    "These are the weights of the first fit: fit the chosen words again, alone, with alpha = 1.": {
        "refit": False
    },
    "Only the num_features words with the largest |c| are kept; the others get 0.": {"select": False},
    "Choose by |c|: words that speak strongly against matter as much as those that speak for.": {
        "chosen": lambda c: c
    },
    "These are the words that matter least: argsort goes upwards, so sort -abs(c).": {
        "chosen": lambda c: -abs(c)
    },
    "The samples are not weighed: pass kernel_weights(masks) to the fits.": {"weigh": False},
    "A weight for each word, (T,), in the order of the text, 0 for those not chosen: put c in the chosen places.": {
        "packed": True
    },
    "The last fit has alpha = 1, the first 0.01.": {"alpha": 0.01},
    "The weights stand in the order of their size; each belongs to the place of its word: found[chosen] = c.": {
        "by_size": True
    },
    "Each weight has the wrong sign: 1 is for a word that is left, 0 for a word that is gone, and y is as predict gives it.": {
        "flipped": True
    },
    "One word too many is kept: the num_features with the largest |c| are chosen[:num_features].": {
        "extra": 1
    },
    "One word too few is kept: the num_features with the largest |c| are chosen[:num_features].": {
        "extra": -1
    },
    "In the last fit stand the chosen words alone, x[:, chosen]: here it is a fit of all words.": {
        "zeroed": True
    },
    "The masks are multiplied by the weights; the fit weighs the samples, and x are 0 and 1.": {
        "scaled": True
    },
    "The y are the probabilities that predict gives: here they were cut to 0 and 1.": {"decided": True},
    "The weights of the samples are kernel_weights(masks), with its own width: here they are others.": (
        {"weights": lambda masks: masks.mean(1)}
    ),
    "Samples of which more is left count more: here it is the other way round.": (
        {"weights": lambda masks: 1 / weights_by_hand(masks)}
    ),
    "Which words are kept depends on |c|: here it is the first num_features words.": (
        {"chosen": lambda c: -np.arange(len(c))}
    ),
    "The last fit has alpha = 1: here it has none.": {"alpha": 0.0},
    "This leaves out one word at a time and takes the difference; LIME's weights are those of the fit.": {
        "out": True
    },
}


def _wrong_lime(join=" ".join, turned=False, **wrong):
    """LIME with something wrong in it."""

    def lime(predict, words, num_features, num_samples, rng):
        masks = LAWS["right"](len(words), num_samples, rng)
        y = predict(
            [join([w for w, left in zip(words, row, strict=True) if left != turned]) for row in masks]
        )
        return _fitted(masks, y, num_features, **wrong)

    return lime


def _gaps(predict, words, num_features, num_samples, rng):
    masks = LAWS["right"](len(words), num_samples, rng)
    y = predict([" ".join(w if left else "" for w, left in zip(words, row, strict=True)) for row in masks])
    return _fitted(masks, y, num_features)


def _one_by_one(predict, words, num_features, num_samples, rng):
    return _wrong_lime()(
        lambda texts: np.concatenate([predict([text]) for text in texts]),
        words,
        num_features,
        num_samples,
        rng,
    )


def _try_lime(answer, seed):
    """Which variant an answer is, on the samples that it has drawn itself, and what its texts look like."""
    asked, got = _run(answer, 2, 80, seed)
    texts = [text for call in asked.calls for text in call][:80]
    masks = asked.masks(texts)
    fits = []
    for wrong in ({}, *VARIANTS.values()):
        expected = _fitted(masks, _mood(masks), 2, **wrong)[0]
        fits.append(np.shape(got[0]) == expected.shape and np.allclose(got[0], expected, atol=1e-8))
    spaces = any("  " in text or text != text.strip() for text in texts)
    several = np.mean([" " in text for text in texts]) > 0.3
    return np.array([*fits, len(asked.calls[0]), spaces, len(texts[0]), several], dtype=float)


lime = Tried(
    minutes=25,
    level=3,
    hints=(
        "masks = sample_masks(len(words), num_samples, rng); a list of texts is a loop over the rows of masks.",
        '" ".join(word for word, left in zip(words, row) if left) is the text of one row.',
        "masks.astype(float) are the x of the fit, predict's answers the y, kernel_weights(masks) the weight.",
        "chosen = np.argsort(-abs(c))[:num_features] are columns: fit masks[:, chosen] again.",
        "found = np.zeros(T), then found[chosen] = c puts each weight in its place.",
    ),
    why="Nothing inside the classifier was opened. Whatever can be asked can be explained so, be it a network or a person.",
    properties=(
        Property(
            "predict is asked once, about num_samples texts, the whole one first",
            _asks,
            "One call of predict with all texts; the first is the whole text, as row 0 of the masks is all True.",
        ),
        Property(
            "of a linear classifier it finds the weights, with their signs",
            _linear,
            "Both fits take the same masks, answers and weights; c goes to the places of the chosen words.",
        ),
        Property(
            "weights, b and R^2 are those of the weighted fit to the samples asked",
            _agrees,
            "Fit all words with alpha = 0.01, then the chosen ones with alpha = 1, both with kernel_weights(masks).",
        ),
        Property(
            "the same rng gives the same explanation",
            _again,
            "Pass the rng on to sample_masks, and draw with nothing else.",
        ),
        Property("the first fit chooses the words", _chooses),
        Property("each place is left or gone on its own, also where a word is repeated", _twice),
        uses_its_generator(lambda answer, rng: three_of(answer(_Asked(), list(WORDS), 3, 60, rng))[1]),
        Property("it leaves the list of words as it was", _keeps_the_words),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_lime,
    mistakes={said: _wrong_lime(**wrong) for said, wrong in VARIANTS.items()}
    | {
        'The words stick together: " ".join puts a space between them.': _wrong_lime("".join),
        "The texts hold the words that are gone; True is for words that are left.": _wrong_lime(turned=True),
        "Where a word is gone its space stays: join only the words that are left.": _gaps,
        "Ask about all texts in one call: a model is much faster on many texts at once.": _one_by_one,
    },
)
