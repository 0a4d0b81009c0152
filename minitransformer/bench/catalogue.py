"""The benchmarks by name, the package that each compares with, and how to install it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

from minitransformer.bench import eager
from minitransformer.bench.fast import fast
from minitransformer.bench.pairs import cores
from minitransformer.bench.row import Row
from minitransformer.bench.smollm2 import smollm2
from minitransformer.bench.surrogate import surrogate
from minitransformer.defaults import default_device
from minitransformer.installing import install_line

NO_GPU = "not measured: PyTorch sees no GPU here. It needs one, and a build for CUDA: https://pytorch.org/get-started"

BENCHMARKS: dict[
    str, tuple[Callable[[int], Iterator[Row]], str | None]
] = {  # name -> (benchmark, the package that it needs)
    "op": (eager.op, "torch"),
    "training": (eager.training, "torch"),
    "fast": (fast, "numba"),
    "memory": (eager.training_memory, "torch"),
    "chain": (eager.chain, "torch"),
    "generation": (eager.generation, "torch"),
    "lrp": (eager.relevance, None),
    "smollm2": (smollm2, "transformers"),
    "lime": (surrogate, "lime"),
}


def check_name(name: str) -> None:
    """Raise ValueError unless there is a benchmark of this name.

    Args:
        name: The name.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"only: expected one of {', '.join(BENCHMARKS)}, got {name!r}")


def rows(name: str, pairs: int) -> Iterator[Row]:
    """Run one benchmark.

    Args:
        name: A key of `BENCHMARKS`.
        pairs: Measurements of each side; slow benchmarks take fewer.

    Returns:
        The rows, each as soon as it is measured; or one row without a ratio, whose note says what to install.

    Raises:
        ValueError: There is no benchmark of this name.
    """
    check_name(name)
    benchmark, package = BENCHMARKS[name]
    if package is None:
        return benchmark(pairs)
    if note := _lacking(package):
        return iter([Row(name, package, None, note=note)])
    if package in ("torch", "transformers"):
        _same_threads()
    return benchmark(pairs)


def _lacking(package: str) -> str:
    """What must be installed to compare with `package`; "" if everything is."""
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed: {_install(package)}"
    if package in ("torch", "transformers") and default_device().type == "cuda" and not _torch_has_gpu():
        return NO_GPU
    return ""


def _torch_has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _install(package: str) -> str:
    """The command that installs a package; transformers is in no extra of ours, as no test needs it."""
    if package == "transformers":
        return install_line("transformers", "[models]")
    return install_line("[fast]" if package == "numba" else "[test]")


def _same_threads() -> None:
    """Give PyTorch as many threads as NumPy has."""
    import torch

    torch.set_num_threads(cores())
