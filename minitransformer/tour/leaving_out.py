"""What a classifier says of a text when one or two of its words are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy

PAIRED = 24  # tokens: of longer texts only single words are left out, as there are T (T - 1) / 2 pairs


def without(
    predict: Callable[[Sequence[str]], numpy.ndarray], tokens: Sequence[str], label: int
) -> numpy.ndarray:
    """The probability of a label when each token, and each pair of tokens, is left out.

    Args:
        predict: N texts -> the probability of each class, (N, C).
        tokens: the T tokens of a text, which joined are the text.
        label: the class.

    Returns:
        (T, T), symmetric. The diagonal is for single tokens. Of a text of more than `PAIRED` tokens all else is NaN.
    """
    asked = [(i, i) for i in range(len(tokens))]
    if len(tokens) <= PAIRED:
        asked += combinations(range(len(tokens)), 2)
    texts = ["".join(t for n, t in enumerate(tokens) if n not in pair) for pair in asked]
    found = numpy.full((len(tokens), len(tokens)), numpy.nan)
    for (i, j), probability in zip(asked, predict(texts)[:, label], strict=True):
        found[i, j] = found[j, i] = probability
    return found
