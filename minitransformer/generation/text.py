"""Tokens as text that grows: without incomplete characters, and without the string that ends the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from minitransformer.tokenization.tokenizer import REPLACEMENT, Tokenizer


def growing_text(
    tokenizer: Tokenizer, ids: Sequence[int], tokens: Iterable[int], stop: Sequence[str] = ()
) -> Iterator[str]:
    """Decode tokens as they come, in pieces of text that are ready to be shown.

    A piece is held back while bytes of its last character are missing, or while it may be the beginning of a string of
    `stop`. A character whose first bytes are at the end of `ids` belongs to the first piece.

    Args:
        tokenizer: what decodes the tokens.
        ids: the tokens before the new ones.
        tokens: the new tokens, as they come.
        stop: strings that end the text; they are not part of it.

    Yields:
        The pieces; the last one is whatever is still held back at the end.

    Raises:
        ValueError: if a string of `stop` is empty.
    """
    if "" in stop:
        raise ValueError("stop: expected strings of at least one letter, got an empty one")
    before = tokenizer.decode(ids)
    new = list(ids)
    text = ""
    shown = 0
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
    """The part of a text after its beginning.

    Args:
        text: the whole text.
        before: its beginning; bytes of its last character may have been missing.

    Returns:
        The part.
    """
    return text[len(before if text.startswith(before) else before.rstrip(REPLACEMENT)) :]


def held_back(text: str, stop: Sequence[str]) -> int:
    """How many characters at the end of a text may be the beginning of a string that ends it.

    Args:
        text: the text so far.
        stop: the strings that end a text.

    Returns:
        The number of characters.
    """
    return max((n for s in stop for n in range(1, len(s)) if text.endswith(s[:n])), default=0)
