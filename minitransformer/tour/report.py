"""The story of a tour as plain data, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minitransformer.tour.story import NAMES, Judgement, Story
from minitransformer.tour.verdict import agreement, top_words

AGREEMENT = ("method", "other", "rank_correlation", "top_words")


def plain(story: Story) -> dict[str, Any]:
    """The story for JSON.

    Args:
        story: what `run` returned.

    Returns:
        Its figures as dictionaries, lists, numbers and texts.
    """
    judgement, speech = story.judgement, story.speech
    return {
        "passed": story.holds,
        "mine": story.mine,
        "beside": {name: {"difference": size, "not swapped in": why} for name, size, why in story.beside},
        "set aside": story.aside,
        "gradients": {
            "checks": len(story.gradients),
            "failed": [r.name for r in story.gradients if not r.passed],
        },
        "language model": {**asdict(speech.learned), "before": speech.before, "after": speech.after},
        "classifier": {
            **asdict(judgement.learned),
            "accuracy": judgement.accuracy,
            "reviews": judgement.reviews,
        },
        "review": {
            "text": judgement.review.text,
            "answer": NAMES[judgement.label],
            "probability": judgement.probability,
        },
        "explanations": {
            e.method: {"tokens": e.tokens, "relevance": e.relevance.tolist(), "top_words": top_words(e)}
            for e in judgement.explanations
        },
        "ledger": dict(judgement.ledger),
        "agreement": _agreement(judgement),
        "seconds": story.seconds,
    }


def _agreement(judgement: Judgement) -> list[dict[str, Any]]:
    """Each pair of methods; JSON has no NaN, and null stands for it."""
    pairs = [(a, b, None if r != r else r, words) for a, b, r, words in agreement(judgement.explanations)]
    return [dict(zip(AGREEMENT, pair, strict=True)) for pair in pairs]
