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
    same(got, [0, 1, 0, 0], "temperature 0, where the largest logit is there twice", hint=_about_cold(got))


def _about_cold(got):
    """What is wrong where the temperature is 0: the id alone, both of the largest, the last of them, or a tiny temperature."""
    if np.shape(got) == ():
        return THE_ID
    if np.shape(got) != (4,):
        return ""
    if np.allclose(got, [0, 0.5, 0, 0.5]):
        return FIRST_OF_EQUAL + " So it is also with a very small temperature in place of 0."
    if np.allclose(got, [1, 0, 0, 0]):
        return "With temperature 0 the smallest logit has all here: it is the largest, np.argmax."
    if not np.isclose(np.sum(got), 1):
        return "These do not sum to 1: with temperature 0 the largest has the share 1, and all others 0."
    return FIRST_OF_EQUAL if np.allclose(got, [0, 0, 0, 1]) or np.allclose(got, [0, 1, 0, 1]) else ""


def _large(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([2000.0, 1998.0]), 2.0)
        low = answer(np.array([-2000.0, -np.inf, -2000.0]))
    if got is not None and not np.isfinite(got).all():
        raise Failed("large logits give nan", hint=INFINITE)
    if got is not None and low is not None and np.isnan(low).any():
        raise Failed("logits -2000, -inf and -2000 give nan", hint=INFINITE)
    same(got, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], "logits around 2000, temperature 2")
    same(low, [0.5, 0, 0.5], "logits -2000, -inf and -2000")


def _logs(p, t):
    with np.errstate(all="ignore"):
        return np.log(p)


def _on_scores(x, top_k, top_p, softmax_after):
    """Filters that are applied to scores, in place of shares or before softmax."""
    p = x if softmax_after else _softmax(x)
    for limit, stay in ((top_k, lambda v, k: by_rank(v)[:k]), (top_p, fewest)):
        if limit is not None:
            p = np.array(
                kept_alone(
                    x if stay is not fewest or softmax_after else p,
                    stay(x if stay is not fewest else p, limit),
                )
            )
    return _softmax(p) if softmax_after else p


def _top_p_of_exponentials(x, top_k, top_p):
    """top_p applied to exp(x - max), whose sum is more than 1."""
    p = np.array(_expected(x, 1.0, top_k))
    return p if top_p is None else np.array(kept_alone(p, fewest(np.exp(x - x.max()), top_p)))


INFINITE = (
    "exp(1000) is infinite: take off the largest score first. It is the largest of what goes into np.exp, after the temperature; "
    "the smallest or the mean may be -inf."
)
THE_ID = "This is an id: what is wanted are the shares of all V classes, from which the id is drawn later."
FIRST_OF_EQUAL = (
    "With temperature 0, the first of the largest has the share 1, and all others 0: np.argmax gives its id."
)


def _wrong_probabilities(heat=lambda x, t: _softmax(x / t), filters=("top_k", "top_p"), end=lambda p, t: p):
    """What to draw from, with something wrong in it."""

    def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
        p = np.array(heat(logits, temperature), dtype=float)
        for name in filters:
            if name == "top_k" and top_k is not None:
                p = np.array(kept_alone(p, by_rank(p)[:top_k]))
            if name == "top_p" and top_p is not None:
                p = np.array(kept_alone(p, fewest(p, top_p)))
        return end(p, temperature)

    return next_token_probabilities


HEAT = "The scores are divided by the temperature, once, before softmax."


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
        returns(
            "with temperature 1 it is softmax",
            lambda rng: (_logits(rng),),
            _expected,
            hint="Without top_k and top_p these are the shares: softmax(logits / temperature).",
        ),
        returns("a low temperature sharpens", lambda rng: (_logits(rng), 0.5), _expected, hint=HEAT),
        returns("a high temperature flattens", lambda rng: (_logits(rng), 3.0), _expected, hint=HEAT),
        returns(
            "top-k",
            lambda rng: (_logits(rng), 1.5, 3),
            _expected,
            hint="keep_top_k takes shares, those that softmax(logits / temperature) gave, and returns shares.",
        ),
        returns(
            "top-p",
            lambda rng: (_logits(rng), 1.5, None, 0.8),
            _expected,
            hint="keep_top_p takes shares, those that softmax(logits / temperature) gave, and returns shares.",
        ),
        Property(
            "top-k first, then top-p of what is left",
            cases_of(((FOUR, 1.0, 2, 0.5), [0, 1, 0, 0], "top_k = 2 and top_p = 0.5 of 0.4, 0.3, 0.2, 0.1")),
            "top_p works on what top_k has left, whose shares sum to 1 again.",
        ),
        Property("temperature 0 takes the largest", _cold, FIRST_OF_EQUAL),
        Property(
            "large logits do not overflow",
            _large,
            "Subtract the largest score before exp: no exponent is above 0 then.",
        ),
        keeps_its_inputs(
            lambda rng: (_logits(rng),),
            lambda rng: (_logits(rng), 0.5, 3, 0.8),
            lambda rng: (_logits(rng), 0),
        ),
    ),
    examples=lambda rng: (
        (_logits(rng),),
        (_logits(rng), 0.5),
        (_logits(rng), 2.0, 3),
        (_logits(rng), 1.5, None, 0.8),
        (FOUR, 1.0, 2, 0.5),
        (FOUR, 1.0, 3, 0.6),
        (FOUR, 1.0, 1, 0.8),
    ),
    mistakes={
        "np.exp is missing: the scores themselves are divided by their sum.": (
            _wrong_probabilities(lambda x, t: (x - x.max()) / t / ((x - x.max()) / t).sum()),
            _wrong_probabilities(lambda x, t: x / t / (x / t).sum()),
        ),
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
        "The temperature is used twice, or squared: divide the scores by it once.": (
            _wrong_probabilities(lambda x, t: _softmax(x / t**2)),
            _wrong_probabilities(end=lambda p, t: (q := p ** (1 / t)) / q.sum()),
        ),
        "The scores are divided by the root of the temperature; divide by the temperature itself.": _wrong_probabilities(
            lambda x, t: _softmax(x / t**0.5)
        ),
        "The shares are raised to the power of the temperature; it is the scores that are divided by it, before softmax.": (
            _wrong_probabilities(lambda x, t: _softmax(x) ** t)
        ),
        "The temperature comes after top_k and top_p: divide the scores by it first, as it changes which shares reach top_p.": (
            _wrong_probabilities(lambda x, t: _softmax(x), end=lambda p, t: (q := p ** (1 / t)) / q.sum()),
        ),
        "top_k and top_p work on the scores here: they take shares, so softmax comes first.": (
            lambda x, t=1.0, k=None, e=None: _on_scores(x / t, k, e, False),
            lambda x, t=1.0, k=None, e=None: _on_scores(x / t, k, e, True),
        ),
        "The shares are not divided by their sum.": _wrong_probabilities(
            lambda x, t: np.exp(x / t), filters=()
        ),
        "The exponentials are divided by the largest of them; divide by their sum.": (
            _wrong_probabilities(lambda x, t: np.exp((x - x.max()) / t), filters=()),
            _wrong_probabilities(lambda x, t: np.exp((x - x.max()) / t)),
        ),
        "The exponentials are divided by how many there are; divide by their sum.": (
            _wrong_probabilities(lambda x, t: np.exp((x - x.max()) / t) / len(x), filters=()),
            _wrong_probabilities(lambda x, t: np.exp(x / t) / len(x), filters=()),
            _wrong_probabilities(lambda x, t: np.exp((x - x.max()) / t) / len(x)),
        ),
        "// rounds down to whole numbers: divide the scores by the temperature with /.": _wrong_probabilities(
            lambda x, t: _softmax(x // t)
        ),
        "A temperature below 1 counts as 1 here: divide by it whatever it is, but 0.": _wrong_probabilities(
            lambda x, t: _softmax(x / max(t, 1))
        ),
        "A temperature above 1 counts as 1 here: divide by it whatever it is, but 0.": _wrong_probabilities(
            lambda x, t: _softmax(x / min(t, 1))
        ),
        "These are sigmoids, one for each score: softmax divides exponentials by their sum.": (
            _wrong_probabilities(lambda x, t: 1 / (1 + np.exp(-x / t)), filters=()),
            _wrong_probabilities(lambda x, t: 1 / (1 + np.exp(-x / t))),
            _wrong_probabilities(lambda x, t: (s := 1 / (1 + np.exp(-x / t))) / s.sum()),
        ),
        "The shares are powers of 2 or 10 here: softmax is made of np.exp.": (
            _wrong_probabilities(lambda x, t: _softmax(x / t * math.log(2))),
            _wrong_probabilities(lambda x, t: _softmax(x / t * math.log(10))),
        ),
        "top_p takes shares that sum to 1; here the exponentials go in before they are divided by their sum.": (
            lambda x, t=1.0, k=None, e=None: _top_p_of_exponentials(x / t, k, e)
        ),
        "These are the logarithms of the shares.": _wrong_probabilities(end=_logs),
        "The largest always gets everything here, as if the temperature were 0.": _wrong_probabilities(
            lambda x, t: (x == x.max()) * 1.0
        ),
        "All have the same share here: softmax(logits / temperature) says what each one gets.": _wrong_probabilities(
            lambda x, t: np.full(len(x), 1 / len(x)), filters=()
        ),
        THE_ID: (
            _wrong_probabilities(end=lambda p, t: p.argmax()),
            lambda x, t=1.0, k=None, e=None: int(np.argmax(x)),
        ),
        "The sign is wrong: the largest score gets the largest share.": _wrong_probabilities(
            lambda x, t: _softmax(-x / t)
        ),
        "One too many stays: top_k is how many, as it is.": lambda x, t=1.0, k=None, e=None: (
            _wrong_probabilities()(x, t, None if k is None else k + 1, e)
        ),
        "One too few stay: top_k is how many, as it is.": lambda x, t=1.0, k=None, e=None: (
            _wrong_probabilities()(x, t, None if k is None else max(1, k - 1), e)
        ),
        "top_k is left out.": _wrong_probabilities(filters=("top_p",)),
        "top_p is left out.": _wrong_probabilities(filters=("top_k",)),
        "Where both are given, top_p is left out: it needs an `if` of its own, not `elif`.": (
            lambda x, t=1.0, k=None, e=None: _wrong_probabilities()(x, t, k, None if k else e)
        ),
        "Where both are given, top_k is left out: each has an `if` of its own, and top_p takes what top_k has left.": (
            lambda x, t=1.0, k=None, e=None: _wrong_probabilities()(x, t, None if e else k, e)
        ),
        "top_k and top_p are both left out.": _wrong_probabilities(filters=()),
        "top_p comes before top_k: first top_k, then top_p of what is left.": _wrong_probabilities(
            filters=("top_p", "top_k")
        ),
    },
)
