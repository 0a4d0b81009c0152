"""`minitransformer watch`: a learner's answers, checked whenever a file is saved."""

from __future__ import annotations

import time

from minitransformer.cli.course import Folder, Name, exercises_named, show, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course.watching import Saved


def watch(name: Name = None, directory: Folder = None) -> None:
    """Check again whenever a file in the folder is saved, until Ctrl-C: the exercises that you changed, or those of NAME."""
    workspace = workspace_in(directory)
    saved = Saved(workspace.path)
    names = exercises_named(workspace, name)
    while True:
        workspace = workspace_in(directory)  # opened again: other commands may have changed the progress
        console.rule(time.strftime("%H:%M:%S"))
        show(workspace, [workspace.check(n) for n in names])
        tell_trouble(workspace)
        changed = saved.wait()
        names = exercises_named(workspace, name) if name else changed
