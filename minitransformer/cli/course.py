"""The course's commands: start, check, watch, hint, solution, reset."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.syntax import Syntax
from rich.text import Text

from minitransformer.cli.options import Json, console, print_json, remark
from minitransformer.course import catalogue
from minitransformer.course.report import Report
from minitransformer.course.starters import solution as solution_in
from minitransformer.course.workspace import FOLDER, Workspace
from minitransformer.disk import version

Folder = Annotated[
    Path, typer.Option("--dir", envvar="MINITRANSFORMER_COURSE", help="The folder with your files.")
]
Name = Annotated[
    str | None, typer.Argument(help="An exercise or a lesson; the next one not passed if left out.")
]


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


def _workspace(directory: Path) -> Workspace:
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"{directory} is a file; expected the folder with your files")
    if not directory.exists():
        raise FileNotFoundError(f"{directory} does not exist; `minitransformer start {directory}` creates it")
    return Workspace.open(directory)


def tell_trouble(workspace: Workspace) -> None:
    """Print what is wrong with the progress file, in one line, if anything is.

    Args:
        workspace: the learner's folder.
    """
    if workspace.trouble:
        remark(workspace.trouble)


def _names(workspace: Workspace, name: str | None) -> list[str]:
    """The exercises that an argument names: one, or all of a lesson by its number or name; None means the next exercise."""
    if name is None:
        return [n] if (n := workspace.next_exercise()) else []
    lesson = catalogue.lesson_named(name)
    return list(catalogue.lessons()[lesson]) if lesson else [name]


def check(name: Name = None, directory: Folder = FOLDER, json: Json = False) -> None:
    """Check your code for an exercise, or for all of a lesson. Exit code 1 if one is not passed."""
    workspace = _workspace(directory)
    reports = [workspace.check(n) for n in _names(workspace, name)]
    if json:
        print_json([report.to_dict() for report in reports])
    else:
        _show(workspace, reports)
    tell_trouble(workspace)
    if not all(report.passed for report in reports):
        sys.exit(1)


def _show(workspace: Workspace, reports: list[Report]) -> None:
    for report in reports:
        report.show(console)
    coming = workspace.next_exercise()
    if all(report.passed for report in reports):
        said = (
            f"Next: {coming}, in {workspace.file_of(catalogue.lesson_of(coming))}"
            if coming
            else "All exercises are passed."
        )
        console.print(said, soft_wrap=True)


def watch(name: Name = None, directory: Folder = FOLDER) -> None:
    """Check again whenever a file in the folder is saved, until Ctrl-C."""
    seen = None
    while True:
        now = {path: version(path) for path in directory.glob("*.py")}
        if now != seen:
            workspace = _workspace(directory)  # opened again: other commands may have changed the progress
            console.rule(time.strftime("%H:%M:%S"))
            _show(workspace, [workspace.check(n) for n in _names(workspace, name)])
            tell_trouble(workspace)
            seen = now
        time.sleep(0.5)


def hint(name: Name = None, directory: Folder = FOLDER) -> None:
    """Show the next hint for an exercise."""
    workspace = _workspace(directory)
    for n in _names(workspace, name)[:1]:
        number, count, text = workspace.next_hint(n)
        console.print(Text.assemble((n, "bold"), f", hint {number} of {count}: {text}"), soft_wrap=True)
    tell_trouble(workspace)


def solution(name: Name = None, directory: Folder = FOLDER) -> None:
    """Show the solution of an exercise, and the reason for it. Your progress notes that you have seen it."""
    workspace = _workspace(directory)
    for n in _names(workspace, name)[:1]:
        workspace.give_up(n)
        console.print(
            Syntax(solution_in(catalogue.solutions_of(catalogue.lesson_of(n)), n), "python", word_wrap=True)
        )
        console.print(catalogue.exercise(n).why, soft_wrap=True)
    tell_trouble(workspace)


def reset(
    lesson: Annotated[str, typer.Argument(help="The lesson whose file to replace by its starter.")],
    directory: Folder = FOLDER,
) -> None:
    """Replace a lesson's file by its starter. Your file is kept under another name."""
    workspace = _workspace(directory)
    lesson = catalogue.lesson_of(_names(workspace, lesson)[0])
    backup = workspace.reset(lesson)
    kept = f"your file is now {backup}" if backup else "there was no file"
    console.print(f"{workspace.file_of(lesson)} is a starter again; {kept}", soft_wrap=True)
    tell_trouble(workspace)
