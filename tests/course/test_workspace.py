"""A learner's folder: starters, progress, hints, reset; and the commands on it."""

import json
import subprocess
import sys
from pathlib import Path

from minitransformer.course import catalogue, check
from minitransformer.course.sandbox import check_file
from minitransformer.course.starters import solution, starter
from minitransformer.course.workspace import PROGRESS, TESTS, starter_of

LESSON = "06_attention"


def test_starters_keep_all_but_the_answers():
    source = 'X = 1\n\n\ndef f(a):\n    """Task."""\n    b = a\n    return b\n\n\nclass C:\n    """Class."""\n\n    def g(self):\n'
    source += '        """Do."""\n        return 1\n\n    def _kept(self):\n        return 2\n'
    made = starter(source, ("f", "C"))
    assert (
        "return b" not in made
        and "return 1" not in made
        and "return 2" in made
        and made.count("raise NotImplementedError") == 2
    )
    assert '"""Task."""' in made and "X = 1" in made
    compile(made, "starter", "exec")
    assert solution(source, "f").startswith("def f(a):")


def test_every_starter_parses_and_fails_its_check_as_unwritten():
    for lesson, names in catalogue.lessons().items():
        space = {}
        exec(compile(starter_of(lesson), lesson, "exec"), space)
        for name in names:
            assert check(name, space[name]).status == "unwritten", name


def test_start_never_overwrites(command, tmp_path):
    assert command("start", "mine")[0] == 0
    file = tmp_path / "mine" / f"{LESSON}.py"
    assert file.read_text(encoding="utf-8") == starter_of(LESSON)
    file.write_text("my work\n", encoding="utf-8")
    assert "0 files" in command("start", "mine")[1]
    assert file.read_text(encoding="utf-8") == "my work\n"


def test_check_remembers_and_goes_on(command, tmp_path):
    command("start")
    code, out = command("check", "softmax")
    assert code == 1 and "not written yet" in out
    file = tmp_path / "minitransformer-course" / f"{LESSON}.py"
    file.write_text(catalogue.solutions_of(LESSON), encoding="utf-8")
    code, out = command("check", "6")
    assert code == 0 and out.count("passed") >= 4
    kept = json.loads((tmp_path / "minitransformer-course" / PROGRESS).read_text())
    assert set(kept["passed"]) == set(catalogue.lessons()[LESSON])
    file.write_text(starter_of(LESSON), encoding="utf-8")
    told = json.loads(command("check", "softmax", "--json")[1])
    assert told[0]["status"] == "unwritten"
    assert "softmax" not in json.loads((tmp_path / "minitransformer-course" / PROGRESS).read_text())["passed"]


def test_hints_come_one_by_one(command):
    command("start")
    hints = catalogue.exercise("softmax").hints
    for number in [*range(1, len(hints) + 1), len(hints)]:
        assert f"hint {number} of {len(hints)}" in command("hint", "softmax")[1]


def test_a_solution_asked_for_is_given_up(command):
    command("start")
    code, out = command("solution", "softmax_vjp", "--yes")
    assert code == 0 and "return s * (g" in out
    told = json.loads(command("progress", "--json")[1])
    told = told["minitransformer-course"]["exercises"]
    assert told["softmax_vjp"] == {"lesson": LESSON, "state": "given up", "hints": 0, "solution_seen": True}


def test_reset_keeps_what_was_written(command, tmp_path):
    command("start")
    folder = tmp_path / "minitransformer-course"
    for n in (1, 2):
        (folder / f"{LESSON}.py").write_text(f"work {n}\n", encoding="utf-8")
        assert command("reset", "06")[0] == 0
        assert (folder / f"{LESSON}.{n}.bak").read_text(encoding="utf-8") == f"work {n}\n"
    assert (folder / f"{LESSON}.py").read_text(encoding="utf-8") == starter_of(LESSON)


def test_reset_of_a_file_that_is_gone(command, tmp_path):
    command("start")
    file = tmp_path / "minitransformer-course" / f"{LESSON}.py"
    file.unlink()
    code, out = command("check", "softmax")
    assert code == 1 and "does not exist" in out and "minitransformer start" in out
    code, out = command("reset", "6")
    assert code == 0 and "there was no file" in out and file.read_text(encoding="utf-8") == starter_of(LESSON)


def test_reset_of_an_exercise_in_an_empty_file_brings_all_that_it_needs(command, tmp_path):
    command("start")
    file = tmp_path / "minitransformer-course" / f"{LESSON}.py"
    for empty in ("", "\n\n"):
        file.write_text(empty, encoding="utf-8")
        assert command("reset", "softmax")[0] == 0
        assert file.read_text(encoding="utf-8") == starter_of(LESSON)


def test_pytest_judges_a_learner_s_folder(command, tmp_path):
    command("start")
    folder = tmp_path / "minitransformer-course"
    tests = Path(__file__).parents[2] / "exercises" / TESTS
    assert (folder / TESTS).read_text(encoding="utf-8") == tests.read_text(encoding="utf-8")
    (folder / f"{LESSON}.py").write_text(catalogue.solutions_of(LESSON), encoding="utf-8")
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        folder,
        "-k",
        "(softmax and not rule) or namespace",
    ]
    told = subprocess.run(run, capture_output=True, text=True)
    assert "1 failed, 2 passed" in told.stdout and "not written yet" in told.stdout, told.stdout


def test_as_windows_saves_a_file(tmp_path):
    file = tmp_path / f"{LESSON}.py"
    file.write_bytes(b"\xef\xbb\xbf" + catalogue.solutions_of(LESSON).replace("\n", "\r\n").encode())
    assert check_file("softmax", file).passed


def test_bad_input_is_told(command, tmp_path):
    assert command("check", "softmax")[0] == 1
    command("start")
    code, out = command("check", "sofmax")
    assert code == 1 and "expected one of softmax, softmax_vjp" in out.replace("\n", "")
    for asked in ("check", "hint", "solution", "reset"):
        code, out = command(asked, "99")
        assert code == 1 and "a lesson, 01 to" in out.replace("\n", "")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for asked in (("start", "file"), ("check", "--dir", "file")):
        code, out = command(*asked)
        assert (
            code == 1
            and "file is a file" in out
            and (tmp_path / "file").read_text(encoding="utf-8") == "mine"
        )


def test_in_a_notebook_the_report_is_html():
    report = check("softmax", lambda x: x)
    assert "not yet" in str(report) and "<div" in report._repr_html_() and not report.passed


def test_no_solution_is_imported_to_judge():
    program = "import sys; from minitransformer.course import check; check('softmax', abs); "
    program += "sys.exit(any(name.startswith('minitransformer.course.solutions') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
