"""Folders that transformers writes, with tiny models of random weights: our outputs are theirs."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS = np.array([[3, 0, 5, 7, 11], [4, 9, 2, 0, 0]])  # among real tokens too there is the id of padding
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
ENCODER = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20,
    "max_position_embeddings": 24,
}  # fmt: skip
CASES = {  # published class -> its configuration
    "BertModel": ("BertConfig", ENCODER),
    "BertForSequenceClassification": ("BertConfig", ENCODER | {"num_labels": 3}),
    "BertForTokenClassification": ("BertConfig", ENCODER | {"num_labels": 5}),
    "BertForMaskedLM": ("BertConfig", ENCODER),
    "BertForQuestionAnswering": ("BertConfig", ENCODER),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    """(their model with large random weights, the folder that it was saved to)."""
    kind, sizes = CASES[request.param]
    torch.manual_seed(0)
    model = getattr(transformers, request.param)(getattr(transformers, kind)(**sizes)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def outputs_of(model, lib, **mask):
    """The outputs for `IDS`, as arrays, of either library."""
    with lib.no_grad():
        found = model(lib.tensor(IDS), **{name: lib.tensor(value) for name, value in mask.items()})
    if isinstance(found, tuple):  # ours, of two ends
        return [t.numpy() for t in found]
    if isinstance(found, mt.Tensor):
        return [found.numpy()]
    names = ("logits", "start_logits", "end_logits")
    told = [found[name].numpy() for name in names if name in found]
    return told or [found["last_hidden_state"].numpy()]


@pytest.mark.parametrize("mask", [{}, {"attention_mask": MASK}], ids=["whole", "padded"])
def test_outputs_are_theirs(case, mask):
    theirs, folder = case
    ours, _ = mt.models.from_folder(folder)
    assert not ours.training
    real = MASK.astype(bool) if mask else np.ones_like(MASK, bool)
    for got, expected in zip(outputs_of(ours, mt, **mask), outputs_of(theirs, torch, **mask), strict=True):
        assert got.shape == expected.shape
        if got.shape[:2] == real.shape:  # of each token: what padding gives is nobody's
            got, expected = got[real], expected[real]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * abs(expected).max())
