"""What `explain` is asked: a class by its name or number, or what a text goes on with; and what that is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minitransformer.cli.opened import labels_of, target_of
from minitransformer.explain import Explanation
from minitransformer.explain.phrases import lrp_phrase
from minitransformer.generation.writer import lacking
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer


@dataclass(frozen=True)
class Asked:
    """What is to be explained.

    Attributes:
        target: a class or a token, a pair of them, or None for the likeliest.
        phrase: the tokens that the text goes on with, if these are several or given as words.
        against: those that it might go on with instead.
    """

    target: int | tuple[int, int] | None = None
    phrase: list[int] | None = None
    against: list[int] | None = None

    @property
    def single(self) -> int | None:
        """The class or token, where it is one, for methods that explain no contrast.

        Raises:
            ValueError: if a contrast or a phrase is asked for.
        """
        if isinstance(self.target, tuple) or self.phrase is not None:
            raise ValueError("--against and phrases: lrp explains them, and gradient a contrast of classes")
        return self.target


def asked_of(
    model: Module, tokenizer: Tokenizer, text: str, target: str | None, against: str | None
) -> Asked:
    """What the command line asks of a model.

    Args:
        model: a classifier, or a model that writes text.
        tokenizer: the tokenizer of its ids.
        text: the text that it reads.
        target: the number or the name of a class or token, or words that the text goes on with; None for the likeliest.
        against: the same, of what might have been instead; None for no contrast.

    Returns:
        What is to be explained.

    Raises:
        ValueError: if it is nothing that the model gives.
    """
    if against is not None and target is None:
        raise ValueError("--against: expected --target too, the output that it is held against")
    writes = not lacking(model, getattr(model, "config", None))
    words = [told for told in (target, against) if told is not None and not told.isdecimal()]
    if writes and words:
        return Asked(
            phrase=continued(tokenizer, text, str(target)),
            against=None if against is None else continued(tokenizer, text, against),
        )
    first, second = target_of(model, target), target_of(model, against)
    if first is None or second is None:
        return Asked(first)
    if first == second:
        raise ValueError(f"--against: expected another output than --target, got {against!r} for both")
    return Asked((first, second))


def continued(tokenizer: Tokenizer, text: str, words: str) -> list[int]:
    """The tokens of words after a text.

    Args:
        tokenizer: the tokenizer.
        text: the text.
        words: the words.

    Returns:
        Their ids.

    Raises:
        ValueError: if they have none, or the text is cut otherwise with the words after it.
    """
    if words.isdecimal():
        return [int(words)]
    ids = tokenizer.encode(text)
    apart = "" if text[-1:].isspace() else " "
    whole = tokenizer.encode(text + apart + words)
    if whole[: len(ids)] != ids or len(whole) == len(ids):
        raise ValueError(
            f"--target, --against: expected words that begin with a token of their own, got {words!r}"
        )
    return whole[len(ids) :]


def explained(
    walk: Callable[..., Any], model: Module, tokenizer: Tokenizer, text: str, asked: Asked
) -> Explanation:
    """The explanation of what is asked.

    Args:
        walk: a method, `(model, ids, target, tokens=...)`.
        model: the model.
        tokenizer: the tokenizer of its ids.
        text: the text.
        asked: what is to be explained.

    Returns:
        The explanation.

    Raises:
        ValueError: if the method does not explain phrases.
    """
    ids, tokens = tokenizer.encode(text), tokenizer.tokens(text)
    explanation: Explanation
    if asked.phrase is None:
        explanation = walk(model, ids, asked.target, tokens=tokens)
        return explanation
    if getattr(walk, "func", walk).__name__ != "lrp":
        raise ValueError("--method: phrases are explained by lrp only")
    return lrp_phrase(
        model, ids, asked.phrase, asked.against, walk, tokens=tokens, names=lambda i: tokenizer.decode([i])
    )


def title(model: Module, tokenizer: Tokenizer, asked: Asked, target: int) -> str:
    """What the explained output is called.

    Args:
        model: the model.
        tokenizer: the tokenizer of its ids.
        asked: what was asked.
        target: the class or token that was explained.

    Returns:
        Such as "positive", or "Paris rather than Rome".
    """
    if asked.phrase is not None:
        both = [asked.phrase] if asked.against is None else [asked.phrase, asked.against]
        return " rather than ".join(tokenizer.decode(ids).strip() for ids in both)
    labels = labels_of(model)
    told = asked.target if isinstance(asked.target, tuple) else (target,)

    def called(i: int) -> str:
        if lacking(model, getattr(model, "config", None)):
            return labels[i] if i < len(labels) else f"class {i}"
        return tokenizer.decode([i]).strip()

    return " rather than ".join(map(called, told))
