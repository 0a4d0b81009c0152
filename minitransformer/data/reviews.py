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
    """A short labelled text.

    Args:
        text: The text.
        label: 1 if it praises, 0 if it blames.
        rationale: Pairs (start, end); the words text[start:end] were marked as the reason for the label. Empty if no
            words were marked.
    """

    text: str
    label: int
    # spans: text[start:end] are the words; () where none were marked
    rationale: tuple[tuple[int, int], ...] = ()


def load_reviews() -> list[Review]:
    """The reviews that were written for this project.

    Returns:
        The reviews, each with the words marked that are the reason for its label.
    """
    source = resources.files("minitransformer.data").joinpath("reviews.txt")
    return parse_reviews(source.read_text(encoding="utf-8"))


def parse_reviews(source: str) -> list[Review]:
    """Read one review from each line; empty lines and lines that begin with `#` are skipped.

    Args:
        source: The text of the file.

    Returns:
        The reviews in order.

    Raises:
        ValueError: If a line is malformed; the message names its number.
    """
    lines = enumerate(map(str.strip, source.split("\n")), start=1)
    return [parse_review(line, number) for number, line in lines if line and not line.startswith("#")]


def parse_review(line: str, number: int = 1) -> Review:
    """Read a line such as `+ The soup was *rich and warm*.`; the words between asterisks become the rationale.

    Args:
        line: `+` or `-`, a space, and the text.
        number: The number of the line, for the error message.

    Returns:
        The review.

    Raises:
        ValueError: If the line has another form.
    """
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


def marked_words(reviews: Sequence[Review]) -> list[Review]:
    """The marked words of each review as a short review of their own: more samples, and each is a reason.

    Args:
        reviews: The reviews.

    Returns:
        One short review, with the same label, for each that has marks.
    """
    return [
        Review(" ".join(r.text[start:end] for start, end in r.rationale), r.label)
        for r in reviews
        if r.rationale
    ]


def train_test_split(
    reviews: Sequence[Review], held_out: float = 0.1, seed: int = 0
) -> tuple[list[Review], list[Review]]:
    """Shuffle reviews and hold some out.

    Two reviews with the same words, whatever their case or punctuation, are never divided between the two parts.

    Args:
        reviews: The reviews.
        held_out: The fraction of the different texts to hold out, between 0 and 1.
        seed: Decides the order.

    Returns:
        (training reviews, held-out reviews).

    Raises:
        ValueError: If `held_out` is not between 0 and 1, both excluded.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, both excluded; got {held_out}")
    shuffled = random.Random(seed).sample(reviews, len(reviews))
    texts = list(dict.fromkeys(same_text(review) for review in shuffled))
    held = set(texts[: round(held_out * len(texts))])
    train = [review for review in shuffled if same_text(review) not in held]
    return train, [review for review in shuffled if same_text(review) in held]


def folds(
    reviews: Sequence[Review], number: int = 5, seed: int = 0
) -> list[tuple[list[Review], list[Review]]]:
    """Shuffle reviews and hold out each of several equal parts in turn, so that every review is held out once.

    Two reviews with the same words, whatever their case or punctuation, are in the same part.

    Args:
        reviews: The reviews.
        number: The number of parts, from 2 to the number of different texts.
        seed: Decides the order.

    Returns:
        (training reviews, held-out reviews) for each part.

    Raises:
        ValueError: If `number` is out of range.
    """
    texts = list(dict.fromkeys(same_text(review) for review in reviews))
    if not 2 <= number <= len(texts):
        raise ValueError(f"folds: expected 2 to {len(texts)}, the number of different texts; got {number}")
    order = random.Random(seed).sample(texts, len(texts))
    part = {text: i % number for i, text in enumerate(order)}
    return [
        (
            [r for r in reviews if part[same_text(r)] != i],
            [r for r in reviews if part[same_text(r)] == i],
        )
        for i in range(number)
    ]


def same_text(review: Review) -> tuple[str, ...]:
    """A key that is equal for two reviews that differ only in case, spacing or punctuation.

    Args:
        review: A review.

    Returns:
        Its words, case-folded.
    """
    return tuple(find_words(WORD, review.text.casefold()))
