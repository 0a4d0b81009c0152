"""A linear layer that learns the size of its input from the first one it sees."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn.linear import Linear


class LazyLinear(Linear):
    """A `Linear` whose in_features is that of its first input. From then on it is a `Linear`.

    Until then its weight has no numbers; make the first call, or load a state, before anything reads them.

    Args:
        out_features: the size of each output vector.
        bias: whether to add b.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.
    """

    def __init__(
        self, out_features: int, bias: bool = True, device: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(0, out_features, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._become(input.shape[-1])
        self.reset_parameters()
        return Linear.forward(self, input)

    @no_grad()
    def _become(self, in_features: int) -> None:
        """Take the size of the inputs, and be a `Linear`. The parameters stay the same objects: optimizers refer to them."""
        self.in_features = in_features
        self.weight.data = self.weight.new_empty(self.out_features, in_features)
        self.__class__ = Linear  # type: ignore[assignment]  # as in PyTorch

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        if f"{prefix}weight" in state_dict:
            self._become(state_dict[f"{prefix}weight"].shape[-1])
        Linear._load_from_state_dict(self, state_dict, prefix, *rest)
