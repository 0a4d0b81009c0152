"""Vocabularies of byte pairs that list pieces by rank, as tiktoken's do, turned into merges of pieces written as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache


def merges_of(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """The merges that make the pieces: the two parts that are left of a piece once all merges before its own are done.

    Args:
        ranks: piece -> rank. Every single byte is a piece.

    Yields:
        The parts of each longer piece, in the order of ranks.

    Raises:
        ValueError: if a piece is not made of two others.
    """
    for piece in sorted((p for p in ranks if len(p) > 1), key=lambda p: ranks[p]):
        parts = _before(piece, ranks)
        if len(parts) != 2:
            raise ValueError(f"ranks: expected {piece!r} to be made of two pieces of lower rank, got {parts}")
        yield parts[0], parts[1]


def _before(piece: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """The parts of a piece after all merges of a lower rank than its own."""
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while True:
        pairs = [left + right for left, right in zip(parts, parts[1:], strict=False)]
        at = min(range(len(pairs)), key=lambda i: ranks.get(pairs[i], len(ranks)), default=None)
        if at is None or ranks.get(pairs[at], len(ranks)) >= ranks[piece]:
            return parts
        parts[at : at + 2] = [pairs[at]]


def piece_of(piece: bytes) -> str:
    """Bytes as the text that stands for them in a `tokenizer.json`.

    Args:
        piece: any bytes.

    Returns:
        A printable character for each byte.

    Source:
        Radford et al., "Language models are unsupervised multitask learners", 2019; the table is that of their program.
    """
    return "".join(_characters()[byte] for byte in piece)


@cache
def _characters() -> list[str]:
    """The character that stands for each byte: its own in Latin-1 if it is printable, else one from 256 on, in turn."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
