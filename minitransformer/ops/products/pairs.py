"""Products of all pairs, and sums over several dimensions at once."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.ops import laws
from minitransformer.ops.elementwise.arithmetic import mul
from minitransformer.ops.products.einsum import einsum
from minitransformer.ops.shape.layout import reshape
from minitransformer.ops.tensors.convert import cast, common_dtype


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """The sum of products over several dimensions.

    Args:
        a: a tensor.
        b: a tensor.
        dims: how many, the last of `a` and the first of `b`; or two lists, those of `a` and those of `b`.

    Returns:
        The other dimensions of `a`, then those of `b`.

    Raises:
        ValueError: the numbers of dimensions, or their sizes, do not fit.
    """
    if isinstance(dims, int) and not 0 <= dims <= min(a.ndim, b.ndim):
        raise ValueError(f"tensordot: expected dims in 0..{min(a.ndim, b.ndim)}, got {dims}")
    of_a, of_b = (range(a.ndim - dims, a.ndim), range(dims)) if isinstance(dims, int) else dims
    of_a, of_b = laws.dims(of_a, a.ndim), laws.dims(of_b, b.ndim)
    if len(of_a) != len(of_b):
        raise ValueError(f"tensordot: expected as many dimensions of both, got {of_a} and {of_b}")
    summed = dict(zip(of_b, of_a, strict=True))
    left = list(range(a.ndim))
    right = [summed.get(d, a.ndim + d) for d in range(b.ndim)]
    result = einsum(a, left, b, right, [label for label in (*left, *right) if label not in of_a])
    return cast(result, common_dtype(a, b))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: each element of one tensor times all of another.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        As many dimensions as the larger of the two has, each as long as both together: the product of the sizes.
    """
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - t.ndim) + t.shape for t in (input, other))
    left = reshape(input, [n for size in a for n in (size, 1)])
    right = reshape(other, [n for size in b for n in (1, size)])
    return mul(left, right).reshape([n * m for n, m in zip(a, b, strict=True)])
