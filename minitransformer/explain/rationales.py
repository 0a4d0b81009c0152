"""Relevance against the words that are marked as the reason: do both point at the same ones?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.statistics import roc_area

Array = numpy.ndarray
MARKED_SHARE = 0.2  # of the tokens of a shipped review, to a round number


def marked_tokens(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> Array:
    """Which tokens have a character, other than white space, inside a span of the text that they make up: bool (T,).

    Spans are (start, end) with text[start:end] marked. Raises ValueError for a span beyond the text.
    """
    length = sum(map(len, tokens))
    if any(not 0 <= start < end <= length for start, end in spans):
        raise ValueError(
            f"spans: expected 0 <= start < end <= {length}, the length of the text, got {list(spans)}"
        )
    found, start = [], 0
    for token in tokens:
        inside = (any(a <= i < b for a, b in spans) for i, c in enumerate(token, start) if not c.isspace())
        found.append(any(inside))
        start += len(token)
    return numpy.array(found, dtype=bool)


def precision_at_k(relevance: Array, marked: Array, k: int | None = None) -> float:
    """The share of marked tokens among the k most relevant; k is how many are marked, unless given."""
    relevance, marked = _checked(relevance, marked)
    top = numpy.argsort(-relevance, kind="stable")[: k or int(marked.sum())]
    return float(marked[top].mean())


def auroc(relevance: Array, marked: Array) -> float:
    """The chance that a marked token has more relevance than one that is not; equals count half (Mann & Whitney, 1947)."""
    relevance, marked = _checked(relevance, marked)
    return roc_area(relevance, marked)


def token_f1(relevance: Array, marked: Array, share: float = MARKED_SHARE) -> float:
    """2 P R / (P + R) of the most relevant `share` of tokens, at least one, as a guess at the marked ones.

    P is the share of the guess that is marked, R the share of the marked ones that it holds (DeYoung et al., ACL 2020).
    """
    relevance, marked = _checked(relevance, marked)
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share}")
    k = max(1, round(share * len(relevance)))
    hits = marked[numpy.argsort(-relevance, kind="stable")[:k]].sum()
    return float(2 * hits / (k + marked.sum()))


def _checked(relevance, marked) -> tuple[Array, Array]:
    relevance, marked = numpy.asarray(relevance, dtype=numpy.float64), numpy.asarray(marked, dtype=bool)
    if relevance.ndim != 1 or relevance.shape != marked.shape or not numpy.isfinite(relevance).all():
        raise ValueError(
            f"expected finite relevance (T,) and marks (T,), got shapes {relevance.shape} and {marked.shape}"
        )
    if marked.all() or not marked.any():
        raise ValueError(
            f"marked: expected some tokens marked and some not, got {int(marked.sum())} of {len(marked)}"
        )
    return relevance, marked
