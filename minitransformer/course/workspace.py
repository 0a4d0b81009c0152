"""A learner's folder: it gets copies of the starters and a file of the progress; no file of the learner is ever overwritten."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.definitions import definition
from minitransformer.course.lesson_file import LessonFile, begun_anew, free_name, starter_of
from minitransformer.course.progress import merged, read_progress, write_progress
from minitransformer.course.report import Report
from minitransformer.course.sandbox import LARGEST_FILE, check_file
from minitransformer.course.where import PROGRESS, is_learners
from minitransformer.disk import Busy, locked, read_plain, version, write
from minitransformer.files import one_line

LOCK = ".progress.lock"
PATIENCE = 30  # seconds to wait for the lock on the progress; then its holder is ignored
TESTS = "test_exercises.py"
REMEMBERED = 8  # definitions of an exercise that passed


def _write_new(file: Path, text: str) -> bool:
    """Write a file unless something of that name exists. Returns whether it was written."""
    if new := not os.path.lexists(file):
        write(file, text)
    return new


def _digest(text: str) -> str:
    """A short hash of a definition."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest_in(file: LessonFile, name: str) -> str:
    """The hash of the definition that a file holds; of the whole file if it is no Python; "" if it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return _digest(file.holds(name))
    with contextlib.suppress(OSError, ValueError):
        return _digest(repr(read_plain(file.path, LARGEST_FILE)))
    return ""


@dataclass
class Workspace:
    """A learner's folder with one file for each lesson, and the learner's progress.

    Args:
        path: the folder.
        passed: exercise -> when it was first passed, in ISO format.
        failed: exercise -> the status of the last report, if it was not passed.
        hints: exercise -> how many hints were shown.
        given_up: exercises whose solution was shown before they were passed.
        passed_as: exercise -> the hashes of its last definitions that passed, with spaces between them.
        trouble: one line that says what is wrong with the progress file, or "".
        known: the progress on the disk when it was last read or written.
    """

    path: Path
    passed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    passed_as: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    known: dict = field(default_factory=dict, repr=False)

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
        return is_learners(path)

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
            self._recall()
            yield
            try:
                self._keep()
            except OSError as error:
                self.trouble = (
                    f"{self.path / PROGRESS}: {error.strerror or error}; the progress was not saved"
                )

    def _recall(self) -> bool:
        """Read the progress, and keep what could not be saved before. Returns False if the file is not readable."""
        theirs, readable = self._on_disk()
        now = merged(self.known, self._state(), theirs)
        self.passed = now["passed"]
        self.failed = now["failed"]
        self.hints = now["hints"]
        self.passed_as = now["passed_as"]
        self.given_up = now["given_up"]
        self.known = theirs
        return readable

    def _on_disk(self) -> tuple[dict, bool]:
        """The progress on the disk, and whether the file is readable; if not, the progress is empty."""
        file = self.path / PROGRESS
        try:
            return read_progress(file), True
        except FileNotFoundError:
            return {}, True
        except (OSError, ValueError) as error:
            why = one_line(error.strerror if isinstance(error, OSError) else error)
            self.trouble = (
                f"{file}: expected a progress file, got something else ({why}); the progress starts empty"
            )
            return {}, False

    def _keep(self) -> None:
        """Write the progress, merged with what others wrote meanwhile. A file that is not readable is first renamed."""
        file = self.path / PROGRESS
        if not self._recall():
            os.rename(file, backup := free_name(file))
            self.trouble += f"; the old file is kept as {backup.name}"
        write_progress(file, self._state())
        self.known = copy.deepcopy(self._state())

    def _state(self) -> dict:
        names = ("passed", "failed", "hints", "given_up", "passed_as")
        return {name: getattr(self, name) for name in names}

    def file_of(self, lesson: str) -> Path:
        """The learner's file of a lesson.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The path; the file may not exist.
        """
        return self.path / f"{lesson}.py"

    def lesson_file(self, name: str) -> LessonFile:
        """The learner's file in which an exercise is answered.

        Args:
            name: the exercise.

        Returns:
            The file; it may not exist.
        """
        lesson = catalogue.lesson_of(name)
        return LessonFile(self.file_of(lesson), lesson)

    def notebook_of(self, lesson: str) -> Path:
        """The learner's copy of a lesson's notebook.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The path; the file may not exist.
        """
        return self.path / f"{lesson}.ipynb"

    def start(self) -> list[Path]:
        """Copy the starters, their tests, the notebooks and the glossary into the folder. Existing files are not changed.

        Returns:
            The files that were written.
        """
        texts = {self.file_of(lesson): starter_of(lesson) for lesson in catalogue.lessons()}
        texts[self.path / TESTS] = catalogue.tests()
        texts[self.path / catalogue.GLOSSARY] = catalogue.glossary()
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
        with self.changing():
            backup = begun_anew(self.file_of(lesson), starter_of(lesson))
            for name in catalogue.lessons()[lesson]:
                self._forget(name)
        return backup

    def reset_notebook(self, lesson: str) -> Path | None:
        """Put a lesson's notebook back as it was at first; the learner's is renamed.

        Args:
            lesson: the lesson, such as "06_attention".

        Returns:
            The new name of the learner's notebook; None if there was none.
        """
        with self.alone():
            return begun_anew(self.notebook_of(lesson), catalogue.notebook_of(lesson).read_text("utf-8"))

    def reset_exercise(self, name: str) -> Path | None:
        """Put one exercise of a lesson's file back; it no longer counts as passed.

        Args:
            name: the exercise.

        Returns:
            A copy of the learner's file; None if it held no answer of the learner's.

        Raises:
            OSError: if the file cannot be read or written.
            ValueError: if it is no Python, so that the exercise cannot be found in it.
        """
        with self.changing():
            code = definition(starter_of(catalogue.lesson_of(name)), name)
            backup = self.lesson_file(name).put(name, {name: code})
            self._forget(name)
        return backup

    def keep_answer(self, name: str, code: dict[str, str]) -> Path | None:
        """Write an answer that passes, from a notebook, into the learner's file.

        Args:
            name: the exercise.
            code: names and their definitions: the answer's, and those that it needs.

        Returns:
            A copy of the learner's file, if it held other definitions of these names; None if nothing is lost.

        Raises:
            OSError: if the file cannot be read or written.
            ValueError: if it is no Python, so that the exercise cannot be found in it.
        """
        with self.alone():
            with (
                self.changing()
            ):  # before the file: whatever is killed in between, both definitions are known to pass
                self._remember(Report(name, "passed"), _digest(code[name]))
            return self.lesson_file(name).put(name, code)

    def pass_elsewhere(self, name: str) -> None:
        """Save that an exercise was passed by an answer that is not in the learner's file.

        Args:
            name: the exercise.
        """
        with self.changing():
            self._remember(Report(name, "passed"), _digest_in(self.lesson_file(name), name))

    def check(self, name: str) -> Report:
        """Check one exercise, and save the result in the progress.

        A failure is not saved if the file was changed during the check, or if another check passed the exercise meanwhile,
        or if the code was stopped or crashed although the same definition has passed: then the machine was too busy, the process
        was killed, or something else in the file is half written.

        Args:
            name: the exercise.

        Returns:
            The report.
        """
        file = self.lesson_file(name)
        known = self.passed.get(name)
        judged = version(file.path)
        digest = _digest_in(file, name)
        report = check_file(name, file.path)
        with self.changing():
            same = (version(file.path), self.passed.get(name)) == (judged, known)
            if report.passed or (same and not self._stays(report, digest)):
                self._remember(report, digest)
        return report

    def _stays(self, report: Report, digest: str) -> bool:
        """Whether an exercise stays passed although it was stopped or crashed, because the same definition has passed."""
        return report.status in ("stopped", "crashed") and digest in self._passing(report.name)

    def _passing(self, name: str) -> list[str]:
        """The hashes of the definitions that passed, the last one last."""
        return self.passed_as.get(name, "").split() if name in self.passed else []

    def _remember(self, report: Report, digest: str) -> None:
        self.failed.pop(report.name, None)
        if report.passed:
            self.passed.setdefault(report.name, datetime.now(UTC).isoformat(timespec="seconds"))
            others = [other for other in self._passing(report.name) if other != digest]
            self.passed_as[report.name] = " ".join([*others, digest][-REMEMBERED:])
            return
        self._forget(report.name)
        if report.status != "unwritten":
            self.failed[report.name] = report.status

    def _forget(self, name: str) -> None:
        for kept in (self.passed, self.failed, self.passed_as):
            kept.pop(name, None)

    def judged_anew(self) -> Workspace:
        """Check all exercises, without writing the progress.

        Returns:
            A workspace with the new results, and the hints and given-up exercises of this one.
        """
        fresh = Workspace(
            self.path, hints=dict(self.hints), given_up=list(self.given_up), trouble=self.trouble
        )
        for name in catalogue.exercise_names():
            fresh._remember(check_file(name, self.file_of(catalogue.lesson_of(name))), "")
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

    def next_hint(self, name: str) -> tuple[int, int, str, bool]:
        """Count one more hint as shown, and return it; after the last one, the last one again.

        Args:
            name: the exercise.

        Returns:
            (number of the hint, number of all hints, text, whether it is the last one again).
        """
        hints = catalogue.exercise(name).hints
        with self.changing():
            again = self.hints.get(name, 0) >= len(hints)
            self.hints[name] = max(1, min(self.hints.get(name, 0) + 1, len(hints)))
        return self.hints[name], len(hints), hints[self.hints[name] - 1], again

    def spoils(self, name: str) -> bool:
        """Whether the learner has neither passed an exercise nor seen its solution.

        Args:
            name: the exercise.

        Returns:
            True or False.
        """
        return name not in self.passed and name not in self.given_up

    def give_up(self, name: str) -> None:
        """Save that the solution was shown before the exercise was passed.

        Args:
            name: the exercise.
        """
        with self.changing():
            if self.spoils(name):
                self.given_up.append(name)

    def next_exercise(self, after: str | None = None) -> str | None:
        """The first exercise that is not passed.

        Args:
            after: an exercise; those that follow it come first, and those before it last.

        Returns:
            Its name; None if all are passed.
        """
        names = catalogue.exercise_names()
        start = names.index(after) + 1 if after else 0
        return next((name for name in names[start:] + names[:start] if name not in self.passed), None)
