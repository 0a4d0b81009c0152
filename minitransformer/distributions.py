"""Probability distributions: samples, their log-probabilities and entropy, with gradients of the parameters.

Parameters are broadcast to one shape, the batch's. A sample has the shape asked for, followed by that of the batch.

>>> import minitransformer as mt
>>> policy = Categorical(logits=mt.tensor([[0.0, 0.0], [3.0, 0.0]]))
>>> action = policy.sample()  # (2,)
>>> [round(p, 3) for p in policy.log_prob(mt.tensor([0, 1])).exp().tolist()]
[0.5, 0.047]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float32, int64
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.creation.random import multinomial, rand, randn
from minitransformer.ops.elementwise.exponentials import erf, exp, log
from minitransformer.ops.index.picking import gather
from minitransformer.ops.networks.activation import sigmoid
from minitransformer.ops.networks.rectifiers import softplus
from minitransformer.ops.networks.softmax import log_softmax, softmax
from minitransformer.ops.shape.fitting import broadcast_shapes, broadcast_tensors, broadcast_to

Value: TypeAlias = Tensor | float
Shape: TypeAlias = Sequence[int]


def _together(*values: Value) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape and of the dtype of the first tensor."""
    first = next((v for v in values if isinstance(v, Tensor)), tensor(0.0, dtype=float32))
    made = [
        v if isinstance(v, Tensor) else tensor(float(v), dtype=first.dtype, device=first.device)
        for v in values
    ]
    return broadcast_tensors(*made)


class Distribution:
    """What all distributions share.

    Args:
        batch_shape: the shape of the parameters.
        event_shape: that of one value; here all values are numbers.
        validate_args: whether parameters and values are checked; None means yes.
    """

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None):
        self.batch_shape, self.event_shape = tuple(batch_shape), tuple(event_shape)
        self.validate_args = validate_args is not False

    def _check(self, what: str, values: Tensor, fits: Tensor) -> None:
        if self.validate_args and not bool(fits.all()):
            wrong = values.detach().numpy()[~fits.numpy()].ravel()[0]
            raise ValueError(f"{type(self).__name__}: {what}, got {wrong}")

    def _shape(self, sample_shape: Shape) -> tuple[int, ...]:
        return (*sample_shape, *self.batch_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Samples through which gradients reach the parameters.

        Args:
            sample_shape: how many.

        Returns:
            (*sample_shape, *batch_shape).

        Raises:
            NotImplementedError: values are counted, not continuous.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: no rsample, as its values are counted; use log_prob of a sample"
        )

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Samples without a gradient.

        Args:
            sample_shape: how many.

        Returns:
            (*sample_shape, *batch_shape).
        """
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values.

        Args:
            value: broadcast with the batch.

        Returns:
            A number for each.

        Raises:
            ValueError: a value cannot occur.
        """
        raise NotImplementedError(f"{type(self).__name__}: no log_prob")

    def entropy(self) -> Tensor:
        """The entropy in nats.

        Returns:
            The batch's shape.
        """
        raise NotImplementedError(f"{type(self).__name__}: no entropy")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={self.batch_shape})"


def _one_of(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError(
            f"{name}: expected either probs or logits, got {'neither' if probs is None else 'both'}"
        )


def _inside(probs: Tensor) -> Tensor:
    """Probabilities kept a rounding away from 0 and 1, so that their logarithm is finite."""
    eps = float(numpy.finfo(probs.dtype).eps)
    return probs.clip(eps, 1 - eps)


class Categorical(Distribution):
    """One of n categories, the numbers 0 to n - 1.

    Args:
        probs: (.., n), at least 0; they are divided by their sum.
        logits: in their place, log-probabilities up to a constant, (.., n).
        validate_args: as in `Distribution`.

    Raises:
        ValueError: both or neither are given, or a probability is negative.
    """

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ):
        _one_of("Categorical", probs, logits)
        given: Tensor = logits if probs is None else probs  # type: ignore[assignment]  # one is there
        super().__init__(given.shape[:-1], validate_args=validate_args)
        if probs is None:
            self.logits = log_softmax(given, -1)  # (.., n)
            self.probs = softmax(given, -1)
        else:
            self._check("expected probabilities >= 0", given, given >= 0)
            self.probs = given / given.sum(-1, keepdim=True)
            self.logits = log(_inside(self.probs))

    @property
    def mode(self) -> Tensor:
        """The most probable category."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        rows = self.probs.detach().reshape(-1, self.probs.shape[-1])  # (B, n)
        drawn = multinomial(rows, max(math.prod(sample_shape), 1), True)  # (B, N)
        return drawn[:, : math.prod(sample_shape)].t().reshape(self._shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        n = self.logits.shape[-1]
        self._check(
            f"expected categories 0 to {n - 1}", value, (value >= 0) & (value < n) & (value == value.floor())
        )
        shape = broadcast_shapes(value.shape, self.batch_shape)
        chosen = broadcast_to(value, shape).to(int64).unsqueeze(-1)  # (.., 1)
        return gather(broadcast_to(self.logits, (*shape, n)), -1, chosen).squeeze(-1)

    def entropy(self) -> Tensor:
        least = float(numpy.finfo(self.logits.dtype).min)  # 0 log 0 = 0
        return -(self.probs * self.logits.clip(least)).sum(-1)


class Bernoulli(Distribution):
    """0 or 1.

    Args:
        probs: of a 1, in [0, 1].
        logits: in their place, log(p / (1 - p)).
        validate_args: as in `Distribution`.

    Raises:
        ValueError: both or neither are given, or a probability is out of range.
    """

    def __init__(
        self, probs: Value | None = None, logits: Value | None = None, validate_args: bool | None = None
    ):
        _one_of("Bernoulli", probs, logits)
        (given,) = _together(logits if probs is None else probs)  # type: ignore[arg-type]  # one is there
        super().__init__(given.shape, validate_args=validate_args)
        if probs is None:
            self.logits, self.probs = given, sigmoid(given)
        else:
            self._check("expected probabilities in [0, 1]", given, (given >= 0) & (given <= 1))
            inside = _inside(given)
            self.probs, self.logits = given, log(inside) - log(1 - inside)

    @property
    def mean(self) -> Tensor:
        """The probability of a 1."""
        return self.probs

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._shape(sample_shape)
        drawn = rand(shape, dtype=self.probs.dtype, device=self.probs.device)
        return (drawn < self.probs.detach()).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check("expected 0 or 1", value, (value == 0) | (value == 1))
        return value * self.logits - softplus(self.logits)

    def entropy(self) -> Tensor:
        return softplus(self.logits) - self.probs * self.logits


class Normal(Distribution):
    """The normal distribution.

    Args:
        loc: the mean.
        scale: the standard deviation, above 0.
        validate_args: as in `Distribution`.

    Raises:
        ValueError: `scale` is not above 0.
    """

    def __init__(self, loc: Value, scale: Value, validate_args: bool | None = None):
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)
        self._check("expected scale > 0", self.scale, self.scale > 0)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.scale**2

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._shape(sample_shape)
        return self.loc + randn(shape, dtype=self.loc.dtype, device=self.loc.device) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        return -(z**2) / 2 - log(self.scale) - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most a value.

        Args:
            value: broadcast with the batch.

        Returns:
            A probability for each.
        """
        return (1 + erf((value - self.loc) / (self.scale * math.sqrt(2)))) / 2

    def entropy(self) -> Tensor:
        return log(self.scale) + (1 + math.log(2 * math.pi)) / 2


class Uniform(Distribution):
    """Even between two limits.

    Args:
        low: the lower limit, which is included.
        high: the upper limit, which is not.
        validate_args: as in `Distribution`.

    Raises:
        ValueError: `high` is not above `low`.
    """

    def __init__(self, low: Value, high: Value, validate_args: bool | None = None):
        self.low, self.high = _together(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        self._check("expected low < high", self.low, self.low < self.high)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._shape(sample_shape)
        return self.low + rand(shape, dtype=self.low.dtype, device=self.low.device) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        fits = (value >= self.low) & (value <= self.high)
        self._check("expected values between low and high", *broadcast_tensors(value, fits))
        inside = (value >= self.low) & (value < self.high)
        return log(inside.to(self.low.dtype)) - log(self.high - self.low)

    def entropy(self) -> Tensor:
        return log(self.high - self.low)


def _kl_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - log(ratio)) / 2


def _kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    return (exp(p.logits) * (p.logits - q.logits)).sum(-1)


def _kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return p.probs * (p.logits - q.logits) - softplus(p.logits) + softplus(q.logits)


_KL: dict[type[Distribution], Callable[[Any, Any], Tensor]] = {
    Normal: _kl_normal,
    Categorical: _kl_categorical,
    Bernoulli: _kl_bernoulli,
}


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence KL(p || q), in nats.

    Args:
        p: a `Normal`, `Categorical` or `Bernoulli`.
        q: one of the same kind.

    Returns:
        The shape of the two batches.

    Raises:
        NotImplementedError: for other pairs.

    Source:
        Kullback and Leibler, Annals of Mathematical Statistics 22, 1951.
    """
    if type(p) is not type(q) or type(p) not in _KL:
        known = ", ".join(kind.__name__ for kind in _KL)
        raise NotImplementedError(
            f"kl_divergence: expected two of {known}, got {type(p).__name__} and {type(q).__name__}"
        )
    return _KL[type(p)](p, q)
