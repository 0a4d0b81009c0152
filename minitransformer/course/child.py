"""The process in which a learner's file is run and judged: `python -m minitransformer.course.child FILE EXERCISE`.

Before any of the learner's code runs, doors are closed that an exercise never needs: writing and deleting files, other
processes, the network. The report goes out through the standard error that this process was started with, after a password
from its standard input; what the learner's code prints goes to standard output.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.exercise import Failed
from minitransformer.course.judge import UNWRITTEN, describe, judge, load
from minitransformer.course.report import Report
from minitransformer.course.tampering import fingerprint, tampered

MEMORY = 2 << 30  # bytes beyond what Python and NumPy have taken
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CLOSED = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown", "os.utime",
    "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "ctypes.dlopen", "shutil.rmtree",
}  # fmt: skip


def close_doors() -> None:
    """Let Python refuse what no exercise needs. (An audit hook cannot be taken off again.)"""

    def hook(event: str, arguments: tuple) -> None:
        writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES and arguments[0] != os.devnull
        if event in CLOSED or writing:
            raise PermissionError(f"{'open for writing' if writing else event}: an exercise needs no files, processes or network")

    sys.dont_write_bytecode = True
    sys.addaudithook(hook)


def limit_memory() -> None:
    """A huge allocation raises MemoryError, on Linux. macOS and Windows do not keep to it; there, the time limit remains."""
    if sys.platform == "linux":
        import resource

        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def examine(path: Path, name: str) -> Report:
    """Load the object `name` of the learner's file and judge it; whatever the file does becomes a report."""
    exercise, before, file = catalogue.exercise(name), fingerprint(), str(path)
    try:
        if borrowed := library_imports(path):
            return Report(name, "refused", details=(f"line {borrowed}: the answer is not to be taken from the library",))
        answer = load(path, name)
        if getattr(answer, "__module__", "learner") != "learner":
            return Report(name, "refused", details=(f"`{name}` is {answer.__module__}'s own; the task is to write it",))
        report = judge(name, exercise, answer, file)
    except NotImplementedError:
        report = Report(name, "unwritten", hint=UNWRITTEN)
    except Failed as failed:
        report = Report(name, "crashed", details=failed.details, hint=failed.hint)
    except SystemExit:
        report = Report(name, "crashed", details=("it called exit()",), hint="Return the result instead.")
    except BaseException as error:
        report = Report(name, "crashed", details=describe(error, file))
    if changed := tampered(before):
        return Report(name, "refused", details=(f"your code replaced {changed}",), hint="Give your function a name of its own.")
    return report


def library_imports(path: Path) -> int:
    """The first line that imports minitransformer, or names a module of it in a string, 0 if there is none."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        if any(re.fullmatch(r"minitransformer(\.\w+)*", name) for name in names):
            return node.lineno
    return 0


def main() -> None:
    password = sys.stdin.readline().strip()
    channel = os.dup(2)
    os.dup2(1, 2)
    limit_memory()
    close_doors()
    report = examine(Path(sys.argv[1]), sys.argv[2])
    os.write(channel, (password + json.dumps(report.to_dict())).encode())
    os._exit(0)  # threads that still run shall not keep us


if __name__ == "__main__":
    main()
