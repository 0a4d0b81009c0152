"""Patterns of Python expressions, such as `A + B`, in which a capital letter stands for any expression."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def expression(text: str) -> ast.expr:
    """Parse an expression.

    Args:
        text: Python code.

    Returns:
        Its tree, the same one at each call.
    """
    return ast.parse(text, mode="eval").body


def matched(pattern: ast.AST, node: ast.AST) -> dict[str, ast.expr] | None:
    """Compare an expression with a pattern.

    Args:
        pattern: the pattern.
        node: the expression.

    Returns:
        Letter -> the expression that it stands for; None if the pattern does not fit.
    """
    found: dict[str, ast.expr] = {}
    return found if _fits(pattern, node, found) else None


def filled(template: ast.expr, found: Mapping[str, ast.expr]) -> ast.expr:
    """Put expressions in place of the letters of a pattern.

    Args:
        template: the pattern, which stays as it is.
        found: letter -> expression.

    Returns:
        The expression.
    """
    return _filled(template, found)


def _fits(pattern: Any, node: Any, found: dict[str, ast.expr]) -> bool:
    if letter := _letter(pattern):
        if not isinstance(node, ast.expr) or isinstance(node, ast.Slice | ast.Starred):
            return False
        return ast.dump(found.setdefault(letter, node)) == ast.dump(node)
    if isinstance(pattern, ast.AST):
        return type(pattern) is type(node) and all(
            _fits(getattr(pattern, name), getattr(node, name, None), found)
            for name in pattern._fields
            if name not in ("ctx", "kind")
        )
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(
            _fits(p, n, found) for p, n in zip(pattern, node, strict=True)
        )
    return type(pattern) is type(node) and pattern == node


def _filled(part: Any, found: Mapping[str, ast.expr]) -> Any:
    if letter := _letter(part):
        return found[letter]
    if isinstance(part, list):
        return [_filled(each, found) for each in part]
    if isinstance(part, ast.AST):
        return type(part)(**{name: _filled(getattr(part, name), found) for name in part._fields})
    return part


def _letter(part: Any) -> str:
    """The capital letter that stands for any expression, or ""."""
    return part.id if isinstance(part, ast.Name) and len(part.id) == 1 and part.id.isupper() else ""
