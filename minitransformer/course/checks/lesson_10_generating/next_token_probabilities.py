"""What must be true of next_token_probabilities."""

import math

import numpy as np

from minitransformer.course.checks.lesson_10_generating.common import by_rank, cases_of, fewest, kept_alone
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def _logits(rng):
    return rng.normal(size=8) * 2


FOUR = np.log([0.2, 0.4, 0.1, 0.3])


def _expected(logits, temperature=1.0, top_k=None, top_p=None):
    weights = [math.exp((x - max(logits)) / temperature) for x in logits.tolist()]
    p = [w / math.fsum(weights) for w in weights]
    if top_k is not None:
        p = kept_alone(p, by_rank(p)[:top_k])
    return p if top_p is None else kept_alone(p, fewest(p, top_p))


def _cold(answer):
    with np.errstate(all="ignore"):
        try:
            got = answer(np.array([1.0, 3.0, 2.0, 3.0]), 0)
        except ZeroDivisionError:
            got = np.array(math.nan)
    if got is not None and np.isnan(got).any():
        raise Failed(
            "temperature 0 gives nan",
            hint="Nothing can be divided by 0: ask `if temperature == 0` first, and use argmax.",
        )
    same(got, [0, 1, 0, 0], "temperature 0, where the largest logit is there twice")


def _large(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([2000.0, 1998.0]), 2.0)
    if got is not None and not np.isfinite(got).all():
        raise Failed("large logits give nan", hint="exp(1000) is infinite: take off the largest score first.")
    same(got, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], "logits around 2000, temperature 2")


def _wrong_probabilities(heat=lambda x, t: _softmax(x / t), filters=("top_k", "top_p")):
    """What to draw from, with something wrong in it."""

    def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
        p = np.array(heat(logits, temperature), dtype=float)
        for name in filters:
            if name == "top_k" and top_k is not None:
                p = np.array(kept_alone(p, by_rank(p)[:top_k]))
            if name == "top_p" and top_p is not None:
                p = np.array(kept_alone(p, fewest(p, top_p)))
        return p

    return next_token_probabilities


next_token_probabilities = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Three steps: softmax of logits / temperature; keep_top_k, if top_k is given; keep_top_p of what that leaves, if top_p is.",
        "`if top_k is not None:` asks whether it is given.",
        "Temperature 0 cannot be divided by: ask for it first. np.argmax gives the first of the largest.",
    ),
    why="Dividing by a temperature below 1 spreads the scores and sharpens the shares; above 1 it makes them more alike.",
    properties=(
        returns("with temperature 1 it is softmax", lambda rng: (_logits(rng),), _expected),
        returns("a low temperature sharpens", lambda rng: (_logits(rng), 0.5), _expected),
        returns("a high temperature flattens", lambda rng: (_logits(rng), 3.0), _expected),
        returns("top-k", lambda rng: (_logits(rng), 1.5, 3), _expected),
        returns("top-p", lambda rng: (_logits(rng), 1.5, None, 0.8), _expected),
        Property(
            "top-k first, then top-p of what is left",
            cases_of(((FOUR, 1.0, 2, 0.5), [0, 1, 0, 0], "top_k = 2 and top_p = 0.5 of 0.4, 0.3, 0.2, 0.1")),
        ),
        Property("temperature 0 takes the largest", _cold),
        Property("large logits do not overflow", _large),
        keeps_its_inputs(lambda rng: (_logits(rng), 0.5, 3, 0.8)),
    ),
    examples=lambda rng: (
        (_logits(rng),),
        (_logits(rng), 0.5),
        (_logits(rng), 2.0, 3),
        (_logits(rng), 1.5, None, 0.8),
        (FOUR, 1.0, 2, 0.5),
    ),
    mistakes={
        "The temperature has no effect: divide the scores by it, before softmax.": _wrong_probabilities(
            lambda x, t: _softmax(x)
        ),
        "The scores are multiplied by the temperature; divide them, so that a high one flattens.": _wrong_probabilities(
            lambda x, t: _softmax(x * t)
        ),
        "The temperature divides the shares, which no longer sum to 1: divide the scores, before softmax.": (
            _wrong_probabilities(lambda x, t: _softmax(x) / t)
        ),
        "Softmax is missing: these are scores, not shares.": _wrong_probabilities(
            lambda x, t: x / t, filters=()
        ),
        "Softmax is taken twice.": _wrong_probabilities(lambda x, t: _softmax(_softmax(x / t))),
        "top_k is left out.": _wrong_probabilities(filters=("top_p",)),
        "top_p is left out.": _wrong_probabilities(filters=("top_k",)),
        "top_k and top_p are both left out.": _wrong_probabilities(filters=()),
        "top_p comes before top_k: first top_k, then top_p of what is left.": _wrong_probabilities(
            filters=("top_p", "top_k")
        ),
    },
)
