"""The engine, and PyTorch's names around it.

`engine.py` is all that other rooms need: tensors, the tape, the walk back along it. Beside it stand gradients with respect to
chosen tensors (`grads.py`), operations of one's own (`function.py`), and older names (`legacy.py`).
"""

from minitransformer.autograd.engine import (
    Filed,
    Law,
    Live,
    Op,
    Tensor,
    key,
    moment,
    propagate,
    seed_cotangent,
    tape,
)
from minitransformer.autograd.function import Function
from minitransformer.autograd.grads import cotangents, grad
from minitransformer.autograd.legacy import Variable, backward
from minitransformer.settings import enable_grad, inference_mode, no_grad, set_grad_enabled, watchers

__all__ = [
    "Filed",
    "Function",
    "Law",
    "Live",
    "Op",
    "Tensor",
    "Variable",
    "backward",
    "cotangents",
    "enable_grad",
    "grad",
    "inference_mode",
    "key",
    "moment",
    "no_grad",
    "propagate",
    "seed_cotangent",
    "set_grad_enabled",
    "tape",
    "watchers",
]
