"""Options that several commands share, and how commands speak."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from minitransformer.defaults import use_backend
from minitransformer.randomness import manual_seed

console, complaints = Console(highlight=False), Console(highlight=False, stderr=True)

Seed = Annotated[int, typer.Option("--seed", min=0, help="Where the random numbers start: the same seed, the same result.")]
Backend = Annotated[
    str | None, typer.Option("--backend", envvar="MINITRANSFORMER_BACKEND", help="numpy (CPU) or cupy (GPU).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read, and nothing else.")]
Checkpoint = Annotated[Path, typer.Option("--checkpoint", "-c", help="A file that `minitransformer train` wrote.")]
MaybeCheckpoint = Annotated[Path | None, typer.Option("--checkpoint", "-c", help="A file that `minitransformer train` wrote.")]


def page_file(path: Path | None) -> Path | None:
    """Where to write a page. Tells at once that it cannot be written there, and not after minutes of work: ValueError."""
    folder = path and path.absolute().parent
    if path and (path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK)):
        raise ValueError(f"expected a file in a folder that exists and may be written to, got {path}")
    return path


Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", callback=page_file, help="Also write it as a web page.")]


def prepare(seed: int, backend: str | None) -> None:
    """Start the random numbers and choose the backend, as every command does first."""
    use_backend(backend or "numpy")
    manual_seed(seed)


def prepared(command: Callable) -> Callable:
    """`command` as one that takes --seed and --backend and sees to them first, if it takes none itself."""
    signature = inspect.signature(command, eval_str=True)
    if "backend" in signature.parameters:
        return command

    @functools.wraps(command)
    def run(*args, seed: int, backend: str | None, **kwargs):
        prepare(seed, backend)
        return command(*args, **kwargs)

    shared = (("seed", 0, Seed), ("backend", None, Backend))
    options = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=a) for name, value, a in shared]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *options])
    return run


def print_json(value) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2)
    print()
