"""Bags of rows against PyTorch's, what they refuse, and the layer of bilinear forms."""

import numpy
import pytest
from helpers import array, assert_close
from later import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.nn import functional as F

IDS = numpy.array([3, 0, 3, 5, 1, 1, 2])
BAGS = {  # ids, offsets, options
    "rows": (numpy.array([[3, 0, 3], [5, 1, 1]]), None, {}),
    "no rows": (numpy.zeros((0, 3), int), None, {}),
    "empty bags": (IDS, [0, 0, 4, 4, 7], {}),
    "an end": (IDS, [0, 2, 7], {"include_last_offset": True}),
    "padding": (IDS, [0, 2], {"padding_idx": -5}),
    "nothing but padding": (IDS[4:6], [0, 1], {"padding_idx": 1}),
    "one id": (IDS[:1], [0], {}),
}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("ids, offsets, options", BAGS.values(), ids=BAGS)
def test_values_and_gradients(ids, offsets, options, mode):
    rows = array(6, 4)
    found = []
    for lib in (mt, torch):
        device = {"device": mt.ones(1).device} if lib is mt else {}
        weight = lib.tensor(rows, requires_grad=True, **device)
        at = None if offsets is None else lib.tensor(offsets, **device)
        bag = lib.nn.functional.embedding_bag(
            lib.tensor(ids, **device), weight, at, mode=mode, **options
        )  # (B, 4)
        (bag * bag.detach().cos()).sum().backward()
        found.append((bag.detach(), weight.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs.numpy(), 1e-12)


def test_the_layer_has_pytorch_s_weights():
    layer, theirs = nn.EmbeddingBag(6, 4, mode="sum"), torch.nn.EmbeddingBag(6, 4, mode="sum")
    theirs.load_state_dict({"weight": torch.tensor(layer.weight.numpy())})
    weights = numpy.linspace(-1, 2, 7, dtype=numpy.float32)
    ours = layer(mt.tensor(IDS), mt.tensor([0, 3]), mt.tensor(weights))
    expected = theirs(torch.tensor(IDS), torch.tensor([0, 3]), torch.tensor(weights))
    assert_close(ours, expected.detach().numpy(), 1e-6)
    assert repr(layer) == repr(theirs) == "EmbeddingBag(6, 4, mode='sum')"


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda i, w: F.embedding_bag(i, w), ValueError, r"\(N,\) with offsets, got \(7,\) without"),
        (lambda i, w: F.embedding_bag(i[None], w, i), ValueError, r"got \(1, 7\) with offsets"),
        (lambda i, w: F.embedding_bag(i, w, i[1:2], mode="min"), ValueError, "sum, mean, max, got 'min'"),
        (lambda i, w: F.embedding_bag(i, w, i[1:2], per_sample_weights=w), ValueError, r"weights \(7,\)"),
        (lambda i, w: F.embedding_bag(i, w, i[1:2], per_sample_weights=w[:, 0]), NotImplementedError, "sum"),
        (lambda i, w: F.bilinear(w, w[:2], mt.ones(2, 4, 4)), ValueError, r"a weight \(O, M, N\)"),
        (lambda i, w: F.bilinear(w, w, mt.ones(2, 4, 3)), ValueError, "expected 4 and 3 channels"),
    ],
)
def test_mistakes_are_named(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(mt.tensor(IDS), mt.ones(7, 4))
