"""A learner's source as text in which single places are changed: everything else stays where it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from minitransformer.course.definitions import names_of


class Edit(NamedTuple):
    """A change of one place, or the same change of several.

    Args:
        lines: the numbers of the lines that change.
        said: the change in words, such as "with another sign".
        parts: what is replaced, each a node or the first and the last of some statements, and the new text.
        size: of changes of one kind those of a small size are tried first.
        same: a text that changes of one kind share that may be one mistake made several times; "" for none.
    """

    lines: tuple[int, ...]
    said: str
    parts: tuple[tuple[ast.AST, ast.AST, str], ...]
    size: int = 0
    same: str = ""


class Text:
    """A source that can be changed.

    Args:
        source: Python code.
    """

    def __init__(self, source: str):
        self.source = source
        self.data = source.encode()
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def after(self, edit: Edit) -> str:
        """The source after a change.

        Args:
            edit: the change; its nodes are those of this source.

        Returns:
            Python code, or what is meant to be.
        """
        data = self.data
        for first, last, new in sorted(edit.parts, key=lambda part: -self._start(part[0])):
            data = data[: self._start(first)] + new.encode() + data[self._end(last) :]
        return data.decode(errors="replace")

    def _start(self, node) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def _end(self, node) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset


def of_expression(node: ast.expr, new: ast.expr, said: str, lost: str = "", size: int = 0) -> Edit:
    """The change of an expression.

    Args:
        node: the expression.
        new: what comes in its place.
        said: the change in words.
        lost: what it takes away, if the rest of the expression does not matter.
        size: how large it is.

    Returns:
        The change.
    """
    text = f"({ast.unparse(new)})"
    return Edit((node.lineno,), said, ((node, node, text),), size, lost or f"{ast.dump(node)} {text}")


def of_statements(old: Sequence[ast.stmt], new: Sequence[ast.stmt], said: str, size: int = 0) -> Edit:
    """The change of statements that follow each other.

    Args:
        old: the statements.
        new: what comes in their place; nothing at all is `pass`.
        said: the change in words, about the first of the old ones.
        size: how large it is.

    Returns:
        The change.
    """
    indent = "\n" + " " * old[0].col_offset
    text = "\n".join(ast.unparse(ast.fix_missing_locations(s)) for s in new or [ast.Pass()])
    return Edit((old[0].lineno,), said, ((old[0], old[-1], text.replace("\n", indent)),), size)


def alone(source: str, name: str) -> str:
    """A source in which only that is left which one definition needs, line by line where it was.

    Args:
        source: Python code.
        name: what it defines.

    Returns:
        The code, with empty lines in place of the rest.

    Raises:
        SyntaxError: `source` is no Python.
    """
    lines = source.encode().splitlines()
    shown: set[int] = set()
    for statement in _needed(ast.parse(source).body, name):
        first = min(node.lineno for node in (statement, *getattr(statement, "decorator_list", []))) - 1
        shown.update(range(first, statement.end_lineno or 0))
    return (
        b"\n".join(line if i in shown else b"" for i, line in enumerate(lines)).decode(errors="replace")
        + "\n"
    )


def _needed(statements: Sequence[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that bind a name, or what one of them reads; and those that bind nothing."""
    todo, read = [name], {name}
    needed = [statement for statement in statements if not names_of(statement)]
    for each in todo:
        for statement in (s for s in statements if each in names_of(s) and s not in needed):
            needed.append(statement)
            new = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} - read
            todo += sorted(new)
            read |= new
    return needed


def values(tree: ast.AST) -> Iterator[ast.expr]:
    """All expressions of a tree whose value is used, outermost first.

    Args:
        tree: a function, a class or another statement.

    Yields:
        Each expression.
    """
    for name, value in ast.iter_fields(tree):
        if name in ("decorator_list", "returns", "annotation", "bases"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.JoinedStr):
                if isinstance(node, ast.expr) and is_value(node) and not isinstance(tree, ast.Expr):
                    yield node
                yield from values(node)


def is_value(node: ast.expr) -> bool:
    """Whether an expression has a value of its own, and is not a place to which something is written.

    Args:
        node: the expression.

    Returns:
        Whether it has.
    """
    if isinstance(node, ast.Slice | ast.Starred | ast.JoinedStr | ast.FormattedValue):
        return False
    return not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """All lists of statements in a tree.

    Args:
        tree: a function, a class or another statement.

    Yields:
        Each list.
    """
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            if isinstance(block := getattr(node, name, None), list) and block:
                yield block
