"""The kernels in CUDA C++, each compiled for a dtype when it is first launched."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

import numpy as np

from minitransformer.backends import cupy

CUDA_NAMES = {"float16": "float16", "float32": "float", "float64": "double"}
CENTRED = ("true", "false")  # whether the mean is subtracted: a layer norm does this, an RMS norm does not
SOFTMAXES = ("softmax<{0}, {0}>", "softmax<{0}, Wide<{0}>::type>", "softmax_vjp<{}>")
ROWS = (*SOFTMAXES, "cross_entropy<{}>", "cross_entropy_vjp<{}>")
NORMS = ("norm", "norm_vjp", "norm_parameters_vjp")
KERNELS = {
    "rows": (*ROWS, *(f"{norm}<{{}}, {centred}>" for norm in NORMS for centred in CENTRED)),
    "dropout": ("dropout_scale<{}>",),
    "many": ("squares<{}>", "scale<{}>", "adam<{}>"),
}


def source(file: str) -> str:
    """The source code in `file`.cu."""
    folder = importlib.resources.files("minitransformer.kernels")
    return folder.joinpath(f"{file}.cu").read_text(encoding="utf-8")


def names(file: str, dtype: np.dtype) -> list[str]:
    """The names of the kernels of `file`.cu for a dtype, in C++."""
    return [name.format(CUDA_NAMES[dtype.name]) for name in KERNELS[file]]


@functools.cache
def _module(file: str, dtype: np.dtype) -> Any:
    return cupy().RawModule(code=source(file), options=("-std=c++17",), name_expressions=names(file, dtype))


@functools.cache
def _kernel(name: str, dtype: np.dtype) -> Any:
    file = next(file for file, kernels in KERNELS.items() if name in kernels)
    return _module(file, dtype).get_function(name.format(CUDA_NAMES[dtype.name]))


def launch(name: str, dtype: np.dtype, blocks: int, threads: int, *arguments: Any) -> None:
    """Launch a kernel of KERNELS. A Python int or float is passed as C's int or double, an array as its address."""
    plain = [
        np.int32(a) if isinstance(a, int) else np.float64(a) if isinstance(a, float) else a for a in arguments
    ]
    _kernel(name, dtype)((blocks,), (threads,), tuple(plain))
