"""Edits in place: new values in a tensor's own memory, seen by all that share it, and the history that goes with them.

An op with the suffix `_` is the op itself, whose result is written where its input was: see `in_place`. Where a part is
written, as by `x[i] = y` or through a view, the tensor's new history is an `Overwrite`. As in PyTorch, a leaf that requires
grad is edited under `no_grad` only, and backward notices if it needs values that an edit wrote over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from minitransformer.autograd import Op, Tensor, moment
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.errors import check_device
from minitransformer.ops.laws import Moves, is_number, unbroadcast
from minitransformer.ops.tensors.convert import cast
from minitransformer.ops.tensors.views import origin
from minitransformer.settings import is_grad_enabled

P = ParamSpec("P")
# for each kind of dtype, the kinds that can be written into it
HOLDS = {"b": "b", "i": "biu", "u": "biu", "f": "biufV", "V": "biufV"}


class Overwrite(Moves):
    """x with a part overwritten by `new`, a tensor or a number. What was overwritten gets no gradient and no relevance.

    Args:
        views: view ops, through which the part is seen.
        index: what is overwritten of that.
    """

    reads = "shapes"

    def __init__(self, views: Sequence[Op] = (), index: Any = ...):
        self.views, self.index = views, index

    def part(self, x: Array) -> Array:
        """What the view ops show of an array.

        Args:
            x: an array of the input's shape.

        Returns:
            The part; a view, if x is contiguous.
        """
        for view in self.views:
            x = view.forward(x)
        return x

    def forward(self, x: Array, new: Array) -> Array:
        y = x.copy()
        self.part(y)[self.index] = new
        return y

    def arrays(self, every: bool = True) -> list[Array]:
        """The arrays of the inputs. No law reads the values of x, so they may have been edited since; those of `new` may not.

        Args:
            every: as in `Op.arrays`.

        Returns:
            The arrays of x and `new`.

        Raises:
            RuntimeError: `new` was edited in place, and a law reads it.
        """
        x, new = self.inputs
        if every and isinstance(new, Tensor) and new.edited[0] > self.number:
            raise RuntimeError(
                f"{self}: what was written here was edited in place since; write a .clone() instead"
            )
        return [x.array, new.array if isinstance(new, Tensor) else new]

    def vjp(self, g: Array, x: Array, new: Array) -> Arrays:  # what was overwritten gets no cotangent
        rest = namespace(g).array(g, order="C")
        part = self.part(g)[self.index]
        self.part(rest)[self.index] = 0
        if is_number(new):
            return rest, part
        # without the leading ones that a part may lack
        like = new.reshape(new.shape[max(new.ndim - part.ndim, 0) :])
        return rest, unbroadcast(part, like).reshape(new.shape)


def in_place(function: Callable[Concatenate[Any, P], Tensor]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """The method that computes a function of a tensor and writes the result into that tensor.

    Args:
        function: its first argument is the tensor, and it returns a new one.

    Returns:
        The method, with the name of the function and a `_` after it.
    """

    @wraps(function)
    def edit(input: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        recorded = begin(input, *args, *kwargs.values())
        return _write(input, function(_copied(input) if recorded else input, *args, **kwargs), recorded)

    edit.__name__ = f"{function.__name__.removesuffix('_')}_"
    edit.__doc__ = f"In place: {function.__doc__}"
    return edit


def begin(input: Tensor, *others: Any) -> bool:
    """Prepare an edit in place.

    Args:
        input: the tensor to be edited.
        *others: what it is edited with; only tensors count.

    Returns:
        Whether the edit is to be recorded.

    Raises:
        RuntimeError: the tensor may not be edited.
        TypeError: the tensors are on different devices.
    """
    check_device("an in-place edit", input, *others)
    tensors = [t for t in (input, *others) if isinstance(t, Tensor)]
    for t in tensors:
        if t.shows:
            t.refresh()
    tensors += input.shows[:1] if input.shows else ()
    recorded = is_grad_enabled() and any(t.requires_grad for t in tensors) and input.dtype.kind in FLOATS
    _check_editable(input, recorded)
    return recorded


def _check_editable(input: Tensor, recorded: bool) -> None:
    array = input.array
    if array.size and any(n > 1 and not step for n, step in zip(array.shape, array.strides, strict=True)):
        raise RuntimeError(
            f"in-place edit of {input.shape}, expanded: elements share memory; edit a .clone() instead"
        )
    if not getattr(array.flags, "writeable", True):
        raise RuntimeError(
            f"in-place edit of {input.shape}, whose memory is read-only, as of a file; edit a .clone() instead"
        )
    source, views, _ = input.shows or (input, (), None)
    if recorded and source.is_leaf and source.requires_grad:
        what = "a view of a leaf" if input.shows else "a leaf"
        raise RuntimeError(
            f"in-place edit of {what} that requires grad, with the tape on: wrap it in `with no_grad():`"
        )
    if recorded and views is None:
        raise RuntimeError(
            f"in-place edit of {origin(input)}: edit a .clone() instead, or all of it under no_grad"
        )


def _copied(input: Tensor) -> Tensor:
    """The input of a recorded op, with its history, before its values are overwritten."""
    before = Tensor(input.array.copy())
    before.made_by(input)
    before.role = input.role
    return before


def _write(input: Tensor, result: Tensor, recorded: bool) -> Tensor:
    """Give `input` the values of `result`, and its history. Raises ValueError for another shape, TypeError for a wider kind."""
    if result.shape != input.shape:
        raise ValueError(
            f"in place: the result is {result.shape}, the tensor that shall hold it {input.shape}"
        )
    if result.dtype.kind not in HOLDS[input.dtype.kind]:
        raise TypeError(
            f"in place: the result is {result.dtype}, the tensor that shall hold it {input.dtype}; convert it first"
        )
    if not recorded or input.shows or not result.requires_grad:
        return put(input, result, recorded=recorded)
    _written(input, result.array)
    input.made_by(cast(result, input.dtype))
    return input


def _written(input: Tensor, values: Any, views: Sequence[Op] = (), index: Any = ...) -> None:
    """Write into a part of the memory: seen through `views` and picked by `index`."""
    part = Overwrite(views).part(input.array)
    part[index] = values
    input.watched()[0] = moment()


def put(
    input: Tensor, value: Any, views: Sequence[Op] = (), index: Any = ..., recorded: bool | None = None
) -> Tensor:
    """Write into a part of a tensor, with its history, as `x[index] = value` does.

    Args:
        input: the tensor.
        value: a number, an array or a tensor; it is broadcast to the part.
        views: view ops, through which the part is seen.
        index: what is written of that.
        recorded: whether to record it; None to find out.

    Returns:
        `input`.

    Raises:
        RuntimeError: the tensor may not be edited.
        TypeError: the tensors are on different devices.
    """
    recorded = begin(input, value) if recorded is None else recorded
    if recorded and isinstance(value, Tensor) and value.edited is input.watched():
        value = _copied(value)  # it is about to be written over, as is `x[i]` in x[i] += y
    _written(input, value.array if isinstance(value, Tensor) else value, views, index)
    if recorded:
        source, seen, _ = input.shows or (input, (), None)
        value = cast(value, input.dtype) if isinstance(value, Tensor) else value
        Overwrite((*(seen or ()), *views), index)._record((source, value), [after := Tensor(source.array)])
        source.made_by(after)
        if input.shows:
            input.refresh()
    return input


def set_data(input: Tensor, value: Tensor) -> None:
    """Let a tensor show the memory of another, as `input.data = value` does; its history stays.

    Args:
        input: the tensor.
        value: the other tensor.
    """
    input.watched()[0] = moment()
    input.array, input.twin, input.shows = value.array, None, None


def writable(input: Tensor) -> Array:
    """The array of a tensor, to be edited directly.

    Args:
        input: the tensor.

    Returns:
        The array.

    Raises:
        RuntimeError: the tape needs its present values.
    """
    if input.requires_grad and is_grad_enabled():
        what = "a leaf that requires grad" if input.is_leaf else f"the result of {input.op}"
        raise RuntimeError(
            f"in-place edit of {what}: wrap it in `with no_grad():`, or use the op that returns anew"
        )
    input.watched()[0] = moment()
    return input.array


def zero_(input: Tensor) -> Tensor:
    """Set all elements to 0, in place.

    Args:
        input: any shape.

    Returns:
        `input`.
    """
    return put(input, 0)


def fill_(input: Tensor, value: Tensor | float) -> Tensor:
    """Set all elements to one value, in place.

    Args:
        input: any shape.
        value: a number or a 0-d tensor.

    Returns:
        `input`.

    Raises:
        ValueError: the value has dimensions.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(f"fill_: expected a number or a 0-d tensor, got shape {value.shape}; use copy_")
    return put(input, value)


def copy_(input: Tensor, source: Tensor) -> Tensor:
    """Set the elements to those of another tensor, in place.

    Args:
        input: any shape.
        source: broadcast to that shape, and converted to the dtype and the device.

    Returns:
        `input`.

    Raises:
        ValueError: `source` has more dimensions.
    """
    if source.ndim > input.ndim:
        raise ValueError(f"copy_: {source.shape} cannot be broadcast to {input.shape}")
    return put(input, source.to(input.device))
