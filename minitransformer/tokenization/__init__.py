"""Tokenizers: text as integers, by characters, by words, or by pieces of words."""

from __future__ import annotations

from typing import Any

from minitransformer.files import one_line
from minitransformer.tokenization.byte_pair import BPETokenizer
from minitransformer.tokenization.character import CharTokenizer
from minitransformer.tokenization.published import PublishedTokenizer
from minitransformer.tokenization.tokenizer import Tokenizer
from minitransformer.tokenization.word import WordTokenizer
from minitransformer.tokenization.word_piece import WordPieceTokenizer

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "PublishedTokenizer",
    "Tokenizer",
    "WordPieceTokenizer",
    "WordTokenizer",
    "from_dict",
]

TOKENIZERS = (CharTokenizer, BPETokenizer, WordTokenizer, WordPieceTokenizer, PublishedTokenizer)
KINDS = {tokenizer.kind: tokenizer for tokenizer in TOKENIZERS}


def from_dict(d: dict[str, Any]) -> Tokenizer:
    """Rebuild a tokenizer from what its `to_dict` returned.

    Args:
        d: The dictionary.

    Returns:
        A tokenizer of the class that made it.

    Raises:
        ValueError: If no tokenizer of ours can have made it.
    """
    kind = d.get("kind") if isinstance(d, dict) else None
    if kind not in list(KINDS):
        raise ValueError(f"tokenizer: expected a kind among {', '.join(KINDS)}, got {one_line(repr(kind))}")
    return KINDS[kind].from_dict(d)
