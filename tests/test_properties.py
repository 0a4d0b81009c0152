"""Properties that hold for any shape: values and gradients are PyTorch's, in float64 to 1e-10."""

import math

import numpy
import pytest
from helpers import against_torch, array, assert_close, plain, strided
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, broadcastable_shapes, mutually_broadcastable_shapes
from later import torch

import minitransformer as mt
from minitransformer.ops.laws import unbroadcast

# PyTorch, of empty tensors
pytestmark = pytest.mark.filterwarnings("ignore:grad and param do not obey:UserWarning")
few = settings(max_examples=60, deadline=None)
places = st.sampled_from([plain, strided])  # memory in order, or with gaps and backwards
sizes = st.sampled_from([0, 1, 1, 2, 3, 4])


def shapes(least=0, most=4):
    """Shapes of numbers, of single elements, of nothing at all."""
    return st.lists(sizes, min_size=least, max_size=most).map(tuple)


def some_dims(data, ndim):
    """None, one dimension, or several, counted from either end."""
    several = st.sets(st.integers(0, ndim - 1), min_size=1) if ndim else st.nothing()
    dims = data.draw(st.none() | several) if ndim else None
    if dims is None:
        return None
    signed = [d - data.draw(st.sampled_from([0, ndim])) for d in sorted(dims)]
    return signed[0] if len(signed) == 1 else tuple(signed)


# ---- broadcasting ----

BINARY = {
    "+": lambda lib, a, b: a + b,
    "-": lambda lib, a, b: a - b,
    "*": lambda lib, a, b: a * b,
    "/": lambda lib, a, b: a / b,
    "**": lambda lib, a, b: a**b,
    "maximum": lambda lib, a, b: lib.maximum(a, b),
    "minimum": lambda lib, a, b: lib.minimum(a, b),
    "where": lambda lib, a, b: lib.where(a > 1, a, b),
}


@pytest.mark.parametrize("name", BINARY)
@few
@given(mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=4), places)
def test_elementwise_of_any_two_shapes(name, pair, place):
    a, b = (array(*shape, seed=i, low=0.5) for i, shape in enumerate(pair.input_shapes))
    against_torch(BINARY[name], a, b, place=place)


@few
@given(st.data(), shapes())
def test_unbroadcast_undoes_broadcasting(data, shape):
    """The sum of g * broadcast(x) is the sum of unbroadcast(g) * x: the one is the other's transpose."""
    wide = data.draw(broadcastable_shapes(shape, max_dims=5, min_side=0, max_side=4))
    wide = numpy.broadcast_shapes(shape, wide)
    x, g = array(*shape), array(*wide, seed=1)
    got = unbroadcast(g, x)
    assert got.shape == shape
    assert (got * x).sum() == pytest.approx((g * numpy.broadcast_to(x, wide)).sum(), abs=1e-10)


@few
@given(st.data(), shapes(), places)
def test_expand(data, shape, place):
    wide = data.draw(broadcastable_shapes(shape, min_dims=len(shape), max_dims=5, min_side=0, max_side=4))
    wide = numpy.broadcast_shapes(shape, wide)
    new = wide[: len(wide) - len(shape)] + tuple(
        data.draw(st.sampled_from([n, -1])) if n == old else n
        for n, old in zip(wide[len(wide) - len(shape) :], shape, strict=True)
    )
    against_torch(lambda lib, x: x.expand(new), array(*shape), place=place)


# ---- matmul ----


@few
@given(
    mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=2),
    sizes,
    sizes,
    sizes,
    st.integers(0, 3),
    places,
)
def test_matmul_of_any_batches(batches, n, k, m, vectors, place):
    """(.., n, k) @ (.., k, m), and a vector in place of either."""
    left, right = (tuple(shape) for shape in batches.input_shapes)
    a = (k,) if vectors & 1 else (*left, n, k)
    b = (k,) if vectors & 2 else (*right, k, m)
    against_torch(lambda lib, a, b: a @ b, array(*a), array(*b, seed=1), place=place)


# ---- reductions ----

REDUCTIONS = {
    "sum": lambda lib, x, dim, keepdim: lib.sum(x, dim=dim, keepdim=keepdim),
    "mean": lambda lib, x, dim, keepdim: lib.mean(x, dim=dim, keepdim=keepdim),
    "var": lambda lib, x, dim, keepdim: lib.var(x, dim=dim, correction=0, keepdim=keepdim),
    "amax": lambda lib, x, dim, keepdim: lib.amax(x, dim=dim, keepdim=keepdim),
    "amin": lambda lib, x, dim, keepdim: lib.amin(x, dim=dim, keepdim=keepdim),
    "logsumexp": lambda lib, x, dim, keepdim: lib.logsumexp(x, dim=dim, keepdim=keepdim),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@few
@given(st.data(), shapes(), st.booleans(), places)
def test_reductions_over_any_dimensions(name, data, shape, keepdim, place):
    dim = some_dims(data, len(shape))
    if name != "sum":  # what is the mean of nothing?
        shape = tuple(max(n, 1) for n in shape)
    if dim is None and name not in ("sum", "mean"):
        dim = tuple(range(len(shape)))
    against_torch(lambda lib, x: REDUCTIONS[name](lib, x, dim, keepdim), array(*shape), place=place)


@pytest.mark.parametrize("name", ["cumsum", "softmax", "log_softmax"])
@few
@given(st.data(), shapes(least=1), places)
def test_along_any_dimension(name, data, shape, place):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    against_torch(lambda lib, x: getattr(lib, name)(x, dim), array(*shape), place=place)


# ---- shapes ----


def factorizations(data, n):
    """A shape of n elements."""
    new = []
    while n > 1:
        divisor = data.draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
        new.append(divisor)
        n //= divisor
        if len(new) > 4:
            return (*new, n)
    return tuple(new)


@few
@given(st.data(), shapes().map(lambda s: tuple(max(n, 1) for n in s)), places)
def test_reshape_there_and_back(data, shape, place):
    new = factorizations(data, math.prod(shape))
    asked = list(new)
    if new and data.draw(st.booleans()):
        asked[data.draw(st.integers(0, len(new) - 1))] = -1
    x = array(*shape)
    against_torch(lambda lib, x: x.reshape(tuple(asked)), x, place=place)
    assert_close(place(x).reshape(tuple(asked)).reshape(shape), x, rtol=0)


@few
@given(st.data(), shapes(), places)
def test_permute_there_and_back(data, shape, place):
    order = data.draw(st.permutations(range(len(shape))))
    signed = [d - data.draw(st.sampled_from([0, len(shape)])) for d in order]
    x = array(*shape)
    against_torch(lambda lib, x: lib.permute(x, tuple(signed)), x, place=place)
    assert_close(mt.permute(place(x), tuple(signed)).permute(*numpy.argsort(order).tolist()), x, rtol=0)


@few
@given(st.data(), shapes(least=1), places)
def test_split_and_cat_there_and_back(data, shape, place):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = data.draw(st.integers(1, 5))
    x = array(*shape)
    against_torch(lambda lib, x: lib.split(x, size, dim), x, place=place)
    assert_close(mt.cat(place(x).split(size, dim), dim), x, rtol=0)


# ---- indices ----


@st.composite
def mixed_indices(draw, shape):
    """Integers, forward slices, None and Ellipsis, with arrays of integers that broadcast together among them."""
    common = draw(st.sampled_from([(), (2,), (2, 3)]))
    first = draw(st.integers(0, len(shape)))
    last = draw(st.integers(first, len(shape)))
    before, after = ([draw(one_index(n, common)) for n in part] for part in (shape[:first], shape[last:]))
    parts = [*before, ..., *after] if last < len(shape) or draw(st.booleans()) else before
    at, extra = draw(st.integers(0, len(parts))), draw(st.sampled_from([(), (None,)]))
    return (*parts[:at], *extra, *parts[at:])


def one_index(n, common):
    """A part of an index into a dimension of size n: integers only where there is something."""
    start, stop = st.none() | st.integers(-n - 1, n + 1), st.none() | st.integers(-n - 1, n + 1)
    slices = st.builds(slice, start, stop, st.none() | st.integers(1, 3))
    if not n:
        return slices
    several = st.lists(st.integers(-n, n - 1), min_size=math.prod(common), max_size=math.prod(common))
    return slices | st.integers(-n, n - 1) | several.map(lambda values: numpy.array(values).reshape(common))


def for_library(index, lib):
    return tuple(lib.tensor(part) if isinstance(part, numpy.ndarray) else part for part in index)


@few
@given(st.data(), shapes(), places)
def test_getitem_by_mixed_indices(data, shape, place):
    index = data.draw(mixed_indices(shape))
    against_torch(lambda lib, x: x[for_library(index, lib)] * 1, array(*shape), place=place)


@few
@given(st.data(), shapes(), places)
def test_setitem_by_mixed_indices(data, shape, place):
    index = data.draw(mixed_indices(shape))
    ours, theirs = place(array(*shape)), torch.tensor(array(*shape))
    ours[for_library(index, mt)], theirs[for_library(index, torch)] = 7.5, 7.5
    assert_close(ours, theirs, rtol=0)


@few
@given(st.data(), shapes())
def test_basic_indices_are_views_that_count_edits_together(data, shape):
    index = data.draw(basic_indices(shape, allow_newaxis=True))
    x = mt.tensor(array(*shape))
    view = x[index]
    view.fill_(9.0)
    expected = array(*shape)
    expected[index] = 9.0
    assert_close(x, expected, rtol=0)
    assert view.edited is x.edited
