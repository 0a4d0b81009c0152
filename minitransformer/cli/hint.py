"""`minitransformer hint`: the next hint for an exercise."""

from __future__ import annotations

from rich.text import Text

from minitransformer.cli.course import Folder, Name, exercises_named, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course.workspace import FOLDER


def hint(name: Name = None, directory: Folder = FOLDER) -> None:
    """Show the next hint for an exercise."""
    workspace = workspace_in(directory)
    for n in exercises_named(workspace, name)[:1]:
        number, count, text = workspace.next_hint(n)
        console.print(Text.assemble((n, "bold"), f", hint {number} of {count}: {text}"), soft_wrap=True)
    tell_trouble(workspace)
