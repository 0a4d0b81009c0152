"""Layers of one idea each."""

from __future__ import annotations

from minitransformer.verify.case import LayerCase
from minitransformer.verify.inputs import given, ids, normal

SIMPLE_LAYERS = [
    LayerCase("Linear", lambda lib: lib.nn.Linear(4, 3), [normal(2, 3, 4)]),
    LayerCase("Linear, no bias", lambda lib: lib.nn.Linear(4, 3, bias=False), [normal(2, 4)]),
    LayerCase("Embedding", lambda lib: lib.nn.Embedding(6, 3), [ids(6, 2, 5)]),
    LayerCase(
        "Embedding, with padding",
        lambda lib: lib.nn.Embedding(6, 3, padding_idx=2),
        [given([[2, 1, 5], [4, 2, 2]])],
        # the row of padding gets no gradient by definition, so the result must not depend on it
        lambda lib, layer, i: layer(i) * (i != 2).unsqueeze(-1),
    ),
    LayerCase("LayerNorm", lambda lib: lib.nn.LayerNorm(5), [normal(2, 3, 5)]),
    LayerCase("LayerNorm, no bias", lambda lib: lib.nn.LayerNorm(5, bias=False), [normal(2, 3, 5)]),
    LayerCase("RMSNorm", lambda lib: lib.nn.RMSNorm(5, eps=1e-5), [normal(2, 3, 5)]),
    LayerCase("ReLU", lambda lib: lib.nn.ReLU(), [normal(3, 4)]),
    LayerCase("GELU", lambda lib: lib.nn.GELU(), [normal(3, 4)]),
    LayerCase("GELU, tanh form", lambda lib: lib.nn.GELU(approximate="tanh"), [normal(3, 4)]),
    LayerCase("SiLU", lambda lib: lib.nn.SiLU(), [normal(3, 4)]),
    LayerCase("Tanh", lambda lib: lib.nn.Tanh(), [normal(3, 4)]),
    LayerCase("Sigmoid", lambda lib: lib.nn.Sigmoid(), [normal(3, 4)]),
    LayerCase("Dropout, in use", lambda lib: lib.nn.Dropout(0.4).eval(), [normal(3, 4)]),
    LayerCase(
        "CrossEntropyLoss",
        lambda lib: lib.nn.CrossEntropyLoss(label_smoothing=0.1),
        [normal(4, 5), ids(5, 4)],
    ),
    LayerCase("NLLLoss", lambda lib: lib.nn.NLLLoss(reduction="sum"), [normal(4, 5), ids(5, 4)]),
    LayerCase("MSELoss", lambda lib: lib.nn.MSELoss(), [normal(3, 4), normal(3, 4)]),
    LayerCase(
        "Sequential",
        lambda lib: lib.nn.Sequential(lib.nn.Linear(4, 6), lib.nn.GELU(), lib.nn.Linear(6, 3)),
        [normal(2, 4)],
    ),
]
