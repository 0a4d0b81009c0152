"""The rule "signal takes all" of gated products: by hand, on cells of recurrent networks, and beside the paper's formulas."""

import numpy as np
import pytest

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.explain import Composite, HalfEach, SignalTakesAll
from minitransformer.explain.factors import is_gate
from minitransformer.ops.elementwise.arithmetic import Mul
from minitransformer.utils.checkpoint import checkpoint

RANDOM = np.random.default_rng(0)
GATED = Composite({Mul: SignalTakesAll()}, base="attnlrp")
HALVES = Composite({Mul: HalfEach()}, base="attnlrp")
FORMS = pytest.mark.parametrize("form", ["explicit", "gradient"])


def leaf(*numbers):
    return mt.tensor(np.array(numbers), requires_grad=True)


def normal(*shape):
    return RANDOM.standard_normal(shape)


def close(got, expected, atol=1e-12):
    assert np.allclose(got, expected, rtol=0, atol=atol), (got, expected)


# ---- one product ----

GATES = {
    "sigmoid": lambda z: z,
    "1 - z": lambda z: 1 - z,
    "-z": lambda z: -z,
    "a tensor of ones less z": lambda z: mt.ones_like(z) - z,
    "scaled and shifted": lambda z: 0.5 * (z + 3) / 2,
    "reshaped": lambda z: z.view(2, 1).expand(2, 3)[:, 0],
    "split": lambda z: mt.cat([z]).chunk(2)[0].expand(2),
    "masked": lambda z: z * mt.tensor(np.array([1.0, 0.5])),
}


@FORMS
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_the_signal_takes_all_and_the_gate_nothing(gate, flipped, form):
    a, x = leaf(0.3, -1.2), leaf(2.0, -0.7)
    z = gate(mt.sigmoid(a))
    y = x * z if flipped else z * x
    (found,), ledger = explain.account(y.sum(), [x], GATED, form, eps=0.0)
    close(found, y.numpy())
    assert abs(ledger.gap) < 1e-10
    with pytest.raises(ValueError, match=r"does not depend on wrt\[0\], or only through"):
        explain.relevance(y.sum(), [a], GATED, form)
    found_x, found_a = explain.relevance(y.sum(), [x, a], HALVES, form, eps=0.0)
    close(found_x, y.numpy() / 2)
    assert abs(found_a).max() > 0


NO_PAIRS = {
    "two gates": lambda a, b: mt.sigmoid(a) * (1 - mt.sigmoid(b)),
    "two signals": lambda a, b: a * b.tanh(),
    "a curve of a gate": lambda a, b: a * mt.sigmoid(b) ** 2,
    "the sum of two gates": lambda a, b: a * (mt.sigmoid(b) + mt.sigmoid(a)),
    "a gate times a number": lambda a, b: 3 * mt.sigmoid(a) + mt.sigmoid(b) * 0.5,
    "a detached gate": lambda a, b: a * mt.sigmoid(b).detach() + b,
}


@FORMS
@pytest.mark.parametrize("function", NO_PAIRS.values(), ids=NO_PAIRS)
def test_what_is_no_pair_of_gate_and_signal_is_left_to_the_law_of_the_product(function, form):
    a, b = leaf(0.3, -1.2), leaf(2.0, 0.7)
    y = function(a, b).sum()
    for got, expected in zip(
        explain.relevance(y, [a, b], GATED, form), explain.relevance(y, [a, b], HALVES, form), strict=True
    ):
        assert np.array_equal(got, expected) and abs(got).max() > 0


@FORMS
def test_a_constant_signal_takes_all_as_well_and_its_share_is_bias(form):
    a, x, h = leaf(0.3), leaf(2.0), mt.tensor(np.array([5.0]))
    z = mt.sigmoid(a)
    y = (1 - z) * x + z * h
    (found,), ledger = explain.account(y.sum(), [x], GATED, form, eps=0.0)
    close(found, ((1 - z) * x).numpy())
    close(ledger["bias"], (z * h).numpy())


@FORMS
def test_without_that_rule_a_sigmoid_beside_a_constant_is_an_activation(form):
    a, x, weight = leaf(0.3, -1.2), leaf(2.0, 0.7), mt.tensor(np.array([5.0, -1.0]))
    for rule in ("attnlrp", "cp-lrp", Composite()):
        found_a, found_x = explain.relevance((weight * mt.sigmoid(a) + x).sum(), [a, x], rule, form)
        assert abs(found_a).max() > 0.01 and abs(found_x).max() > 0.01
        (found,) = explain.relevance((x * mt.sigmoid(a)).sum(), [x], rule, form, eps=0.0)
        close(found, (x * mt.sigmoid(a)).numpy())
        found_x, found_a = explain.relevance((x * mt.sigmoid(a)).sum(), [x, a], rule, form, eps=0.0)
        assert np.array_equal(found_x, found) and not found_a.any()


@FORMS
def test_silu_written_as_a_product_has_the_relevance_of_silu(form):
    x = leaf(0.3, -1.2, 4.0)
    (found,) = explain.relevance((x * mt.sigmoid(x)).sum(), [x], GATED, form, eps=0.0)
    close(found, explain.relevance(F.silu(x).sum(), [x], form=form, eps=0.0)[0])


def test_a_long_chain_before_a_product_is_followed_without_recursion():
    z = mt.sigmoid(leaf(0.3))
    for _ in range(3000):
        z = 1 - z
    assert is_gate(z) and not is_gate(leaf(1.0)) and not is_gate(0.5)


# ---- factors that are made outside of a checkpointed piece ----


def exponential(x):
    return mt.exp(x), mt.exp(x).sum()


FACTORS = {  # what is made outside, and what is done with it inside
    "a gate": (lambda x: (mt.sigmoid(x), x), lambda z, x: z * x * 2),
    "an affine function of a gate": (lambda x: (1 + mt.tanh(x).flip(0), x), lambda z, x: (3 - z) * x),
    "a gate that becomes one inside": (lambda x: (mt.tanh(x), x), lambda t, x: (t + 1) * x),
    "two gates": (lambda x: (mt.sigmoid(x), x), lambda z, x: z * mt.sigmoid(x)),
    "one over a norm": (lambda x: (1 / x.norm(), x), lambda z, x: z.view(1) * x),
    "a norm": (lambda x: (x.norm(), x), lambda n, x: x * n**-1),
    "a softmax of exponentials": (exponential, lambda e, s: e / s),
    "a softmax of scores": (lambda x: (mt.exp(x).sum(), x), lambda s, x: mt.exp(x) / s),
    "a piece in a piece": (
        lambda x: (mt.sigmoid(x), x),
        lambda z, x: checkpoint(lambda z, x: (1 - z) * x, z, x) + x,
    ),
}


@FORMS
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("make, use", FACTORS.values(), ids=FACTORS)
def test_a_checkpointed_piece_knows_a_factor_that_was_made_outside(make, use, rule, form):
    x = leaf(0.3, -1.2, 0.8)
    found = []
    for call in (lambda f, *args: f(*args), checkpoint):
        out = (x + call(use, *make(x * 1.5)) * mt.tensor(np.array([1.0, 2.0, -0.5]))).sum()
        ((relevance,), ledger) = explain.account(out, [x], rule, form, eps=0.0)
        assert ledger.closes
        found.append(relevance)
    close(*found)


class Gated(nn.Module):
    """A sequence whose vectors are scaled, in a checkpointed piece, by a gate that is made before it."""

    def __init__(self):
        super().__init__()
        self.embedding, self.gate, self.head = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, ids):
        x = self.embedding(ids)
        return self.head(checkpoint(lambda z, x: x * (1 - z), mt.sigmoid(self.gate(x)), x).mean(1))


def test_such_a_model_is_certified():
    found = explain.certify(Gated().double(), [1, 5, 7, 5], 1)
    assert found.ok and found.lost == [], str(found)


# ---- a gated recurrent unit, computed by hand ----


def gru(x, h, reset, update, candidate, recurrent):
    """One step with one weight for each part: numbers or tensors of one element."""
    r, z = reset.sigmoid(), update.sigmoid()
    n = (candidate * x + r * (recurrent * h)).tanh()
    return (1 - z) * n + z * h


@FORMS
def test_a_gated_recurrent_unit_by_hand(form):
    x, h, reset, update = leaf(0.8), leaf(-0.5), leaf(0.4), leaf(-0.3)
    out = gru(x, h, reset, update, 1.5, 0.7)
    r, z = 1 / (1 + np.exp(-0.4)), 1 / (1 + np.exp(0.3))
    pre_x, pre_h = 1.5 * 0.8, r * 0.7 * -0.5
    n = np.tanh(pre_x + pre_h)
    to_n = (1 - z) * n  # of the output (1 - z) n + z h
    expected_x = to_n * pre_x / (pre_x + pre_h)
    expected_h = to_n * pre_h / (pre_x + pre_h) + z * -0.5
    (found_x, found_h), ledger = explain.account(out.sum(), [x, h], GATED, form, eps=0.0)
    close([found_x[0], found_h[0]], [expected_x, expected_h])
    close(ledger["tokens"], out.numpy()[0])
    assert abs(ledger.gap) < 1e-10
    for gate in (reset, update):
        with pytest.raises(ValueError, match="does not depend"):
            explain.relevance(out.sum(), [gate], GATED, form)


# ---- a long short-term memory, beside the paper's formulas ----

T, N_IN, N = 5, 3, 4
WEIGHT, BIAS, OUT = normal(4 * N, N_IN + N), normal(4 * N), normal(N)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm(x, h, c):
    """The output of a sequence, in ops. (T, n_in), (n,), (n,) -> ()."""
    for x_t in x.unbind(0):
        a = F.linear(mt.cat([x_t, h]), mt.tensor(WEIGHT), mt.tensor(BIAS))  # (4n,)
        i, f, o = mt.sigmoid(a[: 3 * N]).chunk(3)
        c = f * c + i * a[3 * N :].tanh()
        h = o * c.tanh()
    return (h * mt.tensor(OUT)).sum()


def lstm_lrp(x, h, c, eps):
    """Relevance of x, of the first h and of the first c, by Arras et al., 2017, equation 1 and section 3.1, without tape."""
    steps = []
    for x_t in x:
        v = np.concatenate([x_t, h])  # (n_in + n,)
        a = WEIGHT @ v + BIAS
        i, f, o = np.split(sigmoid(a[: 3 * N]), 3)
        before, c = c, f * c + i * np.tanh(a[3 * N :])
        steps.append((v, a[3 * N :], i, f, before, c))
        h = o * np.tanh(c)

    def ratio(r, z):
        return r / (z + eps * np.where(z < 0, -1, 1))

    r_h, r_c, r_x = h * OUT * ratio((h * OUT).sum(), (h * OUT).sum()), 0.0, []
    for v, a, i, f, before, c in reversed(steps):
        r_c = r_c + r_h  # h = o tanh(c): all to c
        share = ratio(r_c, c)  # c = f before + i tanh(a)
        r_v = v * (ratio(i * np.tanh(a) * share, a) @ WEIGHT[3 * N :])
        r_x, r_h, r_c = [r_v[:N_IN], *r_x], r_v[N_IN:], f * before * share
    return np.array(r_x), r_h, r_c


STATES = [normal(T, N_IN), normal(N), normal(N)]


@pytest.mark.parametrize("eps", [1e-3, 1e-6, 0.0])
def test_an_lstm_has_the_relevance_of_the_paper_s_formulas(eps):
    leaves = [mt.tensor(a, requires_grad=True) for a in STATES]
    found, ledger = explain.account(lstm(*leaves), leaves, GATED, "explicit", eps)
    for got, expected in zip(found, lstm_lrp(*STATES, eps), strict=True):
        close(got, expected)
    assert ledger.closes and abs(ledger.gap) < 1e-10
    assert {sink for _, sink, amount in ledger.by_op if amount} <= {"bias", "epsilon", "dropped"}


def test_both_forms_agree_on_an_lstm_and_the_gradient_is_as_it_was():
    leaves = [mt.tensor(a, requires_grad=True) for a in STATES]
    y = lstm(*leaves)
    found, ledger = explain.account(y, leaves, GATED)
    assert ledger.closes and abs(ledger.gap) < 1e-10
    for got, expected in zip(found, lstm_lrp(*STATES, 0.0), strict=True):
        close(got, expected, atol=1e-10)
    y.backward()
    twins = [mt.tensor(a, requires_grad=True) for a in STATES]
    lstm(*twins).backward()
    for t, twin in zip(leaves, twins, strict=True):
        assert np.array_equal(t.grad.numpy(), twin.grad.numpy())
    mt.gradcheck(lstm, leaves)


# ---- in a model ----


class Cell(nn.Module):
    """One step of a gated recurrent unit."""

    def __init__(self, n_in, n):
        super().__init__()
        self.gates, self.candidate = nn.Linear(n_in + n, 2 * n), nn.Linear(n_in + n, n)

    def forward(self, x, h):  # (B, n_in), (B, n) -> (B, n)
        r, z = mt.sigmoid(self.gates(mt.cat([x, h], dim=-1))).chunk(2, dim=-1)
        n = self.candidate(mt.cat([x, r * h], dim=-1)).tanh()
        return (1 - z) * n + z * h


class Recurrent(nn.Module):
    """A classifier that reads tokens one by one, and gates its answer by a product outside of the cell."""

    def __init__(self):
        super().__init__()
        self.embedding, self.cell, self.head = nn.Embedding(7, 3), Cell(3, 4), nn.Linear(4, 2)

    def forward(self, ids):  # (B, T) -> (B, 2)
        h = mt.zeros(len(ids), 4, dtype=mt.float64)
        for x in self.embedding(ids).unbind(1):
            h = self.cell(x, h)
        return self.head(h * mt.sigmoid(h))


@FORMS
def test_a_composite_chooses_the_rule_by_layer(form):
    mt.manual_seed(0)
    model, ids = Recurrent().double(), [1, 5, 2, 5]
    inside = Composite({Cell: SignalTakesAll()}, base=HALVES)
    found = {
        rule: explain.lrp(model, ids, rule=rule, form=form) for rule in (inside, GATED, HALVES, "attnlrp")
    }
    assert all(e.ledger.closes and abs(e.ledger.gap) < 1e-10 for e in found.values())
    assert found[GATED].ledger["tangent"] == 0  # nothing passes a sigmoid
    layers = {row.layer: row.absorbed.get("tangent", 0.0) for row in found[inside].ledger.by_layer()}
    assert layers["cell"] == 0 != layers[""]
    assert found[HALVES].ledger["tangent"] != 0
    assert np.allclose(found["attnlrp"].relevance, found[GATED].relevance, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="SignalTakesAll.* does not fit Linear in layer 'head'.*for Mul"):
        explain.lrp(model, ids, rule=Composite({"head": SignalTakesAll()}), form=form)
