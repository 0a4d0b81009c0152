"""In a notebook: what passes is kept in the learner's file, and hint, solution and saved do what the commands do."""

import contextlib
import errno
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer import course
from minitransformer.course import catalogue
from minitransformer.course.cells import Cells
from minitransformer.course.sandbox import check_file
from minitransformer.course.workspace import PROGRESS, Workspace, starter_of

LESSON = "06_attention"
SOFTMAX = '''def softmax(x):
    """Mine."""
    e = np.exp(x - np.where(np.isfinite(m := top(x)), m, 0))
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total)
'''
TOP = "def top(x):\n    return x.max(-1, keepdims=True)\n"
MASK = "mask = lambda T: np.arange(T)[:, None] >= np.arange(T)\n"
LIBRARY = (
    "def causal_mask(T):\n    return mt.ones(T, T).numpy() * (np.arange(T)[:, None] >= np.arange(T)) > 0\n"
)


class Notebook:
    """IPython's record of the cells that ran, in a folder of the course."""

    def __init__(self, monkeypatch, folder):
        self.names, self.texts = {}, []
        shell = SimpleNamespace(
            user_ns=self.names, history_manager=SimpleNamespace(input_hist_parsed=self.texts)
        )
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        monkeypatch.chdir(folder)
        self.file = folder / f"{LESSON}.py"
        self.run("import numpy as np\nimport minitransformer as mt\n")

    def run(self, *texts):
        for text in texts:
            self.texts.append(text)
            with contextlib.suppress(SyntaxError):
                exec(text, self.names)

    def check(self, name, variable=None):
        return course.check(name, self.names[variable or name])

    def passed(self):
        return set(Workspace.open(self.file.parent).passed)


@pytest.fixture
def notebook(monkeypatch, tmp_path):
    Workspace(tmp_path).start()
    return Notebook(monkeypatch, tmp_path)


def test_what_passes_counts_and_is_kept_with_what_it_needs(notebook):
    notebook.run("%this is no Python\n", TOP, SOFTMAX)
    report = notebook.check("softmax")
    assert report.passed and report.foot == f"Kept in {LESSON}.py.", report
    assert notebook.passed() == {"softmax"} and check_file("softmax", notebook.file).passed
    text = notebook.file.read_text("utf-8")
    assert text.count("def softmax(") == 1 and "def top(" in text and text.startswith('"""06 ')
    assert not list(notebook.file.parent.glob("*.bak"))


def test_the_same_again_changes_nothing(notebook):
    notebook.run(TOP, SOFTMAX)
    notebook.check("softmax")
    before = notebook.file.read_text("utf-8")
    assert notebook.check("softmax").foot == f"Kept in {LESSON}.py."
    assert notebook.file.read_text("utf-8") == before and not list(notebook.file.parent.glob("*.bak"))


def test_what_differs_is_not_overwritten_without_a_copy(notebook):
    mine = notebook.file.read_text("utf-8").replace(
        "    raise NotImplementedError", "    return my_own(x)", 1
    )
    notebook.file.write_text(mine, encoding="utf-8")
    notebook.run(TOP, SOFTMAX)
    assert f"your file as it was is {LESSON}.1.bak" in notebook.check("softmax").foot
    assert (notebook.file.parent / f"{LESSON}.1.bak").read_text("utf-8") == mine
    notebook.run(TOP.replace("-1", "axis=-1"))
    assert f"{LESSON}.2.bak" in notebook.check("softmax").foot, "a helper of the learner's was changed"
    assert "axis=-1" in notebook.file.read_text("utf-8")


def test_an_answer_of_another_name(notebook):
    notebook.run(MASK)
    assert notebook.check("causal_mask", "mask").passed
    assert notebook.file.read_text("utf-8").count("causal_mask = mask\n") == 1
    assert check_file("causal_mask", notebook.file).passed


def test_what_passes_only_in_the_notebook_touches_no_file(notebook):
    notebook.run(LIBRARY)
    report = notebook.check("causal_mask")
    assert report.passed and "Not kept: it passes here, but not in" in report.foot
    assert notebook.file.read_text("utf-8") == starter_of(LESSON) and not notebook.passed()


def test_what_cannot_be_written_counts(notebook):
    notebook.run(MASK)
    notebook.file.write_text("def broken(:\n", encoding="utf-8")
    assert "It counts as passed, but could not be written" in notebook.check("causal_mask", "mask").foot
    assert notebook.passed() == {"causal_mask"} and notebook.file.read_text("utf-8") == "def broken(:\n"
    assert not Workspace.open(notebook.file.parent).check("causal_mask").passed
    assert notebook.passed() == {"causal_mask"}, "the file is as it was when it passed"


def test_a_folder_that_cannot_be_written_gets_its_report(notebook, monkeypatch):
    notebook.run(MASK)
    real, folder = os.replace, str(notebook.file.parent)

    def full(source, target):
        if str(target).startswith(folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    report = notebook.check("causal_mask", "mask")
    assert report.passed and "It passes, but could not be written to" in report.foot
    assert report.foot.endswith("No space left on device; the progress was not saved")


def test_a_wrong_answer_takes_nothing(notebook):
    notebook.run(TOP, SOFTMAX)
    notebook.check("softmax")
    assert not course.check("softmax", abs).passed and notebook.passed() == {"softmax"}


def test_without_a_folder_it_says_so(notebook, monkeypatch, tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("minitransformer.course.keeping.here", lambda: elsewhere)
    notebook.run(MASK)
    assert "`minitransformer start` creates one" in notebook.check("causal_mask", "mask").foot
    assert not list(elsewhere.iterdir())


def test_outside_a_notebook_nothing_is_kept(monkeypatch, tmp_path):
    Workspace(tmp_path).start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    space = {}
    exec("import numpy as np\n" + MASK, space)
    assert course.check("causal_mask", space["mask"]).foot == ""
    assert not (tmp_path / PROGRESS).exists()


def test_the_notebook_shows_what_the_file_holds(notebook):
    answer = starter_of(LESSON).replace("    raise NotImplementedError", "    return x  # mine", 1)
    notebook.file.write_text(answer, encoding="utf-8")
    shown = course.saved("softmax")
    assert repr(shown) == str(shown) and shown.startswith("def softmax(x):") and "# mine" in shown
    assert not course.check("softmax").passed and course.check("causal_mask").status == "unwritten"


def test_hints_and_solutions_as_in_the_terminal(notebook):
    hints = catalogue.exercise("softmax").hints
    for number, text in enumerate(hints, 1):
        assert course.hint("softmax") == f"softmax, hint {number} of {len(hints)}: {text}"
    assert "the last, again" in course.hint("softmax") and course.hint().startswith("Value, hint 1 of")
    assert "yes=True" in course.solution("softmax") and "def softmax" not in course.solution("softmax")
    shown = course.solution("softmax", yes=True)
    exec(shown, space := {})
    assert space["softmax"](space["np"].zeros(2)).tolist() == [0.5, 0.5] and "\n# " in shown
    assert "def softmax" in course.solution("softmax"), "it has been seen"
    told = json.loads((Path.cwd() / PROGRESS).read_text())
    assert told["hints"]["softmax"] == len(hints) and told["given_up"] == ["softmax"]


def test_names_of_several_or_none(notebook):
    for name in ("06", "softm", "nothing"):
        with pytest.raises(ValueError, match="expected"):
            course.hint(name)


def test_a_cell_s_last_binding_counts():
    cells = Cells(["a = 1\n", "def a(): return b\n", "b = 2\n", "b = 3\n"], {"a": (f := object()), "b": 3})
    assert cells.code_of("a", f, ()) == {"b": "b = 3\n", "a": "def a(): return b\n"}
    assert cells.code_of("a", f, {"b"}) == {"a": "def a(): return b\n"}
    assert cells.code_of("a", object(), ()) == {}


@pytest.mark.slow
def test_in_a_real_notebook(tmp_path):
    import nbformat

    from minitransformer.course.notebook import execute

    Workspace(tmp_path).start()
    texts = ["import numpy as np\nfrom minitransformer.course import check", TOP, SOFTMAX + "print('before')"]
    cells = [nbformat.v4.new_code_cell(text) for text in [*texts, 'check("softmax", softmax)']]
    ran = execute(nbformat.v4.new_notebook(cells=cells), str(tmp_path))
    assert "Kept in 06_attention.py" in str(ran.cells[-1].outputs)
    assert set(Workspace.open(tmp_path).passed) == {"softmax"}


def test_a_lesson_is_checked_in_a_cell(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    workspace.start()
    monkeypatch.chdir(tmp_path)
    reports = course.check("6")
    assert [report.name for report in reports] == list(catalogue.lessons()[LESSON])
    assert (
        repr(reports).count("not written yet")
        == reports._repr_html_().count("not written yet")
        == len(reports)
    )


PRINTS = "def softmax(x):\n    print('\\x1b[31m[b]x is', x.shape)\n    return x\n"


def test_what_an_answer_prints_is_shown(tmp_path, monkeypatch):
    file = tmp_path / f"{LESSON}.py"
    file.write_text(PRINTS, encoding="utf-8")
    report = check_file("softmax", file)
    assert report.printed[0] == "\\x1b[31m[b]x is (4, 7)" and "  print \\x1b[31m[b]x is (4, 7)" in str(report)
    assert "&lt;" not in report._repr_html_() and "[b]x is" in report._repr_html_()
    monkeypatch.chdir(tmp_path)
    exec(PRINTS, space := {})
    assert course.check("softmax", space["softmax"]).printed == report.printed


def test_of_much_that_is_printed_the_end_is_shown(tmp_path):
    file = tmp_path / f"{LESSON}.py"
    file.write_text("for i in range(2000): print(i)\nwhile True: pass\n", encoding="utf-8")
    report = check_file("softmax", file, 1)
    assert report.status == "stopped"
    assert report.printed == ("(1,980 lines before these)", *map(str, range(1980, 2000)))


def test_a_wrong_copy_of_a_cell_takes_no_pass_away(notebook):
    notebook.run(SOFTMAX.replace("top(x)", "x.max(-1, keepdims=True)"))
    assert notebook.check("softmax").passed
    kept = notebook.file.read_text("utf-8")
    notebook.run("def softmax(x):\n    return x\n")
    assert not notebook.check("softmax").passed
    assert notebook.passed() == {"softmax"} and notebook.file.read_text("utf-8") == kept


def test_what_a_call_returns_is_no_answer(notebook):
    report = course.check("causal_mask", np.tri(3))
    assert report.status == "refused" and "without brackets" in report.hint


def test_a_function_is_no_name(notebook):
    notebook.run(MASK)
    with pytest.raises(TypeError, match="in quotes"):
        course.check(notebook.names["mask"])
