"""Why a learner's code returns None, found in its source: a missing `return`, or a method that changes its object in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

IN_PLACE = frozenset("sort reverse append extend insert remove clear update fill at shuffle".split())
OF_NUMPY = frozenset("copyto put place putmask fill_diagonal put_along_axis".split())
ANYWAY = "Is there a `return`? Methods that change in place, such as .sort() and np.add.at, give None too."
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def why_none(source: str, name: str) -> str:
    """Explain why a function, or a method of a class, has returned None.

    Args:
        source: the learner's code.
        name: the function or class.

    Returns:
        A sentence for the learner.
    """
    if not (functions := functions_of(source)) or name not in functions:
        return ANYWAY
    if said := none_within(source, name):
        return said
    if silent := [f.name for f in _parts(functions[name]) if _is_silent(f)]:
        return f"Is there a `return`? In `{silent[0]}` there is none with a value, so it gives None."
    if empty := [node for node in own(functions[name]) if isinstance(node, ast.Return) and _is_none(node)]:
        return f"The `return` in line {empty[0].lineno} gives None: what is the result there?"
    return f"One way through `{name}` ends without a `return`, so it gives None there: follow this case, line by line."


def none_within(source: str, name: str) -> str:
    """Find a place where a function, or one that it calls, uses a value that is always None.

    Args:
        source: the learner's code.
        name: the function or class.

    Returns:
        A sentence for the learner; "" if nothing is found.
    """
    functions = functions_of(source)
    for function in reached(functions, name):
        for call in _used_calls(function):
            if _changes_in_place(call):
                done = ast.unparse(call.func)
                return f"`{done}(..)` changes in place and gives None: call it on a line of its own, then use what it changed."
            called = functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
            if called and _is_silent(called):
                return f"There is no `return` in `{called.name}`, so it gives None, and `{function.name}` uses that."
    return ""


def _is_none(node: ast.Return) -> bool:
    return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)


def functions_of(source: str) -> dict[str, Function]:
    """The functions and classes of a source.

    Args:
        source: Python code.

    Returns:
        Name -> function or class; of two with one name the last, as in Python. Nothing if it is no Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


def reached(functions: dict[str, Function], name: str) -> list[Function]:
    """The function of a name, and those that it calls directly or indirectly.

    Args:
        functions: name -> function.
        name: the name.

    Returns:
        The functions, the one of this name first.
    """
    found = {}
    todo = [name]
    for name in todo:
        if name in functions and name not in found:
            found[name] = functions[name]
            todo += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    return list(found.values())


def _used_calls(function: Function) -> Iterator[ast.Call]:
    """The calls in a function whose result is used."""
    alone = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Expr)}
    yield from (node for node in ast.walk(function) if isinstance(node, ast.Call) and id(node) not in alone)


def _changes_in_place(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    name = call.func.attr
    if isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "xp"):
        return name in OF_NUMPY
    return name in IN_PLACE


def _parts(node: Function) -> list[Function]:
    """The functions that may return something: a function itself, or the methods of a class."""
    if isinstance(node, ast.ClassDef):
        return [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name != "__init__"]
    return [node]


def _is_silent(function: Function) -> bool:
    """Whether a function returns no value: it has no `return` with one, no `yield`, and does not only raise an error."""
    if isinstance(function, ast.ClassDef) or isinstance(function.body[-1], ast.Raise):
        return False
    return not any(
        isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value for node in own(function)
    )


def own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it.

    Args:
        function: the function.

    Yields:
        Each node.
    """
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda):
            todo += ast.iter_child_nodes(node)
