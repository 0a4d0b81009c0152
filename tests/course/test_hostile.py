# ruff: noqa: E501 (tables of small programs, one a line)
"""Hostile and faulty answers: each gets a report in time, does not pass by cheating, and leaves no process or file behind."""

import hashlib
import os
import secrets
import time
from pathlib import Path

import pytest

from minitransformer.course import catalogue, process
from minitransformer.course.sandbox import check_file

pytestmark = [
    pytest.mark.host("a learner's process, which knows no backend"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="these walls are Linux's"),
]
GOOD, BAD = catalogue.solutions_of("06_attention"), "\ndef softmax(x):\n    return x * 0\n"
C = "import ctypes, os\nc = ctypes.CDLL(None)\n"
THREAD = "import threading\ndef later():\n    while True: pass\nthreading.Thread(target=later).start()\n"
V = "import os\nvictim = os.environ['VICTIM']\nfile = victim + '/file'\n"

ACTS = {  # what: what is done before a right answer; it may pass or not
    "loops at import": "while True: pass\n",
    "loops in C": "sum(range(10**13))\n",
    "a huge power": "10 ** 10 ** 9\n",
    "a bad pattern": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n",
    "prints for ever": "while True: print('x' * 1000)\n",
    "prints for ever to standard error": "import sys\nwhile True: sys.stderr.write('x' * 1000)\n",
    "writes straight to the pipe": "import os\nwhile True: os.write(1, b'x' * 1000)\n",
    "fork bomb": "import os\nwhile True: os.fork()\n",
    "fork bomb of C": C + "while True: c.fork()\n",
    "vfork by number": C + "for n in (56, 57, 58, 435): c.syscall(n, 17, 0, 0, 0, 0)\n",
    "daemon": "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True: pass\n    os._exit(0)\n",
    "daemon of C": C + "if c.fork() == 0:\n    c.setsid()\n    c.fork()\n    while True: pass\n",
    "runs a program": "import os\nos.execv('/bin/sleep', ['sleep', '60'])\n",
    "runs a program by C": C + "c.system(b'sleep 60 &')\n",
    "runs a program by execveat": C + "c.execve(b'/bin/sleep', 0, 0)\nc.syscall(322, -100, b'/bin/sleep', 0, 0, 0)\n",
    "spawns": "import os\nos.posix_spawn('/bin/sleep', ['sleep', '60'], os.environ)\n",
    "a pseudo-terminal": "import pty\npty.spawn(['sleep', '60'])\n",
    "multiprocessing": "import multiprocessing as m\nm.Process(target=print).start()\n",
    "a pool of processes": "from concurrent.futures import ProcessPoolExecutor as P\nlist(P(2).map(abs, range(4)))\n",
    "a thread for ever": THREAD,
    "threads for ever": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()\n",
    "all memory": "import numpy\nnumpy.ones(1 << 40)\n",
    "memory by and by": "kept = []\nwhile True: kept.append(bytearray(1 << 24))\n",
    "memory of C": C + "while True: c.memset(c.malloc(1 << 24), 1, 1 << 24)\n",
    "memory in files": "import os, itertools\nfor i in itertools.count(): open(f'f{i}', 'wb').write(bytes(1 << 22))\n",
    "memory in pipes": "import os\nfor _ in range(10**6): os.write(os.pipe()[1], bytes(1 << 16))\n",
    "open files without end": "kept = []\nwhile True: kept.append(open('/dev/null'))\n",
    "recursion": "def f(): f()\nf()\n",
    "recursion of C": "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(x): return sorted([x], key=f)\nf(1)\n",
    "a deep literal": "(" * 300 + ")" * 300 + "\n",
    "a deep expression": "-" * 100_000 + "1\n",
    "null bytes": "x = '\0'\n",
    "not text": "# \udcff\udcfe\n",
    "exits": "import os\nos._exit(0)\n",
    "exits later": "import atexit, os\natexit.register(os._exit, 0)\nraise SystemExit\n",
    "exits as it is torn down": "import sys\nclass A:\n    def __del__(self): sys.exit(3)\na = A()\ndel a\n",
    "interrupts itself": "raise KeyboardInterrupt\n",
    "a generator's end": "raise GeneratorExit\n",
    "crashes": C + "c.memset(0, 1, 1)\n",
    "aborts": "import os\nos.abort()\n",
    "faulthandler": "import faulthandler\nfaulthandler._sigsegv()\n",
    "kills itself": "import os\nos.kill(os.getpid(), 9)\n",
    "kills by C": C + "for pid in (0, -1, os.getppid(), 1): c.kill(pid, 9)\n",
    "kills its group": "import os\nos.killpg(0, 9)\n",
    "kills by a pidfd": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)\n",
    "traces its parent": C + "c.ptrace(16, os.getppid(), 0, 0)\n",
    "into its parent's memory": "import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b').write(b'x')\n",
    "into all memories": "import glob\nfor f in glob.glob('/proc/[0-9]*/mem'):\n    try: open(f, 'r+b').write(b'x')\n    except OSError: pass\n",
    "deaf to signals": "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\nwhile True: pass\n",
    "TCP": "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n",
    "UDP": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n",
    "a server": "import socket\nsocket.create_server(('', 0)).accept()\n",
    "a socket in the file system": V + "import socket\nsocket.socket(socket.AF_UNIX).bind(victim + '/socket')\n",
    "a socket of C": C + "s = c.socket(2, 2, 0)\nassert s < 0\n",
    "the web": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9', timeout=1)\n",
    "writes": V + "open(file, 'w').write('x')\n",
    "appends": V + "open(file, 'a').write('x')\n",
    "writes by C": C + V + "f = c.open(file.encode(), 1)\nc.write(f, b'x', 1)\nc.truncate(file.encode(), 0)\n",
    "makes a file by C": C + V + "c.open((victim + '/new').encode(), 0o101, 0o600)\nc.creat((victim + '/new2').encode(), 0o600)\n",
    "writes by readline": V + "import readline\nreadline.write_history_file(file)\n",
    "writes by sqlite": V + "import sqlite3\nsqlite3.connect(victim + '/new.db').execute('create table a (b)')\n",
    "attaches by sqlite": V + "import sqlite3\nsqlite3.connect(':memory:').execute(f\"attach '{victim}/new.db' as a\").execute('create table a.b (c)')\n",
    "writes by numpy": V + "import numpy\nnumpy.ones(3).tofile(file)\n",
    "writes by a map": V + "import numpy\nnumpy.memmap(file, mode='r+', shape=3)[:] = 1\n",
    "writes by dbm": V + "import dbm.dumb\ndbm.dumb.open(victim + '/new')['a'] = 'b'\n",
    "writes a log": V + "import logging\nlogging.basicConfig(filename=victim + '/log')\nlogging.error('x')\n",
    "writes into its own file": "open(__file__, 'a').write('x')\n",
    "deletes": V + "os.remove(file)\n",
    "deletes by C": C + V + "c.unlink(file.encode())\nc.rmdir((victim + '/folder').encode())\n",
    "deletes a tree": V + "import shutil\nshutil.rmtree(victim)\n",
    "renames": V + "os.rename(file, file + '2')\n",
    "renames by C": C + V + "c.rename(file.encode(), (file + '2').encode())\nc.renameat2(-100, file.encode(), -100, (file + '3').encode(), 0)\n",
    "links": V + "os.link(file, file + '2')\n",
    "links softly": C + V + "c.symlink(b'/', (file + '2').encode())\nc.mkdir((file + '3').encode(), 0o700)\nc.mkfifo((file + '4').encode(), 0o600)\n",
    "changes rights": V + "os.chmod(file, 0o777)\n",
    "changes rights by C": C + V + "c.chmod(file.encode(), 0o777)\nc.fchmodat(-100, file.encode(), 0o777, 0)\nc.chown(file.encode(), 1, 1)\n",
    "changes rights of an open file": C + V + "f = open(file)\nc.fchmod(f.fileno(), 0o777)\n",
    "changes times": V + "os.utime(file, (0, 0))\n",
    "changes times by C": C + V + "c.utimensat(-100, file.encode(), (ctypes.c_long * 4)(), 0)\nc.utime(file.encode(), (ctypes.c_long * 2)())\n",
    "changes attributes": V + "os.setxattr(file, 'user.a', b'b')\n",
    "changes attributes by C": C + V + "c.setxattr(file.encode(), b'user.a', b'b', 1, 0)\n",
    "shared memory": "from multiprocessing import shared_memory\nshared_memory.SharedMemory('left_here', create=True, size=9)\n",
    "System V's memory": C + "c.shmget(4711, 4096, 0o1666)\nc.msgget(4711, 0o1666)\nc.semget(4711, 1, 0o1666)\n",
    "a message queue": C + "c.syscall(240, b'left_here', 0o102, 0o600, 0)\n",
    "temporary files": "import tempfile\ntempfile.mkstemp()\ntempfile.mkdtemp()\nopen('new', 'w').write('x')\n",
    "a file of memory": "import os\nos.write(os.memfd_create('a'), b'x')\n",
    "mounts": C + V + "c.mount(b'none', victim.encode(), b'tmpfs', 0, 0)\nc.umount2(b'/proc', 2)\nc.umount2(b'/dev/shm', 2)\n",
    "another world": C + V + "c.unshare(0x10000000)\nc.setns(3, 0)\nc.chroot(victim.encode())\n",
    "a ring that goes round the filter": C + "c.syscall(425, 8, (ctypes.c_char * 120)())\n",
    "lets go of its parent": C + "c.prctl(1, 0, 0, 0, 0)\nwhile True: pass\n",
    "types into the terminal": "import fcntl, termios\nfor f in range(10):\n    try: fcntl.ioctl(f, termios.TIOCSTI, b'x')\n    except OSError: pass\n",
    "writes to terminals": "import glob\nfor f in glob.glob('/dev/pts/*') + ['/dev/tty']:\n    try: open(f, 'w').write('x')\n    except OSError: pass\n",
    "closes all files": "import os\nos.closerange(0, 999)\n",
    "closes the first files": "import os\nos.closerange(0, 3)\n",
    "noise in all files": "import os\nfor f in range(3, 99):\n    try: os.write(f, b'noise' * 99)\n    except OSError: pass\n",
    "a huge length": "import os\nfor f in range(3, 99):\n    try: os.write(f, b'\\xff' * 8)\n    except OSError: pass\n",
    "reads all files": "import os\nfor f in range(99):\n    try: os.read(f, 99)\n    except OSError: pass\n",
    "reads standard input": "import sys\nsys.stdin.read()\ninput()\n",
    "lifts limits": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (-1, -1))\n",
    "lifts limits by C": C + "c.setrlimit(9, (ctypes.c_long * 2)(-1, -1))\nc.prlimit(0, 9, (ctypes.c_long * 2)(-1, -1), 0)\nimport numpy\nnumpy.ones(1 << 34)\n",
    "a damaged locale": "import os, locale\nos.environ.update(LC_ALL='xx', PYTHONIOENCODING='xx')\nlocale.setlocale(locale.LC_ALL, 'C')\n",
    "a codec that fails": "import codecs\ncodecs.register(lambda name: 1 / 0)\n",
    "an error without words": "class E(Exception):\n    def __str__(self): raise self\n    __repr__ = __str__\nraise E\n",
    "an error of another kind": "class E(BaseException): pass\nraise E\n",
    "a huge error": "raise ValueError('x' * 10**8)\n",
    "a chain of errors": "e = ValueError()\nfor _ in range(10**5):\n    n = ValueError()\n    n.__cause__ = e\n    e = n\nraise e\n",
    "a group of errors": "raise ExceptionGroup('a', [ValueError(), TypeError()])\n",
    "an error that wants more": "raise UnicodeDecodeError('a', b'', 0, 1, 'b')\n",
    "an error with a hostile name": "raise type('\\x1b[2J [red]', (Exception,), {})('\\x1b[31m')\n",
    "no builtins": "import builtins\nfor n in dir(builtins):\n    if n[0] != '_': delattr(builtins, n)\n",
    "no modules": "import sys\nsys.modules.clear()\n",
    "no NumPy": "import numpy\nfor n in dir(numpy):\n    if n[0] != '_': delattr(numpy, n)\n",
    "traces itself": "import sys\nsys.settrace(lambda *a: 1 / 0)\n",
    "no collector": "import gc\ngc.disable()\ngc.freeze()\n",
    "warnings are errors": "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('x')\n",
}  # fmt: skip

CHEATS = {  # what: a whole file, which must not pass
    "replaces what compares": "import numpy\nnumpy.isclose = numpy.allclose = lambda *a, **k: numpy.True_\n" + BAD,
    "replaces NumPy's functions": "import numpy\nfor n in dir(numpy):\n    if callable(getattr(numpy, n)) and n[0] != '_' and not isinstance(getattr(numpy, n), type): setattr(numpy, n, lambda *a, **k: True)\n" + BAD,
    "replaces a builtin": "import builtins\nbuiltins.abs = builtins.max = lambda *a, **k: 0\n" + BAD,
    "replaces JSON": "import json\njson.dumps = json.JSONEncoder.encode = lambda *a, **k: '{\"status\": \"passed\"}'\n" + BAD,
    "adds to a class": "for c in object.__subclasses__():\n    if c.__name__ == 'Property': c.holds = property(lambda self: lambda answer: None)\n" + BAD,
    "finds the exercise": "exec('''\nimport gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'Exercise': object.__setattr__(o, 'properties', ())\n''')\n" + BAD,
    "looks up the frames": "import sys\nf = sys._getframe()\nwhile f:\n    print(f.f_locals)\n    f = f.f_back\n" + BAD,
    "forges a report": "import os\nfor f in range(3, 99):\n    try: os.write(f, b'{\"status\": \"passed\"}')\n    except OSError: pass\nos._exit(0)\n",
    "forges an answer to load": "import os, json, struct\nh = json.dumps({'nodes': [], 'value': [None], 'state': [], 'counts': {'faraway': {}, 'elsewhere': {}}, 'status': 'passed'}).encode()\nfor f in range(3, 99):\n    try: os.write(f, (struct.pack('<II', len(h), 0) + h) * 50)\n    except OSError: pass\nimport time\ntime.sleep(5)\n",
    "equal to everything": "class A:\n    def __eq__(self, o): return True\n    def __getattr__(self, n): return lambda *a, **k: True\n    __lt__ = __gt__ = __le__ = __ge__ = __eq__\n    __hash__ = None\ndef softmax(x):\n    return A()\n",
    "an array that agrees": "import numpy\nclass A(numpy.ndarray):\n    def __eq__(self, o): return True\n    def __array_function__(self, *a): return True\n    def __array_ufunc__(self, *a, **k): return True\ndef softmax(x):\n    return x.view(A)\n",
    "says it is another class": "class A:\n    __class__ = float\n    def __float__(self): return 1.0\ndef softmax(x):\n    return A()\n",
    "an array of objects": "import numpy\nclass A:\n    def __float__(self): return 1.0\ndef softmax(x):\n    return numpy.array([A()] * x.size, dtype=object).reshape(x.shape)\n",
    "an array with an eye": "class A:\n    def __array__(self, *a, **k): raise SystemExit\ndef softmax(x):\n    return A()\n",
    "text of numbers": "def softmax(x):\n    return str(x.tolist())\n",
    "NaN": "def softmax(x):\n    return x * float('nan')\n",
    "infinity": "def softmax(x):\n    return x * float('inf')\n",
    "complex numbers": "def softmax(x):\n    return x * 1j\n",
    "another type": "def softmax(x):\n    return x.astype(bool)\n",
    "a structured array": "import numpy\ndef softmax(x):\n    return numpy.zeros(x.shape, [('a', float)])\n",
    "a list in itself": "def softmax(x):\n    a = []\n    a.append(a)\n    return a\n",
    "a deep list": "def softmax(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a\n",
    "a long list": "def softmax(x):\n    return [[0.0]] * 10**7\n",
    "a large array": "import numpy\ndef softmax(x):\n    return numpy.zeros(1 << 27)\n",
    "a stretched array": "import numpy\ndef softmax(x):\n    return numpy.broadcast_to(0.0, (1 << 40,))\n",
    "a huge number": "def softmax(x):\n    return 10 ** 100000\n",
    "an endless generator": "def softmax(x):\n    while True: yield 1\n",
    "an endless sequence": "class A:\n    def __len__(self): return 1 << 60\n    def __getitem__(self, i): return 0.0\ndef softmax(x):\n    return A()\n",
    "a function": "def softmax(x):\n    return softmax\n",
    "a class": "def softmax(x):\n    return float\n",
    "a module": "import numpy\ndef softmax(x):\n    return numpy\n",
    "is a class": "class softmax(float): pass\n",
    "is what says yes to all": "class A:\n    def __getattr__(self, n): return self\n    def __call__(self, *a, **k): return self\n    def __iter__(self): return iter(())\n    def __instancecheck__(self, o): return True\nsoftmax = A()\n",
    "changes its input to fit": "def softmax(x):\n    x[...] = 1 / x.shape[-1]\n    return x\n",
    "resizes its input": "def softmax(x):\n    x.resize((0,), refcheck=False)\n    return x\n",
    "turns its input": "def softmax(x):\n    x.shape = (-1,)\n    return x\n",
    "reads the solution": "import glob, sys\nfor folder in sys.path + ['/']:\n    for f in glob.glob(folder + '/minitransformer/course/solutions/lesson_06*'): exec(open(f).read())\n",
    "reads it where the library is": f"exec(open({str(process.PACKAGE / 'course' / 'solutions' / 'lesson_06_attention.py')!r}).read())\n",
    "reads its bytecode": f"import glob, marshal\nf = glob.glob({str(process.PACKAGE / 'nn' / '__pycache__')!r} + '/functional*')[0]\nexec(marshal.loads(open(f, 'rb').read()[16:]))\n",
    "imports the library": "import importlib\nsoftmax = importlib.import_module('mini' + 'transformer.nn.functional').softmax\n",
    "imports it by a loader": f"import importlib.machinery as m\nsoftmax = m.SourceFileLoader('a', {str(process.PACKAGE / 'course' / 'solutions' / 'lesson_06_attention.py')!r}).load_module().softmax\n",
    "takes it from another process": "import glob\nfor f in glob.glob('/proc/[0-9]*/mem'):\n    try: open(f, 'rb').read(99)\n    except OSError: pass\n" + BAD,
    "lies about its inputs": "import numpy\ndef softmax(x):\n    numpy.copyto(x, 0)\n    return numpy.full(x.shape, 1 / x.shape[-1])\n",
}  # fmt: skip
OFTEN = {
    "daemon of C", "prints for ever", "writes by C", "changes rights by C", "UDP", "kills by C", "noise in all files",
    "no builtins", "adds to a class", "forges an answer to load", "reads it where the library is", "a list in itself",
}  # fmt: skip


def programs(table):
    return [pytest.param(what, id=what, marks=() if what in OFTEN else pytest.mark.slow) for what in table]


def picture(*folders):
    """All that can be seen of files: names, contents, rights, owners, times, attributes."""
    found = {}
    for path in (p for folder in folders for p in [folder, *sorted(folder.rglob("*"))]):
        about = path.lstat()
        inside = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (
            inside,
            about.st_mode,
            about.st_uid,
            about.st_mtime_ns,
            about.st_nlink,
            os.listxattr(path),
        )
    return found


def elsewhere():
    """Where things are left that are in no folder of ours."""
    kept = [Path("/proc/sysvipc", what) for what in ("shm", "msg", "sem")]
    named = [
        name for folder in ("/dev/shm", "/dev/mqueue") if os.path.isdir(folder) for name in os.listdir(folder)
    ]
    return [
        *(len(p.read_text().splitlines()) for p in kept if p.exists()),
        *(n for n in named if "left_here" in n),
    ]


def running(mark):
    """The processes that have the mark in their environment, but for this one."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes() and int(place.name) != os.getpid():
                found.append((place.name, (place / "cmdline").read_bytes()))
        except OSError:
            pass
    return found


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Checks a source, and asserts that the check ends in time and leaves no process or file behind."""
    victim, course, mark = tmp_path / "home", tmp_path / "course", secrets.token_hex(8)
    (victim / "folder").mkdir(parents=True)
    course.mkdir()
    (victim / "file").write_text("kept")
    monkeypatch.setenv("HOME", str(victim))
    monkeypatch.setenv("VICTIM", str(victim))
    monkeypatch.setenv("JUDGED", mark)
    monkeypatch.chdir(victim)

    def judge(source):
        file = course / "06_attention.py"
        file.write_text(source, encoding="utf-8", errors="surrogateescape")
        before, begin = (picture(victim, course), elsewhere()), time.monotonic()
        report = check_file("softmax", file)
        assert time.monotonic() - begin < 15, report
        assert not running(mark.encode()), report
        assert (picture(victim, course), elsewhere()) == before, report
        assert str(report) and report.to_dict()
        return report

    return judge


@pytest.mark.parametrize("what", programs(ACTS))
def test_whatever_it_does_is_told_and_leaves_nothing(judged, what):
    judged(ACTS[what] + GOOD)


@pytest.mark.parametrize("what", programs(CHEATS))
def test_it_does_not_pass_by_cheating(judged, what):
    report = judged(CHEATS[what])
    assert not report.passed, report
