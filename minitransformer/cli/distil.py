"""`minitransformer distil`: what a teacher is worth to a small model, from several seeds."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import numpy
import typer
from rich.table import Table

from minitransformer.cli.options import Json, console, print_json, remark
from minitransformer.recipes import ClassifierRecipe, StoriesRecipe
from minitransformer.recipes.distilled import Distilled, Learner, distilled
from minitransformer.statistics import mean_and_error


class Task(StrEnum):
    """What student and teacher learn."""

    REVIEWS = "reviews"
    STORIES = "stories"


# (student, teacher): small, so that five pairs take a minute or two
PAIRS: dict[Task, tuple[Learner, Learner]] = {
    Task.REVIEWS: (
        ClassifierRecipe.of("reviews", d_model=8, nhead=2, steps=300, vectors=False, bag_of_words=False),
        ClassifierRecipe.of("reviews", steps=300),
    ),
    Task.STORIES: (
        StoriesRecipe(d_model=16, nhead=2, num_layers=1, steps=400),
        StoriesRecipe(d_model=64, steps=500),
    ),
}
MEASURE = {Task.REVIEWS: "accuracy", Task.STORIES: "held-out loss"}


def distil(
    task: Annotated[Task, typer.Argument(help="What they learn.")] = Task.REVIEWS,
    seeds: Annotated[int, typer.Option(min=2, help="Pairs of students.")] = 5,
    json: Json = False,
) -> None:
    """Compare a small model that learns alone with the same one that has a teacher: score, and agreement of relevance."""
    found = []
    for one in distilled(*PAIRS[task], seeds):
        remark(f"{one.name} {one.seed}: {MEASURE[task]} {one.score:.3f}, agreement {one.agreement:.2f}")
        found.append(one)
    if json:
        print_json([asdict(one) for one in found])
    else:
        _print(found, MEASURE[task])


def _print(found: list[Distilled], measure: str) -> None:
    table = Table("", "parameters", measure, "agreement with the teacher", box=None)
    for name in ("teacher", "alone", "taught"):
        rows = [one for one in found if one.name == name]
        cells = [_cell([row.score for row in rows]), _cell([row.agreement for row in rows])]
        table.add_row(name, f"{rows[0].parameters:,}", *cells)
    console.print(table)
    console.print(
        "mean over seeds and its standard error; agreement: rank correlation of the words' relevance"
    )


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3f}"
    return "{:.3f} ± {:.3f}".format(*mean_and_error(numpy.array(values)))
