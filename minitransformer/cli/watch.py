"""`minitransformer watch`: a learner's answers, checked whenever a file is saved."""

from __future__ import annotations

import time

from minitransformer.cli.course import Folder, Name, exercises_named, show, tell_trouble, workspace_in
from minitransformer.cli.options import console
from minitransformer.course.workspace import FOLDER
from minitransformer.disk import version


def watch(name: Name = None, directory: Folder = FOLDER) -> None:
    """Check again whenever a file in the folder is saved, until Ctrl-C."""
    seen = None
    while True:
        now = {path: version(path) for path in directory.glob("*.py")}
        if now != seen:
            workspace = workspace_in(directory)  # opened again: other commands may have changed the progress
            console.rule(time.strftime("%H:%M:%S"))
            show(workspace, [workspace.check(n) for n in exercises_named(workspace, name)])
            tell_trouble(workspace)
            seen = now
        time.sleep(0.5)
