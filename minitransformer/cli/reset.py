"""`minitransformer reset`: a lesson's file, replaced by its starter."""

from __future__ import annotations

from typing import Annotated

import typer

from minitransformer.cli.course import Folder, exercises_named, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course import catalogue
from minitransformer.course.workspace import FOLDER


def reset(
    lesson: Annotated[str, typer.Argument(help="The lesson whose file to replace by its starter.")],
    directory: Folder = FOLDER,
) -> None:
    """Replace a lesson's file by its starter. Your file is kept under another name."""
    workspace = workspace_in(directory)
    lesson = catalogue.lesson_of(exercises_named(workspace, lesson)[0])
    backup = workspace.reset(lesson)
    kept = f"your file is now {backup}" if backup else "there was no file"
    console.print(f"{workspace.file_of(lesson)} is a starter again; {kept}", soft_wrap=True)
    tell_trouble(workspace)
