"""What must be true of the gradient of a concatenation."""

from collections.abc import Iterator

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, is_vjp_of, keeps_its_inputs, same


def _parts(rng, axis=1):
    shapes = [[2, 3, 2] for _ in range(3)]
    for shape, size in zip(shapes, (1, 4, 2), strict=True):
        shape[axis] = size
    return [rng.normal(size=shape) for shape in shapes]


def _concat_along(axis, what):
    return is_vjp_of(
        what,
        lambda *parts: np.concatenate(parts, axis),
        lambda rng: _parts(rng, axis),
        vjp=lambda f, g, *parts: f(g, [p.shape[axis] for p in parts], axis),
        hint="Cut g along `axis`, whichever that is, where one array ended and the next began.",
    )


def _g_sizes(rng):
    return rng.normal(size=(2, 7, 3)), [1, 4, 2], 1


def _numbered(answer):
    got = answer(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), [2, 3], 1)
    if isinstance(got, Iterator):
        raise Failed(
            f"expected a tuple, got a {type(got).__name__}",
            hint="tuple(..) makes one of it; a `yield` makes a generator.",
        )
    same(len(got), 2, "the number of gradients, one for each array")
    same(got[0], [[1, 2]], "the gradient of the first array, which is 2 long,")
    same(got[1], [[3, 4, 5]], "the gradient of the second array, which is 3 long,")


def _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1], axis=lambda axis: axis, scale=lambda n: 1.0, order=1):
    """The gradient of a concatenation with something wrong in it."""

    def concat_vjp(g, sizes, along):
        return tuple(part * scale(len(sizes)) for part in np.split(g, places(sizes), axis(along)))[::order]

    return concat_vjp


def _padded(g, sizes, axis):
    """Each part at its place in zeros of g's shape."""
    ends = np.cumsum(sizes)
    places = np.arange(g.shape[axis])
    along = [-1 if i == axis % g.ndim else 1 for i in range(g.ndim)]
    return tuple(
        g * ((end - n <= places) & (places < end)).reshape(along) for n, end in zip(sizes, ends, strict=True)
    )


concat_vjp = Tried(
    minutes=12,
    level=2,
    hints=(
        "Entry i of y is an entry of just one of the arrays: its gradient goes there, whole, and nowhere else.",
        "So g is cut into parts along the axis, as long as the arrays were, in their order.",
        "np.split(g, places, axis) expects the indices at which to cut: np.cumsum(sizes) without its last entry.",
    ),
    why="Putting side by side moves numbers and computes nothing, so the gradient is moved back and nothing is computed either.",
    properties=(
        Property(
            "each array gets its own part of g, in their order",
            _numbered,
            "The first array's gradient is the first sizes[0] entries of g along the axis, then come sizes[1] more, and so on.",
        ),
        _concat_along(1, "it is the gradient along axis 1, with any weights, where sizes differ"),
        _concat_along(0, "it is the gradient along axis 0"),
        _concat_along(-1, "it is the gradient along axis -1"),
        keeps_its_inputs(_g_sizes, lambda rng: (rng.normal(size=(2, 3)), [3], -1)),
    ),
    examples=lambda rng: (
        _g_sizes(rng),
        (rng.normal(size=(3, 2)), [1, 2], 0),
        (rng.normal(size=(2, 6)), [2, 3, 1], -1),
    ),
    trial=lambda answer, g, sizes, axis: _laid_out(answer, g, sizes, axis),
    mistakes={
        "np.split cuts at places, not into lengths: the places are the sums of the sizes so far, np.cumsum(sizes)[:-1].": (
            lambda g, sizes, axis: tuple(np.split(g, sizes[:-1], axis=axis))
        ),
        "np.split expects the indices at which to cut, not the sizes: take np.cumsum(sizes), without its last entry.": _cut_at(
            places=lambda sizes: sizes
        ),
        "The last part is empty: np.cumsum(sizes) ends with the end itself, where there is nothing to cut.": _cut_at(
            places=np.cumsum
        ),
        "Each array gets all of g; it is to get the part that its own entries became.": lambda g, sizes, axis: (
            (g,) * len(sizes)
        ),
        "The parts are equally long here; the arrays need not be.": lambda g, sizes, axis: tuple(
            np.array_split(g, len(sizes), axis)
        ),
        "Each part begins at its predecessor's length, not at its end: add up the sizes.": lambda g, sizes, axis: (
            tuple(
                np.take(g, np.arange(at, min(at + n, g.shape[axis])), axis)
                for at, n in zip((0, *sizes), sizes, strict=False)
            )
        ),
        "Each part is too short by one: a slice a:b and range(a, b) end before b.": (
            lambda g, sizes, axis: tuple(
                np.take(g, np.arange(end - n, end - 1), axis)
                for n, end in zip(sizes, np.cumsum(sizes), strict=True)
            )
        ),
        "The axes were exchanged before the cut, and not exchanged back after it.": (
            lambda g, sizes, axis: tuple(np.split(np.swapaxes(g, 0, axis), np.cumsum(sizes)[:-1]))
        ),
        "Each part ends at its own length; it begins where the one before it ends, and is as long as its size.": (
            lambda g, sizes, axis: tuple(
                np.take(g, np.arange(at, n), axis) for at, n in zip((0, *sizes), sizes, strict=False)
            )
        ),
        "Each part begins at 0; it begins where the one before it ends.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(n), axis) for n in sizes
        ),
        "The parts come in the reverse order.": _cut_at(order=-1),
        "It cuts along the last axis, whatever `axis` says.": _cut_at(axis=lambda axis: -1),
        "It cuts along the first axis, whatever `axis` says.": _cut_at(axis=lambda axis: 0),
        "It cuts along axis 1, whatever `axis` says.": _cut_at(axis=lambda axis: 1),
        "The first part is too long, or too short by one: cut at np.cumsum(sizes) without its last entry.": (
            _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1] + 1),
            _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1] - 1),
        ),
        "The first array's gradient is missing, or the last one's: there is one for each array.": (
            lambda g, sizes, axis: _cut_at()(g, sizes, axis)[1:],
            lambda g, sizes, axis: _cut_at()(g, sizes, axis)[:-1],
        ),
        "Each part is added up; each entry has its own gradient.": (
            lambda g, sizes, axis: tuple(p.sum(axis, keepdims=True) for p in _cut_at()(g, sizes, axis)),
            lambda g, sizes, axis: tuple(p.sum(axis) for p in _cut_at()(g, sizes, axis)),
        ),
        "All the parts are as long as the first array; the sizes may differ.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(i * sizes[0], (i + 1) * sizes[0]), axis, mode="clip")
            for i in range(len(sizes))
        ),
        "Each part begins one place after the one before it; it begins where that one ends: at += n, the size.": (
            lambda g, sizes, axis: tuple(
                np.take(g, np.arange(i, i + n), axis, mode="clip") for i, n in enumerate(sizes)
            )
        ),
        "The parts are ones: it is g that is handed on, not 1.": lambda g, sizes, axis: tuple(
            np.ones_like(part) for part in _cut_at()(g, sizes, axis)
        ),
        "Each number is multiplied; the gradient of each entry is handed on unchanged.": (
            _cut_at(scale=lambda n: 2),
            _cut_at(scale=lambda n: n),
        ),
        "The sign is wrong: the gradient of each entry is handed on unchanged.": _cut_at(scale=lambda n: -1),
        "The parts are joined again: return them apart, in a tuple.": lambda g, sizes, axis: g,
        "Each part is averaged; each entry has its own gradient.": (
            lambda g, sizes, axis: tuple(p.mean(axis, keepdims=True) for p in _cut_at()(g, sizes, axis)),
            lambda g, sizes, axis: tuple(p.mean(axis) for p in _cut_at()(g, sizes, axis)),
        ),
        "Each part has g's shape here, with zeros around; it has the shape of its array.": _padded,
        "Each part has one entry along the axis: as many as its size says.": (
            lambda g, sizes, axis: tuple(p.take(0, axis) for p in _cut_at()(g, sizes, axis)),
            lambda g, sizes, axis: tuple(p.take([0], axis) for p in _cut_at()(g, sizes, axis)),
        ),
        "The entries within each part are in the reverse order.": lambda g, sizes, axis: tuple(
            np.flip(p, axis) for p in _cut_at()(g, sizes, axis)
        ),
        "The sizes are sorted here; they stay in the order of the arrays.": (
            lambda g, sizes, axis: _cut_at()(g, sorted(sizes), axis),
            lambda g, sizes, axis: _cut_at()(g, sorted(sizes)[::-1], axis),
        ),
        "Each part is transposed; it has the axes of its array.": lambda g, sizes, axis: tuple(
            p.T for p in _cut_at()(g, sizes, axis)
        ),
        "An axis of size 1 is gone: each part has as many axes as g.": lambda g, sizes, axis: tuple(
            p.squeeze() for p in _cut_at()(g, sizes, axis)
        ),
        "Each part is one too long: a slice a:b and range(a, b) end before b.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(end - n, min(end + 1, g.shape[axis])), axis)
            for n, end in zip(sizes, np.cumsum(sizes), strict=True)
        ),
        "Divide nothing: each entry went to one place, unchanged.": _cut_at(scale=lambda n: 1 / n),
        "The gradients are zeros here; each number gets the gradient of its entry in y.": _cut_at(
            scale=lambda n: 0
        ),
    },
)


def _laid_out(answer, g, sizes, axis):
    """The parts in a row, each after its shape."""
    parts = [np.asarray(part, dtype=float) for part in answer(g, sizes, axis)]
    return np.concatenate([np.concatenate([part.shape, part.ravel()]) for part in parts])
