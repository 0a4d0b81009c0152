"""`minitransformer hint`: the next hint for an exercise."""

from __future__ import annotations

from rich.text import Text

from minitransformer.cli.course import Folder, Name, exercises_named, tell_trouble, workspace_in
from minitransformer.cli.options import console, remark
from minitransformer.course.where import command


def hint(name: Name = None, directory: Folder = None) -> None:
    """Show the next hint for an exercise."""
    workspace = workspace_in(directory)
    for n in exercises_named(workspace, name)[:1]:
        number, count, text, again = workspace.next_hint(n)
        which = f", hint {number} of {count}" + (", the last, again" if again else "")
        console.print(Text.assemble((n, "bold"), f"{which}: {text}"), soft_wrap=not console.is_terminal)
        if again:
            remark(f"There are no more. The solution: `{command(f'solution {n}', workspace.path)}`")
    tell_trouble(workspace)
