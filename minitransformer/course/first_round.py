"""Whether a loop of a learner's code ends in its first round, because a `return` stands in it that belongs behind it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from minitransformer.course.nothing import functions_of, own, reached

Loop = ast.For | ast.While


def ended_at_once(source: str, name: str) -> str:
    """Find a loop that never comes to a second round, in a function or one that it calls.

    Args:
        source: the learner's code.
        name: the function or class.

    Returns:
        A sentence for the learner; "" if there is no such loop.
    """
    for function in reached(functions_of(source), name):
        for loop in (node for node in own(function) if isinstance(node, Loop)):
            if (end := _end(loop.body)) and not _goes_on(loop):
                return f"The `return` in line {end.lineno} stands inside the loop, which so ends in its first round."
    return ""


def _end(body: Sequence[ast.stmt]) -> ast.Return | None:
    """The `return` that every way through these statements comes to, or of several the first."""
    last = body[-1] if body else None
    if isinstance(last, ast.If) and _end(last.orelse):
        return _end(last.body)
    return last if isinstance(last, ast.Return) else None


def _goes_on(loop: Loop) -> bool:
    """Whether something in the loop may end a round without ending the loop."""
    return any(isinstance(node, ast.Continue) for node in ast.walk(loop))
