"""Several texts of unequal length at once: short ones are padded at the left, so that all continue at the right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.generation import sampling  # whole: a learner's pieces may stand in it
from minitransformer.generation.reading import Ids, ends, last_logits, numbers
from minitransformer.generation.writer import Writer, require_writer


def generate_batch(
    model: Writer,
    prompts: Sequence[Ids],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop_id: int | Sequence[int] | None = None,
) -> list[list[int]]:
    """Continue several texts at once, which takes less time than one by one.

    With `temperature` 0 each text is the one that `generate` gives for its prompt. With another temperature it is not, because
    all texts draw from one sequence of random numbers.

    Args:
        model: a `Writer`.
        prompts: the tokens to continue, of each text.
        max_new_tokens: the largest number of new tokens of each text.
        temperature: see `next_token_probabilities`.
        top_k: see `next_token_probabilities`.
        top_p: see `next_token_probabilities`.
        seed: of the random numbers; None takes another one each time.
        stop_id: the id, or several, that ends a text.

    Returns:
        The new tokens of each text, without `stop_id`.

    Raises:
        TypeError: if the model is no writer; the message names what it lacks.
        ValueError: if a prompt is empty, or the longest one and its new tokens exceed `model.config.max_len`.
    """
    require_writer(model, "generate_batch")
    ids, padding = left_padded(prompts)
    if ids.shape[1] + max_new_tokens > model.config.max_len:
        raise ValueError(
            f"generate_batch: {ids.shape[1]} and {max_new_tokens} new tokens exceed max_len={model.config.max_len}"
        )
    random = numpy.random.default_rng(seed)
    cache = model.new_cache()
    stops = ends(stop_id)
    texts: list[list[int]] = [[] for _ in prompts]
    going = list(range(len(texts)))
    for _ in range(max_new_tokens):
        logits = last_logits(model, ids, cache, padding if padding.any() else None)  # (B, V)
        shares = [
            sampling.next_token_probabilities(row, temperature, top_k, top_p) for row in logits
        ]  # (V,) each
        tokens = [sampling.draw(row, random) for row in shares]
        for i in going:
            texts[i].append(tokens[i])
        going = [i for i in going if tokens[i] not in stops]
        if not going:
            break
        ids = numpy.array(tokens)[:, None]  # (B, 1)
        padding = numpy.pad(padding, ((0, 0), (0, 1)))  # (B, S + 1): a new token is no padding
    return [text[:-1] if stops.intersection(text[-1:]) else text for text in texts]


def left_padded(prompts: Sequence[Ids]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Put prompts of different lengths into one array, each at the right end of its row.

    Args:
        prompts: the tokens of each prompt.

    Returns:
        (B, T) ids, and (B, T) bool, True for padding.

    Raises:
        ValueError: if there is no prompt, or one is empty.
    """
    if not len(prompts) or not all(len(prompt) for prompt in prompts):
        raise ValueError(
            f"generate_batch: expected prompts of at least one token, got lengths {[len(p) for p in prompts]}"
        )
    longest = max(map(len, prompts))
    ids = numpy.array([[0] * (longest - len(prompt)) + numbers(prompt) for prompt in prompts])
    return ids, numpy.arange(longest) < longest - numpy.array([[len(prompt)] for prompt in prompts])
