"""Words with human ratings, from -4 for the worst to 4 for the best (Hutto and Gilbert, 2014, "VADER", section 3.1)."""

from __future__ import annotations

from minitransformer import files
from minitransformer.assets import fetch

FETCH = "delete it, and fetch it again"


def word_ratings() -> dict[str, float]:
    """About 7,500 words and signs with the mean rating of ten people each; fetched on the first call.

    Raises AssetError when they are neither in the cache nor to be had.
    """
    path = fetch("word-ratings") / "vader_lexicon.txt"
    with files.blaming(path, FETCH):
        return parse_lexicon(files.read_text(path))


def parse_lexicon(source: str) -> dict[str, float]:
    """Lines of `word <tab> mean rating <tab> ..` as word -> rating; one listed twice has the mean of both.

    Raises ValueError with the line's number if a line is malformed.
    """
    found: dict[str, list[float]] = {}
    for number, line in enumerate(source.splitlines(), start=1):
        word, _, rest = line.partition("\t")
        try:
            found.setdefault(word, []).append(rated(rest.split("\t")[0]))
        except ValueError:
            raise ValueError(f"line {number}: expected a word, a tab and a number, got {line!r}") from None
    return {word: sum(ratings) / len(ratings) for word, ratings in found.items()}


def rated(text: str) -> float:
    """A rating from -4 to 4. Raises ValueError for anything else."""
    if not -4 <= (rating := float(text)) <= 4:
        raise ValueError(f"expected a rating from -4 to 4, got {text}")
    return rating
