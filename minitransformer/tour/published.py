"""The part of a tour that shows published models: those that are in the cache already. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from minitransformer.assets import AssetError, are_there, find, home_of
from minitransformer.files import FileError
from minitransformer.generation.reading import last_logits
from minitransformer.generation.writer import Writer
from minitransformer.models import published
from minitransformer.models.bert import Bert, embed
from minitransformer.ops.creation.from_data import tensor

ASKED = "A cat sleeps on the sofa."
OTHERS = (
    "The kitten is napping on the couch.",
    "Shares lost much of their value.",
    "She bakes bread every Sunday.",
)
BEGINNING = "The capital of France is"
LIKELIEST = 3  # tokens
WHAT = {  # what one sees of each model
    "minilm": "how near sentences are to each other, by MiniLM",
    "smollm2": "which token comes next, by SmolLM2",
}
COMMANDS = {
    "minilm": "minitransformer embed --model minilm",
    "smollm2": f'minitransformer generate --model smollm2 "{BEGINNING}"',
}


@dataclass(frozen=True)
class PublishedResult:
    """What published models say.

    Attributes:
        cosines: of MiniLM: the cosine of `ASKED` and each of `OTHERS`, the largest first; empty without MiniLM.
        next_tokens: of SmolLM2: the likeliest tokens after `BEGINNING` with their probabilities; empty without SmolLM2.
    """

    cosines: dict[str, float]
    next_tokens: dict[str, float]

    @property
    def missing(self) -> dict[str, str]:
        """The commands that fetch and show the models that are not here, by their names."""
        shown = {"minilm": self.cosines, "smollm2": self.next_tokens}
        return {name: command for name, command in COMMANDS.items() if not shown[name]}


def ask_published() -> PublishedResult:
    """Ask the published models that are in the cache.

    Returns:
        What they say.
    """
    return PublishedResult(_of("minilm", _cosines), _of("smollm2", _next_tokens))


def _of(name: str, ask: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What a model says; nothing if it is not in the cache, its files have changed, or a package that reads them is missing."""
    if are_there(find(name), home_of(find(name))):
        with suppress(AssetError, FileError, ImportError):
            return ask()
    return {}


def _cosines() -> dict[str, float]:
    model, tokenizer = published.load("minilm")
    asked, *others = embed(cast(Bert, model), tokenizer, [ASKED, *OTHERS])  # (C,) each
    cosines = {text: float(asked @ vector) for text, vector in zip(OTHERS, others, strict=True)}
    return dict(sorted(cosines.items(), key=lambda pair: -pair[1]))


def _next_tokens() -> dict[str, float]:
    model, tokenizer = published.load("smollm2")
    logits = last_logits(cast(Writer, model), [tokenizer.encode(BEGINNING)])  # (1, V)
    shares = tensor(logits).softmax(-1).numpy()[0]  # (V,)
    return {tokenizer.decode([int(i)]): float(shares[i]) for i in (-shares).argsort()[:LIKELIEST]}
