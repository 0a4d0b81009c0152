"""The model that a command uses: from a checkpoint, or a published one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from minitransformer import models
from minitransformer.cli.opened import opened
from minitransformer.cli.options import remark
from minitransformer.models import published
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer

# published models, by what they can do
WRITERS = ("smollm2",)
ENCODERS = ("minilm",)
CHATS = ("smollm2",)
TRANSLATORS = ("flan-t5",)
EXPLAINED = (*WRITERS, "nanoguard")
PublishedWriter = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FOLDER",
        help="Instead of a checkpoint: a folder of transformers, or a published language model, smollm2.",
    ),
]


PublishedExplained = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FOLDER",
        help="Instead of a checkpoint: a folder of transformers, or a published model, nanoguard or smollm2.",
    ),
]


def explained(checkpoint: Path | None, model: str | None) -> tuple[Module, Tokenizer]:
    """Load the model that the command line names, to be explained.

    Args:
        checkpoint: a checkpoint, or None.
        model: the name of a published model, a folder, or None.

    Returns:
        The model and its tokenizer.

    Raises:
        ValueError: as `chosen`.
    """
    named = model is not None and checkpoint is None
    return fetched(str(model), EXPLAINED, "one to explain") if named else chosen(checkpoint, model)


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
        raise ValueError("expected either --checkpoint FILE, or --model NAME or FOLDER")
    return fetched(model, WRITERS, "one that writes text")


def fetched(name: str, family: Sequence[str], what: str) -> tuple[Module, Tokenizer]:
    """Load a folder's model, or a published one, downloaded if the cache lacks it, after its name is checked.

    Args:
        name: the name that the command line gives, or a folder of transformers.
        family: the names that the command can use.
        what: what these models are, for the message.

    Returns:
        The model and its tokenizer.

    Raises:
        ValueError: if the name is not one of them; nothing is downloaded.
    """
    if name not in family and Path(name).is_dir():
        return opened(Path(name))
    if name not in family:
        raise ValueError(f"model: expected {what}: {' or '.join(family)}, got {name!r}; or give a folder")
    return published.load(name, remark)
