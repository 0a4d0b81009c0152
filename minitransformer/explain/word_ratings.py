"""Do people hear the same words? Relevance against how good or bad people say that each word is by itself.

Weaker than marked reasons, as a word is rated without its sentence ("not bad"), but there for thousands of words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy

from minitransformer.explain.rendering import finite, scale_of
from minitransformer.statistics import rank_correlation
from minitransformer.tokenization.marks import LETTERS, seen

Array = numpy.ndarray
WORD = re.compile(rf"{LETTERS}(?:['\u2019-]{LETTERS})*")


def rated_words(
    tokens: Sequence[str], relevance, ratings: Mapping[str, float]
) -> tuple[list[str], Array, Array]:
    """The words of a text that have a rating: (words, their relevance (N,), their ratings (N,)).

    The tokens make up the text; a word cut into several has the sum of their relevance, so that "un" + "happy" is unhappy
    and never happy. Raises ValueError for relevance that is not finite or not one number a token.
    """
    relevance, text = finite(relevance, (len(tokens),)), "".join(tokens)
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
    """Spearman's rank correlation of relevance with rating over the rated words of all texts, and how many these are.

    `rows` are (tokens, relevance (T,)) of each text, as `Explanation.rows()` gives them; each text's relevance is divided by
    its largest |relevance| first, as texts have logits of different sizes. `praise`: whether the explained output speaks
    for good, of all texts or of each; ratings count the other way round where not. Raises ValueError for fewer than two
    rated words, and as `rated_words` does.
    """
    signs = [1 if p else -1 for p in (praise if isinstance(praise, Sequence) else [praise] * len(rows))]
    relevances, rated = [], []
    for (tokens, relevance), sign in zip(rows, signs, strict=True):
        _, found, human = rated_words(tokens, relevance, ratings)
        relevances.extend(found / scale_of(relevance))
        rated.extend(sign * human)
    if len(rated) < 2:
        raise ValueError(
            f"expected two words or more that have a rating, got {len(rated)} in {len(rows)} texts"
        )
    return rank_correlation(numpy.array(relevances), numpy.array(rated)), len(rated)
