"""Hooks of tensors: what a program sees of a gradient on its way back, and may change.

A hook of a leaf stays with the leaf. One of a result stays with the op that made it: after an edit in place, it sees the gradient
of the values before the edit, as in PyTorch. Only gradients meet hooks; relevance does not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

from minitransformer.autograd import Op, Tensor, moment
from minitransformer.backends import Array, Arrays
from minitransformer.ops.laws import Moves

Hook = Callable[[Tensor], Tensor | None]


class RemovableHandle:
    """A registered hook, which `remove` takes away; as a context manager, at the end of the block.

    Args:
        holder: the object that has the hook; it is not kept alive.
        table: the name of the attribute that holds its hooks by key.
        key: the hook's key.
    """

    def __init__(self, holder: Any, table: str, key: Any):
        self._holder, self._table, self._key = weakref.ref(holder), table, key

    def remove(self) -> None:
        """Take the hook away; nothing happens if it is gone already."""
        if (holder := self._holder()) is not None:
            getattr(holder, self._table).pop(self._key, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def hook_at(place: Tensor | Op, hook: Callable[[list[Any]], None], key: Any = None) -> RemovableHandle:
    """Let a function edit the list of the cotangents that arrive at a leaf, or at the outputs of an op.

    Args:
        place: the leaf or the op.
        hook: called with the list: an array for each output, or None.
        key: see `autograd.engine.Hooks`; None comes after those registered before.

    Returns:
        The handle.
    """
    key = key or (0, moment())
    place.hooks = {**place.hooks, key: hook}
    return RemovableHandle(place, "hooks", key)


def _place(input: Tensor, name: str) -> Tensor | Op:
    """Where hooks of a tensor are kept. Raises RuntimeError if it has no gradient."""
    if not input.requires_grad:
        raise RuntimeError(
            f"{name}: expected a tensor that requires a gradient; call .requires_grad_() on a leaf first"
        )
    input.refresh()
    return input.op or input


def register_hook(input: Tensor, hook: Hook) -> RemovableHandle:
    """Call a function with the gradient of a tensor whenever backward has computed it.

    Args:
        input: a tensor that requires a gradient.
        hook: called with the gradient. If it returns a tensor, that takes the gradient's place; an edit in place counts as well.

    Returns:
        A handle, whose `remove` takes the hook away.

    Raises:
        RuntimeError: the tensor requires no gradient; later, the hook returns a tensor of another shape.

    >>> import minitransformer as mt
    >>> x = mt.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda g: g * 10)
    >>> (3 * x).sum().backward()
    >>> x.grad.tolist()
    [30.0, 30.0]
    """
    index = input.index

    def run(parts: list[Any]) -> None:
        if parts[index] is not None:
            gradient = Tensor(parts[index].copy())
            parts[index] = fitting(gradient, hook(gradient))

    return hook_at(_place(input, "register_hook"), run)


def fitting(gradient: Tensor, result: Any) -> Array:
    """What a hook returned in place of a gradient.

    Args:
        gradient: the gradient.
        result: what the hook returned; None leaves the gradient as it is.

    Returns:
        The array, of the gradient's shape and dtype.

    Raises:
        RuntimeError: it is something else than a tensor of that shape.
    """
    result = gradient if result is None else result
    if not isinstance(result, Tensor) or result.shape != gradient.shape:
        got = result.shape if isinstance(result, Tensor) else type(result).__name__
        raise RuntimeError(f"a hook returned {got}; expected None or a gradient of shape {gradient.shape}")
    return result.array.astype(gradient.dtype, copy=False)


def retain_grad(input: Tensor) -> None:
    """Let backward add to `grad` of a result as well; of a leaf it does so anyway.

    After an edit in place, the gradient is that of the new values.

    Args:
        input: a tensor that requires a gradient.

    Raises:
        RuntimeError: it requires none.
    """
    place = _place(input, "retain_grad")
    if place is input or input.retains_grad:
        return
    input.retains_grad = True
    tensor = weakref.ref(input)

    def keep(parts: list[Any]) -> None:
        t = tensor()
        if t is not None and parts[t.index] is not None:
            t._accumulate(parts[t.index].copy())

    hook_at(place, keep, (1, id(input)))


class Passed(Moves):
    """Tensors as they are, in new memory, as the outputs of one op: a hook there sees all their cotangents at once.

    Args:
        outputs: how many tensors there are.
    """

    reads = "shapes"

    def __init__(self, outputs: int):
        self.outputs = outputs

    def forward(self, *xs: Array) -> Any:
        copies = tuple(x.copy() for x in xs)
        return copies if self.outputs > 1 else copies[0]

    def vjp(self, g: Any, *xs: Array) -> Arrays:
        return g if self.outputs > 1 else (g,)


def passed(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Copies of tensors that are the results of one op.

    Args:
        *tensors: any shapes.

    Returns:
        As many tensors.
    """
    out = Passed(len(tensors))(*tensors)
    return out if isinstance(out, tuple) else (out,)
