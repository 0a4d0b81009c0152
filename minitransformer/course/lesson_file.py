"""A learner's file of one lesson: the definition of an exercise in it, and how an answer is written there without a loss."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.definitions import bound, definition, replaced
from minitransformer.course.sandbox import LARGEST_FILE
from minitransformer.course.starters import starter
from minitransformer.disk import read_plain, write


def starter_of(lesson: str) -> str:
    """The content of a lesson's starter file.

    Args:
        lesson: the lesson, such as "06_attention".

    Returns:
        Python source.
    """
    return starter(catalogue.solutions_of(lesson), catalogue.lessons()[lesson])


def free_name(file: Path) -> Path:
    """The first of the names `file`.1.bak, `file`.2.bak, .. that does not exist yet.

    Args:
        file: a file of exercises, whose ending .py is left out, or a notebook, whose ending stays.

    Returns:
        The name.
    """
    stem = file.name if file.suffix == ".ipynb" else file.stem
    backups = (file.with_name(f"{stem}.{n}.bak") for n in itertools.count(1))
    return next(backup for backup in backups if not os.path.lexists(backup))


def begun_anew(file: Path, text: str) -> Path | None:
    """Write a file; the file that was there is renamed.

    Args:
        file: the file.
        text: its new content.

    Returns:
        The new name of the file that was there; None if there was none.
    """
    backup = None
    if os.path.lexists(file):
        os.rename(file, backup := free_name(file))
    write(file, text)
    return backup


@dataclass(frozen=True)
class LessonFile:
    """A file with the answers to a lesson's exercises.

    Args:
        path: the file; it may not exist.
        lesson: the lesson, such as "06_attention".
    """

    path: Path
    lesson: str

    def text(self) -> str:
        """The content of the file, or of the starter if there is no file or nothing in it.

        Returns:
            Python source.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no text.
        """
        written = self._written()
        return written if written.strip() else starter_of(self.lesson)

    def shared(self) -> set[str]:
        """The names that both the file and the starter define.

        Returns:
            The names: imports, helpers and exercises.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no Python.
        """
        try:
            return bound(self.text()) & bound(starter_of(self.lesson))
        except SyntaxError as error:
            raise self._no_python(error) from None

    def holds(self, name: str) -> str:
        """The learner's definition of an exercise.

        Args:
            name: the exercise.

        Returns:
            Its lines; "" if there are none.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no Python.
        """
        try:
            return definition(self.text(), name)
        except SyntaxError as error:
            raise self._no_python(error) from None

    def with_answer(self, name: str, code: dict[str, str]) -> str:
        """The content of the file with other definitions in it.

        Args:
            name: the exercise, above which new names are defined.
            code: names, and the lines that define them.

        Returns:
            Python source.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no Python, so that the exercise cannot be found in it.
        """
        text = self.text()
        try:
            for what, lines in code.items():
                text = replaced(text, what, lines, before=name)
        except SyntaxError as error:
            raise self._no_python(error) from None
        return text

    def put(self, name: str, code: dict[str, str]) -> Path | None:
        """Write definitions into the file.

        Args:
            name: the exercise, above which new names are defined.
            code: names, and the lines that define them.

        Returns:
            A copy of the file, if other definitions of the learner's are replaced; None if nothing is lost.

        Raises:
            OSError: the file cannot be read or written.
            ValueError: it is no Python, so that the exercise cannot be found in it.
        """
        new = self.with_answer(name, code)
        backup = None
        if any(self._loses(what, lines) for what, lines in code.items()):
            write(backup := free_name(self.path), read_plain(self.path, LARGEST_FILE), durable=True)
        if new != self._written():
            write(self.path, new, durable=True)
        return backup

    def _written(self) -> str:
        """What is in the file; "" if there is none."""
        if not os.path.lexists(self.path):
            return ""
        return read_plain(self.path, LARGEST_FILE).decode("utf-8-sig").replace("\r\n", "\n")

    def _loses(self, what: str, lines: str) -> bool:
        """Whether these lines replace others of the learner's own."""
        return self.holds(what) not in ("", lines, definition(starter_of(self.lesson), what))

    def _no_python(self, error: SyntaxError) -> ValueError:
        return ValueError(f"{self.path}, line {error.lineno}: expected Python, got {error.msg}")
