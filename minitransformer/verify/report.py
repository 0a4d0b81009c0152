"""The results of `verify` as text, as plain data for JSON, and as the body of an HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from minitransformer.installing import install_line
from minitransformer.plain import escaped
from minitransformer.verify.judging import Result
from minitransformer.verify.torch_twin import has_torch

COLUMNS = ("op or layer", "dtype", "device", "finite\ndifferences", "PyTorch", "")
CELL = 'style="text-align:left;padding:2px 12px;border-bottom:1px solid #ddd"'


def summary(results: Sequence[Result]) -> str:
    """The number of failed checks in one line, and how to install PyTorch if it is missing.

    Args:
        results: All results.

    Returns:
        The line.
    """
    failed = sum(not r.passed for r in results)
    install = (
        "" if has_torch() else f" PyTorch is not installed; to compare with it: {install_line('[test]')}"
    )
    return f"{len(results)} checks, {failed or 'none'} failed.{install}"


def row(result: Result) -> tuple[str, ...]:
    """The cells of one line of the table.

    Args:
        result: One result.

    Returns:
        A text for each of `COLUMNS`.
    """
    differences = _number(result.finite_difference_error)
    torch_error = _number(result.torch_error) if has_torch() else "not installed"
    mark = "pass" if result.passed else "fail"
    return result.name, result.dtype, result.device, differences, torch_error, mark


def _number(error: float | None) -> str:
    return "" if error is None else f"{error:.1e}"


def plain(result: Result) -> dict:
    """A result as plain data for JSON, with None instead of infinity, which JSON lacks.

    Args:
        result: One result.

    Returns:
        Attribute's name -> value.
    """
    return {k: None if v == math.inf else v for k, v in asdict(result).items()}


def page_body(results: Sequence[Result]) -> str:
    """The results as HTML: the failures with their messages, then the table.

    Args:
        results: All results.

    Returns:
        The body of a page.
    """
    head = "".join(f"<th {CELL}>{escaped(name)}</th>" for name in COLUMNS)
    wrong = "".join(
        f"<p><b>{escaped(r.name)}</b>, {escaped(r.dtype)}: {escaped(r.message)}</p>"
        for r in results
        if not r.passed
    )
    return (
        "<h1>minitransformer verify</h1><p>Largest error against finite differences and PyTorch. "
        f"{escaped(summary(results))}</p>{wrong}"
        f'<table style="border-collapse:collapse;font:14px sans-serif"><tr>{head}</tr>'
        f"{''.join(map(_line, results))}</table>"
    )


def _line(result: Result) -> str:
    """One line of the table as HTML."""
    colour = "#1a7f37" if result.passed else "#b3261e"
    cells = "".join(f"<td {CELL}>{escaped(text)}</td>" for text in row(result))
    return f'<tr style="color:{colour}" title="{escaped(result.message)}">{cells}</tr>'
