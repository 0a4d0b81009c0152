"""More places at the ends of dimensions, or fewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise.choice import Where
from minitransformer.ops.index.masks import number_like
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.laws import Moves

Widths: TypeAlias = Sequence[tuple[int, int]]  # before and after each dimension


class Pad(Moves):
    """x with zeros added at the ends of dimensions. Relevance moves back; what comes to the zeros, as constants, is absorbed.

    Args:
        widths: (before, after) for each dimension: how many zeros.
    """

    reads = "shapes"

    def __init__(self, widths: Widths):
        self.widths = widths

    def forward(self, x: Array) -> Array:
        return namespace(x).pad(x, self.widths)

    def inside(self, x: Array) -> tuple[slice, ...]:
        """Where the input stands in the output.

        Args:
            x: the input.

        Returns:
            A slice for each dimension.
        """
        return tuple(slice(before, before + n) for (before, _), n in zip(self.widths, x.shape, strict=True))

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g[self.inside(x)],)

    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:  # rules such as Flat share with zeros too
        outside = r.copy()
        outside[self.inside(x)] = 0
        books.absorb("bias", outside)
        return self.vjp(r, x)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Places added at the ends of dimensions.

    Args:
        input: any shape.
        pad: pairs (before, after), from the last dimension backwards; a negative number cuts places off.
        mode: "constant" fills in `value`; "reflect" mirrors the values without the edge, "replicate" repeats the edge,
            "circular" continues at the other end. The latter three, as in PyTorch, leave the first one or two dimensions
            alone.
        value: the number for "constant"; None means 0.

    Returns:
        The padded tensor.

    Raises:
        ValueError: the pairs do not fit, the mode is another word, or there are too few values to continue from.
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: expected pairs (before, after) for at most {input.ndim} dimensions, got {tuple(pad)}"
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs[::-1]
    if any(n + before + after < 0 for n, (before, after) in zip(input.shape, widths, strict=True)):
        raise ValueError(f"pad: {tuple(pad)} takes away more than there is of {input.shape}")
    return (
        _filled(input, widths, value or 0)
        if mode == "constant"
        else _continued(input, widths, len(pairs), mode, value)
    )


def _cut(input: Tensor, widths: Widths) -> tuple[Tensor, Widths]:
    """Without what negative widths take away, and the widths that are left to add."""
    kept = tuple(
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(input.shape, widths, strict=True)
    )
    return getitem(input, kept), [(max(before, 0), max(after, 0)) for before, after in widths]


def _filled(input: Tensor, widths: Widths, value: float) -> Tensor:
    input, widths = _cut(input, widths)
    if not widths:
        return input.clone()
    out = Pad(widths)(input)
    if not value:
        return out
    inside = namespace(input.array).pad(namespace(input.array).ones(input.shape, bool), widths)
    return Where()(Tensor(inside), out, number_like(input, value))


def _continued(input: Tensor, widths: Widths, n_padded: int, mode: str, value: float | None) -> Tensor:
    if mode not in _SOURCES:
        raise ValueError(f"pad: expected mode 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    if input.ndim - n_padded not in (1, 2) or n_padded > 3:
        raise ValueError(
            f"pad: mode {mode!r} pads up to 3 dimensions, all but one or two, got {n_padded} of {input.ndim}"
        )
    input, widths = _cut(input, widths) if mode == "circular" else (input, widths)
    for d, (before, after) in enumerate(widths):
        if before or after:
            sources = _SOURCES[mode](
                namespace(input.array).arange(-before, input.shape[d] + after), input.shape[d]
            )
            input = getitem(input, (slice(None),) * d + (sources,))
    return input


def _reflected(places: Array, n: int) -> Array:
    if len(places) and max(-int(places[0]), int(places[-1]) - n + 1) >= n:
        raise ValueError(f"pad: mode 'reflect' has {n - 1} places to mirror at each end, which are too few")
    return n - 1 - abs(n - 1 - abs(places))


def _replicated(places: Array, n: int) -> Array:
    return places.clip(0, n - 1)


def _circular(places: Array, n: int) -> Array:
    if len(places) and max(-int(places[0]), int(places[-1]) - n + 1) > n:
        raise ValueError(f"pad: mode 'circular' goes round once at most, over {n} places")
    return places % n


_SOURCES = {"reflect": _reflected, "replicate": _replicated, "circular": _circular}
