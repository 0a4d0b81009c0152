"""Words with human ratings, from -4 for the worst to 4 for the best (Hutto and Gilbert, 2014, "VADER", section 3.1)."""

from __future__ import annotations

from minitransformer.assets import fetch


def word_ratings() -> dict[str, float]:
    """About 7,500 words and signs with the mean rating of ten people each; fetched on the first call.

    Raises AssetError when they are neither in the cache nor to be had.
    """
    path = fetch("word-ratings") / "vader_lexicon.txt"
    return parse_lexicon(path.read_text(encoding="utf-8"))


def parse_lexicon(source: str) -> dict[str, float]:
    """Lines of `word <tab> mean rating <tab> ..` as word -> rating; one listed twice has the mean of both.

    Raises ValueError with the line's number if a line is malformed.
    """
    found: dict[str, list[float]] = {}
    for number, line in enumerate(source.splitlines(), start=1):
        word, _, rest = line.partition("\t")
        try:
            found.setdefault(word, []).append(float(rest.split("\t")[0]))
        except ValueError:
            raise ValueError(f"line {number}: expected a word, a tab and a number, got {line!r}") from None
    return {word: sum(ratings) / len(ratings) for word, ratings in found.items()}
