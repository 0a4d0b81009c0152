"""Relevance compared with people's ratings of single words, from bad to good.

This is weaker evidence than marked reasons, since a word is rated without its sentence ("not bad"), but there are ratings of
thousands of words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from minitransformer.pictures.colours import finite, scale_of
from minitransformer.statistics import rank_correlation
from minitransformer.tokenization.marks import LETTERS, seen

Array = numpy.ndarray
WORD = re.compile(rf"{LETTERS}(?:['\u2019-]{LETTERS})*")


def rated_words(
    tokens: Sequence[str], relevance: Any, ratings: Mapping[str, float]
) -> tuple[list[str], Array, Array]:
    """The words of a text that have a rating.

    Args:
        tokens: T strings that joined make up the text. A word of several tokens has the sum of their relevance: "un" +
            "happy" is looked up as "unhappy".
        relevance: (T,).
        ratings: the rating of each word, in lower case.

    Returns:
        (N words, their relevance (N,), their ratings (N,)).

    Raises:
        ValueError: relevance that is not finite, or not one number for each token.
    """
    relevance = finite(relevance, (len(tokens),))
    text = "".join(tokens)
    token_of = [i for i, token in enumerate(tokens) for _ in token]  # of each character
    spans = [match.span() for match in WORD.finditer(seen(text))]
    found = [(start, end) for start, end in spans if text[start:end].casefold() in ratings]
    parts = [sorted(set(token_of[start:end])) for start, end in found]
    words = [text[start:end].casefold() for start, end in found]
    return (
        words,
        numpy.array([relevance[p].sum() for p in parts]),
        numpy.array([ratings[word] for word in words]),
    )


def lexicon_agreement(
    rows: Sequence[tuple[Sequence[str], Array]],
    ratings: Mapping[str, float],
    praise: bool | Sequence[bool] = True,
) -> tuple[float, int]:
    """The rank correlation of relevance with ratings, over the rated words of all texts.

    Args:
        rows: (tokens, relevance (T,)) of each text, as `Explanation.rows()` gives them. The relevance of each text is
            divided by its largest absolute value, since the logits of texts differ in size.
        ratings: the rating of each word, in lower case.
        praise: whether a high explained output means "good", for all texts or for each; where it means "bad", the ratings
            are negated.

    Returns:
        (Spearman's rank correlation, the number of rated words).

    Raises:
        ValueError: fewer than two rated words; and as `rated_words` does.
    """
    signs = [1 if p else -1 for p in (praise if isinstance(praise, Sequence) else [praise] * len(rows))]
    relevances: list[float] = []
    rated: list[float] = []
    for (tokens, relevance), sign in zip(rows, signs, strict=True):
        _, found, human = rated_words(tokens, relevance, ratings)
        relevances.extend(found / scale_of(relevance))
        rated.extend(sign * human)
    if len(rated) < 2:
        raise ValueError(
            f"expected two words or more that have a rating, got {len(rated)} in {len(rows)} texts"
        )
    return rank_correlation(numpy.array(relevances), numpy.array(rated)), len(rated)
