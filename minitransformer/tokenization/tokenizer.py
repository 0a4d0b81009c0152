"""What every tokenizer can do: text -> ids -> text, and the pieces in between."""

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
    """Text to ids and back.

    Id 0 pads the short texts of a batch and decodes to nothing. Id 1 is whatever training did not meet and decodes to
    U+FFFD, the replacement character. Neither is ever learned from a text, whatever the text contains.
    """

    kind: ClassVar[str]  # the name under which a checkpoint remembers the class
    vocabulary: Sequence[str] | Sequence[bytes]  # id -> what it stands for

    @classmethod
    @abstractmethod
    def train(cls, texts: str | Iterable[str]) -> Self:
        """Learn the vocabulary from one text or many. ValueError without any text, TypeError if it is not str."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The ids of a text, each in [0, vocab_size). TypeError if `text` is not a str."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text that the ids stand for. IndexError if one lies outside [0, vocab_size)."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The pieces of the text, one for each id of `encode(text)`, to be shown beside what a model says of them."""

    @abstractmethod
    def to_dict(self) -> dict:
        """All that was learned, in lists, numbers and strings that JSON can hold."""

    @classmethod
    @abstractmethod
    def from_dict(cls, d: dict) -> Self:
        """The tokenizer that `to_dict` described. ValueError for what it cannot have described."""

    @property
    def vocab_size(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self.vocabulary)

    @property
    def pad_id(self) -> int:
        """The id that fills up a batch: 0."""
        return PAD

    @property
    def unk_id(self) -> int:
        """The id of what training did not meet: 1."""
        return UNK

    @property
    def end_id(self) -> int | None:
        """The id with which a model ends its text; None where there is none, as in ours."""
        return None

    def _look_up(self, ids: Iterable[int]) -> list:
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
    """The text itself, or TypeError."""
    if not isinstance(text, str):
        raise TypeError(f"tokenizer: expected a str, got {type(text).__name__}; pass one text at a time")
    return text


def training_texts(texts: str | Iterable[str]) -> list[str]:
    """One text or many as a list; ValueError if there is not a single character, TypeError if one is not a str."""
    texts = [texts] if isinstance(texts, str) else [require_text(text) for text in texts]
    if not any(texts):
        raise ValueError("train: expected at least one character to learn from, got an empty text")
    return texts


def kept(d: dict, name: str, kind: type) -> Any:
    """What `to_dict` kept under a name. Raises ValueError if it is not there, or of another type."""
    if not isinstance(d.get(name), kind):
        raise ValueError(
            f"tokenizer: expected {name} of type {kind.__name__}, got {one_line(repr(d.get(name)))}"
        )
    return d[name]


def different(pieces: Sequence, name: str) -> tuple[str, ...]:
    """Pieces kept under a name. Raises ValueError unless all are strings, and each stands there once."""
    if strange := [piece for piece in pieces if not isinstance(piece, str)]:
        raise ValueError(f"tokenizer: expected strings in {name}, got {one_line(repr(strange[0]))}")
    if len(set(pieces)) < len(pieces):
        raise ValueError(
            f"tokenizer: {name} holds {one_line(repr(Counter(pieces).most_common(1)[0][0]))} more than once"
        )
    return tuple(pieces)
