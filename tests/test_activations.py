"""Activations that shrink, hard ones and ELU's relatives: PyTorch's values and gradients, edges too, and relevance."""

import math

import numpy
import pytest
from helpers import array, check_op
from later import torch

import minitransformer as mt
from minitransformer import explain, nn

SETTINGS = {
    "selu": (),
    "celu": (0.5,),
    "hardswish": (),
    "hardsigmoid": (),
    "softsign": (),
    "tanhshrink": (),
    "hardshrink": (0.3,),
    "softshrink": (0.3,),
    "threshold": (0.25, -1.5),
}
LAYERS = ["SELU", "CELU", "Hardswish", "Softsign", "Tanhshrink", "Hardshrink", "Softshrink"]  # f(0) = 0


@pytest.mark.parametrize("name, settings", SETTINGS.items())
def test_values_and_gradients(name, settings):
    def applied(lib, x):
        if lib is torch and name == "hardsigmoid":  # whose gradient rounds 1/6 to float32
            return torch.nn.functional.relu6(x + 3) / 6
        return getattr(lib.nn.functional, name)(x, *settings)

    check_op(lambda lib, x: applied(lib, 3 * x), (3, 5, 1))
    check_op(applied, (0, 2))


@pytest.mark.parametrize("name, settings", SETTINGS.items())
def test_values_at_the_edges(name, settings):
    edges = numpy.array([-math.inf, -40, -3, -0.3, 0.0, 0.25, 0.3, 3, 40, math.inf, math.nan])
    with numpy.errstate(invalid="ignore"):  # inf / inf, which is NaN in PyTorch too
        got = getattr(nn.functional, name)(mt.tensor(edges), *settings)
    expected = getattr(torch.nn.functional, name)(torch.tensor(edges), *settings)
    numpy.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", ["selu", "celu", "hardswish", "hardsigmoid", "threshold"])
def test_in_place(name):
    x = mt.tensor(array(3, 4))
    expected = getattr(nn.functional, name)(x.clone(), *SETTINGS[name])
    assert getattr(nn.functional, name)(x, *SETTINGS[name], inplace=True) is x
    numpy.testing.assert_array_equal(x.numpy(), expected.numpy())


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_unit_keeps_its_relevance(name, form):
    x = mt.tensor(2 * array(7), requires_grad=True)
    y = getattr(nn, name)()(x)
    weights = mt.tensor(array(7, seed=3))
    (found,) = explain.relevance((y * weights).sum(), [x], form=form, eps=1e-12)
    numpy.testing.assert_allclose(found, (y * weights).detach().numpy(), rtol=1e-6, atol=1e-9)


def test_mistakes():
    with pytest.raises(ValueError, match="lambd >= 0, got -1"):
        nn.functional.softshrink(mt.ones(2), -1)
    with pytest.raises(ValueError, match="alpha other than 0"):
        nn.functional.celu(mt.ones(2), 0.0)
