"""`minitransformer cross-validate`: how accurate the classifier is, beside naive Bayes, on reviews that are held out in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.recipes import ClassifierRecipe
from minitransformer.recipes.classifier import DATA
from minitransformer.recipes.cross_validation import BAYES, MEAN, MODELS, CrossValidation, judged_in_turn
from minitransformer.terminal import Bar


def cross_validate(
    data: Annotated[str, typer.Option(help=" or ".join(DATA) + ".")] = "reviews",
    folds: Annotated[int, typer.Option(min=2, help="Parts, of which each is held out once.")] = 5,
    models: Annotated[int, typer.Option(min=1, help="Models whose logits are averaged.")] = MODELS,
    steps: Annotated[int | None, typer.Option(min=1, help="Batches that each model learns from.")] = None,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Measure the classifier beside naive Bayes: each review is held out once, and both learn from the same others."""
    prepare(seed, backend)
    recipe = ClassifierRecipe.of(data)
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    found = _validated(recipe, folds, models, quiet=json)
    if json:
        print_json(_plain(found))
    else:
        _print(found, recipe, folds, models)


def _validated(recipe: ClassifierRecipe, folds: int, models: int, quiet: bool) -> CrossValidation:
    """Run the cross-validation, with a progress bar unless `quiet`."""
    with Bar(console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("models trained", total=folds * models)
        return judged_in_turn(recipe, folds, models, lambda done, _: bar.update(task, completed=done))


def _plain(found: CrossValidation) -> dict[str, dict[str, float]]:
    """The figures for JSON."""
    accuracies = {method: _named(*found.accuracy(method)) for method in found.right}
    return {**accuracies, "difference": _named(*found.difference(MEAN))}


def _named(mean: float, error: float) -> dict[str, float]:
    return {"mean": mean, "standard error": error}


def _print(found: CrossValidation, recipe: ClassifierRecipe, folds: int, models: int) -> None:
    reviews = len(next(iter(found.right.values())))
    title = f"{reviews:,} reviews, {folds} folds, {models} models for each"
    table = Table("method", "accuracy", "standard error", title=title, title_justify="left", box=None)
    rows = {method: found.accuracy(method) for method in found.right}
    rows[f"average less {BAYES}"] = found.difference(MEAN)
    for name, (mean, error) in rows.items():
        table.add_row(name, f"{mean:.1%}" if name in found.right else f"{mean:+.1%}", f"{error:.1%}")
    console.print(table)
    extra = ", and from the words marked in each as one more short sample" if recipe.marked else ""
    console.print(f"All methods learned from the same reviews{extra}.")
