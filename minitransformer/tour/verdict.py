"""What several explanations of one decision have in common: their top words, and whether the methods agree on them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy

from minitransformer import statistics  # whole: a learner's rank_correlation may stand in it
from minitransformer.explain import Explanation
from minitransformer.pictures.colours import scale_of

CLEAR = 0.1  # of the largest |relevance|: opposite signs of less are not counted as a contradiction
TOP = 3  # words of each method that are compared


def is_word(token: str) -> bool:
    """Whether a token has a letter or a digit, and is not only punctuation.

    Args:
        token: the token.

    Returns:
        Whether it has.
    """
    return any(c.isalnum() for c in token)


def largest(explanation: Explanation) -> dict[str, float]:
    """The relevance of each word, the largest |relevance| first.

    Args:
        explanation: of one text.

    Returns:
        The relevance by the word in small letters; of a word that occurs several times, the largest in size.
    """
    found: dict[str, float] = {}
    for i in numpy.argsort(-numpy.abs(explanation.relevance), kind="stable"):
        if is_word(token := explanation.tokens[i].strip().lower()):
            found.setdefault(token, float(explanation.relevance[i]))
    return found


def top_words(explanation: Explanation) -> list[str]:
    """The words with the largest |relevance|, each once.

    Args:
        explanation: of one text.

    Returns:
        At most `TOP` words.
    """
    return list(largest(explanation))[:TOP]


def agreement(explanations: Sequence[Explanation]) -> list[tuple[str, str, float, list[str]]]:
    """Compare each pair of methods.

    Args:
        explanations: of the same tokens, one for each method.

    Returns:
        (method, other method, rank correlation of the words' relevance, top words of both) for each pair.
    """
    words = [i for i, token in enumerate(explanations[0].tokens) if is_word(token)]
    correlation = {
        (a, b): statistics.rank_correlation(a.relevance[words], b.relevance[words])
        for a, b in combinations(explanations, 2)
    }
    return [
        (a.method, b.method, r, [w for w in top_words(a) if w in top_words(b)])
        for (a, b), r in correlation.items()
    ]


def consensus(explanations: Sequence[Explanation]) -> tuple[list[str], list[str]]:
    """The top words on which all methods agree, and those on which they contradict each other.

    Args:
        explanations: of the same tokens, one for each method.

    Returns:
        (words that are top words of every method, all with one sign; top words of any method that have opposite signs).
    """
    # 1 is the largest
    shares = [{w: v / scale_of(e.relevance) for w, v in largest(e).items()} for e in explanations]
    tops = [top_words(e) for e in explanations]
    every = list(dict.fromkeys(word for top in tops for word in top))
    disputed = [w for w in every if min(s[w] for s in shares) < -CLEAR and max(s[w] for s in shares) > CLEAR]
    return [w for w in every if all(w in top for top in tops) and w not in disputed], disputed


def verdict(explanations: Sequence[Explanation]) -> str:
    """Where the methods agree, in words.

    Args:
        explanations: of the same tokens, one for each method.

    Returns:
        One sentence or two.
    """
    agreed, disputed = consensus(explanations)
    yes = (
        f"Every method has {listed(agreed)} among its {TOP} words of largest relevance, with the same sign."
        if agreed
        else f"No word is among the {TOP} of largest relevance in every method, with the same sign."
    )
    no = f"They do not agree on the sign of {listed(disputed)}." if disputed else ""
    return f"{yes} {no}".strip()


def listed(words: Sequence[str]) -> str:
    """Words as part of a sentence: 'a', 'b' and 'c'.

    Args:
        words: one word or more.

    Returns:
        The words in quotes, with commas and an "and".
    """
    *most, last = [f"'{word}'" for word in words]
    return f"{', '.join(most)} and {last}" if most else last
