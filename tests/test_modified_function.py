"""The modified gradient of every op is that, by central differences, of a function that holds constant what the rule does."""

import numpy as np
import pytest
from lrp_models import IDS, MODELS
from test_laws import CASES, NAMES, fresh, is_weight, tensor, weighted

from minitransformer.autograd import key, tape
from minitransformer.backends import namespace
from minitransformer.explain.explanation import WalkBooks
from minitransformer.explain.modified_function import replay
from minitransformer.explain.question import Question
from minitransformer.explain.walk import Walk
from minitransformer.ops.elementwise.powers import Pow
from minitransformer.ops.tensors.convert import Cast

H = 1e-6
SMOOTH = [
    pytest.param(op, inputs, id=name)
    for name, (op, inputs) in zip(NAMES, CASES, strict=True)
    if not isinstance(op, Cast)
]


def judged(root, seed, sources, rule="attnlrp", h=H):
    """The products of modified gradient and values, and central differences of the modified function for all of them."""
    walk = Walk(rule, "gradient", WalkBooks(0.0))
    ops, keys = tape(root), [key(t) for t in sources]
    found = walk.run(root, seed, keys, ops)
    values = [np.where(np.isinf(t.array), 0.0, t.array) for t in sources]
    for i, (k, t) in enumerate(zip(keys, sources, strict=True)):
        slopes = np.zeros(t.shape)
        for place in np.ndindex(t.shape):
            sides = []
            for step in (h, -h):
                moved = dict(zip(keys, [s.array for s in sources], strict=True))
                moved[k] = t.array.copy()
                moved[k][place] += step
                sides.append((replay(walk, ops, moved).get(key(root), root.array) * seed).sum())
            slopes[place] = (sides[0] - sides[1]) / (2 * h)
        part = found.get(k)
        yield np.zeros(t.shape) if part is None else part * values[i], slopes * values[i]


@pytest.mark.parametrize("op, inputs", SMOOTH)
def test_every_op_beside_central_differences(op, inputs):
    tensors = [tensor(a) for a in inputs]
    y = weighted(fresh(op)(*tensors))
    wrt = [t for i, t in enumerate(tensors) if getattr(t, "requires_grad", False) and not is_weight(op, i)]
    if isinstance(op, Pow) and not inputs[0].all():
        wrt = wrt[:1]  # 0 to the power of -h is infinite
    for some in [[t] for t in wrt] + [wrt] * (len(wrt) > 1):
        for got, expected in judged(y, np.ones(()), some):
            assert np.allclose(got, expected, rtol=1e-6, atol=1e-6), (got, expected)


@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("kind", MODELS)
def test_whole_models_beside_central_differences_along_each_token(kind, rule):
    asked = Question(MODELS[kind](), IDS, 1)
    walk = Walk(rule, "gradient", WalkBooks(0.0), asked.layers)
    keys = [key(t) for t in asked.vectors]
    found = walk.run(asked.logits, asked.weights, keys, asked.ops)
    at = dict(zip(keys, [t.array for t in asked.vectors], strict=True))
    assert np.allclose(replay(walk, asked.ops, at)[key(asked.logits)], asked.logits.array, rtol=0, atol=1e-12)
    for k, t in zip(keys, asked.vectors, strict=True):
        expected = (found[k] * t.array).sum(-1)[0]
        for i in range(len(IDS)):
            sides = []
            for step in (H, -H):
                scale = namespace(t.array).ones((1, len(IDS), 1))
                scale[0, i] += step
                sides.append(
                    (
                        replay(walk, asked.ops, at | {k: t.array * scale})[key(asked.logits)] * asked.weights
                    ).sum()
                )
            assert float(sides[0] - sides[1]) / (2 * H) == pytest.approx(float(expected[i]), abs=1e-7)
