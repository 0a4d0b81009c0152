"""`minitransformer solution`: the solution of an exercise, and the reason for it."""

from __future__ import annotations

from rich.syntax import Syntax

from minitransformer.cli.course import Folder, Name, exercises_named, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course import catalogue
from minitransformer.course.starters import solution as solution_in
from minitransformer.course.workspace import FOLDER


def solution(name: Name = None, directory: Folder = FOLDER) -> None:
    """Show the solution of an exercise, and the reason for it. Your progress notes that you have seen it."""
    workspace = workspace_in(directory)
    for n in exercises_named(workspace, name)[:1]:
        workspace.give_up(n)
        console.print(
            Syntax(solution_in(catalogue.solutions_of(catalogue.lesson_of(n)), n), "python", word_wrap=True)
        )
        console.print(catalogue.exercise(n).why, soft_wrap=True)
    tell_trouble(workspace)
