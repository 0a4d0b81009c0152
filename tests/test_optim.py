"""Optimizers and schedules against PyTorch's, step by step."""

import copy
import io

import numpy as np
import pytest
from later import torch

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


IN_FLOAT32 = {"NAdam", "ASGD"}  # there PyTorch keeps numbers that change from step to step in float32
OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.8, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.1}),
    ("Adadelta", {"lr": 0.5}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {"lr": 0.01, "betas": (0.9, 0.95), "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {"lr": 0.01, "etas": (0.4, 1.3), "step_sizes": (1e-4, 0.05)}),
    ("ASGD", {"lr": 0.1, "lambd": 0.01, "t0": 5, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("name, settings", OPTIMIZERS)
def test_fifty_steps_equal_pytorch(name, settings):
    mine, theirs, losses = twins()
    groups = [
        [{"params": list(m[0].parameters())}, {"params": list(m[2].parameters()), "lr": 0.03}]
        for m in (mine, theirs)
    ]
    pair = getattr(mt.optim, name)(groups[0], **settings), getattr(torch.optim, name)(groups[1], **settings)
    for _ in range(STEPS):
        for optimizer, loss in zip(pair, losses, strict=True):
            step(optimizer, loss)
    assert largest_difference(mine, theirs) <= (1e-8 if name in IN_FLOAT32 else 1e-10)


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
    assert all(
        np.array_equal(p.numpy(), q.numpy())
        for p, q in zip(whole.parameters(), halves.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    "convert", [lambda v: v, lambda v: v.numpy() if torch.is_tensor(v) else v], ids=["torch", "numpy"]
)
@pytest.mark.parametrize("name, settings", OPTIMIZERS)
def test_going_on_from_a_state_of_pytorch(name, settings, convert):
    mine, theirs, losses = twins()
    other, optimizer = (
        getattr(lib, name)(m.parameters(), **settings) for lib, m in ((torch.optim, theirs), (mt.optim, mine))
    )
    for _ in range(10):
        step(other, losses[1])
    mine.load_state_dict({k: convert(v) for k, v in theirs.state_dict().items()})
    state = other.state_dict()
    state["state"] = {i: {k: convert(v) for k, v in kept.items()} for i, kept in state["state"].items()}
    optimizer.load_state_dict(state)
    for _ in range(10):
        step(optimizer, losses[0])
        step(other, losses[1])
    assert largest_difference(mine, theirs) <= (1e-8 if name in IN_FLOAT32 else 1e-10)


def schedules(module, optimizer):
    """The same schedules, of ours or of PyTorch's module."""
    return {
        "lambda": lambda: module.LambdaLR(optimizer, lambda t: 0.9**t),
        "linear": lambda: module.LinearLR(optimizer, 0.1, 1.0, 7),
        "cosine": lambda: module.CosineAnnealingLR(optimizer, 40, 0.001),
        "warm-up and cosine": lambda: module.SequentialLR(
            optimizer,
            [module.LinearLR(optimizer, 0.01, 1.0, 10), module.CosineAnnealingLR(optimizer, 45)],
            [10],
        ),
        "step": lambda: module.StepLR(optimizer, 7, 0.3),
        "milestones": lambda: module.MultiStepLR(optimizer, [5, 30, 30, 41], 0.5),
        "exponential": lambda: module.ExponentialLR(optimizer, 0.93),
        "constant": lambda: module.ConstantLR(optimizer, 0.2, 9),
        "polynomial": lambda: module.PolynomialLR(optimizer, 30, 2.0),
        "restarts": lambda: module.CosineAnnealingWarmRestarts(optimizer, 7, 2, 0.001),
        "equal restarts": lambda: module.CosineAnnealingWarmRestarts(optimizer, 9),
        "one cycle": lambda: module.OneCycleLR(optimizer, 0.1, 60),
        "one cycle of lines": lambda: module.OneCycleLR(
            optimizer,
            [0.1],
            epochs=3,
            steps_per_epoch=20,
            anneal_strategy="linear",
            three_phase=True,
            pct_start=0.2,
        ),
        "multiplied": lambda: module.MultiplicativeLR(optimizer, lambda t: 0.9 + 0.02 * (t % 7)),
        "chained": lambda: module.ChainedScheduler(
            [module.LinearLR(optimizer, 0.2, 1.0, 12), module.ExponentialLR(optimizer, 0.95)]
        ),
        "triangles": lambda: module.CyclicLR(optimizer, 0.01, 0.1, 7),
        "half triangles": lambda: module.CyclicLR(optimizer, 0.01, [0.2], 5, 9, mode="triangular2"),
        "triangles of rates": lambda: module.CyclicLR(
            optimizer, 0.01, 0.1, 6, mode="exp_range", gamma=0.97, cycle_momentum=False
        ),
        "triangles of one's own": lambda: module.CyclicLR(
            optimizer, 0.01, 0.1, 6, scale_fn=lambda x: 1 / x, scale_mode="cycle"
        ),
        "one cycle of rates": lambda: module.OneCycleLR(optimizer, 0.1, 50, cycle_momentum=False),
    }


@pytest.mark.parametrize("name", schedules(None, None))
# PyTorch's SequentialLR warns of itself
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
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
        (lambda p: mt.optim.SGD({p}, 0.1), TypeError),
        (lambda p: mt.optim.SGD([{"params": {p}}], 0.1), TypeError),
        (lambda p: mt.optim.lr_scheduler.LinearLR(mt.optim.SGD([p], 0.1), start_factor=0), ValueError),
        (lambda p: mt.optim.lr_scheduler.LinearLR(mt.optim.SGD([p], 0.1), total_iters=0), ValueError),
        (lambda p: mt.optim.lr_scheduler.CosineAnnealingLR(mt.optim.SGD([p], 0.1), T_max=0), ValueError),
        (lambda p: mt.optim.SGD([p], 0.1).load_state_dict({}), ValueError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error):
        make(mt.ones(2, requires_grad=True))


def grown(module, make, at):
    """The rates of two groups, the second of which comes after `at` steps of the schedule that `make` makes."""
    lib = mt if module is ours else torch
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1)
    schedule = make(module, optimizer)
    for i in range(9):
        if i == at:
            optimizer.add_param_group({"params": [lib.nn.Parameter(lib.ones(3))], "lr": 0.01})
        optimizer.step()
        schedule.step()
    return schedule.get_last_lr()


@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda module, o: module.LinearLR(o, 0.1, 1.0, 7),
        lambda module, o: module.LinearLR(o, last_epoch=-1),
        lambda module, o: module.CosineAnnealingLR(o, 20, 0.001),
    ],
)
def test_a_group_that_comes_later_is_scheduled_as_by_pytorch(make, at):
    assert grown(ours, make, at) == pytest.approx(grown(torch.optim.lr_scheduler, make, at), rel=1e-10)


GOING_ON = [name for name in schedules(None, None) if name != "warm-up and cosine"]


@pytest.mark.parametrize("name", GOING_ON)
@pytest.mark.parametrize("whose", ["ours", "PyTorch's"])
def test_a_schedule_goes_on_from_its_state(name, whose):
    def made(lib, module):
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.9)
        return schedules(module, optimizer)[name]()

    straight, theirs, other = made(mt, ours), made(torch, torch.optim.lr_scheduler), made(mt, ours)
    for _ in range(8):
        theirs.optimizer.step()
        straight.step(), theirs.step()
    other.optimizer.load_state_dict((straight if whose == "ours" else theirs).optimizer.state_dict())
    other.load_state_dict((straight if whose == "ours" else theirs).state_dict())
    for _ in range(12):
        straight.step(), other.step()
        assert other.get_last_lr() == pytest.approx(straight.get_last_lr(), rel=1e-12, abs=1e-15)
        assert other.optimizer.param_groups[0]["momentum"] == pytest.approx(
            straight.optimizer.param_groups[0]["momentum"]
        )
    mt.save(other.state_dict(), io.BytesIO())


def test_a_cosine_with_restarts_follows_fractions_of_an_epoch():
    pair = [
        module.CosineAnnealingWarmRestarts(lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], 0.1), 3, 2)
        for lib, module in ((mt, ours), (torch, torch.optim.lr_scheduler))
    ]
    pair[1].optimizer.step()
    for epoch in (0.0, 0.25, 1.5, 2.99, 3.0, 5.5, None, None, 26, None, 4.0, 0):
        for schedule in pair:
            schedule.step(epoch)
        assert pair[0].get_last_lr() == pytest.approx(pair[1].get_last_lr(), rel=1e-9), epoch
        assert (pair[0].T_cur, pair[0].T_i, pair[0].last_epoch) == (
            pair[1].T_cur,
            pair[1].T_i,
            pair[1].last_epoch,
        )


PLATEAUS = [
    {"patience": 1, "factor": 0.5},
    {"patience": 0, "cooldown": 2, "threshold": 0.1, "min_lr": 0.01},
    {"mode": "max", "patience": 1, "threshold_mode": "abs", "threshold": 0.05},
    {"mode": "max", "patience": 2, "threshold": 0.2, "min_lr": [0.02], "eps": 0.05},
    {"threshold_mode": "abs", "patience": 2, "threshold": 0.3},
]


@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_a_plateau_is_seen_as_by_pytorch(settings):
    values = np.random.default_rng(0).standard_normal(40).round(1).tolist() + [
        float("nan"),
        0.5,
        float("inf"),
        -9.0,
    ]
    pair = [
        module.ReduceLROnPlateau(lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], 0.1), **settings)
        for lib, module in ((mt, ours), (torch, torch.optim.lr_scheduler))
    ]
    found = set()
    for i, value in enumerate(values):
        pair[0].step(mt.tensor(value, dtype=mt.float64) if i % 2 else value)
        pair[1].step(value)
        assert pair[0].get_last_lr() == pytest.approx(pair[1].get_last_lr(), rel=1e-12)
        found.update(pair[0].get_last_lr())
        if i == 20:
            again = ours.ReduceLROnPlateau(pair[0].optimizer)
            again.load_state_dict(pair[1].state_dict())
            assert again.state_dict() == pair[0].state_dict()
            pair[0] = again
    assert len(found) > 1


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda o: ours.StepLR(o, 0), "step_size > 0, got 0"),
        (lambda o: ours.ConstantLR(o, 1.5), r"factor in \[0, 1\], got 1.5"),
        (lambda o: ours.PolynomialLR(o, 0), "total_iters > 0, got 0"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2.5), "integers T_0, T_mult >= 1, got 2.5, 1"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2).step(-1), "an epoch >= 0, got -1"),
        (lambda o: ours.OneCycleLR(o, 0.1), "total_steps, or epochs and steps_per_epoch, > 0, got 0"),
        (lambda o: ours.OneCycleLR(o, 0.1, 9, pct_start=2.0), r"pct_start in \[0, 1\].*got 2.0"),
        (lambda o: ours.OneCycleLR(o, 0.1, 9, anneal_strategy="sin"), "got 0.3, 'sin'"),
        (lambda o: ours.OneCycleLR(o, [0.1, 0.2], 9), "expected 1 max_lr, one for each group, got 2"),
        (lambda o: ours.ReduceLROnPlateau(o, factor=1.0), "factor < 1.*got 1.0"),
        (lambda o: ours.ReduceLROnPlateau(o, "low"), "mode 'min' or 'max'.*'low'"),
        (lambda o: ours.ReduceLROnPlateau(o, min_lr=[0, 0]), "expected 1 min_lrs, got 2"),
        (lambda o: ours.ReduceLROnPlateau(o).load_state_dict({"best": 1}), "lacks .*'factor'"),
    ],
)
def test_schedules_say_what_they_need(make, message):
    with pytest.raises(ValueError, match=message):
        make(mt.optim.SGD([mt.ones(1)], 0.1, momentum=0.5))


def test_a_cycle_of_momentum_needs_one_and_ends():
    with pytest.raises(ValueError, match="cycle_momentum needs an optimizer with a momentum"):
        ours.OneCycleLR(mt.optim.Adagrad([mt.ones(1)]), 0.1, 5)
    schedule = ours.OneCycleLR(mt.optim.SGD([mt.ones(1)], 0.1, momentum=0.5), 0.1, 5)
    for _ in range(5):
        schedule.step()
    with pytest.raises(ValueError, match="expected at most 5 steps, got 6"):
        schedule.step()
    schedule.optimizer.add_param_group({"params": mt.ones(2)})
    with pytest.raises(ValueError, match="group 1 came later|every initial rate"):
        ours.OneCycleLR.rate(schedule, 2, 0.1, 1)


def test_the_older_name_of_the_base():
    assert ours._LRScheduler is ours.LRScheduler and issubclass(ours.StepLR, ours._LRScheduler)


def test_a_group_that_cannot_be_scheduled_is_named():
    with pytest.raises(ValueError, match="LambdaLR: group 1 came later and has no function"):
        grown(ours, lambda module, o: module.LambdaLR(o, lambda step: 0.5), 2)
    with pytest.raises(
        ValueError, match="at step 4 every initial rate becomes the same, so group 1 cannot join"
    ):
        grown(ours, lambda module, o: module.CosineAnnealingLR(o, 4), 4)


def test_a_schedule_goes_on_from_pytorch_s_state_and_refuses_another():
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.ones(1)], 0.1), 30)
    mine = ours.CosineAnnealingLR(mt.optim.SGD([mt.ones(1)], 0.1), 10)
    for _ in range(4):
        theirs.optimizer.step()
        theirs.step()
    mine.load_state_dict(theirs.state_dict())
    assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr()) and mine.T_max == 30
    with pytest.raises(ValueError, match=r"has \['T_max'\], which this schedule does not have"):
        ours.LinearLR(mine.optimizer).load_state_dict(theirs.state_dict())
    with pytest.raises(ValueError, match=r"lacks \['base_lrs'\]"):
        mine.load_state_dict({"last_epoch": 3})
    mine.optimizer.add_param_group({"params": mt.ones(2)})
    with pytest.raises(ValueError, match="expected rates of 2 groups, got 1"):
        mine.load_state_dict(theirs.state_dict())


def test_a_schedule_can_begin_where_another_ended():
    optimizer = mt.optim.SGD([mt.ones(1)], 0.1)
    with pytest.raises(KeyError, match="needs the 'initial_lr' of group 0"):
        ours.LinearLR(optimizer, last_epoch=3)
    first = ours.LinearLR(optimizer)
    for _ in range(3):
        first.step()
    assert ours.LinearLR(optimizer, last_epoch=2).get_last_lr() == first.get_last_lr()


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda s: s["param_groups"][0].update(momentum=0.9),
            r"settings that this optimizer does not have: \['momentum'\]",
        ),
        (lambda s: s["param_groups"][0].update(differentiable=True), "differentiable=True is not supported"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "expected a learning rate >= 0, got -1"),
        (
            lambda s: s["state"][0].update(exp_inf=torch.ones(3)),
            "hold .*'exp_avg', 'exp_avg_sq', 'step'.*, got .*exp_inf",
        ),
        (lambda s: s["state"][0].pop("step"), "got .'exp_avg', 'exp_avg_sq'."),
        (
            lambda s: s["state"][0].update(exp_avg=torch.ones(1)),
            r"the parameter's shape \(3,\), got .'exp_avg': \(1,\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    theirs = torch.optim.Adam([torch.ones(3, requires_grad=True)], lr=0.5)
    theirs.param_groups[0]["params"][0].grad = torch.ones(3)
    theirs.step()
    state = theirs.state_dict()
    change(state)
    mine = mt.optim.Adam([mt.ones(3, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match=message):
        mine.load_state_dict(state)
    assert mine.param_groups[0]["lr"] == 0.1 and not mine.state


def test_a_step_calls_the_closure_and_gives_its_loss():
    p = mt.ones(2, requires_grad=True)
    optimizer = mt.optim.SGD([p], 0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with mt.no_grad():
        assert optimizer.step(closure).item() == 2
    assert p.tolist() == [0, 0]


def test_a_rate_in_a_tensor_is_followed_and_scheduled():
    p, lr = mt.ones(2, requires_grad=True), mt.tensor(0.5)
    optimizer = mt.optim.SGD([p], lr)
    ours.LinearLR(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.25
    p.grad = mt.ones(2)
    optimizer.step()
    assert p.tolist() == [0.75, 0.75]
    with pytest.raises(ValueError, match="expected numbers for .'weight_decay'., got tensors"):
        mt.optim.SGD([p], 0.1, weight_decay=mt.tensor(0.1) * 1)


def test_a_sequence_begins_with_the_schedule_of_its_step():
    """pytorch/pytorch#185872 (a milestone at 0), #162591 (begun anew in the second phase), #72874 (all begin at construction)."""

    def sequence(optimizer, milestone, last_epoch=-1):
        phases = [ours.LinearLR(optimizer, 0.1, 1.0, 10), ours.CosineAnnealingLR(optimizer, 7)]
        return ours.SequentialLR(optimizer, phases, [milestone], last_epoch)

    straight, optimizer = [], mt.optim.SGD([mt.ones(1)], 1.0)
    schedule = sequence(optimizer, 3)
    for _ in range(8):
        straight += schedule.get_last_lr()
        schedule.step()
    assert straight[:4] == pytest.approx([0.1, 0.19, 0.28, 1.0])
    assert [sequence(optimizer, 3, step - 1).get_last_lr()[0] for step in range(8)] == pytest.approx(straight)
    assert sequence(mt.optim.SGD([mt.ones(1)], 1.0), 0).get_last_lr() == [1.0]


def rates(module, make, meddle=lambda step, group: None, steps=12):
    """The rates of twelve steps under the schedules that `make` makes, stepped one after the other."""
    lib, found = mt if module is ours else torch, []
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1)
    schedules = make(module, optimizer)
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        meddle(step, optimizer.param_groups[0])
        optimizer.step()
        for schedule in schedules:
            schedule.step()
    return found + [lr for schedule in schedules for lr in schedule.get_last_lr()]


CHAINS = {
    "two": lambda m, o: [m.LinearLR(o, 0.1, 1.0, 5), m.CosineAnnealingLR(o, 7, 0.001)],
    "two, turned": lambda m, o: [m.CosineAnnealingLR(o, 20), m.LinearLR(o, 0.5, 0.1, 4)],
    "function first": lambda m, o: [m.LambdaLR(o, lambda step: 0.9**step), m.LinearLR(o, 0.1, 1.0, 5)],
    "function last": lambda m, o: [m.LinearLR(o, 0.1, 1.0, 5), m.LambdaLR(o, lambda step: 0.9**step)],
    "cosine": lambda m, o: [m.CosineAnnealingLR(o, 5, 0.001)],
    "linear": lambda m, o: [m.LinearLR(o, 0.1, 0.7, 5)],
    "steps": lambda m, o: [m.StepLR(o, 3, 0.5), m.MultiStepLR(o, [2, 5], 0.5)],
    "constant and exponential": lambda m, o: [m.ConstantLR(o, 0.3, 4), m.ExponentialLR(o, 0.9)],
    "sequence": lambda m, o: [
        m.SequentialLR(o, [m.LinearLR(o, 0.1, 1.0, 4), m.CosineAnnealingLR(o, 9)], [4])
    ],
}


# PyTorch's SequentialLR warns of itself
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
def test_schedules_chain_and_follow_a_rate_set_by_hand_as_pytorch_s(make):
    def meddle(step, group):
        if step in (2, 6):
            group["lr"] *= 0.3

    for hand in (lambda step, group: None, meddle):
        assert rates(ours, make, hand) == pytest.approx(
            rates(torch.optim.lr_scheduler, make, hand), rel=1e-9, abs=1e-15
        )


def test_a_schedule_that_followed_goes_on_to_the_same_bits():
    def of(make, state=None):
        schedule = make(ours, mt.optim.SGD([mt.ones(1)], 0.1))[-1]
        if state is not None:
            schedule.load_state_dict(state)
        return schedule

    for make in (CHAINS["cosine"], CHAINS["linear"], CHAINS["sequence"]):
        first = of(make)
        for _ in range(3):
            first.optimizer.param_groups[0]["lr"] *= 0.3
            first.step()
        second = of(make, first.state_dict())
        for _ in range(5):
            assert second.get_last_lr() == first.get_last_lr() == [first.optimizer.param_groups[0]["lr"]]
            first.step()
            second.step()


def test_an_optimizer_with_a_step_of_its_own_as_programs_write_it():
    """Momentum written against either library's `Optimizer`: the same parameters after three steps, also after a reload."""

    def momentum(lib, parameters):
        class Momentum(lib.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            @lib.no_grad()
            def step(self):
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        state = self.state[p]
                        if len(state) == 0:
                            state["v"] = lib.zeros_like(p)
                        state["v"].mul_(0.9).add_(p.grad)
                        p.add_(state["v"], alpha=-group["lr"])

        return Momentum(parameters)

    start = np.random.default_rng(0).normal(size=(2, 3))
    ends = []
    for lib in (mt, torch):
        p = lib.nn.Parameter(lib.tensor(start))
        optimizer = momentum(lib, [p])
        for _ in range(3):
            optimizer.zero_grad()
            (p**2).sum().backward()
            optimizer.step()
        assert list(optimizer.state) == [p]
        ends.append(p.detach().numpy())
    assert np.allclose(*ends, rtol=1e-12)


LBFGS = [
    {"lr": 0.1, "max_iter": 4},
    {"lr": 0.5, "max_iter": 7, "history_size": 3},
    {"max_iter": 5, "line_search_fn": "strong_wolfe"},
    {"lr": 30.0, "max_iter": 9, "max_eval": 12, "line_search_fn": "strong_wolfe"},
    {"lr": 1e-3, "max_iter": 30, "line_search_fn": "strong_wolfe", "tolerance_change": 1e-4},
]


def closures(optimizers, losses):
    """For each optimiser, what its `step` calls."""

    def closure(optimizer, loss):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return [lambda o=o, f=f: closure(o, f) for o, f in zip(optimizers, losses, strict=True)]


@pytest.mark.parametrize("settings", LBFGS)
def test_lbfgs_equals_pytorch(settings):
    mine, theirs, losses = twins()
    pair = mt.optim.LBFGS(mine.parameters(), **settings), torch.optim.LBFGS(theirs.parameters(), **settings)
    for _ in range(6):
        got, expected = (o.step(c) for o, c in zip(pair, closures(pair, losses), strict=True))
        assert abs(got.item() - expected.item()) <= 1e-9
    assert largest_difference(mine, theirs) <= 1e-8
    ours, other = (next(iter(o.state.values())) for o in pair)
    assert (ours["func_evals"], ours["n_iter"]) == (other["func_evals"], other["n_iter"])


@pytest.mark.parametrize("settings", LBFGS[1:3])
def test_lbfgs_goes_on_from_a_state_of_pytorch_and_of_ours(settings):
    mine, theirs, losses = twins()
    first = torch.optim.LBFGS(theirs.parameters(), **settings)
    for _ in range(3):
        first.step(closures([first], [losses[1]])[0])
    state = first.state_dict()
    for _ in range(2):  # from PyTorch's state, and from ours, which was made of it
        second = mt.optim.LBFGS(mine.parameters())
        mine.load_state_dict(theirs.state_dict())
        second.load_state_dict(state)
        state = second.state_dict()
        second.step(closures([second], [losses[0]])[0])
    first.step(closures([first], [losses[1]])[0])
    assert largest_difference(mine, theirs) <= 1e-9


def test_mistakes_with_lbfgs_are_named():
    p, q = (nn.Parameter(mt.ones(2)) for _ in range(2))
    with pytest.raises(ValueError, match="one group of parameters, got 2"):
        mt.optim.LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(ValueError, match="'strong_wolfe' or None, got 'armijo'"):
        mt.optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(TypeError, match="needs a closure"):
        mt.optim.LBFGS([p]).step()


def test_optimizers_of_programs_that_require_a_setting_and_are_pickled():
    class Plain(mt.optim.Optimizer):
        def __init__(self, params, lr=mt.optim.optimizer.required):
            super().__init__(params, {"lr": lr})

        def __setstate__(self, state):
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("nesterov", False)

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.add_(p.grad.data, alpha=-group["lr"])

    p = nn.Parameter(mt.ones(2))
    with pytest.raises(ValueError, match=r"no value for \['lr'\]"):
        Plain([p])
    optimizer = copy.copy(Plain([p], 0.5))
    assert optimizer.param_groups[0]["nesterov"] is False
    p.sum().backward()
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]


def test_mistakes_with_schedules_of_schedules_are_named():
    first, second = (mt.optim.SGD([nn.Parameter(mt.ones(2))], lr=0.1) for _ in range(2))
    schedule = ours.ExponentialLR(first, 0.9)
    with pytest.raises(ValueError, match="at least one schedule"):
        ours.ChainedScheduler([])
    with pytest.raises(ValueError, match="of one optimizer, got some of another"):
        ours.ChainedScheduler([schedule, ours.ExponentialLR(second, 0.9)])
    with pytest.raises(ValueError, match="states of 1 schedules, got 2"):
        ours.ChainedScheduler([schedule]).load_state_dict({"_schedulers": [{}, {}]})
    with pytest.raises(ValueError, match="expected a mode triangular, triangular2, exp_range"):
        ours.CyclicLR(first, 0.1, 1.0, mode="square")
    with pytest.raises(ValueError, match="needs an optimizer with a momentum"):
        ours.CyclicLR(mt.optim.Adagrad([nn.Parameter(mt.ones(2))]), 0.1, 1.0)
