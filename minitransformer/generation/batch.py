"""Several texts of unequal length at once: the short ones are filled up at the left, so that all go on at the right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.generation.reading import ends, last_logits, numbers
from minitransformer.generation.sampling import draw, next_token_probabilities


def generate_batch(
    model,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop_id: int | Sequence[int] | None = None,
) -> list[list[int]]:
    """The new tokens of each prompt: `generate` for many, sooner. Greedily they are what each would get by itself.

    Drawn, they are not, for all draw from the same random numbers in turn. Raises ValueError if a prompt is empty, or if
    the longest goes beyond `model.config.max_len`.
    """
    ids, padding = left_padded(prompts)
    if ids.shape[1] + max_new_tokens > model.config.max_len:
        raise ValueError(
            f"generate_batch: {ids.shape[1]} and {max_new_tokens} new tokens exceed max_len={model.config.max_len}"
        )
    random, cache, stops = numpy.random.default_rng(seed), model.new_cache(), ends(stop_id)
    texts: list[list[int]] = [[] for _ in prompts]
    going = list(range(len(texts)))
    for _ in range(max_new_tokens):
        logits = last_logits(model, ids, cache, padding if padding.any() else None)  # (B, V)
        tokens = [draw(next_token_probabilities(row, temperature, top_k, top_p), random) for row in logits]
        for i in going:
            texts[i].append(tokens[i])
        going = [i for i in going if tokens[i] not in stops]
        if not going:
            break
        # the new ones are no padding
        ids, padding = numpy.array(tokens)[:, None], numpy.pad(padding, ((0, 0), (0, 1)))
    return [text[:-1] if stops.intersection(text[-1:]) else text for text in texts]


def left_padded(prompts: Sequence[Sequence[int]]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Prompts as one array, the last token of each at its right edge, and where there is none: (B, T) each."""
    if not len(prompts) or not all(len(prompt) for prompt in prompts):
        raise ValueError(
            f"generate_batch: expected prompts of at least one token, got lengths {[len(p) for p in prompts]}"
        )
    longest = max(map(len, prompts))
    ids = numpy.array([[0] * (longest - len(prompt)) + numbers(prompt) for prompt in prompts])
    return ids, numpy.arange(longest) < longest - numpy.array([[len(prompt)] for prompt in prompts])
