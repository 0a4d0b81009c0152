"""Judge a learner's file in a process of its own, within limits of time, memory and output."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path

from minitransformer.course.report import Report

SECONDS, OUTPUT = 10, 100_000  # bytes printed
STARTING = 60  # seconds until the learner's code can be run
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")}


def check_file(name: str, path: Path, seconds: float = SECONDS) -> Report:
    """The report on the exercise `name` as solved in the file at `path`. It always comes, whatever the file does."""
    path = Path(path).resolve()
    if not path.exists():
        hint = f"`minitransformer start {path.parent}` puts it there; files that are there stay as they are."
        return Report(name, "unwritten", details=(f"{path} does not exist",), hint=hint)
    process = _start(name, path)
    try:
        return _judged(process, name, seconds)
    finally:
        _end(process)
        with contextlib.suppress(OSError):
            process.stdin.close()


def _judged(process: subprocess.Popen, name: str, seconds: float) -> Report:
    password = secrets.token_hex(16)
    printed, told = _Reader(process.stdout, OUTPUT, lambda: _end(process)), _Reader(process.stderr, 1 << 22, lambda: _end(process))
    with contextlib.suppress(OSError):
        process.stdin.write(password.encode() + b"\n")
        process.stdin.flush()  # and is left open: the process ends where it is closed
    told.begun.wait(STARTING)  # importing takes its time on a busy machine, and is not the learner's
    timed_out = False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        timed_out = True
    _end(process)
    return _read(name, process.returncode, printed.finish(), told.finish(), password, timed_out and seconds)


def _start(name: str, path: Path) -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", "minitransformer.course.child", str(path), name, str(os.getpid())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}
    return subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, **pipes, **group)


def _end(process: subprocess.Popen) -> None:
    """Kill the process and whatever it started."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(name: str, code: int, printed: bytes, told: bytes, password: str, seconds: float) -> Report:
    if len(printed) >= OUTPUT:
        return Report(name, "stopped", details=(f"it printed more than {OUTPUT:,} characters",), hint="Is there a print in a loop?")
    before, sign, report = told.partition(password.encode())
    if sign:
        with contextlib.suppress(ValueError, TypeError):
            return Report.from_dict(json.loads(report))
    if seconds:
        return too_long(name, seconds)
    said = before.decode(errors="replace").strip().splitlines()[-1:]
    return Report(name, "crashed", details=(f"Python ended with code {code} before the check was done", *said))


def too_long(name: str, seconds: float) -> Report:
    """What to say where a time limit ended the code."""
    return Report(name, "stopped", details=(f"it was not done after {seconds:g} seconds",), hint="Is there a loop that never ends?")


class _Reader(threading.Thread):
    """Reads a stream up to a limit, and calls `too_much` there."""

    def __init__(self, stream, limit: int, too_much):
        super().__init__(daemon=True)
        self.stream, self.limit, self.too_much, self.data = stream, limit, too_much, b""
        self.begun = threading.Event()  # something came, or nothing ever will
        self.start()

    def run(self) -> None:
        while piece := self.stream.read1(65536):
            self.data += piece
            self.begun.set()
            if len(self.data) >= self.limit:
                self.too_much()
                break
        self.begun.set()

    def finish(self) -> bytes:
        """What came. (Whoever holds the pipe open after the process has ended is not waited for.)"""
        self.join(1)
        if not self.is_alive():
            self.stream.close()
        return self.data
