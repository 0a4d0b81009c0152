"""The article's model after five Adam steps: every parameter is PyTorch's, but for the key part of the attention bias."""

import pytest
from article import article_batch, article_models, loss_of
from later import torch

import minitransformer as mt
from minitransformer.gradients import largest_error

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}


def without_key_bias(name, values):
    """A bias added to every key moves all scores of a query alike, so its true gradient is zero: Adam divides noise by noise."""
    if not name.endswith("in_proj_bias"):
        return values
    values = values.copy()
    third = len(values) // 3
    values[third : 2 * third] = 0
    return values


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_five_adam_steps(dtype):
    ours, theirs = article_models(dtype)
    ids, targets = article_batch()
    pairs = (
        (mt, ours, mt.optim.Adam(ours.parameters(), lr=1e-3)),
        (torch, theirs, torch.optim.Adam(theirs.parameters(), lr=1e-3)),
    )
    for _ in range(5):
        for package, model, optimizer in pairs:
            optimizer.zero_grad()
            loss_of(package, model, ids, targets).backward()
            optimizer.step()
    trained = {name: p.detach().numpy() for name, p in theirs.named_parameters()}
    errors = {}
    for name, p in ours.named_parameters():
        errors[name] = largest_error(without_key_bias(name, p.numpy()), without_key_bias(name, trained[name]))
    assert not {name: error for name, error in errors.items() if error > TOLERANCE[dtype]}
