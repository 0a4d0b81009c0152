"""A progress bar for training, in the terminal and in notebooks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from minitransformer.terminal import Bar, Terminal
from minitransformer.training import Trainer

SMOOTH = 20  # steps over which the loss shown is averaged


@contextlib.contextmanager
def progress_bar(
    trainer: Trainer, console: Console | None = None, name: str = "training"
) -> Iterator[Callable[[Trainer], None]]:
    """A bar that shows the mean loss of the latest steps, the last evaluation, and the steps skipped for an overflow.

    Args:
        trainer: What will run.
        console: Where to draw; standard output if None.
        name: The text before the bar.

    Yields:
        The function to pass to `trainer.run`.
    """
    name_and_bar = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    figures = TextColumn("{task.fields[figures]}", markup=False)
    with Bar(*name_and_bar, TimeRemainingColumn(), figures, console=console or Terminal()) as progress:
        task = progress.add_task(name, total=trainer.steps, completed=trainer.step, figures="")
        yield lambda trainer: progress.update(task, completed=trainer.step, figures=_figures(trainer))


def _figures(trainer: Trainer) -> str:
    recent = trainer.losses[-SMOOTH:]
    text = f"loss {sum(recent) / len(recent):.3f}"
    text += f", held out {trainer.evaluations[-1][1]:.3f}" if trainer.evaluations else ""
    return text + (f", {skipped} skipped" if (skipped := trainer.scaler.skipped) else "")
