"""Text as numbers: characters, words, and the pieces of words in between."""

from __future__ import annotations

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


def from_dict(d: dict) -> Tokenizer:
    """The tokenizer whose `to_dict` gave `d`; ValueError if it was none's."""
    kind = d.get("kind") if isinstance(d, dict) else None
    if kind not in list(KINDS):
        raise ValueError(f"tokenizer: expected a kind among {', '.join(KINDS)}, got {one_line(repr(kind))}")
    return KINDS[kind].from_dict(d)
