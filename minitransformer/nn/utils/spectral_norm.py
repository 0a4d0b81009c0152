"""Spectral normalization: a weight divided by its largest singular value, which power iteration finds."""

from __future__ import annotations

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn.grids.convolution import _Transposed
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.nn.utils.before_calls import Computed, Layer, compute, keep
from minitransformer.ops.creation.random import randn
from minitransformer.ops.products.likeness import normalize
from minitransformer.ops.products.linalg import dot, mv


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight as a matrix.

    Args:
        weight: (..).
        dim: the dimension of the units.

    Returns:
        (units, the rest).
    """
    return weight.movedim(dim, 0).flatten(1)


def units_of(module: Module, dim: int | None) -> int:
    """The dimension of the units of a module's weight.

    Args:
        module: the module.
        dim: the dimension, if it is known.

    Returns:
        `dim`; for None 1 of a transposed convolution, else 0.
    """
    return dim if dim is not None else int(isinstance(module, _Transposed))


@no_grad()
def drawn(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Two random vectors of length 1 with which power iteration begins.

    Args:
        matrix: (M, N).
        eps: the least length by which is divided.

    Returns:
        u (M,) and v (N,).
    """
    drawn = (randn(n, dtype=matrix.dtype, device=matrix.device) for n in matrix.shape)
    u, v = (normalize(vector, dim=0, eps=eps) for vector in drawn)
    return u, v


@no_grad()
def iterate(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> None:
    """Power iteration: turn u and v towards the singular vectors of the largest singular value, in place; v first.

    Args:
        matrix: (M, N).
        u: (M,).
        v: (N,).
        times: how many steps.
        eps: the least length by which is divided.

    Source:
        Miyato et al., ICLR 2018, appendix A.
    """
    for _ in range(times):
        v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=eps))
        u.copy_(normalize(mv(matrix, v), dim=0, eps=eps))


def divided(weight: Tensor, matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """A weight by u W v, its largest singular value; u and v count as constants.

    Args:
        weight: (..).
        matrix: the weight as a matrix (M, N).
        u: (M,).
        v: (N,).

    Returns:
        The shape of `weight`.
    """
    return weight / dot(u.clone(), mv(matrix, v.clone()))  # cloned: later calls edit the buffers


class SpectralNorm(Computed):
    """The parameter `<name>_orig` divided by its largest singular value; the buffers `<name>_u` and `<name>_v` follow it.

    Args:
        name: of the weight.
        n_power_iterations: as in `spectral_norm`.
        eps: as in `spectral_norm`.
        dim: the dimension of the units.
    """

    parts = ("_u", "_v", "_orig")

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        super().__init__(name)
        self.n_power_iterations, self.eps, self.dim = n_power_iterations, eps, dim

    def begin(self, module: Module, weight: Parameter) -> None:
        module.register_parameter(f"{self.name}_orig", weight)
        u, v = drawn(as_matrix(weight, self.dim), self.eps)
        module.register_buffer(f"{self.name}_u", u)
        module.register_buffer(f"{self.name}_v", v)

    def weight(self, module: Module, training: bool) -> Tensor:
        u, v, weight = (getattr(module, self.name + part) for part in self.parts)
        matrix = as_matrix(weight, self.dim)
        if training:
            iterate(matrix, u, v, self.n_power_iterations, self.eps)
        return divided(weight, matrix, u, v)


def spectral_norm(
    module: Layer,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Layer:
    """Divide a weight by its largest singular value, which power iteration follows from call to call in training mode.

    Args:
        module: the module, which is changed: the weight becomes the parameter `<name>_orig`.
        name: of its weight.
        n_power_iterations: how many steps each call makes, at least 1.
        eps: the least length by which is divided.
        dim: the dimension of the units; None means 0, of transposed convolutions 1.

    Returns:
        The module.

    Raises:
        ValueError: if `n_power_iterations` is less than 1.
        RuntimeError: if the weight is normalized already.

    Source:
        Miyato et al., ICLR 2018.
    """
    check_iterations(n_power_iterations)
    return compute(module, SpectralNorm(name, n_power_iterations, eps, units_of(module, dim)))


def check_iterations(number: int) -> None:
    """Raise ValueError for less than one step.

    Args:
        number: how many steps each call makes.
    """
    if number < 1:
        raise ValueError(f"spectral_norm: expected n_power_iterations >= 1, got {number}")


def remove_spectral_norm(module: Layer, name: str = "weight") -> Layer:
    """Undo `spectral_norm`: the weight is one parameter again, with its values of now.

    Args:
        module: the module, which is changed.
        name: of its weight.

    Returns:
        The module.

    Raises:
        ValueError: if the weight is not normalized.
    """
    return keep(module, SpectralNorm, name)
