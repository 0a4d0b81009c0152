"""Recurrent networks, and the steps that they take."""

from __future__ import annotations

from minitransformer.ops.networks.recurrent import gru_step, lstm_step
from minitransformer.verify.case import LayerCase, OpCase
from minitransformer.verify.inputs import normal


def _lstm_step(lib, x, from_h, c):  # as `clear_lstm_step`, both results side by side
    i, f, g, o = (x + from_h).chunk(4, -1)
    c = lib.sigmoid(f) * c + lib.sigmoid(i) * lib.tanh(g)
    return lib.cat([lib.sigmoid(o) * lib.tanh(c), c], -1)


def _gru_step(lib, x, from_h, h):  # as `clear_gru_step`
    (r, z, n), (r_h, z_h, n_h) = x.chunk(3, -1), from_h.chunk(3, -1)
    n = lib.tanh(n + lib.sigmoid(r + r_h) * n_h)
    z = lib.sigmoid(z + z_h)
    return (1 - z) * n + z * h


def _all(lib, layer, *inputs):  # the outputs and the last states, as one vector
    output, states = layer(*inputs)
    states = states if isinstance(states, tuple) else (states,)
    return lib.cat([t.flatten() for t in (output, *states)])


def _cells(lib, layer, input, h, c):
    return lib.cat(layer(input, (h, c)), -1)


STEPS = [
    OpCase(
        "lstm_step",
        lambda lib, *tensors: lib.cat(lstm_step(*tensors), -1),
        [normal(2, 12), normal(2, 12), normal(2, 3)],
        _lstm_step,
    ),
    OpCase(
        "gru_step",
        lambda lib, *tensors: gru_step(*tensors),
        [normal(2, 9), normal(2, 9), normal(2, 3)],
        _gru_step,
    ),
]
RECURRENT = [
    LayerCase("RNN", lambda lib: lib.nn.RNN(3, 4), [normal(5, 2, 3)], _all),
    LayerCase(
        "RNN, relu, both directions",
        lambda lib: lib.nn.RNN(3, 2, nonlinearity="relu", bidirectional=True),
        [normal(4, 2, 3), normal(2, 2, 2)],
        _all,
    ),
    LayerCase("LSTM", lambda lib: lib.nn.LSTM(3, 4), [normal(5, 2, 3)], _all),
    LayerCase(
        "LSTM, two layers, both directions, projected",
        lambda lib: lib.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True, proj_size=2),
        [normal(2, 4, 3)],
        _all,
    ),
    LayerCase("GRU", lambda lib: lib.nn.GRU(3, 4), [normal(5, 2, 3)], _all),
    LayerCase(
        "GRU, two layers, no bias, one sequence",
        lambda lib: lib.nn.GRU(3, 2, 2, bias=False),
        [normal(4, 3), normal(2, 2)],
        _all,
    ),
    LayerCase("RNNCell", lambda lib: lib.nn.RNNCell(3, 4), [normal(2, 3), normal(2, 4)]),
    LayerCase(
        "LSTMCell", lambda lib: lib.nn.LSTMCell(3, 4), [normal(2, 3), normal(2, 4), normal(2, 4)], _cells
    ),
    LayerCase("GRUCell", lambda lib: lib.nn.GRUCell(3, 4), [normal(2, 3), normal(2, 4)]),
]
