"""Normalized weights as parametrizations: see `parametrize`."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module
from minitransformer.nn.utils.parametrize import register_parametrization
from minitransformer.nn.utils.spectral_norm import (
    as_matrix,
    check_iterations,
    divided,
    drawn,
    iterate,
    units_of,
)
from minitransformer.nn.utils.weight_norm import lengths, of_lengths
from minitransformer.ops.products.likeness import normalize


class _WeightNorm(Module):
    """A weight of lengths and directions."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return of_lengths(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return lengths(weight, self.dim), weight


class _SpectralNorm(Module):
    """A weight divided by its largest singular value; of a vector, by its length."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        if weight.ndim > 1:
            matrix = as_matrix(weight, dim)
            u, v = drawn(matrix, eps)
            iterate(matrix.t(), v, u, 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            iterate(matrix.t(), self._v, self._u, self.n_power_iterations, self.eps)  # u first, as in PyTorch
        return divided(weight, matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the lengths and the directions of a weight apart, as `parametrizations.<name>.original0` and `original1`.

    Args:
        module: the module, which is changed.
        name: of its weight.
        dim: the dimension of the units, each with a length of its own; None for one length.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such tensor.

    Source:
        Salimans & Kingma, NeurIPS 2016.
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, which power iteration follows from call to call in training mode.

    Args:
        module: the module, which is changed.
        name: of its weight.
        n_power_iterations: how many steps each call makes, at least 1.
        eps: the least length by which is divided.
        dim: the dimension of the units; None means 0, of transposed convolutions 1.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such tensor, or `n_power_iterations` is less than 1.

    Source:
        Miyato et al., ICLR 2018.
    """
    check_iterations(n_power_iterations)
    norm = _SpectralNorm(getattr(module, name), n_power_iterations, units_of(module, dim), eps)
    return register_parametrization(module, name, norm)
