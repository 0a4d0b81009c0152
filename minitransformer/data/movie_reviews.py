"""Sentences of film reviews with human ratings (Hutto and Gilbert, 2014, "VADER", section 3.4)."""

from __future__ import annotations

import html

from minitransformer.assets import fetch
from minitransformer.data.reviews import Review, same_text

NEUTRAL = 0.5  # ratings run from -4 to 4; this close to 0 the raters saw neither praise nor blame


def movie_reviews() -> list[Review]:
    """About 10,000 labelled sentences in the file's order, each once; fetched on the first call.

    Raises AssetError when they are neither in the cache nor to be had.
    """
    path = fetch("movie-reviews") / "movieReviewSnippets_GroundTruth.txt"
    return parse_ratings(path.read_text(encoding="utf-8"))


def parse_ratings(source: str) -> list[Review]:
    """Lines of `id <tab> mean rating <tab> text` as reviews, without the neutral ones and the repeated ones."""
    reviews = {}
    for line in source.strip().split("\n"):
        _, rating, text = line.split("\t")
        if abs(float(rating)) > NEUTRAL:
            review = Review(" ".join(html.unescape(text).split()), int(float(rating) > 0))
            reviews.setdefault(same_text(review), review)
    return list(reviews.values())
