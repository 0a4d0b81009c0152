"""The process in which a learner's file is run and judged: `python -m minitransformer.course.child FILE EXERCISE PARENT`.

It says that it is ready by an empty line on the standard error that it was started with. Then doors are closed, the learner's
code runs, and the report goes the same way, after a password from standard input. What that code prints goes to standard output.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

from minitransformer.course import catalogue, doors
from minitransformer.course.cell.lifeline import die_with
from minitransformer.course.exercise import Exercise, Failed
from minitransformer.course.judge import UNWRITTEN, describe, judge, load
from minitransformer.course.report import Report
from minitransformer.course.tampering import fingerprint, tampered


def examine(path: Path, name: str, exercise: Exercise) -> Report:
    """Load the object `name` of the learner's file and judge it; whatever the file does becomes a report."""
    file = str(path)
    try:
        if borrowed := library_imports(path):
            return Report(name, "refused", details=(f"line {borrowed}: the answer is not to be taken from the library",))
        answer = load(path, name)
        if getattr(answer, "__module__", "learner") != "learner":
            return Report(name, "refused", details=(f"`{name}` is {answer.__module__}'s own; the task is to write it",))
        return judge(name, exercise, answer, file)
    except NotImplementedError:
        return Report(name, "unwritten", hint=UNWRITTEN)
    except Failed as failed:
        return Report(name, "crashed", details=failed.details, hint=failed.hint)
    except SystemExit:
        return Report(name, "crashed", details=("it called exit()",), hint="Return the result instead.")
    except BaseException as error:
        return Report(name, "crashed", details=describe(error, file))


def library_imports(path: Path) -> int:
    """The first line that imports minitransformer, or names a module of it in a string, 0 if there is none."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        if any(re.fullmatch(r"minitransformer(\.\w+)*", name) for name in names):
            return node.lineno
    return 0


def main() -> None:
    path, name = Path(sys.argv[1]), sys.argv[2]
    die_with(int(sys.argv[3]), os.dup(0))
    exercise, password = catalogue.exercise(name), sys.stdin.readline().strip()
    say, encode, end, changes = partial(os.write, os.dup(2)), json.JSONEncoder().encode, os._exit, tampered  # as they are now
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(1, 2)
    say(b"\n")
    doors.limit()
    doors.close(str(path))
    before, refused = fingerprint(), {"name": name, "status": "refused", "hint": "Give your function a name of its own."}
    report = examine(path, name, exercise)
    changed = changes(before)
    told = {**refused, "details": [f"your code replaced {changed}"]} if changed else report.to_dict()
    say((password + encode(told)).encode())
    end(0)  # threads that still run shall not keep us


if __name__ == "__main__":
    main()
