"""However a check is interrupted, nothing of it goes on."""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.host("a learner's process, which knows no backend"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]
ENDLESS = {
    "a loop": "def softmax(x):\n    while True: pass\n",
    "one call of C": "def softmax(x):\n    return sum(range(10**13))\n",
    "threads": "import threading\ndef f():\n    while True: pass\nfor _ in range(4): threading.Thread(target=f).start()\nf()\n",
    "deaf": "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass\n",
    "a session of its own": "import os\nos.setsid()\nwhile True: pass\n",
    "sleep": "import time\ntime.sleep(99)\n",
}
HOW = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGQUIT"]
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # both are ignored by what a shell runs in the background
from minitransformer.cli import main
main()
"""
CHECK = "check softmax --dir"


def with_mark(mark):
    """The command lines of all processes that have the mark in their environment, by id."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes():
                found[int(place.name)] = (place / "cmdline").read_bytes()
        except OSError:
            pass
    return found


def interrupted(folder, source, how, command=CHECK, delay=0.0):
    """The exit code of a command that is interrupted while it checks an answer, and what runs a while later."""
    (folder / "06_attention.py").write_text(source, encoding="utf-8")
    mark = f"MARK={secrets.token_hex(8)}"
    arguments = [sys.executable, "-c", START, *command.split(), str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(arguments, env={**os.environ, "MARK": mark[5:]}, **quiet)
    try:
        while not any(b"course/cell" in line for line in with_mark(mark).values()):
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(delay)
        os.killpg(process.pid, getattr(signal, how))
        code = process.wait(20)
        time.sleep(0.3)
        return code, with_mark(mark)
    finally:
        for pid in with_mark(mark):
            os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("how", "what"), [("SIGINT", "a loop"), ("SIGHUP", "one call of C"), ("SIGKILL", "a session of its own")]
)
def test_nothing_goes_on(tmp_path, how, what):
    code, left = interrupted(tmp_path, ENDLESS[what], how, delay=0.4)
    assert not left
    assert code in (128 + getattr(signal, how), -getattr(signal, how))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_nothing_ever_goes_on(tmp_path, seed):
    rng = random.Random(seed)
    commands = [CHECK, CHECK, "watch softmax --dir", "tour --mine --steps 1 --dir"]
    how = HOW[seed % len(HOW)]
    _, left = interrupted(
        tmp_path, rng.choice(list(ENDLESS.values())), how, rng.choice(commands), rng.uniform(0, 1.5)
    )
    assert not left
