"""Every op and the layers that a Transformer is made of: all gradients against central differences, in float64."""

import numpy as np
import pytest
from helpers import factors, plain

import minitransformer as mt
from minitransformer.ops.elementwise.exponentials import Exp
from minitransformer.verify import FINITE_DIFFERENCES
from minitransformer.verify.cases import ATTENTION, OPS, POSITIONS, SIMPLE_LAYERS
from minitransformer.verify.cases.matrices import FACTORED


@pytest.mark.parametrize("case", [*OPS, *SIMPLE_LAYERS, *POSITIONS, *ATTENTION], ids=lambda case: case.name)
def test_gradients_are_the_slopes(case):
    if case in FACTORED and not factors():
        pytest.skip("an emulated device has no cuSOLVER")
    problem = case.problem(np.random.default_rng(1), "float64")
    mt.gradcheck(problem.ours, [plain(a) for a in problem.inputs], rtol=FINITE_DIFFERENCES)


def test_a_wrong_gradient_is_seen(monkeypatch):
    monkeypatch.setattr(Exp, "vjp", lambda self, g, y: (1.001 * g * y,))
    with pytest.raises(AssertionError, match="is wrong at index"):
        mt.gradcheck(mt.exp, [mt.randn(2, 3)])
