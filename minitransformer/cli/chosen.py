"""Which model a command works with: one of our checkpoints, or a published one by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minitransformer import models
from minitransformer.cli.options import remark
from minitransformer.generation.writer import lacking
from minitransformer.models import published
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer

PublishedWriter = Annotated[
    str | None, typer.Option("--model", help="Instead of a checkpoint, a published language model: smollm2.")
]


def chosen(checkpoint: Path | None, model: str | None, *kinds: str) -> tuple[Module, Tokenizer]:
    """The model and tokenizer asked for; a checkpoint's model is one of `kinds`, if there are any.

    Raises ValueError unless exactly one of the two is given, or if the published model does not write.
    """
    if checkpoint is not None and model is None:
        return models.load(checkpoint, *kinds)
    if model is None or checkpoint is not None:
        raise ValueError("expected one of --checkpoint FILE and --model NAME")
    found, tokenizer = published.load(model, remark)
    if lacking(found, found.config):
        raise ValueError(f"model: expected one that writes, such as smollm2, got {model!r}")
    return found, tokenizer
