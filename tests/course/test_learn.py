"""`minitransformer learn`, with a stand-in for JupyterLab."""

import json
import sys
import types
from pathlib import Path

import pytest

from minitransformer.course import catalogue
from minitransformer.course.workspace import Workspace

MINE = "minitransformer-course"


@pytest.fixture
def opened(monkeypatch):
    """The arguments that JupyterLab was started with, call by call."""
    calls = []
    stand_in = types.ModuleType("jupyterlab.labapp")
    stand_in.main = calls.append
    monkeypatch.setitem(sys.modules, "jupyterlab", types.ModuleType("jupyterlab"))
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", stand_in)
    return calls


def test_opens_the_lesson_asked_for_in_the_learner_s_folder(command, opened, tmp_path):
    for asked in ("6", "06", "06_attention"):
        assert command("learn", asked)[0] == 0
    notebook = tmp_path / MINE / "06_attention.ipynb"
    where = [f"--ServerApp.root_dir={tmp_path / MINE}", "--LabApp.default_url=/lab/tree/06_attention.ipynb"]
    assert [call[:2] for call in opened] == [where] * 3
    assert json.loads(notebook.read_text("utf-8")) == json.loads(
        catalogue.notebook_of("06_attention").read_text("utf-8")
    )
    assert "--no-browser" not in opened[0]


def test_offers_no_news(command, opened):
    command("learn", "6")
    (settings,) = (
        option.partition("=")[2] for option in opened[0] if option.startswith("--LabApp.app_settings_dir")
    )
    overrides = json.loads((Path(settings) / "overrides.json").read_text("utf-8"))
    assert overrides["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_passes_options_on(command, opened):
    assert command("learn", "6", "--no-browser", "--", "--port", "9999")[0] == 0
    assert opened[0][-3:] == ["--no-browser", "--port", "9999"]


def test_options_need_no_lesson_before_them(command, opened):
    assert command("learn", "--", "--allow-root", "--port=1")[0] == 0
    assert opened[0][1].endswith(f"{next(iter(catalogue.lessons()))}.ipynb")
    assert opened[0][-2:] == ["--allow-root", "--port=1"]


def test_goes_on_where_the_learner_is(command, opened, tmp_path):
    first, second, *_ = catalogue.lessons()
    assert command("learn")[0] == 0
    workspace = Workspace.open(tmp_path / MINE)
    with workspace.changing():
        workspace.passed = dict.fromkeys(catalogue.lessons()[first], "2026-01-01")
    assert command("learn")[0] == 0
    with workspace.changing():
        workspace.passed = dict.fromkeys(catalogue.exercise_names(), "2026-01-01")
    assert command("learn")[0] == 0
    lessons = [Path(call[1]).stem for call in opened]
    assert lessons == [first, second, list(catalogue.lessons())[-1]]


def test_never_overwrites_a_notebook(command, opened, tmp_path):
    (tmp_path / MINE).mkdir()
    notebook = tmp_path / MINE / "06_attention.ipynb"
    notebook.write_text("mine", encoding="utf-8")
    assert command("learn", "6")[0] == 0
    assert notebook.read_text("utf-8") == "mine"


def test_says_what_to_install(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    code, out = command("learn", "6")
    assert code == 1 and "pip install 'minitransformer[lessons]'" in out
    assert not (tmp_path / MINE).exists()


def test_a_lesson_that_is_none(command, opened):
    code, out = command("learn", "77")
    assert code == 1 and "06_attention" in out and not opened
