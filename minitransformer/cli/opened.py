"""The model in a folder or a file that a command is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from minitransformer import models
from minitransformer.cli.options import remark
from minitransformer.models import published
from minitransformer.models.folder.reading import from_folder
from minitransformer.nn import Module
from minitransformer.tokenization import Tokenizer
from minitransformer.tokenization.published import PublishedTokenizer
from minitransformer.training import BEST, LAST

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="A folder that transformers' `save_pretrained` wrote, one of `train`, a checkpoint, or a published model's name.",
    ),
]
CHECKPOINTS = (BEST, LAST)  # of a run, the better first


def opened(path: Path) -> tuple[Module, Tokenizer]:
    """Load a model and its tokenizer.

    Args:
        path: a folder of transformers, a run's folder, a checkpoint, or the name of a published model.

    Returns:
        The model and its tokenizer.

    Raises:
        ValueError: if the folder has no tokenizer, or is neither of the two.
        OSError: if there is nothing, or it cannot be read.
    """
    if str(path) in published.MODELS and not path.exists():
        return published.load(str(path), remark)
    if path.is_file():
        return models.load(path)
    found = [path / name for name in CHECKPOINTS if (path / name).is_file()]
    if found and not (path / "config.json").exists():
        return models.load(found[0])
    model, tokenizer = from_folder(path)
    if not isinstance(tokenizer, PublishedTokenizer):
        raise ValueError(
            f"{path}: expected a folder with a tokenizer, to read texts with; put tokenizer.json there"
        )
    return model, tokenizer


def labels_of(model: Module) -> list[str]:
    """The names of a classifier's classes.

    Args:
        model: the model.

    Returns:
        The names that its folder gives; empty if there are none.
    """
    origin = getattr(model, "origin", None)
    return list(origin.labels) if origin is not None else []


def start_of(model: Any) -> int:
    """The token with which an answer of an encoder-decoder begins.

    Args:
        model: the model.

    Returns:
        The one that its folder names, or else padding.
    """
    named: int | None = getattr(model, "start_id", None)
    start: int = model.config.pad_token_id if named is None else named
    return start


def stops_of(model: Module, tokenizer: Tokenizer) -> list[int]:
    """The tokens that end a text of a model.

    Args:
        model: the model.
        tokenizer: the tokenizer of its ids.

    Returns:
        Those that the model's folder names, or else the tokenizer's own; empty if there is none.
    """
    named: list[int] = getattr(model, "stop_ids", [])
    return named or ([] if tokenizer.end_id is None else [tokenizer.end_id])


def target_of(model: Module, name: str | None) -> int | None:
    """The class or token that a command line names.

    Args:
        model: the model.
        name: a number or the name of a class, or None.

    Returns:
        Its number; None for None.

    Raises:
        ValueError: if no class has this name.
    """
    if name is None or name.isdecimal():
        return name if name is None else int(name)
    labels = labels_of(model)
    if name not in labels:
        known = ", ".join(labels) or "none: the model does not name its classes"
        raise ValueError(f"--target: expected a number or the name of a class ({known}), got {name!r}")
    return labels.index(name)
