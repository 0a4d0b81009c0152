"""Check cases against finite differences in float64, and against PyTorch if it is installed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy

from minitransformer.autograd import Tensor
from minitransformer.defaults import default_device
from minitransformer.gradients import compare_with_torch, gradcheck
from minitransformer.ops.tensors.convert import on_default_device
from minitransformer.randomness import manual_seed
from minitransformer.verify.case import LayerCase, OpCase, Problem
from minitransformer.verify.cases import CASES
from minitransformer.verify.torch_twin import has_torch

FINITE_DIFFERENCES = 1e-6  # allowed in float64, relative to the largest entry
PYTORCH = {"float64": 1e-10, "float32": 1e-5}


@dataclass(frozen=True)
class Result:
    """One op, layer or model in one dtype, and its largest errors.

    Attributes:
        name: The name of the case.
        kind: "op", "layer" or "model".
        dtype: "float64" or "float32".
        device: "cpu" or "cuda:0".
        finite_difference_error: Relative to the largest entry of the gradients; None where it was not measured.
        torch_error: Relative to the largest entry of each compared array; None where it was not measured.
        passed: Whether all errors are within their tolerances.
        message: What is wrong, unless `passed`.
    """

    name: str
    kind: str
    dtype: str
    device: str
    finite_difference_error: float | None
    torch_error: float | None
    passed: bool
    message: str = ""


def verify_all(
    only: str | None = None, seed: int = 0, progress: Callable[[int, int, str], None] | None = None
) -> list[Result]:
    """Check every op, layer and model in float64, and in float32 too if PyTorch is installed and has the same.

    Args:
        only: Check only names that contain this text, in either case; None checks all.
        seed: Each check starts the random numbers from it.
        progress: Called before each case with the number of finished cases, the number of all cases, and the name.

    Returns:
        One result for each case and dtype.

    Raises:
        ValueError: No name contains `only`.

    >>> [(result.name, result.passed) for result in verify_all("rsqrt")][0]
    ('rsqrt', True)
    """
    cases = [case for case in CASES if (only or "").lower() in case.name.lower()]
    if not cases:
        raise ValueError(
            f"only: no op or layer has {only!r} in its name; `minitransformer verify` lists them all"
        )
    results = []
    for i, case in enumerate(cases):
        if progress:
            progress(i, len(cases), case.name)
        compared = has_torch() and case.kind != "model"
        results += [check(case, dtype, seed) for dtype in (PYTORCH if compared else ["float64"])]
    return results


def check(case: OpCase | LayerCase, dtype: str, seed: int = 0) -> Result:
    """Check one case against finite differences and PyTorch.

    Args:
        case: What to check.
        dtype: "float64" or "float32"; finite differences are computed only for float64.
        seed: Of the random numbers.

    Returns:
        The largest errors, and whether they are within the tolerances. An error that the case raises is a failure too.
    """
    manual_seed(seed)
    problem = case.problem(numpy.random.default_rng(seed), dtype)
    inputs = [_tensor(a, dtype) for a in problem.inputs]
    differences = torch_error = None
    wrong = {}
    if dtype == "float64":
        judge = partial(gradcheck, problem.ours, inputs, seed=seed)
        differences, wrong["finite differences"] = _judged(judge, FINITE_DIFFERENCES)
    if has_torch() and problem.theirs:
        judge = partial(_torch_error, problem, inputs, seed=seed)
        torch_error, wrong["PyTorch"] = _judged(judge, PYTORCH[dtype])
    message = "; ".join(f"{judge}: {found}" for judge, found in wrong.items() if found)
    device = str(default_device())
    return Result(case.name, case.kind, dtype, device, differences, torch_error, not message, message)


def _tensor(array: numpy.ndarray, dtype: str) -> Tensor:
    return on_default_device(array.astype(dtype) if array.dtype.kind == "f" else array)


def _torch_error(problem: Problem, inputs: Sequence[Tensor], rtol: float, seed: int) -> float:
    """The largest error of values and gradients against PyTorch. Raises AssertionError above `rtol`."""
    import torch

    assert problem.theirs is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's advice about its own fast paths
        return max(compare_with_torch(problem.ours, problem.theirs(torch), inputs, rtol, seed).values())


def _judged(judge: Callable[..., float], tolerance: float) -> tuple[float | None, str]:
    """The largest error that `judge` finds, None if it raises, and what is wrong if the error is above `tolerance`."""
    error = None
    try:
        error = judge(rtol=math.inf)
        if error > tolerance:
            judge(rtol=tolerance)  # raises, and says where
        return error, ""
    except Exception as wrong:
        return error, f"{type(wrong).__name__}: {wrong}"
