"""Tokens as text that grows: no half letters, and nothing of what ends the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from minitransformer.tokenization.tokenizer import REPLACEMENT, Tokenizer


def growing_text(
    tokenizer: Tokenizer, ids: Sequence[int], tokens: Iterable[int], stop: Sequence[str] = ()
) -> Iterator[str]:
    """The pieces of text by which each of `tokens` goes on after `ids`, until one of the strings `stop` would appear.

    A piece is held back while its last letter lacks bytes, or while it may be the beginning of a string to stop at;
    what is held back at the end is the last piece. A letter whose first bytes stand at the end of `ids` is part of the first
    piece. Raises ValueError if a string to stop at is empty.
    """
    if "" in stop:
        raise ValueError("stop: expected strings of at least one letter, got an empty one")
    new, before, shown = list(ids), tokenizer.decode(ids), 0
    text = ""
    for token in tokens:
        new.append(token)
        text = following(tokenizer.decode(new), before)
        if ends := [text.find(s) for s in stop if s in text]:
            text = text[: min(ends)]
            break
        ready = len(text.rstrip(REPLACEMENT)) - held_back(text.rstrip(REPLACEMENT), stop)
        if ready > shown:
            yield text[shown:ready]
            shown = ready
    yield text[shown:]


def following(text: str, before: str) -> str:
    """What of `text` comes after `before`, whose last letter may have lacked bytes that are there now."""
    return text[len(before if text.startswith(before) else before.rstrip(REPLACEMENT)) :]


def held_back(text: str, stop: Sequence[str]) -> int:
    """How many letters at the end of `text` may be the beginning of a string to stop at."""
    return max((n for s in stop for n in range(1, len(s)) if text.endswith(s[:n])), default=0)
