"""The version under PyTorch's names: `torch.version.__version__`, `torch.version.cuda`."""

from __future__ import annotations

import importlib

from minitransformer.devices import gpu

__all__ = ["__version__", "cuda", "hip", "xpu"]  # noqa: F822  the first two by `__getattr__`

hip = xpu = None  # of other makers of GPUs: there are none here


def _cuda() -> str | None:
    """The version of CUDA that CuPy runs with, such as "12.4"; None without a GPU."""
    try:
        number = gpu().cuda.runtime.runtimeGetVersion()
    except (ImportError, RuntimeError):
        return None
    return f"{number // 1000}.{number % 1000 // 10}"


def __getattr__(name: str) -> str | None:
    if name == "cuda":
        return _cuda()
    if name == "__version__":
        found: str = importlib.import_module("minitransformer").__version__
        return found
    raise AttributeError(f"module 'minitransformer.version' has no attribute {name!r}")
