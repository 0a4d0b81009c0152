"""PyTorch's older names of the engine: `backward` as a function, and `Variable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.autograd.engine import ONCE, Tensor, accumulate


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradient of several tensors at once to the `grad` of every leaf that requires one; see `Tensor.backward`.

    Args:
        tensors: one tensor, or several.
        grad_tensors: the cotangent of each, of its shape; None is a one, for a tensor of a single element.
        retain_graph: whether the tape is kept for another walk.
        create_graph: only False: a gradient has no gradient here.

    Raises:
        RuntimeError: as `Tensor.backward`.
        NotImplementedError: for `create_graph`.
    """
    if create_graph:
        raise NotImplementedError(f"backward: {ONCE}")
    roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    given = [grad_tensors] if isinstance(grad_tensors, Tensor) else grad_tensors or [None] * len(roots)
    accumulate(roots, given, not retain_graph)


class _IsTensor(type):
    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, Tensor)


class Variable(metaclass=_IsTensor):
    """Once the tensor on the tape; now every tensor is one. `Variable(data)` gives a tensor on the memory of `data`.

    Args:
        data: a tensor.
        requires_grad: whether `backward` computes its gradient.
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:  # type: ignore[misc]
        return data.detach().requires_grad_(requires_grad)
