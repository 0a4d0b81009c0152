"""What a function has at hand: the names that it binds, and those that it takes from its file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

SELF = "self"


def bound_in(function: ast.AST) -> list[str]:
    """The names that stand for values in a function or in the methods of a class: parameters first, then what is assigned.

    Args:
        function: a function or class.

    Returns:
        Each name once, without `self`.
    """
    return list(
        dict.fromkeys(name for name in (*_parameters(function), *_assigned(function)) if name != SELF)
    )


def attributes_of(tree: ast.AST) -> list[str]:
    """The attributes of `self` that occur in a class.

    Args:
        tree: the class.

    Returns:
        Each name once.
    """
    found = (n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _is_self(n.value))
    return list(dict.fromkeys(found))


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names of a function's parameters.

    Args:
        function: the function.

    Returns:
        The names in order.
    """
    a = function.args
    return [arg.arg for arg in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if arg]


def _parameters(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from parameters(node)


def _assigned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == SELF
