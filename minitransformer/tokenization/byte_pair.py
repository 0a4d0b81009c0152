"""Between characters and words: begin with bytes, and merge the most frequent pair of neighbours, again and again.

Byte pair encoding (Sennrich, Haddow and Birch, ACL 2016, section 3.2), over bytes instead of characters so that no text
is unknown (Radford et al., 2019, section 2.2). Training has three steps:

1. A text falls into words, each with the space before it: "the other the" -> "the", " other", " the".
2. A word is a tuple of ids, at first one for each byte of its UTF-8 spelling: "the" -> (t, h, e).
3. The most frequent pair of neighbours in all words, say (t, h), becomes a new id. Then the next pair, say (th, e).

What was learned is the list of merges, in this order. Encoding a word merges it in the same order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from minitransformer.files import one_line
from minitransformer.tokenization.marks import LETTERS, find_words
from minitransformer.tokenization.tokenizer import (
    REPLACEMENT,
    UNK,
    Tokenizer,
    kept,
    require_text,
    training_texts,
)

Pair = tuple[int, int]

# letters and digits, or other signs, with the space before them; of a run of space, the last belongs to what follows
WORD = re.compile(rf" ?{LETTERS}| ?[^\w\s]+|\s+(?!\S)|\s+")
FIRST_BYTE = UNK + 1
FIRST_MERGE = FIRST_BYTE + 256
WORDS_KEPT, LONGEST_KEPT = 10_000, 100  # of what was encoded before, for the words that come again
# of all pieces: merges can double a piece each time, and a file of a few could fill the memory
MOST_BYTES = 2**24


def byte_ids(word: str) -> tuple[int, ...]:
    """One id for each byte of the UTF-8 spelling of a word.

    Args:
        word: A text.

    Returns:
        The ids.

    Raises:
        UnicodeEncodeError: If the word contains half of a surrogate pair, which UTF-8 cannot spell.
    """
    return tuple(FIRST_BYTE + byte for byte in word.encode())


def merge(ids: tuple[int, ...], pair: Pair, new: int) -> tuple[int, ...]:
    """Replace each occurrence of a pair by one id, from left to right: merging (a, a) turns a a a into aa a.

    Args:
        ids: The ids of a word.
        pair: The two neighbours to replace.
        new: The id that replaces them.

    Returns:
        The shorter word.
    """
    merged = []
    i = 0
    while i < len(ids):
        found = ids[i : i + 2] == pair
        merged.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(merged)


class Corpus:
    """The different words of a text, the frequency of each, and the frequency of each pair of neighbouring ids.

    A merge changes only the words that contain the pair, so only the pairs of these words are counted again.

    Args:
        frequency: word -> number of occurrences.
        spell: Gives the ids that a word begins with, such as one for each byte.
    """

    def __init__(self, frequency: Mapping[str, int], spell: Callable[[str], tuple[int, ...]]):
        self.words = [spell(word) for word in frequency]
        self.frequency = list(frequency.values())
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> which words contain it
        for w in range(len(self.words)):
            self._add(w)

    def best_pair(self) -> Pair | None:
        """The most frequent pair of neighbours.

        Returns:
            The pair; of several equally frequent ones, the one with the smallest ids. None if no pair occurs twice.
        """
        most = max(self.counts.values(), default=0)
        return min(pair for pair, count in self.counts.items() if count == most) if most > 1 else None

    def merge(self, pair: Pair, new: int) -> None:
        """Replace `pair` by the id `new` in every word that contains it.

        Args:
            pair: The two neighbours to replace.
            new: The id that replaces them.
        """
        for w in list(self.places[pair]):
            self._remove(w)
            self.words[w] = merge(self.words[w], pair, new)
            self._add(w)

    def _add(self, w: int) -> None:
        for pair in pairwise(self.words[w]):
            self.counts[pair] += self.frequency[w]
            self.places[pair].add(w)

    def _remove(self, w: int) -> None:
        for pair in pairwise(self.words[w]):
            self.counts[pair] -= self.frequency[w]
            self.places[pair].discard(w)
            if not self.counts[pair]:
                del self.counts[pair]


@dataclass(frozen=True, repr=False)
class BPETokenizer(Tokenizer):
    """A frequent word is one id, a rare one several. Decoding restores every text exactly: decode(encode(s)) == s.

    Ids 2 to 257 are the bytes; from 258 on, there is one for each merge.

    Args:
        merges: the pairs in the order of training; `merges[n]` became id 258 + n.

    >>> tokenizer = BPETokenizer.train("the other, the third, the last", vocab_size=260)
    >>> tokenizer.tokens("the then")
    ['the', ' ', 'the', 'n']
    """

    kind = "byte-pair"
    merges: tuple[Pair, ...]
    _cache: dict[str, tuple[int, ...]] = field(default_factory=dict, init=False, compare=False)  # word -> ids

    @classmethod
    def train(cls, texts: str | Iterable[str], vocab_size: int = 1024) -> BPETokenizer:
        """Merge the most frequent pair of neighbours until there are `vocab_size` ids or no pair occurs twice.

        Args:
            texts: One text or several.
            vocab_size: The number of ids to reach, at least 258: the 256 bytes, padding and unknown.

        Returns:
            The tokenizer.

        Raises:
            ValueError: If there is no text, or `vocab_size` is below 258.
            TypeError: If a text is not a str.

        Source:
            Sennrich, Haddow and Birch, ACL 2016, section 3.2; over bytes: Radford et al., 2019, section 2.2.
        """
        if vocab_size < FIRST_MERGE:
            raise ValueError(
                f"vocab_size: expected at least {FIRST_MERGE} (256 bytes, pad, unknown), got {vocab_size}"
            )
        frequency = Counter(word for text in training_texts(texts) for word in find_words(WORD, text))
        corpus = Corpus(frequency, byte_ids)
        merges = []
        for new in range(FIRST_MERGE, vocab_size):
            pair = corpus.best_pair()
            if pair is None:
                break
            corpus.merge(pair, new)
            merges.append(pair)
        return cls(tuple(merges))

    @cached_property
    def vocabulary(self) -> list[bytes]:
        """id -> bytes."""
        vocabulary = [b"", REPLACEMENT.encode(), *(bytes([byte]) for byte in range(256))]
        for left, right in self.merges:
            vocabulary.append(vocabulary[left] + vocabulary[right])
        return vocabulary

    @cached_property
    def _ids(self) -> dict[Pair, int]:
        return {pair: FIRST_MERGE + n for n, pair in enumerate(self.merges)}

    def encode(self, text: str) -> list[int]:
        """The ids of all words in turn. TypeError if `text` is not a str."""
        return [i for word in find_words(WORD, require_text(text)) for i in self._encode_word(word)]

    def _encode_word(self, word: str) -> tuple[int, ...]:
        if (ids := self._cache.get(word)) is None:
            ids = self._merge_all(byte_ids(word))
            if len(word) <= LONGEST_KEPT:
                if len(self._cache) >= WORDS_KEPT:
                    self._cache.clear()
                self._cache[word] = ids
        return ids

    def _merge_all(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Merge what training merged, in the same order: the pair with the smallest new id comes first."""
        while pairs := self._ids.keys() & set(pairwise(ids)):
            first = min(pairs, key=self._ids.__getitem__)
            ids = merge(ids, first, self._ids[first])
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text, with U+FFFD where the bytes are no UTF-8. IndexError if an id is outside [0, vocab_size)."""
        return b"".join(self._look_up(ids)).decode(errors="replace")

    def tokens(self, text: str) -> list[str]:
        """The pieces; together they are the text, unless one ends amid a character: U+FFFD then stands for the part."""
        return [piece.decode(errors="replace") for piece in self._look_up(self.encode(text))]

    def to_dict(self) -> dict[str, Any]:
        """The merges, for JSON."""
        return {"kind": self.kind, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> BPETokenizer:
        """The tokenizer that `to_dict` described."""
        return cls(_checked(kept(d, "merges", list)))


def _checked(merges: list[Any]) -> tuple[Pair, ...]:
    """Merges as pairs. Raises ValueError unless each is of two ids there were before, and new, and the pieces are no flood."""
    lengths = [0, len(REPLACEMENT.encode()), *[1] * 256]  # in bytes, of each id
    for pair in merges:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(type(i) is int and 0 <= i < len(lengths) for i in pair)
        ):
            raise ValueError(
                f"tokenizer: expected merges of two of {len(lengths)} ids, got {one_line(repr(pair))}"
            )
        lengths.append(min(lengths[pair[0]] + lengths[pair[1]], MOST_BYTES))
    if sum(lengths) > MOST_BYTES:
        raise ValueError(f"tokenizer: expected pieces of at most {MOST_BYTES:,} bytes together, got more")
    if len(pairs := dict.fromkeys(map(tuple, merges))) < len(merges):
        raise ValueError("tokenizer: expected each merge once, got one again")
    return tuple(pairs)
