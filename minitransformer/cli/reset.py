"""`minitransformer reset`: an exercise, a lesson's file or its notebook, put back as it was at first."""

from __future__ import annotations

from typing import Annotated

import typer

from minitransformer.cli.course import Folder, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course import catalogue


def reset(
    name: Annotated[str, typer.Argument(help="An exercise, or a lesson whose whole file to put back.")],
    notebook: Annotated[
        bool, typer.Option("--notebook", help="The lesson's notebook, not its file.")
    ] = False,
    directory: Folder = None,
) -> None:
    """Put an exercise, a lesson's file or its notebook back as it was at first. Yours is kept under another name."""
    workspace = workspace_in(directory)
    names = catalogue.named(name)
    lesson = catalogue.lesson_of(names[0])
    if notebook or name.endswith(".ipynb"):
        what = str(workspace.notebook_of(lesson))
        backup = workspace.reset_notebook(lesson)
    elif len(names) > 1:
        what = str(workspace.file_of(lesson))
        backup = workspace.reset(lesson)
    else:
        what = f"`{names[0]}` in {workspace.file_of(lesson)}"
        backup = workspace.reset_exercise(names[0])
    kept = f"your file is now {backup}" if backup else "there was no file"
    if len(names) == 1 and not notebook:
        kept = f"your file as it was is {backup}" if backup else "it held no answer"
    console.print(f"{what} is a starter again; {kept}", soft_wrap=True)
    tell_trouble(workspace)
