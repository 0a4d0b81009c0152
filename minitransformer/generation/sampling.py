"""Producing text: one token after the other, each drawn from what the model expects next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy

from minitransformer.generation.reading import Reader, best, ends, numbers


def next_token_probabilities(
    logits: numpy.ndarray, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> numpy.ndarray:
    """softmax(logits / temperature) over the candidates that top-k and top-p leave. (V,) -> (V,).

    `temperature` 0 puts everything on the largest logit. `top_k` keeps the k largest (Fan et al., ACL 2018); `top_p` the
    fewest whose probabilities reach p (Holtzman et al., ICLR 2020). Raises ValueError if one is out of range, and for
    logits that are NaN, inf, or all -inf; a single -inf rules its token out.
    """
    _check(temperature, top_k, top_p)
    top = best(logits)
    if temperature == 0:
        return (numpy.arange(logits.size) == logits.argmax()).astype(float)
    with numpy.errstate(over="ignore"):  # of a temperature next to 0: all others are then out of reach
        scores = (logits - top) / temperature
    order = numpy.argsort(-scores, kind="stable")  # best first
    p = numpy.exp(scores[order])
    p[len(p) if top_k is None else top_k :] = 0
    p /= p.sum()
    if top_p is not None:
        p[p.cumsum() - p >= top_p] = 0  # what comes before already reaches p
        p /= p.sum()
    probabilities = numpy.zeros_like(p)
    probabilities[order] = p
    return probabilities


def _check(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature: expected a number >= 0, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k: expected at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: expected a probability in (0, 1], got {top_p}")


def draw(probabilities: numpy.ndarray, random: numpy.random.Generator) -> int:
    """A token, by its probability; the one that has it all, if there is one. (V,) -> id."""
    likeliest = int(probabilities.argmax())
    return (
        likeliest
        if probabilities[likeliest] == 1
        else int(random.choice(probabilities.size, p=probabilities))
    )


def stream(
    model,
    ids: Sequence[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    use_cache: bool = True,
    stop_id: int | Sequence[int] | None = None,
) -> Iterator[int]:
    """The new tokens one by one; see `generate`."""
    if not len(ids):
        raise ValueError("generate: expected at least one token to start from, got none")
    random, text, stops = numpy.random.default_rng(seed), numbers(ids), ends(stop_id)
    reader = Reader(model, use_cache)
    for _ in range(max_new_tokens):
        p = next_token_probabilities(reader.logits(text), temperature, top_k, top_p)
        token = draw(p, random)
        if token in stops:
            return
        text.append(token)
        yield token


def generate(
    model, ids: Sequence[int], max_new_tokens: int, on_token: Callable[[int], None] | None = None, **options
) -> list[int]:
    """Continue `ids` by at most `max_new_tokens` tokens, and return the new ones.

    Options: `temperature` (0 is greedy), `top_k`, `top_p`, `seed`; `use_cache` keeps keys and values of earlier tokens
    instead of computing them anew, which gives the same tokens sooner; `stop_id`, one or several, ends the text. Only the last
    `model.config.max_len` tokens are read. `on_token` is told each one. Raises ValueError if `ids` is empty.
    """
    tokens = []
    for token in stream(model, ids, max_new_tokens, **options):
        tokens.append(token)
        if on_token:
            on_token(token)
    return tokens
