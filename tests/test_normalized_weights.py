"""Weights that modules compute, by weight and spectral normalization and by parametrizations, against PyTorch's."""

import copy

import numpy
import pytest
from helpers import array, as_numpy, assert_close
from later import torch

import minitransformer as mt
from minitransformer import explain, nn

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
parametrize, parametrizations = nn.utils.parametrize, nn.utils.parametrizations


def twins(make):
    """What `make(lib)` makes with both libraries, in float64, with PyTorch's state in both."""
    ours, theirs = (make(lib).double() for lib in (mt, torch))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def stepped(lib, module, x, steps=3):
    """Outputs and gradients of some training steps, then an output in evaluation mode, and the state after all."""
    optimizer, found = lib.optim.SGD(module.parameters(), lr=0.1), []
    for _ in range(steps):
        optimizer.zero_grad()
        y = module(lib.tensor(x))
        (y * y).mean().backward()
        found += [y, *(p.grad for p in module.parameters())]
        optimizer.step()
    return [*found, module.eval()(lib.tensor(x)), *module.state_dict().values()]


def same_steps(make, x):
    ours, theirs = twins(make)
    pairs = zip(stepped(mt, ours, x), stepped(torch, theirs, x), strict=True)
    for i, (got, expected) in enumerate(pairs):
        assert_close(got.detach(), expected.detach(), what=f"result {i}", least=1e-3)


LAYERS = {
    "linear": (lambda lib: lib.nn.Linear(3, 4), (5, 3)),
    "conv": (lambda lib: lib.nn.Conv1d(3, 4, 2), (2, 3, 6)),
    "transposed": (lambda lib: lib.nn.ConvTranspose2d(3, 2, 2), (2, 3, 4, 5)),
    "one unit": (lambda lib: lib.nn.Linear(3, 1), (1, 3)),
}
FORMS = {
    "weight_norm": lambda lib, layer: lib.nn.utils.weight_norm(layer),
    "weight_norm of all": lambda lib, layer: lib.nn.utils.weight_norm(layer, dim=None),
    "weight_norm dim 1": lambda lib, layer: lib.nn.utils.weight_norm(layer, "weight", 1),
    "parametrized weight_norm": lambda lib, layer: lib.nn.utils.parametrizations.weight_norm(layer),
    "parametrized of all": lambda lib, layer: lib.nn.utils.parametrizations.weight_norm(layer, dim=None),
    "spectral_norm": lambda lib, layer: lib.nn.utils.spectral_norm(layer),
    "spectral_norm twice": lambda lib, layer: lib.nn.utils.spectral_norm(layer, n_power_iterations=2),
    "parametrized spectral_norm": lambda lib, layer: lib.nn.utils.parametrizations.spectral_norm(layer),
    "of the bias": lambda lib, layer: lib.nn.utils.parametrizations.spectral_norm(layer, "bias", dim=0),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_steps_are_pytorch_s(layer, form):
    make, shape = LAYERS[layer]
    same_steps(lambda lib: FORMS[form](lib, make(lib)), array(*shape))


def test_both_in_a_network_whose_weights_are_set_after():
    """What a program writes to the computed weight is gone at the next call, in both."""

    def make(lib):
        first = lib.nn.utils.weight_norm(lib.nn.Linear(3, 3))
        first.weight.data.normal_(0, 0.01)
        return lib.nn.Sequential(first, lib.nn.ReLU(), lib.nn.utils.spectral_norm(lib.nn.Linear(3, 2)))

    same_steps(make, array(5, 3))


@pytest.mark.parametrize("form", [f for f in FORMS if "bias" not in f and "twice" not in f])
def test_taken_away_again(form):
    layer = FORMS[form](mt, nn.Linear(3, 4))
    layer.eval()
    x = mt.tensor(array(2, 3, dtype="float32"))
    before = layer(x)
    if form.startswith("parametrized"):
        parametrize.remove_parametrizations(layer, "weight")
    else:
        getattr(nn.utils, "remove_" + form.split()[0])(layer)
    assert type(layer) is nn.Linear and sorted(layer.state_dict()) == ["bias", "weight"]
    assert_close(layer(x).detach(), before.detach())
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad


def test_a_copy_is_a_module_of_its_own():
    layer = parametrizations.weight_norm(nn.Linear(3, 4))
    other = copy.deepcopy(layer)
    with mt.no_grad():
        other.parametrizations.weight.original0.zero_()
    assert as_numpy(layer.weight).any() and not as_numpy(other.weight).any()


class Symmetric:
    """The weight of the upper half of a matrix."""

    def of(self, lib):
        class Parametrization(lib.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).transpose(-1, -2)

        return Parametrization()


class Exponential:
    """A positive weight, from its logarithm."""

    def of(self, lib):
        class Parametrization(lib.nn.Module):
            def forward(self, x):
                return x.exp()

            def right_inverse(self, y):
                return y.abs().log()

        return Parametrization()


@pytest.mark.parametrize("kinds", [[Symmetric], [Exponential], [Exponential, Symmetric]])
def test_parametrizations_of_one_s_own(kinds):
    def make(lib):
        layer = lib.nn.Linear(3, 3)
        for kind in kinds:
            lib.nn.utils.parametrize.register_parametrization(layer, "weight", kind().of(lib))
        return lib.nn.Sequential(layer, lib.nn.Linear(3, 2))

    same_steps(make, array(4, 3))


def test_assigning_a_parametrized_weight():
    def program(lib):
        layer = lib.nn.Linear(2, 2).double()
        lib.nn.utils.parametrize.register_parametrization(layer, "weight", Exponential().of(lib))
        layer.weight = lib.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=lib.float64)
        return layer.weight, layer.parametrizations.weight.original, type(layer).__name__

    (w, original, name), (their_w, their_original, their_name) = program(mt), program(torch)
    assert_close(w.detach(), their_w.detach())
    assert_close(original.detach(), their_original.detach())
    assert name == their_name
    layer = nn.Linear(2, 2)
    assert not parametrize.is_parametrized(layer)
    parametrize.register_parametrization(layer, "bias", Exponential().of(mt))
    assert parametrize.is_parametrized(layer, "bias") and not parametrize.is_parametrized(layer, "weight")


@pytest.mark.parametrize("form", ["weight_norm", "spectral_norm", "parametrized weight_norm"])
def test_relevance_of_a_normalized_network_adds_up(form):
    mt.manual_seed(0)
    model = nn.Sequential(FORMS[form](mt, nn.Linear(4, 5)), nn.ReLU(), FORMS[form](mt, nn.Linear(5, 2)))
    model.double().eval()
    x = mt.tensor(array(1, 4), requires_grad=True)
    output = model(x)[0, 1]
    biases = [b for name, b in model.named_parameters() if name.endswith("bias")]
    for rule_form in ("gradient", "explicit"):
        (found,) = explain.relevance(output, [x], rule="epsilon", form=rule_form)
        plain = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).double()
        with mt.no_grad():
            for i in (0, 2):
                plain[i].weight.copy_(model[i].weight)
                plain[i].bias.copy_(model[i].bias)
        (expected,) = explain.relevance(plain(x)[0, 1], [x], rule="epsilon", form=rule_form)
        numpy.testing.assert_allclose(found, expected, rtol=1e-8)
    assert biases


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (
            lambda m: [nn.utils.weight_norm(m), nn.utils.weight_norm(m)],
            RuntimeError,
            "has WeightNorm already",
        ),
        (lambda m: nn.utils.remove_weight_norm(m), ValueError, "has no WeightNorm to remove"),
        (lambda m: nn.utils.remove_spectral_norm(m), ValueError, "has no SpectralNorm to remove"),
        (lambda m: nn.utils.spectral_norm(m, n_power_iterations=0), ValueError, "iterations >= 1, got 0"),
        (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), ValueError, "iterations >= 1"),
        (
            lambda m: parametrize.remove_parametrizations(m, "weight"),
            ValueError,
            "'weight' of Linear has none",
        ),
        (
            lambda m: parametrize.register_parametrization(m, "wait", nn.Identity()),
            ValueError,
            "has no tensor 'wait'",
        ),
        (
            lambda m: parametrize.register_parametrization(m, "weight", nn.Flatten(0)),
            ValueError,
            r"expected a weight of \(4, 3\), got \(12,\)",
        ),
        (
            lambda m: parametrize.remove_parametrizations(parametrizations.weight_norm(m), "weight", False),
            ValueError,
            "no single original",
        ),
    ],
)
def test_mistakes_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(nn.Linear(3, 4))
