"""`minitransformer bench`: ratios of our time to another's, both measured in turn in one run."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy
import typer
from rich.table import Table
from rich.text import Text

from minitransformer.cli.bench_checkouts import beside as beside_checkout
from minitransformer.cli.benchmarks import BENCHMARKS, Row, rows
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.cli.pairs import Ratio, cores
from minitransformer.defaults import default_device
from minitransformer.devices import gpu

PAIRS, FEW = 12, 3
PROCESSES = 9  # pairs of them, for each work of two checkouts


def bench(
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME", help="One of: " + ", ".join(BENCHMARKS))
    ] = None,
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="DIR", help="Another checkout of ours.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repetitions: sooner done, and less certain.")
    ] = False,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Time our work and another's in turn, and print the ratios with their spread: below 1, ours takes less.

    With --beside the other is our own work in another checkout, in processes of its own: an interval above 1.05 is a regression.

    What cannot be measured here is told, with what is missing; code 1 if that is all that was asked for.
    """
    prepare(seed, backend)
    if only and only not in BENCHMARKS:
        raise ValueError(f"only: expected one of {', '.join(BENCHMARKS)}, got {only!r}")
    found: list[Row] = []
    with console.status("", spinner_style="none") as status:
        for name in [] if beside else [only] if only else BENCHMARKS:
            status.update(f"measuring: {name}")
            found += rows(name, FEW if quick else PAIRS)
        if beside:
            status.update(f"measuring beside {beside}")
            found += beside_checkout(beside, FEW if quick else PROCESSES)
    if json:
        print_json({**machine(), "rows": [asdict(row) for row in found]})
    else:
        _print(found, "95 % interval" if beside else "quartiles")
    if not any(row.ratio for row in found):
        sys.exit(1)


def machine() -> dict:
    """Where this was measured."""
    system = f"{platform.system()} {platform.machine()}"
    here = {
        "system": system,
        "cores": cores(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }
    return here | ({"device": _gpu_name()} if default_device().type == "cuda" else {})


def _gpu_name() -> str:
    runtime = gpu().cuda.runtime
    return runtime.getDeviceProperties(default_device().index)["name"].decode()


def _print(found: Sequence[Row], spread: str = "quartiles") -> None:
    where = ", ".join(f"{key} {value}" for key, value in machine().items())
    table = Table(
        "", "against", "ratio", spread, "ours : theirs", "target", "met", title=where, title_justify="left"
    )
    for row in found:
        met = {None: "", True: Text("yes", style="green"), False: Text("no", style="bold red")}[row.met]
        figures = _figures(row.ratio) if row.ratio else ("not measured", "", "")
        table.add_row(row.name, row.against, *figures, row.target, met)
    console.print(table)
    for row in found:
        if row.note:
            console.print(f"{row.name}: {row.note}", soft_wrap=True)
    console.print(
        "ratio: median over pairs of measurements made in turn, ours divided by the other's; quartiles: where the middle half\n"
        "of the pairs lies; 95 % interval: of the median. Memory: the rise of a process's resident memory, or of a GPU's memory\n"
        "in use, from after building to its peak over three steps.",
        soft_wrap=True,
    )


def _figures(ratio: Ratio) -> tuple[str, str, str]:
    sides = " : ".join(_amount(value, ratio.unit) for value in (ratio.ours, ratio.theirs))
    return f"{ratio.median:.2f}", f"{ratio.low:.2f} - {ratio.high:.2f}", sides


def _amount(value: float, unit: str) -> str:
    for name, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)) if unit == "s" else ():
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} {unit}"
