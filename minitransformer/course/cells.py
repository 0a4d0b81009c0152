"""The cells of the notebook that runs, or the module: where an answer was written, with what it needs."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minitransformer.course.definitions import definition, first_line, gathered
from minitransformer.course.jupyter import shell


@dataclass(frozen=True)
class Cells:
    """What was run in a notebook.

    Args:
        texts: the Python code of the cells, in the order in which they ran.
        names: what they have defined.
    """

    texts: Sequence[str]
    names: Mapping[str, Any]

    def code_of(self, name: str, answer: Any, known: Container[str]) -> dict[str, str]:
        """Find the code of an answer.

        Args:
            name: the exercise.
            answer: the learner's function or class.
            known: names that need no definition.

        Returns:
            Names and the lines that define them, the exercise last; empty if the answer was written in no cell.
        """
        variable = self._variable(name, answer)
        code = gathered(variable, self._find, known)
        if code and variable != name:
            code[name] = f"{name} = {variable}\n"
        return code

    def first_line(self, name: str) -> int:
        """Where the definition of a name begins.

        Args:
            name: the name.

        Returns:
            The number of its first line in its cell; 0 if no cell defines it.
        """
        found = (line for text in reversed(self.texts) if (line := _first_line(text, name)))
        return next(found, 0)

    def _variable(self, name: str, answer: Any) -> str:
        """The name that the answer has in the notebook, "" if none."""
        if self.names.get(name) is answer:
            return name
        own = (n for n, value in self.names.items() if value is answer and not n.startswith("_"))
        return next(own, "")

    def _find(self, name: str) -> str:
        """The lines of the last cell that binds a name."""
        if name not in self.names:
            return ""
        return next((found for text in reversed(self.texts) if (found := _definition(text, name))), "")


def _definition(text: str, name: str) -> str:
    try:
        return definition(text, name) if name in text else ""
    except SyntaxError:  # a cell that could not run
        return ""


def _first_line(text: str, name: str) -> int:
    try:
        return first_line(text, name) if name in text else 0
    except SyntaxError:
        return 0


def of_module(answer: Any) -> Cells | None:
    """The module in which an answer was written, outside a notebook.

    Args:
        answer: the learner's function or class.

    Returns:
        Its text as one cell; None if it is not known.
    """
    module = sys.modules.get(getattr(answer, "__module__", None) or "")
    try:
        lines = linecache.getlines(inspect.getsourcefile(answer) or "")
    except TypeError:  # no function or class, or one of another language
        return None
    return Cells(["".join(lines)], vars(module)) if module and lines else None


def running() -> Cells | None:
    """The cells of the notebook in whose process this is called.

    Returns:
        The cells; None outside IPython.
    """
    here = shell()
    return here and Cells(here.history_manager.input_hist_parsed, here.user_ns)
