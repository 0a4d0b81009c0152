"""Comparisons for tests, under PyTorch's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.ops.tensors.python import host_array

TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    msg: str | None = None,
) -> None:
    """Check that |actual - expected| <= atol + rtol |expected| everywhere, for tensors, numbers, and containers of them.

    Args:
        actual: a tensor, an array, a number, or a sequence or mapping of them.
        expected: the same kind of thing.
        rtol: the relative tolerance; None for that of the dtype, the larger one if two dtypes are compared: 1e-3 for float16,
            1.6e-2 for bfloat16, 1.3e-6 for float32, 1e-7 for float64, 0 for others.
        atol: the absolute tolerance; None for that of the dtype: 1e-5, 1e-7 for float64, 0 for others.
        equal_nan: whether NaN equals NaN.
        check_device: whether the devices must be the same.
        check_dtype: whether the dtypes must be the same.
        msg: what to say in place of the message.

    Raises:
        AssertionError: they differ; the message says where, and by how much.
        ValueError: only one of `rtol` and `atol` is given.
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"assert_close: expected rtol and atol together or neither, got {rtol} and {atol}")
    if fault := _fault(actual, expected, rtol, atol, equal_nan, check_device, check_dtype):
        raise AssertionError(msg or f"assert_close: {fault}")


def _fault(actual: Any, expected: Any, *options: Any) -> str:
    """What is wrong, "" if nothing is."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return f"expected the keys {list(expected)}, got {list(actual)}"
        return _first({f"[{key!r}]": (actual[key], expected[key]) for key in expected}, *options)
    if isinstance(actual, Sequence) and isinstance(expected, Sequence):
        if len(actual) != len(expected):
            return f"expected {len(expected)} items, got {len(actual)}"
        return _first({f"[{i}]": pair for i, pair in enumerate(zip(actual, expected, strict=True))}, *options)
    return _apart(actual, expected, *options)


def _first(pairs: Mapping[str, tuple[Any, Any]], *options: Any) -> str:
    """The first fault among items, with its place."""
    found = ((place, _fault(*pair, *options)) for place, pair in pairs.items())
    return next((f"at {place}: {fault}" for place, fault in found if fault), "")


def _apart(
    actual: Any,
    expected: Any,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    check_device: bool,
    check_dtype: bool,
) -> str:
    if check_device and isinstance(actual, Tensor) and isinstance(expected, Tensor):
        if actual.device != expected.device:
            return f"expected a tensor on {expected.device}, got {actual.device}"
    got, right = host_array(actual), host_array(expected)
    if got.shape != right.shape:
        return f"expected shape {right.shape}, got {got.shape}"
    if check_dtype and got.dtype != right.dtype:
        return f"expected dtype {right.dtype}, got {got.dtype}"
    loosest = [
        max(pair)
        for pair in zip(*(TOLERANCES.get(a.dtype.name, (0.0, 0.0)) for a in (got, right)), strict=True)
    ]
    relative, absolute = loosest if rtol is None or atol is None else (rtol, atol)
    return _differences(got.astype(float), right.astype(float), relative, absolute, equal_nan)


def _differences(got: Any, right: Any, rtol: float, atol: float, equal_nan: bool) -> str:
    close = numpy.isclose(got, right, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if close.all():
        return ""
    place = tuple(map(int, numpy.argwhere(~close)[0]))
    largest = float(abs(got - right)[~close].max())
    return (
        f"{int((~close).sum())} of {close.size} elements differ, by at most {largest:.3g}; allowed: {atol:g} + {rtol:g} "
        f"|expected|; at {place}: expected {float(right[place])!r}, got {float(got[place])!r}"
    )
