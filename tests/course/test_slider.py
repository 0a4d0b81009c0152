"""Sliders: in a live kernel with ipywidgets; a picture at the first value elsewhere."""

import contextlib
import os
import sys
from types import SimpleNamespace

import pytest

from minitransformer.course import slide
from minitransformer.course.jupyter import BUILDING

KERNEL = SimpleNamespace(kernel=object())


def sit_before(monkeypatch, shell):
    monkeypatch.delenv(BUILDING, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


@pytest.fixture
def widgets(monkeypatch):
    """A stand-in for ipywidgets, and all that it was asked for."""
    asked = []
    fake = SimpleNamespace(
        FloatSlider=lambda **settings: ("linear", settings),
        FloatLogSlider=lambda **settings: ("log", settings),
        interact=lambda draw, **sliders: asked.append((draw, sliders)),
    )
    monkeypatch.setitem(sys.modules, "ipywidgets", fake)
    return asked


def test_in_a_live_kernel_the_slider_calls_the_drawing(monkeypatch, widgets):
    sit_before(monkeypatch, KERNEL)
    slide(print, h=(1e-8, 1.0, 1e-3), tau=(0.5, 2.5, 1.0))
    ((draw, sliders),) = widgets
    assert draw is print and list(sliders) == ["h", "tau"]
    kind, h = sliders["h"]
    assert (kind, h["min"], h["max"], h["value"], h["step"]) == ("log", -8, 0, 1e-3, 0.08)
    kind, tau = sliders["tau"]
    assert (kind, tau["min"], tau["max"], tau["value"], tau["step"]) == ("linear", 0.5, 2.5, 1.0, 0.02)


@pytest.mark.parametrize(
    ("low", "high", "kind"), [(0, 1e6, "linear"), (1, 999, "linear"), (1, 1000, "log"), (-1, 1, "linear")]
)
def test_which_scales_are_logarithmic(monkeypatch, widgets, low, high, kind):
    sit_before(monkeypatch, KERNEL)
    slide(print, x=(low, high, high))
    assert widgets[0][1]["x"][0] == kind


@pytest.mark.parametrize("shell", [None, SimpleNamespace()])  # a script; IPython in a terminal
def test_without_a_kernel_it_draws_once(monkeypatch, widgets, capsys, shell):
    sit_before(monkeypatch, shell)
    slide(lambda h, k: print(h, k), h=(1e-8, 1.0, 1e-3), k=(0, 2, 1))
    assert capsys.readouterr().out == "0.001 1\n" and not widgets


def test_while_a_notebook_is_built_it_draws_once(monkeypatch, widgets, capsys):
    sit_before(monkeypatch, KERNEL)
    monkeypatch.setenv(BUILDING, "1")
    slide(lambda h: print(h), h=(1, 3, 2))
    assert capsys.readouterr().out == "2\n" and not widgets


def test_without_ipywidgets_it_draws_once_and_says_how_to_get_it(monkeypatch, capsys):
    sit_before(monkeypatch, KERNEL)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    slide(lambda h: print(h), h=(1, 3, 2))
    line, drawn = capsys.readouterr().out.splitlines()
    assert "pip install ipywidgets" in line and drawn == "2"


@pytest.mark.parametrize("ends", [(1, 2, 3), (1, 2, 0.5), (2, 1, 1.5)])
def test_a_first_value_outside_is_an_error(ends):
    with pytest.raises(ValueError, match="h: expected .* got"):
        slide(print, h=ends)


def run_with_widgets(notebook):
    """Run a notebook in a kernel. The client sometimes misses the end of a cell with widgets, and would wait forever."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError

    for _ in range(3):
        with contextlib.suppress(CellTimeoutError):
            client = NotebookClient(notebook, kernel_name="python3", timeout=60)
            return client.execute(env=os.environ | {BUILDING: ""})
    pytest.fail("the kernel did not end a cell within 60 s, three times")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("building", [False, True])
def test_in_a_real_kernel(monkeypatch, building):
    import nbformat

    from minitransformer.course.notebook import execute

    monkeypatch.delenv("MPLBACKEND")
    draw = "def draw(h):\n    plt.plot([0, h])\n    print('drawn at', h)\n"
    cell = f"import matplotlib.pyplot as plt\nfrom minitransformer.course import slide\n{draw}slide(draw, h=(1e-6, 1.0, 1e-3))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    if building:
        execute(notebook, ".")
        printed, picture = notebook.cells[0].outputs
        assert "drawn at 0.001" in printed["text"] and "image/png" in picture["data"]
        assert "widgets" not in notebook.metadata
    else:
        run_with_widgets(notebook)
        (shown,) = notebook.cells[0].outputs
        assert "application/vnd.jupyter.widget-view+json" in shown["data"]
        (kept,) = notebook.metadata.widgets.values()
        states = [model["state"] for model in kept["state"].values()]
        (slider,) = (state for state in states if state["_model_name"] == "FloatLogSliderModel")
        assert (slider["min"], slider["max"], slider["value"]) == (-6, 0, 1e-3)
        (output,) = (state["outputs"] for state in states if state["_model_name"] == "OutputModel")
        assert "drawn at 0.001" in str(output) and "image/png" in str(output)
