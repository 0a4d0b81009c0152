"""The same slices elsewhere: flipped, rolled, repeated."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops import laws
from minitransformer.ops.laws import Moves, dims
from minitransformer.ops.shape.layout import expand, reshape, shape_of, transpose


class Flip(Moves):
    """The order along some dimensions reversed.

    Args:
        dim: the dimensions.
    """

    reads = "shapes"

    def __init__(self, dim: tuple[int, ...]):
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return namespace(x).flip(x, self.dim).copy()

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (namespace(g).flip(g, self.dim),)


class Roll(Moves):
    """Values shifted along dimensions; what is shifted beyond one end comes in at the other.

    Args:
        shifts: by how many places, for each dimension.
        dim: the dimensions.
    """

    reads = "shapes"

    def __init__(self, shifts: tuple[int, ...], dim: tuple[int, ...]):
        self.shifts, self.dim = shifts, dim

    def forward(self, x: Array) -> Array:
        return namespace(x).roll(x, self.shifts, self.dim)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (namespace(g).roll(g, tuple(-n for n in self.shifts), self.dim),)


def _flipped(input: Tensor, along: int | Sequence[int]) -> Tensor:
    return Flip(dims(along, input.ndim))(input)


def flip(input: Tensor, *along: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """The order of elements reversed along dimensions.

    Args:
        input: any shape.
        *along: the dimensions, one by one or as one tuple.
        dims: the dimensions by name, in place of `along`.

    Returns:
        A copy.
    """
    return _flipped(input, shape_of(along) if dims is None else dims)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Elements shifted along dimensions; what leaves at one end enters at the other.

    Args:
        input: any shape.
        shifts: by how many places, an int or one for each dimension.
        dims: the dimensions; None shifts through all elements in order.

    Returns:
        A copy of the same shape.

    Raises:
        ValueError: there are not as many shifts as dimensions.
    """
    shifts, along = ((x,) if isinstance(x, int) else tuple(x) for x in (shifts, () if dims is None else dims))
    if not shifts:
        raise ValueError("roll: expected at least one shift")
    if not along:
        return Roll(shifts, (0,))(input.reshape(-1)).reshape(input.shape)
    if len(shifts) != len(along):
        raise ValueError(f"roll: expected as many shifts as dims, got {shifts} and {along}")
    if along and not input.ndim:
        raise IndexError(f"roll: dimension {along[0]} is out of range for a tensor without dimensions")
    return Roll(shifts, along)(input)


def repeat(input: Tensor, *repeats: int | Sequence[int]) -> Tensor:
    """The tensor repeated along each dimension.

    Args:
        input: any shape.
        *repeats: how often along each dimension, one by one or as one tuple; further ones in front add dimensions.

    Returns:
        A copy.

    Raises:
        ValueError: there are fewer numbers than dimensions.
    """
    repeats = shape_of(repeats)
    if len(repeats) < input.ndim:
        raise ValueError(f"repeat: expected a number for each of {input.ndim} dimensions, got {repeats}")
    sizes = (1,) * (len(repeats) - input.ndim) + input.shape
    one_by_one = reshape(input, [m for n in sizes for m in (1, n)])
    wide = expand(one_by_one, [m for pair in zip(repeats, sizes, strict=True) for m in pair])
    repeated = reshape(wide, [r * n for r, n in zip(repeats, sizes, strict=True)])
    shared = namespace(input.array).may_share_memory(repeated.array, input.array)
    return repeated.clone() if shared else repeated


def tile(input: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """The tensor repeated along its last dimensions.

    Args:
        input: any shape.
        *dims: how often along each of the last dimensions; as `repeat`, with 1 for those in front that are left out.

    Returns:
        A copy.
    """
    dims = shape_of(dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + tuple(dims))


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A tensor turned by right angles in the plane of two dimensions, from the first towards the second.

    Args:
        input: at least two dimensions.
        k: how many right angles; negative ones turn the other way.
        dims: the two dimensions.

    Returns:
        The same values, with the two sizes exchanged for an odd `k`.

    Raises:
        ValueError: there are other than two different dimensions.
    """
    a, b = laws.dims(tuple(dims), input.ndim) if len(dims) == 2 else (0, 0)
    if a == b:
        raise ValueError(f"rot90: expected two different dimensions, got {dims} for {input.shape}")
    turned = {0: (), 1: (b,), 2: (a, b), 3: (a,)}[k % 4]
    return transpose(flip(input, turned), a, b) if k % 2 else flip(input, turned)


def fliplr(input: Tensor) -> Tensor:
    """The columns in the other order.

    Args:
        input: at least two dimensions.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    if input.ndim < 2:
        raise ValueError(f"fliplr: expected at least two dimensions, got {input.shape}")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The rows in the other order.

    Args:
        input: at least one dimension.

    Returns:
        The same shape.

    Raises:
        ValueError: there is no dimension.
    """
    if not input.ndim:
        raise ValueError("flipud: expected at least one dimension, got a number")
    return flip(input, 0)
