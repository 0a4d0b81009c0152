"""Labelled reviews: what one is, the set shipped with the project, and a fair division into train and test."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import accumulate

from minitransformer.tokenization.marks import LETTERS, find_words

LABELS = {"+ ": 1, "- ": 0}
WORD = re.compile(LETTERS)


@dataclass(frozen=True)
class Review:
    """A short text, whether it praises (1) or blames (0), and the words marked as the reason."""

    text: str
    label: int
    # spans: text[start:end] are the words; () where none were marked
    rationale: tuple[tuple[int, int], ...] = ()


def load_reviews() -> list[Review]:
    """The reviews written for this project, each with the words that are the reason marked."""
    source = resources.files("minitransformer.data").joinpath("reviews.txt")
    return parse_reviews(source.read_text(encoding="utf-8"))


def parse_reviews(source: str) -> list[Review]:
    """One review a line; empty lines and lines starting with `#` are skipped.

    Raises ValueError with the line's number if a line is malformed.
    """
    lines = enumerate(map(str.strip, source.split("\n")), start=1)
    return [parse_review(line, number) for number, line in lines if line and not line.startswith("#")]


def parse_review(line: str, number: int = 1) -> Review:
    """`+ The soup was *rich and warm*.` as a Review; the words between asterisks become its rationale."""
    pieces = line[2:].split("*")  # unmarked, marked, unmarked, ...
    marked = pieces[1::2]
    if (
        line[:2] not in LABELS
        or len(pieces) % 2 == 0
        or not marked
        or any(not m or m != m.strip() for m in marked)
    ):
        raise ValueError(
            f"line {number}: expected `+` or `-`, a space, and text with its reasons between *asterisks*; got {line!r}"
        )
    # a marked piece starts where the one before it ends
    ends = list(accumulate(len(piece) for piece in pieces))
    return Review("".join(pieces), LABELS[line[:2]], tuple(zip(ends[0::2], ends[1::2], strict=False)))


def train_test_split(
    reviews: Sequence[Review], held_out: float = 0.1, seed: int = 0
) -> tuple[list[Review], list[Review]]:
    """Shuffle, then hold out that fraction of the texts; no text is on both sides, whatever its case or punctuation."""
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, both excluded; got {held_out}")
    shuffled = random.Random(seed).sample(reviews, len(reviews))
    texts = list(dict.fromkeys(same_text(review) for review in shuffled))
    held = set(texts[: round(held_out * len(texts))])
    train = [review for review in shuffled if same_text(review) not in held]
    return train, [review for review in shuffled if same_text(review) in held]


def same_text(review: Review) -> tuple[str, ...]:
    """What two reviews share when one is the other in different case, spacing or punctuation."""
    return tuple(find_words(WORD, review.text.casefold()))
