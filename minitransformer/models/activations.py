"""The activation functions of published models, by the names that a `config.json` has for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.ops.networks.activation import tanh

_TANH_GELU = partial(F.gelu, approximate="tanh")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": _TANH_GELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": tanh,
}
