"""A comparison with PyTorch, which a learner need not have: then the figures of an earlier run are shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from minitransformer.installing import install_line


def beside_pytorch(compare: Callable[[], Any], shipped: str) -> None:
    """Print a comparison with PyTorch.

    Args:
        compare: a function that imports torch, compares, and returns what to print.
        shipped: what it returned in a run with PyTorch; printed where PyTorch is not installed.
    """
    if importlib.util.find_spec("torch"):
        print(compare())
        return
    print("PyTorch is not installed; these are the figures of a run with PyTorch:")
    print(shipped)
    print(f"To compare it yourself, type this in a terminal, and run the cell again: {install_line('torch')}")
