"""The article's listing gives PyTorch's logits, loss and gradients when only its imports change."""

import difflib

import numpy
import pytest
from article import SIZES, article, article_batch, article_models, gradient_errors, listing, run
from later import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.gradients import largest_error

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def test_only_import_lines_differ():
    changes = [
        line for line in difflib.ndiff(listing("torch").splitlines(), listing("minitransformer").splitlines())
    ]
    changed = [line for line in changes if line[0] in "+-"]
    assert len(changed) == 8 and all(line[1:].split()[0] in ("import", "from") for line in changed)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_logits_loss_and_every_gradient_are_torch_s(dtype):
    (logits, expected), (loss, expected_loss), (ours, theirs) = run(dtype)
    assert logits.shape == (11, 3, 23) and logits.dtype == dtype
    assert largest_error(logits, expected) <= TOLERANCE[dtype]
    assert loss.item() == pytest.approx(expected_loss.item(), rel=TOLERANCE[dtype])
    errors = gradient_errors(ours, theirs)
    assert len(errors) == 2 * 12 + 3
    assert not {name: error for name, error in errors.items() if error > TOLERANCE[dtype]}


def test_eval_gives_torch_s_logits_whatever_the_dropout():
    ours, theirs = article_models("float64", dropout=0.5)
    ids, _ = article_batch(length=7, batch=1)
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(ids)).numpy()
    assert largest_error(ours.eval()(mt.tensor(ids)).numpy(), expected) <= 1e-10
    trained = ours.train()(mt.tensor(ids)).numpy()
    assert abs(trained - expected).max() > 1e-3


def test_the_mask_is_built_once_a_length_and_hides_the_future():
    ours, _ = article_models()
    ids, _ = article_batch(length=6)
    logits = ours(mt.tensor(ids)).numpy()
    mask = ours.src_mask
    assert (mask.numpy() == nn.generate_square_subsequent_mask(6).numpy()).all()
    ids[4:] = (ids[4:] + 1) % 23
    changed = ours(mt.tensor(ids)).numpy()
    assert ours.src_mask is mask
    assert (changed[:4] == logits[:4]).all() and (changed[4:] != logits[4:]).all()
    ours(mt.tensor(ids[:3]))
    assert ours.src_mask.shape == (3, 3)


def test_the_positions_filled_in_place_are_ours():
    pasted = article("minitransformer")["PositionalEncoding"](SIZES["ninp"]).pe.numpy()
    ours = nn.PositionalEncoding(SIZES["ninp"], max_len=100)
    assert pasted.shape == ours.pe.shape
    # theirs in float32 angles, ours in float64
    numpy.testing.assert_allclose(pasted, ours.pe.numpy(), atol=1e-5)
    ours.load_state_dict(article("torch")["PositionalEncoding"](SIZES["ninp"]).state_dict())
