"""`constant`: what explanations shall not look behind, though gradients do."""

from __future__ import annotations

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays


class Held(Op):
    """y = x, which a walk of relevance takes for a constant: nothing comes to it, so that it has no relevance law."""

    reads = "shapes"

    def forward(self, x: Array) -> Array:
        return x.copy()

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g,)


def constant(x: Tensor) -> Tensor:
    """A tensor of equal value and gradient that explanations by relevance hold constant.

    What depends on it gets no relevance from there, as from a parameter: where it is a term of a sum, its share is booked under
    "bias"; in a product, all goes to the other factor. Training, gradients and integrated gradients are not changed.

    >>> import minitransformer as mt
    >>> x = mt.tensor([3.0, 4.0], requires_grad=True)
    >>> norm = constant((x * x).sum().sqrt())  # 5
    >>> (relevance_of_x,) = mt.explain.relevance((x * norm).sum(), [x])
    >>> relevance_of_x
    array([15., 20.], dtype=float32)

    Args:
        x: any shape.

    Returns:
        The same shape and dtype, with memory of its own.

    Raises:
        TypeError: `x` is no tensor.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"constant: expected a tensor, got {type(x).__name__}; a number is a constant already"
        )
    return Held()(x)
