"""From solutions to starters: the same file with the answers taken out."""

from __future__ import annotations

import ast

STUB = "raise NotImplementedError"


def starter(source: str, names: tuple[str, ...]) -> str:
    """The source with the bodies of the functions and classes `names` replaced by `raise NotImplementedError`.

    Signatures, docstrings and everything else stay: of a class, each method that has a docstring becomes a stub.
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
    """The lines of the function or class `name`."""
    (node,) = (n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"
