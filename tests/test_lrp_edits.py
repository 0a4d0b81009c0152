"""A program that edits in place is explained as the same program that edits nothing."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.nn import functional as F
from minitransformer.utils.checkpoint import checkpoint

# (edits x in place, gives a new x), where e is a mixture of what x once was: both end in equal values
STEPS = {
    "add": (lambda x, e: x.add_(e), lambda x, e: x + e),
    "+=": (lambda x, e: plus(x, e), lambda x, e: x + e),
    "add itself": (lambda x, e: plus(x, x), lambda x, e: x + x),
    "scale": (lambda x, e: x.mul_(-0.7), lambda x, e: x * -0.7),
    "gate": (lambda x, e: x.mul_(mt.sigmoid(e)), lambda x, e: x * mt.sigmoid(e)),
    "product": (lambda x, e: x.mul_(e), lambda x, e: x * e),
    "relu": (lambda x, e: F.relu(x, inplace=True), lambda x, e: F.relu(x)),
    "tanh": (lambda x, e: x.tanh_(), lambda x, e: x.tanh()),
    "sigmoid, scaled": (lambda x, e: x.sigmoid_().mul_(2), lambda x, e: x.sigmoid() * 2),
    "exp": (lambda x, e: x.clamp_(-2, 2).exp_(), lambda x, e: x.clamp(-2, 2).exp()),
    "a row": (lambda x, e: put(x, 0, e[1] * 2), lambda x, e: mt.cat([e[1:2] * 2, x[1:]])),
    "a row of its own": (lambda x, e: put(x, 0, x[2]), lambda x, e: mt.cat([x[2:3], x[1:]])),
    "a row, added": (lambda x, e: row_added(x, e), lambda x, e: mt.cat([x[:1] + e[1], x[1:]])),
    "a column": (
        lambda x, e: put(x, (slice(None), 1), 0.5),
        lambda x, e: mt.cat([x[:, :1], mt.full((4, 1), 0.5, dtype=mt.float64), x[:, 2:]], 1),
    ),
    "a view": (lambda x, e: via(x[1:], x), lambda x, e: mt.cat([x[:1], x[1:] * 3])),
    "the transposed": (lambda x, e: via(x.T, x), lambda x, e: x * 3),
    "a view of a view": (
        lambda x, e: via(x.T[0], x),
        lambda x, e: mt.cat([x[:, :1] * 3, x[:, 1:]], 1),
    ),
    "a mask": (
        lambda x, e: x.masked_fill_(x > 1, 1.0),
        lambda x, e: x.masked_fill(x > 1, 1.0),
    ),
    "copy": (lambda x, e: x.copy_(e), lambda x, e: e * 1),
    "zero": (lambda x, e: put(x, 3, 0), lambda x, e: mt.cat([x[:3], x[3:] * 0])),
    "a norm": (
        lambda x, e: plus(F.layer_norm(x, (3,)), e),
        lambda x, e: F.layer_norm(x, (3,)) + e,
    ),
    "a checkpointed piece": (
        lambda x, e: checkpoint(lambda a: a.tanh() + a, x).mul_(2),
        lambda x, e: checkpoint(lambda a: a.tanh() + a, x) * 2,
    ),
    "softmax": (
        lambda x, e: F.softmax(x, -1).add_(e),
        lambda x, e: F.softmax(x, -1) + e,
    ),
}


def plus(x, y):
    x += y
    return x


def put(x, at, value):
    x[at] = value
    return x


def row_added(x, e):
    x[0] += e[1]
    return x


def via(view, x):
    view.mul_(3)
    return x


def program(steps, edits):
    """Each step reads x, changes it, and reads an old mixture; all mixtures are read at the end."""

    def run(x, weight):
        x = x * 1
        mixture, mixtures = x.roll(1, 0) * 0.5, []
        for name in steps:
            mixture = mixture * 0.5 + x.flip(1)  # reads what the step then writes over
            x = STEPS[name][0 if edits else 1](x, mixture)
            mixtures.append(x.reshape(-1)[:4].sum())
        return (x @ weight).sum() + (mixture @ weight).sum() + sum(mixtures)

    return run


def explained(run, rule, form):
    rng = np.random.default_rng(7)
    x = mt.tensor(rng.standard_normal((4, 3)), requires_grad=True)
    weight = mt.tensor(rng.standard_normal((3, 2)), requires_grad=True)
    output = run(x, weight)
    return output.item(), explain.account(output, [x], rule, form)


CASES = [(name,) for name in STEPS]
CASES += [tuple(np.random.default_rng(seed).choice(list(STEPS), 5)) for seed in range(8)]


@pytest.mark.parametrize("steps", CASES, ids=", ".join)
def test_edits_change_no_relevance(steps):
    for form in ("gradient", "explicit"):
        value, ((edited,), ledger) = explained(program(steps, True), "attnlrp", form)
        expected, ((plain,), accounts) = explained(program(steps, False), "attnlrp", form)
        assert value == pytest.approx(expected, rel=1e-12) and ledger.closes
        assert np.allclose(edited, plain, rtol=0, atol=1e-10 * accounts.scale)
        assert ledger["bias"] == pytest.approx(accounts["bias"], abs=1e-10 * accounts.scale)


@pytest.mark.parametrize("kernel", [1, 4])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.ELU])
def test_an_activation_in_place_after_a_convolution_of_one_place(kernel, activation):
    mt.manual_seed(0)
    picture = mt.randn(1, 2, kernel, kernel, dtype=mt.float64).requires_grad_()
    conv, head = nn.Conv2d(2, 3, kernel).double(), nn.Linear(3, 2).double()
    found = {}
    for inplace in (True, False):
        model = nn.Sequential(conv, activation(inplace=inplace), nn.Flatten(), head)
        for rule in ("attnlrp", "z-plus", "gamma"):
            (found[rule, inplace],), ledger = explain.account(
                model(picture)[0, 1], [picture], rule, "explicit"
            )
            assert ledger.closes
    for rule in ("attnlrp", "z-plus", "gamma"):
        assert np.allclose(found[rule, True], found[rule, False], rtol=0, atol=1e-13)


class Reader(nn.Module):
    """Scales its token vectors, adds positions and silences the first token, in place or not."""

    def __init__(self, edits):
        super().__init__()
        self.embedding, self.head = nn.Embedding(9, 6), nn.Linear(6, 3)
        self.positions = nn.Parameter(mt.randn(1, 4, 6))
        self.edits = edits

    def forward(self, ids):
        x = self.embedding(ids)
        if self.edits:
            x[:, 0] = 0
            x *= 6**0.5
            x += self.positions
            return self.head(x.mean(1).relu_())
        x = mt.cat([x[:, :1] * 0, x[:, 1:]], 1)
        return self.head((x * 6**0.5 + self.positions).mean(1).relu())


METHODS = {
    "lrp": explain.lrp,
    "gradient x input": explain.gradient_x_input,
    "integrated gradients": explain.integrated_gradients,
    "SmoothGrad": explain.smooth_grad,
}


@pytest.fixture
def readers():
    mt.manual_seed(1)
    edits, plain = Reader(True).double(), Reader(False).double()
    plain.load_state_dict(edits.state_dict())
    return edits, plain


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_model_may_edit_the_vectors_that_it_looked_up(readers, method):
    edited, plain = (method(model, [3, 1, 4, 1]).relevance for model in readers)
    assert edited[0] == 0 and abs(edited[1:]).min() > 0
    assert np.allclose(edited, plain, rtol=0, atol=1e-12)


def test_such_a_model_is_certified(readers):
    edited, plain = (explain.certify(model, [3, 1, 4, 1]) for model in readers)
    assert edited.ok and plain.ok and not edited.lost
    assert np.allclose(edited.relevance["ids"][0], plain.relevance["ids"][0], rtol=0, atol=1e-12)


def test_a_leaf_edited_after_it_was_read_is_named():
    x = mt.tensor([1.0, 2.0], dtype=mt.float64, requires_grad=True)
    y = (x * x).sum()
    with mt.no_grad():
        x.mul_(3)
    with pytest.raises(RuntimeError, match="Mul: an array it needs was edited in place"):
        explain.relevance(y, [x])
