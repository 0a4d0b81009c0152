"""The last part of a tour: every gradient is checked."""

from __future__ import annotations

from rich.console import Console

from minitransformer.terminal import Bar
from minitransformer.verify import Result, verify_all


def check_gradients(seed: int, console: Console) -> list[Result]:
    """Compare every op and layer with finite differences, and with PyTorch if it is installed.

    Args:
        seed: of the random inputs.
        console: where the progress bar is drawn.

    Returns:
        The result of each check.
    """
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        return verify_all(
            None, seed, lambda i, n, name: bar.update(task, completed=i, total=n, description=f"   {name}")
        )
