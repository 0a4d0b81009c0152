# ruff: noqa: E501 (a table of small programs, one a line)
"""Whatever a learner's file does, a report comes, soon, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest
from later import Later

from minitransformer import course
from minitransformer.course import catalogue
from minitransformer.course.sandbox import check_file

psutil = Later("psutil")
SOLUTION = catalogue.solutions_of("06_attention")
HOSTILE = {
    "loops": ("def softmax(x):\n    while True: pass\n", "stopped", "it was then in line 2: while True: pass"),
    "prints forever": ("def softmax(x):\n    while True: print('x' * 1000)\n", "stopped", "line 2: while True: print"),
    "prints megabytes": (SOLUTION + "\nprint('x' * (1 << 22))\n", "passed", ""),
    "catches everything, for ever": ("def softmax(x):\n    while True:\n        try:\n            return 1 / 0\n        except BaseException: pass\n", "stopped", "seconds"),
    "exits": ("import sys\ndef softmax(x):\n    sys.exit(0)\n", "crashed", "exit"),
    "exits on import": ("raise SystemExit\n", "crashed", "exit"),
    "exits at once": ("import os\ndef softmax(x):\n    os._exit(0)\n", "crashed", "ended with code 0"),
    "raises": ("def softmax(x):\n    return x.nothing\n", "crashed", "line 2: return x.nothing"),
    "does not parse": ("def softmax(x:\n    return x\n", "crashed", "line 1"),
    "is empty": ("", "crashed", "there is no `softmax`"),
    "is of another exercise": ("def causal_mask(T):\n    return T\n", "crashed", "there is no `softmax`"),
    "returns None": ("def softmax(x):\n    x + 1\n", "failed", "Is there a `return`"),
    "calls what is not written": ("def e(x):\n    raise NotImplementedError\ndef softmax(x):\n    return e(x)\n", "unwritten", "`e` is not written yet"),
    "asks an array": ("def softmax(x):\n    return x if x > 0 else -x\n", "crashed", "np.where"),
    "returns a string": ("def softmax(x):\n    return 'softmax'\n", "failed", "expected an array of numbers, got a str"),
    "has another signature": ("def softmax():\n    return 0\n", "crashed", "positional argument"),
    "is no function": ("softmax = 3\n", "crashed", "not callable"),
    "takes all memory": ("import numpy as np\ndef softmax(x):\n    return np.ones(1 << 40)\n", "crashed", "llocat"),
    "recurses": ("def softmax(x):\n    return softmax(x)\n", "crashed", "RecursionError"),
    "forks": ("import os\ndef softmax(x):\n    while True: os.fork()\n", "crashed", "os.fork"),
    "starts a process": ("import subprocess\ndef softmax(x):\n    subprocess.run(['sleep', '60'])\n", "crashed", "processes"),
    "kills its parent": ("import os, signal\ndef softmax(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n", "crashed", "os.kill"),
    "imports the answer": ("from minitransformer.nn.functional import softmax\n", "refused", "line 1"),
    "finds the answer under another name": ("import sys\nsoftmax = sys.modules['mini' + 'transformer.nn.functional'].softmax\n", "crashed", "KeyError"),
    "is not its own": ("from math import exp as softmax\n", "refused", "is math's own"),
    "finds the answer": ("import sys\nsoftmax = sys.modules['minitransformer.nn.functional'].softmax\n", "refused", "line 2"),
    "bribes the judge": ("import numpy\nnumpy.isclose = numpy.allclose = lambda *a, **k: numpy.True_\n" + SOLUTION, "passed", ""),
    "forges a report": ("import os, sys\ndef softmax(x):\n    os.write(2, b'{\"status\": \"passed\"}'); os._exit(0)\n", "crashed", "code 0"),
    "threads on": ("import threading, time\n" + SOLUTION + "\nthreading.Thread(target=time.sleep, args=(99,)).start()\n", "passed", ""),
    "takes memory bit by bit": ("def softmax(x):\n    kept = []\n    while True: kept.append(bytearray(1 << 26))\n", "crashed|stopped", "MemoryError|seconds"),
    "overflows the stack": ("import sys\nsys.setrecursionlimit(1 << 30)\ndef softmax(x):\n    return sorted([x], key=softmax)\n", "crashed", "ended with code|RecursionError"),
    "closes every door": ("import os\nos.closerange(0, 99)\n" + SOLUTION, "crashed", "ended with code"),
    "sleeps on import": ("import time\ntime.sleep(99)\n", "stopped", "seconds"),
    "asks for input": ("def softmax(x):\n    return input('x? ')\n", "crashed", "EOFError"),
    "starts threads for ever": ("import threading, time\ndef softmax(x):\n    while True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n", "crashed|stopped", ""),
    "uses a pool": ("import multiprocessing as m\ndef softmax(x):\n    return m.Pool(2).map(abs, x)\n", "crashed", "PermissionError|File too large"),
    "keeps its first answer": (SOLUTION + "\nown, kept = softmax, []\ndef softmax(x):\n    kept.append(own(x))\n    return kept[0]\n", "failed", "expected shape"),
    "changes its input": (SOLUTION + "\nown = softmax\ndef softmax(x):\n    y = own(x)\n    x *= 2\n    return y\n", "failed", "changed in place"),
    "always agrees": ("class Yes:\n    def __eq__(self, o): return True\n    def sum(self, *a): return self\ndef softmax(x):\n    return Yes()\n", "failed|crashed", ""),
    "finds no judge to write into": ("import sys\nfor m in list(sys.modules.values()):\n    if hasattr(m, 'keeps_float32'): m.same = lambda *a, **k: None\n" + SOLUTION, "passed", ""),
    "wraps the answer": ("import sys\ndef softmax(x):\n    return sys.modules['minitransformer.kernels.reference'].softmax(x, -1)\n", "refused", "line 3"),
    "imports it by name": ("import importlib\nF = importlib.import_module('minitransformer.kernels.reference')\ndef softmax(x):\n    return F.softmax(x, -1)\n", "refused", "line 2"),
    "replaces what writes the report": ("import json\njson.dumps = json.JSONEncoder.encode = lambda *a: '{\"name\": \"softmax\", \"status\": \"passed\"}'\ndef softmax(x):\n    return x\n", "crashed", "something other than a result"),
    "replaces a method of the judge": ("for c in object.__subclasses__():\n    if c.__name__ == 'Report': c.to_dict = lambda self: {'name': 'softmax', 'status': 'passed'}\ndef softmax(x):\n    return x\n", "failed", "sums to 1"),
    "empties the exercise": ("import sys\ne = sys.modules['mini' + 'transformer.course.catalogue'].exercise('softmax')\nobject.__setattr__(e, 'properties', ())\ndef softmax(x):\n    return x\n", "crashed", "KeyError"),
    "looks for the password": ("import sys\ndef softmax(x):\n    print(sys._getframe().f_back.f_back.f_back.f_locals['password'])\n", "crashed", "KeyError"),
    "looks for it with help": ("import inspect\ndef softmax(x):\n    print(inspect.currentframe().f_back)\n", "failed", "None"),
    "looks for it by an error": ("def softmax(x):\n    try: 1 / 0\n    except ZeroDivisionError as e: print(e.__traceback__.tb_frame.f_back)\n", "failed", "None"),
    "looks for it everywhere": ("import gc\ngc.get_objects()\n", "crashed", "no `softmax`"),
    "changes the code of a judge": ("import json\njson.dumps.__code__ = (lambda *a: a).__code__\n", "crashed", "no `softmax`|something other than a result|ended with code"),
    "composes the library's name": ("import importlib\nF = importlib.import_module('mini' + 'transformer.kernels.reference')\ndef softmax(x):\n    return F.softmax(x, -1)\n", "crashed", "PermissionError"),
    "starts a process by the back door": ("import _posixsubprocess\n_posixsubprocess.fork_exec()\n", "crashed", "PermissionError"),
    "makes a pipe in the folder": ("import os\nos.mkfifo('pipe')\n", "crashed", "PermissionError"),
    "fills a file of memory": ("import os\nf = os.memfd_create('f')\nwhile True: os.write(f, bytes(1 << 24))\n", "crashed", "not permitted"),
    "lifts the limits": ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n", "crashed", "resource.setrlimit"),
    "raises a huge error": ("def softmax(x):\n    raise ValueError('x' * 10_000_000)\n", "crashed", "ValueError: xxx"),
    "raises what cannot be shown": ("def softmax(x):\n    raise ValueError('\\ud800 \\x1b[2J')\n", "crashed", r"\ud800 \x1b[2J"),
    "raises what has no words": ("class E(Exception):\n    def __str__(self): raise self\ndef softmax(x):\n    raise E\n", "crashed", "line 4: raise E"),
    "yields": ("def softmax(x):\n    yield x\n", "crashed|failed", "yield"),
    "writes where the report goes": ("import os\nfor f in range(3, 50):\n    try: os.write(f, b'noise')\n    except OSError: pass\n" + SOLUTION, "crashed", "something other than a result"),
    "is deaf to signals": ("import signal\nfor s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\nwhile True: pass\n", "stopped", "seconds"),
    "uses what Python offers": ("from __future__ import annotations\nfrom collections import namedtuple\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    b: int = 1\nP = namedtuple('P', 'a b', defaults=(1,))\n" + SOLUTION.split('"""', 2)[2], "passed", ""),
    "catches all": ("def softmax(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n", "stopped", ""),
}  # fmt: skip
SELDOM = {
    "is of another exercise", "returns a string", "has another signature", "exits on import", "kills its parent", "starts a process",
    "finds the answer", "wraps the answer", "threads on", "takes memory bit by bit", "sleeps on import", "starts threads for ever",
    "catches all", "is deaf to signals", "uses a pool", "looks for it with help", "looks for it by an error", "looks for it everywhere",
    "starts a process by the back door", "makes a pipe in the folder", "fills a file of memory", "empties the exercise",
    "replaces a method of the judge", "finds no judge to write into", "prints forever",
}  # fmt: skip


@pytest.fixture
def report_on(tmp_path):
    def judge(source, seconds=4):
        file = tmp_path / "06_attention.py"
        file.write_text(source, encoding="utf-8")
        report = check_file("softmax", file, seconds)
        assert file.read_text(encoding="utf-8") == source
        assert sorted(os.listdir(tmp_path)) == ["06_attention.py"]
        return report

    return judge


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=pytest.mark.slow) if w in SELDOM else w for w in HOSTILE]
)
def test_a_report_comes_and_nothing_is_left(report_on, what):
    source, status, said = HOSTILE[what]
    report = report_on(source)
    assert report.status in status.split("|"), report
    assert any(part in str(report) for part in said.split("|")), report
    assert not [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    "act",
    [
        "open(__file__, 'a')",
        "open(__file__ + '.txt', 'w')",
        "__import__('os').remove(__file__)",
        "__import__('shutil').rmtree(__import__('os').path.dirname(__import__('numpy').__file__))",
        "__import__('os').rename(__file__, __file__ + '2')",
        "__import__('pathlib').Path(__import__('mini' + 'transformer').__file__).write_text('')",
        "__import__('socket').socket().connect(('127.0.0.1', 9))",
    ],
)
def test_no_door_is_open(report_on, act):
    report = report_on(f"def softmax(x):\n    {act}\n")
    assert report.status == "crashed" and "PermissionError" in str(report), report


def test_reading_is_allowed(report_on):
    assert report_on("open(__file__).read()\n" + SOLUTION).passed


def test_solution_stub_and_missing_file(report_on, tmp_path):
    assert report_on(SOLUTION).passed
    assert report_on("def softmax(x):\n    raise NotImplementedError\n").status == "unwritten"
    assert check_file("softmax", tmp_path / "nothing.py").status == "unwritten"


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("class Value:\n    def __init__(self, *a):\n        while True: pass\n", "stopped", "seconds"),
        ("class Value:\n    def __new__(cls, *a): return None\n", "crashed|failed", ""),
        (
            "class Value:\n    def __getattr__(self, name): return self\n    def __init__(self, *a): pass\n",
            "crashed|failed",
            "",
        ),
        ("Value = float\n", "crashed|failed|refused", ""),
        ("class Value:\n    def __init__(self, data): self.data = data\n", "crashed|failed", ""),
    ],
)
def test_a_hostile_class_is_reported_too(tmp_path, source, status, said):
    file = tmp_path / "01_reverse_mode.py"
    file.write_text(source, encoding="utf-8")
    report = check_file("Value", file, 4)
    assert report.status in status.split("|") and said in str(report), report


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (lambda x: sys.exit(0), "crashed", "exit()"),
        (lambda x: time.sleep(9), "stopped", "0.2 seconds"),
        (abs, "failed", "sum"),
    ],
)
def test_in_a_notebook_a_report_comes_as_well(monkeypatch, answer, status, said):
    monkeypatch.setattr(course, "SECONDS", 0.2)
    report = course.check("softmax", answer)
    assert report.status == status and said in str(report), report


def test_the_alarm_is_off_afterwards(monkeypatch):
    before = signal.getsignal(signal.SIGALRM)
    course.check("softmax", abs)
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_exercise_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="expected one of"):
        catalogue.exercise("sofmax")


def test_the_library_is_as_it_was():
    status = subprocess.run([sys.executable, "-c", "import minitransformer"], capture_output=True)
    assert status.returncode == 0
