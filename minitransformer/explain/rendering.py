"""Explanations for people: their tokens in colour, and the ledger, in the terminal, in notebooks and on pages.

Orange speaks for the explained output and blue against it; the number of each token is in the hover text.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from minitransformer.explain.targets import LogOdds, One
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.tokens import html_strip, plain_strip, rich_strip
from minitransformer.plain import escaped

LEDGER_WORDS = 25  # where the words of a ledger's line begin


def html_ledger(ledger: Any) -> str:
    """The ledger as an HTML table.

    Args:
        ledger: the ledger.

    Returns:
        The HTML.
    """
    rows = [
        f'<tr><td style="text-align:left;padding:1px 12px">{escaped(name)}</td>'
        f'<td style="text-align:right;font-variant-numeric:tabular-nums;padding:1px 12px">{amount:+.4f}</td>'
        f'<td style="text-align:left;opacity:0.75;padding:1px 12px">{escaped(ledger.meaning[name])}</td></tr>'
        for name, amount in ledger.items()
    ]
    return (
        f'<table style="border-collapse:collapse;font:14px sans-serif;margin:8px 0">{"".join(rows)}</table>'
    )


def outputs(targets: Sequence[Any]) -> str:
    """The explained outputs in words, such as "output 1", "output 1 less output 0" or "output 1 less all others".

    Args:
        targets: the explained output of each sequence.

    Returns:
        The words; of several outputs their sum.
    """
    return " + ".join(_output(target) for target in targets)


def _output(target: One) -> str:
    if isinstance(target, LogOdds):
        return f"output {target.label} less all others"
    return " less ".join(f"output {t}" for t in (target if isinstance(target, tuple) else (target,)))


def headline(explanation: Any) -> str:
    """What is explained, in one line: the method, the name and the probability if they are known, and the output.

    Args:
        explanation: the explanation.

    Returns:
        Text such as "LIME: positive 0.93" or "LRP, attnlrp: positive 0.93, output 1 = +1.2345".
    """
    said = f"{outputs(explanation.target)} = {explanation.output:+.4f}"
    if explanation.name is None:
        return f"{explanation.method}: {said}"
    if explanation.probability is None:  # of a contrast
        return f"{explanation.method}: {explanation.name}, {said}"
    named = f"{explanation.method}: {explanation.name} {explanation.probability:.2f}"
    explains_probability = math.isclose(explanation.output, explanation.probability, abs_tol=1e-6)
    return named if explains_probability else f"{named}, {said}"


def html_explanation(explanation: Any) -> str:
    """An explanation as HTML: a title, the tokens of each sequence on one scale, and the ledger if there is one.

    Args:
        explanation: the explanation.

    Returns:
        The HTML.
    """
    scale = scale_of(explanation.relevance)
    title = headline(explanation)
    strips = "".join(html_strip(tokens, values, scale) for tokens, values in explanation.rows())
    ledger = html_ledger(explanation.ledger) if explanation.ledger else ""
    return f'<div><div style="font:14px sans-serif;opacity:0.85">{escaped(title)}</div>{strips}{ledger}</div>'


def print_explanation(explanation: Any) -> None:
    """Print an explanation in the terminal: a title, the tokens of each sequence on one scale, and the ledger if there is one.

    Args:
        explanation: the explanation.
    """
    # rich takes time to import: only what prints imports it
    from rich.text import Text

    from minitransformer.terminal import Terminal

    console = Terminal()
    method = Text(explanation.method, style="bold")
    console.print(Text.assemble(method, headline(explanation).removeprefix(explanation.method)))
    scale = scale_of(explanation.relevance)
    # colours say nothing in a file, a pipe or a terminal without them, so there the numbers stand
    coloured = console.is_terminal and console.color_system is not None and not console.no_color
    for tokens, values in explanation.rows():
        strip = rich_strip(tokens, values, scale) if coloured else Text(plain_strip(tokens, values))
        console.print(strip, soft_wrap=not console.is_terminal)
    if explanation.unknown:
        unknown = ", ".join(map(repr, explanation.unknown))
        console.print(f"not known to the model, and read all alike: {unknown}", soft_wrap=True)
    if explanation.ledger:
        console.print(_hanging(repr(explanation.ledger), console.width), soft_wrap=True)


def _hanging(text: str, width: int) -> str:
    """The lines of a ledger, with what does not fit in a line below the words that it goes on with."""
    width = max(width, LEDGER_WORDS + 15)
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=" " * LEDGER_WORDS) for line in text.splitlines()
    )
