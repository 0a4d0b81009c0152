"""The notebooks: built from their sources, and run from top to bottom, solved and unsolved."""

from pathlib import Path

import pytest

from minitransformer.course import catalogue
from minitransformer.course.workspace import Workspace, starter_of

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LESSONS = list(catalogue.lessons())


def source_of(lesson):
    return (ROOT / "lessons" / "sources" / f"{lesson}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", LESSONS)
def test_committed_is_what_the_sources_give(lesson):
    import nbformat

    from minitransformer.course.notebook import build

    built = build(lesson, source_of(lesson))
    committed = nbformat.read(ROOT / "lessons" / f"{lesson}.ipynb", 4)
    assert [(c["id"], c.cell_type, c.source) for c in built.cells] == [
        (c["id"], c.cell_type, c.source) for c in committed.cells
    ]
    assert all(cell.execution_count for cell in committed.cells if cell.cell_type == "code")
    assert "bin/python" not in nbformat.writes(committed)  # no path of the machine that built it
    assert (ROOT / "exercises" / f"{lesson}.py").read_text(encoding="utf-8") == starter_of(lesson)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("solved", [False, True])
@pytest.mark.parametrize("lesson", LESSONS)
def test_runs_from_top_to_bottom(lesson, solved, tmp_path):
    from minitransformer.course.notebook import build, execute

    Workspace(tmp_path).start()
    notebook = execute(build(lesson, source_of(lesson), solved), str(tmp_path))
    said = "".join(
        str(output.get("data", {}).get("text/plain", ""))
        for c in notebook.cells
        for output in c.get("outputs", [])
    )
    count = len(catalogue.lessons()[lesson])
    assert said.count(": passed" if solved else ": not written yet") == count
    assert set(Workspace.open(tmp_path).passed) == (set(catalogue.lessons()[lesson]) if solved else set())


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("lesson", LESSONS)
def test_each_cell_runs_again_at_the_end(lesson, tmp_path):
    """From the last cell to the first: each meets what later cells have made of the names that it uses."""
    from minitransformer.course.notebook import build, execute

    notebook = build(lesson, source_of(lesson))
    again = [cell | {"id": f"{cell['id']}-again"} for cell in reversed(notebook.cells)]
    notebook.cells += [type(notebook.cells[0])(cell) for cell in again]
    execute(notebook, str(tmp_path))
