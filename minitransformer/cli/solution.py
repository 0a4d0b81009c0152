"""`minitransformer solution`: the solution of an exercise, and the reason for it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.syntax import Syntax

from minitransformer.cli.course import Folder, Name, exercises_named, tell_trouble, workspace_in
from minitransformer.cli.options import complaints, console, remark
from minitransformer.course.shown import solution_of, why
from minitransformer.course.where import command
from minitransformer.course.workspace import Workspace

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Show it without a question.")]


def solution(name: Name = None, directory: Folder = None, yes: Yes = False) -> None:
    """Show the solution of an exercise, and the reason for it. Your progress notes that you have seen it.

    Standard output is the code alone; the question and the reason go to standard error.
    """
    workspace = workspace_in(directory)
    for n in exercises_named(workspace, name)[:1]:
        if workspace.spoils(n) and not yes:
            _ask(workspace, n)
        workspace.give_up(n)
        _print_code(solution_of(n))
        remark(why(n))
    tell_trouble(workspace)


def _ask(workspace: Workspace, name: str) -> None:
    """Ask whether to show the solution; end the command if not. Raises ValueError if there is no terminal to ask on."""
    instead = command(f"hint {name}", workspace.path)
    if not sys.stdin.isatty():
        raise ValueError(
            f"`{name}` is not passed yet: expected --yes to show its solution; `{instead}` helps"
        )
    question = f"`{name}` is not passed yet; `{instead}` helps. Show the solution? [y/N] "
    complaints.print(question, end="", soft_wrap=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        sys.exit(1)


def _print_code(code: str) -> None:
    """Print code as it is; in colours if it goes to a terminal."""
    shown = Syntax("", "python").highlight(code) if sys.stdout.isatty() else code
    console.print(shown, soft_wrap=True, end="")
