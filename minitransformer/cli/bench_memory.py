"""The memory of a training step, measured in a process of its own: `python -m minitransformer.cli.bench_memory PACKAGE`."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from minitransformer.cli.bench_models import SIZES, training_step, twin
from minitransformer.defaults import default_device
from minitransformer.devices import gpu
from minitransformer.randomness import manual_seed

STATUS = Path("/proc/self/status")
STEPS = 3  # the first makes Adam's running means, the later ones use them


def resident() -> tuple[int, int] | None:
    """Bytes of memory in use now, and the most there ever were; None on systems that do not tell.

    Linux tells both. macOS tells only the most, which then stands for both: what it was before a step is what importing
    and building took. (Linux has that call too, but there a new process starts with its parent's figure.)
    """
    if STATUS.exists():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    if sys.platform == "darwin":
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most, most
    return None


def growth(package: str) -> int:
    """Bytes that training at char size takes at its peak, beyond what importing and building took."""
    size = SIZES["char"]
    manual_seed(0)
    ours = size.model()
    lib, model = importlib.import_module(package), ours if package == "minitransformer" else twin(ours)
    step = training_step(lib, model, size)
    if default_device().type == "cuda":
        return _growth_on_device(package, step)
    before, _ = resident()
    for _ in range(STEPS):
        step()
    return resident()[1] - before


def _growth_on_device(package: str, step: Callable[[], float]) -> int:
    """The same of a GPU's memory: each library tells what its own pool has lent out."""
    if package == "minitransformer":
        return device_peak(lambda: [step() for _ in range(STEPS)])
    cuda = importlib.import_module("torch").cuda
    before = cuda.memory_allocated()
    for _ in range(STEPS):
        step()
    return cuda.max_memory_allocated() - before


def device_peak(work: Callable[[], object]) -> int:
    """Bytes of device memory that `work` needs at its peak beyond what is in use already."""
    xp = gpu()
    pool = xp.get_default_memory_pool()
    before = peak = pool.used_bytes()

    class Peak(xp.cuda.MemoryHook):
        """Looks after each allocation."""

        name = "peak"

        def malloc_postprocess(self, **allocated):
            nonlocal peak
            peak = max(peak, pool.used_bytes())

    with Peak():
        work()
    return peak - before


def measure(package: str) -> int:
    """`growth` in a process of its own, on the backend in use here."""
    command = [sys.executable, "-m", "minitransformer.cli.bench_memory", package]
    backend = {"MINITRANSFORMER_BACKEND": "cupy" if default_device().type == "cuda" else "numpy"}
    return int(
        subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | backend).stdout
    )


if __name__ == "__main__":
    print(growth(sys.argv[1]))
