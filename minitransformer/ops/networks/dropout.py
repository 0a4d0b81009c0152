"""Dropout: units left out at random while training."""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Moves
from minitransformer.randomness import generator


class Dropout(Moves):
    """y = x keep / (1 - p), keep drawn once from {0, 1}: the expected value stays x. Relevance: R_x = R.

    Args:
        scale: keep / (1 - p), of the shape of x.

    Source:
        Srivastava et al., JMLR 2014.
    """

    reads = "shapes"

    def __init__(self, scale: Array):
        self.scale = scale  # 0 or 1 / (1 - p), shape of x

    def forward(self, x: Array) -> Array:
        return x * self.scale

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g * self.scale,)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        return (r,)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each element set to 0 with probability `p`, and the others multiplied by 1 / (1 - p).

    Args:
        input: any shape.
        p: the probability, from 0 to 1.
        training: False returns the input itself.

    Returns:
        The same shape.

    Raises:
        ValueError: `p` is outside [0, 1].

    Source:
        Srivastava et al., JMLR 2014.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: expected a probability p in [0, 1], got {p}")
    if not training or p == 0:
        return input
    return Dropout(drawn_scale(p, input.array, input.shape))(input)


def drawn_scale(p: float, like: Array, shape: tuple[int, ...]) -> Array:
    """The factors of dropout. Only a key is drawn on the host, so that both backends leave out the same units.

    Args:
        p: the probability that a unit is left out.
        like: an array of the dtype and the library to use.
        shape: the shape.

    Returns:
        0 or 1 / (1 - p) for each unit.
    """
    return kernels.of(like).dropout_scale(int(generator().integers(1 << 63)), p, shape, like.dtype)
