"""`minitransformer progress`: of one learner, and of a class."""

import json

import pytest

from minitransformer.course import catalogue
from minitransformer.course.workspace import PROGRESS, Workspace

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
    assert told["emmy"]["exercises"]["softmax"] == {"lesson": LESSON, "state": "failed", "hints": 1, "solution_seen": False}
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
    students["kurt"].passed["softmax"] = "2026-01-01"
    students["kurt"].save()
    before = {p: p.read_bytes() for p in students["kurt"].path.iterdir()}
    told = json.loads(command("progress", "class", "--anew", "--json")[1])
    assert states(told, "ada") == ["passed"] * 3
    assert states(told, "kurt")[0] == "unwritten"
    assert before == {p: p.read_bytes() for p in students["kurt"].path.iterdir()}


def test_a_folder_without_exercises(command, tmp_path):
    code, out = command("progress", str(tmp_path))
    assert code == 1 and "minitransformer start" in out


def test_progress_that_is_damaged(command, students):
    (students["ada"].path / PROGRESS).write_text("[]", encoding="utf-8")
    code, out = command("progress", "class")
    assert code == 1 and PROGRESS in out.replace("\n", "")
