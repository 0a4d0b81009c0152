"""The kernels written in CUDA C++, compiled for a dtype when first launched."""

from __future__ import annotations

import functools
import importlib.resources

import numpy as np

from minitransformer.backends import cupy

CUDA_NAMES = {"float16": "float16", "float32": "float", "float64": "double"}
CENTRED = ("true", "false")  # a layer norm takes the mean out, an RMS norm does not
KERNELS = {
    "rows": (
        *(
            "softmax<{0}, {0}>",
            "softmax<{0}, Wide<{0}>::type>",
            "softmax_vjp<{}>",
            "cross_entropy<{}>",
            "cross_entropy_vjp<{}>",
        ),
        *(
            f"{name}<{{}}, {centred}>"
            for name in ("norm", "norm_vjp", "norm_parameters_vjp")
            for centred in CENTRED
        ),
    ),
    "dropout": ("dropout_scale<{}>",),
    "many": ("squares<{}>", "scale<{}>", "adam<{}>"),
}


def source(file: str) -> str:
    """The text of `file`.cu."""
    return (
        importlib.resources.files("minitransformer.kernels")
        .joinpath(f"{file}.cu")
        .read_text(encoding="utf-8")
    )


def names(file: str, dtype: np.dtype) -> list[str]:
    """The kernels of `file`.cu for a dtype, as C++ spells them."""
    return [name.format(CUDA_NAMES[dtype.name]) for name in KERNELS[file]]


@functools.cache
def _module(file: str, dtype: np.dtype):
    return cupy().RawModule(code=source(file), options=("-std=c++17",), name_expressions=names(file, dtype))


@functools.cache
def _kernel(name: str, dtype: np.dtype):
    file = next(file for file, kernels in KERNELS.items() if name in kernels)
    return _module(file, dtype).get_function(name.format(CUDA_NAMES[dtype.name]))


def launch(name: str, dtype: np.dtype, blocks: int, threads: int, *arguments) -> None:
    """Run a kernel of KERNELS. Python numbers become C's int and double, arrays their address."""
    plain = [
        np.int32(a) if isinstance(a, int) else np.float64(a) if isinstance(a, float) else a for a in arguments
    ]
    _kernel(name, dtype)((blocks,), (threads,), tuple(plain))
