"""Small changes of expressions that a rule cannot say: other names, numbers, functions and arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from minitransformer.course.repair.patterns import expression, filled

Plain = bool | int | float | str
Change = tuple[ast.expr, str]  # what comes in place of an expression, and the change in words

# functions and methods that are taken for each other
SIBLINGS = tuple(
    group.split()
    for group in (
        "sum mean prod",
        "sum cumsum",
        "max min argmax argmin",
        "max sum",
        "maximum minimum",
        "sqrt square",
        "exp log log1p expm1 exp2 log2 log10",
        "sin cos tan",
        "tanh sinh cosh",
        "floor ceil round trunc rint",
        "zeros ones empty full",
        "zeros_like ones_like empty_like full_like",
        "argsort sort",
        "sorted reversed list",
        "var std",
        "any all",
        "repeat tile",
        "tril triu",
        "append extend",
        "keys values items",
        "concatenate stack vstack hstack",
        "split array_split",
        "outer dot multiply",
        "isinf isfinite isnan isneginf",
        "pop popleft",
        "where select",
        "range enumerate",
        "normal uniform standard_normal random",
        "integers choice permutation",
        "comb perm factorial",
        "array asarray",
        "reshape transpose",
    )
)
ALONG = frozenset("sum mean max min argmax argmin argsort sort cumsum prod std var any all concatenate stack split "
                  "repeat take norm softmax flip average".split())  # fmt: skip
MAKE = frozenset("zeros ones empty full eye arange array asarray identity tri linspace".split())
AXES = (-1, 0, 1, -2)


class Scope(NamedTuple):
    """What can stand in an expression.

    Args:
        names: the variables, and the lines where each can be used.
        attributes: those of `self`.
        functions: those of the file.
        constants: numbers and texts that a right answer may contain.
        keywords: those that a right answer hands over to a function or method, by its name.
    """

    names: Mapping[str, Sequence[range]]
    attributes: Sequence[str]
    functions: Sequence[str]
    constants: Sequence[Plain]
    keywords: Mapping[str, Sequence[ast.keyword]]

    def at(self, node: ast.expr) -> list[str]:
        """The variables that can stand in the place of an expression.

        Args:
            node: the expression.

        Returns:
            Their names.
        """
        return [name for name, lines in self.names.items() if any(node.lineno in each for each in lines)]


def _other_name(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """Another variable, or another attribute of `self`."""
    if isinstance(node, ast.Name) and node.id in scope.names:
        yield from (
            (ast.Name(name, ast.Load()), "with another variable")
            for name in scope.at(node)
            if name != node.id
        )
    if isinstance(node, ast.Attribute) and node.attr in scope.attributes:
        for name in (name for name in scope.attributes if name != node.attr):
            yield ast.Attribute(node.value, name, ast.Load()), "with another attribute"


def _other_constant(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """Another number, text or truth value."""
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    said = "with another text" if isinstance(value, str) else "with another number"
    ways: list[Plain] = []
    if isinstance(value, bool):
        ways = [not value]
    elif isinstance(value, int | float):
        ways = [value + 1, value - 1, -value, 0, 1, -1, 2, value / 2, value * 2]
    ways += [c for c in scope.constants if type(c) is type(value) or {type(c), type(value)} == {int, float}]
    for way in dict.fromkeys((type(w), w) for w in ways if w != value):
        yield ast.Constant(way[1]), said


def _other_function(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """A function or method that is often taken for this one, or another one of the file."""
    if isinstance(node, ast.Attribute):
        for name in _siblings(node.attr):
            yield ast.Attribute(node.value, name, ast.Load()), "with another function"
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        others = _siblings(node.id) + (
            [f for f in scope.functions if f != node.id] if node.id in scope.functions else []
        )
        yield from ((ast.Name(name, ast.Load()), "with another function") for name in others)


def _siblings(name: str) -> list[str]:
    return list(
        dict.fromkeys(other for group in SIBLINGS if name in group for other in group if other != name)
    )


def _other_arguments(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """Arguments exchanged, left out, or one more."""
    if not isinstance(node, ast.Call):
        return
    args = node.args
    for i in range(len(args) - 1):
        yield _call(node, [*args[:i], args[i + 1], args[i], *args[i + 2 :]]), "with its arguments exchanged"
    for i in range(len(args)):
        yield _call(node, [*args[:i], *args[i + 1 :]]), "with one argument less"
    for i in range(len(node.keywords)):
        yield _call(node, args, node.keywords[:i] + node.keywords[i + 1 :]), "with one argument less"
    for keyword in scope.keywords.get(called(node), ()):
        rest = [k for k in node.keywords if k.arg != keyword.arg]
        yield _call(node, args, [*rest, keyword]), "with another argument"
    if isinstance(node.func, ast.Name) and node.func.id in scope.functions:
        for name in scope.at(node):
            yield _call(node, [*args, ast.Name(name, ast.Load())]), "with one argument more"


def _other_results(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """A result more, or one less."""
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        parts = node.elts
        for i in range(len(parts)):
            yield ast.Tuple([*parts[:i], *parts[i + 1 :]], ast.Load()), "with one part less"
        for i in range(len(parts) + 1):
            for name in scope.at(node):
                yield ast.Tuple([*parts[:i], ast.Name(name), *parts[i:]], ast.Load()), "with one part more"


def _other_dtype(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """A new array in the dtype of one that is there."""
    if isinstance(node, ast.Call) and called(node) in MAKE:
        for name in scope.at(node):
            rest = [k for k in node.keywords if k.arg != "dtype"]
            dtype = ast.keyword("dtype", expression(f"{name}.dtype"))
            yield _call(node, node.args, [*rest, dtype]), "with another dtype"


def _off_by_one(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """A bound that is one too small or too large."""
    if isinstance(node, ast.Call) and not node.keywords and called(node) not in ALONG:
        for i, argument in enumerate(node.args):
            for text in ("A + 1", "A - 1") if isinstance(argument, ast.Name) else ():
                new = filled(expression(text), {"A": argument})
                yield _call(node, [*node.args[:i], new, *node.args[i + 1 :]]), "with 1 more or less"


def _other_axis(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """Another axis, or the axis kept or not kept."""
    if not isinstance(node, ast.Call) or called(node) not in ALONG:
        return
    have = {keyword.arg for keyword in node.keywords}
    rest = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    kept = [k for k in node.keywords if k.arg == "keepdims"]
    axis = [k for k in node.keywords if k.arg == "axis"]
    bare = node.args[:1] if isinstance(node.func, ast.Name) or _is_module(node.func) else []
    for number in AXES:
        new = ast.keyword("axis", ast.Constant(number))
        yield (
            _call(node, bare or node.args if "axis" in have else bare, [*rest, new, *kept]),
            "along another axis",
        )
        if not kept:
            both = [*rest, new, _keyword("keepdims", True)]
            yield _call(node, bare, both), "along another axis, which is kept"
    if not kept:
        yield _call(node, node.args, [*node.keywords, _keyword("keepdims", True)]), "with the axis kept"
    else:
        yield _call(node, node.args, [*rest, *axis]), "without keeping the axis"


def one_more(node: ast.expr, scope: Scope) -> Iterator[Change]:
    """One factor or one term more.

    Args:
        node: an expression.
        scope: what can stand in one.

    Yields:
        What comes in its place, and the change in words.
    """
    if isinstance(node, ast.Constant) or _is_module(node):
        return
    own = [
        expression(f"{'self.' if name in scope.attributes else ''}{name}")
        for name in (*scope.at(node), *scope.attributes)
    ]
    for other in own:
        for template, said in MORE:
            yield filled(template, {"A": node, "B": other}), said


MORE = tuple(
    (expression(text), said)
    for text, said in (
        ("A * B", "with one factor more"),
        ("A / B", "with a division more"),
        ("A + B", "with one term more"),
        ("A - B", "with one term taken off"),
        ("B - A", "taken off something"),
        ("A @ B", "with one factor more"),
        ("A[B]", "with an index"),
        ("A.reshape(B.shape)", "in another shape"),
        ("A.astype(B.dtype)", "with another dtype"),
    )
)


def _call(
    node: ast.Call, args: Sequence[ast.expr], keywords: Sequence[ast.keyword] | None = None
) -> ast.Call:
    return ast.Call(node.func, list(args), list(node.keywords if keywords is None else keywords))


def _keyword(name: str, value: bool) -> ast.keyword:
    return ast.keyword(name, ast.Constant(value))


def called(node: ast.Call) -> str:
    """The name of the function or method that is called.

    Args:
        node: the call.

    Returns:
        The name, "" if it has none.
    """
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_module(func: ast.expr) -> bool:
    return (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and func.value.id in ("np", "xp", "numpy")
    )


Kind = Callable[[ast.expr, Scope], Iterator[Change]]
KINDS: tuple[Kind, ...] = (
    _other_name,
    _other_constant,
    _other_function,
    _other_arguments,
    _off_by_one,
    _other_dtype,
    _other_results,
    _other_axis,
)
