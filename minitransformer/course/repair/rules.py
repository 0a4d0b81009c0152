"""The error model: how learners' expressions go wrong, as rules that lead from a wrong expression to what may be right.

Such a language of rules is that of R. Singh, S. Gulwani and A. Solar-Lezama, "Automated Feedback Generation for Introductory
Programming Assignments", PLDI 2013, section 3. A capital letter stands for any expression. Behind the arrow stand the ways to
change it, with `;` between them, and at the end of the line what is said of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from minitransformer.course.repair.patterns import expression, filled, matched

RULES = """
    A < B -> A <= B; A > B; A >= B                      # with another comparison
    A > B -> A >= B; A < B; A <= B                      # with another comparison
    A <= B -> A < B; A >= B; A > B                      # with another comparison
    A >= B -> A > B; A <= B; A < B                      # with another comparison
    A == B -> A is B; A != B                            # with another comparison
    A != B -> A == B; A is not B                        # with another comparison
    A is B -> A == B; A is not B                        # with another comparison
    A is not B -> A is B; A != B                        # with another comparison
    A in B -> A not in B                                # with another comparison
    A not in B -> A in B                                # with another comparison
    A and B -> A or B                                   # with another operator
    A or B -> A and B                                   # with another operator
    A and B -> A; B                                     # with one condition less
    A or B -> A; B                                      # with one condition less
    A & B -> A; B; A | B; A & ~B; ~A & B                # with another condition
    A | B -> A; B; A & B                                # with another condition
    A + B -> A - B; A * B                               # with another operator
    A - B -> A + B; A / B                               # with another operator
    A * B -> A / B; A @ B; A + B                        # with another operator
    A / B -> A * B; A // B; A - B                       # with another operator
    A // B -> A / B; -(-A // B); A % B                  # with another operator
    A % B -> A // B                                     # with another operator
    A ** B -> A * B                                     # with another operator
    A @ B -> A * B                                      # with another operator
    A - B -> B - A                                      # with its two sides exchanged
    A / B -> B / A                                      # with its two sides exchanged
    A @ B -> B @ A; A @ B.T; A.T @ B                    # with its matrices turned or exchanged
    A ** B -> B ** A                                    # with its two sides exchanged
    A % B -> B % A                                      # with its two sides exchanged
    A + B -> A; B                                       # with one term less
    A - B -> A; -B                                      # with one term less
    A * B -> A; B                                       # with one factor less
    A / B -> A                                          # without that division
    A @ B -> A; B                                       # with one factor less
    A ** B -> A                                         # without that power
    A // B -> A                                         # without that division
    A + B - C -> A - B + C; A - B - C                   # with other signs
    A - B + C -> A + B - C; A - B - C                   # with other signs
    (A + B) * C -> A * C + B; A + B * C                 # with other brackets
    (A - B) * C -> A - B * C                            # with other brackets
    (A + B) / C -> A + B / C; A / C + B                 # with other brackets
    (A - B) / C -> A - B / C; A / C - B                 # with other brackets
    A * B + C -> A * (B + C); (A + C) * B               # with other brackets
    A * B - C -> A * (B - C); (A - C) * B               # with other brackets
    C + A * B -> (C + A) * B; C * A + B; C * B + A      # with other brackets
    C - A * B -> (C - A) * B                            # with other brackets
    C + A / B -> (C + A) / B                            # with other brackets
    A / B + C -> A / (B + C); (A + C) / B               # with other brackets
    A / B - C -> A / (B - C); (A - C) / B               # with other brackets
    A / B * C -> A / (B * C)                            # with other brackets
    A / (B * C) -> A / B * C                            # with other brackets
    A / B / C -> A / (B / C)                            # with other brackets
    F(A) / F(B) -> F(A / B)                             # with other brackets
    F(A) + B -> F(A + B)                                # with other brackets
    F(A + B) -> F(A) + B                                # with other brackets
    F(A) * B -> F(A * B)                                # with other brackets
    F(A * B) -> F(A) * B                                # with other brackets
    F(A) ** B -> F(A ** B)                              # with other brackets
    F(A ** B) -> F(A) ** B                              # with other brackets
    -A ** B -> (-A) ** B                                # with other brackets
    (-A) ** B -> -A ** B                                # with other brackets
    -A -> A                                             # with another sign
    not A -> A                                          # with the opposite condition
    ~A -> A                                             # with the opposite condition
    A if B else C -> C if B else A                      # with the opposite condition
    A if B else C -> A; C                               # without that condition
    np.where(A, B, C) -> np.where(A, C, B)              # with the opposite condition
    np.where(A, B, C) -> B; C                           # without that condition
    (A, B) -> (B, A)                                    # in another order
    (A, B, C) -> (B, A, C); (A, C, B); (C, B, A)        # in another order
    (A, B, C) -> (B, C, A); (C, A, B)                   # in another order
    (A, B, C, D) -> (A, B, D, C); (A, C, B, D)          # in another order
    (A, B, C, D) -> (B, A, C, D); (A, D, C, B)          # in another order
    F(A) -> A                                           # without a call there
    F(A, B) -> A; B                                     # without a call there
    A[B] -> A                                           # without the index
    A[B, C] -> A[C, B]                                  # with its indices exchanged
    A[:, B] -> A[B]; A[..., B]                          # with another index
    A[:B] -> A[B:]; A[:B + 1]; A[:B - 1]; A[:-B]; A     # with another slice
    A[B:] -> A[:B]; A[B + 1:]; A[B - 1:]; A[-B:]; A     # with another slice
    A[B:C] -> A[B:C + 1]; A[B:C - 1]; A[B + 1:C]        # with another slice
    A[B:C] -> A[B - 1:C]; A[B:]; A[:C]; A[B:B + C]      # with another slice
    A[B:C] -> A[C:]; A[:B]                              # with another slice
    slice(A, B) -> slice(A, A + B); slice(A, B + 1)     # with another slice
    range(A, B) -> range(A, A + B)                      # over another range
    A[::-1] -> A                                        # in another order
    A[::B] -> A[1::B]; A                                # with another slice
    A[0::B] -> A[1::B]                                  # with another slice
    A[1::B] -> A[0::B]                                  # with another slice
    A[..., ::B] -> A[..., 1::B]                         # with another slice
    A[..., 0::B] -> A[..., 1::B]                        # with another slice
    A[..., 1::B] -> A[..., ::B]                         # with another slice
    A[..., :B] -> A[..., B:]                            # with another slice
    A[..., B:] -> A[..., :B]                            # with another slice
    A[:, :B] -> A[:, B:]; A[..., :B]; A[:B]             # with another slice
    A[:, B:] -> A[:, :B]; A[..., B:]; A[B:]             # with another slice
    range(A) -> range(A - 1); range(A + 1); range(1, A) # over another range
    range(A) -> range(1, A + 1); reversed(range(A))     # over another range
    range(A, B) -> range(B); range(A, B + 1)            # over another range
    range(A, B) -> range(A + 1, B); range(A, B - 1)     # over another range
    range(A, B, C) -> range(A, B - 1, C)                # over another range
    range(A, B, C) -> range(A, B + 1, C)                # over another range
    range(A, B, C) -> range(A - 1, B, C)                # over another range
    reversed(A) -> A                                    # in another order
    sorted(A) -> A; sorted(A, reverse=True)             # in another order
    len(A) -> len(A) - 1; len(A) + 1; max(map(max, A))  # with another length
    F(*A) -> F(A)                                       # with other arguments
    A.T -> A                                            # without the transposition
    A.astype(B) -> A                                    # without a change of the type there
"""

ANYWHERE = """
    A -> -A                                             # with another sign
    A -> A.T; A.swapaxes(-1, -2)                        # with a transposition there
    A[B] -> A[B - 1]; A[B + 1]; A[-B]; A[:B]; A[B:]     # with another index
    A[B] -> A[:, B]; A[B, :]; A[..., B]; A[B, None]     # with another index
    A -> 1 - A; 1 / A                                   # with a step more there
    A -> A ** 2; A ** 0.5; 2 * A; A / 2                 # with another power or factor
    A -> abs(A); np.sqrt(A); np.exp(A); np.log(A)       # with a function more there
    A -> A + 1; A - 1                                   # with 1 more or less
    A -> A.copy(); list(A); tuple(A)                    # with a copy there
    A -> ~A; not A                                      # with the opposite condition
    A -> A[::-1]; A[1:]; A[:-1]; A[None]; A[:, None]    # with another index or order
    A -> A[0]; A[-1]; A[..., None]; A[None, :]          # with another index
    A -> A.sum(-1, keepdims=True); A.sum(); A.sum(0)    # with a sum there
    A -> A.mean(-1, keepdims=True); A.mean()            # with a mean there
    A -> np.maximum(A, 0); max(A, 1)                    # with a bound there
    A -> A - A.mean(-1, keepdims=True); A - A.mean()    # with the mean taken off there
    A -> A - A.max(-1, keepdims=True)                   # with the maximum taken off there
    A -> A / A.sum(-1, keepdims=True)                   # divided by the sum there
    A -> A / len(A); A / A.shape[-1]; A / A.shape[0]    # with a division there
    A -> np.where(A == 0, 1, A); np.where(np.isfinite(A), A, 0)  # where the special case is handled there
    A -> int(A); float(A); np.asarray(A); A.astype(int) # with another type there
    A -> np.floor(A); np.ceil(A); np.round(A)           # with a rounding there
"""


class Rule(NamedTuple):
    """One way to change an expression.

    Args:
        wrong: what it fits.
        right: what comes in its place.
        said: the change in words.
    """

    wrong: ast.expr
    right: ast.expr
    said: str

    def lost(self, found: Mapping[str, ast.expr]) -> str:
        """What the rule takes away, by which the same change is known again at another place.

        Args:
            found: what the letters stand for.

        Returns:
            A text; "" if nothing is taken away.
        """
        left = {node.id for node in ast.walk(self.right) if isinstance(node, ast.Name)}
        gone = [ast.dump(value) for letter, value in found.items() if letter not in left]
        return f"{ast.dump(self.wrong)} {gone}" if gone else ""


@cache
def rules(text: str) -> tuple[Rule, ...]:
    """Read a table of rules.

    Args:
        text: RULES or ANYWHERE, or another text of the same form.

    Returns:
        The rules in their order.
    """
    return tuple(rule for line in text.strip().splitlines() for rule in _read(line))


def _read(line: str) -> Iterator[Rule]:
    rule, _, said = line.rpartition("#")
    wrong, _, ways = rule.partition("->")
    for right in ways.split(";"):
        yield Rule(expression(wrong.strip()), expression(right.strip()), said.strip())


def rewritten(node: ast.expr, text: str) -> Iterator[tuple[ast.expr, str, str]]:
    """Change an expression by each rule that fits.

    Args:
        node: the expression.
        text: the table of rules.

    Yields:
        The new expression, the change in words, and what it takes away.
    """
    for rule in rules(text):
        if (found := matched(rule.wrong, node)) is not None:
            yield filled(rule.right, found), rule.said, rule.lost(found)
