"""`tour --mine`: with every solution in the library's place, its figures are the library's."""

import functools
import json
import sys

import numpy
import pytest

from minitransformer.cli.tour import _travel, plain
from minitransformer.course import catalogue
from minitransformer.course.beside import BESIDE, TASKS, differences
from minitransformer.course.mine import _swapped, in_the_library, piece, pieces
from minitransformer.course.places import PLACES
from minitransformer.course.places.explaining import LRP
from minitransformer.course.workspace import Workspace
from minitransformer.nn import SinusoidalPositionalEncoding
from minitransformer.randomness import manual_seed
from minitransformer.recipes import ClassifierRecipe

tour_module = sys.modules["minitransformer.cli.tour"]
pytestmark = pytest.mark.host("a learner's pieces are written on NumPy, and take the place of NumPy's")
# the first part is left out here
JUDGES_ALONE = {"finite_differences", "gradcheck", "sigmoid", "concat_vjp", "scatter_add"}
ROUNDING = 1e-6  # of float32, a few numbers after the other
CHANCE = {"sample_masks": 0.1, "lime": 1e-3}  # other draws than the library's


@pytest.fixture
def solved(tmp_path):
    """A learner's folder with every exercise solved."""
    workspace = Workspace(tmp_path)
    for lesson in catalogue.lessons():
        workspace.file_of(lesson).write_text(catalogue.solutions_of(lesson), encoding="utf-8")
    return workspace


def counted(calls, name, answer):
    """The answer, whose calls are counted."""
    target = answer.step if isinstance(answer, type) else answer

    @functools.wraps(target)
    def counting(*args, **kwargs):
        calls[name] += 1
        return target(*args, **kwargs)

    return type(answer.__name__, (answer,), {"step": counting}) if isinstance(answer, type) else counting


def figures(monkeypatch):
    """A small tour's figures, without the first part."""
    monkeypatch.setattr(tour_module, "check_gradients", lambda seed, console: [])
    manual_seed(0)
    return plain(_travel(ClassifierRecipe(steps=4), 3, 0))


@pytest.mark.slow
def test_the_figures_are_the_library_s_own_and_every_piece_is_used(solved, monkeypatch):
    with _swapped(LRP, None):  # relevance itself is walked, as lesson 11 does it
        own, calls = figures(monkeypatch), dict.fromkeys(PLACES, 0)
    mine = {name: piece(solved, name) for name in PLACES}
    with in_the_library({name: counted(calls, name, answer) for name, answer in mine.items()}):
        got = figures(monkeypatch)
    assert {name for name, n in calls.items() if not n} == JUDGES_ALONE | TASKS.keys()
    for what in ("before", "after"):
        assert got["language model"][what] == own["language model"][what]
    for model in ("language model", "classifier"):
        assert got[model]["losses"] == pytest.approx(own[model]["losses"], rel=ROUNDING / 4)
        assert got[model]["held_out"] == [
            (step, pytest.approx(loss, rel=ROUNDING)) for step, loss in own[model]["held_out"]
        ]
    assert (got["classifier"]["accuracy"], got["review"]["text"]) == (
        own["classifier"]["accuracy"],
        own["review"]["text"],
    )
    for method, told in own["explanations"].items():
        largest = numpy.abs(told["relevance"]).max()
        assert (
            numpy.abs(numpy.subtract(got["explanations"][method]["relevance"], told["relevance"])).max()
            < ROUNDING * largest
        )
    for sink, amount in own["ledger"].items():
        assert got["ledger"][sink] == pytest.approx(amount, abs=ROUNDING * abs(own["ledger"]["total"])), sink


@pytest.mark.parametrize("name", [*TASKS, *BESIDE])
def test_a_piece_alone_does_as_the_library_does_and_is_used(solved, name):
    calls, answer = {name: 0}, piece(solved, name)
    ((told, difference, why),) = differences(
        {name: answer if name == "Value" else counted(calls, name, answer)}
    )
    assert told == name and difference < CHANCE.get(name, ROUNDING) and bool(why) == (name not in PLACES)
    assert calls[name] or name == "Value"


@pytest.mark.parametrize("name", [*TASKS, *BESIDE])
def test_a_piece_that_is_wrong_is_seen(name):
    def seen(wrong):
        try:
            ((_, difference, _),) = differences({name: wrong})
        except Exception:
            return True
        return difference > CHANCE.get(name, 1e-3)

    assert any(map(seen, catalogue.exercise(name).mistakes.values()))


@pytest.mark.slow
def test_the_gradients_of_the_pieces_hold_too(solved):
    mine = {name: piece(solved, name) for name in PLACES}
    with in_the_library(mine):
        results = tour_module.check_gradients(0, tour_module.console)
    assert results and not [r for r in results if not r.passed]


def library():
    """What every name of the library and of its classes means."""
    modules = {
        name: vars(m) for name, m in list(sys.modules.items()) if name.partition(".")[0] == "minitransformer"
    }
    classes = {id(v): vars(v) for space in modules.values() for v in space.values() if isinstance(v, type)}
    return {
        (name, k): v
        for name, space in (modules | classes).items()
        for k, v in list(space.items())
        if callable(v)
    }


def test_the_library_is_its_own_again_even_after_an_error():
    before = library()
    with pytest.raises(ZeroDivisionError), in_the_library(dict.fromkeys(PLACES, lambda *a: 1 / 0)):
        changed = [k for k, v in library().items() if before.get(k) is not v]
        assert len(changed) > len(PLACES)
        tour_module.check_gradients(0, tour_module.console)
        1 / 0  # noqa: B018
    after = library()
    assert [k for k, v in before.items() if after.get(k) is not v] == []


def test_every_exercise_has_a_place_or_a_reason_why_not():
    assert (
        PLACES.keys() | BESIDE.keys() == set(catalogue.exercise_names()) and not PLACES.keys() & BESIDE.keys()
    )


def test_only_what_passes_is_used(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    workspace.start()
    source = catalogue.solutions_of("05_positional_encoding").replace("10000.0 **", "1000.0 **")
    workspace.file_of("05_positional_encoding").write_text(source, encoding="utf-8")
    workspace.file_of("06_attention").write_text(catalogue.solutions_of("06_attention"), encoding="utf-8")
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("sinusoidal_table", "softmax", "embedding"))
    assert list(pieces(workspace)) == ["softmax"]


def test_the_command_says_which_pieces_are_yours(command, solved, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("softmax", "sample", "shift_matrix"))
    monkeypatch.setattr(tour_module, "check_gradients", lambda seed, console: [])
    small = ("--steps", 1, "--epochs", 1, "--dir", tmp_path)
    code, out = command("tour", "--mine", "--json", *small)
    told = json.loads(out)
    assert code == 0 and told["mine"] == ["softmax", "sample"]
    shift = told["beside"]["shift_matrix"]
    assert shift["difference"] < ROUNDING and "nothing is computed with it" in shift["no place"]
    page = (tmp_path / "tour.html").read_text(encoding="utf-8")
    assert "2 pieces of your own: softmax, sample" in page and "nothing is computed with it" in page


def test_the_command_without_anything_of_yours(command, tmp_path):
    code, out = command("tour", "--mine")
    assert code == 1 and "minitransformer start" in out


def test_what_fails_in_use_is_named(solved):
    path = solved.file_of("05_positional_encoding")
    path.write_text(
        path.read_text("utf-8").replace("angles = np", "assert length < 99\n    angles = np", 1),
        encoding="utf-8",
    )
    mine = {"sinusoidal_table": piece(solved, "sinusoidal_table")}
    with (
        in_the_library(mine),
        pytest.raises(RuntimeError, match="your sinusoidal_table passes its check but not its use here"),
    ):
        SinusoidalPositionalEncoding(8, max_len=100)
