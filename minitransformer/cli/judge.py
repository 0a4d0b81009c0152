"""`minitransformer judge`: are the attributions that another tool has made of a model worth believing?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from minitransformer.cli.opened import labels_of, opened
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.explain.judgement import Judged
from minitransformer.explain.judgement import judge as judged
from minitransformer.explain.outside_attributions import read_attributions
from minitransformer.explain.perturbation import REPLACEMENTS
from minitransformer.files import check_regular
from minitransformer.nn import Module
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.settings import no_grad
from minitransformer.tokenization import Tokenizer

MEASURES = ("delta_auc", "comprehensiveness", "sufficiency")
NOTES = (
    "delta_auc and comprehensiveness are better large, sufficiency small; in brackets the 95 % interval",
    "p: how often random orders of the same tokens do as well; agreement: rank correlation with our methods",
    "random weights: the same on a model whose weights are noise; what stays as high there says nothing of this model",
)


def judge(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines: text, tokens, attributions, target, method.")
    ],
    model: Annotated[
        Path, typer.Option("--model", metavar="FOLDER", help="The model: a folder or a checkpoint.")
    ],
    replace: Annotated[str, typer.Option(help="What a removed token becomes: zero, unk or delete.")] = "zero",
    orders: Annotated[int, typer.Option(min=2, help="Random orders for each text.")] = 20,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Judge attributions of any tool, in FILE, by the model that they explain."""
    prepare(seed, backend)
    if replace not in REPLACEMENTS:
        raise ValueError(f"--replace: expected one of {', '.join(REPLACEMENTS)}, got {replace!r}")
    check_regular(file, "name a file of JSON lines")
    asked, tokenizer = opened(model)
    with open(file, "rb") as lines:
        attributions = read_attributions(lines, tokenizer, outputs_of(asked, tokenizer), labels_of(asked))
    found = judged(asked, attributions, replace=replace, unk_id=tokenizer.unk_id, orders=orders, seed=seed)
    if json:
        print_json({"replace": replace, "methods": {one.method: one.to_dict() for one in found}})
    else:
        _print(found, replace)


def outputs_of(model: Module, tokenizer: Tokenizer) -> int:
    """The number of classes of a model, or of tokens.

    Args:
        model: the model.
        tokenizer: of its ids.

    Returns:
        The size of its logits.
    """
    device = next(model.parameters()).device
    with no_grad(), in_use(model):
        logits = model(tensor([tokenizer.encode("a")], device=device))
    return int(logits.shape[-1])


def _print(found: list[Judged], replace: str) -> None:
    headers = [Column(name, overflow="fold") for name in ("method", "texts", *MEASURES, "p")]
    table = Table(*headers, title=f"mean; a removed token becomes: {replace}", box=None)
    for one in found:
        table.add_row(
            one.method, str(one.texts), *(_cell(one.faithful[name]) for name in MEASURES), f"{one.p:.2g}"
        )
        table.add_row("  random order", "", *(_cell(one.random[name]) for name in MEASURES), "")
    console.print(table)
    methods = [Column(one.method, overflow="fold") for one in found]
    headers = [Column("agreement", no_wrap=True), *methods]
    table = Table(*headers, box=None)
    for name, cells in _agreement(found).items():
        table.add_row(name, *cells)
    console.print(table)
    for note in NOTES:
        console.print(note, soft_wrap=True)


def _agreement(found: list[Judged]) -> dict[str, list[str]]:
    """What is measured -> a cell for each method."""
    measured = {name: [_cell(one.agreement[name]) for one in found] for name in found[0].agreement}
    return measured | {
        "random weights: delta_auc": [_cell(one.on_random_weights) for one in found],
        "  its lrp": [_cell(one.of_random_weights) for one in found],
        "  the tool's": ["" if one.randomised is None else _cell(one.randomised) for one in found],
    }


def _cell(interval: tuple[float, float, float]) -> str:
    return "{:.2g} [{:.2g}, {:.2g}]".format(*interval)
