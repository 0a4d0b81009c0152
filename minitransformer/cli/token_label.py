"""Why a folder's model gives a token its class, such as the name of a place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy

from minitransformer.autograd import no_grad
from minitransformer.cli.naming import check_length, unknown_words
from minitransformer.cli.opened import labels_of, target_of
from minitransformer.cli.telling import Told, plain
from minitransformer.explain import Explanation
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.tokenization.encoding import Encoding
from minitransformer.tokenization.published import PublishedTokenizer

NONE = "O"  # the class of a token that is part of no name


class Labelled:
    """A text with the class of each token.

    Args:
        model: a folder's model with a head for token classification.
        tokenizer: the folder's tokenizer.
        text: the text.

    Attributes:
        read: the text's tokens.
        chances: (T, L), the probability of each class for each token.
        names: the names of the L classes.

    Raises:
        ValueError: if the text is longer than what the model reads.
    """

    def __init__(self, model: Any, tokenizer: PublishedTokenizer, text: str):
        self.model, self.tokenizer, self.text = model, tokenizer, text
        self.read: Encoding = tokenizer.read(text)
        check_length(model, len(self.read.ids))
        self.chances = _chances(model, self.read.ids)  # (T, L)
        known = labels_of(model)
        self.names = known or [f"class {i}" for i in range(self.chances.shape[1])]

    @property
    def labels(self) -> list[str | None]:
        """The name of each token's likeliest class; None for special tokens."""
        likeliest = self.chances.argmax(1)  # (T,)
        pairs = zip(likeliest, self.read.sequence_ids, strict=True)
        return [None if own is None else self.names[i] for i, own in pairs]

    @property
    def summary(self) -> str:
        """The tokens with a class of their own, such as "Peter/B-PER Paris/B-LOC"."""
        pairs = zip(self.read.tokens, self.labels, strict=True)
        return " ".join(f"{token.strip()}/{label}" for token, label in pairs if label not in (None, NONE))

    def explained(
        self, walk: Callable[..., Any], word: str | None, target: str | None, against: str | None
    ) -> Explanation:
        """Why a token has its class.

        Args:
            walk: a method, `(model, ids, target, position=.., tokens=..)`.
            word: a word of the text, of which the first token is explained; None for the token that is surest of its class.
            target: the name or number of a class; None for the likeliest.
            against: the class that it is held against, or None.

        Returns:
            The explanation, with its name and probability.

        Raises:
            ValueError: if the text has no such word, or no token has a class of its own, or there is no such class.
        """
        wanted, other = target_of(self.model, target), target_of(self.model, against)
        if other is not None and (wanted is None or wanted == other):
            raise ValueError("--against: expected --target too, another class that is held against it")
        at = self._surest(wanted) if word is None else self._of_word(word)
        chosen = int(self.chances[at].argmax()) if wanted is None else wanted
        asked = chosen if other is None else (chosen, other)
        found: Explanation = walk(self.model, self.read.ids, asked, position=at, tokens=self.read.tokens)
        called = " rather than ".join(self.names[i] for i in (chosen, other) if i is not None)
        found.name = f"{called} of {self.read.tokens[at].strip()}"
        found.probability = float(self.chances[at, chosen]) if other is None else None
        found.unknown = unknown_words(self.tokenizer, self.text)
        return found

    def _surest(self, wanted: int | None) -> int:
        """The token that is surest of a class; of any but "O", where none is wanted."""
        own = self.read.positions()
        if wanted is None:
            own = [i for i in own if self.labels[i] != NONE]
        if not own:
            raise ValueError(
                f'expected a token of a class other than "{NONE}", got none; name a word, by --token, or a class, by --target'
            )
        if wanted is not None and not 0 <= wanted < len(self.names):
            raise ValueError(f"--target: expected a class from 0 to {len(self.names) - 1}, got {wanted}")
        sure = self.chances[own].max(1) if wanted is None else self.chances[own, wanted]
        return own[int(sure.argmax())]

    def _of_word(self, word: str) -> int:
        """The first token of a word's first occurrence: by itself if there is one, or else within another word."""
        plain = re.escape(word)
        found = re.search(rf"(?<!\w){plain}(?!\w)", self.text) or re.search(plain, self.text)
        positions = self.read.covering(*found.span()) if found else []
        if not positions:
            raise ValueError(f"--token: expected a word of the text, got {word!r}")
        return positions[0]


def labelled(
    walk: Callable[..., Any],
    model: Any,
    tokenizer: PublishedTokenizer,
    text: str,
    target: str | None,
    against: str | None,
    word: str | None,
) -> Told:
    """Give each token of a text its class, and explain one.

    Args:
        walk: as in `Labelled.explained`.
        model: as in `Labelled`.
        tokenizer: as in `Labelled`.
        text: the text.
        target: as in `Labelled.explained`.
        against: as in `Labelled.explained`.
        word: as in `Labelled.explained`.

    Returns:
        The classes, with the explanation of one.

    Raises:
        ValueError: as `Labelled` does.
    """
    found = Labelled(model, tokenizer, text)
    explanation = found.explained(walk, word, target, against)
    return Told([explanation], {**plain(explanation), "labels": found.labels}, found.summary)


@no_grad()
def _chances(model: Any, ids: list[int]) -> numpy.ndarray:
    """(T, L) probabilities."""
    device = next(model.parameters()).device
    with in_use(model):
        found: numpy.ndarray = model(tensor([ids], device=device)).softmax(-1).numpy()[0]
    return found
