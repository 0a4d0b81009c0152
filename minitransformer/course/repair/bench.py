"""A process of its own, in which changed answers are tried: it may crash or never end, and what it prints is dropped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minitransformer.course.cell.wire import Nonsense
from minitransformer.course.exercise import Stopped
from minitransformer.course.link import Link
from minitransformer.course.process import Gone, Process
from minitransformer.course.timer import at_most

LIVES = 5  # processes that may be lost, as to a change that makes a loop endless


class Bench:
    """A context manager; what it holds is ended at its end.

    Args:
        path: the learner's file.
        name: the exercise.
        seconds: how long all attempts together may take.
    """

    def __init__(self, path: Path, name: str, seconds: float):
        self.path = path
        self.name = name
        self.end = time.monotonic() + seconds
        self.lives = LIVES
        self.process: Process | None = None
        self.link: Link | None = None
        self.held: set[str] = set()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process:
            self.process.__exit__()
            if "processes" not in self.held:
                self.process.sweep()
        self.process = self.link = None

    def forget(self) -> None:
        """Reset the connection, so that no property depends on what another one has passed or changed."""
        if self.link:
            self.link.forget()

    def attempt(self, source: str, check: Callable[[Any], int], seconds: float) -> int:
        """Check an answer.

        Args:
            source: the code.
            check: what to do with the answer.
            seconds: the time limit for it.

        Returns:
            What `check` returns; 0 if the code does not get so far.

        Raises:
            Gone: if the time of all attempts is used up, or too many have ended their process.
        """
        left = self.end - time.monotonic()
        if left <= 0 or not self.lives:
            raise Gone
        try:
            with at_most(min(seconds, left) + 0.5):
                link = self.link or self._begun(left)
                link.load(source.encode(), str(self.path), self.name, min(seconds, left))
                return check(link.answer())
        except (Stopped, Nonsense):
            self.lives -= 1
            self.__exit__()
            return 0
        except Exception:
            return 0

    def _begun(self, left: float) -> Link:
        self.process = Process(self.path.parent).__enter__()
        self.process.limit(left + 0.5)
        self.link = Link(self.process)
        self.held = set(self.link.hello()["held"])
        return self.link
