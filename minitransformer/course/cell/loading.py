"""Run a learner's file, and find the answer in it."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from functools import partial
from types import ModuleType
from typing import Any

import numpy


class Refused(Exception):
    """The answer is not the learner's own."""


class Missing(Exception):
    """The file defines no such name."""


def load(source: bytes, file: str, name: str) -> Any:
    """Run a learner's file, and take the answer from it.

    Args:
        source: the content of the file.
        file: its path, for messages.
        name: the name of the answer.

    Returns:
        The answer.

    Raises:
        Missing: if the file defines no such name.
        Refused: if the answer is taken from a library. Exceptions of the file itself are passed on.
    """
    # so that tracebacks can quote the file's lines
    linecache.cache[file] = len(source), None, source.decode(errors="replace").splitlines(keepends=True), file
    if line := library_imports(source, file):
        raise Refused(f"line {line}: write the answer yourself, without the library minitransformer")
    module = sys.modules["learner"] = ModuleType("learner")  # dataclasses look up their module there
    module.__file__ = file
    exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    if name not in vars(module):
        raise Missing(name)
    if owner := borrowed(getattr(module, name)):
        raise Refused(f"`{name}` is {owner}'s own; the task is to write it")
    return getattr(module, name)


def library_imports(source: bytes, file: str) -> int:
    """Find the first line that imports minitransformer, or contains the name of one of its modules as a string.

    Args:
        source: Python source.
        file: its path, for messages.

    Returns:
        The number of the line; 0 if there is none.
    """
    for node in ast.walk(ast.parse(source, file)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        if any(re.fullmatch(r"minitransformer(\.\w+)*", name) for name in names):
            return getattr(node, "lineno", 0)
    return 0


def borrowed(answer: Any) -> str:
    """Find the library that an answer is taken from. A wrapper of a library around the learner's own function does not count.

    Args:
        answer: the answer.

    Returns:
        The name of the module; "" if the answer is the learner's own.
    """
    answer = (
        answer.func
        if isinstance(answer, partial)
        else answer.pyfunc
        if isinstance(answer, numpy.vectorize)
        else answer
    )
    owner, name = (str(getattr(answer, what, "")) for what in ("__module__", "__qualname__"))
    return (
        owner if owner != "learner" and name and getattr(sys.modules.get(owner), name, None) is answer else ""
    )
