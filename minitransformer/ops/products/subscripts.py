"""How `einsum` names dimensions: "bij,bjk->bik", or lists of numbers. One number a label is what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from minitransformer.autograd import Tensor

Labels = tuple[int, ...]  # one for each dimension
LETTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in the order of the alphabet, as PyTorch has it
)


class Subscripts(NamedTuple):
    """The labels of each operand's dimensions, and of the result's.

    Attributes:
        terms: of each operand.
        out: of the result.
    """

    terms: list[Labels]
    out: Labels


def read(arguments: Sequence[Any]) -> tuple[Subscripts, list[Tensor]]:
    """The subscripts and the operands in the arguments of `einsum`.

    Args:
        arguments: an equation and operands, or operands each with a list of numbers, and the result's list.

    Returns:
        The labels, in which an ellipsis is spelled out, and the operands.

    Raises:
        ValueError: the equation is none, or does not fit the operands.
    """
    equation, operands = _as_equation(arguments)
    if not operands or not all(isinstance(t, Tensor) for t in operands):
        raise ValueError("einsum: expected an equation and at least one tensor")
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = [_term(part) for part in inputs.split(",")]
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum: {equation!r} is for {len(terms)} operands, got {len(operands)}: one a comma"
        )
    wide = max(_hidden(term, t) for term, t in zip(terms, operands, strict=True))
    spelled = [_spelled(term, _hidden(term, t), wide) for term, t in zip(terms, operands, strict=True)]
    out = _spelled(_term(result), wide, wide) if arrow else _implicit(spelled, wide)
    _check(equation, spelled, out)
    return Subscripts(spelled, out), operands


def _as_equation(arguments: Sequence[Any]) -> tuple[str, list[Tensor]]:
    if not arguments:
        raise ValueError("einsum: expected an equation and at least one tensor")
    if isinstance(arguments[0], str):
        given = arguments[1:]
        several = len(given) == 1 and isinstance(given[0], (list, tuple))
        return arguments[0], list(given[0] if several else given)
    lists = [_letters(numbers) for numbers in arguments[1::2]]
    equation = ",".join(lists) + ("->" + _letters(arguments[-1]) if len(arguments) % 2 else "")
    return equation, list(arguments[: len(lists) * 2 : 2])


def _letters(numbers: Sequence[Any]) -> str:
    if not all(n is Ellipsis or 0 <= n < len(LETTERS) for n in numbers):
        raise ValueError(f"einsum: expected numbers from 0 to 51 as subscripts, got {numbers}")
    return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)


def _term(text: str) -> list[str]:
    """The letters of one operand, with "..." for an ellipsis."""
    before, dots, after = text.partition("...")
    if not all(letter in LETTERS for letter in before + after):
        raise ValueError(f"einsum: expected letters and at most one '...' for each operand, got {text!r}")
    return [*before, *([dots] if dots else []), *after]


def _hidden(term: list[str], operand: Tensor) -> int:
    """How many dimensions the ellipsis of an operand stands for."""
    named = len(term) - ("..." in term)
    hidden = operand.ndim - named
    if hidden < 0 or hidden and "..." not in term:
        raise ValueError(
            f"einsum: {''.join(term)!r} names {named} dimensions, the operand is {operand.shape}"
        )
    return hidden


def _spelled(term: list[str], hidden: int, wide: int) -> Labels:
    """Numbers for letters; the dimensions of an ellipsis are the last of `wide`, since shapes broadcast from the right."""
    labels: list[int] = []
    for letter in term:
        labels += range(wide - hidden, wide) if letter == "..." else [wide + LETTERS.index(letter)]
    return tuple(labels)


def _implicit(terms: Sequence[Labels], wide: int) -> Labels:
    """Without an arrow: what the ellipsis stands for, then the letters that occur once, upper case first, by the alphabet."""
    counts = Counter(label for term in terms for label in term)
    once = [label for label, n in counts.items() if n == 1 and label >= wide]
    return (*range(wide), *sorted(once))


def _check(equation: str, terms: Sequence[Labels], out: Labels) -> None:
    known = {label for term in terms for label in term}
    if len(set(out)) < len(out) or not set(out) <= known:
        raise ValueError(
            f"einsum: the result of {equation!r} has a subscript twice, or one that no operand has"
        )
