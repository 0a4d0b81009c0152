"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from minitransformer.autograd import Tensor
from minitransformer.ops.shape.joining import cat


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The parameters one after the other; gradients reach them.

    Args:
        parameters: any shapes, of one dtype and on one device.

    Returns:
        (n,), n the number of all elements.
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give parameters the values of a vector, whose memory they share from then on, as in PyTorch.

    Args:
        vec: (n,), as `parameters_to_vector` gives it.
        parameters: their number of elements is n altogether.

    Raises:
        ValueError: the vector has another number of elements.
    """
    given = list(parameters)
    n = sum(p.numel() for p in given)
    if vec.shape != (n,):
        raise ValueError(f"vector_to_parameters: expected shape ({n},), got {vec.shape}")
    at = 0
    for p in given:
        p.data = vec[at : at + p.numel()].reshape(p.shape).data
        at += p.numel()
