"""The results of `verify` as text, as plain data for JSON, and as the body of an HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from minitransformer.installing import install_line
from minitransformer.pictures.tables import table
from minitransformer.plain import escaped
from minitransformer.verify.judging import Result
from minitransformer.verify.torch_twin import has_torch

COLUMNS = ("op or layer", "dtype", "device", "finite\ndifferences", "PyTorch", "")


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
        The body of a page in the style `pictures.STYLE`.
    """
    wrong = "".join(
        f'<p class="bad"><b>{escaped(r.name)}</b>, {escaped(r.dtype)}: {escaped(r.message)}</p>'
        for r in results
        if not r.passed
    )
    return (
        "<h1>minitransformer verify</h1><p>Largest error against finite differences and PyTorch. "
        f"{escaped(summary(results))}</p>" + wrong + page_table(results)
    )


def page_table(results: Sequence[Result]) -> str:
    """The table as HTML, without the messages.

    Args:
        results: All results.

    Returns:
        A fragment of a page in the style `pictures.STYLE`.
    """
    head = [name.replace("\n", " ") for name in COLUMNS]
    return table(head, [row(r) for r in results], numbers=(3, 4))
