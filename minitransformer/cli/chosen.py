"""The model that a command uses: from a checkpoint, or a published one."""

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
    """Load the model that the command line names.

    Args:
        checkpoint: a checkpoint, or None.
        model: the name of a published model, or None.
        *kinds: which kinds of model a checkpoint may hold, keys of `models.KINDS`; all if none is given.

    Returns:
        The model and its tokenizer.

    Raises:
        ValueError: unless exactly one of `checkpoint` and `model` is given, or if the published model does not write text.
    """
    if checkpoint is not None and model is None:
        return models.load(checkpoint, *kinds)
    if model is None or checkpoint is not None:
        raise ValueError("expected either --checkpoint FILE or --model NAME")
    found, tokenizer = published.load(model, remark)
    if lacking(found, found.config):
        raise ValueError(f"model: expected one that writes text, such as smollm2, got {model!r}")
    return found, tokenizer
