"""Words as tokens: few tokens a text, but a word that training did not see becomes unknown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from minitransformer.tokenization.marks import LETTERS, MARK, find_words
from minitransformer.tokenization.tokenizer import (
    REPLACEMENT,
    UNK,
    Tokenizer,
    different,
    kept,
    require_text,
    training_texts,
)

# a word, its apostrophes inside, or one other sign, with the space before it; the last piece takes the space after it;
# a text of nothing but space is one piece
PIECE = re.compile(rf"\s*(?:{LETTERS}(?:'{LETTERS})*|[^\w\s]{MARK}*)(?:\s+\Z)?|\s+")
SPACE_BEFORE_MARK = re.compile(r" (?=[.,;:!?)\]])")


@dataclass(frozen=True, repr=False)
class WordTokenizer(Tokenizer):
    """One id for each frequent word or punctuation mark, upper and lower case alike; any other becomes unk_id.

    For languages that put spaces between words: a Chinese clause would be a single word.

    Args:
        words: The words of the vocabulary, in lower case.

    >>> tokenizer = WordTokenizer.train("The soup was good, the service was not.")
    >>> tokenizer.decode(tokenizer.encode("The dessert  was good."))
    'the � was good.'
    >>> tokenizer.tokens("The dessert  was good.")
    ['The', ' dessert', '  was', ' good', '.']
    """

    kind = "word"
    words: tuple[str, ...]

    @classmethod
    def train(
        cls, texts: str | Iterable[str], vocab_size: int = 10_000, min_frequency: int = 1
    ) -> WordTokenizer:
        """Keep the most frequent words; equally frequent words in alphabetical order.

        With `min_frequency=2` the words that occur once become `unk_id` in the training text too, so that a model learns a
        vector for unknown words.

        Args:
            texts: One text or several.
            vocab_size: The largest number of ids; two of them are padding and unknown.
            min_frequency: How often a word must occur to be kept.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If no word is left, or `vocab_size` is below 3.
            TypeError: If a text is not a str.
        """
        if vocab_size <= UNK + 1:
            raise ValueError(
                f"vocab_size: expected 3 or more (padding, unknown and a word), got {vocab_size}"
            )
        pieces: Counter[str] = Counter()
        for text in training_texts(texts):
            pieces.update(find_words(PIECE, text))
        counts: Counter[str] = Counter()
        for piece, count in pieces.items():
            counts[spelling(piece)] += count
        frequent = [word for word, count in counts.items() if word and count >= min_frequency]
        if not frequent:
            raise ValueError(
                f"train: expected words that occur {min_frequency} times (min_frequency) or more, got none"
            )
        frequent.sort(key=lambda word: (-counts[word], word))
        return cls(tuple(frequent[: vocab_size - UNK - 1]))

    @cached_property
    def vocabulary(self) -> list[str]:
        """id -> word, the most frequent first."""
        return ["", REPLACEMENT, *self.words]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, UNK + 1)}

    def encode(self, text: str) -> list[int]:
        """One id for each word or mark. TypeError if `text` is not a str."""
        return [self._ids.get(spelling(piece), UNK) for piece in self.tokens(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The words in lower case with spaces between them, U+FFFD for an unknown one.

        IndexError if an id is outside [0, vocab_size).
        """
        return SPACE_BEFORE_MARK.sub("", " ".join(filter(None, self._look_up(ids))))

    def tokens(self, text: str) -> list[str]:
        """The words and marks as written, each with the space before it; together they are the text."""
        return find_words(PIECE, require_text(text))

    def to_dict(self) -> dict[str, Any]:
        """The words, for JSON."""
        return {"kind": self.kind, "words": list(self.words)}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> WordTokenizer:
        """The tokenizer that `to_dict` described."""
        return cls(different(kept(d, "words", list), "words"))


def spelling(piece: str) -> str:
    """The form of a piece in the vocabulary: without space, in lower case. " Good" -> "good".

    Args:
        piece: A piece of a text.

    Returns:
        Its form in the vocabulary.
    """
    return piece.strip().lower()
