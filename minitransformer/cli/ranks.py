"""A command on several ranks: it starts itself anew by mpiexec, as many times, and passes signals on.

The first rank reads from a pipe that the command holds open. Whatever ends the command closes the pipe; then the run stops too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from minitransformer.collectives import world
from minitransformer.installing import install_line

# of the libraries that multiply matrices: ranks share out the cores, so each takes one
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
AGAIN = "import sys; sys.argv[0] = 'minitransformer'; from minitransformer.cli import main; main()"
STOP = ("SIGINT", "SIGTERM", "SIGHUP")
HELD = "MINITRANSFORMER_STDIN_HELD"  # set where the end of standard input is the end of the command that started the ranks


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


def start_ranks(ranks: int | None, each: int) -> None:
    """Run this command line on several ranks, if several are asked for and no launcher has started them; then exit with their code.

    Args:
        ranks: how many; None means as few as can be.
        each: how many ranks share out one model.

    Raises:
        ValueError: the number of ranks is no multiple of `each`.
        ImportError: MPI is not installed.
    """
    count = each if ranks is None else ranks
    if count % each:
        raise ValueError(
            f"--ranks: expected a multiple of {each}, the product of --tensor and --pipeline, got {count}"
        )
    if count > 1 and not world.launched():
        sys.exit(start(count))


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
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, start_new_session=True)
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        process.send_signal(signal.SIGINT)

    numbers = [getattr(signal, name) for name in STOP if hasattr(signal, name)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        code = process.wait()
        return 128 + came[0] if came and code == 128 + signal.SIGINT else code
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
    quiet = {"MPIR_CVAR_SUPPRESS_ABORT_MESSAGE": "1"}
    return {**dict.fromkeys(ONE_THREAD, "1"), **quiet, **shown, **os.environ, HELD: "1"}


def _end_with_parent() -> None:
    """Stop this process as SIGTERM does, with a checkpoint, once standard input ends."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


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
    if engine.rank == 0 and HELD in os.environ:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        yield engine.rank == 0
    except Exception as error:
        engine.abort(error)
    finally:
        world.leave()
