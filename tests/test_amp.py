"""Mixed precision: what is computed in which dtype, that it learns, and that an overflow costs a step and no more."""

import math

import numpy
import pytest
from helpers import arrays, as_numpy, assert_close
from later import torch

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import amp, nn
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.optim import SGD, AdamW

CONFIG = LanguageModelConfig(vocab_size=13, d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, max_len=9)


def test_products_are_halved_and_delicate_ops_are_not():
    x, w = mt.randn(3, 4), mt.randn(5, 4)
    with amp.autocast():
        assert F.linear(x, w).dtype == (x @ w.T).dtype == mt.float16
        q = mt.randn(2, 3, 4)
        assert F.scaled_dot_product_attention(q, q, q).dtype == mt.float16
        half = F.linear(x, w)
        delicate = (
            half.softmax(-1),
            half.log_softmax(-1),
            half.logsumexp(-1),
            F.layer_norm(half, (5,)),
            F.rms_norm(half, (5,)),
        )
        losses = F.cross_entropy(half, mt.tensor([0, 1, 2])), F.mse_loss(half, half)
        assert (
            all(t.dtype == mt.float32 for t in (*delicate, *losses)) and (half + x[:, :1]).dtype == mt.float32
        )
        assert F.linear(x.double(), w.double()).dtype == mt.float64
        with amp.autocast(enabled=False):
            assert F.linear(x, w).dtype == mt.float32
    assert F.linear(x, w).dtype == mt.float32


def test_gradients_come_back_as_float32_and_are_torch_s():
    """PyTorch on the CPU in float16 as the measure."""
    values = arrays((6, 8), (5, 8), (5,), (5,), (5,), dtype="float32")

    def loss(lib, x, w, b, gain, shift):
        return (
            lib.nn.functional.layer_norm(lib.nn.functional.linear(x, w, b), (5,), gain, shift)
            .softmax(-1)[:, 0]
            .sum()
        )

    ours, theirs = ([lib.tensor(v, requires_grad=True) for v in values] for lib in (mt, torch))
    with amp.autocast():
        loss(mt, *ours).backward()
    with torch.autocast("cpu", torch.float16):
        loss(torch, *theirs).backward()
    for t, e in zip(ours, theirs, strict=True):
        assert t.grad.dtype == mt.float32
        assert_close(t.grad, e.grad, 2e-2)


def train(steps, scaler, optimizer=AdamW, lr=1e-2):
    mt.manual_seed(0)
    model, losses = LanguageModel(CONFIG), []
    ids = mt.tensor(numpy.arange(40).reshape(4, 10) % 13)
    learner = optimizer(model.parameters(), lr=lr)
    for _ in range(steps):
        learner.zero_grad()
        with amp.autocast(enabled=scaler.enabled):
            loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        scaler.scale(loss).backward()
        scaler.unscale_(learner)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(learner)
        scaler.update()
        losses.append(loss.item())
    return model, losses


def test_it_learns_as_in_float32():
    scaler = amp.GradScaler()
    model, half = train(25, scaler)
    _, full = train(25, amp.GradScaler(enabled=False))
    assert all(p.dtype == mt.float32 for p in model.parameters())
    assert full[-1] < full[0] / 3 and half[-1] == pytest.approx(full[-1], rel=0.1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of an overflow, too
def test_an_overflow_is_skipped_counted_and_mended():
    scaler = amp.GradScaler(init_scale=2.0**40)
    model, _ = train(1, scaler)
    mt.manual_seed(0)
    untouched = LanguageModel(CONFIG)
    assert scaler.skipped == 1 and scaler.get_scale() == 2.0**39
    assert all(
        (p.numpy() == q.numpy()).all()
        for p, q in zip(model.parameters(), untouched.parameters(), strict=True)
    )


def test_the_factor_grows_after_enough_good_steps():
    scaler = amp.GradScaler(init_scale=8.0, growth_interval=3)
    train(7, scaler)
    assert scaler.get_scale() == 32.0 and scaler.skipped == 0
    other = amp.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() == {"scale": 32.0, "good_steps": 1, "skipped": 0}


def test_small_gradients_vanish_without_a_factor_and_do_not_with_one():
    found = []
    for scale in (1.0, 2.0**14):
        w = mt.tensor(numpy.full((1, 4), 1e-4, "float32"), requires_grad=True)
        x = mt.tensor(numpy.full((1, 4), 1e-4, "float32"))
        scaler, optimizer = amp.GradScaler(init_scale=scale), SGD([w], lr=1.0)
        with amp.autocast():
            loss = F.linear(x, w).sum().float() * 1e-4
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        found.append(as_numpy(w.grad))
    assert not found[0].any() and found[1] == pytest.approx(1e-8, rel=1e-2)


def test_mistakes_are_named():
    with pytest.raises(TypeError, match="expected float16 or bfloat16, got float64"):
        amp.autocast(dtype=mt.float64)
    with pytest.raises(ValueError, match="expected growth > 1"):
        amp.GradScaler(growth_factor=1.0)
    with pytest.raises(RuntimeError, match="no step since"):
        amp.GradScaler().update()
    w = mt.tensor([1.0], requires_grad=True)
    scaler, optimizer = amp.GradScaler(), SGD([w], lr=1.0)
    (w * 2).sum().backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="have been divided already"):
        scaler.unscale_(optimizer)
    assert math.isclose(float(w.grad), 2 / 2**16)


def test_the_factor_ends_where_float32_does_and_comes_back():
    scaler = amp.GradScaler(init_scale=2.0**120, growth_interval=1)
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**120, growth_interval=1)
    p, q = mt.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    pairs = (scaler, SGD([p], lr=0.0), p, mt), (theirs, torch.optim.SGD([q], lr=0.0), q, torch)
    for _ in range(20):
        for s, optimizer, w, lib in pairs:
            s.scale(lib.ones(1))  # PyTorch's is made at the first loss
            w.grad = lib.zeros(1)
            s.step(optimizer)
            s.update()
        assert scaler.get_scale() == theirs.get_scale()
    for _ in range(300):
        p.grad = mt.tensor([math.nan])
        scaler.step(pairs[0][1])
        scaler.update()
    assert 0 < scaler.get_scale() < 1e-30 and scaler.skipped == 300
    p.grad = mt.tensor([scaler.get_scale()])
    scaler.unscale_(pairs[0][1])
    assert p.grad.item() == 1


def test_large_gradients_are_no_overflow():
    p = mt.ones(2, requires_grad=True)
    scaler, optimizer = amp.GradScaler(init_scale=1.0), SGD([p], lr=1e-30)
    p.grad = mt.full((2,), 1e30)  # their squares are beyond float32
    with numpy.errstate(over="ignore"):
        scaler.step(optimizer)
    assert p.tolist() == [0, 0]


def test_the_factor_goes_on_from_pytorch_s_state():
    theirs = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3)
    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.0)
    for _ in range(2):
        theirs.scale(torch.ones(1))
        optimizer.param_groups[0]["params"][0].grad = torch.zeros(1)
        theirs.step(optimizer)
        theirs.update()
    scaler = amp.GradScaler()
    scaler.load_state_dict(theirs.state_dict())
    assert (
        scaler.state_dict() == {"scale": 64.0, "good_steps": 2, "skipped": 0} and scaler.growth_interval == 3
    )
    for wrong in ({}, {"scale": 1.0}, {**scaler.state_dict(), "more": 1}):
        with pytest.raises(ValueError, match="expected 'scale' and 'good_steps' in the state_dict, got"):
            scaler.load_state_dict(wrong)
