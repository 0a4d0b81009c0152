"""Exponents of gradients: counted by frexp, shared out by layer, and what a real run in float16 loses without a scaler."""

import math

import numpy
import pytest
from helpers import array

import minitransformer as mt
from minitransformer import nn
from minitransformer.amp import GradScaler, autocast
from minitransformer.exponents import Exponents, GradientExponents
from minitransformer.nn import functional as F


def test_exponents_are_those_of_the_logarithm():
    values = array(3, 50) * 10.0 ** numpy.arange(-30, 20)
    found = Exponents()
    found.add(mt.tensor(values).array)
    expected = numpy.floor(numpy.log2(abs(values))).astype(int)
    assert found.counts == dict(zip(*numpy.unique(expected, return_counts=True), strict=True))


def test_zeros_and_what_is_not_finite():
    found = Exponents()
    found.add(mt.tensor([0.0, 1.0, -1.5, math.inf, math.nan, 2.0**-30]).array)
    assert (found.zeros, found.infinite, found.counts) == (1, 2, {0: 2, -30: 1})
    assert found.share_below(1.0) == 1 / 5 and found.share_below(2.0**6) == 0
    assert found.share_above(1.0) == 2 / 5 and found.share_above(2.0**16) == 4 / 5
    assert Exponents().share_below(1.0) == 0


@pytest.mark.parametrize(
    ("value", "below", "above"), [(2.0**-24, 0, 0), (2.0**-25, 1, 0), (65504.0, 0, 0), (65536.0, 0, 1)]
)
def test_the_ends_are_those_of_float16(value, below, above):
    found = Exponents()
    found.add(mt.tensor([value], dtype=mt.float64).array)
    assert (found.share_below(1.0), found.share_above(1.0)) == (below, above)
    with numpy.errstate(over="ignore"):
        assert bool(numpy.isinf(numpy.float64(value).astype(numpy.float16))) is bool(above)


def test_layers_are_told_apart():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with GradientExponents(model) as seen:
        model(mt.ones(5, 3, requires_grad=True)).sum().backward()
    assert set(seen.layers) == {"", "0", "1", "2"}
    assert seen.layers["2"].counts and seen.total.counts.total() == sum(
        one.counts.total() for one in seen.layers.values()
    )


def run(scale):
    """One step in float16 with tiny gradients, seen back in their own size."""
    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    optimizer, scaler = mt.optim.SGD(model.parameters(), lr=0.1), GradScaler(init_scale=scale)
    with GradientExponents(model, scale) as seen:
        with autocast(dtype=mt.float16):
            loss = F.mse_loss(model(mt.randn(6, 8)), mt.zeros(6, 4)) * 2.0**-22
        with numpy.errstate(all="ignore"):  # as a Trainer has it
            scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return seen, scaler


def test_a_scaler_moves_gradients_out_of_the_lower_end_and_too_much_overflows():
    without, _ = run(1.0)
    moved, scaler = run(2.0**16)
    far, skipping = run(2.0**60)
    assert without.layers["0"].zeros > moved.layers["0"].zeros
    assert moved.total.infinite == 0 and scaler.skipped == 0
    assert far.total.infinite > 0 and skipping.skipped == 1 and skipping.get_scale() == 2.0**59


def test_the_picture(tmp_path):
    seen, _ = run(2.0**16)
    picture = seen.picture()
    assert "times 65536 in float16" in picture.title and "vanish" in picture.to_html() and picture.text()
    picture.save(tmp_path / "gradients.png")
    assert GradientExponents().picture().to_html()
