"""Check a learner's file. Its code runs in a separate, restricted process; the judge runs in this one; they exchange plain data."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.cell.wire import Nonsense
from minitransformer.course.exercise import Stopped
from minitransformer.course.judge import UNWRITTEN, crashed, judge, too_long
from minitransformer.course.link import Link, anew
from minitransformer.course.pretend import nothing_else
from minitransformer.course.process import Gone, Process
from minitransformer.course.repair.located import located
from minitransformer.course.report import Report
from minitransformer.course.timer import TooLong, at_most
from minitransformer.course.where import command
from minitransformer.disk import read_plain

SECONDS, GRACE = 10, 2
LARGEST_FILE = 1 << 20  # bytes
WALLS = {
    "processes": "other processes",
    "network": "the network",
    "files": "writing files",
    "memory": "the use of memory",
    "answers": "reading the solutions",
}


def check_file(name: str, path: Path, seconds: float = SECONDS) -> Report:
    """Check one exercise in a learner's file. The function always returns a report, whatever the code in the file does.

    Args:
        name: the exercise.
        path: the learner's file.
        seconds: the time limit for the code.

    Returns:
        The report.
    """
    path = Path(os.path.realpath(path))  # Path.resolve raises for a symbolic link to itself; this does not
    source = _source(name, path)
    if isinstance(source, Report):
        return source
    link = None
    held = set()
    with Process(path.parent) as process:
        try:
            link = Link(process)
            held = link.hello()["held"]
            process.limit(seconds + GRACE / 2)  # if the code does not stop itself
            # the time limit holds for the judge too: what the answer returns could keep it busy for ever
            with nothing_else(), at_most(seconds + GRACE):
                report = _judged(name, source, path, link, seconds)
        except (Gone, TooLong) as stopped:
            process.end()
            report = _ended(name, process, seconds, stopped)
        except Nonsense as error:
            report = Report(
                name, "crashed", details=(str(error),), hint="Leave the pipes alone that results go through."
            )
    if "processes" not in held:
        process.sweep()
    report = replace(report, foot=not_held(held), printed=process.output.lines())
    return located(report, source.decode(errors="replace"), path)


def _source(name: str, path: Path) -> bytes | Report:
    """The content of the learner's file, or the report that says why it cannot be read."""
    try:
        return read_plain(path, LARGEST_FILE)
    except FileNotFoundError:
        hint = f"`{command('start', path.parent)}` creates it; existing files are not changed."
        return Report(name, "unwritten", details=(f"{path} does not exist",), hint=hint)
    except OSError as error:
        return Report(name, "refused", details=(f"{path}: {error.strerror}",))
    except ValueError:
        expected = f"expected a file of Python code of at most {LARGEST_FILE >> 20} MB"
        return Report(name, "refused", details=(f"{path}: {expected}",))


def walls() -> set[str]:
    """The restrictions that this system can enforce on a learner's code.

    Returns:
        Keys of WALLS, and "scratch" if there is a folder for temporary files.
    """
    with Process(Path.cwd()) as process:
        try:
            return set(Link(process).hello()["held"])
        except Gone:
            return set()


def not_held(held: Collection[str]) -> str:
    """A sentence that names the restrictions that this system cannot enforce.

    Args:
        held: the keys of those that it can enforce.

    Returns:
        The sentence; "" if it can enforce all.
    """
    missing = [words for wall, words in WALLS.items() if wall not in held]
    return f"This system cannot restrict: {', '.join(missing)}." if missing else ""


def _judged(name: str, source: bytes, path: Path, link: Link, seconds: float) -> Report:
    try:
        told = link.load(source, str(path), name, seconds)
    except NotImplementedError:
        return Report(name, "unwritten", hint=UNWRITTEN)
    except Exception as error:
        return crashed(name, error, str(path))
    if told.get("missing"):
        hint = "The name is part of the task: keep it as it was."
        return Report(name, "crashed", details=(f"there is no `{name}` in {path.name}",), hint=hint)
    if told.get("refused"):
        return Report(name, "refused", details=(str(told["refused"]),))
    text = source.decode(errors="replace")
    return judge(name, anew(catalogue.exercise(name), link), link.answer(), str(path), text)


def _ended(name: str, process: Process, seconds: float, stopped: Stopped) -> Report:
    """The report on a process that ended before the check was done."""
    if process.timed_out or isinstance(stopped, TooLong):
        return too_long(name, seconds, stopped)
    return Report(
        name,
        "crashed",
        details=(f"Python ended with code {process.process.returncode} before the check was done",),
    )
