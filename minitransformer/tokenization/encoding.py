"""A text, or two, as a model reads them: ids, and where in the texts each token stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    """What a tokenizer made of one text, or of two; each list has an entry for each of T tokens.

    Attributes:
        ids: the ids.
        tokens: the pieces as they stand in the texts, special tokens by their names.
        type_ids: which segment a token belongs to: 0, and 1 for those of the second text, as the tokenizer's template says.
        sequence_ids: the number of the text that a token comes from, 0 or 1; None for special tokens.
        offsets: the token's place in its text: its first letter, and the one after its last.
    """

    ids: list[int]
    tokens: list[str]
    type_ids: list[int]
    sequence_ids: list[int | None]
    offsets: list[tuple[int, int]]

    def positions(self, text: int = 0) -> list[int]:
        """The positions of a text's tokens.

        Args:
            text: the number of the text.

        Returns:
            Positions from 0 to T - 1, in order.
        """
        return [i for i, own in enumerate(self.sequence_ids) if own == text]

    def covering(self, start: int, end: int, text: int = 0) -> list[int]:
        """The positions of the tokens that hold a letter of a part of a text.

        Args:
            start: the place of its first letter.
            end: the place after its last.
            text: the number of the text.

        Returns:
            Positions, in order; empty if no token holds any of it.
        """
        places = ((i, self.offsets[i]) for i in self.positions(text))
        return [i for i, (begin, stop) in places if begin < end and start < stop]
