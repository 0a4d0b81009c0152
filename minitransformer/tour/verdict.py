"""What can be read from several explanations of one decision: the loudest words, and where the methods agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy

from minitransformer.explain import Explanation
from minitransformer.pictures.colours import scale_of
from minitransformer.statistics import rank_correlation

AUDIBLE = 0.1  # of the loudest word: less is not counted as a contradiction
TOP = 3  # words that methods are compared on


def is_word(token: str) -> bool:
    return any(c.isalnum() for c in token)


def loudest(explanation: Explanation) -> dict[str, float]:
    """Each word with its relevance, that of its loudest occurrence; the loudest word first."""
    found: dict[str, float] = {}
    for i in numpy.argsort(-numpy.abs(explanation.relevance), kind="stable"):
        if is_word(token := explanation.tokens[i].strip().lower()):
            found.setdefault(token, float(explanation.relevance[i]))
    return found


def top_words(explanation: Explanation) -> list[str]:
    """The words that speak loudest for or against, each once."""
    return list(loudest(explanation))[:TOP]


def agreement(explanations: Sequence[Explanation]) -> list[tuple[str, str, float, list[str]]]:
    """For each pair of methods: their names, the rank correlation over words, and the top words they share."""
    words = [i for i, token in enumerate(explanations[0].tokens) if is_word(token)]
    correlation = {
        (a, b): rank_correlation(a.relevance[words], b.relevance[words])
        for a, b in combinations(explanations, 2)
    }
    return [
        (a.method, b.method, r, [w for w in top_words(a) if w in top_words(b)])
        for (a, b), r in correlation.items()
    ]


def consensus(explanations: Sequence[Explanation]) -> tuple[list[str], list[str]]:
    """The words that are loud for every method, all with one sign; and those loud for one that have another sign for another."""
    # 1 is the loudest
    said = [{w: v / scale_of(e.relevance) for w, v in loudest(e).items()} for e in explanations]
    tops = [top_words(e) for e in explanations]
    every = list(dict.fromkeys(word for top in tops for word in top))
    disputed = [w for w in every if min(s[w] for s in said) < -AUDIBLE and max(s[w] for s in said) > AUDIBLE]
    return [w for w in every if all(w in top for top in tops) and w not in disputed], disputed


def verdict(explanations: Sequence[Explanation]) -> str:
    """Where the methods agree, in words."""
    agreed, disputed = consensus(explanations)
    yes = (
        f"Every method counts {listed(agreed)} among its {TOP} loudest words, with the same sign."
        if agreed
        else ""
    )
    no = f"They do not agree whether {listed(disputed)} spoke for or against." if disputed else ""
    return " ".join(
        filter(None, [yes or f"No word is among the {TOP} loudest of every method with the same sign.", no])
    )


def listed(words: Sequence[str]) -> str:
    """'a', 'b' and 'c'."""
    *most, last = [f"'{word}'" for word in words]
    return f"{', '.join(most)} and {last}" if most else last
