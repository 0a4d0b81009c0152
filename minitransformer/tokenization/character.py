"""The simplest tokenizer: every character is a token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from minitransformer.tokenization.tokenizer import (
    REPLACEMENT,
    UNK,
    Tokenizer,
    different,
    kept,
    require_text,
    training_texts,
)


@dataclass(frozen=True, repr=False)
class CharTokenizer(Tokenizer):
    """One id for each character of the training text; any other character becomes unk_id.

    Args:
        characters: the characters, in the order of their code points.

    >>> tokenizer = CharTokenizer.train("banana")
    >>> tokenizer.encode("nab!")
    [4, 2, 3, 1]
    """

    kind = "character"
    characters: str

    @classmethod
    def train(cls, texts: str | Iterable[str]) -> CharTokenizer:
        """Collect the characters that occur. ValueError without any text, TypeError if it is not str."""
        return cls("".join(sorted(set().union(*training_texts(texts)))))

    @cached_property
    def vocabulary(self) -> list[str]:
        """id -> character."""
        return ["", REPLACEMENT, *self.characters]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i for i, character in enumerate(self.characters, UNK + 1)}

    def encode(self, text: str) -> list[int]:
        """One id for each character. TypeError if `text` is not a str."""
        return [self._ids.get(character, UNK) for character in self.tokens(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The characters side by side, U+FFFD for an unknown one. IndexError if an id is outside [0, vocab_size)."""
        return "".join(self._look_up(ids))

    def tokens(self, text: str) -> list[str]:
        """The characters; together they are the text."""
        return list(require_text(text))

    def to_dict(self) -> dict[str, Any]:
        """The characters, for JSON."""
        return {"kind": self.kind, "characters": self.characters}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> CharTokenizer:
        """The tokenizer that `to_dict` described."""
        return cls("".join(different(kept(d, "characters", str), "characters")))
