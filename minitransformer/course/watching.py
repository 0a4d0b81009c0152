"""The exercises that a learner has just saved."""

from __future__ import annotations

import time
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.lesson_file import LessonFile
from minitransformer.disk import version

POLL = 0.5  # seconds between two looks at the folder


class Saved:
    """The lessons' files in a folder, and their content when they were last read.

    Args:
        folder: the learner's folder.
    """

    def __init__(self, folder: Path):
        self.files = [LessonFile(folder / f"{lesson}.py", lesson) for lesson in catalogue.lessons()]
        self.versions = [version(file.path) for file in self.files]
        self.held = {name: _held(file, name) for file in self.files for name in _exercises(file)}

    def wait(self) -> tuple[str, ...]:
        """Wait until a file is saved.

        Returns:
            The exercises whose definitions have changed; all of the lesson if none has, as when a helper was changed.
        """
        while (now := [version(file.path) for file in self.files]) == self.versions:
            time.sleep(POLL)
        saved = [f for f, a, b in zip(self.files, now, self.versions, strict=True) if a != b]
        self.versions = now
        return tuple(name for file in saved for name in self._changed(file))

    def _changed(self, file: LessonFile) -> tuple[str, ...]:
        """The exercises of a saved file whose definitions have changed, or all."""
        names = _exercises(file)
        before = {name: self.held[name] for name in names}
        self.held |= {name: _held(file, name) for name in names}
        return tuple(name for name in names if self.held[name] != before[name]) or names


def _exercises(file: LessonFile) -> tuple[str, ...]:
    return catalogue.lessons()[file.lesson]


def _held(file: LessonFile, name: str) -> str:
    """The lines of an exercise; "" in a file that is no Python, or none that can be read."""
    try:
        return file.holds(name)
    except (OSError, ValueError):
        return ""
