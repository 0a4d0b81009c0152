"""A command on several ranks: it starts itself anew by mpiexec, as many times, and passes signals on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minitransformer.collectives import world
from minitransformer.installing import install_line

# of the libraries that multiply matrices: ranks share out the cores, so each takes one
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
AGAIN = "import sys; sys.argv[0] = 'minitransformer'; from minitransformer.cli import main; main()"
STOP = ("SIGINT", "SIGTERM", "SIGHUP")


def mpiexec() -> str:
    """MPI's launcher, beside this Python or on the path.

    Returns:
        The program.

    Raises:
        ImportError: there is none; the message says what to install.
    """
    beside = Path(sys.executable).with_name("mpiexec")
    if found := str(beside) if beside.exists() else shutil.which("mpiexec"):
        return found
    raise ImportError(f"--ranks needs mpi4py and mpich, which are not installed: {install_line('[mpi]')}")


def start(ranks: int) -> int:
    """Run this command line on several ranks, and wait for their end.

    Args:
        ranks: how many.

    Returns:
        The exit code.

    Raises:
        ImportError: MPI is not installed.
    """
    command = [mpiexec(), "-n", str(ranks), sys.executable, "-c", AGAIN, *sys.argv[1:]]
    # a session of its own: a Ctrl-C of the terminal comes here alone, and is passed on once
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    before = {
        getattr(signal, name): signal.signal(
            getattr(signal, name), lambda *_: process.send_signal(signal.SIGINT)
        )
        for name in STOP
        if hasattr(signal, name)
    }
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def environment() -> dict[str, str]:
    """The variables that each rank begins with: one thread for products, and a terminal as wide as this one, if it is one.

    Returns:
        The variables.
    """
    shown = {}
    if sys.stdout.isatty():
        shown = {"FORCE_COLOR": "1", "COLUMNS": str(shutil.get_terminal_size().columns)}
    return {**dict.fromkeys(ONE_THREAD, "1"), "MPIR_CVAR_SUPPRESS_ABORT_MESSAGE": "1", **shown, **os.environ}


@contextmanager
def as_a_rank() -> Iterator[bool]:
    """Be one of the ranks that a launcher started, if one did. An error of one ends all.

    Yields:
        Whether this rank is the first, which prints and writes; True without a launcher.
    """
    if not world.launched():
        yield True
        return
    engine = world.enter("mpi", -1, -1, world.TIMEOUT)
    try:
        yield engine.rank == 0
    except Exception as error:
        engine.abort(error)
    finally:
        world.leave()
