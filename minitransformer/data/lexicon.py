"""Words with human ratings, from -4 for the worst to 4 for the best (Hutto and Gilbert, 2014, "VADER", section 3.1)."""

from __future__ import annotations

from minitransformer import files
from minitransformer.assets import fetch

FETCH = "delete it, and fetch it again"


def word_ratings() -> dict[str, float]:
    """About 7,500 words and emoticons, each with the mean rating of ten people.

    The first call downloads the file into the cache.

    Returns:
        word -> rating, from -4 (worst) to 4 (best).

    Raises:
        AssetError: If the file is not in the cache and cannot be downloaded.
        FileError: If the cached file is damaged.

    Source:
        Hutto and Gilbert, "VADER", ICWSM 2014, section 3.1.
    """
    path = fetch("word-ratings") / "vader_lexicon.txt"
    with files.blaming(path, FETCH):
        return parse_lexicon(files.read_text(path))


def parse_lexicon(source: str) -> dict[str, float]:
    """Read lines of the form `word <tab> mean rating <tab> ...`.

    Args:
        source: The text of the file.

    Returns:
        word -> rating; a word that is listed twice gets the mean of its ratings.

    Raises:
        ValueError: If a line is malformed; the message names its number.
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
    """A rating, read from text.

    Args:
        text: A decimal number.

    Returns:
        The number, from -4 to 4.

    Raises:
        ValueError: If it is not a number in that range.
    """
    if not -4 <= (rating := float(text)) <= 4:
        raise ValueError(f"expected a rating from -4 to 4, got {text}")
    return rating
