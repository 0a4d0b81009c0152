"""Find and replace what a Python text defines at its top, and gather what a definition needs."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Callable, Container, Iterator


def bound(source: str) -> set[str]:
    """The names that a text binds at its top level.

    Args:
        source: Python code.

    Returns:
        The names.

    Raises:
        SyntaxError: `source` is no Python.
    """
    return {name for statement in ast.parse(source).body for name in names_of(statement)}


def definition(source: str, name: str) -> str:
    """The last statement at the top level that binds a name.

    Args:
        source: Python code.
        name: the name.

    Returns:
        Its lines, with decorators; "" if nothing binds the name.

    Raises:
        SyntaxError: `source` is no Python.
    """
    found = _statement(source, name)
    return "\n".join(source.splitlines()[slice(*_lines(found))]) + "\n" if found else ""


def first_line(source: str, name: str) -> int:
    """Where the lines begin that `definition` gives.

    Args:
        source: Python code.
        name: the name.

    Returns:
        The number of the first one, from 1; 0 if nothing binds the name.

    Raises:
        SyntaxError: `source` is no Python.
    """
    found = _statement(source, name)
    return _lines(found)[0] + 1 if found else 0


def replaced(source: str, name: str, text: str, before: str = "") -> str:
    """Put other lines in place of the statement that binds a name.

    Args:
        source: Python code.
        name: what is bound at its top, or not yet.
        text: the new lines.
        before: the name above whose statement the lines go if `name` is not bound; at the end if that is not either.

    Returns:
        The new source.

    Raises:
        SyntaxError: `source` is no Python.
    """
    lines = source.splitlines()
    if found := _statement(source, name):
        first, last = _lines(found)
        return _joined(lines[:first], text.splitlines(), lines[last:])
    if found := _statement(source, before):
        first, _ = _lines(found)
        return _joined(lines[:first], text.splitlines(), ["", ""], lines[first:])
    return _joined(lines, ["", ""], text.splitlines())


def _joined(*parts: list[str]) -> str:
    return "\n".join(line for part in parts for line in part) + "\n"


def gathered(name: str, find: Callable[[str], str], known: Container[str]) -> dict[str, str]:
    """Collect the definition of a name and all definitions that it needs.

    Args:
        name: what is to be defined.
        find: gives the lines that bind a name, "" if there are none.
        known: names whose definitions are there already.

    Returns:
        Names and the lines that bind them, each after those that it reads.
    """
    seen: set[str] = set()

    def texts(name: str) -> Iterator[tuple[str, str]]:
        if name in seen or not (text := find(name)):
            return
        seen.add(name)
        for other in sorted(_read(text)):
            if other not in known:
                yield from texts(other)
        yield name, text

    return dict(texts(name))


def spaced(definitions: dict[str, str]) -> str:
    """Write definitions below each other.

    Args:
        definitions: names and the lines that bind them.

    Returns:
        Python code: imports and other single lines close together, two empty lines elsewhere.
    """
    joined, before = "", ""
    for text in dict.fromkeys(definitions.values()):
        far = before and max(before.count("\n"), text.count("\n")) > 1
        joined = joined + ("\n\n" if far else "") + text
        before = text
    return joined


def _statement(source: str, name: str) -> ast.stmt | None:
    return next((s for s in reversed(ast.parse(source).body) if name in names_of(s)), None)


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """The first line of a statement, counted from 0, and the one after its last."""
    decorators = getattr(statement, "decorator_list", [])
    return min(node.lineno for node in (statement, *decorators)) - 1, statement.end_lineno or 0


def names_of(statement: ast.stmt) -> set[str]:
    """What a statement at the top of a file binds.

    Args:
        statement: the statement.

    Returns:
        The names.
    """
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    nodes = ast.walk(statement)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _read(text: str) -> set[str]:
    """The names that a text takes from around it."""
    return set(_taken(symtable.symtable(text, "<text>", "exec")))


def _taken(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _taken(inner)
