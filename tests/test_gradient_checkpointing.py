"""Checkpointing changes what is kept, and nothing else."""

import contextlib
import functools
import gc
import tracemalloc

import numpy
import pytest
from helpers import assert_close
from lrp_models import IDS, language_model

import minitransformer as mt
from minitransformer import nn
from minitransformer.amp import autocast
from minitransformer.defaults import default_device
from minitransformer.explain import Layers
from minitransformer.nn.hooks import edit_embeddings, record_attention
from minitransformer.utils.checkpoint import checkpoint, get_device_states, set_device_states

RTOL = 1e-12


def gradients(wrap, seed=3):
    """Of a block with dropout, for its input and its parameters."""
    mt.manual_seed(seed)
    block = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.3, batch_first=True, norm_first=True).double()
    x = mt.randn(2, 5, 8, dtype=mt.float64, requires_grad=True)
    y = wrap(block, wrap(block, x * 2))
    y.backward(mt.randn(2, 5, 8, dtype=mt.float64))
    return [y, x.grad, *(p.grad for p in block.parameters())], mt.rand(1)


def test_gradients_dropout_and_later_random_numbers_are_the_same():
    (plain, then), (kept, also_then) = gradients(lambda f, x: f(x)), gradients(checkpoint)
    for got, expected in zip(kept, plain, strict=True):
        assert_close(got, expected, RTOL)
    assert then.item() == also_then.item()


def test_several_outputs_and_arguments_that_are_no_tensors():
    def cut(x, k, w):
        return x[:, :k] * w, x[:, k:].exp()

    results = []
    for wrap in (checkpoint, lambda f, *a: f(*a)):
        x, w = (
            mt.tensor(numpy.random.default_rng(i).standard_normal(s), requires_grad=True)
            for i, s in enumerate([(3, 5), (2,)])
        )
        a, b = wrap(cut, x, 2, w)
        ((a * a).sum() + b.sum()).backward()
        results.append((x.grad, w.grad))
        x.grad = None
        wrap(cut, x, 2, w)[1].sum().backward()  # one of the outputs is not used
        results[-1] += (x.grad,)
    for got, expected in zip(*results, strict=True):
        assert_close(got, expected, RTOL)


def test_parameters_learn_even_if_no_argument_asks_for_a_gradient():
    embedding = nn.Embedding(5, 3)
    checkpoint(embedding, mt.tensor([1, 1, 4])).sum().backward()
    assert embedding.weight.grad.sum(-1).tolist() == [0, 6, 0, 0, 3]


def test_without_gradients_it_is_the_function_itself():
    x = mt.randn(3, requires_grad=True)
    with mt.no_grad():
        assert checkpoint(lambda t: t * 2, x).op is None
    assert checkpoint(lambda t: t * 2, x.detach()).op is None


def test_an_edit_between_forward_and_backward_is_detected():
    layer = nn.Linear(3, 2)
    y = checkpoint(layer, mt.randn(4, 3, requires_grad=True)).sum()
    with mt.no_grad():
        layer.weight.zero_()
    with pytest.raises(RuntimeError, match="edited in place"):
        y.backward()


def test_what_is_raised_inside_comes_out_and_random_numbers_go_on():
    def fails(x):
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        checkpoint(fails, mt.ones(2, requires_grad=True))


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp", "epsilon-plus"])
def test_relevance_goes_through_the_ops_inside(rule, form):
    model = language_model()
    if rule == "epsilon-plus" and form == "gradient":
        return
    expected = mt.explain.lrp(model, IDS, rule=rule, form=form)
    layer = model.encoder.layers[0]
    plain = layer.forward
    layer.forward = lambda *a, **k: checkpoint(lambda x: plain(x, *a[1:], **k), a[0])
    found = mt.explain.lrp(model, IDS, rule=rule, form=form)
    assert (abs(found.relevance - expected.relevance) <= 1e-12).all()
    assert all(abs(found.ledger[sink] - amount) <= 1e-12 for sink, amount in expected.ledger.items())


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_of_several_outputs_of_one_checkpoint(form):
    x = mt.tensor([[1.0, -2.0, 0.5]], requires_grad=True, dtype=mt.float64)
    weight = mt.tensor([[0.3, 1.0, -0.7], [2.0, 0.1, 0.4]], requires_grad=True, dtype=mt.float64)

    def parts(x):
        return nn.functional.linear(x, weight).tanh(), x * x, x.exp()

    def relevance(call):
        a, b, _ = call(parts, x)
        return mt.explain.relevance(a.sum() * 2 + b.sum() * weight.sum(), [x, weight], form=form)

    for found, expected in zip(relevance(checkpoint), relevance(lambda f, x: f(x)), strict=True):
        assert (abs(found - expected) <= 1e-12).all()


@functools.cache
def weight():
    return mt.tensor([1.0, 2.0, 3.0], requires_grad=True)


CONSTANT = {
    "a softmax": lambda x: nn.functional.softmax(x, -1),
    "a softmax and more": lambda x: (nn.functional.softmax(x, -1), x * 2),
    "held": mt.explain.constant,
    "twice what is held": lambda x: mt.explain.constant(x) * 2,
    "a parameter": lambda x: (x, weight()),
}


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("rule", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("function", CONSTANT.values(), ids=CONSTANT)
def test_what_is_constant_inside_has_its_share_of_the_bias(function, rule, form):
    found = []
    for call in (checkpoint, lambda f, x: f(x)):
        x = mt.tensor([0.3, -1.0, 0.8], requires_grad=True, dtype=mt.float64)
        outs = call(function, x)
        weighted = [
            (y * mt.tensor([1.0, 2.0, -1.0])).sum() for y in (outs if isinstance(outs, tuple) else [outs])
        ]
        (relevance,), ledger = mt.explain.account(sum(weighted) + x.sum(), [x], rule, form, eps=0.0)
        assert ledger.closes
        found.append((relevance, ledger["bias"]))
    assert (abs(found[0][0] - found[1][0]) <= RTOL).all() and found[0][1] == pytest.approx(found[1][1])


class Watch(nn.Module):
    """Passes on what it gets, and keeps what may not change from one call to the next."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x):
        self.seen.append((x.dtype, self.training, default_device(), x.numpy().tobytes()))
        return x


def net(seen):
    mt.manual_seed(0)
    return nn.Sequential(
        nn.Embedding(9, 8),
        nn.Linear(8, 8),
        Watch(seen),
        nn.Dropout(0.4),
        nn.GELU(),
        nn.Linear(8, 4),
        Watch(seen),
    )


@contextlib.contextmanager
def doubled():
    with edit_embeddings(lambda embedding, ids, vectors: vectors * 2):
        yield


AROUND = {
    "nothing": contextlib.nullcontext,
    "autocast": autocast,
    "another backend": lambda: mt.backend("numpy"),
    "vectors edited": doubled,
    "listened to": Layers,
    "attention recorded": record_attention,
}


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("name", AROUND)
def test_it_is_called_again_as_it_was(name, mode):
    results = []
    for wrap in (checkpoint, lambda f, *a: f(*a)):
        seen = []
        with AROUND[name]():
            model = net(seen).train(mode)
            model[4].train(not mode)
            y = wrap(model, mt.tensor([[1, 2, 3, 1]])).float()
        model.train(not mode)
        now = [m.training for m in model.modules()]
        mt.manual_seed(5)
        first = mt.rand(1).item()
        mt.manual_seed(5)
        (y * y).sum().backward()
        assert [m.training for m in model.modules()] == now
        assert mt.rand(1).item() == first
        results.append([p.grad.numpy() for p in model.parameters()])
        assert len(set(seen)) == 2 and len(seen) == (4 if wrap is checkpoint else 2)
    assert all(numpy.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_who_listens_hears_it_once():
    block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    with record_attention() as weights, Layers(block) as layers:
        checkpoint(block, mt.randn(1, 3, 8)).sum().backward()
    assert len(weights) == 1 and [len(outputs) for outputs in layers.outputs.values()] == [1] * len(
        layers.outputs
    )


def test_no_grad_inside_and_a_piece_within_a_piece():
    def piece(x, inner):
        with mt.no_grad():
            weight = inner(x).exp()
        return inner(x) * weight

    results = []
    for wrap in (checkpoint, lambda f, *a: f(*a)):
        x = mt.tensor(numpy.random.default_rng(0).standard_normal((3, 2)), requires_grad=True)
        wrap(piece, x, lambda t, wrap=wrap: wrap(lambda u: u.sin(), t)).sum().backward()
        results.append(x.grad)
    assert_close(*results, RTOL)


def test_another_answer_is_noticed():
    answers = iter([lambda x: x * 2, lambda x: (x * 2).sum(0)])
    y = checkpoint(lambda x: next(answers)(x), mt.ones(2, 3, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"the function gave \[\(\(3,\), .* in place of \[\(\(2, 3\)"):
        y.sum().backward()


@pytest.mark.host("device memory is CuPy's to count")
def test_memory_is_saved():
    """Twelve blocks: kept whole, or only their inputs."""
    block = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
    x = mt.randn(200, 64, requires_grad=True)
    block(x)  # what kernels need once is not counted
    peaks = []
    for wrap in (checkpoint, lambda f, t: f(t)):
        gc.collect()
        tracemalloc.start()
        y = x
        for _ in range(12):
            y = wrap(block, y)
        peaks.append(tracemalloc.get_traced_memory()[0])  # what is kept until backward
        tracemalloc.stop()
        del y
    assert peaks[0] < peaks[1] / 3


def test_a_program_that_repeats_a_forward_pass_itself_has_the_same_random_numbers():
    """Reversible layers keep the random numbers' state and return to it, for the devices too if they have their own."""
    x = mt.ones(3, 5)
    state = mt.get_rng_state()
    devices, states = get_device_states(x)
    first = nn.functional.dropout(x, 0.5)
    later = mt.rand(2)
    with mt.random.fork_rng(devices=devices, enabled=True):
        mt.set_rng_state(state)
        set_device_states(devices, states)
        assert_close(nn.functional.dropout(x, 0.5), first)
        assert_close(mt.rand(2), later)
    assert not mt.cuda._initialized and (devices, states) == ([], [])
