"""Run a learner's file, and find in it what is to be judged."""

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
    """This is not the learner's own work."""


class Missing(Exception):
    """There is nothing of this name."""


def load(source: bytes, file: str, name: str) -> Any:
    """The object `name` of the file. Raises whatever running it raises, Missing, Refused."""
    # for tracebacks
    linecache.cache[file] = len(source), None, source.decode(errors="replace").splitlines(keepends=True), file
    if line := library_imports(source, file):
        raise Refused(f"line {line}: the answer is not to be taken from the library")
    module = sys.modules["learner"] = ModuleType("learner")  # where dataclasses, for one, look for it
    module.__file__ = file
    exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    if name not in vars(module):
        raise Missing(name)
    if owner := borrowed(getattr(module, name)):
        raise Refused(f"`{name}` is {owner}'s own; the task is to write it")
    return getattr(module, name)


def library_imports(source: bytes, file: str) -> int:
    """The first line that imports minitransformer, or names a module of it in a string, 0 if there is none."""
    for node in ast.walk(ast.parse(source, file)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        if any(re.fullmatch(r"minitransformer(\.\w+)*", name) for name in names):
            return getattr(node, "lineno", 0)
    return 0


def borrowed(answer: Any) -> str:
    """The module that an answer is taken from as it stands, or "" if it is the learner's, perhaps in a wrapping of another's."""
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
