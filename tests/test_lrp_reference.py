"""Relevance against the reference packages: each rule of zennit, each function of lxt, and a whole block of lxt's."""

import sys
import types

import numpy as np
import pytest
from later import torch
from lrp_models import randomize

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.backends import namespace
from minitransformer.devices import to_host
from minitransformer.explain import AlphaBeta, Composite, Epsilon, Flat, Gamma, WSquare, ZPlus
from minitransformer.explain.explanation import WalkBooks
from minitransformer.explain.walk import Walk
from minitransformer.ops.products.linalg import Linear

EPS = 1e-6


def arrays(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape) for shape in shapes]


def close(got, expected):
    expected = expected.detach().numpy()
    assert got.shape == expected.shape
    assert abs(got - expected).max() <= 1e-12 * abs(expected).max()


class Unsigned(WalkBooks):
    """lxt adds +eps also to negative sums. This is for comparison only, see the tests of wrong variants."""

    def stabiliser(self, z):
        return namespace(z).full_like(z, self.eps)


def ours(out, r, sources, books, rule="attnlrp"):
    found = Walk(rule, "explicit", books).run(out, mt.tensor(r).array, sources)
    return [to_host(found[t]) for t in sources]


@pytest.fixture(scope="module")
def zennit_rules():
    """zennit without the picture models that its package imports and no rule needs."""
    names = {
        name: types.ModuleType(name)
        for name in ("torchvision", "torchvision.models", "torchvision.models.resnet")
    }
    names["torchvision.models.resnet"].Bottleneck = names["torchvision.models.resnet"].BasicBlock = type(
        "Block", (), {}
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, module in names.items():
            patch.setitem(sys.modules, name, module)
        return pytest.importorskip("zennit.rules")


ZENNIT = {
    "Epsilon": (Epsilon(), {"epsilon": EPS}),
    "ZPlus": (ZPlus(), {"stabilizer": EPS}),
    "AlphaBeta": (AlphaBeta(2.0, 1.0), {"alpha": 2.0, "beta": 1.0, "stabilizer": EPS}),
    "Gamma": (Gamma(0.25), {"gamma": 0.25, "stabilizer": EPS}),
    "WSquare": (WSquare(), {"stabilizer": EPS}),
    "Flat": (Flat(), {"stabilizer": EPS}),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ZENNIT)
def test_linear_rules_are_zennit_s(zennit_rules, name, seed):
    rule, options = ZENNIT[name]
    x, w, b, r = arrays((5, 7), (4, 7), (4,), (5, 4), seed=seed)  # inputs, weights and biases of both signs
    layer = torch.nn.Linear(7, 4, dtype=torch.float64)
    layer.load_state_dict({"weight": torch.tensor(w), "bias": torch.tensor(b)})
    handle = getattr(zennit_rules, name)(**options).register(layer)
    theirs = torch.tensor(x, requires_grad=True)
    (expected,) = torch.autograd.grad(layer(theirs), theirs, torch.tensor(r))
    handle.remove()
    t = mt.tensor(x, requires_grad=True)
    (found,) = ours(
        F.linear(t, mt.tensor(w), mt.tensor(b)), r, [t], WalkBooks(EPS), Composite({Linear: rule})
    )
    close(found, expected)


@pytest.fixture(scope="module")
def lxt():
    return pytest.importorskip("lxt.explicit.functional")


LXT = {
    "add": (lambda lib, a, b: lib.add2(a, b, False, EPS), lambda a, b: a + b, [(3, 4), (3, 4)]),
    "linear": (lambda lib, x, w, b: lib.linear_epsilon(x, w, b, EPS), F.linear, [(2, 3, 5), (4, 5), (4,)]),
    "matmul": (lambda lib, a, b: lib.matmul(a, b, False, EPS), lambda a, b: a @ b, [(2, 3, 5), (2, 5, 4)]),
    "softmax": (lambda lib, x: lib.softmax(x, -1), lambda x: x.softmax(-1), [(2, 3, 5)]),
    "mul": (lambda lib, a, b: lib.mul2(a, b), lambda a, b: a * b, [(3, 4), (3, 4)]),
    # its sum gets the eps
    "mean": (lambda lib, x: lib.mean(x, -1, True, EPS * 5), lambda x: x.mean(-1, keepdim=True), [(3, 5)]),
    "layer norm": (
        lambda lib, x, w, b: lib.layer_norm(x, w, b, 1e-5),
        lambda x, w, b: F.layer_norm(x, (5,), w, b, 1e-5),
        [(2, 3, 5), (5,), (5,)],
    ),
    "rms norm": (
        lambda lib, x, w: lib.rms_norm_identity(x, w, 1e-5),
        lambda x, w: F.rms_norm(x, (5,), w, 1e-5),
        [(2, 3, 5), (5,)],
    ),
}
LEARNED = {"linear": 1, "layer norm": 1, "rms norm": 1}  # how many inputs are explained, if not all


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LXT)
def test_ops_are_lxt_s(lxt, name, seed):
    reference, mine, sizes = LXT[name]
    values = arrays(*sizes, seed=seed)
    n = LEARNED.get(name, len(values))
    theirs = [torch.tensor(v, requires_grad=i < n) for i, v in enumerate(values)]
    out = reference(lxt, *theirs)
    (r,) = arrays(tuple(out.shape), seed=seed + 100)
    expected = torch.autograd.grad(out, theirs[:n], torch.tensor(r))
    tensors = [mt.tensor(v, requires_grad=True) for v in values]
    for got, e in zip(ours(mine(*tensors), r, tensors[:n], Unsigned(EPS)), expected, strict=True):
        close(got, e)


def lxt_layer(lxt, x, p, heads, causal, norm_first):
    """An encoder layer in lxt's functions, from our parameters p."""
    identity = pytest.importorskip("lxt.explicit.rules").identity

    def linear(x, name):
        return lxt.linear_epsilon(x, p[f"{name}weight"], p[f"{name}bias"], EPS)

    def attend(x):
        q, k, v = (
            part.unflatten(-1, (heads, -1)).transpose(1, 2)
            for part in linear(x, "self_attn.in_proj_").chunk(3, -1)
        )
        scores = lxt.mul2(
            lxt.matmul(q, k.transpose(-1, -2), False, EPS), torch.tensor(q.shape[-1] ** -0.5, dtype=x.dtype)
        )
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
        mixed = lxt.matmul(lxt.softmax(scores, -1), v, False, EPS)
        return linear(mixed.transpose(1, 2).flatten(-2), "self_attn.out_proj.")

    def feed(x):
        return linear(identity(torch.nn.functional.gelu, linear(x, "linear1.")), "linear2.")

    for block, norm in ((attend, "norm1"), (feed, "norm2")):
        weights = (p[f"{norm}.weight"], p[f"{norm}.bias"], 1e-5)
        x = (
            lxt.add2(x, block(lxt.layer_norm(x, *weights)), False, EPS)
            if norm_first
            else lxt.layer_norm(lxt.add2(x, block(x), False, EPS), *weights)
        )
    return x


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_a_block_is_lxt_s(lxt, norm_first, causal):
    layer = randomize(
        nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", batch_first=True, norm_first=norm_first)
    )
    parameters = {name: torch.tensor(p.numpy()) for name, p in layer.named_parameters()}
    x, r = arrays((2, 5, 8), (2, 5, 8))
    theirs = torch.tensor(x, requires_grad=True)
    out = lxt_layer(lxt, theirs, parameters, 2, causal, norm_first)
    t = mt.tensor(x, requires_grad=True)
    mine = layer(t, is_causal=causal)
    assert np.allclose(mine.numpy(), out.detach().numpy(), rtol=0, atol=1e-12)
    (expected,) = torch.autograd.grad(out, theirs, torch.tensor(r))
    (found,) = ours(mine, r, [t], Unsigned(EPS))
    close(found, expected)


def test_the_references_catch_a_wrong_rule(zennit_rules, monkeypatch):
    monkeypatch.setattr(explain.Gamma, "terms", lambda self, r, x, w, b: ZPlus().terms(r, x, w, b))
    with pytest.raises(AssertionError):
        test_linear_rules_are_zennit_s(zennit_rules, "Gamma", 0)
