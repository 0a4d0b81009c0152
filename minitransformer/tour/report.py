"""The result of a tour as plain data, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minitransformer.tour.dates import DatesResult
from minitransformer.tour.result import NAMES, ClassifierResult
from minitransformer.tour.stories import StoriesResult
from minitransformer.tour.verdict import agreement, top_words
from minitransformer.tour.whole import TourResult

AGREEMENT = ("method", "other", "rank_correlation", "top_words")


def plain(result: TourResult) -> dict[str, Any]:
    """The result for JSON.

    Args:
        result: what `run` returned.

    Returns:
        Its figures as dictionaries, lists, numbers and texts.
    """
    classifier = result.classifier
    return {
        "passed": result.holds,
        "mine": result.mine,
        "beside": {name: {"difference": size, "not swapped in": why} for name, size, why in result.beside},
        "set aside": result.aside,
        "gradients": {
            "checks": len(result.gradients),
            "failed": [r.name for r in result.gradients if not r.passed],
        },
        "dates": _dates(result.dates),
        "stories": _stories(result.stories),
        "classifier": {
            **asdict(classifier.learned),
            "accuracy": classifier.accuracy,
            "reviews": classifier.reviews,
            "cross-validated": classifier.cross_validated,
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


def _dates(dates: DatesResult) -> dict[str, Any]:
    own = dates.own
    figures = {"accuracy": dates.accuracy, "tested": dates.tested}
    return {
        **asdict(dates.learned),
        **figures,
        "own": {"text": own.text, "right": own.right, "said": own.said},
    }


def _stories(stories: StoriesResult) -> dict[str, Any]:
    figures = {"kept": stories.kept, "told": stories.told}
    return {**asdict(stories.learned), "before": stories.before, "after": stories.after, **figures}


def _agreement(classifier: ClassifierResult) -> list[dict[str, Any]]:
    """Each pair of methods; JSON has no NaN, and null stands for it."""
    pairs = [(a, b, None if r != r else r, words) for a, b, r, words in agreement(classifier.explanations)]
    return [dict(zip(AGREEMENT, pair, strict=True)) for pair in pairs]
