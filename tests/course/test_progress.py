"""`minitransformer progress`: of one learner, and of a class."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from minitransformer.course import catalogue
from minitransformer.course.report import Report
from minitransformer.course.workspace import LOCK, PROGRESS, Workspace

LESSON = "06_attention"
WRONG = "def softmax(x):\n    return x\n\n\ndef softmax_vjp(g, s):\n    raise NotImplementedError\n"


@pytest.fixture
def students(tmp_path):
    """Ada has solved lesson 06, Emmy got softmax wrong and looked at attention's solution, Kurt has only begun."""
    spaces = {name: Workspace(tmp_path / "class" / name) for name in ("ada", "emmy", "kurt")}
    for space in spaces.values():
        space.start()
    spaces["ada"].file_of(LESSON).write_text(catalogue.solutions_of(LESSON), encoding="utf-8")
    spaces["emmy"].file_of(LESSON).write_text(WRONG, encoding="utf-8")
    for name in ("softmax", "softmax_vjp"):
        spaces["ada"].check(name)
        spaces["emmy"].check(name)
    spaces["emmy"].next_hint("softmax")
    spaces["emmy"].give_up("attention")
    (tmp_path / "class" / "notes").mkdir()
    return spaces


def states(told, student):
    return [told[student]["exercises"][name]["state"] for name in ("softmax", "softmax_vjp", "attention")]


def test_a_report_for_each_student(command, students):
    code, out = command("progress", "class", "--json")
    told = json.loads(out)
    assert code == 0 and list(told) == ["ada", "emmy", "kurt"]
    assert states(told, "ada") == ["passed", "passed", "unwritten"]
    assert states(told, "emmy") == ["failed", "unwritten", "given up"]
    assert states(told, "kurt") == ["unwritten"] * 3
    assert told["emmy"]["exercises"]["softmax"] == {
        "lesson": LESSON,
        "state": "failed",
        "hints": 1,
        "solution_seen": False,
    }
    assert (told["ada"]["passed"], told["ada"]["of"]) == (2, len(catalogue.exercise_names()))


def test_a_class_as_a_table(command, students):
    lines = command("progress", "class")[1].splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert "++.." in rows["ada"] and "x.o." in rows["emmy"] and "x" not in rows["kurt"]


def test_one_student_of_a_class(command, students):
    out = command("progress", "class/emmy")[1]
    assert "failed" in out and "given up" in out and "0 of" in out and "Next: " in out


def test_anew_believes_no_file_and_writes_none(command, students, monkeypatch):
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("softmax", "softmax_vjp", "attention"))
    with students["kurt"].changing():
        students["kurt"].passed["softmax"] = "2026-01-01"
    before = {p: p.read_bytes() for p in students["kurt"].path.iterdir()}
    told = json.loads(command("progress", "class", "--anew", "--json")[1])
    assert states(told, "ada") == ["passed"] * 3
    assert states(told, "kurt")[0] == "unwritten"
    assert before == {p: p.read_bytes() for p in students["kurt"].path.iterdir()}


def test_a_folder_without_exercises(command, tmp_path):
    code, out = command("progress", str(tmp_path))
    assert code == 1 and "minitransformer start" in out


@pytest.fixture
def begun(tmp_path):
    """Three students whose folders hold one file of exercises."""
    spaces = {name: Workspace(tmp_path / "class" / name) for name in ("ada", "emmy", "kurt")}
    for space in spaces.values():
        space.path.mkdir(parents=True)
        space.file_of(LESSON).write_text(WRONG, encoding="utf-8")
    return spaces


WORDS = b'{"passed": {}, "failed": {}, "hints": {%s}, "given_up": []}'
ODD = {
    "cut short": lambda file: file.write_bytes(b"{"),
    "empty": lambda file: file.write_bytes(b""),
    "a list": lambda file: file.write_bytes(b"[]"),
    "a text for a number": lambda file: file.write_bytes(WORDS % b'"softmax": "x"'),
    "truth for a number": lambda file: file.write_bytes(WORDS % b'"softmax": true'),
    "below zero": lambda file: file.write_bytes(WORDS % b'"softmax": -7'),
    "thousands of digits": lambda file: file.write_bytes(WORDS % (b'"softmax": ' + b"9" * 5000)),
    "nested without end": lambda file: file.write_bytes(b"[" * 100_000),
    "no UTF-8": lambda file: file.write_bytes(b"\xff\xfe"),
    "huge": lambda file: (file.touch(), os.truncate(file, 1 << 40)),
    "a folder": lambda file: file.mkdir(),
    "a pipe": lambda file: os.mkfifo(file),
    "a link": lambda file: file.symlink_to("06_attention.py"),
    "a link to itself": lambda file: file.symlink_to(file),
    "a link to a device": lambda file: file.symlink_to("/dev/zero"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes nor links as files")
@pytest.mark.parametrize("odd", ODD)
def test_progress_that_is_odd_stops_nobody(command, begun, odd, monkeypatch):
    """`progress` of a class prints one line about it; the learner can continue, and the odd file is kept under another name."""
    monkeypatch.setattr(
        "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "failed")
    )
    file = begun["ada"].path / PROGRESS
    ODD[odd](file)
    was = os.lstat(file)
    for options in ([], ["--anew"]):
        code, out = command("progress", "class", *options)
        assert code == 0 and out.count("starts empty") == 1 and f"\n{file}: expected a progress file" in out
        assert [line.split()[0] for line in out.splitlines() if line[:4] in ("ada ", "emmy", "kurt")] == [
            "ada",
            "emmy",
            "kurt",
        ]
    code, out = command("hint", "softmax", "--dir", "class/ada")
    assert code == 0 and "hint 1 of" in out and "is kept as .progress.1.bak" in out
    assert os.path.samestat(os.lstat(begun["ada"].path / ".progress.1.bak"), was)
    told = json.loads(command("progress", "class/ada", "--json")[1])
    assert told["ada"]["exercises"]["softmax"]["hints"] == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_lesson_s_file_that_leads_to_itself_stops_nobody(begun):
    file = begun["ada"].file_of(LESSON)
    file.unlink()
    file.symlink_to(file)
    assert not begun["ada"].check("softmax").passed


def test_exercises_that_are_no_more_are_not_counted(command, begun):
    with begun["kurt"].changing():
        begun["kurt"].passed.update(of_old="2020", another="2020")
    assert json.loads(command("progress", "class", "--json")[1])["kurt"]["passed"] == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes nor links as files")
@pytest.mark.parametrize("odd", ["a pipe", "a folder", "a link to a device"])
def test_what_is_in_the_way_of_the_lock_stops_nobody(command, begun, odd):
    ODD[odd](begun["ada"].path / LOCK)
    assert command("hint", "softmax", "--dir", "class/ada")[0] == 0
    assert json.loads(command("progress", "class", "--json")[1])["ada"]["exercises"]["softmax"]["hints"] == 1


def test_a_disk_that_refuses_loses_no_verdict(command, begun, monkeypatch):
    monkeypatch.setattr(
        os, "replace", lambda *names: (_ for _ in ()).throw(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    )
    monkeypatch.setattr(
        "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "passed")
    )
    code, out = command("check", "softmax", "--dir", "class/ada")
    assert (
        code == 0
        and "softmax: passed" in out
        and "No space left on device; the progress was not saved" in out
    )
    assert not list(begun["ada"].path.glob("*.tmp"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_no_link_in_the_folder_leads_the_progress_elsewhere(begun, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name in (f"{PROGRESS}.tmp", f".{PROGRESS}.0123456789abcdef.tmp", LOCK):
        (begun["kurt"].path / name).symlink_to(secret)
    begun["kurt"].next_hint("softmax")
    assert secret.read_text() == "secret" and Workspace.open(begun["kurt"].path).hints == {"softmax": 1}


def test_nothing_is_lost_of_what_goes_on_at_once(begun, monkeypatch):
    """Checks, hints and solutions in many orders: each of eight threads opened the folder before any other was done."""
    names, path = catalogue.exercise_names()[:24], begun["kurt"].path
    monkeypatch.setattr(
        "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "passed")
    )
    spaces = [Workspace.open(path) for _ in range(8)]

    def work(i):
        for k, name in enumerate(names[i::8]):
            [spaces[i].check, spaces[i].next_hint, spaces[i].give_up][k](name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = Workspace.open(path)
    assert (set(found.passed), set(found.hints), set(found.given_up)) == (
        set(names[:8]),
        set(names[8:16]),
        set(names[16:]),
    )
    assert not [p.name for p in path.iterdir() if p.name.startswith(".") and p.name != PROGRESS]


@pytest.mark.parametrize("saved", [True, False])
def test_a_failure_takes_no_pass_that_came_meanwhile(begun, monkeypatch, saved):
    kurt, file = begun["kurt"], begun["kurt"].file_of(LESSON)

    def judge(name, path):
        monkeypatch.setattr(
            "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "passed")
        )
        if saved:
            file.write_text("better", encoding="utf-8")
        Workspace.open(kurt.path).check(name)
        return Report(name, "failed")

    monkeypatch.setattr("minitransformer.course.workspace.check_file", judge)
    assert not kurt.check("softmax").passed
    assert Workspace.open(kurt.path).state("softmax") == "passed"
