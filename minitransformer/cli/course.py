"""What the commands of the course share: the learner's folder, the exercises meant, and how reports are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.cli.options import console, remark
from minitransformer.course import catalogue
from minitransformer.course.report import Report
from minitransformer.course.where import FOLDER, VARIABLE, command, here
from minitransformer.course.workspace import Workspace

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        envvar=VARIABLE,
        help=f"The folder with your files. If left out: this folder, {FOLDER} in it, or the same of a folder above.",
    ),
]
Name = Annotated[
    str | None,
    typer.Argument(
        help="An exercise or a lesson, or the beginning of its name; the next one not passed if left out."
    ),
]


def workspace_in(directory: Path | None) -> Workspace:
    """Open the learner's folder.

    Args:
        directory: the folder; None for the one that is found from where the learner stands.

    Returns:
        Its workspace.

    Raises:
        NotADirectoryError: it is a file.
        FileNotFoundError: it does not exist.
    """
    directory = directory or here()
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"{directory} is a file; expected the folder with your files")
    if not directory.exists():
        raise FileNotFoundError(f"{directory} does not exist; `{command('start', directory)}` creates it")
    return Workspace.open(directory)


def tell_trouble(workspace: Workspace) -> None:
    """Print what is wrong with the progress file, in one line, if anything is.

    Args:
        workspace: the learner's folder.
    """
    if workspace.trouble:
        remark(workspace.trouble)


def exercises_named(workspace: Workspace, name: str | None) -> Sequence[str]:
    """The exercises that an argument names.

    Args:
        workspace: the learner's folder.
        name: an exercise, or a lesson by its number or name, or the beginning of a name; None for the next exercise.

    Returns:
        The names of the exercises; none if all are passed and `name` is None.
    """
    if name is None:
        return [n] if (n := workspace.next_exercise()) else []
    return catalogue.named(name)


def show(workspace: Workspace, reports: Sequence[Report]) -> None:
    """Print reports, and the exercise that comes next if all are passed.

    Args:
        workspace: the learner's folder.
        reports: of the exercises that were checked.
    """
    for report in reports:
        report.show(console)
    coming = workspace.next_exercise(reports[-1].name if reports else None)
    if all(report.passed for report in reports):
        said = (
            f"Next: {coming}, in {workspace.file_of(catalogue.lesson_of(coming))}"
            if coming
            else "All exercises are passed."
        )
        console.print(said, soft_wrap=True)
