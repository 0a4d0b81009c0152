"""Tensors on the memory of another: with its history, as views have it, or without."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from minitransformer.autograd import Op, Tensor, is_grad_enabled
from minitransformer.ops.laws import register


@register()
def detach(input: Tensor) -> Tensor:
    """The same memory without its history."""
    view = Tensor(input.array)
    view.edited, view.role = input.watched(), input.role
    return view


@register()
def detach_(input: Tensor) -> Tensor:
    """Cut off from its history. Raises RuntimeError for a view, whose history is another tensor's."""
    if input.shows:
        raise RuntimeError("detach_: a view has the history of what it shows; use .detach()")
    input.made_by(Tensor(input.array))
    return input


@register()
def requires_grad_(input: Tensor, requires_grad: bool = True) -> Tensor:
    """Ask for a gradient here. Raises RuntimeError for integers, whose gradient has no meaning, and if a result is to need none."""
    if requires_grad and input.array.dtype.kind != "f":
        raise RuntimeError(f"only floating-point tensors can require gradients, got {input.dtype}: use .float() first")
    if not requires_grad and input.op:
        raise RuntimeError(f"requires_grad_: expected a leaf, got the result of {input.op}; use .detach()")
    input.requires_grad, input.twin = requires_grad, None
    return input


@register()
def shown_by(input: Tensor, outs: Sequence[Tensor], op: Op) -> None:
    """Outputs of `op` that are views of `input` hear of its edits, and know the way from the memory's first tensor."""
    first, views, history = input.shows or (input, (), input.op)
    views = None if views is None or op.outputs > 1 or not is_grad_enabled() else (*views, op)
    for t in outs:
        if t.array.base is not None and (t.array.base is input.array or t.array.base is input.array.base):
            t.edited, t.shows = input.watched(), (first, views, history)
        t.role = input.role


@register()
def refresh(input: Tensor) -> None:
    """Give a view the history of what it shows, if an edit in place gave that another one.

    Raises RuntimeError, as PyTorch does, for a view that has no way from there on the tape.
    """
    source, views, history = input.shows
    if source.op is history or (views is None and not is_grad_enabled()):
        return
    if views is None:
        raise RuntimeError(f"what {origin(input)} shows was edited in place: edit a .clone() instead, or all under no_grad")
    t = source
    for view in map(copy, views):
        step = Tensor(view.forward(t.array))
        view._record((t,), (step,))
        t = step
    input.shows = source, views, source.op
    input.made_by(t)


def origin(view: Tensor) -> str:
    """How a view came to have no way back on the tape."""
    return "a view that an op of several outputs made" if view.op else "a view made under no_grad"
