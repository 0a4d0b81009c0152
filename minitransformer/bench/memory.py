"""The memory of training, ours or PyTorch's, in a process of its own: `python -m minitransformer.bench.memory PACKAGE`."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from minitransformer.bench.models import twin
from minitransformer.bench.works import SIZES, Work, device_growth, growth, repeated, training_step
from minitransformer.defaults import default_device
from minitransformer.randomness import manual_seed


def training_growth(package: str) -> int:
    """Measure the memory of training at char size, at its peak, beyond importing and building.

    Args:
        package: "minitransformer" or "torch", which trains.

    Returns:
        Bytes.
    """
    size = SIZES["char"]
    manual_seed(0)
    ours = size.model()
    model = ours if package == "minitransformer" else twin(ours)
    work = repeated(training_step(importlib.import_module(package), model, size))
    if default_device().type != "cuda":
        return growth(work)
    return device_growth(work) if package == "minitransformer" else _growth_of_torch(work)


def _growth_of_torch(work: Work) -> int:
    """Bytes of GPU memory, as PyTorch's own pool counts them."""
    cuda = importlib.import_module("torch").cuda
    before = cuda.memory_allocated()
    work()
    return cuda.max_memory_allocated() - before


def measure(package: str) -> int:
    """Call `training_growth` in a new process, on the backend in use here.

    Args:
        package: "minitransformer" or "torch".

    Returns:
        Bytes.
    """
    command = [sys.executable, "-m", "minitransformer.bench.memory", package]
    backend = {"MINITRANSFORMER_BACKEND": "cupy" if default_device().type == "cuda" else "numpy"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | backend)
    return int(done.stdout)


if __name__ == "__main__":
    print(training_growth(sys.argv[1]))
