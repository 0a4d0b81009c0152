"""`minitransformer train`: train a model on text, write its checkpoints into a folder, and resume from them."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from minitransformer import checkpoint, models
from minitransformer.checkpoint import CheckpointError
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json
from minitransformer.cli.ranks import as_a_rank, start_ranks
from minitransformer.cost import Cost, Measured
from minitransformer.cost.words import told
from minitransformer.disk import locked
from minitransformer.files import AGAIN, blaming, one_line, settings
from minitransformer.meshed import Layout
from minitransformer.meshed import chosen as layout
from minitransformer.models import room_of, stated_kind
from minitransformer.nn import init
from minitransformer.pictures import LossCurve
from minitransformer.progress import progress_bar
from minitransformer.recipes import RECIPES, ClassifierRecipe, FineTuningRecipe, Recipe
from minitransformer.recipes.classifier import accuracy
from minitransformer.settings import setting
from minitransformer.training import BEST, LAST, RUNNING, Trainer

# type checkers cannot read the members from a dict
Kind = StrEnum("Kind", {name.replace("-", "_"): name for name in RECIPES})  # type: ignore[misc]  # names known at run time
Kind.__doc__ = "The kinds of model that have a recipe."
CLASSIFIER = Kind("classifier")


Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR", help="The folder for the run; runs/KIND if not given."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Resume the run in DIR, with the settings it was started with.")
]
DataName = Annotated[str | None, typer.Option(help="reviews or movie-reviews; python-topics or a text file.")]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Reviews, dates, stories or windows of text in a batch.")
]
Dropout = Annotated[
    float | None, typer.Option(min=0.0, max=0.99, help="The share of activations that are set to zero.")
]
Adapt = Annotated[
    str | None, typer.Option(help="Which weights of a published model are trained: full, head or lora.")
]
Amp = Annotated[
    bool | None, typer.Option("--amp", help="Compute products in float16, which is faster on a GPU.")
]
Teacher = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="A run or a checkpoint whose answers the model learns from."),
]
Temperature = Annotated[float | None, typer.Option(min=0.01, help="Divides the logits of both.")]
Alpha = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="The weight of the teacher's answers beside the labels."),
]
Beta = Annotated[float | None, typer.Option(min=0.0, help="The weight of the teacher's hidden vectors.")]
Ranks = Annotated[
    int | None, typer.Option(min=1, help="Processes that share out each batch, one core each; needs [mpi].")
]
Tensor = Annotated[int, typer.Option(min=1, help="How many of the ranks share out the work of each layer.")]
Pipeline = Annotated[int, typer.Option(min=1, help="Stages that the layers are cut into, on as many ranks.")]
What = Annotated[
    Kind | None,
    typer.Argument(help="What to train; classifier if not given, or the run's kind with --resume."),
]


def train(
    kind: What = None,
    out: Out = None,
    resume: Resume = False,
    data: DataName = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Batches to learn from.")] = None,
    batch_size: BatchSize = None,
    lr: Annotated[float | None, typer.Option(min=0.0, help="The highest learning rate.")] = None,
    vocab_size: Annotated[int | None, typer.Option(min=3, help="Different tokens.")] = None,
    d_model: Annotated[int | None, typer.Option(min=1, help="Width of the model.")] = None,
    nhead: Annotated[int | None, typer.Option(min=1, help="Attention heads.")] = None,
    num_layers: Annotated[int | None, typer.Option(min=1, help="Layers.")] = None,
    dropout: Dropout = None,
    adapt: Adapt = None,
    amp: Amp = None,
    teacher: Teacher = None,
    temperature: Temperature = None,
    alpha: Alpha = None,
    beta: Beta = None,
    ranks: Ranks = None,
    tensor: Tensor = 1,
    pipeline: Pipeline = 1,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Train a classifier, a language model of any family, or a small model on dates or stories.

    Ctrl-C stops with a checkpoint, from which --resume continues. A resumed run gives the same bits as one without a stop.
    SIGTERM and a closed terminal stop with a checkpoint too; the exit code is 128 plus the number of the signal.
    Under mpiexec or srun, this command line runs on all their processes without --ranks.
    --tensor and --pipeline cut the model into parts; the ranks that are left share out the batches. A run may be resumed in any
    other layout.
    """
    start_ranks(ranks, tensor * pipeline)
    prepare(seed, backend)
    directory = out or Path("runs") / (kind or CLASSIFIER)
    chosen = _given(
        data=data, steps=steps, batch_size=batch_size, lr=lr, vocab_size=vocab_size,
        d_model=d_model, nhead=nhead, num_layers=num_layers, dropout=dropout, adapt=adapt, amp=amp,
        teacher=teacher, temperature=temperature, alpha=alpha, beta=beta,
    )  # fmt: skip
    with (
        as_a_rank() as first,
        setting(layout, Layout(tensor, pipeline)),
        _to_itself(directory) if first else contextlib.nullcontext(),
    ):
        _train(directory, kind, chosen, resume, json, first)


def _given(**settings: Any) -> dict[str, Any]:
    """The settings that were chosen."""
    return {name: value for name, value in settings.items() if value is not None}


def _train(directory: Path, kind: Kind | None, chosen: dict, resume: bool, json: bool, first: bool) -> None:
    """Begin or resume the run in a folder. Of several ranks only the first prints."""
    console.quiet = not first
    recipe, room = (
        _recipe_of(directory, chosen, kind)
        if resume
        else (_new_recipe(kind or CLASSIFIER, directory, chosen), None)
    )
    trainer = _trainer(recipe, directory, room)
    try:
        _run(trainer, recipe, directory, json, first)
    finally:  # also if printing fails because the terminal is closed
        if trainer.stopped_by:
            sys.exit(128 + trainer.stopped_by)


@contextlib.contextmanager
def _to_itself(directory: Path) -> Iterator[None]:
    """Create and lock the folder of a run; at the end remove the folders that were created and are still empty."""
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with locked(directory / RUNNING):
            yield
    finally:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()


def _run(trainer: Trainer, recipe: Recipe, directory: Path, json: bool, first: bool) -> None:
    if trainer.resume() and not json:
        console.print(f"Resuming at step {trainer.step}.")
        if trainer.trained_by not in (None, trainer.kernels):
            before = one_line(trainer.trained_by)
            console.print(
                f"Kernels: {before} until here, {trainer.kernels} from here on; they round differently."
            )
    console.quiet = json or not first
    with progress_bar(trainer, console, recipe.kind) as report, Measured() as measured:
        done = trainer.run(measured.sampled(report))
    if not first:
        return
    console.quiet = False
    LossCurve(trainer.losses, trainer.evaluations).save(directory / "loss.png")
    _tell(trainer, recipe, directory, done, measured.cost, json)


def _new_recipe(kind: Kind, directory: Path, chosen: dict) -> Recipe:
    if (directory / LAST).exists():
        raise ValueError(
            f"{directory}: expected a folder without a run; resume the run by --resume, or give another folder by --out"
        )
    if unknown := sorted(set(chosen) - {field.name for field in fields(RECIPES[kind])}):
        raise ValueError(f"{kind} has no setting {', '.join(unknown)}")
    return RECIPES[kind].of(**chosen)


def _recipe_of(directory: Path, chosen: dict, kind: Kind | None) -> tuple[Recipe, int]:
    """The recipe of the run in a folder, and how many numbers its model may hold. Only `steps` may be chosen anew."""
    if extra := sorted(set(chosen) - {"steps"}):
        raise ValueError(f"--resume: the run keeps its settings; leave out {', '.join(extra)}")
    path = directory / LAST
    state = checkpoint.load(path)
    found = _name_of(state)
    if kind and found in RECIPES and found != kind:
        raise ValueError(
            f"{directory}: holds the run of a {found}, not of a {kind}; resume it by `minitransformer train {found}`"
        )
    try:
        recipe = settings(RECIPES[found], state["description"]["recipe"])
        return replace(recipe, **chosen), room_of(state["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected a checkpoint of `train`, got another one ({one_line(repr(error))}); {AGAIN}"
        ) from error


def _name_of(state: Any) -> str:
    """The name of a checkpoint's recipe; checkpoints of earlier versions hold only the kind of the model, which was that name."""
    kind = stated_kind(state)
    return str(kind and state["description"].get("kind", kind))


def _trainer(recipe: Recipe, directory: Path, room: int | None) -> Trainer:
    """The trainer of a recipe. Raises FileError if the settings in a checkpoint do not fit its model."""
    with contextlib.nullcontext() if room is None else blaming(directory / LAST), init.at_most(room):
        return recipe.trainer(directory)[0]


def _accuracy(recipe: Recipe, directory: Path) -> float | None:
    """The accuracy of the best checkpoint on test reviews, which were used neither for training nor to choose it.

    None if the model is not a classifier.
    """
    if not isinstance(recipe, ClassifierRecipe | FineTuningRecipe):
        return None
    return accuracy(*models.load(directory / BEST), recipe.split()[2])


def _results(trainer: Trainer, recipe: Recipe, directory: Path, done: bool) -> dict[str, Any]:
    """The numbers of a run, and its files, by name."""
    found = {
        "done": done,
        "step": trainer.step,
        "loss": trainer.losses[-1],
        "held out": trainer.evaluations[-1][1] if trainer.evaluations else None,
        "accuracy": _accuracy(recipe, directory) if done else None,
    }
    if recipe.amp:
        found["skipped for overflow"] = trainer.scaler.skipped
    files = {"last": directory / LAST, "best": directory / BEST, "curve": directory / "loss.png"}
    return found | {name: str(path) if path.exists() else None for name, path in files.items()}


def _tell(trainer: Trainer, recipe: Recipe, directory: Path, done: bool, cost: Cost, json: bool) -> None:
    found = _results(trainer, recipe, directory, done)
    if json:
        chosen = {f.name: getattr(recipe, f.name) for f in fields(recipe)}
        print_json({**found, "settings": chosen, "cost": cost.to_dict()})
        return
    table = Table.grid(padding=(0, 2))
    for name, value in found.items():
        if value is not None:
            table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    console.print(table)
    console.print(f"cost of this process: {told(cost)[0]}", soft_wrap=True)
    if not done:
        again = f"minitransformer train {recipe.kind} --out {shlex.quote(str(directory))} --resume"
        console.print(f"Stopped; resume with: {again}", soft_wrap=True)
