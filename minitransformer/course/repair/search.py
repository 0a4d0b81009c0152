"""Search for a small change of a learner's code after which it has the properties that it lacks."""

from __future__ import annotations

import ast
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from minitransformer.course.exercise import Exercise, Property, Stopped
from minitransformer.course.repair.donors import Donors, said_of
from minitransformer.course.repair.edits import KINDS, Scope, one_more
from minitransformer.course.repair.names import attributes_of, bound_in
from minitransformer.course.repair.rules import ANYWHERE, RULES, rewritten
from minitransformer.course.repair.statements import changes, moves
from minitransformer.course.repair.text import Edit, Text, alone, blocks, of_expression, of_statements, values

MOST = 700  # changes that are tried; of 78 answers, 45 have a repair, found among the first 571
AFTER = 20  # those that are still tried after one after which every property holds
CLOSE, NEAR, FAR = 3, 6, 14  # words by which an expression of the solution may differ from what it replaces
MODULES = ("np", "math", "sys", "numpy", "self")

LEAST, SLOWLY = 0.2, 3.0  # seconds for one property, and at most for all

Attempt = Callable[[str, Callable[[Any], int], float], int]


class Found(NamedTuple):
    """A change that was tried.

    Args:
        edit: the change.
        tier: from which tier it comes.
        held: how many properties hold after it, one after the other.
    """

    edit: Edit
    tier: int
    held: int


class Tiers:
    """All small changes of a function or class, in tiers: those of the first are tried first.

    Args:
        part: the learner's function or class.
        solution: a right one.
        functions: the names of the functions that may be called.
    """

    def __init__(self, part: ast.stmt, solution: ast.stmt, functions: Sequence[str]):
        self.part = part
        self.donors = Donors(solution, part)
        self.scope = Scope(
            bound_in(part), attributes_of(part), functions, self.donors.constants, self.donors.keywords
        )
        every = list(values(part))
        self.values = [v for v in every if not (isinstance(v, ast.Name) and v.id in MODULES)]
        called = {id(v.func) for v in self.values if isinstance(v, ast.Call)}
        self.free = [v for v in self.values if id(v) not in called and not isinstance(v, ast.Constant)]
        self.whole = {id(v) for v in _whole(part)}
        self.given = [(far, v, new) for v in every for far, new in self.donors.near(v) if far]
        self.tiers = (self._simple, self._wider, self._alike, self._with_more, self._far)

    def __iter__(self) -> Iterator[tuple[int, Edit]]:
        for number, tier in enumerate(self.tiers):
            yield from (
                (number, edit)
                for edit in (tier() if not number else sorted(tier(), key=lambda edit: edit.size))
            )

    def _simple(self) -> Iterator[Edit]:
        """Those of one name, number, operator, function or argument; first the few that resemble the solution most, or leave out
        or move a line."""
        yield from self._from_the_solution(0, CLOSE)
        yield from moves(self.part)
        yield from self._local()

    def _local(self) -> Iterator[Edit]:
        for v in self.values:
            for kind in KINDS:
                yield from (of_expression(v, *change) for change in kind(v, self.scope))
            yield from (of_expression(v, *change) for change in rewritten(v, RULES))

    def _wider(self) -> Iterator[Edit]:
        """Statements, the same change at several places, a factor or a term more."""
        yield from changes(self.part)
        yield from everywhere(list(self._local()))
        yield from self._one_more(v for v in self.free if id(v) in self.whole)

    def _alike(self) -> Iterator[Edit]:
        """What resembles the solution."""
        yield from self._from_the_solution(CLOSE, NEAR)

    def _with_more(self) -> Iterator[Edit]:
        """A function or an operation more."""
        for v in self.free:
            yield from (of_expression(v, *change) for change in rewritten(v, ANYWHERE))

    def _far(self) -> Iterator[Edit]:
        """Any expression or statement of the solution, but not in place of all that is returned."""
        yield from self._from_the_solution(NEAR, FAR)
        for block in blocks(self.part):
            for here in block:
                for donor in self.donors.statements:
                    yield of_statements([here], [donor, here], "with one step more before it", FAR)
                    yield of_statements([here], [donor], "with another step there", FAR)
        yield from self._one_more(v for v in self.free if id(v) not in self.whole)

    def _from_the_solution(self, above: int, most: int) -> Iterator[Edit]:
        for far, v, new in self.given:
            if above < far <= most:
                yield of_expression(v, new, said_of(v, new), size=far)

    def _one_more(self, values: Iterable[ast.expr]) -> Iterator[Edit]:
        for v in values:
            yield from (of_expression(v, *change, size=3) for change in one_more(v, self.scope))


def _whole(tree: ast.AST) -> Iterator[ast.expr]:
    """The expressions that are assigned or returned, and the parts of returned tuples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return) and node.value:
            yield node.value
            if isinstance(node.value, ast.Tuple):
                yield from node.value.elts


def everywhere(edits: Sequence[Edit]) -> Iterator[Edit]:
    """The same change made at all places where it can be made.

    Args:
        edits: changes of one place each.

    Yields:
        Each change of several places.
    """
    same: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        same[edit.same].append(edit)
    for group in same.values():
        if len(group) > 1:
            lines = sorted({line for edit in group for line in edit.lines})
            yield Edit(tuple(lines), group[0].said, tuple(p for e in group for p in e.parts), len(group))


def search(
    source: str, name: str, solution: str, exercise: Exercise, held: int, attempt: Attempt
) -> list[Found]:
    """Try changes one after the other, up to a few more than one after which every property holds.

    Args:
        source: the learner's code.
        name: the exercise.
        solution: a right answer, in a file as the learner's.
        exercise: its properties.
        held: how many of them hold before the first that does not.
        attempt: `attempt(source, check, seconds)` returns what `check` says of the answer in a source, and 0 if it does not get so
            far. It raises Stopped when no more time is left.

    Returns:
        The changes after which every property holds, or, of those tried first, the one that did not and all that did before: what
        mends one thing and breaks another is no repair.
    """
    found: list[Found] = []
    whole = Text(source)
    first = lambda answer: int(_has(exercise.properties[held], answer))  # noqa: E731
    every = lambda answer: int(all(_has(prop, answer) for prop in exercise.properties))  # noqa: E731
    with contextlib.suppress(Stopped):
        quickly = _time_for(lambda: attempt(source, first, SLOWLY))
        before: list[int] = []  # what is found here of each property is kept
        attempt(source, partial(_each, exercise, before), SLOWLY)
        idle = _idle(source, name, exercise.properties[held], attempt)
        for tier, edit, text in _distinct(source, name, solution, found, len(exercise.properties)):
            if edit.lines[0] not in idle and attempt(text, first, quickly):
                edit = least(edit, lambda less: attempt(whole.after(less), every, SLOWLY))
                after: list[int] = []
                attempt(whole.after(edit), partial(_each, exercise, after), SLOWLY)
                if all(map(int.__ge__, after, before)) and (all(after) or not tier):
                    found.append(Found(edit, tier, [*after, 0].index(0)))
    return found


def least(edit: Edit, helps: Callable[[Edit], int]) -> Edit:
    """Take from a change of several places those that it does not need.

    Args:
        edit: the change.
        helps: whether another change helps too.

    Returns:
        The change of the places that are left.
    """
    for part in edit.parts if len(edit.parts) > 1 else ():
        rest = tuple(p for p in edit.parts if p is not part)
        lines = {first.lineno for first, _, _ in rest}  # type: ignore[attr-defined] # of an AST all that is written has it
        less = edit._replace(parts=rest, lines=tuple(sorted(lines)))
        if rest and helps(less):
            edit = less
    return edit


def _idle(source: str, name: str, prop: Property, attempt: Attempt) -> set[int]:
    """The lines that have nothing to do with why a property does not hold: it does not for the same reason without them."""
    reasons = []

    def why(answer: Any) -> int:
        try:
            prop.holds(answer)
        except Exception as error:
            reasons.append(f"{type(error).__name__} {error}")
        return 0

    text = Text(alone(source, name))
    part = _named(ast.parse(text.source), name)
    idle: set[int] = set()
    attempt(text.source, why, SLOWLY)
    for block in blocks(part) if part and reasons else ():
        reasons.append("")
        attempt(text.after(of_statements(block, [ast.Raise(ast.Name("KeyError"))], "")), why, SLOWLY)
        if reasons[-1] == reasons[0]:
            idle.update(range(block[0].lineno, (block[-1].end_lineno or 0) + 1))
    return idle


def _time_for(wrong: Callable[[], int]) -> float:
    """The seconds after which a change is given up: more than the code as it is needs to be found wrong."""
    begin = time.monotonic()
    wrong()
    return LEAST + 3 * (time.monotonic() - begin)


def _distinct(
    source: str, name: str, solution: str, found: Sequence[Found], enough: int
) -> Iterator[tuple[int, Edit, str]]:
    """The changes to try, each with its tier and the code that comes of it, no code twice."""
    text = Text(alone(source, name))
    tree = ast.parse(text.source)
    part, right = _named(tree, name), _named(ast.parse(solution), name)
    if part is None or right is None:  # the answer is no function or class of the file's own
        return
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    tried: set[str] = set()
    most, last = MOST, MOST
    for tier, edit in Tiers(part, right, functions):
        if len(tried) >= most or tier > last:
            return
        if (new := text.after(edit)) not in tried:
            tried.add(new)
            yield tier, edit, new
            if tier < last and any(f.held == enough for f in found):
                most, last = len(tried) + AFTER, tier


def _named(tree: ast.Module, name: str) -> ast.stmt | None:
    return next((n for n in tree.body if getattr(n, "name", "") == name), None)


def _each(exercise: Exercise, found: list[int], answer: Any) -> int:
    """Add for each property whether an answer has it, one after the other."""
    found += (int(_has(prop, answer)) for prop in exercise.properties)
    return 1


def _has(prop: Property, answer: Any) -> bool:
    try:
        prop.holds(answer)
    except Exception:
        return False
    return True
