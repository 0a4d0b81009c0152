"""Layers of one idea each."""

from __future__ import annotations

from typing import Any

from minitransformer.verify.case import LayerCase
from minitransformer.verify.inputs import given, ids, normal, positive


def _held(lib):
    """A layer whose parts stand in containers."""

    module: Any = lib.nn.Module

    class Held(module):
        """(.., 4) -> (.., 4)."""

        def __init__(self):
            super().__init__()
            self.parts = lib.nn.ModuleDict(
                {"map": lib.nn.Linear(4, 4), "all": lib.nn.ModuleList([lib.nn.Tanh()])}
            )
            self.scales = lib.nn.ParameterList([lib.ones(4), lib.ones(1)])
            self.shifts = lib.nn.ParameterDict({"shift": lib.ones(4)})

        def forward(self, x):
            for part in self.parts["all"]:
                x = part(self.parts["map"](x))
            return x * self.scales[0] * self.scales[1] + self.shifts["shift"]

    return Held()


SIMPLE_LAYERS = [
    LayerCase("Linear", lambda lib: lib.nn.Linear(4, 3), [normal(2, 3, 4)]),
    LayerCase("Linear, no bias", lambda lib: lib.nn.Linear(4, 3, bias=False), [normal(2, 4)]),
    LayerCase("Bilinear", lambda lib: lib.nn.Bilinear(4, 3, 5), [normal(2, 6, 4), normal(2, 6, 3)]),
    LayerCase("EmbeddingBag", lambda lib: lib.nn.EmbeddingBag(6, 3, padding_idx=2), [ids(6, 4, 5)]),
    LayerCase(
        "EmbeddingBag, the largest",
        lambda lib: lib.nn.EmbeddingBag(6, 3, mode="max"),
        [ids(6, 7), given([0, 2, 2, 5])],
    ),
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
    LayerCase("LeakyReLU", lambda lib: lib.nn.LeakyReLU(0.2), [normal(3, 4)]),
    LayerCase("ELU", lambda lib: lib.nn.ELU(), [normal(3, 4)]),
    LayerCase("Softplus", lambda lib: lib.nn.Softplus(), [normal(3, 4)]),
    LayerCase("LogSigmoid", lambda lib: lib.nn.LogSigmoid(), [normal(3, 4)]),
    LayerCase("Mish", lambda lib: lib.nn.Mish(), [normal(3, 4)]),
    LayerCase("Hardtanh", lambda lib: lib.nn.Hardtanh(), [normal(3, 4)]),
    LayerCase("ReLU6", lambda lib: lib.nn.ReLU6(), [normal(3, 4)]),
    LayerCase("PReLU", lambda lib: lib.nn.PReLU(4), [normal(3, 4)]),
    LayerCase("SELU", lambda lib: lib.nn.SELU(), [normal(3, 4)]),
    LayerCase("CELU", lambda lib: lib.nn.CELU(0.5), [normal(3, 4)]),
    LayerCase("Hardswish", lambda lib: lib.nn.Hardswish(), [normal(3, 4)]),
    LayerCase(
        "Hardsigmoid",
        lambda lib: lib.nn.Hardsigmoid(),
        [normal(3, 4)],
        theirs=lambda torch, x: (
            torch.nn.functional.relu6(x + 3) / 6
        ),  # its own gradient rounds 1/6 to float32
    ),
    LayerCase("Softsign", lambda lib: lib.nn.Softsign(), [normal(3, 4)]),
    LayerCase("Tanhshrink", lambda lib: lib.nn.Tanhshrink(), [normal(3, 4)]),
    LayerCase("Hardshrink", lambda lib: lib.nn.Hardshrink(0.3), [normal(3, 4)]),
    LayerCase("Softshrink", lambda lib: lib.nn.Softshrink(0.3), [normal(3, 4)]),
    LayerCase("Threshold", lambda lib: lib.nn.Threshold(0.2, -1.5), [normal(3, 4)]),
    LayerCase("GLU", lambda lib: lib.nn.GLU(), [normal(3, 4)]),
    LayerCase("Softmin", lambda lib: lib.nn.Softmin(0), [normal(3, 4)]),
    LayerCase("Dropout1d, in use", lambda lib: lib.nn.Dropout1d(0.4).eval(), [normal(3, 4)]),
    LayerCase("Dropout2d, in use", lambda lib: lib.nn.Dropout2d(0.4).eval(), [normal(3, 2, 4, 2)]),
    LayerCase("Dropout, in use", lambda lib: lib.nn.Dropout(0.4).eval(), [normal(3, 4)]),
    LayerCase(
        "CrossEntropyLoss",
        lambda lib: lib.nn.CrossEntropyLoss(label_smoothing=0.1),
        [normal(4, 5), ids(5, 4)],
    ),
    LayerCase("NLLLoss", lambda lib: lib.nn.NLLLoss(reduction="sum"), [normal(4, 5), ids(5, 4)]),
    LayerCase("MSELoss", lambda lib: lib.nn.MSELoss(), [normal(3, 4), normal(3, 4)]),
    LayerCase("Softmax", lambda lib: lib.nn.Softmax(0), [normal(3, 4)]),
    LayerCase("LogSoftmax", lambda lib: lib.nn.LogSoftmax(1), [normal(3, 4)]),
    LayerCase("L1Loss", lambda lib: lib.nn.L1Loss(), [normal(3, 4), normal(3, 4)]),
    LayerCase("SmoothL1Loss", lambda lib: lib.nn.SmoothL1Loss(), [normal(3, 4), normal(3, 4)]),
    LayerCase("HuberLoss", lambda lib: lib.nn.HuberLoss("sum"), [normal(3, 4), normal(3, 4)]),
    LayerCase("KLDivLoss", lambda lib: lib.nn.KLDivLoss(log_target=True), [normal(3, 4), normal(3, 4)]),
    LayerCase(
        "BCELoss",
        lambda lib: lib.nn.BCELoss(),
        [normal(3, 4), normal(3, 4)],
        lambda lib, layer, x, y: layer(lib.sigmoid(x), lib.sigmoid(y)),
    ),
    LayerCase("BCEWithLogitsLoss", lambda lib: lib.nn.BCEWithLogitsLoss(), [normal(3, 4), normal(3, 4)]),
    LayerCase("CosineSimilarity", lambda lib: lib.nn.CosineSimilarity(), [normal(3, 4), normal(3, 4)]),
    LayerCase("PairwiseDistance", lambda lib: lib.nn.PairwiseDistance(), [normal(3, 4), normal(3, 4)]),
    LayerCase(
        "CosineEmbeddingLoss",
        lambda lib: lib.nn.CosineEmbeddingLoss(),
        [normal(3, 4), normal(3, 4), given([1, -1, 1])],
    ),
    LayerCase(
        "MarginRankingLoss",
        lambda lib: lib.nn.MarginRankingLoss(0.5),
        [normal(3), normal(3), given([1, -1, 1])],
    ),
    LayerCase(
        "HingeEmbeddingLoss",
        lambda lib: lib.nn.HingeEmbeddingLoss(0.5),
        [normal(4), given([1, -1, -1, 1])],
    ),
    LayerCase("SoftMarginLoss", lambda lib: lib.nn.SoftMarginLoss(), [normal(3), given([1, -1, 1])]),
    LayerCase("MultiMarginLoss", lambda lib: lib.nn.MultiMarginLoss(2, 0.7), [normal(4, 5), ids(5, 4)]),
    LayerCase(
        "MultiLabelSoftMarginLoss",
        lambda lib: lib.nn.MultiLabelSoftMarginLoss(reduction="sum"),
        [normal(2, 3), given([[1, 0, 1], [0, 0, 1]])],
    ),
    LayerCase("PoissonNLLLoss", lambda lib: lib.nn.PoissonNLLLoss(), [normal(4), given([0, 2, 1, 5])]),
    LayerCase(
        "GaussianNLLLoss",
        lambda lib: lib.nn.GaussianNLLLoss(full=True),
        [normal(4, 3), normal(4, 3), positive(4, 1)],
    ),
    LayerCase("TripletMarginLoss", lambda lib: lib.nn.TripletMarginLoss(4.0), [normal(3, 4)] * 3),
    LayerCase(
        "Sequential",
        lambda lib: lib.nn.Sequential(lib.nn.Linear(4, 6), lib.nn.GELU(), lib.nn.Linear(6, 3)),
        [normal(2, 4)],
    ),
    LayerCase(
        "DataParallel",
        lambda lib: lib.nn.DataParallel(lib.nn.Linear(3, 2)),
        [normal(4, 3)],
        theirs=lambda torch, x, *parameters: torch.nn.functional.linear(x, *parameters),
    ),
    LayerCase("Identity", lambda lib: lib.nn.Identity(), [normal(2, 4)]),
    LayerCase("Flatten", lambda lib: lib.nn.Flatten(), [normal(2, 3, 4)]),
    LayerCase("Unflatten", lambda lib: lib.nn.Unflatten(1, (2, 2)), [normal(2, 4)]),
    LayerCase("ModuleDict, ParameterDict, ParameterList", _held, [normal(2, 4)]),
]
