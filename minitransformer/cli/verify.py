"""`minitransformer verify`: every op and every layer against finite differences, and against PyTorch where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from minitransformer.cli.options import Backend, Html, Json, Seed, console, prepare, print_json
from minitransformer.pictures import STYLE, save_page
from minitransformer.terminal import Bar
from minitransformer.verify import Result, has_torch, verify_all
from minitransformer.verify.report import COLUMNS, page_body, plain, row, summary


def verify(
    only: Annotated[
        str | None, typer.Option("--only", metavar="TEXT", help="Only names that contain TEXT.")
    ] = None,
    html: Html = None,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Check every op and layer against finite differences, and against PyTorch where it is installed. Exit code 1 if one fails."""
    prepare(seed, backend)
    results = _verified(only, seed, quiet=json)
    passed = all(r.passed for r in results)
    if json:
        print_json({"passed": passed, "torch": has_torch(), "results": [plain(r) for r in results]})
    else:
        _print(results)
    if html:
        save_page(html, "minitransformer verify", page_body(results), STYLE)
    if not passed:
        sys.exit(1)


def _verified(only: str | None, seed: int, quiet: bool) -> list[Result]:
    """Run the checks, with a progress bar unless `quiet`."""
    with Bar(console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("")

        def progress(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        return verify_all(only, seed, progress)


def _print(results: Sequence[Result]) -> None:
    table = Table(*COLUMNS, title="Largest error against", title_justify="left")
    for result in results:
        *cells, mark = row(result)
        table.add_row(*cells, Text(mark, style="green" if result.passed else "bold red"))
    console.print(table)
    for result in results:
        if not result.passed:
            console.print(f"{result.name}, {result.dtype}: {result.message}", soft_wrap=True)
    console.print(summary(results), soft_wrap=True)
