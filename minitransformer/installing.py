"""Command lines that install what is missing, for the Python that runs and from where minitransformer came."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.machinery import PathFinder

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def install_line(*wanted: str) -> str:
    """A command line that installs packages into the environment at hand.

    Args:
        wanted: packages, such as "lime", or extras of minitransformer, such as "[lessons]".

    Returns:
        The line, to be typed in a shell of this system.
    """
    pip = [sys.executable, "-m", "pip", "install"]
    line = _quoted([*pip, *(_ours(name) if name.startswith("[") else name for name in wanted)])
    # importlib.util's find_spec would ask setuptools' finder too, which then gives up its distutils
    if PathFinder.find_spec("pip"):
        return line
    return f"{_quoted([sys.executable, '-m', 'ensurepip'])} && {line}"


def cupy_line() -> str:
    """A command line that installs CuPy.

    Returns:
        The line for CUDA 12, and what to write for CUDA 13.
    """
    return f"{install_line('[cuda12]')}, or 'minitransformer[cuda13]', whichever CUDA the driver supports"


def _ours(extra: str) -> str:
    """minitransformer with an extra: by its name if it is installed here, which needs no index; else from the clone that runs."""
    from importlib import metadata  # here, as it takes 25 ms to load

    try:
        metadata.distribution("minitransformer")
    except metadata.PackageNotFoundError:
        if os.path.exists(os.path.join(ROOT, "pyproject.toml")):
            return f"{ROOT}{extra}"
    return f"minitransformer{extra}"


def _quoted(words: list[str]) -> str:
    if os.name != "nt":
        return shlex.join(words)
    from subprocess import list2cmdline  # here, as it takes 10 ms to load

    return list2cmdline(words)
