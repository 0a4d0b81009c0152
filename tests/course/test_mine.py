"""`tour --mine`: with every solution in the library's place, its figures are the library's."""

import functools
import json
import sys

import numpy
import pytest

from minitransformer import statistics
from minitransformer.autograd import Tensor, no_grad
from minitransformer.course import catalogue
from minitransformer.course import mine as mine_module
from minitransformer.course.beside import BESIDE
from minitransformer.course.mine import Pieces, differences, piece, pieces
from minitransformer.course.seams import RULES, SEAMS
from minitransformer.course.tasks import TASKS
from minitransformer.course.workspace import Workspace
from minitransformer.explain import Explanation
from minitransformer.explain.walk import account
from minitransformer.kernels import numpy as kernels
from minitransformer.nn import SinusoidalPositionalEncoding, TransformerEncoderLayer, functional
from minitransformer.randomness import manual_seed
from minitransformer.recipes import ClassifierRecipe
from minitransformer.terminal import Terminal
from minitransformer.tour import Listener, plain
from minitransformer.tour import parts as tour_module
from minitransformer.tour.plan import Plan
from minitransformer.tour.verdict import agreement

pytestmark = pytest.mark.host("a learner's pieces are written on NumPy, and take the place of NumPy's")
# the first part is left out here
JUDGES_ALONE = {"finite_differences", "sigmoid", "concat_vjp", "scatter_add"}
COMPARED = {"scatter_add", "keep_top_k"}  # used where the library's own answers as well, to compare shapes
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


def figures(monkeypatch, yours, nothing):
    """A small tour's figures with these pieces, without gradients and published models; `nothing` is an empty folder."""
    monkeypatch.setattr(tour_module, "check_gradients", lambda seed, console: [])
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(nothing))
    manual_seed(0)
    with yours.in_the_library():
        plan = Plan(ClassifierRecipe(steps=4)).with_steps(3)
        return plain(tour_module.run_parts(plan, yours, Listener()))


@pytest.mark.slow
def test_the_figures_are_the_library_s_own_and_every_piece_is_used(solved, monkeypatch, tmp_path):
    right = tour_module.train_classifier
    # the explicit form, as lesson 11 does it
    monkeypatch.setattr(tour_module, "train_classifier", lambda *a: right(*a[:3], "explicit"))
    own, calls = figures(monkeypatch, Pieces({}), tmp_path / "cache"), dict.fromkeys(SEAMS, 0)
    yours = Pieces({name: counted(calls, name, piece(solved, name)) for name in SEAMS})
    got = figures(monkeypatch, yours, tmp_path / "cache")
    assert yours.aside == {}
    assert {name for name, n in calls.items() if not n} | COMPARED == JUDGES_ALONE | (
        TASKS.keys() - BESIDE.keys()
    )
    for what in ("before", "after"):
        assert got["stories"][what] == own["stories"][what]
    assert got["dates"]["own"] == own["dates"]["own"]
    for model in ("dates", "stories", "classifier"):
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


def test_the_tour_compares_methods_by_the_learner_s_rank_correlation():
    calls = {"rank_correlation": 0}
    yours = Pieces({"rank_correlation": counted(calls, "rank_correlation", statistics.rank_correlation)})
    words, numbers = ["a", "b"], numpy.array([1.0, -1.0])
    both = [Explanation(method, numpy.arange(2), numbers, [0], 1.0, words) for method in ("one", "two")]
    with yours.in_the_library():
        assert agreement(both) == [("one", "two", pytest.approx(1.0), ["a", "b"])]
    assert calls["rank_correlation"] == 1 and not yours.aside


@pytest.mark.parametrize("name", dict.fromkeys([*TASKS, *BESIDE]))
def test_a_piece_alone_does_as_the_library_does_and_is_used(solved, name):
    calls, answer = {name: 0}, piece(solved, name)
    yours = Pieces({name: answer if name == "Value" else counted(calls, name, answer)})
    ((told, difference, why),) = differences(yours)
    assert told == name and difference < CHANCE.get(name, ROUNDING) and bool(why) == (name not in SEAMS)
    assert (calls[name] or name == "Value") and yours.aside == {}


@pytest.mark.parametrize("name", dict.fromkeys([*TASKS, *BESIDE]))
def test_a_piece_that_is_wrong_is_seen(name):
    def seen(wrong):
        yours = Pieces({name: wrong})
        sizes = [size for _, size, _ in differences(yours)]
        assert bool(sizes) != bool(yours.aside)
        return bool(yours.aside) or sizes[0] > CHANCE.get(name, 1e-3)

    assert any(map(seen, catalogue.exercise(name).mistakes.values()))


@pytest.mark.slow
def test_the_gradients_of_the_pieces_hold_too(solved):
    yours = Pieces({name: piece(solved, name) for name in SEAMS})
    with yours.in_the_library():
        results = tour_module.check_gradients(0, Terminal())
    assert results and not [r for r in results if not r.passed] and yours.aside == {}


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


ALL_FAIL = dict.fromkeys(SEAMS, lambda *a: 1 / 0)


def test_the_library_is_its_own_again_even_after_an_error():
    before = library()
    with pytest.raises(ZeroDivisionError), Pieces(ALL_FAIL).in_the_library():
        changed = [k for k, v in library().items() if before.get(k) is not v]
        assert len(changed) > len(SEAMS) - 5  # a few share a seam
        1 / 0  # noqa: B018
    after = library()
    assert [k for k, v in before.items() if after.get(k) is not v] == [] and before.keys() == after.keys()


@pytest.mark.slow
def test_gradients_hold_beside_pieces_that_all_fail():
    yours = Pieces(ALL_FAIL)
    with yours.in_the_library():
        results = tour_module.check_gradients(0, Terminal())
    assert results and all(r.passed for r in results)  # what failed was set aside
    assert yours.aside.keys() >= {"mul_vjp", "softmax", "layer_norm"}


def test_every_exercise_has_a_seam_or_a_reason_why_not():
    assert (
        SEAMS.keys() | BESIDE.keys() == set(catalogue.exercise_names()) and not SEAMS.keys() & BESIDE.keys()
    )
    assert len(SEAMS) >= 50 and RULES < SEAMS.keys()


def test_seams_are_public_names():
    for seams in SEAMS.values():
        for seam in seams:
            path = [*getattr(seam.owner, "__qualname__", seam.owner.__name__).split("."), seam.name]
            assert not [name for name in path if name.startswith("_")], path
            assert getattr(seam.owner, seam.name).__module__.startswith("minitransformer.")


# ---- pieces that pass their check and fail in their use ----

X = numpy.array([[1.0, 2.0, 3.0]])


def raises(x):
    raise KeyError("surprise")


def loops(x):
    while True:
        pass


FAILING = {
    "raises": (raises, "KeyError: 'surprise'"),
    "leaves": (lambda x: sys.exit(3), "SystemExit: 3"),
    "another shape": (lambda x: x[..., :2], "expected a result of shape (1, 3), got (1, 2)"),
    "nothing": (lambda x: None, "AxisError"),
    "NaN": (lambda x: x * numpy.nan, "NaN or infinity"),
    "loops": (loops, "one call took longer than 0.2 s"),
}


@pytest.mark.parametrize("answer, reason", FAILING.values(), ids=FAILING)
def test_a_piece_that_fails_is_set_aside_and_the_library_answers(monkeypatch, answer, reason):
    if answer is loops and not hasattr(__import__("signal"), "SIGALRM"):
        pytest.skip("no alarm here")
    monkeypatch.setattr(mine_module, "PATIENCE", 0.2)
    yours, expected = Pieces({"softmax": answer}), kernels.softmax(X, -1)
    with yours.in_the_library():
        assert (kernels.softmax(X, -1) == expected).all()
        assert reason in yours.aside["softmax"]
        yours.answers["softmax"] = None  # is not asked again
        assert (kernels.softmax(X, -1) == expected).all()


def test_a_shape_that_fits_once_is_looked_at_again():
    yours = Pieces({"softmax": lambda x: x if len(x) < 9 else x[:9]})
    with yours.in_the_library():
        assert kernels.softmax(X, -1) is not None and not yours.aside
        assert kernels.softmax(numpy.ones((10, 3)), -1).shape == (10, 3) and "softmax" in yours.aside


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_weights_decay_as_with_the_library_s_optimizer(solved, name):
    import minitransformer as mt

    def learn():
        w = mt.nn.Parameter(mt.tensor([3.0, -2.0]))
        optimizer = getattr(mt.optim, name)([w], lr=0.1, weight_decay=0.5)
        for _ in range(3):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
        return w.detach().numpy()

    expected, calls = learn(), {name: 0}
    yours = Pieces({name: counted(calls, name, piece(solved, name))})
    with yours.in_the_library():
        assert learn() == pytest.approx(expected, rel=1e-6)
    assert calls[name] and not yours.aside


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "clip_grad_norm", "sample"])
def test_what_works_in_place_leaves_nothing_half_done(name):
    import minitransformer as mt

    class Half:
        def __init__(self, params, *settings):
            self.t = 0

        def step(self, grads):
            self.t += 1
            self.params[0] += 1
            assert self.t < 2

    def half(first, *rest):
        (first[0] if isinstance(first, list) else first)[...] = 7.0
        raise ArithmeticError

    def learn():
        w = mt.nn.Parameter(mt.tensor([3.0, -2.0, 1.0]))
        make = getattr(mt.optim, name, mt.optim.SGD)
        optimizer = make([w], lr=0.1)
        (w * w)[mt.tensor([0, 1, 1, 2])].sum().backward()
        mt.nn.utils.clip_grad_norm_([w], 1.0)
        optimizer.step()
        token = mt.generation.sampling.draw(numpy.array([0.5, 0.5]), numpy.random.default_rng(0))
        return w.numpy().copy(), token

    expected = learn()
    yours = Pieces({name: type("Half", (Half,), {"step": lambda self, g: half(self.params)})
                    if hasattr(mt.optim, name) else half})  # fmt: skip
    with yours.in_the_library():
        got = learn()
    assert name in yours.aside and (got[0] == expected[0]).all()


def test_the_tour_goes_on_without_a_piece_that_fails(command, solved, monkeypatch, tmp_path):
    path = solved.file_of("06_attention")
    path.write_text(
        path.read_text("utf-8").replace(
            "def softmax(x):",
            "def softmax(x):\n    assert x.ndim < 4, 'too deep'\n    return _softmax(x)\n\n\ndef _softmax(x):",
            1,
        ),
        encoding="utf-8",
    )
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("softmax", "sample"))
    monkeypatch.setattr(tour_module, "check_gradients", lambda seed, console: [])
    small = ("--steps", 1, "--epochs", 1, "--dir", tmp_path)
    code, out = command("tour", "--mine", "--json", *small)
    told = json.loads(out)
    assert code == 0 and told["mine"] == ["sample"] and "too deep" in told["set aside"]["softmax"]
    page = (tmp_path / "tour.html").read_text(encoding="utf-8")
    assert "set aside" in page and "too deep" in page and "Traceback" not in out


def test_an_error_after_a_piece_answered_sets_it_aside_and_the_part_is_done_anew():
    yours, tries = Pieces({"softmax": lambda x: x, "sigmoid": lambda x: x}), []

    def part():
        tries.append(dict(yours.aside))
        kernels.sigmoid(X)
        kernels.softmax(X, -1)
        if len(tries) < 3:
            raise ValueError("odd numbers")
        return "done"

    with yours.in_the_library():
        assert tour_module.done(part, 0, yours) == "done"
    assert list(yours.aside) == ["softmax", "sigmoid"] and "odd numbers" in yours.aside["sigmoid"]


def test_an_error_of_the_library_s_own_is_not_a_piece_s():
    with pytest.raises(ValueError, match="ours"):
        tour_module.done(lambda: (_ for _ in ()).throw(ValueError("ours")), 0, Pieces({}))


def test_only_what_passes_is_used(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    workspace.start()
    source = catalogue.solutions_of("05_positional_encoding").replace("10000.0 **", "1000.0 **")
    workspace.file_of("05_positional_encoding").write_text(source, encoding="utf-8")
    workspace.file_of("06_attention").write_text(catalogue.solutions_of("06_attention"), encoding="utf-8")
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("sinusoidal_table", "softmax", "embedding"))
    assert list(pieces(workspace).answers) == ["softmax"]


def test_the_command_says_which_pieces_are_yours(command, solved, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("softmax", "sample", "shift_matrix"))
    monkeypatch.setattr(tour_module, "check_gradients", lambda seed, console: [])
    small = ("--steps", 1, "--epochs", 1, "--dir", tmp_path)
    code, out = command("tour", "--mine", "--json", *small)
    told = json.loads(out)
    assert code == 0 and told["mine"] == ["softmax", "sample"]
    shift = told["beside"]["shift_matrix"]
    assert shift["difference"] < ROUNDING and "nothing is computed with it" in shift["not swapped in"]
    page = (tmp_path / "tour.html").read_text(encoding="utf-8")
    assert "2 pieces of your own: softmax, sample" in page and "nothing is computed with it" in page


def test_the_command_without_anything_of_yours(command, tmp_path):
    code, out = command("tour", "--mine")
    assert code == 1 and "minitransformer start" in out


@pytest.mark.parametrize(
    "name", ["feed_forward", "layer_norm", "layer_norm_vjp", "cross_entropy_vjp", "multi_head_attention"]
)
def test_float64_from_a_piece_is_float32_again_in_a_model_of_float32(solved, name):
    def wide(result):
        return tuple(map(wide, result)) if isinstance(result, tuple) else result.astype(float)

    answer = piece(solved, name)
    yours = Pieces({name: lambda *arguments: wide(answer(*arguments))})
    layer = TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = Tensor(numpy.random.default_rng(0).normal(size=(2, 3, 8)).astype("float32"))
    with yours.in_the_library():
        functional.cross_entropy(layer(x).reshape(6, 8), Tensor(numpy.arange(6))).backward()
        layer.eval()
        with no_grad():
            shown = layer(x)
    assert not yours.aside and yours.last == name
    assert shown.dtype == "float32" and {p.grad.dtype for p in layer.parameters()} == {numpy.dtype("float32")}


def test_what_fails_in_use_is_named(solved):
    path = solved.file_of("05_positional_encoding")
    path.write_text(
        path.read_text("utf-8").replace("angles = np", "assert length < 99\n    angles = np", 1),
        encoding="utf-8",
    )
    yours, own = (
        Pieces({"sinusoidal_table": piece(solved, "sinusoidal_table")}),
        SinusoidalPositionalEncoding(8, max_len=100),
    )
    with yours.in_the_library():
        table = SinusoidalPositionalEncoding(8, max_len=100).table()
    assert (table.numpy() == own.table().numpy()).all() and yours.aside["sinusoidal_table"].startswith(
        "AssertionError"
    )


def test_a_file_that_cannot_be_run_here_is_set_aside(solved, monkeypatch):
    monkeypatch.setattr(catalogue, "exercise_names", lambda: ("softmax", "sample"))
    path, right = solved.file_of("06_attention"), mine_module.piece

    def changed(workspace, name):
        path.write_text("1 / 0", encoding="utf-8")  # after its check
        return right(workspace, name)

    monkeypatch.setattr(mine_module, "piece", changed)
    yours = pieces(solved)
    assert list(yours.answers) == ["sample"] and yours.aside == {
        "softmax": "ZeroDivisionError: division by zero"
    }


def test_a_gradient_that_is_not_needed_is_left_out_of_the_ledger(solved):
    yours = Pieces({name: piece(solved, name) for name in ("mul_vjp", "matmul_vjp")})
    x, weight = (Tensor(numpy.random.default_rng(n).normal(size=(3, 3)), requires_grad=True) for n in (0, 1))
    with yours.in_the_library():
        (relevance,), ledger = account(((x * weight) @ weight).sum(), [x])
    assert ledger["total"] == pytest.approx(relevance.sum()) and yours.last == "mul_vjp" and not yours.aside
