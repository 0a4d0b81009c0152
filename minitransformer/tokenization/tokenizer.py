"""What every tokenizer can do: encode a text as ids, decode ids, and list the pieces of a text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, ClassVar, Self

from minitransformer.files import one_line

PAD, UNK = 0, 1  # the same two ids in every tokenizer; what the text taught it begins at 2
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Tokenizer(ABC):
    """The interface of all tokenizers.

    Id 0 (`pad_id`) fills up the shorter texts of a batch and decodes to the empty string. Id 1 (`unk_id`) stands for a
    piece that is not in the vocabulary and decodes to U+FFFD, the replacement character. No text is ever encoded as
    padding. Published tokenizers keep the ids of their models instead.
    """

    kind: ClassVar[str]  # the name under which a checkpoint remembers the class

    @classmethod
    @abstractmethod
    def train(cls, texts: str | Iterable[str]) -> Self:
        """Learn a vocabulary.

        Args:
            texts: One text or several.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If there is no text to learn from.
            TypeError: If a text is not a str.
        """

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Turn a text into ids.

        Args:
            text: Any text.

        Returns:
            The ids, each from 0 to vocab_size - 1.

        Raises:
            TypeError: If `text` is not a str.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Turn ids into text.

        Args:
            ids: Integers.

        Returns:
            The text.

        Raises:
            IndexError: If an id is not from 0 to vocab_size - 1.
        """

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The pieces of a text, one for each id of `encode(text)`; shown beside attention weights and relevance.

        Args:
            text: Any text.

        Returns:
            The pieces in order.

        Raises:
            TypeError: If `text` is not a str.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """All that was learned, as lists, numbers and strings that JSON can hold.

        Returns:
            A dictionary for `from_dict`.
        """

    @classmethod
    @abstractmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """Rebuild the tokenizer from `to_dict`'s dictionary.

        Args:
            d: The dictionary.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If `to_dict` cannot have made the dictionary.
        """

    @property
    @abstractmethod
    def vocabulary(self) -> Sequence[str] | Sequence[bytes]:
        """The piece that each id stands for."""

    @property
    def vocab_size(self) -> int:
        """The number of ids, those of padding and of unknown pieces included."""
        return len(self.vocabulary)

    @property
    def pad_id(self) -> int:
        """The id of padding: 0."""
        return PAD

    @property
    def unk_id(self) -> int:
        """The id of a piece that is not in the vocabulary: 1."""
        return UNK

    @property
    def end_id(self) -> int | None:
        """The id with which a model ends its text, or None if there is none."""
        return None

    def _look_up(self, ids: Iterable[int]) -> list[Any]:
        ids = [index(i) for i in ids]
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise IndexError(
                    f"decode: expected ids from 0 to {self.vocab_size - 1} (vocab_size - 1), got {i}"
                )
        return [self.vocabulary[i] for i in ids]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"


def require_text(text: str) -> str:
    """Check that a text is a string.

    Args:
        text: The text.

    Returns:
        `text` itself.

    Raises:
        TypeError: If it is not a `str`.
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenizer: expected a str, got {type(text).__name__}; pass one text at a time")
    return text


def training_texts(texts: str | Iterable[str]) -> list[str]:
    """One or several texts as a list.

    Args:
        texts: One text or several.

    Returns:
        The list.

    Raises:
        ValueError: If all texts are empty.
        TypeError: If one is not a `str`.
    """
    texts = [texts] if isinstance(texts, str) else [require_text(text) for text in texts]
    if not any(texts):
        raise ValueError("train: expected at least one character to learn from, got an empty text")
    return texts


def kept(d: dict[str, Any], name: str, kind: type) -> Any:
    """Take an entry from the dict that `to_dict` gave.

    Args:
        d: The dict.
        name: The key of the entry.
        kind: Its type.

    Returns:
        The entry.

    Raises:
        ValueError: If it is missing, or of another type.
    """
    if not isinstance(d.get(name), kind):
        raise ValueError(
            f"tokenizer: expected {name} of type {kind.__name__}, got {one_line(repr(d.get(name)))}"
        )
    return d[name]


def different(pieces: Sequence[Any], name: str) -> tuple[str, ...]:
    """Check that pieces of a vocabulary are strings, and different.

    Args:
        pieces: The pieces.
        name: Their name, for the message.

    Returns:
        The pieces.

    Raises:
        ValueError: If one is not a string, or occurs twice.
    """
    if strange := [piece for piece in pieces if not isinstance(piece, str)]:
        raise ValueError(f"tokenizer: expected strings in {name}, got {one_line(repr(strange[0]))}")
    if len(set(pieces)) < len(pieces):
        raise ValueError(
            f"tokenizer: {name} holds {one_line(repr(Counter(pieces).most_common(1)[0][0]))} more than once"
        )
    return tuple(pieces)
