"""Sentences of film reviews with human ratings (Hutto and Gilbert, 2014, "VADER", section 3.4)."""

from __future__ import annotations

import html

from minitransformer import files
from minitransformer.assets import fetch
from minitransformer.data.lexicon import FETCH, rated
from minitransformer.data.reviews import Review, same_text

NEUTRAL = 0.5  # ratings run from -4 to 4; this close to 0 the raters saw neither praise nor blame


def movie_reviews() -> list[Review]:
    """About 10,000 labelled sentences of film reviews, in the order of the file, without repetitions.

    The first call downloads the file into the cache.

    Returns:
        The reviews, label 1 for praise and 0 for blame. Sentences rated within 0.5 of neutral are left out.

    Raises:
        AssetError: If the file is not in the cache and cannot be downloaded.
        FileError: If the cached file is damaged.

    Source:
        Hutto and Gilbert, "VADER", ICWSM 2014, section 3.4.
    """
    path = fetch("movie-reviews") / "movieReviewSnippets_GroundTruth.txt"
    with files.blaming(path, FETCH):
        return parse_ratings(files.read_text(path))


def parse_ratings(source: str) -> list[Review]:
    """Read lines of the form `id <tab> mean rating <tab> text`.

    Args:
        source: The text of the file.

    Returns:
        The reviews, without neutral ones (|rating| <= 0.5) and without repetitions.

    Raises:
        ValueError: If a line is malformed; the message names its number.
    """
    reviews: dict[tuple[str, ...], Review] = {}
    for number, line in enumerate(source.strip().split("\n"), start=1):
        rating, text = _rating_and_text(line, number)
        if abs(rating) > NEUTRAL:
            review = Review(" ".join(html.unescape(text).split()), int(rating > 0))
            reviews.setdefault(same_text(review), review)
    return list(reviews.values())


def _rating_and_text(line: str, number: int) -> tuple[float, str]:
    try:
        _, rating, text = line.split("\t")
        return rated(rating), text
    except ValueError:
        raise ValueError(
            f"line {number}: expected an id, a rating from -4 to 4 and a text, tabs between, got {line!r}"
        ) from None
