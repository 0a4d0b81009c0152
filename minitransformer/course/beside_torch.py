"""A comparison with PyTorch, which a learner need not have: then the figures of an earlier run are shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from minitransformer.installing import install_line
from minitransformer.plain import spelt_out


def beside_pytorch(compare: Callable[[], Any], shipped: str) -> None:
    """Print a comparison with PyTorch.

    Args:
        compare: a function that imports torch, compares, and returns what to print.
        shipped: what it returned in a run with PyTorch; printed where PyTorch is not installed.
    """
    if importlib.util.find_spec("torch"):
        print(spelt_out(str(compare())))
        return
    print(spelt_out("PyTorch is not installed; these are the figures of a run with PyTorch:"))
    print(spelt_out(shipped))
    line = install_line("torch")
    print(spelt_out(f"To compare it yourself, type this in a terminal, and run the cell again: {line}"))
