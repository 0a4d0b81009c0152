"""A learner's folder: it gets copies of the starters and a file of the progress; no file of the learner is ever overwritten."""

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
LARGEST = 1 << 20  # bytes: a larger progress file is not read
PATIENCE = 30  # seconds to wait for the lock on the progress; then its holder is ignored
FOLDER = Path("minitransformer-course")
TESTS = "test_exercises.py"


def starter_of(lesson: str) -> str:
    """The content of a lesson's starter file.

    Args:
        lesson: the lesson, such as "06_attention".

    Returns:
        Python source.
    """
    return starter(catalogue.solutions_of(lesson), catalogue.lessons()[lesson])


def _write_new(file: Path, text: str) -> bool:
    """Write a file unless something of that name exists. Returns whether it was written."""
    if new := not os.path.lexists(file):
        write(file, text)
    return new


def _read_progress(file: Path) -> dict:
    """Read the progress from a file. Raises OSError or ValueError if it cannot be read or holds something else."""
    kept = parse_json(read_plain(file, LARGEST).decode())
    if not isinstance(kept, dict) or not all(holds(kept.get(what)) for what, holds in KEPT.items()):
        raise ValueError("it has other keys or values than this program writes")
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
    """The first of the names `file`.1.bak, `file`.2.bak, .. that does not exist yet."""
    return next(b for n in itertools.count(1) if not os.path.lexists(b := file.with_suffix(f".{n}.bak")))


@dataclass
class Workspace:
    """A learner's folder with one file for each lesson, and the learner's progress.

    Args:
        path: the folder.
        passed: exercise -> when it was first passed, in ISO format.
        failed: exercise -> the status of the last report, if it was not passed.
        hints: exercise -> how many hints were shown.
        given_up: exercises whose solution was shown before they were passed.
        trouble: one line that says what is wrong with the progress file, or "".
    """

    path: Path
    passed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    trouble: str = ""

    @classmethod
    def open(cls, path: Path) -> Workspace:
        """Open a folder and read its progress.

        Args:
            path: the folder; it need not exist.

        Returns:
            The workspace.
        """
        space = cls(Path(path))
        space._recall()
        return space

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is a learner's, which has a progress file or a lesson's file.

        Args:
            path: the folder.

        Returns:
            True or False.
        """
        return any(
            os.path.lexists(path / name)
            for name in (PROGRESS, *(f"{lesson}.py" for lesson in catalogue.lessons()))
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Inside this block no other process changes the folder. If the lock cannot be taken, the block runs without it."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, Busy):
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.path / LOCK, PATIENCE))
            yield

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Read the progress, run the block, and write the progress; no other process changes it meanwhile."""
        with self.alone():
            readable = self._recall()
            yield
            try:
                self._keep(aside=not readable)
            except OSError as error:
                self.trouble = (
                    f"{self.path / PROGRESS}: {error.strerror or error}; the progress was not saved"
                )

    def _recall(self) -> bool:
        """Read the progress. Returns False if the file is not readable; the progress is then empty."""
        file, kept = self.path / PROGRESS, {}
        try:
            kept = _read_progress(file)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            why = one_line(error.strerror if isinstance(error, OSError) else error)
            self.trouble = (
                f"{file}: expected a progress file, got something else ({why}); the progress starts empty"
            )
            return False
        finally:
            self.passed, self.failed, self.hints = (
                dict(kept.get(what, {})) for what in ("passed", "failed", "hints")
            )
            self.given_up = list(kept.get("given_up", []))
        return True

    def _keep(self, aside: bool) -> None:
        """Write the progress. With `aside`, the file that is not readable is first renamed."""
        file = self.path / PROGRESS
        if aside:
            os.rename(file, backup := _free_name(file))
            self.trouble += f"; the old file is kept as {backup.name}"
        kept = {"passed": self.passed, "failed": self.failed, "hints": self.hints, "given_up": self.given_up}
        write(file, json.dumps(kept, indent=2), durable=True)

    def file_of(self, lesson: str) -> Path:
        """The learner's file of a lesson.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The path; the file may not exist.
        """
        return self.path / f"{lesson}.py"

    def notebook_of(self, lesson: str) -> Path:
        """The learner's copy of a lesson's notebook.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The path; the file may not exist.
        """
        return self.path / f"{lesson}.ipynb"

    def start(self) -> list[Path]:
        """Copy the starters, their tests and the notebooks into the folder. Existing files are not changed.

        Returns:
            The files that were written.
        """
        texts = {self.file_of(lesson): starter_of(lesson) for lesson in catalogue.lessons()}
        texts[self.path / TESTS] = catalogue.tests()
        texts |= {
            self.notebook_of(lesson): catalogue.notebook_of(lesson).read_text("utf-8")
            for lesson in catalogue.lessons()
        }
        with self.alone():
            return [file for file, text in texts.items() if _write_new(file, text)]

    def reset(self, lesson: str) -> Path | None:
        """Put a lesson's starter back; the learner's file is renamed, and the lesson's exercises no longer count as passed.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The new name of the learner's file; None if there was none.
        """
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
        """Check one exercise, and save the result in the progress.

        A failure is not saved if the file was changed during the check, or if another check passed the exercise meanwhile.

        Args:
            name: the exercise.

        Returns:
            The report.
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
        """Check all exercises, without writing the progress.

        Returns:
            A workspace with the new results, and the hints and given-up exercises of this one.
        """
        fresh = Workspace(self.path, {}, {}, dict(self.hints), list(self.given_up), self.trouble)
        for name in catalogue.exercise_names():
            fresh._remember(check_file(name, self.file_of(catalogue.lesson_of(name))))
        return fresh

    def state(self, name: str) -> str:
        """The state of an exercise.

        Args:
            name: the exercise.

        Returns:
            "passed", "given up" (the solution was shown before it was passed), "failed" or "unwritten".
        """
        if name in self.passed:
            return "passed"
        return "given up" if name in self.given_up else "failed" if name in self.failed else "unwritten"

    def count(self) -> int:
        """The number of passed exercises.

        Returns:
            The number.
        """
        return sum(name in self.passed for name in catalogue.exercise_names())

    def summary(self) -> dict:
        """The whole progress as plain data, for JSON.

        Returns:
            The numbers of passed and of all exercises, the next exercise, and the state of each.
        """
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
        """Count one more hint as shown, and return it; after the last one, the last one again.

        Args:
            name: the exercise.

        Returns:
            (number of the hint, number of all hints, text).
        """
        hints = catalogue.exercise(name).hints
        with self.changing():
            self.hints[name] = max(1, min(self.hints.get(name, 0) + 1, len(hints)))
        return self.hints[name], len(hints), hints[self.hints[name] - 1]

    def give_up(self, name: str) -> None:
        """Save that the solution was shown before the exercise was passed.

        Args:
            name: the exercise.
        """
        with self.changing():
            if name not in self.passed and name not in self.given_up:
                self.given_up.append(name)

    def next_exercise(self) -> str | None:
        """The first exercise that is not passed.

        Returns:
            Its name; None if all are passed.
        """
        return next((name for name in catalogue.exercise_names() if name not in self.passed), None)
