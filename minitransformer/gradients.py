"""Two checks of any gradient: against finite differences, and against PyTorch.

Both back-propagate a random cotangent. A cotangent of ones misses errors: the outputs of a softmax sum to one for every input, so
its gradient for that cotangent is zero, and a backward that returns only zeros would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import DType, float64
from minitransformer.defaults import default_device
from minitransformer.devices import to_device, to_host

# a gradient smaller than this share of the output may consist of rounding errors only
NOISE = {"float64": 1e-3, "float32": 1e-1, "float16": 1.0}


def random_cotangent(shape: tuple[int, ...], seed: int) -> numpy.ndarray:
    """The cotangent of both checks, in float64, drawn from another random stream than inputs with the same seed.

    With the same stream an input could equal its cotangent, and the gradient of a normalization would then be zero.

    Args:
        shape: of the function's output.
        seed: of the random numbers.

    Returns:
        Standard normal numbers of that shape.
    """
    return numpy.random.default_rng((seed, 1)).standard_normal(shape)


def _inputs(inputs: Any, dtype: DType | None = None) -> list[Tensor]:
    inputs = inputs if isinstance(inputs, Sequence) else [inputs]
    tensors = []
    for x in inputs:
        array = x.array if isinstance(x, Tensor) else to_device(numpy.asarray(x), default_device())
        array = array.astype(dtype or array.dtype) if array.dtype.kind == "f" else array
        tensors.append(Tensor(array, requires_grad=array.dtype.kind == "f"))
    return tensors


def _gradients(
    fn: Callable[..., Any], tensors: list[Tensor], seed: int
) -> tuple[numpy.ndarray, list[numpy.ndarray | None]]:
    """The value of `fn` and the gradients of its inputs, None for those that are not differentiable."""
    out = fn(*tensors)
    cotangent = to_device(random_cotangent(out.shape, seed).astype(out.dtype), out.device)
    if out.requires_grad:
        out.backward(Tensor(cotangent))
    gradients = [None if t.grad is None else to_host(t.grad.array) for t in tensors]
    return to_host(out.array), [
        numpy.zeros(t.shape, t.dtype) if g is None and t.requires_grad else g
        for t, g in zip(tensors, gradients, strict=True)
    ]


def largest_error(got: numpy.ndarray, expected: numpy.ndarray, scale: float | None = None) -> float:
    """max |got - expected| / scale.

    Args:
        got: an array.
        expected: an array.
        scale: None takes the largest finite |expected|, or 1 if all are zero.

    Returns:
        The error. Equal infinities count as equal; unequal ones, NaN or different shapes give infinity.
    """
    if got.shape != expected.shape:
        return float("inf")
    error = float(_distance(got, expected).max(initial=0.0)) / (scale or _largest(expected) or 1.0)
    return error if error == error else float("inf")


def _distance(a: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray:
    """|a - b|; 0 where a and b are equal, which includes equal infinities."""
    return abs(numpy.subtract(a, b, out=numpy.zeros(a.shape), where=a != b, dtype=float))


def _largest(values: numpy.ndarray) -> float:
    return float(abs(values[numpy.isfinite(values)]).max(initial=0.0))


def _complain(what: str, got: numpy.ndarray, expected: numpy.ndarray, error: float, rtol: float) -> None:
    if got.shape != expected.shape:
        raise AssertionError(f"{what}: expected shape {expected.shape}, got {got.shape}")
    if error > rtol:
        off = _distance(got, expected)
        index = tuple(
            int(n)
            for n in numpy.unravel_index(numpy.argmax(numpy.where(off == off, off, numpy.inf)), off.shape)
        )
        raise AssertionError(
            f"{what} is wrong at index {index}: got {got[index]:.10g}, expected {expected[index]:.10g} "
            f"(largest relative error {error:.3g}, allowed {rtol:.3g})"
        )


def finite_differences(
    fn: Callable[..., Any], tensors: Sequence[Tensor], i: int, eps: float = 1e-6, seed: int = 0
) -> numpy.ndarray:
    """d(sum(cotangent * fn)) / d(input i) by central differences, (f(x + h) - f(x - h)) / 2h, one element at a time.

    Args:
        fn: takes tensors and returns one.
        tensors: its inputs. The array of input i is changed in place and restored.
        i: the number of the input.
        eps: the step h, multiplied by |x| where that is above 1.
        seed: of the random cotangent.

    Returns:
        An array in the shape of input i, float64.
    """
    x = tensors[i].array
    slopes = numpy.zeros(x.shape)
    for index in numpy.ndindex(x.shape):
        before = float(x[index])
        h = eps * max(1.0, abs(before))
        outs = []
        for point in (before + h, before - h):
            x[index] = point
            with no_grad():
                # a copy, because the result may be a view of x
                outs.append(to_host(fn(*[Tensor(t.array) for t in tensors]).array).copy())
        x[index] = before
        above, below = outs
        change = numpy.subtract(above, below, out=numpy.zeros(above.shape), where=above != below, dtype=float)
        slopes[index] = (change * random_cotangent(change.shape, seed)).sum() / (2 * h)
    return slopes


def gradcheck(
    fn: Callable[..., Any], inputs: Any, eps: float = 1e-6, rtol: float = 1e-6, seed: int = 0
) -> float:
    """Compare the gradient of a function with finite differences: every element, in float64, with a random cotangent.

    Args:
        fn: takes tensors and returns one.
        inputs: tensors or arrays; the floating-point ones are checked.
        eps: the step, relative to elements above 1.
        rtol: the largest error that is accepted.
        seed: of the random cotangent.

    Returns:
        The largest error, relative to the largest entry of each gradient. The divisor is at least a thousandth of the largest
        output, because smaller differences are rounding noise.

    Raises:
        AssertionError: an error is above `rtol`; it names the index, what came and what was expected.
        ValueError: no input is floating-point.

    >>> import minitransformer as mt
    >>> gradcheck(lambda x: x.exp(), [mt.randn(2, 3)]) < 1e-6
    True
    """
    tensors = _inputs(inputs, float64)
    if not any(t.requires_grad for t in tensors):
        raise ValueError(
            "gradcheck: expected at least one floating-point input; there is no gradient to check"
        )
    value, gradients = _gradients(fn, tensors, seed)
    least = NOISE["float64"] * _largest(value)
    worst = 0.0
    for i, got in enumerate(gradients):
        if got is not None:
            expected = finite_differences(fn, tensors, i, eps, seed)
            error = largest_error(got, expected, max(_largest(expected), least))
            _complain(f"the gradient of input {i}", got, expected, error, rtol)
            worst = max(worst, error)
    return worst


def compare_with_torch(
    fn: Callable[..., Any], torch_fn: Callable[..., Any], inputs: Any, rtol: float = 1e-10, seed: int = 0
) -> dict[str, float]:
    """Compare the value and every gradient of a function with PyTorch's, on the same inputs in their own dtype.

    Args:
        fn: takes tensors and returns one.
        torch_fn: the same for PyTorch tensors.
        inputs: tensors or arrays.
        rtol: the largest error that is accepted.
        seed: of the random cotangent.

    Returns:
        {"value": .., "gradient": ..}: the largest errors, relative to the largest entry. For gradients the divisor is at least
        a thousandth of the cotangent's largest entry (float32: a tenth), because smaller gradients are rounding noise.

    Raises:
        AssertionError: an error is above `rtol`; it names the index, what came and what was expected.
        ImportError: PyTorch is not installed.
    """
    import torch

    tensors = _inputs(inputs)
    value, gradients = _gradients(fn, tensors, seed)
    theirs = [torch.tensor(to_host(t.array), requires_grad=t.requires_grad) for t in tensors]
    out = torch_fn(*theirs)
    if out.requires_grad:
        out.backward(torch.tensor(random_cotangent(tuple(out.shape), seed)).to(out.dtype))
    errors = {"value": largest_error(value, out.detach().numpy()), "gradient": 0.0}
    _complain("the value", value, out.detach().numpy(), errors["value"], rtol)
    least = NOISE.get(value.dtype.name, 0.0) * _largest(random_cotangent(value.shape, seed))
    for i, (t, got) in enumerate(zip(theirs, gradients, strict=True)):
        if got is not None:
            expected = (torch.zeros_like(t) if t.grad is None else t.grad).numpy()
            error = largest_error(got, expected, max(_largest(expected), least))
            _complain(f"the gradient of input {i}", got, expected, error, rtol)
            errors["gradient"] = max(errors["gradient"], error)
    return errors
