"""Where a mistake in a notebook's cell, or in a module, is not recognised, the line is named as in a file."""

import importlib.util
from functools import partial

import pytest
from test_cells import notebook  # noqa: F401

from minitransformer import course

INNER = "def inner(g, s):\n    return (g * s).sum(-1, keepdims=True)\n"
WRONG = "# half a share too much\n\ndef softmax_vjp(g, s):\n    half = 0.5\n    return (s + half) * (g - inner(g, s))\n"
LINE = "Line 5, `return (s + half) * (g - inner(g, s))`: "


def test_a_cell_is_located_with_what_other_cells_define(notebook):  # noqa: F811
    notebook.run("%this is no Python\n", INNER, "unused = 1\n" * 9, WRONG)
    hint = notebook.check("softmax_vjp").hint
    assert hint.startswith(LINE) and "every property holds.\na first hint: " in hint, hint


def test_a_module_is_located_outside_a_notebook(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(f"raise_nothing = 1\n\n\n{INNER}\n\n{WRONG}", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("mine", file)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "mine", module)
        spec.loader.exec_module(module)
        assert course.check("softmax_vjp", module.softmax_vjp).hint.startswith(LINE.replace("5", "12"))


def test_nothing_is_said_of_what_is_written_otherwise_or_no_longer(notebook):  # noqa: F811
    notebook.run(INNER, WRONG)
    older = notebook.names["softmax_vjp"]
    notebook.run(WRONG.replace("0.5", "0.25"), "mine = lambda g, s: (s + 0.5) * (g - inner(g, s))\n")
    for answer in (older, notebook.names["mine"], partial(older)):
        assert course.check("softmax_vjp", answer).hint.startswith("a first hint: "), answer


@pytest.mark.slow
@pytest.mark.host("a notebook's kernel")
def test_a_kernel_locates_a_line_of_the_cell(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    first = "import numpy as np\nfrom minitransformer.course import check\n" + INNER
    cells = [nbformat.v4.new_code_cell(text) for text in (first, WRONG, "check('softmax_vjp', softmax_vjp)")]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        book, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3"
    ).execute()
    assert LINE in book.cells[-1].outputs[0]["data"]["text/plain"]
