"""A learner's folder: starters copied in, progress remembered, nothing ever overwritten."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.report import Report
from minitransformer.course.sandbox import check_file
from minitransformer.course.starters import starter
from minitransformer.disk import Busy, locked, read_plain, version, write
from minitransformer.files import one_line, parse_json

PROGRESS, LOCK = ".progress.json", ".progress.lock"
LARGEST = 1 << 20  # bytes of progress that are read
PATIENCE = 30  # seconds until what holds the lock on the progress is taken for stuck
FOLDER = Path("minitransformer-course")
TESTS = "test_exercises.py"


def starter_of(lesson: str) -> str:
    """The text of a lesson's starter file."""
    return starter(catalogue.solutions_of(lesson), catalogue.lessons()[lesson])


def _write_new(file: Path, text: str) -> bool:
    """Write a file, whole, unless something is there; whether it was written."""
    if new := not os.path.lexists(file):
        write(file, text)
    return new


def _read_progress(file: Path) -> dict:
    """The progress kept in a file. Raises OSError, ValueError for what holds none."""
    kept = parse_json(read_plain(file, LARGEST).decode())
    if not isinstance(kept, dict) or not all(holds(kept.get(what)) for what, holds in KEPT.items()):
        raise ValueError("not as it was saved")
    return kept


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(count) is int and 0 <= count < 1000 for count in value.values()
    )


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


KEPT = {"passed": _texts, "failed": _texts, "hints": _counts, "given_up": _names}


def _free_name(file: Path) -> Path:
    """`file`.1.bak, or with the first number at which nothing is."""
    return next(b for n in itertools.count(1) if not os.path.lexists(b := file.with_suffix(f".{n}.bak")))


@dataclass
class Workspace:
    """The folder `path`: one file a lesson, and what was passed (when), failed when last checked (how: the report's status),
    asked for (how many hints) or given up; `trouble` says in one line what is wrong with the file that remembers it."""

    path: Path
    passed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    trouble: str = ""

    @classmethod
    def open(cls, path: Path) -> Workspace:
        """The workspace in a folder, with the progress kept there."""
        space = cls(Path(path))
        space._recall()
        return space

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is a learner's: it holds progress or a lesson's file."""
        return any(
            os.path.lexists(path / name)
            for name in (PROGRESS, *(f"{lesson}.py" for lesson in catalogue.lessons()))
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other process works on the folder. Something odd in the lock's place stops nobody."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, Busy):
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.path / LOCK, PATIENCE))
            yield

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Inside, the progress is as it is on the disk now, and nobody else changes it; then it is kept there."""
        with self.alone():
            readable = self._recall()
            yield
            try:
                self._keep(aside=not readable)
            except OSError as error:
                self.trouble = (
                    f"{self.path / PROGRESS}: {error.strerror or error}; the progress is not remembered"
                )

    def _recall(self) -> bool:
        """Read the progress; whether what is there could be read. What could not counts as none."""
        file, kept = self.path / PROGRESS, {}
        try:
            kept = _read_progress(file)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            why = one_line(error.strerror if isinstance(error, OSError) else error)
            self.trouble = f"{file}: expected the progress as it was saved, got something else ({why}); it counts as none"
            return False
        finally:
            self.passed, self.failed, self.hints = (
                dict(kept.get(what, {})) for what in ("passed", "failed", "hints")
            )
            self.given_up = list(kept.get("given_up", []))
        return True

    def _keep(self, aside: bool) -> None:
        """Write the progress; what could not be read is kept beside it."""
        file = self.path / PROGRESS
        if aside:
            os.rename(file, backup := _free_name(file))
            self.trouble += f", and is kept as {backup.name}"
        kept = {"passed": self.passed, "failed": self.failed, "hints": self.hints, "given_up": self.given_up}
        write(file, json.dumps(kept, indent=2), durable=True)

    def file_of(self, lesson: str) -> Path:
        return self.path / f"{lesson}.py"

    def notebook_of(self, lesson: str) -> Path:
        return self.path / f"{lesson}.ipynb"

    def start(self) -> list[Path]:
        """Copy the starters, their tests and the notebooks that are not there yet; returns them. What exists stays as it is."""
        texts = {self.file_of(lesson): starter_of(lesson) for lesson in catalogue.lessons()}
        texts[self.path / TESTS] = catalogue.tests()
        texts |= {
            self.notebook_of(lesson): catalogue.notebook_of(lesson).read_text("utf-8")
            for lesson in catalogue.lessons()
        }
        with self.alone():
            return [file for file, text in texts.items() if _write_new(file, text)]

    def reset(self, lesson: str) -> Path | None:
        """The starter again; returns where the file that was there is kept, None if there was none."""
        file, backup = self.file_of(lesson), None
        with self.changing():
            if os.path.lexists(file):
                os.rename(file, backup := _free_name(file))
            _write_new(file, starter_of(lesson))
            for name in catalogue.lessons()[lesson]:
                self.passed.pop(name, None)
                self.failed.pop(name, None)
        return backup

    def check(self, name: str) -> Report:
        """Judge one exercise and remember if it passed.

        That it did not is forgotten if the file was saved meanwhile, or if another check passed it.
        """
        file, known = self.file_of(catalogue.lesson_of(name)), self.passed.get(name)
        judged = version(file)
        report = check_file(name, file)
        with self.changing():
            if report.passed or (version(file), self.passed.get(name)) == (judged, known):
                self._remember(report)
        return report

    def _remember(self, report: Report) -> None:
        self.failed.pop(report.name, None)
        if report.passed:
            self.passed.setdefault(report.name, datetime.now(UTC).isoformat(timespec="seconds"))
            return
        self.passed.pop(report.name, None)
        if report.status != "unwritten":
            self.failed[report.name] = report.status

    def judged_anew(self) -> Workspace:
        """What every file is worth now, whatever is remembered; hints and what was given up stay. Nothing is written."""
        fresh = Workspace(self.path, {}, {}, dict(self.hints), list(self.given_up), self.trouble)
        for name in catalogue.exercise_names():
            fresh._remember(check_file(name, self.file_of(catalogue.lesson_of(name))))
        return fresh

    def state(self, name: str) -> str:
        """How an exercise stands: "passed", "given up" (the solution was looked at first), "failed" or "unwritten"."""
        if name in self.passed:
            return "passed"
        return "given up" if name in self.given_up else "failed" if name in self.failed else "unwritten"

    def count(self) -> int:
        """How many exercises are passed."""
        return sum(name in self.passed for name in catalogue.exercise_names())

    def summary(self) -> dict:
        """How everything stands, for programs to read."""
        exercises = {
            name: {
                "lesson": catalogue.lesson_of(name),
                "state": self.state(name),
                "hints": self.hints.get(name, 0),
                "solution_seen": name in self.given_up,
            }
            for name in catalogue.exercise_names()
        }
        return {
            "passed": self.count(),
            "of": len(exercises),
            "next": self.next_exercise(),
            "exercises": exercises,
        }

    def next_hint(self, name: str) -> tuple[int, int, str]:
        """(number, of how many, text) of the next hint; the last one again when there are no more."""
        hints = catalogue.exercise(name).hints
        with self.changing():
            self.hints[name] = max(1, min(self.hints.get(name, 0) + 1, len(hints)))
        return self.hints[name], len(hints), hints[self.hints[name] - 1]

    def give_up(self, name: str) -> None:
        """Remember that the solution was looked at before the exercise was passed."""
        with self.changing():
            if name not in self.passed and name not in self.given_up:
                self.given_up.append(name)

    def next_exercise(self) -> str | None:
        """The first exercise that is not passed, None when all are."""
        return next((name for name in catalogue.exercise_names() if name not in self.passed), None)
