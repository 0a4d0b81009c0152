"""Weight normalization: a weight as lengths and directions, which are learned apart."""

from __future__ import annotations

import warnings

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.nn.utils.before_calls import Computed, Layer, compute, keep
from minitransformer.ops.reduce.norms import norm


def lengths(weight: Tensor, dim: int | None) -> Tensor:
    """The norms of the slices of a weight.

    Args:
        weight: (..).
        dim: the dimension along which the slices lie; None or -1 for one norm of all.

    Returns:
        (1, .., n, .., 1), n at `dim`; () of all.
    """
    if dim is None or dim == -1:
        return norm(weight)
    return norm(weight, 2, [d for d in range(weight.ndim) if d != dim % weight.ndim], keepdim=True)


def of_lengths(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """The weight whose slices have the lengths `g` and the directions of `v`: v g / |v|.

    Args:
        g: the lengths, as `lengths` gives them.
        v: (..).
        dim: as in `lengths`.

    Returns:
        The shape of `v`.

    Source:
        Salimans & Kingma, NeurIPS 2016, equation 2.
    """
    return v * (g / lengths(v, dim))


class WeightNorm(Computed):
    """A weight of the lengths `<name>_g` and the directions `<name>_v`.

    Args:
        name: of the weight.
        dim: as in `weight_norm`.
    """

    parts = ("_g", "_v")

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def begin(self, module: Module, weight: Parameter) -> None:
        module.register_parameter(f"{self.name}_g", Parameter(lengths(weight.detach(), self.dim)))
        module.register_parameter(f"{self.name}_v", Parameter(weight.detach()))

    def weight(self, module: Module, training: bool) -> Tensor:
        return of_lengths(getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v"), self.dim)


def weight_norm(module: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """Learn the lengths and the directions of a weight apart, as parameters `<name>_g` and `<name>_v`.

    It warns as in PyTorch: `parametrizations.weight_norm` is the newer form.

    Args:
        module: the module, which is changed.
        name: of its weight.
        dim: the dimension of the units, each with a length of its own; None for one length.

    Returns:
        The module.

    Raises:
        RuntimeError: if the weight is normalized already.

    Source:
        Salimans & Kingma, NeurIPS 2016.
    """
    warnings.warn(
        "nn.utils.weight_norm is deprecated: nn.utils.parametrizations.weight_norm is the newer form",
        FutureWarning,
        stacklevel=2,
    )
    return compute(module, WeightNorm(name, dim))


def remove_weight_norm(module: Layer, name: str = "weight") -> Layer:
    """Undo `weight_norm`: the weight is one parameter again, with its values of now.

    Args:
        module: the module, which is changed.
        name: of its weight.

    Returns:
        The module.

    Raises:
        ValueError: if the weight is not normalized.
    """
    return keep(module, WeightNorm, name)
