"""A learner's file of one lesson: what it holds of an exercise, and how an answer is put there without a loss."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.definitions import definition, replaced
from minitransformer.course.sandbox import LARGEST_FILE
from minitransformer.course.starters import starter
from minitransformer.disk import read_plain, write


def starter_of(lesson: str) -> str:
    """The text of a lesson's starter file."""
    return starter(catalogue.solutions_of(lesson), catalogue.lessons()[lesson])


def free_name(file: Path) -> Path:
    """`file`.1.bak, or with the first number at which nothing is; of a notebook, behind its whole name."""
    stem = file.name if file.suffix == ".ipynb" else file.stem
    backups = (file.with_name(f"{stem}.{n}.bak") for n in itertools.count(1))
    return next(backup for backup in backups if not os.path.lexists(backup))


def begun_anew(file: Path, text: str) -> Path | None:
    """Write a file, with what was there moved to another name, which is returned; None if there was nothing."""
    backup = None
    if os.path.lexists(file):
        os.rename(file, backup := free_name(file))
    write(file, text)
    return backup


@dataclass(frozen=True)
class LessonFile:
    """The file at `path`, with the answers to a lesson's exercises."""

    path: Path
    lesson: str

    def text(self) -> str:
        """What it holds; the starter if there is none. Raises OSError, ValueError if it is no text."""
        if not os.path.lexists(self.path):
            return starter_of(self.lesson)
        return read_plain(self.path, LARGEST_FILE).decode("utf-8-sig").replace("\r\n", "\n")

    def holds(self, name: str) -> str:
        """The lines that define an exercise, "" if there are none. Raises OSError, ValueError if it is no Python."""
        try:
            return definition(self.text(), name)
        except SyntaxError as error:
            raise self._no_python(error) from None

    def with_answer(self, name: str, code: dict[str, str]) -> str:
        """The text with other definitions in it.

        Args:
            name: An exercise, above which goes what is new.
            code: Names, and the lines that define them.

        Raises:
            OSError, ValueError: It is no Python, so that there is no telling where the exercise is.
        """
        text = self.text()
        try:
            for what, lines in code.items():
                text = replaced(text, what, lines, before=name)
        except SyntaxError as error:
            raise self._no_python(error) from None
        return text

    def put(self, name: str, code: dict[str, str]) -> Path | None:
        """Write definitions into the file. What is lost by it is kept in a copy of the file, which is returned.

        Args:
            name: An exercise, above which goes what is new.
            code: Names, and the lines that define them.

        Raises:
            OSError, ValueError: As `with_answer`, or it could not be written.
        """
        new, backup = self.with_answer(name, code), None
        if any(self._loses(what, lines) for what, lines in code.items()):
            write(backup := free_name(self.path), read_plain(self.path, LARGEST_FILE), durable=True)
        if new != self.text() or not os.path.lexists(self.path):
            write(self.path, new, durable=True)
        return backup

    def _loses(self, what: str, lines: str) -> bool:
        """Whether a definition of the learner's own would be gone."""
        return self.holds(what) not in ("", lines, definition(starter_of(self.lesson), what))

    def _no_python(self, error: SyntaxError) -> ValueError:
        return ValueError(f"{self.path}, line {error.lineno}: expected Python, got {error.msg}")
