"""Comparisons with PyTorch: run where it is installed; elsewhere the shipped figures, which are those of a run."""

import ast
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from notebooks import BUILT, committed

from minitransformer.course import beside_pytorch

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")
has_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
ROUNDING = 1e-4  # numbers below this are errors of rounding
FACTOR = 100  # by which these may differ from one machine to another


@has_torch
def test_with_pytorch_it_compares(capsys):
    beside_pytorch(lambda: "largest difference 2e-16", shipped="never shown")
    assert capsys.readouterr().out == "largest difference 2e-16\n"


def test_without_pytorch_it_shows_the_shipped_figures(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    beside_pytorch(lambda: pytest.fail("PyTorch is not there"), shipped="largest difference 1e-16")
    said, shipped, advice = capsys.readouterr().out.splitlines()
    assert "not installed" in said and shipped == "largest difference 1e-16" and "pip install torch" in advice


@has_torch
def test_what_is_wrong_in_a_comparison_is_not_hidden():
    with pytest.raises(ImportError, match="nowhere"):
        beside_pytorch(lambda: __import__("nowhere_to_be_found"), shipped="never shown")


def test_importing_the_course_loads_no_torch():
    code = (
        "import sys, minitransformer.course; sys.exit('torch' in sys.modules or 'ipywidgets' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def shipped_in(code):
    """The shipped texts of the comparisons in a cell."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "beside_pytorch":
            (text,) = (keyword.value for keyword in node.keywords if keyword.arg == "shipped")
            yield ast.literal_eval(text)


def agree(shipped, printed):
    """Whether two texts differ only in their errors of rounding, each by less than a factor."""
    if NUMBER.sub("#", shipped) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shipped), NUMBER.findall(printed), strict=True)
    return all(a == b or _both_rounding(abs(float(a)), abs(float(b))) for a, b in pairs)


def _both_rounding(a, b):
    least, most = sorted((a, b))
    return most < ROUNDING and most <= FACTOR * max(least, 1e-17)


@pytest.mark.parametrize(
    ("other", "fine"),
    [
        ("value: 3e-15 of 12 words", True),
        ("value: 3e-13 of 12 words", False),
        ("value: 4e-16 of 13 words", False),
        ("value: 0.4 of 12 words", False),
        ("worth: 4e-16 of 12 words", False),
        ("value: 4e-16 of 12", False),
    ],
)
def test_what_agrees(other, fine):
    assert agree("value: 4e-16 of 12 words", other) is fine


@pytest.mark.parametrize("lesson", BUILT)
def test_the_shipped_figures_are_those_of_a_run(lesson):
    cells = [cell for cell in committed(lesson) if "beside_pytorch(" in cell.text]
    for cell in cells:
        shipped = [line for text in shipped_in(cell.text) for line in text.splitlines()]
        printed = [line for line in cell.printed.splitlines() if line]
        assert "not installed" not in cell.printed, "built without PyTorch"
        assert not [line for line in shipped if line and not any(agree(line, other) for other in printed)]
