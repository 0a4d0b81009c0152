"""Expressions and statements of a right answer, in the learner's names, to be tried in the learner's code.

Code that repairs other code is often found in a program that does the same: W. Weimer et al., "Automatically Finding Patches Using
Genetic Programming", ICSE 2009. What is taken from here is never shown.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from minitransformer.course.repair.edits import called
from minitransformer.course.repair.names import bound_in, parameters
from minitransformer.course.repair.text import is_value

LARGEST = 40  # nodes of an expression
NOTHING_SHARED = 4  # words by which an expression counts as further off that shares none


class Donors:
    """What a solution has to offer.

    Args:
        solution: the function or class that solves the exercise.
        learner: the learner's.
    """

    def __init__(self, solution: ast.stmt, learner: ast.stmt):
        known = set(bound_in(learner))
        names = _renamed(solution, learner)
        self.expressions: list[ast.expr] = []
        self.statements: list[ast.stmt] = []
        seen = set()
        foreign = set(bound_in(solution))
        for part in _variants(solution, names):
            text = ast.unparse(part)
            used = {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}
            if text in seen or (used & foreign) - known - _bound(part):
                continue
            seen.add(text)
            kept = self.statements if isinstance(part, ast.stmt) else self.expressions
            kept.append(part)  # type: ignore[arg-type]
        self.constants = list(
            dict.fromkeys(
                n.value
                for n in ast.walk(solution)
                if isinstance(n, ast.Constant) and isinstance(n.value, int | float | str)
            )
        )

        self.keywords: dict[str, list[ast.keyword]] = defaultdict(list)
        for call in (n for n in self.expressions if isinstance(n, ast.Call)):
            self.keywords[called(call)] += [k for k in call.keywords if k.arg]

    def near(self, node: ast.expr) -> Iterator[tuple[int, ast.expr]]:
        """The donors that resemble an expression.

        Args:
            node: the expression.

        Yields:
            How different they are, and each donor, in the order of the solution.
        """
        own = _words(node)
        for donor in self.expressions:
            theirs = _words(donor)
            apart = sum(((own - theirs) + (theirs - own)).values())
            yield apart + (0 if own & theirs else NOTHING_SHARED), donor


def said_of(old: ast.expr, new: ast.expr) -> str:
    """In what an expression differs from what comes in its place, in words that do not show it.

    Args:
        old: the expression.
        new: the other one.

    Returns:
        The words.
    """
    before, after = _words(old), _words(new)
    gone, come = list((before - after).elements()), list((after - before).elements())
    if not come:
        return "with something less"
    if not gone:
        return "with something more"
    if len(gone) > 1 or len(come) > 1:
        return "with another expression there"
    called_there = {called(n) for side in (old, new) for n in ast.walk(side) if isinstance(n, ast.Call)}
    if {*gone, *come} <= called_there:
        return "with another function"
    return next(
        (said for test, said in KINDS if test(gone[0]) and test(come[0])), "with another expression there"
    )


KINDS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (str.isdecimal, "with another number"),
    (str.isidentifier, "with another name"),
    (lambda word: not re.match(r"\w", word), "with another operator"),
)


def _bound(part: ast.AST) -> set[str]:
    """The names that a part binds itself, as a comprehension or a lambda does."""
    bound = {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return bound | {a.arg for n in ast.walk(part) if isinstance(n, ast.Lambda) for a in n.args.args}


def _words(node: ast.AST) -> Counter[str]:
    return Counter(re.findall(r"\w+|[^\w\s()]", ast.unparse(node)))


def _renamed(solution: ast.stmt, learner: ast.stmt) -> dict[str, str]:
    """The solution's names -> the learner's: of parameters, function by function, and of what is made in the same way."""
    theirs = {n.name: n for n in ast.walk(learner) if isinstance(n, ast.FunctionDef)}
    names: dict[str, str] = {}
    for own in (n for n in ast.walk(solution) if isinstance(n, ast.FunctionDef) and n.name in theirs):
        names.update(zip(parameters(own), parameters(theirs[own.name]), strict=False))
    for made in _made(solution, names):
        for other in _made(learner, {}):
            if other.how == made.how and len(other.names) == len(made.names):
                names.update((a, b) for a, b in zip(made.names, other.names, strict=True) if a not in names)
                break
    return names


class _Made(NamedTuple):
    """Names that are bound together, and how."""

    names: tuple[str, ...]
    how: str


def _made(tree: ast.AST, names: dict[str, str]) -> Iterator[_Made]:
    """What is assigned, and what loops bind; the latter is compared by the number of names alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            value = _Renaming(names, {}).visit(copy.deepcopy(node.value))
            if found := _targets(node.targets[0]):
                yield _Made(found, ast.unparse(value))
        elif isinstance(node, ast.For | ast.comprehension) and (found := _targets(node.target)):
            yield _Made(found, "for")


def _targets(target: ast.expr) -> tuple[str, ...]:
    nodes = [n for n in ast.walk(target) if isinstance(n, ast.expr) and not isinstance(n, ast.Tuple)]
    return (
        tuple(n.id for n in nodes if isinstance(n, ast.Name))
        if all(isinstance(n, ast.Name) for n in nodes)
        else ()
    )


def _variants(solution: ast.stmt, names: Mapping[str, str]) -> Iterator[ast.expr | ast.stmt]:
    """All expressions and simple statements in the learner's names: with the solution's variables, and written out without them."""
    for function in (n for n in ast.walk(solution) if isinstance(n, ast.FunctionDef)):
        values = _written_out(function)
        for node in ast.walk(function):
            if isinstance(node, ast.expr) and is_value(node):
                for known in ({}, values):
                    part = _Renaming(names, known).visit(copy.deepcopy(node))
                    if len(list(ast.walk(part))) <= LARGEST:
                        yield part
            elif isinstance(node, ast.stmt) and len(list(ast.walk(node))) <= LARGEST:
                if not isinstance(node, ast.FunctionDef) and not (
                    isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                ):
                    yield _Renaming(names, {}).visit(copy.deepcopy(node))


def _written_out(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """The variables of a function that are assigned once, and their values."""
    once = _once(function)
    return {
        s.targets[0].id: s.value
        for s in function.body
        if isinstance(s, ast.Assign)
        and len(s.targets) == 1
        and isinstance(s.targets[0], ast.Name)
        and s.targets[0].id in once
    }


def _once(function: ast.AST) -> set[str]:
    stored = Counter(
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
    taken = set(parameters(function)) if isinstance(function, ast.FunctionDef) else set()
    return {name for name, count in stored.items() if count == 1} - taken


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str], values: Mapping[str, ast.expr]):
        self.names = names
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.values:
            return self.visit(copy.deepcopy(self.values[node.id]))
        return ast.Name(self.names.get(node.id, node.id), node.ctx)
