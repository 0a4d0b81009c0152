"""Tensors that share the memory of another: views, which have its history, and detached ones, which have none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from typing import Concatenate, ParamSpec

from minitransformer.autograd import Op, Tensor
from minitransformer.brain_float import FLOATS
from minitransformer.settings import is_grad_enabled

P = ParamSpec("P")


def detach(input: Tensor) -> Tensor:
    """A tensor on the same memory without the history.

    Args:
        input: any shape.

    Returns:
        The same shape; it requires no gradient.
    """
    view = Tensor(input.array)
    view.edited = input.watched()
    view.role = input.role
    return view


def detach_(input: Tensor) -> Tensor:
    """Remove the history, in place.

    Args:
        input: any shape.

    Returns:
        `input`.

    Raises:
        RuntimeError: it is a view, whose history is that of another tensor.
    """
    if input.shows:
        raise RuntimeError("detach_: a view has the history of what it shows; use .detach()")
    input.made_by(Tensor(input.array))
    return input


def requires_grad_(input: Tensor, requires_grad: bool = True) -> Tensor:
    """Set `requires_grad`.

    Args:
        input: a leaf, or with True any tensor.
        requires_grad: whether `backward` shall give it a gradient.

    Returns:
        `input`.

    Raises:
        RuntimeError: integers, which have no gradient; or False for the result of an op.
    """
    if requires_grad and input.array.dtype.kind not in FLOATS:
        raise RuntimeError(
            f"only floating-point tensors can require gradients, got {input.dtype}: use .float() first"
        )
    if not requires_grad and input.op:
        raise RuntimeError(f"requires_grad_: expected a leaf, got the result of {input.op}; use .detach()")
    input.requires_grad, input.twin = requires_grad, None
    return input


def shown_by(input: Tensor, outs: Sequence[Tensor], op: Op) -> None:
    """Let outputs of a view op that share an input's memory share its edits too, and keep the way to them.

    Args:
        input: the input.
        outs: the outputs.
        op: the view op.
    """
    first, views, history = input.shows or (input, (), input.op)
    views = None if views is None or op.outputs > 1 or not is_grad_enabled() else (*views, op)
    for out in outs:
        memory = out.array if out.array.base is None else out.array.base
        if memory is input.array or memory is input.array.base:
            out.edited = input.watched()
            out.shows = (first, views, history)
        out.role = input.role


def refresh(input: Tensor) -> None:
    """Give a view the history of the tensor that it shows, if an edit in place has changed that.

    Args:
        input: any tensor; one that is no view stays as it is.

    Raises:
        RuntimeError: the view ops are not on the tape, as in PyTorch.
    """
    if input.shows is None:
        return
    source, views, history = input.shows
    if source.op is history or (views is None and not is_grad_enabled()):
        return
    if views is None or source.shows:
        raise RuntimeError(
            f"what {origin(input)} shows was edited in place: edit a .clone() instead, or all under no_grad"
        )
    shown = source
    for view in map(copy, views):
        view.hooks = {}
        step = Tensor(view.forward(shown.array))
        view._record((shown,), (step,))
        shown = step
    input.shows = source, views, source.op
    input.made_by(shown)


def origin(view: Tensor) -> str:
    """Why the tape does not lead back from a view, for an error.

    Args:
        view: the view.

    Returns:
        A phrase that names the view.
    """
    if view.shows is not None and view.shows[0].shows:
        return "a view of a tensor that took another shape in place"
    return "a view made under no_grad, or with others by one op (unbind, split, chunk)"


def reshaped_in_place(
    function: Callable[Concatenate[Tensor, P], Tensor],
) -> Callable[Concatenate[Tensor, P], Tensor]:
    """The method that gives a tensor, in place, the shape that a view op gives a view of it.

    Args:
        function: its first argument is the tensor, and it returns a view.

    Returns:
        The method, with the name of the function and a `_` after it.
    """

    @wraps(function)
    def edit(input: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        _check_reshapable(input, function.__name__)
        before = Tensor(input.array)
        before.made_by(input)
        before.edited = input.watched()
        before.role = input.role
        before.shows = input.shows
        after = function(before, *args, **kwargs)
        input.array, input.shows = after.array, after.shows
        input.made_by(after)
        return input

    edit.__name__ = f"{function.__name__}_"
    edit.__doc__ = f"In place: {function.__doc__}"
    return edit


def _check_reshapable(input: Tensor, name: str) -> None:
    if input.requires_grad and (input.is_leaf or not is_grad_enabled()):
        what = "a leaf that requires grad" if input.is_leaf else "a result, under no_grad"
        raise RuntimeError(f"{name}_: {what} keeps its shape; use {name}, which returns anew")
