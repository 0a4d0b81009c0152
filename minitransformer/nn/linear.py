"""The linear layer."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module


class Linear(Module):
    """y = x W^T + b. (.., in_features) -> (.., out_features).

    `weight` is (out_features, in_features), `bias` (out_features,) or None; both start even in +-1 / sqrt(in_features).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: str | None = None, dtype=None
    ):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = init.parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter(
            "bias", init.parameter(out_features, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(max(self.in_features, 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(.., in_features) -> (.., out_features). Raises ValueError, TypeError on another size or dtype."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )
