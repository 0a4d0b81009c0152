"""Optimizers and schedules against PyTorch's, step by step."""

import numpy as np
import pytest
import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.optim import lr_scheduler as ours

STEPS = 50


def twins(seed=0):
    """A small network of ours and PyTorch's with the same weights, and a loss on fixed data for each."""
    torch.manual_seed(seed)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)).double()
    mine = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    mine.load_state_dict(theirs.state_dict())
    x, y = np.random.default_rng(seed).standard_normal((2, 7, 3))
    losses = (
        lambda: nn.functional.mse_loss(mine(mt.tensor(x)), mt.tensor(y[:, :2])),
        lambda: torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y[:, :2])),
    )
    return mine, theirs, losses


def largest_difference(mine, theirs):
    pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
    return max(abs(p.numpy() - q.detach().numpy()).max() for p, q in pairs)


def step(optimizer, loss):
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2}),
]


@pytest.mark.parametrize("name, settings", OPTIMIZERS)
def test_fifty_steps_equal_pytorch(name, settings):
    mine, theirs, losses = twins()
    groups = [[{"params": list(m[0].parameters())}, {"params": list(m[2].parameters()), "lr": 0.03}] for m in (mine, theirs)]
    pair = getattr(mt.optim, name)(groups[0], **settings), getattr(torch.optim, name)(groups[1], **settings)
    for _ in range(STEPS):
        for optimizer, loss in zip(pair, losses, strict=True):
            step(optimizer, loss)
    assert largest_difference(mine, theirs) <= 1e-10


@pytest.mark.parametrize("name, settings", OPTIMIZERS)
def test_resuming_changes_nothing(name, settings):
    (whole, _, losses), (halves, _, half_losses) = twins(), twins()
    optimizer = getattr(mt.optim, name)(whole.parameters(), **settings)
    first = getattr(mt.optim, name)(halves.parameters(), **settings)
    for _ in range(20):
        step(optimizer, losses[0])
    for _ in range(10):
        step(first, half_losses[0])
    second = getattr(mt.optim, name)(halves.parameters(), lr=9.0)
    second.load_state_dict(first.state_dict())
    for _ in range(10):
        step(second, half_losses[0])
    assert all(np.array_equal(p.numpy(), q.numpy()) for p, q in zip(whole.parameters(), halves.parameters(), strict=True))


@pytest.mark.parametrize("convert", [lambda v: v, lambda v: v.numpy() if torch.is_tensor(v) else v], ids=["torch", "numpy"])
@pytest.mark.parametrize("name, settings", OPTIMIZERS)
def test_going_on_from_a_state_of_pytorch(name, settings, convert):
    mine, theirs, losses = twins()
    other, optimizer = (getattr(lib, name)(m.parameters(), **settings) for lib, m in ((torch.optim, theirs), (mt.optim, mine)))
    for _ in range(10):
        step(other, losses[1])
    mine.load_state_dict({k: convert(v) for k, v in theirs.state_dict().items()})
    state = other.state_dict()
    state["state"] = {i: {k: convert(v) for k, v in kept.items()} for i, kept in state["state"].items()}
    optimizer.load_state_dict(state)
    for _ in range(10):
        step(optimizer, losses[0])
        step(other, losses[1])
    assert largest_difference(mine, theirs) <= 1e-10


def schedules(module, optimizer):
    """The same schedules, of ours or of PyTorch's module."""
    return {
        "lambda": lambda: module.LambdaLR(optimizer, lambda t: 0.9**t),
        "linear": lambda: module.LinearLR(optimizer, 0.1, 1.0, 7),
        "cosine": lambda: module.CosineAnnealingLR(optimizer, 40, 0.001),
        "warm-up and cosine": lambda: module.SequentialLR(
            optimizer, [module.LinearLR(optimizer, 0.01, 1.0, 10), module.CosineAnnealingLR(optimizer, 45)], [10]
        ),
    }


@pytest.mark.parametrize("name", ["lambda", "linear", "cosine", "warm-up and cosine"])
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # PyTorch's SequentialLR warns of itself
def test_schedules_equal_pytorch(name):
    mine, theirs, losses = twins()
    pair = mt.optim.Adam(mine.parameters(), lr=0.02), torch.optim.Adam(theirs.parameters(), lr=0.02)
    plans = schedules(ours, pair[0])[name](), schedules(torch.optim.lr_scheduler, pair[1])[name]()
    for _ in range(STEPS):
        for optimizer, loss, plan in zip(pair, losses, plans, strict=True):
            step(optimizer, loss)
            plan.step()
        assert plans[0].get_last_lr() == pytest.approx(plans[1].get_last_lr(), rel=1e-10, abs=1e-15)
    assert largest_difference(mine, theirs) <= 1e-10


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda p: mt.optim.SGD([], 0.1), ValueError),
        (lambda p: mt.optim.SGD([p], -1), ValueError),
        (lambda p: mt.optim.SGD([p, 3.0], 0.1), TypeError),
        (lambda p: mt.optim.SGD([p * 2], 0.1), ValueError),
        (lambda p: mt.optim.SGD([p], 0.1, nesterov=True), ValueError),
        (lambda p: mt.optim.Adam([p], betas=(1.0, 0.9)), ValueError),
        (lambda p: mt.optim.Adam([{"params": [p]}, {"params": [p]}]), ValueError),
        (lambda p: mt.optim.SGD([p, p], 0.1), ValueError),
        (lambda p: mt.optim.SGD(p, 0.1), TypeError),
        (lambda p: mt.optim.lr_scheduler.LinearLR(mt.optim.SGD([p], 0.1), start_factor=0), ValueError),
        (lambda p: mt.optim.lr_scheduler.LinearLR(mt.optim.SGD([p], 0.1), total_iters=0), ValueError),
        (lambda p: mt.optim.lr_scheduler.CosineAnnealingLR(mt.optim.SGD([p], 0.1), T_max=0), ValueError),
        (lambda p: mt.optim.SGD([p], 0.1).load_state_dict({}), ValueError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error):
        make(mt.ones(2, requires_grad=True))
