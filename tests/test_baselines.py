"""Gradient x input against the slope of the logit as each token's embedding is scaled."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import explain
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier


def test_it_is_the_slope_along_each_embedding():
    mt.manual_seed(0)
    model = SequenceClassifier(ClassifierConfig(vocab_size=11, d_model=8, nhead=2, dim_feedforward=12)).double().eval()
    ids, h = [3, 1, 4, 5, 9], 1e-6  # no token twice: each has a row of its own
    found = explain.gradient_x_input(model, ids, target=1).relevance
    row = model.embedding.weight
    for token, relevance in zip(ids, found, strict=True):
        logits = []
        for factor in (1 + h, 1 - h):
            before = row.numpy()[token].copy()
            row.data[token] = mt.tensor(before * factor)
            with mt.no_grad():
                logits.append(model(mt.tensor([ids]))[0, 1].item())
            row.data[token] = mt.tensor(before)
        assert relevance == pytest.approx((logits[0] - logits[1]) / (2 * h), abs=1e-8)
    assert np.abs(found).max() > 1e-3
