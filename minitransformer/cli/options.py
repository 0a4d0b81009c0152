"""Options that several commands share, and how commands print."""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.defaults import use_backend
from minitransformer.randomness import manual_seed
from minitransformer.terminal import Terminal

console = Terminal()
complaints = Terminal(stderr=True)

Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, metavar="N", help="Of the random numbers: the same seed gives the same result."
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend", metavar="NAME", envvar="MINITRANSFORMER_BACKEND", help="numpy (CPU) or cupy (GPU)."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read, and nothing else.")]
Checkpoint = Annotated[
    Path, typer.Option("--checkpoint", "-c", help="A file that `minitransformer train` wrote.")
]
MaybeCheckpoint = Annotated[
    Path | None, typer.Option("--checkpoint", "-c", help="A file that `minitransformer train` wrote.")
]


def remark(line: str) -> None:
    """Print a line about the progress of a command to standard error.

    Args:
        line: the line.
    """
    complaints.print(line, soft_wrap=True)


def page_file(path: Path | None) -> Path | None:
    """Check, before any work is done, that a page can be written to a file.

    Args:
        path: the file, or None.

    Returns:
        `path` itself.

    Raises:
        ValueError: if the file cannot be written.
    """
    if path is None:
        return None
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"expected a file in a folder that exists and may be written to, got {path}")
    return path


Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", callback=page_file, help="Also write it as a web page."),
]


def prepare(seed: int, backend: str | None) -> None:
    """Seed the random numbers and choose the backend; every command does this first.

    Args:
        seed: of the random numbers.
        backend: "numpy" or "cupy"; None means "numpy".
    """
    use_backend(backend or "numpy")
    manual_seed(seed)


def prepared(command: Callable) -> Callable:
    """Give a command the options --seed and --backend, unless it has them, and a check that its texts are valid UTF-8.

    Args:
        command: the function of a subcommand.

    Returns:
        The function for typer.
    """
    signature = inspect.signature(command, eval_str=True)
    known = signature.parameters.keys()

    @functools.wraps(command)
    def run(*args, **kwargs):
        _check_texts(kwargs)
        if "backend" not in known:
            prepare(kwargs.pop("seed"), kwargs.pop("backend"))
        return command(*args, **kwargs)

    shared = () if "backend" in known else (("seed", 0, Seed), ("backend", None, Backend))
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=a)
        for name, value, a in shared
    ]
    parameters = [*signature.parameters.values(), *options]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return run


def _check_texts(arguments: dict) -> None:
    """Raise ValueError for a text that is not UTF-8. Python turns other bytes into surrogates, such as U+DC80.

    Paths are not checked: a file name may consist of any bytes.
    """
    for name, value in arguments.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and (found := re.search("[\ud800-\udfff]", text)):
                raise ValueError(
                    f"{name}: expected UTF-8, got byte {ord(found[0]) - 0xDC00:#x} after {found.start()} letters"
                )


def print_json(value) -> None:
    """Print a value as JSON.

    Args:
        value: plain data.
    """
    json.dump(value, sys.stdout, indent=2)
    print()
