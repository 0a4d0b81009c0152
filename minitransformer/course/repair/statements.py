"""Small changes of statements: one left out, moved, or done another way."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from minitransformer.course.repair.names import bound_in
from minitransformer.course.repair.text import Edit, blocks, of_statements

Loop = ast.For | ast.While
Simple = ast.Assign | ast.AugAssign | ast.Expr
Around = ast.For | ast.While | ast.If
OPERATORS = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div()}


def changes(tree: ast.AST) -> Iterator[Edit]:
    """Do each statement of a function or class another way, or once more.

    Args:
        tree: the function or class.

    Yields:
        Each change.
    """
    for block in blocks(tree):
        for here in filter(_is_step, block):
            yield from _otherwise(here)
    yield from _once_more(tree)
    yield from _kept(tree)


def moves(tree: ast.AST) -> Iterator[Edit]:
    """Leave out or move each statement of a function or class.

    Args:
        tree: the function or class.

    Yields:
        Each change.
    """
    for block in blocks(tree):
        for here, after in zip(block, [*block[1:], None], strict=True):
            if _is_step(here):
                yield from _moved(here, after)


def _is_step(here: ast.stmt) -> bool:
    """Whether a statement does something: it is no docstring, and defines nothing."""
    is_text = isinstance(here, ast.Expr) and isinstance(here.value, ast.Constant)
    return not (is_text or isinstance(here, ast.FunctionDef | ast.ClassDef))


def _once_more(tree: ast.AST) -> Iterator[Edit]:
    """A step of the learner's own that is also made elsewhere."""
    steps = [s for block in blocks(tree) for s in block if _is_step(s) and isinstance(s, Simple)]
    for block in blocks(tree):
        for here in filter(_is_step, block):
            yield from (
                of_statements([here], [step, here], "with one step more before it", 4) for step in steps
            )
        if _is_step(last := block[-1]) and not isinstance(last, ast.Return):
            yield from (
                of_statements([last], [last, step], "with one step more behind it", 4) for step in steps
            )


def _kept(tree: ast.AST) -> Iterator[Edit]:
    """A `return` in a loop that is to be an assignment."""
    inside = [node for loop in ast.walk(tree) if isinstance(loop, Loop) for node in ast.walk(loop)]
    for here in inside:
        if isinstance(here, ast.Return) and here.value:
            for name in bound_in(tree):
                assigned = ast.Assign([ast.Name(name, ast.Store())], here.value)
                yield of_statements([here], [assigned], "with an assignment in place of `return`", 2)


def _moved(here: ast.stmt, after: ast.stmt | None) -> Iterator[Edit]:
    """A statement left out, moved past its neighbour, or in or out of a loop or condition."""
    yield of_statements([here], [], "without this line", 2)
    if after is not None:
        yield of_statements([here, after], [after, here], "one line later", 2)
    if isinstance(here, Around):
        yield from _out_of(here)
        if after is not None:
            said = f"with line {after.lineno} inside it, at its end"
            yield of_statements([here, after], [_with_body(here, [*here.body, after])], said, 2)
    if isinstance(after, Loop):
        said = "inside the loop, at its beginning"
        yield of_statements([here, after], [_with_body(after, [here, *after.body])], said, 2)


def _out_of(here: Around) -> Iterator[Edit]:
    first, last = here.body[0], here.body[-1]
    if first is not last:
        said = f"with line {last.lineno} behind it"
        yield of_statements([here], [_with_body(here, here.body[:-1]), last], said, 2)
        said = f"with line {first.lineno} before it"
        yield of_statements([here], [first, _with_body(here, here.body[1:])], said, 2)


def _with_body(here, body: list[ast.stmt]) -> ast.stmt:
    new = copy.copy(here)
    new.body = body
    return new


def _otherwise(here: ast.stmt) -> Iterator[Edit]:
    """A statement done another way."""
    yield from (of_statements([here], new, said, 1) for said, new in _ways(here))


def _ways(here: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    match here:
        case ast.AugAssign(target, old, value):
            others = [op for op in OPERATORS.values() if type(op) is not type(old)]
            for op in others:
                yield "with another operator", [ast.AugAssign(target, op, value)]
            yield "with `=`", [ast.Assign([target], value)]
        case ast.Assign([ast.Name() | ast.Attribute() | ast.Subscript() as target], value):
            for sign, op in OPERATORS.items():
                yield f"with `{sign}=`", [ast.AugAssign(target, op, value)]
            if isinstance(target, ast.Name):
                whole = ast.Subscript(target, ast.Constant(...), ast.Store())
                yield "written into the array itself", [ast.Assign([whole], value)]
        case ast.If(test, body, orelse):
            yield "with the opposite condition", [ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)]
            yield "without its condition", body
            yield "with `while`", [ast.While(test, body, [])]
            if orelse:
                yield (
                    "with an `if` of its own in place of `elif` or `else`",
                    [ast.If(test, body, []), *orelse],
                )
        case ast.While(test, body):
            yield "with `if`", [ast.If(test, body, [])]
        case ast.Break():
            yield "with `continue`", [ast.Continue()]
        case ast.Continue():
            yield "with `break`", [ast.Break()]
        case ast.Expr(ast.Call() as call):
            yield "with `return`", [ast.Return(call)]
