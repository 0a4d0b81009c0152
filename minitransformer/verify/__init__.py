"""Checks of every op, layer and model against finite differences, and against PyTorch if it is installed.

>>> from minitransformer.verify import verify_all
>>> all(result.passed for result in verify_all("softmax, along"))
True
"""

from minitransformer.verify.case import LayerCase, ModelCase, OpCase, Problem
from minitransformer.verify.cases import CASES
from minitransformer.verify.judging import FINITE_DIFFERENCES, PYTORCH, Result, check, verify_all
from minitransformer.verify.torch_twin import has_torch, torch_twin

__all__ = [
    "CASES",
    "FINITE_DIFFERENCES",
    "LayerCase",
    "ModelCase",
    "OpCase",
    "PYTORCH",
    "Problem",
    "Result",
    "check",
    "has_torch",
    "torch_twin",
    "verify_all",
]
