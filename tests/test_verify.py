"""`minitransformer verify`: its table leaves nothing out, and a wrong gradient shows."""

import importlib
import json
import math
import pkgutil

import numpy
import pytest
import typer
from typer.testing import CliRunner

import minitransformer
from minitransformer import nn, ops
from minitransformer.autograd import Op, tape
from minitransformer.cli.verify import verify
from minitransformer.nn.stateless import functional_call
from minitransformer.ops.elementwise.exponentials import Exp
from minitransformer.ops.networks.attention import Attention
from minitransformer.ops.networks.normalization import LayerNorm
from minitransformer.ops.products.linalg import Linear
from minitransformer.verify import CASES, OpCase, Result, check, verify_all
from minitransformer.verify.inputs import normal
from minitransformer.verify.report import page_body

app = typer.Typer()
app.command()(verify)


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def subclasses(cls):
    return {cls}.union(*(subclasses(c) for c in cls.__subclasses__()))


def ops_used(case):
    problem = case.problem(numpy.random.default_rng(0), "float64")
    inputs = [minitransformer.tensor(a, requires_grad=a.dtype.kind == "f") for a in problem.inputs]
    return {type(op) for op in tape(problem.ours(*inputs))}


def without_torch(monkeypatch):
    for name in ("verify.judging", "verify.report", "cli.verify"):
        module = importlib.import_module(f"minitransformer.{name}")
        monkeypatch.setattr(module, "has_torch", lambda: False)


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(Exp, "vjp", lambda self, g, y: (1.001 * g * y,))


@pytest.mark.host("about a table, which is the same everywhere")
def test_every_op_is_in_the_table():
    for module in pkgutil.walk_packages(ops.__path__, "minitransformer.ops."):
        importlib.import_module(module.name)
    made = {
        op
        for op in subclasses(Op)
        if op.__module__.startswith("minitransformer.ops.") and op.forward is not Op.forward
    }
    used = set().union(*(ops_used(case) for case in CASES if case.kind == "op"))
    assert len(made) > 40
    assert not {op.__name__ for op in made - used}


WITHOUT_GRADIENT = set(
    """argmax argmin argsort argwhere bincount broadcast_shapes bucketize count_nonzero detach is_floating_point nonzero numel
    bitwise_left_shift bitwise_right_shift heaviside histc isneginf isposinf one_hot searchsorted set_printoptions signbit
    as_strided is_complex is_nonzero is_signed tril_indices triu_indices unique unique_consecutive""".split()
)


def test_every_function_of_ops_with_a_gradient_is_named():
    without_gradient = (
        "minitransformer.ops.creation.",
        "minitransformer.ops.elementwise.compare",
        "minitransformer.ops.elementwise.logic",
    )
    functions = [f for name in minitransformer.__all__ if callable(f := getattr(minitransformer, name))]
    homes = {f.__name__.rstrip("_"): f.__module__ for f in functions}
    public = {n for n, home in homes.items() if home.startswith("minitransformer.ops.")} - {
        n for n, home in homes.items() if home.startswith(without_gradient)
    } | {"clear_attention", "getitem", "to"}
    named = {case.name.partition(",")[0] for case in CASES if case.kind == "op"}
    assert len(public) > 50
    assert public - named == WITHOUT_GRADIENT


def test_every_layer_is_in_the_table():
    layers = {
        m for name in nn.__all__ if isinstance(m := getattr(nn, name), type) and issubclass(m, nn.Module)
    }
    layers = {layer for layer in layers if layer.forward is not nn.Module.forward}  # the others are bases
    layers -= {nn.LazyLinear}  # a Linear from its first call on
    built = [case.build(minitransformer) for case in CASES if case.kind == "layer"]
    used = {type(module) for layer in built for module in layer.modules()}
    assert len(layers) > 20
    assert not {layer.__name__ for layer in layers - used}


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "name", ["softmax", "layer_norm", "Linear", "Embedding", "TransformerDecoderLayer", "LanguageModel"]
)
def test_what_is_right_passes_in_both_dtypes(name):
    results = verify_all(name)
    assert {r.dtype for r in results} == {"float64", "float32"}
    for r in results:
        assert r.passed and not r.message, r
        assert r.torch_error <= (1e-10 if r.dtype == "float64" else 1e-5)
        assert (r.finite_difference_error is None) == (r.dtype == "float32")
    assert any(r.torch_error > 0 for r in results) or name == "Embedding"


def test_progress_and_seed():
    told = []
    first = verify_all("silu", 3, lambda *news: told.append(news))
    assert told == [(0, 2, "silu"), (1, 2, "SiLU")]
    assert verify_all("silu", 3) == first != verify_all("silu", 4)


def test_a_name_that_is_not_there_raises():
    with pytest.raises(ValueError, match="no op or layer has 'sfotmax'"):
        verify_all("sfotmax")


def test_a_broken_gradient_fails_before_both_judges(broken):
    result = check(next(case for case in CASES if case.name == "exp"), "float64")
    assert not result.passed
    assert result.finite_difference_error == pytest.approx(
        1e-3, rel=1e-3
    ) and result.torch_error == pytest.approx(1e-3, rel=1e-3)
    assert "finite differences: AssertionError: the gradient of input 0 is wrong at index" in result.message
    assert "PyTorch: AssertionError: the gradient of input 0" in result.message


@pytest.mark.host(
    "finite differences of whole models take minutes on an emulated device; their ops and layers are checked there"
)
@pytest.mark.parametrize(
    "name", ["BERT", "GPT", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Llama", "T5"))]
)
def test_whole_models_are_held_to_finite_differences(name, monkeypatch):
    (result,) = verify_all(name)
    assert (
        result.passed
        and result.kind == "model"
        and result.torch_error is None
        and result.finite_difference_error < 1e-6
    )
    right = Linear.vjp
    monkeypatch.setattr(
        Linear, "vjp", lambda self, *a: tuple(None if c is None else c * 1.001 for c in right(self, *a))
    )
    assert not verify_all(name)[0].passed


def test_a_broken_gradient_gives_exit_code_1(broken):
    shown = run("--only", "exp", "--seed", "1")
    assert shown.exit_code == 1
    assert "fail" in shown.output and "allowed 1e-06" in shown.output
    assert " checks, 2 failed" in shown.output  # exp of two dtypes, and not those whose names hold its own


@pytest.mark.parametrize(
    ("op", "input"), [(Linear, 1), (Linear, 2), (LayerNorm, 1), (LayerNorm, 2), (Attention, 0)]
)
def test_a_slightly_wrong_gradient_of_one_parameter_of_a_layer_fails(monkeypatch, op, input):
    right = op.vjp
    monkeypatch.setattr(
        op,
        "vjp",
        lambda self, *a: tuple(c * (1 + 1e-4 * (i == input)) for i, c in enumerate(right(self, *a))),
    )
    result = check(next(case for case in CASES if case.name == "TransformerEncoderLayer"), "float64")
    assert not result.passed and 1e-6 < result.finite_difference_error < 1e-3


def test_a_gradient_that_is_nan_fails(monkeypatch):
    monkeypatch.setattr(Exp, "vjp", lambda self, g, x: (g * math.nan,))
    result = check(next(case for case in CASES if case.name == "exp"), "float64")
    assert not result.passed and result.finite_difference_error == math.inf
    output = run("--only", "exp", "--json")
    assert output.exit_code == 1 and "Infinity" not in output.output


def test_an_op_that_raises_fails(monkeypatch):
    monkeypatch.setattr(Exp, "forward", lambda self, x: x.no_such_thing)
    result = check(next(case for case in CASES if case.name == "exp"), "float64")
    assert not result.passed and result.finite_difference_error is result.torch_error is None
    assert "AttributeError" in result.message


def test_json_and_page(tmp_path):
    page = tmp_path / "verify.html"
    shown = run("--only", "linear", "--json", "--html", str(page))
    assert shown.exit_code == 0
    report = json.loads(shown.output)
    assert report["passed"] is True and report["torch"] is True
    names = [r["name"] for r in report["results"]]
    assert names == sorted(names, key=lambda n: n[0].isupper()) and {
        "linear",
        "Linear",
        "Linear, no bias",
    } <= set(names)
    assert {r["device"] for r in report["results"]} == {str(minitransformer.ones(1).device)}
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "://" not in text and text.count("<tr") == 1 + len(names)


def test_the_page_shows_failures_and_escapes_them():
    failure = Result("a < b", "op", "float64", "cpu", 0.5, None, False, "got <1>")
    assert "a &lt; b" in page_body([failure]) and "got &lt;1&gt;" in page_body([failure])
    assert "1 checks, 1 failed" in page_body([failure])


def test_without_torch_the_rest_still_runs(monkeypatch):
    without_torch(monkeypatch)
    results = verify_all("softmax")
    assert {r.dtype for r in results} == {"float64"}
    assert all(r.torch_error is None and r.finite_difference_error < 1e-6 and r.passed for r in results)
    shown = run("--only", "softmax")
    assert shown.exit_code == 0 and "not installed" in shown.output and "pip install" in shown.output


def test_without_torch_a_broken_gradient_still_fails(monkeypatch, broken):
    without_torch(monkeypatch)
    assert run("--only", "exp").exit_code == 1


def test_inputs_are_not_the_judges_cotangent():
    """An input that equals the cotangent is what normalization takes out: its gradient would be next to nothing."""
    seen = []

    class Listens(Op):
        def forward(self, x):
            return x + 0

        def vjp(self, g, x):
            seen.append((x.copy(), g.copy()))
            return (g,)

    for seed in range(3):
        assert check(
            OpCase("seen", lambda lib, x: Listens()(x), [normal(3, 5)], lambda torch, x: x + 0),
            "float64",
            seed,
        ).passed
    assert len(seen) == 6 and all(abs(x - g).max() > 0.1 for x, g in seen)


def test_functional_call_uses_the_given_parameters_and_gives_the_own_ones_back():
    layer = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, bias=False)).double()
    own = dict(layer.named_parameters())
    given = {name: minitransformer.randn(*p.shape, dtype=minitransformer.float64) for name, p in own.items()}
    x = minitransformer.randn(4, 3, dtype=minitransformer.float64)
    got = functional_call(layer, given, (x,)).numpy()
    first, bias, second = (given[name].numpy() for name in ("0.weight", "0.bias", "1.weight"))
    expected = (x.numpy() @ first.T + bias) @ second.T
    numpy.testing.assert_allclose(got, expected, atol=1e-14)
    after = dict(layer.named_parameters())
    assert [*after] == [*own] and all(after[name] is own[name] for name in own)


def test_functional_call_replaces_a_shared_parameter_under_all_its_names():
    layer = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    layer[1].weight = layer[0].weight
    got = functional_call(
        layer, {"0.weight": minitransformer.tensor([[2.0, 0.0], [0.0, 2.0]])}, (minitransformer.ones(2),)
    )
    assert got.tolist() == [4.0, 4.0]


def test_functional_call_that_fails_gives_the_own_parameters_back():
    layer = nn.Linear(2, 2)
    own = layer.weight
    with pytest.raises(ValueError):
        functional_call(layer, {"weight": minitransformer.ones(3, 3)}, (minitransformer.ones(2),))
    assert layer.weight is own
    with pytest.raises(KeyError, match="Linear has no parameter 'wieght'; it has weight, bias"):
        functional_call(layer, {"wieght": own}, (minitransformer.ones(2),))
