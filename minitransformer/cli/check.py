"""`minitransformer check`: a learner's answers, checked once."""

from __future__ import annotations

import sys

from minitransformer.cli.course import Folder, Name, exercises_named, show, tell_trouble, workspace_in
from minitransformer.cli.options import Json, print_json


def check(name: Name = None, directory: Folder = None, json: Json = False) -> None:
    """Check your code for an exercise, or for all of a lesson. Exit code 1 if one is not passed."""
    workspace = workspace_in(directory)
    reports = [workspace.check(n) for n in exercises_named(workspace, name)]
    if json:
        print_json([report.to_dict() for report in reports])
    else:
        show(workspace, reports)
    tell_trouble(workspace)
    if not all(report.passed for report in reports):
        sys.exit(1)
