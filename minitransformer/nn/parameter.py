"""Tensors that a module keeps as its own when they are assigned to its attributes: parameters and buffers."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor


class Parameter(Tensor):
    """A tensor that is trained. Assigned to an attribute of a module, it becomes one of the module's parameters.

    Args:
        data: a tensor, an array, or numbers. A tensor's or array's memory is used as it is, not copied.
        requires_grad: whether `backward` computes a gradient for it.
    """

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        _share(self, data)
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that is saved and moved with a module, but not trained. Assigned to an attribute, it becomes a buffer.

    Args:
        data: a tensor, an array, or numbers. A tensor's or array's memory is used as it is, not copied.
        persistent: whether it is part of `state_dict`.
    """

    def __init__(self, data: Any = (), *, persistent: bool = True) -> None:
        _share(self, data)
        self.persistent = persistent


def _share(own: Tensor, data: Any) -> None:
    """Make `own` a tensor on the memory of `data`."""
    Tensor.__init__(own, data.array if isinstance(data, Tensor) else data)
    if isinstance(data, Tensor):
        own.edited = data.watched()
