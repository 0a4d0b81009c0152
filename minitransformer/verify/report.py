"""The results of `verify` as text, as plain data for JSON, and as the body of an HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from minitransformer.plain import escaped
from minitransformer.verify.judging import Result
from minitransformer.verify.torch_twin import INSTALL, has_torch

COLUMNS = ("op or layer", "dtype", "device", "finite\ndifferences", "PyTorch", "")
CELL = 'style="text-align:left;padding:2px 12px;border-bottom:1px solid #ddd"'


def summary(results: Sequence[Result]) -> str:
    """How many checks failed, in one line, and what to install if PyTorch is missing."""
    failed = sum(not r.passed for r in results)
    install = "" if has_torch() else f" PyTorch is not installed; to compare with it: {INSTALL}"
    return f"{len(results)} checks, {failed or 'none'} failed.{install}"


def row(result: Result) -> tuple[str, ...]:
    """The cells of one line of the table, one for each of `COLUMNS`."""
    differences = _number(result.finite_difference_error)
    torch_error = _number(result.torch_error) if has_torch() else "not installed"
    mark = "pass" if result.passed else "fail"
    return result.name, result.dtype, result.device, differences, torch_error, mark


def _number(error: float | None) -> str:
    return "" if error is None else f"{error:.1e}"


def plain(result: Result) -> dict:
    """The result for JSON, which has no infinity: null stands for it."""
    return {k: None if v == math.inf else v for k, v in asdict(result).items()}


def page_body(results: Sequence[Result]) -> str:
    """The table as HTML, after the failures with their messages."""
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
