"""Find the op that made the first NaN: at the moment when it does, or afterwards along the tape."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Op, Tensor, tape
from minitransformer.backends import Array, Arrays
from minitransformer.settings import setting, watchers


def detect_anomaly() -> setting:
    """Inside this block, the op that first makes a NaN raises, in the forward pass or in the backward pass.

    Returns:
        A context manager. Inside it a NaN raises FloatingPointError, which names the op.
    """
    return setting(watchers, (*watchers.get(), _raise_if_nan))


def detecting_anomaly() -> bool:
    """Whether this is inside `detect_anomaly`.

    Returns:
        True or False.
    """
    return _raise_if_nan in watchers.get()


def _raise_if_nan(op: Op, inputs: Any, y: Array | Arrays, cotangents: Arrays | None) -> None:
    made, who = (y, str(op)) if cotangents is None else (cotangents, f"the gradient of {op}")
    for array in made if isinstance(made, tuple) else (made,):
        if array is not None and _has_nan(array):
            raise FloatingPointError(f"{who} made a NaN")


def _has_nan(array: Array) -> bool:
    return bool((array != array).any())


def nan_origin(root: Tensor) -> str:
    """The op that made the first NaN on the tape of a tensor.

    Args:
        root: a tensor that contains NaN, such as a loss.

    Returns:
        The name of the op, or "an input of" an op if a leaf contains NaN already.
    """
    made_by = {root.op: root} if root.op else {}
    for op in reversed(tape(root)):
        for t in op.inputs or ():
            if isinstance(t, Tensor) and t.op is None and _has_nan(t.array):
                return f"an input of {op}"
            if isinstance(t, Tensor) and t.op is not None:
                made_by[t.op] = t
    return str(min((op for op, t in made_by.items() if _has_nan(t.array)), key=lambda op: op.number))
