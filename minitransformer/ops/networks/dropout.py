"""Dropout: units left out at random while training."""

from __future__ import annotations

import warnings
from functools import partial

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Moves
from minitransformer.ops.tensors.inplace import in_place
from minitransformer.randomness import generator, own, whole


class Dropout(Moves):
    """y = x keep / (1 - p), keep drawn once from {0, 1}: the expected value stays x. Relevance: R_x = R.

    Args:
        scale: keep / (1 - p), of a shape that broadcasts to that of x.

    Source:
        Srivastava et al., JMLR 2014.
    """

    reads = "shapes"

    def __init__(self, scale: Array):
        self.scale = scale  # 0 or 1 / (1 - p)

    def forward(self, x: Array) -> Array:
        return x * self.scale

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g * self.scale,)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        return (r,)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element set to 0 with probability `p`, and the others multiplied by 1 / (1 - p).

    Args:
        input: any shape.
        p: the probability, from 0 to 1.
        training: False returns the input itself.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Raises:
        ValueError: `p` is outside [0, 1].

    Source:
        Srivastava et al., JMLR 2014.
    """
    check_probability("dropout", p)
    if not training or p == 0:
        return input
    if inplace:
        return in_place(dropout)(input, p)
    return Dropout(drawn_scale(p, input.array, input.shape))(input)


def _whole_channels(n: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """Dropout of whole channels, each a grid of n dimensions."""
    check_probability(f"dropout{n}d", p)
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(
            f"dropout{n}d: expected an input of {n + 1} or {n + 2} dimensions, got {input.shape}"
        )
    if not training or p == 0:
        return input
    if inplace:
        return in_place(partial(_whole_channels, n))(input, p, True, False)
    return Dropout(drawn_scale(p, input.array, input.shape[:-n] + (1,) * n))(input)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of a sequence set to 0 with probability `p`, and the others multiplied by 1 / (1 - p).

    Args:
        input: (N, C, L) or (C, L).
        p: the probability, from 0 to 1.
        training: False returns the input itself.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Raises:
        ValueError: `p` is outside [0, 1], or the input has other dimensions.

    Source:
        Tompson et al., CVPR 2015.
    """
    return _whole_channels(1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of a picture set to 0 with probability `p`, and the others multiplied by 1 / (1 - p).

    As in PyTorch, an input of 3 dimensions is (N, C, L), and of one of 2, (N, C), each element is a channel; both with a warning.

    Args:
        input: (N, C, H, W).
        p: the probability, from 0 to 1.
        training: False returns the input itself.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Raises:
        ValueError: `p` is outside [0, 1], or the input has other dimensions.

    Source:
        Tompson et al., CVPR 2015.
    """
    if input.ndim not in (2, 3):
        return _whole_channels(2, input, p, training, inplace)
    instead = "dropout1d" if input.ndim == 3 else "dropout"
    warnings.warn(
        f"dropout2d of {tuple(input.shape)} leaves out what {instead} does: call that, or give (N, C, H, W)",
        stacklevel=2,
    )
    return (dropout1d if input.ndim == 3 else dropout)(input, p, training, inplace)


def check_probability(name: str, p: float) -> None:
    """Refuse what is no probability.

    Args:
        name: of the caller, for the error.
        p: the number.

    Raises:
        ValueError: it is outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: expected a probability p in [0, 1], got {p}")


def drawn_scale(p: float, like: Array, shape: tuple[int, ...]) -> Array:
    """The factors of dropout. Only a key is drawn on the host, so that both backends leave out the same units.

    Args:
        p: the probability that a unit is left out.
        like: an array of the dtype and the library to use.
        shape: the shape.

    Returns:
        0 or 1 / (1 - p) for each unit.
    """
    key = int(generator().integers(1 << 63))
    return own(kernels.of(like).dropout_scale(key, p, whole(shape), like.dtype))
