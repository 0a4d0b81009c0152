"""How several variables vary together."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.choice import clip
from minitransformer.ops.elementwise.powers import sqrt
from minitransformer.ops.index.slices import diagonal
from minitransformer.ops.operands import real
from minitransformer.ops.products.linalg import matmul
from minitransformer.ops.reduce.sums import sum_


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of variables, each of which is a row of observations.

    Args:
        input: (variables, observations), or one variable (observations,).
        correction: what the number of observations is reduced by.
        fweights: how often each observation was made, integers (observations,).
        aweights: how much each observation counts, (observations,).

    Returns:
        (variables, variables); () for one.

    Raises:
        ValueError: there are more than two dimensions, or the weights do not fit.
    """
    if input.ndim > 2:
        raise ValueError(f"cov: expected variables and observations, got {input.shape}")
    x = real(input).reshape(1, -1) if input.ndim < 2 else real(input)
    weights = _weights(x, fweights, aweights)
    number = x.shape[1] if weights is None else sum_(weights)
    mean = sum_(x if weights is None else x * weights, 1, True) / number
    centred = x - mean
    less = (
        correction if aweights is None or weights is None else correction * sum_(weights * aweights) / number
    )
    divisor = number - less
    divisor = clip(divisor, min=0) if isinstance(divisor, Tensor) else max(divisor, 0)
    products = matmul(centred, (centred if weights is None else centred * weights).t())
    return (products / divisor).squeeze()


def _weights(x: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    """How much each observation counts; None for all the same."""
    given = [w for w in (fweights, aweights) if w is not None]
    if any(w.shape != x.shape[1:] for w in given):
        raise ValueError(f"cov: expected weights {x.shape[1:]}, got {[w.shape for w in given]}")
    if fweights is not None and fweights.dtype.kind not in "iu":
        raise ValueError(f"cov: expected integers as fweights, got {fweights.dtype}")
    if any(bool((w.array < 0).any()) for w in given):
        raise ValueError("cov: expected weights that are not negative")
    return given[0] * given[1] if len(given) == 2 else given[0] if given else None


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables: `cov` divided by the standard deviations.

    Args:
        input: (variables, observations), or one variable (observations,).

    Returns:
        (variables, variables), from -1 to 1; () for one.

    Raises:
        ValueError: there are more than two dimensions.
    """
    covariances = cov(input)
    if not covariances.ndim:
        return covariances / covariances
    deviations = sqrt(diagonal(covariances))
    return clip(covariances / deviations.unsqueeze(1) / deviations, -1, 1)
