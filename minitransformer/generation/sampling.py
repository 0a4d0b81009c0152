"""Producing text: one token after the other, each drawn from the probabilities that the model gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from minitransformer.generation.reading import Ids, Reader, best, ends, numbers
from minitransformer.generation.writer import Writer, require_writer


def next_token_probabilities(
    logits: numpy.ndarray, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> numpy.ndarray:
    """softmax(logits / temperature) over the candidates that `top_k` and `top_p` leave; 0 for the others.

    Args:
        logits: (V,), of the next token. A logit of -inf rules its token out.
        temperature: below 1 favours likely tokens, above 1 unlikely ones; 0 gives the largest logit probability 1.
        top_k: keep the k largest logits.
        top_p: keep the fewest tokens, likeliest first, whose probabilities add up to p.

    Returns:
        (V,) probabilities in float64.

    Raises:
        ValueError: if an argument is out of range, or a logit is NaN or inf, or all are -inf.

    Source:
        Top-k: Fan et al., ACL 2018. Top-p: Holtzman et al., ICLR 2020.
    """
    _check(temperature, top_k, top_p)
    top = best(logits)
    if temperature == 0:
        likeliest: numpy.ndarray = numpy.arange(logits.size) == logits.argmax()
        return likeliest.astype(float)
    with numpy.errstate(over="ignore"):  # the temperature is close to 0: the other probabilities are 0
        scores = (logits - top) / temperature
    order = numpy.argsort(-scores, kind="stable")  # best first
    p = numpy.exp(scores[order])
    p[len(p) if top_k is None else top_k :] = 0
    p /= p.sum()
    if top_p is not None:
        p[p.cumsum() - p >= top_p] = 0  # the candidates before this one already reach p
        p /= p.sum()
    probabilities: numpy.ndarray = numpy.zeros_like(p)
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
    """Draw a token by its probability. No random number is used if one token has probability 1.

    Args:
        probabilities: (V,).
        random: where random numbers come from.

    Returns:
        The id of the token.
    """
    likeliest = int(probabilities.argmax())
    if probabilities[likeliest] == 1:
        return likeliest
    return int(random.choice(probabilities.size, p=probabilities))


def stream(
    model: Writer,
    ids: Ids,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    use_cache: bool = True,
    stop_id: int | Sequence[int] | None = None,
) -> Iterator[int]:
    """Continue a text, and yield each new token as soon as it is drawn. Arguments and errors are those of `generate`.

    Args:
        model: a `Writer`.
        ids: the tokens to continue.
        max_new_tokens: the largest number of new tokens.
        temperature: see `next_token_probabilities`.
        top_k: see `next_token_probabilities`.
        top_p: see `next_token_probabilities`.
        seed: of the random numbers; None takes another one each time.
        use_cache: whether to keep the keys and values of earlier tokens: the same tokens, sooner.
        stop_id: the id, or several, that ends the text; it is not yielded.

    Yields:
        The id of each new token.
    """
    require_writer(model, "generate")
    if not len(ids):
        raise ValueError("generate: expected at least one token to start from, got none")
    random = numpy.random.default_rng(seed)
    text = numbers(ids)
    stops = ends(stop_id)
    reader = Reader(model, use_cache)
    for _ in range(max_new_tokens):
        p = next_token_probabilities(reader.logits(text), temperature, top_k, top_p)
        token = draw(p, random)
        if token in stops:
            return
        text.append(token)
        yield token


def generate(
    model: Writer,
    ids: Ids,
    max_new_tokens: int,
    on_token: Callable[[int], None] | None = None,
    **options: Any,
) -> list[int]:
    """Continue a text token by token. Of a text longer than `model.config.max_len`, its last `max_len` tokens are read.

    Args:
        model: a `Writer`.
        ids: the tokens to continue.
        max_new_tokens: the largest number of new tokens.
        on_token: called with each new token.
        **options: `temperature` (0 is greedy), `top_k`, `top_p`, `seed`, `use_cache`, `stop_id`, as `stream` takes them.

    Returns:
        The new tokens, without `ids` and without `stop_id`.

    Raises:
        TypeError: if the model is no writer; the message names what it lacks.
        ValueError: if `ids` is empty, an option is out of range, or the logits decide nothing (NaN, inf, all -inf).
    """
    tokens = []
    for token in stream(model, ids, max_new_tokens, **options):
        tokens.append(token)
        if on_token:
            on_token(token)
    return tokens
