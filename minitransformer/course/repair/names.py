"""What a function has at hand: the names that it binds, and those that it takes from its file."""

from __future__ import annotations

import ast

SELF = "self"


def bound_in(tree: ast.AST) -> dict[str, list[range]]:
    """The names that stand for values in a function or in the methods of a class: parameters first, then what is assigned.

    Args:
        tree: a function or class.

    Returns:
        Name -> the lines where it can be used: those from where it is bound to the end of a function. `self` is left out.
    """
    found: dict[str, list[range]] = {}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        end = (function.end_lineno or 0) + 1
        for name in parameters(function):
            found.setdefault(name, []).append(range(function.lineno, end))
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id, []).append(range(node.lineno, end))
    found.pop(SELF, None)
    return found


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


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == SELF
