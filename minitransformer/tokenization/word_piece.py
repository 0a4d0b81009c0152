"""WordPiece: words in pieces of a fixed vocabulary, the longest piece first. This is how BERT reads text.

Schuster & Nakajima, ICASSP 2012; Wu et al., 2016, section 4.1; as used by Devlin et al., NAACL 2019. A piece that
continues a word begins with ##: "playing" -> "play", "##ing". There are three steps:

1. `normalised` removes control characters and accents, converts to lower case and puts spaces around Chinese characters.
2. `split` separates words and punctuation marks.
3. Each word is replaced by the longest piece of the vocabulary that it begins with, then by the longest piece that
   continues it, and so on. A word for which this fails is unknown.

Python's Unicode tables decide what an accent or a punctuation mark is. The tables of the `tokenizers` package are
from 2015: it reads some 500 rare characters, which are newer or have changed their category since, differently.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from minitransformer.files import read_text
from minitransformer.tokenization.byte_pair import Corpus
from minitransformer.tokenization.tokenizer import (
    PAD,
    UNK,
    Tokenizer,
    different,
    kept,
    require_text,
    training_texts,
)

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MORE = "##"
LONGEST = 100  # letters; a longer word is unknown
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def normalised(text: str) -> str:
    """Normalise a text as BERT does.

    Args:
        text: Any text.

    Returns:
        The text in lower case, without accents and control characters, with a space for each whitespace character and spaces
        around Chinese characters.
    """
    kept = "".join(" " if is_space(c) else c for c in text if not is_control(c))
    spaced = "".join(f" {c} " if is_chinese(c) else c for c in kept)
    bare = "".join(c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn")
    return "".join(c.lower() for c in bare)  # each by itself: a sigma at the end of a word is a sigma


def split(text: str) -> Iterator[str]:
    """Split a normalised text into words and punctuation marks.

    Args:
        text: The text.

    Yields:
        Each word and each punctuation mark.
    """
    word = ""
    for c in text:
        if is_space(c) or is_punctuation(c):
            yield from (part for part in (word, "" if is_space(c) else c) if part)
            word = ""
        else:
            word += c
    if word:
        yield word


def is_space(c: str) -> bool:
    """Whether a character is whitespace; four separators that Unicode counts as control characters are not.

    Args:
        c: One character.

    Returns:
        True or False.
    """
    return c.isspace() and c not in "\x1c\x1d\x1e\x1f"  # which Unicode calls control characters


def is_control(c: str) -> bool:
    """Whether a character is removed: control, format and private characters, but not tab and line breaks.

    Args:
        c: One character.

    Returns:
        True or False.
    """
    return c not in "\t\n\r" and (
        unicodedata.category(c) in ("Cc", "Cf", "Co") or c == "\N{REPLACEMENT CHARACTER}"
    )


def is_chinese(c: str) -> bool:
    """Whether a character is a Chinese ideograph, which counts as a word of its own.

    Args:
        c: One character.

    Returns:
        True or False.
    """
    return any(first <= ord(c) <= last for first, last in CHINESE)


def is_punctuation(c: str) -> bool:
    """Whether a character is punctuation in Unicode, or an ASCII sign that is neither a letter, a digit nor a space.

    Args:
        c: One character.

    Returns:
        True or False.
    """
    return unicodedata.category(c).startswith("P") or (
        c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    )


@dataclass(frozen=True, repr=False)
class WordPieceTokenizer(Tokenizer):
    """A frequent word is one id, a rare one several. A word with a letter that was not in the training text is unknown.

    Args:
        pieces: The pieces of the vocabulary; those that continue a word begin with "##".

    >>> tokenizer = WordPieceTokenizer.train("play plays player players", vocab_size=30)
    >>> tokenizer.tokens("Players!")
    ['player', '##s', '[UNK]']
    """

    kind = "word-piece"
    pieces: tuple[str, ...]

    @classmethod
    def train(cls, texts: str | Iterable[str], vocab_size: int = 1024) -> WordPieceTokenizer:
        """Begin with letters and merge the most frequent pair of pieces until there are `vocab_size` pieces.

        Args:
            texts: One text or several.
            vocab_size: The number of ids to reach; training stops earlier if no pair occurs twice.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If there is no text, or `vocab_size` is smaller than the number of letters and marks.
            TypeError: If a text is not a str.
        """
        frequency = Counter(word for text in training_texts(texts) for word in split(normalised(text)))
        pieces = [*MARKS, *sorted({letter for word in frequency for letter in letters(word)})]
        if vocab_size < len(pieces):
            raise ValueError(
                f"vocab_size: expected at least {len(pieces)} for the letters of the text, got {vocab_size}"
            )
        ids = {piece: i for i, piece in enumerate(pieces)}
        corpus = Corpus(frequency, lambda word: tuple(ids[letter] for letter in letters(word)))
        while len(pieces) < vocab_size and (pair := corpus.best_pair()):
            corpus.merge(pair, len(pieces))
            pieces.append(pieces[pair[0]] + pieces[pair[1]].removeprefix(MORE))
        return cls(tuple(dict.fromkeys(pieces)))

    @classmethod
    def from_file(cls, path: str | Path) -> WordPieceTokenizer:
        """Read a published `vocab.txt`, which holds one piece a line.

        Args:
            path: The file.

        Returns:
            The tokenizer.

        Raises:
            FileError: If the file is not UTF-8.
        """
        return cls(tuple(read_text(path).removesuffix("\n").split("\n")))

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The piece that each id stands for."""
        return self.pieces

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.vocabulary)}

    @property
    def pad_id(self) -> int:
        """The id of [PAD]."""
        return self._ids.get(MARKS[PAD], PAD)

    @property
    def unk_id(self) -> int:
        """The id of [UNK]."""
        return self._ids.get(MARKS[UNK], UNK)

    def id_of(self, piece: str) -> int | None:
        """Find the id of a piece.

        Args:
            piece: A piece of the vocabulary, such as "[MASK]".

        Returns:
            The id; None if the vocabulary has no such piece.
        """
        return self._ids.get(piece)

    def encode(self, text: str) -> list[int]:
        """The ids of all words in turn, without marks. TypeError if `text` is not a str."""
        return [i for word in split(normalised(require_text(text))) for i in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        ids = []
        start = 0
        while start < len(word) <= LONGEST:
            ends = range(len(word), start, -1)  # the longest first
            found = next((end for end in ends if self._piece(word, start, end) in self._ids), None)
            if found is None:
                return [self.unk_id]
            ids.append(self._ids[self._piece(word, start, found)])
            start = found
        return ids or [self.unk_id]

    def _piece(self, word: str, start: int, end: int) -> str:
        return (MORE if start else "") + word[start:end]

    def decode(self, ids: Iterable[int]) -> str:
        """The words, a space between, padding left out. IndexError if an id is outside [0, vocab_size)."""
        ids = [i for i in ids if i != self.pad_id]
        return " ".join(self._look_up(ids)).replace(f" {MORE}", "")

    def tokens(self, text: str) -> list[str]:
        """The pieces, as the vocabulary writes them."""
        return self._look_up(self.encode(text))

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary, for JSON."""
        return {"kind": self.kind, "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> WordPieceTokenizer:
        """The tokenizer that `to_dict` described."""
        return cls(different(kept(d, "vocabulary", list), "vocabulary"))


def letters(word: str) -> list[str]:
    """A word as its smallest pieces: "so" -> "s", "##o".

    Args:
        word: The word.

    Returns:
        One piece for each letter.
    """
    return [letter if i == 0 else MORE + letter for i, letter in enumerate(word)]
