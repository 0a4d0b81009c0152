"""`minitransformer doctor`: what is installed, which backend works, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys

from rich.markup import escape
from rich.table import Table

from minitransformer.backends import cupy, namespace
from minitransformer.cli.options import Json, console, print_json

PURPOSE = {
    "numpy": "arrays on the CPU",
    "safetensors": "checkpoints",
    "rich": "tables and progress",
    "typer": "this command",
    "matplotlib": "pictures",
    "torch": "the judge of gradients, optional: pip install 'minitransformer[test]'",
    "jupyterlab": "lessons, optional: pip install 'minitransformer[lessons]'",
    "tokenizers": "pretrained models, optional: pip install 'minitransformer[models]'",
}
REQUIRED = ("numpy", "safetensors", "rich", "typer", "matplotlib")


def doctor(json: Json = False) -> None:
    """Tell what is installed, which backend works, and what to do about the rest."""
    report = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PURPOSE},
        "backends": {"numpy": "works", "cupy": cupy_state()},
    }
    if json:
        print_json(report)
    else:
        _print(report)
    if any(report["packages"][name] is None for name in REQUIRED):
        sys.exit(1)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cupy_state() -> str:
    """"works", or what is missing and what to do: no CuPy, no driver, too old a driver, no device."""
    if importlib.util.find_spec("cupy") is None:
        return "not installed, needed only for a GPU: pip install 'minitransformer[cuda12]' or 'minitransformer[cuda13]'"
    xp = cupy()
    try:
        xp.cuda.runtime.driverGetVersion()
        devices = xp.cuda.runtime.getDeviceCount()
        return "works" if devices and namespace(xp.zeros(1)) is xp else "installed, but the driver shows no device"
    except xp.cuda.runtime.CUDARuntimeError as error:
        return f"installed, but {_driver_problem(error.status)}"


def _driver_problem(status: int) -> str:
    if status == 35:  # cudaErrorInsufficientDriver, which is also what no driver at all gives
        return "there is no NVIDIA driver, or one too old for this CUDA: install or update it, or take the other extra"
    return "no device was found: is one there, and visible (CUDA_VISIBLE_DEVICES)?" if status == 100 else f"CUDA error {status}"


def _print(report: dict) -> None:
    table = Table("", "version", "for", title=f"Python {report['python']} on {report['system']}", title_justify="left")
    for name, version in report["packages"].items():
        table.add_row(name, version or "[yellow]missing[/yellow]", escape(PURPOSE[name]))
    console.print(table)
    for name, state in report["backends"].items():
        console.print(f"backend {name}: {'[green]works[/green]' if state == 'works' else escape(state)}", soft_wrap=True)
