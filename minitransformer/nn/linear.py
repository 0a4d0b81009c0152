"""The linear layer, and the bilinear one."""

from __future__ import annotations

import math
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module


class Linear(Module):
    """y = x W^T + b.

    `weight` W is (out_features, in_features), `bias` b (out_features,) or None. Both start with uniform random values in
    +-1 / sqrt(in_features).

    Args:
        in_features: the size of each input vector.
        out_features: the size of each output vector.
        bias: whether to add b.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = init.parameter(out_features, in_features, device=device, dtype=dtype)
        b = init.parameter(out_features, device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", b)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight and bias to new initial values."""
        bound = 1 / math.sqrt(max(self.in_features, 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer to each vector.

        Args:
            input: (.., in_features), in the dtype of the weight.

        Returns:
            (.., out_features).

        Raises:
            ValueError: if the last dimension is not in_features.
            RuntimeError: if the dtype differs from that of the weight.
            TypeError: if the device does.
        """
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_o = x1^T W_o x2 + b_o.

    `weight` W is (out_features, in1_features, in2_features), `bias` b (out_features,) or None. Both start with uniform random
    values in +-1 / sqrt(in1_features).

    Args:
        in1_features: the size of each vector x1.
        in2_features: the size of each vector x2.
        out_features: the size of each output vector.
        bias: whether to add b.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = init.parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        b = init.parameter(out_features, device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", b)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight and bias to new initial values."""
        bound = 1 / math.sqrt(max(self.in1_features, 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Apply the layer to each pair of vectors.

        Args:
            input1: (.., in1_features).
            input2: (.., in2_features).

        Returns:
            (.., out_features).

        Raises:
            ValueError: if the shapes do not fit.
        """
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{sizes}, out_features={self.out_features}, bias={self.bias is not None}"
