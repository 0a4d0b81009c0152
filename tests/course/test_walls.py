"""Where the kernel grants less, the other walls stand, and what does not stand is said."""

import json
import os
import subprocess
import sys

import pytest

from minitransformer.course.cell.kernel import MACHINE, MACHINES
from minitransformer.course.cell.landlock import around
from minitransformer.course.sandbox import not_held, walls

pytestmark = [
    pytest.mark.host("a learner's process, which knows no backend"),
    pytest.mark.skipif(MACHINE not in MACHINES, reason="these walls are Linux's"),
]
EVERY = {"processes", "network", "files", "memory", "answers"}
LESS = """
import ctypes, errno, json, os, struct, sys
from pathlib import Path
from minitransformer.course import catalogue
from minitransformer.course.cell import seccomp
from minitransformer.course.cell.kernel import call, control
from minitransformer.course.sandbox import check_file, walls

refused, no_filter, folder = sys.argv[1:]
steps = [(seccomp.LOAD, 0, 0, seccomp.NUMBER)]
for number in seccomp._numbers(refused):
    steps += seccomp._case(number, [seccomp._no(errno.ENOSYS)])
if no_filter:  # of another's making, as that is PR_SET_SECCOMP
    steps += seccomp._case(*seccomp._numbers("prctl 157 167"), seccomp._if(0, (seccomp.EQUAL, 22), yes=False))
code = b"".join(struct.pack("=HBBI", *step) for step in [*steps, (seccomp.RETURN, 0, 0, seccomp.ALLOW)])
code = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(code)), 16)
control(38, 1)
call("prctl", 22, 2, program, 0, 0)
told = [sorted(walls() - {"scratch"})]
for act in ("", "os.open('new', os.O_CREAT | os.O_WRONLY)", "os.chmod('06_attention.py', 0)", "os.unlink('06_attention.py')",
            "c.open(b'new', 0o101, 0o600)", "c.unlink(b'06_attention.py')", "assert c.fork() < 0", "assert c.socket(2, 2, 0) < 0"):
    file = Path(folder, "06_attention.py")
    os.chdir(folder)
    start = "import ctypes, os\\nc = ctypes.CDLL(None)\\nos.chdir(os.path.dirname(__file__))\\n" if act else ""
    file.write_text(start + act + "\\n" + catalogue.solutions_of("06_attention"))
    report = check_file("softmax", file)
    told.append([act, report.status, report.foot, str(report.details), sorted(os.listdir(folder)), file.stat().st_mode & 0o777])
print(json.dumps(told))
"""
NO_WORLD = "unshare 272 97 "
NO_LANDLOCK = "landlock_create_ruleset 444 444 "
NO_MOUNTS = "mount_setattr 442 442 "


@pytest.mark.parametrize(
    ("refused", "no_filter", "held"),
    [
        (NO_WORLD, "", EVERY),
        pytest.param("", "", EVERY, marks=pytest.mark.slow),
        pytest.param(NO_LANDLOCK, "", EVERY - {"answers"}, marks=pytest.mark.slow),
        pytest.param(NO_LANDLOCK + NO_MOUNTS, "", EVERY - {"answers"}, marks=pytest.mark.slow),
        pytest.param(NO_WORLD + NO_LANDLOCK, "", EVERY - {"answers"}, marks=pytest.mark.slow),
        pytest.param(NO_WORLD + NO_LANDLOCK, "no", {"memory"}, marks=pytest.mark.slow),
    ],
)
def test_the_others_stand(tmp_path, refused, no_filter, held):
    if not EVERY <= walls():
        pytest.skip("this kernel grants less already")
    command = [sys.executable, "-c", LESS, refused, no_filter, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    stand, right, *acts = json.loads(done.stdout or "0") or pytest.fail(done.stderr)
    assert set(stand) == held
    assert right[1:3] == ["passed", not_held(held)]
    for act, status, foot, details, there, mode in acts:
        assert there == ["06_attention.py"] and mode == 0o644 & ~_mask(), (act, there, mode)
        assert foot == not_held(held) and (status != "crashed" or "AssertionError" not in details), (
            act,
            status,
            details,
        )


def _mask():
    os.umask(mask := os.umask(0))
    return mask


def test_what_is_not_hidden_is_all_around_it(tmp_path):
    for name in ("a/b/c", "a/b/d", "a/e", "f"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "c")
    shown = {path for path in around({tmp_path / "a" / "b" / "c"}) if path.is_relative_to(tmp_path)}
    assert shown == {tmp_path / "a" / "b" / "d", tmp_path / "a" / "e", tmp_path / "f"}


def test_in_words():
    assert not_held(EVERY) == ""
    assert not_held({"memory"}).startswith("This system cannot restrict: other processes, the network,")
