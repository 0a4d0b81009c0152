"""Explanations for people: their tokens in colour, and the ledger, in the terminal, in notebooks and on pages.

Orange speaks for the explained output and blue against it; the number of each token is in the hover text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.explain.targets import LogOdds, One
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.tokens import html_strip, plain_strip, rich_strip
from minitransformer.plain import escaped


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


def html_explanation(explanation: Any) -> str:
    """An explanation as HTML: a title, the tokens of each sequence on one scale, and the ledger if there is one.

    Args:
        explanation: the explanation.

    Returns:
        The HTML.
    """
    scale = scale_of(explanation.relevance)
    title = f"{explanation.method}: {outputs(explanation.target)} = {explanation.output:+.4f}"
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
    console.print(Text.assemble(method, f": {outputs(explanation.target)} = {explanation.output:+.4f}"))
    scale = scale_of(explanation.relevance)
    # colours say nothing in a file or a pipe, so there the numbers stand
    for tokens, values in explanation.rows():
        strip = (
            rich_strip(tokens, values, scale) if console.is_terminal else Text(plain_strip(tokens, values))
        )
        console.print(strip, soft_wrap=not console.is_terminal)
    if explanation.ledger:
        console.print(repr(explanation.ledger))
