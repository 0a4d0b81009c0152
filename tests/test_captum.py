"""Integrated gradients against captum 0.9.0 on the article's model, with the same quadrature, to 1e-10."""

import math

import article
import numpy as np
import pytest
from later import torch

from minitransformer import explain
from minitransformer.explain import gradient_methods

IntegratedGradients = pytest.importorskip(
    "captum.attr", reason="captum is installed by .ci/run"
).IntegratedGradients


def captum_s(theirs, ids, targets, method, steps, baseline):
    """captum's integrated gradients of the article's model, on the embeddings, (B, T)."""
    embedded = theirs.encoder(torch.tensor(ids)).transpose(0, 1).detach()  # (B, T, C)

    def logits(vectors):
        src = theirs.pos_encoder(vectors.transpose(0, 1) * math.sqrt(theirs.ninp))
        mask = theirs._generate_square_subsequent_mask(len(src)).to(src.dtype)
        return theirs.decoder(theirs.transformer_encoder(src, mask))[-1]  # (B, V)

    start = (
        torch.zeros_like(embedded)
        if baseline is None
        else theirs.encoder.weight[baseline].detach().expand_as(embedded)
    )
    options = {"baselines": start, "target": torch.tensor(targets), "n_steps": steps, "method": method}
    return IntegratedGradients(logits).attribute(embedded, **options).sum(-1).detach().numpy()


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)  # captum makes its points in the default dtype
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("baseline", [None, 7])
@pytest.mark.parametrize("steps", [2, 9, 20])
@pytest.mark.parametrize(
    "ours, theirs, share",
    [
        ("gauss-legendre", "gausslegendre", lambda n: 1),
        ("left", "riemann_left", lambda n: 1),
        ("right", "riemann_right", lambda n: 1),
        ("middle", "riemann_middle", lambda n: 1),
        ("trapezoid", "riemann_trapezoid", lambda n: n / (n - 1)),  # captum's weights add up to (n - 1) / n
    ],
)
def test_integrated_gradients_equal_captum_s(
    ours, theirs, share, steps, baseline, float64_by_default, monkeypatch
):
    rule = gradient_methods.QUADRATURES[ours]

    def with_weights_like_captum_s(n):  # rounded to float32, whatever the model's dtype
        points, weights = rule(n)
        return points, (weights / share(n)).astype("float32") * np.float64(share(n))

    monkeypatch.setitem(gradient_methods.QUADRATURES, ours, with_weights_like_captum_s)
    mine, twin = article.article_models()
    ids, _ = article.article_batch(length=6, batch=2)
    expected = captum_s(twin.eval(), ids, [3, 4], theirs, steps, baseline) * share(steps)
    options = {"steps": steps, "quadrature": ours, "baseline": baseline, "batch_first": False}
    found = explain.integrated_gradients(mine, ids.T, target=[3, 4], **options).relevance
    assert abs(found - expected).max() <= 1e-10 * abs(expected).max()
