"""The process a learner's code runs in, from outside: started, spoken with within a limit of time, and ended, come what may."""

from __future__ import annotations

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
from minitransformer.course.windows_job import job_of

STARTING = 60  # seconds until the learner's code can be run
OUTPUT = 100_000  # bytes printed
ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}
# by which what a learner's code has started is found, where no wall holds it back
MARK = "MINITRANSFORMER_CELL"
PACKAGE, CELL, PRETEND = (
    Path(p).resolve() for p in (Path(__file__).parents[1], Path(cell.__file__).parent, pretend.__file__)
)
OF_A_CLONE = ("lessons", "tests", ".git", "build")


class Gone(BaseException):
    """The process has ended, or its time. (No Exception, so that nothing that judges an answer takes it for the answer's.)"""


class Process:
    """Use it as a context: at the end of the block, however that comes, nothing of it runs any more."""

    stdin: BinaryIO
    stdout: BufferedReader
    stderr: BinaryIO

    def __init__(self, folder: Path):
        self.folder, self.mark = folder, f"{MARK}={secrets.token_hex(16)}"
        self.timed_out, self.printed, self.came = False, 0, b""

    def __enter__(self) -> Process:
        command = [
            sys.executable,
            "-P",
            str(CELL),
            json.dumps([os.getpid(), str(self.folder), *_seen(self.folder)]),
        ]
        name, _, token = self.mark.partition("=")
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **ONE_THREAD, name: token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows has it
        )
        pipes: Any = self.process  # whose types do not tell that all three are there
        self.stdin, self.stdout, self.stderr = pipes.stdin, pipes.stdout, pipes.stderr
        self.job = job_of(self.process)
        self.counter = threading.Thread(target=self._count, daemon=True)
        self.counter.start()
        self.clock = threading.Timer(0, self._ring)
        self.limit(STARTING)
        return self

    def __exit__(self, *_) -> None:
        self.clock.cancel()
        self.end()
        self.counter.join(1)
        for stream in (self.stdin, self.stderr, *([] if self.counter.is_alive() else [self.stdout])):
            with contextlib.suppress(OSError):  # whoever holds the pipe open is not waited for
                stream.close()

    def limit(self, seconds: float) -> None:
        """From now on it has so long."""
        self.clock.cancel()
        self.clock = threading.Timer(seconds, self._ring)
        self.clock.daemon = True
        self.clock.start()

    def _ring(self) -> None:
        self.timed_out = True
        self.end()

    def end(self) -> None:
        """Kill the process and whatever it started."""
        if os.name == "nt":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.process.pid)], capture_output=True)
        elif self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def sweep(self) -> None:
        """Kill what has run away from it. (Linux, where the walls do not hold processes.)"""
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in place.read_bytes():
                    os.kill(int(place.parent.name), signal.SIGKILL)

    def send(self, data: bytes) -> None:
        """Raises Gone."""
        try:
            self.stdin.write(data)
            self.stdin.flush()
        except (OSError, ValueError):
            raise Gone from None

    def receive(self) -> tuple[bytes, bytes]:
        """The next message. Raises Gone, Nonsense."""
        sizes = self._read(HEAD.size)
        if any(size > most for size, most in zip(HEAD.unpack(sizes), LARGEST, strict=True)):
            raise Nonsense(f"what came out of your code's process makes no sense: {sizes!r}")
        head, body = map(self._read, HEAD.unpack(sizes))
        return head, body

    def _read(self, count: int) -> bytes:
        while len(self.came) < count:
            self._wait(self.stderr)
            piece = os.read(self.stderr.fileno(), 1 << 20)
            if not piece:
                raise Gone
            self.came += piece
        read, self.came = self.came[:count], self.came[count:]
        return read

    def _wait(self, stream: BinaryIO) -> None:
        """Until there is something to read; not for one who holds the pipe open after the process has ended. Raises Gone."""
        while os.name != "nt" and not select.select([stream], [], [], 0.2)[0]:
            if self.process.poll() is not None:
                raise Gone

    def _count(self) -> None:
        """Read what is printed, up to a limit."""
        while piece := self.stdout.read1(65536):
            self.printed += len(piece)
            if self.printed >= OUTPUT:
                self.end()
                break


def _seen(folder: Path) -> tuple[list[str], list[str]]:
    """What the learner's code cannot read, and what of that it can: the answers, and what it needs to begin."""
    root = PACKAGE.parent
    clone = [root / name for name in OF_A_CLONE] if (root / "pyproject.toml").exists() else []
    shown = [folder, CELL, PRETEND, Path(importlib.util.cache_from_source(str(PRETEND)))]
    return [str(path) for path in (PACKAGE, *clone) if path.exists()], [str(path) for path in shown]
