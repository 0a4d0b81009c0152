"""A learner's folder: starters copied in, progress remembered, nothing ever overwritten."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.report import Report
from minitransformer.course.sandbox import check_file
from minitransformer.course.starters import starter

PROGRESS = ".progress.json"
FOLDER = Path("minitransformer-course")
TESTS = "test_exercises.py"


def starter_of(lesson: str) -> str:
    """The text of a lesson's starter file."""
    return starter(catalogue.solutions_of(lesson), catalogue.lessons()[lesson])


def _write_new(file: Path, text: str) -> bool:
    """Write a file unless it is there; whether it was written."""
    with contextlib.suppress(FileExistsError), open(file, "x", encoding="utf-8") as new:
        new.write(text)
        return True
    return False


@dataclass
class Workspace:
    """The folder `path`: one file a lesson, and what was passed (when), failed when last checked (how: the report's status),
    asked for (how many hints) or given up."""

    path: Path
    passed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path) -> Workspace:
        """The workspace in a folder, with the progress kept there. Raises ValueError if that file is damaged."""
        file = Path(path) / PROGRESS
        if not file.exists():
            return cls(Path(path))
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return cls(Path(path), *(dict(kept[what]) for what in ("passed", "failed", "hints")), list(kept["given_up"]))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{file}: expected the progress as it was saved; move the file away to begin to count anew") from None

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is a learner's: it holds progress or a lesson's file."""
        return any((path / name).exists() for name in (PROGRESS, *(f"{lesson}.py" for lesson in catalogue.lessons())))

    def save(self) -> None:
        """Keep the progress, the old file whole until the new one is."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f"{PROGRESS}.tmp"
        kept = {"passed": self.passed, "failed": self.failed, "hints": self.hints, "given_up": self.given_up}
        temporary.write_text(json.dumps(kept, indent=2), encoding="utf-8")
        os.replace(temporary, self.path / PROGRESS)

    def file_of(self, lesson: str) -> Path:
        return self.path / f"{lesson}.py"

    def notebook_of(self, lesson: str) -> Path:
        return self.path / f"{lesson}.ipynb"

    def start(self) -> list[Path]:
        """Copy the starters, their tests and the notebooks that are not there yet; returns them. What exists stays as it is."""
        self.path.mkdir(parents=True, exist_ok=True)
        texts = {self.file_of(lesson): starter_of(lesson) for lesson in catalogue.lessons()}
        texts[self.path / TESTS] = catalogue.tests()
        texts |= {self.notebook_of(lesson): catalogue.notebook_of(lesson).read_text("utf-8") for lesson in catalogue.lessons()}
        return [file for file, text in texts.items() if _write_new(file, text)]

    def reset(self, lesson: str) -> Path | None:
        """The starter again; returns where the file that was there is kept, None if there was none."""
        file, backup = self.file_of(lesson), None
        if os.path.lexists(file):
            backup = next(b for n in itertools.count(1) if not os.path.lexists(b := file.with_suffix(f".{n}.bak")))
            os.rename(file, backup)
        _write_new(file, starter_of(lesson))
        for name in catalogue.lessons()[lesson]:
            self.passed.pop(name, None)
            self.failed.pop(name, None)
        self.save()
        return backup

    def check(self, name: str) -> Report:
        """Judge one exercise and remember if it passed."""
        report = check_file(name, self.file_of(catalogue.lesson_of(name)))
        self._remember(report)
        self.save()
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
        fresh = Workspace(self.path, {}, {}, dict(self.hints), list(self.given_up))
        for name in catalogue.exercise_names():
            fresh._remember(check_file(name, self.file_of(catalogue.lesson_of(name))))
        return fresh

    def state(self, name: str) -> str:
        """How an exercise stands: "passed", "given up" (the solution was looked at first), "failed" or "unwritten"."""
        if name in self.passed:
            return "passed"
        return "given up" if name in self.given_up else "failed" if name in self.failed else "unwritten"

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
        return {"passed": len(self.passed), "of": len(exercises), "next": self.next_exercise(), "exercises": exercises}

    def next_hint(self, name: str) -> tuple[int, int, str]:
        """(number, of how many, text) of the next hint; the last one again when there are no more."""
        hints = catalogue.exercise(name).hints
        self.hints[name] = min(self.hints.get(name, 0) + 1, len(hints))
        self.save()
        return self.hints[name], len(hints), hints[self.hints[name] - 1]

    def give_up(self, name: str) -> None:
        """Remember that the solution was looked at before the exercise was passed."""
        if name not in self.passed and name not in self.given_up:
            self.given_up.append(name)
            self.save()

    def next_exercise(self) -> str | None:
        """The first exercise that is not passed, None when all are."""
        return next((name for name in catalogue.exercise_names() if name not in self.passed), None)
