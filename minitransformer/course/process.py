"""The process in which a learner's code runs, from the judge's side: started, used within a time limit, and always ended."""

from __future__ import annotations

import codecs
import contextlib
import importlib.util
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from minitransformer.course import cell, pretend
from minitransformer.course.cell.wire import HEAD, LARGEST, Nonsense
from minitransformer.course.exercise import Stopped
from minitransformer.course.printed import Printed
from minitransformer.course.windows_job import job_of

STARTING = 60  # seconds until the learner's code can be run
ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}
AS_UTF_8 = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
# the walls let no process write compiled kernels, and a time limit is not for compiling them
PLAIN_KERNELS = {"MINITRANSFORMER_KERNELS": "numpy"}
# an environment variable by which processes that the learner's code has started are found
MARK = "MINITRANSFORMER_CELL"
PACKAGE, CELL, PRETEND = (
    Path(p).resolve() for p in (Path(__file__).parents[1], Path(cell.__file__).parent, pretend.__file__)
)
OF_A_CLONE = ("lessons", "tests", ".git", "build")


class Gone(Stopped):
    """The process has ended, or was ended."""


class Process:
    """A context manager: the process runs inside the block and is killed at its end, also after an exception.

    Args:
        folder: the learner's folder, which the process may read.

    Attributes:
        timed_out: whether the process was killed at its time limit.
        output: what it has printed.
    """

    stdin: BinaryIO
    stdout: BufferedReader
    stderr: BinaryIO

    def __init__(self, folder: Path):
        self.folder = folder
        self.mark = f"{MARK}={secrets.token_hex(16)}"
        self.timed_out, self.came = False, b""
        self.output = Printed()

    def __enter__(self) -> Process:
        command = [
            sys.executable,
            "-P",
            "-u",  # what is printed is there also if the process is killed
            str(CELL),
            json.dumps([os.getpid(), str(self.folder), *_seen(self.folder)]),
        ]
        name, _, token = self.mark.partition("=")
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **ONE_THREAD, **AS_UTF_8, **PLAIN_KERNELS, name: token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows has it
        )
        pipes: Any = self.process  # whose types do not tell that all three are there
        self.stdin = pipes.stdin
        self.stdout = pipes.stdout
        self.stderr = pipes.stderr
        self.job = job_of(self.process)
        self.reader = threading.Thread(target=self._read_output, daemon=True)
        self.reader.start()
        self.clock = threading.Timer(0, self._ring)
        self.limit(STARTING)
        return self

    def __exit__(self, *_) -> None:
        self.clock.cancel()
        self.end()
        self.reader.join(1)
        for stream in (self.stdin, self.stderr, *([] if self.reader.is_alive() else [self.stdout])):
            with contextlib.suppress(
                OSError
            ):  # another process may still hold the pipe open; do not wait for it
                stream.close()

    def limit(self, seconds: float) -> None:
        """Set the time limit; it replaces an earlier one.

        Args:
            seconds: how long the process may run from now on.
        """
        self.clock.cancel()
        self.clock = threading.Timer(seconds, self._ring)
        self.clock.daemon = True
        self.clock.start()

    def _ring(self) -> None:
        self.timed_out = True
        self.end()

    def end(self) -> None:
        """Kill the process and its process group."""
        if os.name == "nt":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.process.pid)], capture_output=True)
        elif self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def sweep(self) -> None:
        """Kill processes that it started and that have left its group. On Linux only; not needed if it cannot start processes."""
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in place.read_bytes():
                    os.kill(int(place.parent.name), signal.SIGKILL)

    def send(self, data: bytes) -> None:
        """Send a message.

        Args:
            data: the message.

        Raises:
            Gone: if the process has ended.
        """
        try:
            self.stdin.write(data)
            self.stdin.flush()
        except (OSError, ValueError):
            raise Gone from None

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for the next message.

        Returns:
            Its JSON text, and the bytes of its arrays.

        Raises:
            Gone: if the process has ended.
            Nonsense: if it sent something else, or too much.
        """
        sizes = self._read(HEAD.size)
        if any(size > most for size, most in zip(HEAD.unpack(sizes), LARGEST, strict=True)):
            raise Nonsense(f"the process of your code sent something other than a result: {sizes!r}")
        head, body = map(self._read, HEAD.unpack(sizes))
        return head, body

    def _read(self, count: int) -> bytes:
        while len(self.came) < count:
            self._wait(self.stderr)
            piece = os.read(self.stderr.fileno(), 1 << 20)
            if not piece:
                raise Gone
            self.came += piece
        read = self.came[:count]
        self.came = self.came[count:]
        return read

    def _wait(self, stream: BinaryIO) -> None:
        """Wait until there is something to read. Raises Gone if the process has ended, even if another one holds the pipe open."""
        while os.name != "nt" and not select.select([stream], [], [], 0.2)[0]:
            if self.process.poll() is not None:
                raise Gone

    def _read_output(self) -> None:
        """Read what is printed, however much it is: the process would wait if nobody did."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while piece := self.stdout.read1(65536):
            self.output.write(decoder.decode(piece))


def _seen(folder: Path) -> tuple[list[str], list[str]]:
    """The paths that the learner's code may not read, because they contain answers, and those inside them that it needs."""
    root = PACKAGE.parent
    clone = [root / name for name in OF_A_CLONE] if (root / "pyproject.toml").exists() else []
    shown = [folder, CELL, PRETEND, Path(importlib.util.cache_from_source(str(PRETEND)))]
    return [str(path) for path in (PACKAGE, *clone) if path.exists()], [str(path) for path in shown]
