"""`minitransformer learn`: a lesson in JupyterLab, in the learner's own folder."""

from __future__ import annotations

import sys
from importlib import resources
from typing import Annotated

import typer

from minitransformer.cli.course import Folder
from minitransformer.course import catalogue
from minitransformer.course.where import here
from minitransformer.course.workspace import Workspace
from minitransformer.installing import install_line

# settings that turn off the pop-up about news
QUIET = f"--LabApp.app_settings_dir={resources.files('minitransformer.course') / 'jupyterlab'}"
Lesson = Annotated[
    str | None, typer.Argument(metavar="[N]", help="A lesson; that of your next exercise if left out.")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address, and open no browser.")]

More = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- OPTIONS]", help="Options for JupyterLab itself, after `--`."),
]


def learn(
    lesson: Lesson = None, more: More = None, directory: Folder = None, no_browser: NoBrowser = False
) -> None:
    """Open a lesson in JupyterLab. Your copy of it is in your folder, which is created if it does not exist."""
    if lesson and lesson.startswith("-"):  # options for JupyterLab, without a lesson before them
        more = [lesson, *(more or [])]
        lesson = None
    workspace = Workspace.open(directory or here())
    notebook = workspace.notebook_of(_lesson(workspace, lesson))
    start_jupyter = _jupyter()
    workspace.start()
    where = [
        f"--ServerApp.root_dir={notebook.parent.resolve()}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
    ]
    sys.exit(start_jupyter([*where, QUIET, *(["--no-browser"] if no_browser else []), *(more or [])]))


def _jupyter():
    """The function that starts JupyterLab. Raises ImportError, which says how to install it, if it is missing."""
    try:
        from jupyterlab.labapp import main
    except ImportError:
        raise ImportError(f"JupyterLab is not installed: {install_line('[lessons]')}") from None
    return main


def _lesson(workspace: Workspace, name: str | None) -> str:
    if name is None:
        return catalogue.lesson_of(workspace.next_exercise() or catalogue.exercise_names()[-1])
    try:
        return catalogue.lesson_of(catalogue.named(name)[0])
    except ValueError:
        expected = f"one of {', '.join(catalogue.lessons())}, its number or an exercise"
        raise ValueError(f"lesson: expected {expected}; got {name!r}") from None
