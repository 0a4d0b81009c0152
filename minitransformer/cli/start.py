"""`minitransformer start`: the lessons and exercises, copied into a folder of the learner's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.cli.course import Folder
from minitransformer.cli.options import console
from minitransformer.course.where import command, here
from minitransformer.course.workspace import Workspace


def start(
    place: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Where to put your files.")] = None,
    directory: Folder = None,
) -> None:
    """Copy the lessons and the exercises into a folder of yours. Existing files are not changed."""
    folder = place or directory or here()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; expected a folder, or a name for one")
    new = Workspace.open(folder).start()
    console.print(
        f"{len(new)} files written to {folder}: a notebook and exercises for each lesson, and a glossary.",
        soft_wrap=True,
    )
    learn = command("learn", folder)
    check = command("check", folder)
    console.print(f"Go on with `{learn}` in JupyterLab, or in an editor with `{check}`.", soft_wrap=True)
