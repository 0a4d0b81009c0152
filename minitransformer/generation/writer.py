"""What generation asks of a model: the protocol `Writer`, written once, and the error for a model that lacks part of it.

A model writes text if it gives the logits of each next token, can go on from a cache, and takes prompts of unequal
length as one batch, padded at the left. `LanguageModel`, `GPT`, `Llama` and the answers of a `T5` are writers. mypy holds each
of them to the protocol, in `minitransformer/models/__init__.py`.
"""

from __future__ import annotations

import inspect
from typing import Protocol

from minitransformer.autograd import Tensor
from minitransformer.nn import TransformerCache


class Limits(Protocol):
    """The part of a model's configuration that generation reads."""

    @property
    def max_len(self) -> int:
        """The largest number of tokens that the model reads at once, prompt and new tokens together.

        `sys.maxsize` if there is no limit. `generate` reads the last `max_len` tokens of a longer text; `generate_batch` and
        `beam_search` refuse one.
        """


class Writer(Protocol):
    """A model that writes text, token by token. Besides what stands here, it is an `nn.Module`."""

    @property
    def config(self) -> Limits:
        """The configuration; generation reads `config.max_len` only."""

    def forward(
        self, ids: Tensor, *, cache: TransformerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """The logits of each next token.

        Args:
            ids: (B, T) integers. Without a cache, all tokens so far; with one, only those that are not yet in it.
            cache: from `new_cache()`. The call appends the keys and values of the T tokens to it.
            padding: (B, S) booleans for all S tokens so far, those in the cache included; True where a row has not yet begun.
                Padding is at the left of a row. No token may attend to it, and it counts in no position.

        Returns:
            (B, T, V) logits, those at t for the token after t. A logit of -inf rules its token out.
        """

    def new_cache(self) -> TransformerCache:
        """An empty cache.

        Returns:
            The cache: `len(cache)` is the number of tokens in it, `cache.select(rows)` keeps these rows of the batch.
        """


class EncoderDecoder(Protocol):
    """A model that reads one text and writes another: its decoder, given the first text, is a `Writer`."""

    def answer(self, source: Tensor) -> Writer:
        """The writer of the answer to a text.

        Args:
            source: (B, S) ids: one text for all rows that are written, or one for each row.

        Returns:
            The writer.
        """


def lacking(model: object, config: object) -> list[str]:
    """Which parts of the protocol `Writer` a model lacks.

    Args:
        model: a model, or its class.
        config: its configuration, or the class of that.

    Returns:
        The names of the missing parts; empty for a writer.
    """
    forward = getattr(model, "forward", None)
    names = inspect.signature(forward).parameters if callable(forward) else {}
    parts = {
        "forward(.., cache)": "cache" in names,
        "forward(.., padding)": "padding" in names,
        "new_cache()": hasattr(model, "new_cache"),
        "config.max_len": hasattr(config, "max_len"),
    }
    return [part for part, there in parts.items() if not there]


def require_writer(model: object, asking: str) -> None:
    """Raise TypeError, with the missing parts, unless `model` is a writer.

    Args:
        model: what was passed as the model.
        asking: the name of the function that needs a writer, for the message.
    """
    if missing := lacking(model, getattr(model, "config", None)):
        mend = (
            "pass model.answer(source), which writes the answer to a text"
            if hasattr(model, "answer")
            else "pass a model that writes text, such as GPT; generation.Writer says what that takes"
        )
        raise TypeError(
            f"{asking}: expected a model that writes text, got {type(model).__name__} without {', '.join(missing)}; {mend}"
        )
