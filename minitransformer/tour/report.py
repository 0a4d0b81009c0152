"""The result of a tour as plain data, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minitransformer.tour.result import NAMES, ClassifierResult, TourResult
from minitransformer.tour.verdict import agreement, top_words

AGREEMENT = ("method", "other", "rank_correlation", "top_words")


def plain(result: TourResult) -> dict[str, Any]:
    """The result for JSON.

    Args:
        result: what `run` returned.

    Returns:
        Its figures as dictionaries, lists, numbers and texts.
    """
    classifier, language_model = result.classifier, result.language_model
    return {
        "passed": result.holds,
        "mine": result.mine,
        "beside": {name: {"difference": size, "not swapped in": why} for name, size, why in result.beside},
        "set aside": result.aside,
        "gradients": {
            "checks": len(result.gradients),
            "failed": [r.name for r in result.gradients if not r.passed],
        },
        "language model": {
            **asdict(language_model.learned),
            "before": language_model.before,
            "after": language_model.after,
        },
        "classifier": {
            **asdict(classifier.learned),
            "accuracy": classifier.accuracy,
            "reviews": classifier.reviews,
        },
        "review": {
            "text": classifier.review.text,
            "answer": NAMES[classifier.label],
            "probability": classifier.probability,
        },
        "explanations": {
            e.method: {"tokens": e.tokens, "relevance": e.relevance.tolist(), "top_words": top_words(e)}
            for e in classifier.explanations
        },
        "ledger": dict(classifier.ledger),
        "agreement": _agreement(classifier),
        "published": {"cosines": result.published.cosines, "next tokens": result.published.next_tokens},
        "seconds": result.seconds,
    }


def _agreement(classifier: ClassifierResult) -> list[dict[str, Any]]:
    """Each pair of methods; JSON has no NaN, and null stands for it."""
    pairs = [(a, b, None if r != r else r, words) for a, b, r, words in agreement(classifier.explanations)]
    return [dict(zip(AGREEMENT, pair, strict=True)) for pair in pairs]
