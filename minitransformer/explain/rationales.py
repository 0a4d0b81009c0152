"""Relevance compared with the words that a person has marked as the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.statistics import roc_area

Array = numpy.ndarray
MARKED_SHARE = 0.2  # about the share of marked tokens in the reviews of this package


def marked_tokens(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> Array:
    """The tokens with a character, other than white space, inside a marked span.

    Args:
        tokens: T strings that joined make up the text.
        spans: (start, end) of each marked text[start:end].

    Returns:
        bool (T,).

    Raises:
        ValueError: a span beyond the text.
    """
    length = sum(map(len, tokens))
    if any(not 0 <= start < end <= length for start, end in spans):
        raise ValueError(
            f"spans: expected 0 <= start < end <= {length}, the length of the text, got {list(spans)}"
        )
    found = []
    start = 0
    for token in tokens:
        inside = (any(a <= i < b for a, b in spans) for i, c in enumerate(token, start) if not c.isspace())
        found.append(any(inside))
        start += len(token)
    return numpy.array(found, dtype=bool)


def precision_at_k(relevance: Array, marked: Array, k: int | None = None) -> float:
    """The share of marked tokens among the k most relevant.

    Args:
        relevance: (T,).
        marked: bool (T,).
        k: a number of tokens; None for the number of marked ones.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: shapes that do not fit, relevance that is not finite, or all tokens marked, or none.
    """
    relevance, marked = _checked(relevance, marked)
    top = numpy.argsort(-relevance, kind="stable")[: k or int(marked.sum())]
    return float(marked[top].mean())


def auroc(relevance: Array, marked: Array) -> float:
    """The chance that a marked token has more relevance than one that is not marked; equal relevance counts half.

    Args:
        relevance: (T,).
        marked: bool (T,).

    Returns:
        A number from 0 to 1; 0.5 is chance.

    Raises:
        ValueError: as `precision_at_k` does.
    """
    relevance, marked = _checked(relevance, marked)
    return roc_area(relevance, marked)


def token_f1(relevance: Array, marked: Array, share: float = MARKED_SHARE) -> float:
    """2 P R / (P + R), where the most relevant tokens are taken as a guess at the marked ones.

    P is the share of the guessed tokens that are marked, R the share of the marked tokens that are guessed.

    Args:
        relevance: (T,).
        marked: bool (T,).
        share: the share of tokens in the guess, which has at least one token.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: a share outside (0, 1]; and as `precision_at_k` does.

    Source:
        DeYoung et al., ACL 2020.
    """
    relevance, marked = _checked(relevance, marked)
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share}")
    k = max(1, round(share * len(relevance)))
    hits = marked[numpy.argsort(-relevance, kind="stable")[:k]].sum()
    return float(2 * hits / (k + marked.sum()))


def _checked(relevance: Any, marked: Any) -> tuple[Array, Array]:
    """Both as arrays, or ValueError."""
    relevance = numpy.asarray(relevance, dtype=numpy.float64)
    marked = numpy.asarray(marked, dtype=bool)
    if relevance.ndim != 1 or relevance.shape != marked.shape or not numpy.isfinite(relevance).all():
        raise ValueError(
            f"expected finite relevance (T,) and marks (T,), got shapes {relevance.shape} and {marked.shape}"
        )
    if marked.all() or not marked.any():
        raise ValueError(
            f"marked: expected some tokens marked and some not, got {int(marked.sum())} of {len(marked)}"
        )
    return relevance, marked
