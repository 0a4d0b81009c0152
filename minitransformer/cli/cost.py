"""`minitransformer cost`: what a training step of a model costs, what loss grows with, and what a very large run takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from minitransformer.bench.works import seconds
from minitransformer.cli.opened import opened
from minitransformer.cli.options import (
    Backend,
    Json,
    MaybeCheckpoint,
    Seed,
    console,
    prepare,
    print_json,
    remark,
)
from minitransformer.cost import MT_NLG, FlopCounter, LargeRun, ScalingLaw, fit, step_cost, training_flops
from minitransformer.cost.energy import WATTS
from minitransformer.cost.laws import DAY
from minitransformer.cost.runs import SmallRun, small_runs
from minitransformer.cost.words import amount, duration, told
from minitransformer.nn import Module
from minitransformer.ops.creation.random import rand

Model = Annotated[
    Path | None,
    typer.Option("--model", metavar="FOLDER", help="The model: a folder, or a published one's name."),
]
Scaling = Annotated[
    bool, typer.Option("--scaling", help="Train four small models, and fit loss = E + A N^-alpha to them.")
]
Large = Annotated[
    bool, typer.Option("--mt-nlg", help="Compute what the run of MT-NLG took, 530 billion parameters.")
]
Watts = Annotated[
    float, typer.Option(help="Assumed of a busy core, where the hardware does not tell its energy.")
]
COMPUTED = "flops", "computed", "iteration", "iteration_seconds", "days", "joules"
FIT = (
    "N without embeddings; a law of four small runs: it reads a trend, and says nothing of models far larger"
)
NOTE = "elementwise operations are counted by a table, and are not a part of PyTorch's figures; see minitransformer/cost/flops.py"


def cost(
    checkpoint: MaybeCheckpoint = None,
    model: Model = None,
    batch: Annotated[int, typer.Option(min=1, help="Sequences.")] = 1,
    length: Annotated[int, typer.Option(min=1, help="Tokens of each.")] = 64,
    watts: Watts = WATTS,
    scaling: Scaling = False,
    large: Large = False,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Measure a training step of a model: operations, CPU seconds, peak memory and energy.

    Operations are exact, and those of products are PyTorch's. Energy is read from the processor or the GPU where they tell it,
    and is an estimate elsewhere: the assumed watts times the measured seconds.
    """
    prepare(seed, backend)
    if [checkpoint is not None, model is not None, scaling, large].count(True) != 1:
        raise ValueError("expected one of --checkpoint FILE, --model FOLDER, --scaling and --mt-nlg")
    if scaling:
        _scaling(seed, json)
    elif large:
        _large(MT_NLG, json)
    else:
        found, _ = opened(checkpoint or model or Path())
        _step(found, batch, length, watts, json)


def _step(model: Module, batch: int, length: int, watts: float, json: bool) -> None:
    found, counter = step_cost(model, batch, length, watts)
    if json:
        by_op = {name: asdict(row) for name, row in counter.by_op.items()}
        print_json({"batch": batch, "length": length, **found.to_dict(), "by_op": by_op})
        return
    console.print(by_op_table(counter))
    console.print(NOTE, soft_wrap=True)
    for line in told(found):
        console.print(line, soft_wrap=True)


def by_op_table(counter: FlopCounter) -> Table:
    """The operations of each op.

    Args:
        counter: what counted them.

    Returns:
        A table.
    """
    columns = "calls", "products forward", "backward", "elementwise forward", "backward"
    table = Table("", *columns, box=None)
    rows = {name: row for name, row in counter.by_op.items() if any(list(asdict(row).values())[1:])}
    for name, row in {**rows, "total": counter.total}.items():
        figures = row.forward, row.backward, row.elementwise_forward, row.elementwise_backward
        table.add_row(name, f"{row.calls}", *(f"{n:,}" for n in figures))
    return table


def _scaling(seed: int, json: bool) -> None:
    runs = []
    for run in small_runs(seed=seed):
        remark(f"width {run.width}: {run.parameters:,} parameters, loss {run.loss:.3f}")
        runs.append(run)
    law = fit([run.parameters for run in runs], [run.loss for run in runs])
    if json:
        print_json({"runs": [asdict(run) for run in runs], **asdict(law)})
    else:
        _print_law(runs, law)


def _print_law(runs: Sequence[SmallRun], law: ScalingLaw) -> None:
    table = Table("width", "N", "tokens D", "FLOP, counted", "6 N D", "loss", "the law's", box=None)
    for run in runs:
        by_law = training_flops(run.parameters, run.tokens)
        counts = f"{run.parameters:,}", f"{run.tokens:,}", f"{run.flops:.3g}", f"{by_law:.3g}"
        table.add_row(f"{run.width}", *counts, f"{run.loss:.3f}", f"{law.loss(run.parameters):.3f}")
    console.print(table)
    found = f"loss = {law.floor:.3g} + {law.factor:.3g} N^-{law.exponent:.3g}"
    error = f"root mean square error of log(loss - {law.floor:.3g}): {law.residual:.2g}"
    console.print(f"{found}; least squares in log space; {error}", soft_wrap=True)
    console.print(FIT, soft_wrap=True)


def _large(run: LargeRun, json: bool) -> None:
    own = own_rate()
    if json:
        computed = {name: getattr(run, name) for name in COMPUTED}
        here = {"own_flops_per_second": own, "own_seconds": run.seconds_at(own)}
        print_json({**asdict(run), **computed, **here})
        return
    table = Table("", "", "by", title=f"{run.name}: {run.source}", title_justify="left", box=None)
    for row in large_rows(run, own):
        table.add_row(*row)
    console.print(table)


def large_rows(run: LargeRun, own: float) -> list[tuple[str, str, str]]:
    """What a large run takes, each figure with what it is computed from.

    Args:
        run: the run.
        own: the operations a second of this machine.

    Returns:
        (what, figure, formula and source).
    """
    gpus = f"{run.gpus:,} GPUs x {amount(run.gpu_flops)}FLOP/s, as reported"
    power = f"{run.gpus:,} GPUs x {run.gpu_watts:g} W x the days above; the GPUs alone"
    again = "8 N D: activations are computed again (Narayanan et al., SC 2021, equation 4)"
    iteration = "96 B s l h^2 (1 + s/6h + V/16lh) (Narayanan et al., SC 2021, equation 3)"
    return [
        ("training", f"{run.flops:.3g} FLOP", "6 N D (Kaplan et al., 2020, section 2.1)"),
        ("computed", f"{run.computed:.3g} FLOP", again),
        ("one iteration", f"{run.iteration:.3g} FLOP", iteration),
        ("", duration(run.iteration_seconds), f"over {gpus}"),
        ("the run", duration(run.days * DAY), f"8 N D over {gpus}"),
        ("energy", f"{amount(run.joules / 3600)}Wh", power),
        ("on this machine", duration(run.seconds_at(own)), f"8 N D over {amount(own)}FLOP/s, measured"),
    ]


def own_rate(size: int = 1024) -> float:
    """The operations a second of this machine, in one product of large matrices of float32.

    Args:
        size: rows and columns.

    Returns:
        FLOP/s.
    """
    a = rand(size, size)
    with FlopCounter() as counter:
        a @ a
    return counter.get_total_flops() / seconds(lambda: (a @ a)[0, 0].item())
