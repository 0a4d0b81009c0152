"""`minitransformer verify`: every op and every layer against finite differences, and against PyTorch where it is installed."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated

import numpy
import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from minitransformer.autograd import Tensor
from minitransformer.cli.checked import LayerCase, OpCase, Problem
from minitransformer.cli.options import Backend, Html, Json, Seed, console, prepare, print_json
from minitransformer.cli.torch_twin import INSTALL, has_torch
from minitransformer.cli.verify_cases import CASES
from minitransformer.defaults import default_device
from minitransformer.explain.rendering import save_page
from minitransformer.gradients import compare_with_torch, gradcheck
from minitransformer.ops.convert import on_default_device
from minitransformer.plain import escaped
from minitransformer.randomness import manual_seed

FINITE_DIFFERENCES = 1e-6  # allowed in float64, relative to the largest entry
PYTORCH = {"float64": 1e-10, "float32": 1e-5}
COLUMNS = ("op or layer", "dtype", "device", "finite\ndifferences", "PyTorch", "")


@dataclass(frozen=True)
class Result:
    """One op or layer in one dtype: its largest errors, relative to the largest entry; None where nothing was measured.

    `kind` is "op", "layer" or "model"; `message` says what is wrong unless `passed`.
    """

    name: str
    kind: str
    dtype: str
    device: str
    finite_difference_error: float | None
    torch_error: float | None
    passed: bool
    message: str = ""


def verify_all(
    only: str | None = None, seed: int = 0, progress: Callable[[int, int, str], None] | None = None
) -> list[Result]:
    """Check every op and layer whose name contains `only`: float64, and float32 where PyTorch is there to compare with.

    Starts the random numbers from `seed` for each. `progress` is told (how many are done, of how many, the name of the
    next). Raises ValueError if no name contains `only`.
    """
    cases = [case for case in CASES if (only or "").lower() in case.name.lower()]
    if not cases:
        raise ValueError(
            f"only: no op or layer has {only!r} in its name; `minitransformer verify` lists them all"
        )
    results = []
    for i, case in enumerate(cases):
        if progress:
            progress(i, len(cases), case.name)
        compared = has_torch() and case.kind != "model"
        results += [check(case, dtype, seed) for dtype in (PYTORCH if compared else ["float64"])]
    return results


def check(case: OpCase | LayerCase, dtype: str, seed: int = 0) -> Result:
    """Hold one case against its judges in one dtype."""
    manual_seed(seed)
    problem = case.problem(numpy.random.default_rng(seed), dtype)
    inputs = [_tensor(a, dtype) for a in problem.inputs]
    differences, torch_error, messages = None, None, []
    if dtype == "float64":
        judge = partial(gradcheck, problem.ours, inputs, seed=seed)
        differences, message = _judged(judge, FINITE_DIFFERENCES)
        messages += [f"finite differences: {message}"] if message else []
    if has_torch() and problem.theirs:
        judge = partial(_torch_error, problem, inputs, seed=seed)
        torch_error, message = _judged(judge, PYTORCH[dtype])
        messages += [f"PyTorch: {message}"] if message else []
    return Result(
        case.name,
        case.kind,
        dtype,
        str(default_device()),
        differences,
        torch_error,
        not messages,
        "; ".join(messages),
    )


def _tensor(array: numpy.ndarray, dtype: str) -> Tensor:
    return on_default_device(array.astype(dtype) if array.dtype.kind == "f" else array)


def _torch_error(problem: Problem, inputs: Sequence[Tensor], rtol: float, seed: int) -> float:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's advice about its own fast paths
        return max(compare_with_torch(problem.ours, problem.theirs(torch), inputs, rtol, seed).values())


def _judged(judge: Callable, tolerance: float) -> tuple[float | None, str]:
    """A judge's largest error, None if there is none to measure, and what is wrong if it is above `tolerance`."""
    error = None
    try:
        error = judge(rtol=math.inf)
        if error > tolerance:
            judge(rtol=tolerance)  # raises, and says where
        return error, ""
    except Exception as wrong:
        return error, f"{type(wrong).__name__}: {wrong}"


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
    with Progress(console=console, transient=True, disable=json) as bar:
        task = bar.add_task("")
        results = verify_all(
            only, seed, lambda i, n, name: bar.update(task, completed=i, total=n, description=name)
        )
    if json:
        print_json(
            {
                "passed": all(r.passed for r in results),
                "torch": has_torch(),
                "results": [_plain(r) for r in results],
            }
        )
    else:
        _print(results)
    if html:
        save_page(html, "minitransformer verify", page_body(results))
    if not all(r.passed for r in results):
        sys.exit(1)


def _plain(result: Result) -> dict:
    """For JSON, which has no infinity."""
    return {k: None if v == math.inf else v for k, v in asdict(result).items()}


def summary(results: Sequence[Result]) -> str:
    """How many passed, in one line, and what is missing."""
    failed = sum(not r.passed for r in results)
    install = "" if has_torch() else f" PyTorch is not installed; to compare with it: {INSTALL}"
    return f"{len(results)} checks, {failed or 'none'} failed.{install}"


def row(result: Result) -> tuple[str, ...]:
    """A line of the table as text."""
    torch_error = _number(result.torch_error) if has_torch() else "not installed"
    mark = "pass" if result.passed else "fail"
    return (
        result.name,
        result.dtype,
        result.device,
        _number(result.finite_difference_error),
        torch_error,
        mark,
    )


def _number(error: float | None) -> str:
    return "" if error is None else f"{error:.1e}"


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


def page_body(results: Sequence[Result]) -> str:
    """The table as HTML, failures with their messages."""
    cell = 'style="text-align:left;padding:2px 12px;border-bottom:1px solid #ddd"'
    head = "".join(f"<th {cell}>{escaped(name)}</th>" for name in COLUMNS)
    lines = []
    for result in results:
        colour = "#1a7f37" if result.passed else "#b3261e"
        cells = "".join(f"<td {cell}>{escaped(text)}</td>" for text in row(result))
        lines.append(f'<tr style="color:{colour}" title="{escaped(result.message)}">{cells}</tr>')
    wrong = "".join(
        f"<p><b>{escaped(r.name)}</b>, {escaped(r.dtype)}: {escaped(r.message)}</p>"
        for r in results
        if not r.passed
    )
    return (
        "<h1>minitransformer verify</h1><p>Largest error against finite differences and PyTorch. "
        f"{escaped(summary(results))}</p>{wrong}"
        f'<table style="border-collapse:collapse;font:14px sans-serif"><tr>{head}</tr>{"".join(lines)}</table>'
    )
