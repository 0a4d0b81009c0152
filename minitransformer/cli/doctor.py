"""`minitransformer doctor`: what is installed, which backends work, and how to install what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

import numpy
from rich.table import Table
from rich.text import Text

from minitransformer import kernels
from minitransformer.cli.options import Backend, Json, Seed, console, print_json
from minitransformer.course.sandbox import not_held, walls
from minitransformer.defaults import check_backend
from minitransformer.devices import cuda_problem
from minitransformer.installing import cupy_line, install_line
from minitransformer.kernels.choice import VARIABLE
from minitransformer.kernels.compiled import works

PURPOSE = {
    "numpy": "arrays on the CPU",
    "safetensors": "checkpoints",
    "rich": "tables and progress",
    "typer": "this command",
    "matplotlib": "pictures",
    "torch": "comparing gradients, optional: minitransformer[test]",
    "jupyterlab": "lessons, optional: minitransformer[lessons]",
    "tokenizers": "pretrained models, optional: minitransformer[models]",
    "numba": "compiled kernels, optional: minitransformer[fast]",
}
EXTRA = {
    "torch": "[test]",
    "jupyterlab": "[lessons]",
    "tokenizers": "[models]",
    "numba": "[fast]",
}  # by which each is installed
REQUIRED = ("numpy", "safetensors", "rich", "typer", "matplotlib")


def doctor(seed: Seed = 0, backend: Backend = None, json: Json = False) -> None:
    """Show what is installed, which backends work, and how to install what is missing.

    Exit code 1 if a required package is missing, or the backend given by --backend does not work.
    """
    asked = backend or "numpy"
    check_backend(asked)
    packages = {name: _version(name) for name in PURPOSE}
    backends = {"numpy": "works", "cupy": cupy_state()}
    report = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": packages,
        "backends": backends,
        "kernels": kernels_in_use(),
        "walls": sorted(walls()),
    }
    if json:
        print_json(report)
    else:
        _print(report)
    if any(packages[name] is None for name in REQUIRED) or backends[asked] != "works":
        sys.exit(1)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def kernels_in_use() -> str:
    """The kernels that compute on the CPU.

    Returns:
        "numpy", or "numba" with its version.
    """
    host = numpy.empty(0)
    return kernels.name_of(host) if kernels.of(host) is not kernels.numba or works() else "numpy"


def cupy_state() -> str:
    """The state of the CuPy backend.

    Returns:
        "works", or what is missing (CuPy, a driver, a newer driver, a device) and how to mend it.
    """
    try:
        problem = cuda_problem()
    except ImportError:
        return f"not installed, needed only for a GPU: {cupy_line()}"
    return f"installed, but {problem}" if problem else "works"


def _print(report: dict) -> None:
    table = Table(
        "", "version", "for", title=f"Python {report['python']} on {report['system']}", title_justify="left"
    )
    for name, version in report["packages"].items():
        table.add_row(name, version or Text("missing", style="yellow"), PURPOSE[name])
    console.print(table)
    missing = [name for name, version in report["packages"].items() if version is None]
    for name in missing:
        console.print(f"{name} is missing: {install_line(EXTRA.get(name, name))}", soft_wrap=True)
    for name, state in report["backends"].items():
        console.print(
            Text.assemble(f"backend {name}: ", (state, "green" if state == "works" else "")), soft_wrap=True
        )
    console.print(f"kernels on the CPU: {report['kernels']}; {VARIABLE}=numpy or numba chooses others")
    held = not_held(report["walls"]) or "the system enforces all restrictions on the code that you check"
    console.print(Text(f"exercises: {held}"), soft_wrap=True)
