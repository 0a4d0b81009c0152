"""Relevance through convolution, pooling and normalization by channel: the ledger closes, and every rule is zennit's."""

import numpy as np
import pytest
from later import torch
from lrp_models import randomize
from test_lrp_reference import ZENNIT, zennit_rules  # noqa: F401  (a fixture)

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.explain import Composite
from minitransformer.ops.products.linalg import Linear

EPS = 1e-12  # a mean is a sum divided by a number here, so a stabiliser that counts would count otherwise


def network(lib, padding=1):
    """Two convolutions, one of them in groups, with what usually stands between and after them: (N, 2, 8, 7) -> (N, 3)."""
    return lib.Sequential(
        lib.Conv2d(2, 4, 3, stride=(2, 1), padding=padding),
        lib.ReLU(),
        lib.MaxPool2d(2, stride=1, padding=1),
        lib.Conv2d(4, 6, (2, 3), groups=2, dilation=(2, 1)),
        lib.ReLU(),
        lib.AvgPool2d(2, stride=1),
        lib.AdaptiveAvgPool2d(1),
        lib.Flatten(),
        lib.Linear(6, 3),
    )


def picture(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def explained(model, x, rule="attnlrp", form="gradient", eps=1e-6):
    t = mt.tensor(x, requires_grad=True)
    with explain.Layers(model) as layers:
        logit = model(t)[0, 1]
    return explain.account(logit, [t], rule, form, eps, layers=layers)


NORMS = {
    "batch norm in use": lambda: nn.BatchNorm2d(4),
    "batch norm in training": lambda: nn.BatchNorm2d(4),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "leaky relu": lambda: nn.LeakyReLU(0.2),
    "elu": lambda: nn.ELU(),
    "softplus": lambda: nn.Softplus(),
    "mish": lambda: nn.Mish(),
    "upsample": lambda: nn.Upsample(scale_factor=1.5, mode="bilinear"),
    "transposed": lambda: nn.ConvTranspose2d(4, 4, 3, 2, 1, groups=2),
    "instance norm": lambda: nn.InstanceNorm2d(4, affine=True),
    "pixel shuffle": lambda: nn.Sequential(nn.PixelShuffle(2), nn.Conv2d(1, 4, 1)),
    "mirrored": lambda: nn.ReflectionPad2d(1),
    "circular": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
}


def with_norm(name):
    layers = [
        nn.Conv2d(2, 4, 3),
        NORMS[name](),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    ]
    model = randomize(nn.Sequential(*layers))
    if name.startswith("batch"):
        with mt.no_grad():
            layers[1].running_mean.copy_(mt.tensor([0.3, -0.1, 0.2, 0.5]))
            layers[1].running_var.copy_(mt.tensor([0.7, 1.5, 0.4, 1.0]))
    return model.train(name.endswith("training"))


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("name", [*NORMS, "network"])
def test_the_ledger_closes(name, form):
    model = randomize(network(nn)) if name == "network" else with_norm(name)
    (found,), ledger = explained(model, picture(2, 2, 8, 7), form=form)
    assert ledger.closes and abs(ledger["tokens"] - found.sum()) <= 1e-10 * ledger.scale
    assert abs(ledger["bias"]) > 1e-3  # of the convolutions and norms
    sinks = sum(ledger[sink] for sink in ledger if sink != "total")
    assert abs(ledger["total"] - sinks) <= 1e-10 * ledger.scale


@pytest.mark.parametrize("name", [*NORMS, "network"])
def test_both_forms_agree(name):
    model = randomize(network(nn)) if name == "network" else with_norm(name)
    x = picture(1 + name.endswith("training"), 2, 8, 7)
    (gradient,), _ = explained(model, x)
    (explicit,), _ = explained(model, x, form="explicit", eps=1e-13)
    np.testing.assert_allclose(explicit, gradient, atol=1e-8 * abs(gradient).max())


def zennit_s(rules, rule, options, theirs, x):
    """The relevance that zennit's rule gives in every convolution and linear map, with its rules for the other layers."""
    hooks = []
    for module in theirs.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            hooks.append(getattr(rules, rule)(**options).register(module))
        elif isinstance(module, (torch.nn.AvgPool2d, torch.nn.AdaptiveAvgPool2d)):
            hooks.append(rules.Norm(stabilizer=EPS).register(module))
        elif isinstance(module, torch.nn.ReLU):
            hooks.append(rules.Pass().register(module))
    t = torch.tensor(x, requires_grad=True)
    logit = theirs(t)[0, 1]
    (found,) = torch.autograd.grad(logit, t, logit.detach())
    for hook in hooks:
        hook.remove()
    return found.numpy()


@pytest.mark.parametrize("rule", ZENNIT)
def test_a_network_is_zennit_s(zennit_rules, rule):  # noqa: F811
    padding = int(rule not in ("WSquare", "Flat"))  # in which zennit gives the zeros of a padding no share
    ours = randomize(network(nn, padding))
    theirs = network(torch.nn, padding).double()
    theirs.load_state_dict({name: torch.tensor(p.numpy()) for name, p in ours.state_dict().items()})
    x = picture(1, 2, 8, 7)
    mine, options = ZENNIT[rule]
    options = {name: EPS if value == 1e-6 else value for name, value in options.items()}
    (found,), ledger = explained(ours, x, Composite({Linear: mine}), "explicit", EPS)
    expected = zennit_s(zennit_rules, rule, options, theirs, x)
    assert ledger.closes and abs(found).max() > 1e-5
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * abs(expected).max())


def test_what_zeros_around_a_picture_get_is_absorbed():
    model = randomize(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(8, 3)))
    (found,), ledger = explained(
        model, picture(1, 1, 2, 2), Composite({nn.Conv2d: explain.Flat()}), "explicit"
    )
    (row,) = [row for row in ledger.rows if row.op == "Pad"]
    assert ledger.closes and row.received * 4 / 9 == pytest.approx(found.sum())
    assert row.absorbed["bias"] == pytest.approx(row.received * 5 / 9)


def test_an_edit_in_place_and_windows_that_overlap_lose_nothing():
    layers = [nn.Conv2d(1, 3, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=1), nn.BatchNorm2d(3)]
    for norm in (layers[3], nn.Identity()):
        model = randomize(nn.Sequential(*layers[:3], norm, nn.Flatten(), nn.Linear(12, 3)))
        for form in ("gradient", "explicit"):
            (found,), ledger = explained(model, picture(1, 1, 5, 5), form=form)
            (plain,), _ = explained(
                nn.Sequential(model[0], nn.ReLU(), *model[2:]), picture(1, 1, 5, 5), form=form
            )
            assert ledger.closes and np.allclose(found, plain, rtol=0, atol=1e-14)


def test_a_rule_may_be_chosen_by_layer():
    model = randomize(network(nn))
    x = picture(1, 2, 8, 7)
    (mixed,), ledger = explained(
        model, x, Composite({nn.Conv2d: explain.ZPlus()}, base="epsilon"), "explicit"
    )
    (plain,), _ = explained(model, x, "epsilon", "explicit")
    (all_plus,), _ = explained(model, x, "z-plus", "explicit")
    assert ledger.closes and abs(mixed - plain).max() > 1e-3 and abs(mixed - all_plus).max() > 1e-3
    assert {"0", "3", "8"} <= {row.layer for row in ledger.rows}
