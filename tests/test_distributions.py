"""Distributions beside PyTorch's: log-probabilities, entropies, divergences and their gradients; samples by their frequencies."""

import numpy as np
import pytest
from helpers import against_torch, array
from later import torch

import minitransformer as mt
from minitransformer import distributions

POSITIVE = dict(low=0.2, high=2.0)
IDS = np.array([[0, 2], [1, 1], [2, 0]])


def of(lib):
    return distributions if lib is mt else torch.distributions


CASES = {
    "categorical, logits": (
        lambda lib, x: [
            (d := of(lib).Categorical(logits=x)).log_prob(lib.tensor(IDS)),
            d.entropy(),
            d.probs,
            d.logits,
        ],
        [array(2, 3)],
    ),
    "categorical, probabilities": (
        lambda lib, x: [(d := of(lib).Categorical(x)).log_prob(lib.tensor(IDS[0])), d.entropy(), d.probs],
        [array(2, 3, **POSITIVE)],
    ),
    "bernoulli, logits": (
        lambda lib, x, y: [
            (d := of(lib).Bernoulli(logits=x)).log_prob((y > 0).to(x.dtype)),
            d.entropy(),
            d.mean,
        ],
        [array(2, 3), array(4, 1, 3)],
    ),
    "bernoulli, probabilities": (
        lambda lib, x: [(d := of(lib).Bernoulli(x)).log_prob(lib.ones_like(x)), d.entropy(), d.logits],
        [array(2, 3, low=0.1, high=0.9)],
    ),
    "normal": (
        lambda lib, a, s, x: [
            (d := of(lib).Normal(a, s)).log_prob(x),
            d.entropy(),
            d.cdf(x),
            d.mean,
            d.variance,
            d.stddev,
        ],
        [array(2, 3), array(3, **POSITIVE), array(4, 1, 1)],
    ),
    "uniform": (
        lambda lib, a, b: [
            (d := of(lib).Uniform(a, a + b)).log_prob((a + b / 3).detach()),
            d.entropy(),
            d.mean,
        ],
        [array(2, 3), array(3, **POSITIVE)],
    ),
    "divergence of normals": (
        lambda lib, a, s, b, t: of(lib).kl_divergence(of(lib).Normal(a, s), of(lib).Normal(b, t)),
        [array(2, 3), array(3, **POSITIVE), array(3, seed=1), array(2, 1, seed=2, **POSITIVE)],
    ),
    "divergence of categoricals": (
        lambda lib, a, b: of(lib).kl_divergence(of(lib).Categorical(logits=a), of(lib).Categorical(logits=b)),
        [array(2, 3), array(3, seed=1)],
    ),
    "divergence of bernoullis": (
        lambda lib, a, b: of(lib).kl_divergence(of(lib).Bernoulli(logits=a), of(lib).Bernoulli(logits=b)),
        [array(2, 3), array(2, 3, seed=1)],  # PyTorch does not broadcast them
    ),
}


@pytest.mark.parametrize("function, values", CASES.values(), ids=CASES)
def test_values_and_gradients_are_pytorch_s(function, values):
    against_torch(function, *values)
    against_torch(function, *[v.astype("float32") for v in values])


def test_what_is_certain_has_no_entropy():
    for d in (
        distributions.Categorical(mt.tensor([1.0, 0.0])),
        distributions.Categorical(logits=mt.tensor([0.0, -np.inf])),
    ):
        assert d.entropy().item() == pytest.approx(0, abs=1e-5) and d.mode.item() == 0
        assert d.sample((50,)).sum().item() == 0


SAMPLED = {
    "categorical": (
        lambda t: distributions.Categorical(t([[0.5, 0.5, 1.0], [1.0, 0.0, 0.0]])),
        lambda s: s == 2,
        [0.5, 0.0],
    ),
    "bernoulli": (lambda t: distributions.Bernoulli(t([0.2, 0.9])), lambda s: s, [0.2, 0.9]),
    "normal": (
        lambda t: distributions.Normal(t([1.0, -2.0]), 0.5),
        lambda s: (s - mt.tensor([1.0, -2.0])) ** 2,
        [0.25, 0.25],
    ),
    "uniform": (lambda t: distributions.Uniform(t([0.0, 1.0]), 3.0), lambda s: s, [1.5, 2.0]),
}


@pytest.mark.parametrize("make, count, expected", SAMPLED.values(), ids=SAMPLED)
def test_samples_have_their_shape_and_their_mean(make, count, expected):
    mt.manual_seed(0)
    d = make(lambda numbers: mt.tensor(numbers, requires_grad=True))
    assert d.sample().shape == (2,) and d.sample((3, 4)).shape == (3, 4, 2) and d.sample((0,)).shape == (0, 2)
    drawn = d.sample((4000,))
    assert not drawn.requires_grad
    assert np.allclose((count(drawn) * 1.0).mean(0).numpy(), expected, atol=0.05)
    d.log_prob(drawn).sum()


def test_gradients_pass_samples_of_what_is_continuous():
    loc, scale = mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor(0.5, requires_grad=True)
    drawn = distributions.Normal(loc, scale).rsample((5,))
    drawn.sum().backward()
    assert loc.grad.tolist() == [5.0, 5.0]
    assert scale.grad.item() == pytest.approx(((drawn - loc) / scale).sum().item(), rel=1e-4)
    with pytest.raises(NotImplementedError, match="Bernoulli: no rsample"):
        distributions.Bernoulli(0.5).rsample()


def test_a_policy_is_taught_by_its_samples():
    """The gradient of the log-probability of what was rewarded, as in REINFORCE."""
    mt.manual_seed(0)
    logits = mt.zeros(3, requires_grad=True)
    optimizer = mt.optim.Adam([logits], lr=0.1)
    for _ in range(60):
        policy = distributions.Categorical(logits=logits)
        action = policy.sample((16,))
        loss = -(policy.log_prob(action) * (action == 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert logits.argmax().item() == 2


REFUSED = {
    "both": (lambda d, t: d.Categorical(t([1.0]), t([1.0])), "either probs or logits, got both"),
    "neither": (lambda d, t: d.Bernoulli(), "got neither"),
    "negative": (lambda d, t: d.Categorical(t([1.0, -1.0])), "probabilities >= 0, got -1.0"),
    "above one": (lambda d, t: d.Bernoulli(t([1.5])), r"in \[0, 1\], got 1.5"),
    "no width": (lambda d, t: d.Normal(0.0, 0.0), "scale > 0, got 0.0"),
    "turned round": (lambda d, t: d.Uniform(t([1.0, 2.0]), 2.0), "low < high, got 2.0"),
    "no such category": (lambda d, t: d.Categorical(t([0.5, 0.5])).log_prob(t([2])), "0 to 1, got 2"),
    "half": (lambda d, t: d.Bernoulli(0.5).log_prob(t([0.5])), "0 or 1, got 0.5"),
    "outside": (lambda d, t: d.Uniform(0.0, 1.0).log_prob(t([2.0])), "between low and high, got 2.0"),
    "another kind": (lambda d, t: d.kl_divergence(d.Uniform(0.0, 1.0), d.Normal(0.0, 1.0)), "two of Normal"),
}


@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises((ValueError, NotImplementedError), match=message) as ours:
        call(distributions, mt.tensor)
    if "another" not in message and "Normal" not in message:
        with pytest.raises(ours.type):
            call(torch.distributions, torch.tensor)


def test_checks_can_be_left_out():
    d = distributions.Uniform(0.0, 1.0, validate_args=False)
    with np.errstate(divide="ignore"):
        assert d.log_prob(mt.tensor(2.0)).item() == -np.inf
