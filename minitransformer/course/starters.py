"""Starters: the files of solutions, with a stub in the place of each answer."""

from __future__ import annotations

import ast

STUB = "raise NotImplementedError"


def starter(source: str, names: tuple[str, ...]) -> str:
    """Replace the bodies of functions and classes by `raise NotImplementedError`. Signatures and docstrings stay.

    Args:
        source: Python source.
        names: the functions and classes. In a class, each method with a docstring becomes a stub.

    Returns:
        The source with stubs.
    """
    lines = source.splitlines()
    tops = {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    for node in sorted((f for name in names for f in _functions(tops[name])), key=lambda f: -f.lineno):
        first = node.body[0].end_lineno  # the docstring's last line
        indent = " " * node.body[0].col_offset
        lines[first : node.end_lineno] = [indent + STUB]
    return "\n".join(lines) + "\n"


def _functions(node: ast.FunctionDef | ast.ClassDef) -> list[ast.FunctionDef]:
    if isinstance(node, ast.FunctionDef):
        return [node]
    return [f for f in node.body if isinstance(f, ast.FunctionDef) and ast.get_docstring(f)]


def solution(source: str, name: str) -> str:
    """The lines of one function or class.

    Args:
        source: Python source.
        name: the function or class.

    Returns:
        Its lines.
    """
    (node,) = (n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"
