"""PyTorch's functions by which programs ask for speed or a dtype: there so that the programs run, and without effect."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from minitransformer.backends import DType, float32

PRECISIONS = ("highest", "high", "medium")


class _Chosen:
    """What was set, to be read again."""

    precision = "highest"
    threads: int | None = None


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A module or a function, as it is. PyTorch translates it into faster code; here every op runs as it is written.

    Args:
        model: the module or function; None gives a decorator.
        fullgraph: no effect.
        dynamic: no effect.
        backend: no effect.
        mode: no effect.
        options: no effect.
        disable: no effect.

    Returns:
        `model` itself; without it, a function that gives back what it is given.
    """
    return (lambda given: given) if model is None else model


def set_float32_matmul_precision(precision: str) -> None:
    """How exactly products of float32 are computed; here always in float32, "highest".

    Args:
        precision: "highest", "high" or "medium".

    Raises:
        ValueError: for another word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"set_float32_matmul_precision: expected one of {PRECISIONS}, got {precision!r}")
    _Chosen.precision = precision


def get_float32_matmul_precision() -> str:
    """What was set by `set_float32_matmul_precision`.

    Returns:
        "highest" unless something else was set.
    """
    return _Chosen.precision


def set_num_threads(num_threads: int) -> None:
    """How many threads a product takes. NumPy's library reads that from OPENBLAS_NUM_THREADS when it starts; this has no effect.

    Args:
        num_threads: from 1 on.

    Raises:
        ValueError: for another number.
    """
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1:
        raise ValueError(f"set_num_threads: expected an integer >= 1, got {num_threads!r}")
    _Chosen.threads = num_threads


def get_num_threads() -> int:
    """The number that was set by `set_num_threads`, or else the one with which NumPy's library starts.

    Returns:
        From 1 on.
    """
    told = os.environ.get("OPENBLAS_NUM_THREADS", "")
    return _Chosen.threads or (int(told) if told.isdigit() and int(told) else os.cpu_count() or 1)


def get_default_dtype() -> DType:
    """The dtype of new tensors of numbers with a point.

    Returns:
        float32.
    """
    return float32


def set_default_dtype(d: DType) -> None:
    """Accepted for float32, which is the dtype of new tensors.

    Args:
        d: float32.

    Raises:
        NotImplementedError: another dtype.
    """
    if d != float32:
        raise NotImplementedError(
            f"set_default_dtype: new tensors are float32, got {d}; pass dtype=, or convert a module by .double() or .to(dtype)"
        )
