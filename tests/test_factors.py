"""What people write by hand in place of a layer, norms, softmax, GELU, is explained as the layer is; and what is held constant."""

import math

import numpy as np
import pytest

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.explain import Composite
from minitransformer.ops.elementwise.arithmetic import Div
from minitransformer.utils.checkpoint import checkpoint

RANDOM = np.random.default_rng(0)
FORMS = pytest.mark.parametrize("form", ["explicit", "gradient"])
EPS = 1e-13


def normal(*shape):
    return RANDOM.standard_normal(shape)


X, WEIGHT, BIAS, OUT = normal(3, 5), normal(5), normal(5), normal(3, 5)


def explained(function, x, form, rule="attnlrp", **options):
    """The relevance of x for a weighted sum of what the function makes of it, and the ledger, which closes."""
    leaf = mt.tensor(x, requires_grad=True)
    y = function(leaf)
    out = (y * mt.tensor(OUT)[: y.shape[0], : y.shape[-1]]).sum()
    (found,), ledger = explain.account(out, [leaf], rule, form, EPS, **options)
    assert ledger.closes and abs(found.sum() - ledger["tokens"]) < 1e-10 * ledger.scale
    return found, ledger


def same(function, layer, x, form, rule="attnlrp"):
    """Two ways of computing the same have the same values and relevance."""
    assert np.allclose(function(mt.tensor(x)).numpy(), layer(mt.tensor(x)).numpy(), rtol=0, atol=1e-12)
    found, expected = (explained(f, x, form, rule)[0] for f in (function, layer))
    assert abs(expected).max() > 0.01
    assert np.allclose(found, expected, rtol=0, atol=1e-9), (found, expected)


# ---- norms ----


def mean_square(x):
    return (x**2).mean(-1, keepdim=True) + 1e-5


def centred(x):
    return x - x.mean(-1, keepdim=True)


def sigma(x):
    return (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()


RMS = {
    "divided by a root": lambda x: x / mean_square(x).sqrt() * mt.tensor(WEIGHT),
    "times rsqrt": lambda x: x * mt.rsqrt(mean_square(x)) * mt.tensor(WEIGHT),
    "rsqrt first": lambda x: mt.tensor(WEIGHT) * (mt.rsqrt(mean_square(x)) * x),
    "a power": lambda x: x * mean_square(x) ** -0.5 * mt.tensor(WEIGHT),
    "a power of a root": lambda x: x * mean_square(x).sqrt().pow(-1) * mt.tensor(WEIGHT),
    "a scaled reciprocal": lambda x: x * (mt.tensor(WEIGHT) * (1 / mean_square(x).sqrt())),
    "a reciprocal, moved": lambda x: x * (1 / mean_square(x).sqrt()).expand(3, 5) * mt.tensor(WEIGHT),
}
LAYER = {
    "divided by sigma": lambda x: centred(x) / sigma(x) * mt.tensor(WEIGHT) + mt.tensor(BIAS),
    "times one over sigma": lambda x: centred(x) * (1 / sigma(x)) * mt.tensor(WEIGHT) + mt.tensor(BIAS),
    "a root of squares": lambda x: (
        centred(x) / mt.sqrt((centred(x) ** 2).mean(-1, keepdim=True) + 1e-5) * mt.tensor(WEIGHT)
        + mt.tensor(BIAS)
    ),
}


@FORMS
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("function", RMS.values(), ids=RMS)
def test_a_root_mean_square_norm_by_hand_is_rms_norm(function, rule, form):
    same(function, lambda x: F.rms_norm(x, (5,), mt.tensor(WEIGHT), 1e-5), X, form, rule)


@FORMS
@pytest.mark.parametrize("function", LAYER.values(), ids=LAYER)
def test_a_layer_norm_by_hand_is_layer_norm(function, form):
    same(function, lambda x: F.layer_norm(x, (5,), mt.tensor(WEIGHT), mt.tensor(BIAS), 1e-5), X, form)


@FORMS
def test_divided_by_its_spread_each_number_keeps_its_relevance(form):
    for norm in (
        lambda x: x / x.std(),
        lambda x: x / x.abs().sum(-1, keepdim=True),
        lambda x: x / (x * x).sum() ** 0.5,
    ):
        found, _ = explained(norm, X, form)
        assert np.allclose(found, norm(mt.tensor(X)).numpy() * OUT, rtol=0, atol=1e-10)


@FORMS
def test_what_is_divided_by_is_explained_if_nothing_else_is(form):
    found, _ = explained(lambda x: 2.0 / x, X, form)
    assert np.allclose(found, 2 / X * OUT, rtol=0, atol=1e-10)


@FORMS
def test_two_reciprocals_share_a_product(form):
    found, _ = explained(lambda x: (1 / x) * (2 / x[:, :1]), X, form)
    full = 2 / X / X[:, :1] * OUT
    expected = full / 2
    expected[:, 0] += full.sum(-1) / 2
    assert np.allclose(found, expected, rtol=0, atol=1e-9)


# ---- softmax ----


def exponentials(x):
    return mt.exp(x - x.max(-1, keepdim=True)[0])


MASK = np.tri(3, 5) > 0
SOFTMAX = {
    "over its sum": lambda x: mt.exp(x) / mt.exp(x).sum(-1, keepdim=True),
    "one name": lambda x: (lambda e: e / e.sum(-1, keepdim=True))(mt.exp(x)),
    "less the largest": lambda x: (lambda e: e / e.sum(-1, keepdim=True))(exponentials(x)),
    "less the largest, detached": lambda x: (lambda e: e / e.sum(-1, keepdim=True))(
        mt.exp(x - x.max(-1, keepdim=True)[0].detach())
    ),
    "a sum that is moved": lambda x: (lambda e: e / e.sum(-1).unsqueeze(-1).expand(3, 5))(mt.exp(x)),
}


@FORMS
@pytest.mark.parametrize("name", SOFTMAX)
def test_a_softmax_by_hand_is_softmax(name, form):
    if "detached" in name and form == "explicit":
        return  # the largest less itself is 0, of which the explicit form shares out nothing
    same(SOFTMAX[name], lambda x: F.softmax(x, -1), X, form)


@FORMS
def test_a_masked_softmax_by_hand_is_softmax(form):
    def masked(x):
        e = mt.exp(x) * mt.tensor(MASK).double()
        return e / (e.sum(-1, keepdim=True) + 0.0)

    same(masked, lambda x: F.softmax(x.masked_fill(mt.tensor(~MASK), -math.inf), -1), X, form)
    same(
        lambda x: SOFTMAX["one name"](x.masked_fill(mt.tensor(~MASK), -math.inf)),
        lambda x: F.softmax(x.masked_fill(mt.tensor(~MASK), -math.inf), -1),
        X,
        form,
    )


class ByHand(nn.Module):
    """Attention of one head, from ops."""

    def __init__(self, weights):
        super().__init__()
        self.qkv, self.weights = nn.Linear(5, 15), weights

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.weights(q @ k.transpose(-2, -1) / math.sqrt(5)) @ v


@FORMS
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
def test_attention_by_hand_is_attention(rule, form):
    module = ByHand(SOFTMAX["one name"]).double()
    usual = ByHand(lambda scores: F.softmax(scores, -1)).double()
    usual.load_state_dict(module.state_dict())
    same(module, usual, X, form, rule)
    assert (explained(module, X, form, rule)[1]["tangent"] != 0) == (rule == "attnlrp")


def test_a_quotient_of_an_exponential_and_another_sum_is_no_softmax():
    found, _ = explained(lambda x: mt.exp(x) / mt.exp(2 * x).sum(-1, keepdim=True), X, "gradient")
    y = np.exp(X) / np.exp(2 * X).sum(-1, keepdims=True)
    assert np.allclose(found, X * y * OUT, rtol=0, atol=1e-10)


def test_a_composite_s_rule_for_softmax_is_also_that_of_a_softmax_by_hand():
    rule = Composite({nn.Module: explain.Constant()}, base="attnlrp")
    module = ByHand(SOFTMAX["one name"]).double()
    layers = explain.Layers(module)
    leaf = mt.tensor(X, requires_grad=True)
    with layers:
        out = (module(leaf) * mt.tensor(OUT)).sum()
    (found,) = explain.relevance(out, [leaf], rule, layers=layers)
    assert np.allclose(found, explain.relevance(out, [leaf], "cp-lrp")[0], rtol=0, atol=1e-12)


# ---- activation functions ----


@FORMS
def test_activation_functions_by_hand(form):
    same(lambda x: x * mt.sigmoid(x), F.silu, X, form)
    same(lambda x: 0.5 * x * (1 + mt.erf(x / math.sqrt(2))), F.gelu, X, form)
    inner = math.sqrt(2 / math.pi)
    same(
        lambda x: 0.5 * x * (1.0 + mt.tanh(inner * (x + 0.044715 * mt.pow(x, 3.0)))),
        lambda x: F.gelu(x, "tanh"),
        X,
        form,
    )


@FORMS
def test_a_tanh_is_a_signal(form):
    a, b = (mt.tensor(normal(4), requires_grad=True) for _ in range(2))
    y = mt.sigmoid(a) * mt.tanh(b)
    (found,) = explain.relevance(y.sum(), [b], form=form, eps=EPS)
    assert np.allclose(found, y.numpy(), rtol=0, atol=1e-10)
    y = mt.tanh(a) * mt.tanh(b)
    for found in explain.relevance(y.sum(), [a, b], form=form, eps=EPS):
        assert np.allclose(found, y.numpy() / 2, rtol=0, atol=1e-10)


# ---- checkpoints ----


@FORMS
@pytest.mark.parametrize("function", [RMS["times rsqrt"], SOFTMAX["one name"], lambda x: x * mt.sigmoid(x)])
def test_a_checkpointed_piece_is_explained_as_the_piece(function, form):
    same(lambda x: checkpoint(function, x), function, X, form)


# ---- constants ----


@FORMS
def test_a_constant_has_the_value_and_gradient_and_no_relevance(form):
    def scaled(x, held):
        spread = explain.constant(x.std()) if held else x.std()
        return x * spread + spread

    found, ledger = explained(lambda x: scaled(x, True), X, form)
    spread = X.std(ddof=1)
    assert np.allclose(found, X * spread * OUT, rtol=0, atol=1e-10)
    assert ledger["bias"] == pytest.approx(spread * OUT.sum(), abs=1e-10)
    grads = []
    for held in (True, False):
        x = mt.tensor(X, requires_grad=True)
        y = (scaled(x, held) * mt.tensor(OUT)).sum()
        y.backward()
        grads.append((y.item(), x.grad.numpy()))
    assert grads[0][0] == grads[1][0] and np.array_equal(grads[0][1], grads[1][1])
    assert mt.gradcheck(lambda x: explain.constant(x) * x, [mt.tensor(X)]) < 1e-6


def test_a_constant_has_memory_of_its_own_and_is_no_edit_away():
    x = mt.tensor(X, requires_grad=True)
    y = explain.constant(x)
    z = (x * y).sum()
    with mt.no_grad():
        y.add_(1.0)
    assert np.array_equal(x.numpy(), X) and z.requires_grad
    with pytest.raises(TypeError, match="expected a tensor, got float"):
        explain.constant(2.0)


def test_only_through_a_constant_there_is_no_relevance():
    x = mt.tensor(X, requires_grad=True)
    with pytest.raises(ValueError, match=r"does not depend on wrt\[0\], or only through"):
        explain.relevance(explain.constant(x).sum(), [x])


class Scaled(nn.Module):
    """A classifier whose logits are divided by a constant."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(7, 4), nn.Linear(4, 2)

    def forward(self, ids):
        x = self.embedding(ids).mean(1)
        return self.head(x) + explain.constant(x.sum(-1, keepdim=True))


def test_integrated_gradients_see_through_a_constant():
    model = Scaled().double()
    plain = Scaled().double()
    plain.load_state_dict(model.state_dict())
    ids = [1, 5, 2]
    found = explain.integrated_gradients(model, ids, target=1, steps=50)
    assert abs(found.completeness_error) < 1e-9  # linear, the constant too
    e = explain.lrp(model, ids, target=1)
    assert e.ledger["bias"] != 0 and e.ledger.closes and not np.allclose(e.relevance, found.relevance)


def test_a_quotient_s_own_law_is_its_tangent():
    a, b = (mt.tensor(normal(4) + 3, requires_grad=True) for _ in range(2))
    halves = Composite({Div: explain.HalfEach()})
    with pytest.raises(ValueError, match="does not fit Div"):
        explain.relevance((a / b).sum(), [a], halves)
    (found,), ledger = explain.account((a / b).sum(), [a])
    assert np.allclose(found, (a / b).numpy()) and ledger["tangent"] == 0
