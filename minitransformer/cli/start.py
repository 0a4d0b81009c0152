"""`minitransformer start`: the lessons and exercises, copied into a folder of the learner's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.cli.options import console
from minitransformer.course.workspace import FOLDER, Workspace


def start(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put your files.")] = FOLDER,
) -> None:
    """Copy the lessons and the exercises into a folder of yours. Existing files are not changed."""
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"{directory} is a file; expected a folder, or a name for one")
    new = Workspace.open(directory).start()
    console.print(
        f"{len(new)} files written to {directory}, a notebook and exercises for each lesson.", soft_wrap=True
    )
    console.print(
        "Go on with `minitransformer learn` in JupyterLab, or in an editor with `minitransformer check`.",
        soft_wrap=True,
    )
