"""Commands work where people stand: in their folder, above it, below it; by a part of a name; on a narrow terminal."""

import json
import os
import subprocess
import sys

import pytest

from minitransformer.course import catalogue
from minitransformer.course.definitions import definition
from minitransformer.course.report import Report, broken
from minitransformer.course.watching import Saved
from minitransformer.course.where import command as to_type
from minitransformer.course.where import here
from minitransformer.course.workspace import PROGRESS, Workspace, starter_of

LESSON, MINE = "06_attention", "minitransformer-course"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("MINITRANSFORMER_COURSE", raising=False)


@pytest.mark.parametrize("place", [".", MINE, f"{MINE}/.ipynb_checkpoints", "notes/of/mine"])
def test_the_folder_is_found_from_where_one_stands(command, tmp_path, monkeypatch, place):
    command("start")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / place)
    assert command("hint", "softmax")[0] == 0 and command("start")[1].startswith("0 files written to")
    told = json.loads(command("progress", "--json")[1])
    assert told[MINE]["exercises"]["softmax"]["hints"] == 1
    assert not list(tmp_path.glob(f"*/**/{MINE}"))


def test_a_folder_of_another_name_is_part_of_what_is_suggested(command, tmp_path, monkeypatch):
    out = command("start", "mein Kurs")[1]
    assert "`minitransformer learn --dir 'mein Kurs'`" in out and "check --dir 'mein Kurs'`" in out
    for asked in (["progress", "--dir", "mein Kurs"], ["progress", "mein Kurs"]):
        assert command(*asked)[0] == 0
    assert (
        "solution softmax --dir 'mein Kurs'"
        in [command("hint", "softmax", "--dir", "mein Kurs") for _ in range(5)][4][1]
    )
    monkeypatch.setenv("MINITRANSFORMER_COURSE", "mein Kurs")
    assert "`minitransformer learn`" in command("start")[1]
    assert "minitransformer start --dir 'not there'" in command("check", "--dir", "not there")[1]


def test_a_program_that_is_not_on_the_path_is_suggested_as_it_was_called(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [called := str(tmp_path / ".venv" / "bin" / "minitransformer")])
    assert to_type("learn") == f"{called} learn"
    monkeypatch.setattr("sys.argv", ["-c"])
    assert to_type("learn") == "minitransformer learn"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("softmax", ("softmax",)),
        ("SOFTMAX", ("softmax",)),
        ("caus", ("causal_mask",)),
        ("6", catalogue.lessons()[LESSON]),
        ("06_att", catalogue.lessons()[LESSON]),
        (f"{MINE}/{LESSON}.py", catalogue.lessons()[LESSON]),
        (f"{LESSON}.ipynb", catalogue.lessons()[LESSON]),
    ],
)
def test_names_by_a_beginning_that_is_enough(asked, meant):
    assert tuple(catalogue.named(asked)) == meant


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("valeu", "did you mean Value?"),
        ("softma", "one of softmax, softmax_vjp"),
        ("06_atention", "06_attention"),
        ("99", "a lesson, 01 to"),
        ("", "a lesson, 01 to"),
    ],
)
def test_a_name_that_is_none_is_met_with_what_may_be_meant(command, asked, said):
    command("start")
    code, out = command("check", asked)
    assert code == 1 and said in out and "ValueError" not in out


def test_a_narrow_terminal_shows_the_names_to_type(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    command("start")
    lines = command("progress")[1].splitlines()
    assert max(map(len, lines)) <= 60
    shown = {word for line in lines for word in line.split()}
    assert shown >= {*catalogue.exercise_names(), *catalogue.lessons()}


def test_a_report_breaks_between_words():
    line = "  hint  exp(1000) is infinite: subtract the row's maximum first, in every row of the last axis."
    lines = broken(line, 60).splitlines()
    assert max(map(len, lines)) <= 60 and all(later.startswith(" " * 8) for later in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(line.split())
    assert broken("x" * 70, 60) == "x" * 70 and broken(line, 200) == line


def test_the_help_of_a_narrow_terminal_shows_the_options_to_type(separately):
    out = separately("chat", "--help", env=os.environ | {"COLUMNS": "60"})[1]
    assert "--max-new-tokens" in out and "MINITRANSFORMER_BACKEND" in out and "…" not in out


# ---- watch ----


def test_watch_judges_what_was_saved(tmp_path):
    Workspace(tmp_path).start()
    saved, file = Saved(tmp_path), tmp_path / f"{LESSON}.py"
    text = starter_of(LESSON)
    for name in ("attention", "causal_mask"):
        text = text.replace(
            code := definition(text, name), code.replace("raise NotImplementedError", "return 1")
        )
        file.write_text(text, encoding="utf-8")
        assert saved.wait() == (name,)
    file.write_text(text + "\nHELPER = 1\n", encoding="utf-8")
    assert saved.wait() == catalogue.lessons()[LESSON]
    file.write_text("def broken(:\n", encoding="utf-8")
    assert saved.wait() == catalogue.lessons()[LESSON]


def test_what_comes_next_follows_what_was_passed(command, monkeypatch):
    command("start")
    monkeypatch.setattr(
        "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "passed")
    )
    assert "Next: softmax_vjp, in" in command("check", "softmax")[1]
    assert "Next: split_heads, in" in command("check", "6")[1]
    *_, last = catalogue.exercise_names()
    assert "Next: Value, in" in command("check", last)[1]


# ---- solution ----


@pytest.fixture
def separately(tmp_path):
    """Run the command as a process; code, output, errors."""

    def run(*arguments, **options):
        program = [sys.executable, "-c", "from minitransformer.cli import main; main()", *arguments]
        ran = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, **options)
        return ran.returncode, ran.stdout, ran.stderr

    return run


def test_solution_asks_before_it_spoils(command, separately, tmp_path):
    command("start")
    for arguments in (["solution"], ["solution", "softmax"]):
        code, out, errors = separately(*arguments, stdin=subprocess.DEVNULL)
        assert code == 1 and not out and "--yes" in errors
    assert not (tmp_path / MINE / PROGRESS).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("answer", "shown"), [(b"n\n", False), (b"\n", False), (b"y\n", True)])
def test_the_question_is_no_part_of_the_output(command, separately, answer, shown):
    command("start")
    ours, theirs = os.openpty()
    os.write(ours, answer)
    code, out, errors = separately("solution", "softmax", stdin=theirs)
    os.close(ours), os.close(theirs)
    assert "Show the solution? [y/N]" in errors and ("def softmax" in out) == shown == (code == 0)


@pytest.mark.parametrize("name", ["Value", "attention", "lime"])
def test_the_output_of_solution_is_code_that_runs(command, separately, name):
    command("start")
    narrow = os.environ | {"COLUMNS": "30", "FORCE_COLOR": "1"}
    code, out, errors = separately("solution", name, "--yes", env=narrow)
    exec(compile(out, name, "exec"), space := {})
    assert code == 0 and name in space and catalogue.exercise(name).why in errors


def test_a_solution_that_was_seen_needs_no_question(command, separately):
    command("start")
    separately("solution", "softmax", "--yes")
    assert "def softmax" in separately("solution", "softmax", stdin=subprocess.DEVNULL)[1]


@pytest.mark.parametrize("name", catalogue.exercise_names())
def test_every_solution_comes_with_what_it_needs(name):
    from minitransformer.course.shown import solution_of, why

    exec(compile(solution_of(name), name, "exec"), {})
    lesson = catalogue.lessons()[catalogue.lesson_of(name)]
    assert not [other for other in lesson if other != name and f"def {other}(" in solution_of(name)]
    assert catalogue.exercise(name).why in why(name)


# ---- reset, hint ----


def test_reset_of_one_exercise_leaves_the_others(command, tmp_path, monkeypatch):
    command("start")
    monkeypatch.setattr(
        "minitransformer.course.workspace.check_file", lambda name, file: Report(name, "passed")
    )
    file = tmp_path / MINE / f"{LESSON}.py"
    file.write_text(catalogue.solutions_of(LESSON), encoding="utf-8")
    command("check", "6")
    code, out = command("reset", "softmax")
    assert code == 0 and "06_attention.1.bak" in out
    assert (file.parent / f"{LESSON}.1.bak").read_text("utf-8") == catalogue.solutions_of(LESSON)
    text = file.read_text("utf-8")
    assert definition(text, "softmax") == definition(starter_of(LESSON), "softmax")
    assert definition(text, "attention") == definition(catalogue.solutions_of(LESSON), "attention")
    assert set(Workspace.open(file.parent).passed) == set(catalogue.lessons()[LESSON]) - {"softmax"}
    assert "it held no answer" in command("reset", "softmax")[1]


def test_reset_of_one_exercise_in_a_file_that_is_no_python(command, tmp_path):
    command("start")
    file = tmp_path / MINE / f"{LESSON}.py"
    file.write_text("x = 1\ndef softmax(x:\n", encoding="utf-8")
    code, out = command("reset", "softmax")
    assert code == 1 and "line 2: expected Python" in out and file.read_text("utf-8").startswith("x = 1")


@pytest.mark.parametrize("asked", [["6", "--notebook"], ["06_attention.ipynb"], ["softmax", "--notebook"]])
def test_reset_of_a_notebook(command, tmp_path, asked):
    command("start")
    notebook = tmp_path / MINE / f"{LESSON}.ipynb"
    notebook.write_text("mine", encoding="utf-8")
    code, out = command("reset", *asked)
    assert code == 0 and f"{LESSON}.ipynb.1.bak" in out
    assert (notebook.parent / f"{LESSON}.ipynb.1.bak").read_text("utf-8") == "mine"
    assert notebook.read_text("utf-8") == catalogue.notebook_of(LESSON).read_text("utf-8")


def test_the_last_hint_does_not_come_as_new(command):
    command("start")
    said = [command("hint", "softmax")[1] for _ in range(len(catalogue.exercise("softmax").hints) + 1)]
    assert ["again" in text for text in said] == [False] * (len(said) - 1) + [True]
    assert "minitransformer solution softmax" in said[-1]


def test_here_is_where_none_is_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(here()) == MINE
