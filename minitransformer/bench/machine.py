"""The machine on which something is measured."""

from __future__ import annotations

import platform

import numpy

from minitransformer.bench.pairs import cores
from minitransformer.defaults import default_device
from minitransformer.devices import gpu


def machine() -> dict[str, str | int]:
    """Describe the machine.

    Returns:
        The system, the number of cores, the versions of Python and NumPy, and the name of the GPU if one is in use.
    """
    here: dict[str, str | int] = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }
    return here | ({"device": _gpu_name()} if default_device().type == "cuda" else {})


def _gpu_name() -> str:
    runtime = gpu().cuda.runtime
    return runtime.getDeviceProperties(default_device().index)["name"].decode()
