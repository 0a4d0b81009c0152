"""`minitransformer bench`: our time divided by that of PyTorch and other packages, measured alternately in one run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TextColumn
from rich.table import Table
from rich.text import Text

from minitransformer.bench import BENCHMARKS, Ratio, Row, beside, check_name, machine, rows
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.terminal import Bar

PAIRS, FEW = 12, 3
MET = {None: Text(""), True: Text("yes", style="green"), False: Text("no", style="bold red")}
PROCESSES = 9  # pairs of processes for each piece of work, one in each checkout
LEGEND = """\
ratio: median over pairs of measurements made in turn, ours divided by the other's; quartiles: where the middle half
of the pairs lies; 95 % interval: of the median. Memory: the rise of a process's resident memory, or of a GPU's memory
in use, from after building to its peak over three steps."""


def bench(
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME", help="One of: " + ", ".join(BENCHMARKS))
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--beside", metavar="DIR", help="Another checkout of ours.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repetitions: sooner done, and less certain.")
    ] = False,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Time the library and other packages alternately, and print the ratios with their spread. Below 1, the library is faster.

    With --beside, time this checkout and another one in separate processes: an interval above 1.05 is a regression.

    If something cannot be measured, the table says what is missing. Exit code 1 if nothing could be measured.
    """
    prepare(seed, backend)
    if only:
        check_name(only)
    with Bar(TextColumn("{task.description}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("")
        found: list[Row] = []
        for what, measured in _measurements(only, folder, quick):
            bar.update(task, description=f"measuring {what}")
            found += measured
    if json:
        print_json({**machine(), "rows": [asdict(row) for row in found]})
    else:
        _print(found, "95 % interval" if folder else "quartiles")
    if not any(row.ratio for row in found):
        sys.exit(1)


def _measurements(only: str | None, folder: Path | None, quick: bool) -> Iterator[tuple[str, Iterator[Row]]]:
    """(what is measured, its rows) of each benchmark; the rows are measured while they are read."""
    if folder:
        yield f"beside {folder}", beside(folder, FEW if quick else PROCESSES)
        return
    for name in [only] if only else BENCHMARKS:
        yield name, rows(name, FEW if quick else PAIRS)


def _print(found: Sequence[Row], spread: str = "quartiles") -> None:
    where = ", ".join(f"{key} {value}" for key, value in machine().items())
    columns = ("", "against", "ratio", spread, "ours : theirs", "target", "met")
    table = Table(*columns, title=where, title_justify="left")
    for row in found:
        figures = _figures(row.ratio) if row.ratio else ("not measured", "", "")
        table.add_row(row.name, row.against, *figures, row.target, MET[row.met])
    console.print(table)
    for row in found:
        if row.note:
            console.print(f"{row.name}: {row.note}", soft_wrap=True)
    console.print(LEGEND, soft_wrap=True)


def _figures(ratio: Ratio) -> tuple[str, str, str]:
    sides = " : ".join(_amount(value, ratio.unit) for value in (ratio.ours, ratio.theirs))
    return f"{ratio.median:.2f}", f"{ratio.low:.2f} - {ratio.high:.2f}", sides


def _amount(value: float, unit: str) -> str:
    for name, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)) if unit == "s" else ():
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} {unit}"
