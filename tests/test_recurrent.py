"""Recurrent networks beside PyTorch's, packed sequences, and relevance through gates, in which the signal takes all."""

import itertools

import numpy as np
import pytest
from helpers import array, assert_close, backward, cotangents
from hypothesis import given, settings
from hypothesis import strategies as st
from later import torch

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.explain import Composite, SignalTakesAll
from minitransformer.nn.utils import rnn
from minitransformer.ops.elementwise.arithmetic import Mul
from minitransformer.ops.networks.recurrent import clear_gru_step, clear_lstm_step, gru_step, lstm_step

GATED = Composite({Mul: SignalTakesAll()}, base="attnlrp")
FORMS = pytest.mark.parametrize("form", ["explicit", "gradient"])
KINDS = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])


def twins(kind, *sizes, seed=0, **options):
    """Our layer and PyTorch's with the same random parameters, float64."""
    ours = getattr(nn, kind)(*sizes, **options).double()
    theirs = getattr(torch.nn, kind)(*sizes, **options).double()
    state = {
        n: array(*p.shape, seed=seed + i, low=-0.8, high=0.8)
        for i, (n, p) in enumerate(ours.named_parameters())
    }
    ours.load_state_dict(state)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return ours, theirs


def leaves(lib, values):
    return [lib.tensor(v, requires_grad=True) for v in values]


def flat(value, kind):
    """All tensors in nested tuples."""
    return [value] if isinstance(value, kind) else [t for item in value for t in flat(item, kind)]


def same_runs(ours, theirs, run, *values):
    """Hold the results of `run(lib, layer, *tensors)` and the gradients of inputs and parameters to PyTorch's."""
    results, slopes = [], []
    for lib, layer in ((mt, ours), (torch, theirs)):
        inputs = leaves(lib, values)
        outputs = flat(run(lib, layer, *inputs), lib.Tensor)
        backward(outputs, [c if c is None else lib.tensor(c) for c in cotangents(outputs)])
        results.append(outputs)
        slopes.append([t.grad for t in (*inputs, *dict(sorted(layer.named_parameters())).values())])
    for i, (got, expected) in enumerate(zip(*results, strict=True)):
        assert_close(got, expected, what=f"output {i}")
    for i, (got, expected) in enumerate(zip(*slopes, strict=True)):
        assert_close(got, expected, what=f"gradient {i}", least=1e-3)


# ---- the layers ----


@KINDS
@pytest.mark.parametrize("layers, both, first", [*itertools.product([1, 2], [False, True], [False, True])])
def test_a_layer_is_pytorch_s_with_states_given_and_without(kind, layers, both, first):
    pair = twins(kind, 3, 4, layers, batch_first=first, bidirectional=both, bias=first)
    x, h = array(2, 5, 3), array(layers * (1 + both), 2 if first else 5, 4, seed=1)
    same_runs(*pair, lambda lib, layer, x: layer(x), x)
    same_runs(
        *pair,
        lambda lib, layer, x, *h: layer(x, h if kind == "LSTM" else h[0]),
        x,
        *[h, -h][: 1 + (kind == "LSTM")],
    )


@KINDS
def test_one_sequence_without_a_batch(kind):
    pair = twins(kind, 3, 4, 2, bidirectional=True)
    same_runs(*pair, lambda lib, layer, x: layer(x), array(5, 3))
    h = array(4, 4)
    same_runs(*pair, lambda lib, layer, x, h: layer(x, (h, h) if kind == "LSTM" else h), array(5, 3), h)


def test_projections_and_relu():
    same_runs(
        *twins("LSTM", 3, 5, 2, proj_size=2, bidirectional=True),
        lambda lib, layer, x: layer(x),
        array(4, 2, 3),
    )
    same_runs(*twins("RNN", 3, 5, 2, "relu"), lambda lib, layer, x: layer(x), array(4, 2, 3))


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("shape", [(), (2,), (1,), (0,)])
def test_a_cell_is_pytorch_s(kind, shape):
    def run(lib, layer, x, h):
        return layer(x), layer(x, (h, 2 * h) if kind == "LSTMCell" else h)

    same_runs(*twins(kind, 3, 4), run, array(*shape, 3), array(*shape, 4, seed=1))


@KINDS
def test_names_and_order_of_the_parameters_are_pytorch_s(kind):
    options = dict(bidirectional=True, **({"proj_size": 2} if kind == "LSTM" else {}))
    ours, theirs = (getattr(lib, kind)(3, 4, 2, **options) for lib in (nn, torch.nn))
    shapes = [[(n, tuple(p.shape)) for n, p in m.named_parameters()] for m in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert [len(w) for w in ours.all_weights] == [len(w) for w in theirs.all_weights]
    assert repr(ours).split("  #")[0] == repr(theirs)
    assert 0.4 < abs(ours.weight_hh_l0.detach().numpy()).max() <= 0.5
    ours.flatten_parameters()


@KINDS
def test_gradients_through_200_steps(kind):
    same_runs(*twins(kind, 2, 3), lambda lib, layer, x: layer(x)[0][-1], array(200, 2, 2))


@KINDS
def test_dropout_stands_between_layers_and_acts_in_training_alone(kind):
    layer, one = getattr(nn, kind)(3, 4, 2, dropout=1.0), getattr(nn, kind)(3, 4, 2)
    one.load_state_dict(layer.state_dict())
    x = mt.tensor(array(5, 2, 3, dtype="float32"))
    assert np.array_equal(layer.eval()(x)[0].detach().numpy(), one(x)[0].detach().numpy())
    state = layer.train()(x)[1]
    first = (state[0] if kind == "LSTM" else state)[0]  # of the first layer, whose input is whole
    assert not np.allclose(layer(x)[0].detach().numpy(), one(x)[0].detach().numpy())
    assert abs(first.detach().numpy()).max() > 0
    with pytest.warns(UserWarning, match="acts between layers, of which there is one"):
        getattr(nn, kind)(3, 4, dropout=0.5)


def test_in_mixed_precision_cells_are_kept_in_float32():
    lstm, gru = nn.LSTM(3, 4, 2), nn.GRU(3, 4, 2)
    x = mt.tensor(array(5, 2, 3, dtype="float32"), requires_grad=True)
    with mt.amp.autocast():
        outs = [lstm(x)[0], gru(x)[0]]
    sum(o.sum() for o in outs).backward()
    for layer, out in zip((lstm, gru), outs, strict=True):
        assert out.dtype == mt.float32
        assert_close(out, layer(x)[0], rtol=1e-2)
    assert lstm.weight_hh_l0.grad.dtype == mt.float32


REFUSED = {
    "sizes of the input": (
        RuntimeError,
        lambda: nn.GRU(3, 4)(mt.ones(2, 2, 5)),
        r"input: expected shape \(2, 2, 3\)",
    ),
    "sizes of the state": (
        RuntimeError,
        lambda: nn.GRU(3, 4)(mt.ones(2, 2, 3), mt.ones(1, 1, 4)),
        r"hx: .*\(1, 2, 4\)",
    ),
    "a state without batch": (RuntimeError, lambda: nn.GRU(3, 4)(mt.ones(2, 2, 3), mt.ones(1, 4)), "hx"),
    "dimensions": (ValueError, lambda: nn.RNN(3, 4)(mt.ones(3)), "2 or 3 dimensions"),
    "dtype": (ValueError, lambda: nn.LSTM(3, 4).double()(mt.ones(2, 2, 3)), "float32, weight is float64"),
    "no position": (RuntimeError, lambda: nn.RNN(3, 4)(mt.ones(0, 2, 3)), "at least one position"),
    "nonlinearity": (ValueError, lambda: nn.RNN(3, 4, nonlinearity="sin"), "'tanh' or 'relu', got 'sin'"),
    "projection": (ValueError, lambda: nn.LSTM(3, 4, proj_size=4), "less than hidden_size=4, got 4"),
    "no projection of a GRU": (ValueError, lambda: nn.RNNBase("GRU", 3, 4, proj_size=2), "of an LSTM"),
    "layers": (ValueError, lambda: nn.LSTM(3, 4, 0), "num_layers: expected at least 1"),
    "size": (TypeError, lambda: nn.LSTM(3, 4.0), "hidden_size: expected an integer"),
    "chance": (ValueError, lambda: nn.LSTM(3, 4, 2, dropout=1.5), "dropout: expected a probability"),
    "mode": (ValueError, lambda: nn.RNNBase("QRNN", 3, 4), "mode: expected one of RNN_TANH"),
    "a cell's state": (
        RuntimeError,
        lambda: nn.LSTMCell(3, 4)(mt.ones(2, 3), (mt.ones(2, 4), mt.ones(1, 4))),
        "hx",
    ),
    "a cell's dimensions": (ValueError, lambda: nn.GRUCell(3, 4)(mt.ones(2, 2, 3)), "1 or 2 dimensions"),
}


@pytest.mark.parametrize("kind, call, message", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(kind, call, message):
    with pytest.raises(kind, match=message):
        call()


# ---- packed sequences ----


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    kind=st.sampled_from(["RNN", "LSTM", "GRU"]),
    both=st.booleans(),
    first=st.booleans(),
    seed=st.integers(0, 99),
)
def test_packed_sequences_of_random_lengths(lengths, kind, both, first, seed):
    pair = twins(kind, 2, 3, 2, seed=seed, bidirectional=both)
    states = 1 + (kind == "LSTM")

    def run(lib, layer, x, *h):
        tools = lib.nn.utils.rnn
        given = tuple(h) if kind == "LSTM" else h[0]
        packed = tools.pack_padded_sequence(x, lib.tensor(lengths), first, enforce_sorted=False)
        output, end = layer(packed, given)
        padded, sizes = tools.pad_packed_sequence(output, first, -1.5, max(lengths) + 1)
        assert sizes.tolist() == lengths and output.batch_sizes.tolist() == packed.batch_sizes.tolist()
        return padded, end

    b, t = len(lengths), max(lengths)
    x = array(*((b, t) if first else (t, b)), 2, seed=seed)
    same_runs(*pair, run, x, *[array(2 * (1 + both), b, 3, seed=seed + i) for i in range(states)])


@KINDS
def test_a_packed_sequence_is_read_as_if_it_stood_alone(kind):
    layer = getattr(nn, kind)(2, 3, 2, bidirectional=True).double()
    sequences = [mt.tensor(array(n, 2, seed=n)) for n in (2, 5, 1)]
    outputs, _ = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    for got, s in zip(rnn.unpack_sequence(outputs), sequences, strict=True):
        assert_close(got, layer(s)[0])


def test_sequences_are_padded_packed_and_unpacked_as_in_pytorch():
    def run(lib, layer, *sequences):
        tools = lib.nn.utils.rnn
        packed = tools.pack_sequence(sequences)
        left = tools.pad_sequence(list(sequences), True, 7.0, padding_side="left")
        padded = tools.pad_sequence(sequences)
        return (
            packed.data,
            left,
            padded,
            *tools.unpad_sequence(padded.clone(), lib.tensor([3, 2, 2])),
            *tools.unpack_sequence(packed),
        )

    same_runs(nn.Linear(1, 1), torch.nn.Linear(1, 1), run, array(3, 2), array(2, 2), array(2, 2))
    packed = rnn.pack_sequence([mt.tensor([1, 2]), mt.tensor([3])])
    assert packed.data.tolist() == [1, 3, 2] and packed.to(mt.float64).data.dtype == mt.float64
    assert rnn.pad_sequence(mt.ones(2, 3)).shape == (3, 2)


NOT_PACKED = {
    "unsorted": (lambda rnn, x, t: rnn.pack_padded_sequence(x, t([1, 3])), "enforce_sorted=False"),
    "of length zero": (lambda rnn, x, t: rnn.pack_padded_sequence(x, t([3, 0])), "expected 1 to 4, got 0"),
    "one for each": (lambda rnn, x, t: rnn.pack_padded_sequence(x, t([3])), "one for each of 2"),
    "none": (lambda rnn, x, t: rnn.pack_padded_sequence(x[:, :0], t([])), "no sequence"),
    "nothing to pad": (lambda rnn, x, t: rnn.pad_sequence([]), "expected sequences"),
    "another side": (lambda rnn, x, t: rnn.pad_sequence([x], padding_side="top"), "'top'"),
    "too short a total": (
        lambda rnn, x, t: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, t([3, 1])), total_length=2),
        "total_length",
    ),
}


@pytest.mark.parametrize("call, message", NOT_PACKED.values(), ids=NOT_PACKED)
def test_what_cannot_be_packed_is_refused_as_in_pytorch(call, message):
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        call(torch.nn.utils.rnn, torch.ones(4, 2, 1), lambda n: torch.tensor(n, dtype=torch.int64))
    with pytest.raises(theirs.type, match=message):
        call(rnn, mt.ones(4, 2, 1), lambda n: mt.tensor(n, dtype=mt.int64))


def test_a_length_beyond_the_padded_sequences_is_refused():
    """PyTorch packs as many vectors as there are and counts more."""
    with pytest.raises(RuntimeError, match="expected 1 to 4, got 5"):
        rnn.pack_padded_sequence(mt.ones(4, 2, 1), [5, 1])


def test_unpadding_leaves_its_input_as_it_was():
    """PyTorch's transposes it in place."""
    padded = mt.ones(4, 2, 1)
    assert [len(s) for s in rnn.unpad_sequence(padded, [3, 1])] == [3, 1] and padded.shape == (4, 2, 1)


# ---- the steps, and relevance ----

STEPS = {
    "lstm": (lstm_step, clear_lstm_step, [(2, 12), (2, 12), (2, 3)]),
    "gru": (gru_step, clear_gru_step, [(2, 9), (2, 9), (2, 3)]),
}


def weighted(outputs):
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return sum((o * mt.tensor(array(*o.shape, seed=i))).sum() for i, o in enumerate(outputs))


@pytest.mark.parametrize("step, clear, shapes", STEPS.values(), ids=STEPS)
def test_a_step_is_its_clear_form(step, clear, shapes):
    values = [array(*shape, seed=i) for i, shape in enumerate(shapes)]
    runs = []
    for form in (step, clear):
        inputs = leaves(mt, values)
        y = weighted(form(*inputs))
        found = [
            explain.account(y, inputs, GATED, form, eps)
            for form in ("explicit", "gradient")
            for eps in (0.0, 0.1)
        ]
        y.backward()
        runs.append([y, *[t.grad for t in inputs], *[r for relevance, _ in found for r in relevance]])
        assert all(ledger.closes and abs(ledger.gap) < 1e-10 for _, ledger in found)
    for i, (got, expected) in enumerate(zip(*runs, strict=True)):
        if isinstance(got, np.ndarray):
            assert abs(got).max() > 0
        assert_close(got, expected, what=str(i))


@FORMS
def test_a_gate_gets_nothing_whatever_the_rule_of_products(form):
    x, from_h, c = leaves(mt, [array(1, 8), array(1, 8, seed=2), array(1, 2, seed=1)])
    h, _ = lstm_step(x, from_h, c)
    found = explain.relevance(h.sum(), [x, from_h, c], form=form, eps=0.0)
    for part in found[:2]:
        assert abs(part[:, [0, 1, 2, 3, 6, 7]]).max() == 0 < abs(part[:, 4:6]).min()
    assert_close(np.array(sum(part.sum() for part in found)), h.sum())


class Reader(nn.Module):
    """A classifier of ids that reads both ways."""

    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.network = getattr(nn, kind)(3, 4, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(8, 2)

    def forward(self, ids):  # (B, T) -> (B, 2)
        return self.head(self.network(self.embedding(ids))[0].mean(1))


@KINDS
def test_the_ledger_closes_and_both_forms_agree(kind):
    mt.manual_seed(0)
    model, ids = Reader(kind).double(), [1, 5, 2, 5, 0]
    for p in model.network.parameters():  # larger than at first, so that no gate is about 1/2
        p.data.mul_(3)
    explicit, gradient = (explain.lrp(model, ids, form=form, eps=1e-12) for form in ("explicit", "gradient"))
    for e in (explicit, gradient):
        assert e.ledger.closes and abs(e.ledger.gap) < 1e-10
        assert e.ledger["tangent"] == 0 != e.ledger["bias"]
        assert {row.layer for row in e.ledger.by_layer()} >= {"embedding", "network", "head"}
    assert np.allclose(explicit.relevance, gradient.relevance, rtol=0, atol=1e-8)
    assert abs(gradient.relevance).min() > 0


def test_relevance_through_packed_sequences():
    layer = nn.LSTM(2, 3, bidirectional=True).double()
    x = mt.tensor(array(4, 2, 2), requires_grad=True)
    packed = rnn.pack_padded_sequence(x, [2, 4], enforce_sorted=False)
    (found,), ledger = explain.account(layer(packed)[0].data.sum(), [x], form="explicit")
    assert ledger.closes and abs(found[2:, 0]).max() == 0 < abs(found[:2, 0]).min()
