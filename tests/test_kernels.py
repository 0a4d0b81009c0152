"""Every kernel that NumPy has of its own gives what its definition gives."""

import inspect

import numpy
import pytest

from minitransformer import kernels
from minitransformer.defaults import default_device
from minitransformer.devices import to_device, to_host
from minitransformer.kernels import cupy, reference
from minitransformer.kernels import numpy as numpy_kernels

SIZES = [(), (1,), (0, 3), (3, 1), (5, 7), (2, 3, 4), (1, 1025), (300, 1025), (2, 100_000)]
RTOL = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3}
CASES = {}


def case(function):
    """A test's inputs: (dtype, rng) -> arguments of the kernel of that name, one tuple for each variant."""
    CASES[function.__name__] = function
    return function


def normal(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def elementwise(count):
    return lambda dtype, rng: [tuple(numpy.asarray(normal(rng, shape, dtype) * 3) for _ in range(count)) for shape in SIZES]


CASES.update(sigmoid=elementwise(1))
CASES.update(gelu=elementwise(1), gelu_tanh=elementwise(1))


@case
def gelu_vjp(dtype, rng, gelu=reference.gelu):
    for shape in SIZES:
        x = numpy.asarray(normal(rng, shape, dtype) * 3 * (rng.random(shape) < 0.9))  # with zeros
        yield numpy.asarray(normal(rng, shape, dtype)), x, gelu(x)


@case
def gelu_tanh_vjp(dtype, rng):
    return gelu_vjp(dtype, rng, reference.gelu_tanh)


LINEAR = [(1, 1, 1), (0, 3, 2), (5, 3, 7), (64, 33, 129), (513, 260, 131)]


@case
def matmul(dtype, rng):
    shapes = [((3, 4), (4, 2)), ((0, 3), (3, 2)), ((300, 70), (70, 300)), ((2, 3, 4), (2, 4, 1)), ((2, 3, 4), (4, 2))]
    for a, b in [*shapes, ((4,), (4, 2)), ((3, 4, 80, 70), (3, 4, 70, 90)), ((1, 4, 3, 2), (3, 1, 2, 5))]:
        yield normal(rng, a, dtype), normal(rng, b, dtype)
    yield normal(rng, (2, 5, 3), dtype).swapaxes(-1, -2), normal(rng, (2, 4, 5), dtype).swapaxes(-1, -2)


@case
def linear(dtype, rng):
    for n, n_in, n_out in LINEAR:
        x, weight = normal(rng, (n, n_in), dtype), normal(rng, (n_out, n_in), dtype)
        yield x, weight, normal(rng, (n_out,), dtype)
        yield x[::-1], weight, None


@case
def linear_vjp(dtype, rng):
    for n, n_in, n_out in LINEAR:
        arrays = normal(rng, (n, n_out), dtype), normal(rng, (n, n_in), dtype), normal(rng, (n_out, n_in), dtype)
        for needs in ([True] * 3, [False, True, True], [True, False, False], [True, True]):
            yield *arrays, needs


@case
def layer_norm(dtype, rng):
    for shape in SIZES[1:]:
        yield normal(rng, shape, dtype), normal(rng, shape[-1:], dtype), normal(rng, shape[-1:], dtype), 1e-5


@case
def layer_norm_vjp(dtype, rng):
    for x, weight, bias, eps in layer_norm(dtype, rng):
        _, mean, rstd = reference.layer_norm(x, weight, bias, eps)
        yield normal(rng, x.shape, dtype), x, weight, mean, rstd


@case
def cross_entropy_vjp(dtype, rng):
    for n, v in ((1, 1), (0, 3), (5, 7), (1, 1025), (33, 1025), (2, 100_000)):
        x, target = normal(rng, (n, v), dtype), rng.integers(0, v, n)
        for smoothing in (0.0, 0.1):
            yield normal(rng, (n,), dtype), x, target, reference.cross_entropy(x, target, smoothing)[1], smoothing


def heads(rng, dtype):
    sizes = [((), 3, 5, 4, 2), ((1, 1), 1, 1, 1, 1), ((2, 3), 130, 130, 8, 8), ((5,), 70, 200, 4, 6), ((2,), 0, 3, 2, 2)]
    for batch, t, s, d, dv in sizes:
        q = normal(rng, (*batch, d, t), dtype).swapaxes(-1, -2)  # not contiguous
        yield q, normal(rng, (*batch, s, d), dtype), normal(rng, (*batch, s, dv), dtype)


@case
def attention(dtype, rng):
    for q, k, v in heads(rng, dtype):
        shape = (*q.shape[:-1], k.shape[-2])
        allowed = rng.random(shape) < 0.7
        allowed[..., :1, :] = False  # a query that may look nowhere
        yield q, k, v, None, False, 0.5
        yield q, k, v, None, True, 0.5
        yield q, k, v, allowed, False, 0.5
        yield q, k, v, normal(rng, shape[-2:], dtype), True, 0.5
        yield q, k, v, None, True, 0.5, 2 * allowed.astype(dtype)
        large_q, large_k = numpy.rint(30 * q), numpy.rint(30 * k)  # whole numbers: their products are exact in any order
        yield large_q, large_k, v, allowed, False, 0.5  # exponentials that would be too large


@case
def attention_vjp(dtype, rng):
    for q, k, v, mask, causal, scale, *keep in attention(dtype, rng):
        y, p = reference.attention(q, k, v, mask, causal, scale, *keep)
        yield normal(rng, y.shape, dtype), q, k, v, p, causal, scale, *keep


@case
def rms_norm(dtype, rng):
    for shape in SIZES[1:]:
        yield normal(rng, shape, dtype), normal(rng, shape[-1:], dtype), 0.1  # with less, a row of one cancels out


@case
def rms_norm_vjp(dtype, rng):
    for x, weight, eps in rms_norm(dtype, rng):
        yield normal(rng, x.shape, dtype), x, weight, reference.rms_norm(x, weight, eps)[1]


@case
def softmax(dtype, rng):
    for shape in SIZES[1:]:
        x = 3 * normal(rng, shape, dtype)
        x[..., : x.shape[-1] // 3] = -numpy.inf
        yield x, -1
        if x.shape[-1] <= 1025:  # down each column, a block for each, more would keep an emulated device busy
            yield from ((x, 0), (x, (0,)), (x, tuple(range(x.ndim))))


@case
def softmax_vjp(dtype, rng):
    for x, dim in softmax(dtype, rng):
        yield normal(rng, x.shape, dtype), reference.softmax(x, dim), dim


@case
def cross_entropy(dtype, rng):
    for _, x, target, _, smoothing in cross_entropy_vjp(dtype, rng):
        yield x, target, smoothing


@case
def dropout_scale(dtype, rng):
    for shape in SIZES:
        for p in (0.0, 0.3, 1.0):
            yield int(rng.integers(1 << 63)), p, shape, numpy.dtype(dtype)


@case
def embedding(dtype, rng):
    for shape in ((), (0,), (3, 2)):
        yield normal(rng, (5, 3), dtype), rng.integers(0, 5, shape)
    yield normal(rng, (3, 5), dtype).T, rng.integers(0, 5, (4, 1)).astype("int32")


@case
def index_vjp(dtype, rng):
    for index in ([], [4], [-1, 4, 0, -5, 4]):
        yield normal(rng, (len(index), 3), dtype), normal(rng, (5, 3), dtype), numpy.array(index, dtype="int64")
    yield normal(rng, (3, 2), dtype).T, normal(rng, (5, 3), dtype), numpy.array([1, 1], dtype="int32")
    yield normal(rng, (2,), dtype), normal(rng, (5, 3), dtype), (numpy.array([1, 1]), numpy.array([2, 2]))
    yield normal(rng, (2, 2, 3), dtype), normal(rng, (5, 3), dtype), numpy.array([[1, 1], [0, 4]])


def pytest_generate_tests(metafunc):
    if "override" in metafunc.fixturenames:
        module = {"numpy": numpy_kernels, "cupy": cupy}[metafunc.config.getoption("--backend")]
        metafunc.parametrize("override", [n for n in CASES if getattr(getattr(module, n), "__module__", "") == module.__name__])


def on_device(argument):
    """An array as the kernels take it."""
    return to_device(argument, default_device()) if isinstance(argument, numpy.ndarray) else argument


@pytest.mark.parametrize("module", [numpy_kernels, cupy])
def test_every_override_is_tested(module):
    public = {n for n, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__ and n[0] != "_"}
    replaced = {name for name in public if hasattr(reference, name)}
    assert replaced <= set(CASES) and len(replaced) >= 10


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_equals_its_definition(override, dtype):
    for arguments in CASES[override](dtype, numpy.random.default_rng(0)):
        placed = [on_device(a.copy()) if isinstance(a, numpy.ndarray) else a for a in arguments]
        got, expected = getattr(kernels.of(on_device(numpy.ones(1))), override)(*placed), getattr(reference, override)(*arguments)
        for g, e in zip(*(r if isinstance(r, (tuple, list)) else (r,) for r in (got, expected)), strict=True):
            assert_equal(g if g is None else to_host(g), e, RTOL[dtype])
        for before, after in zip(arguments, placed, strict=True):
            unchanged = not isinstance(before, numpy.ndarray) or numpy.array_equal(before, to_host(after), equal_nan=True)
            assert unchanged, "an input was changed"


def assert_equal(got, expected, rtol):
    """The same shape and dtype, and values up to `rtol` of the largest; None only beside None."""
    if expected is None:
        assert got is None
        return
    assert got.shape == expected.shape and got.dtype == expected.dtype
    largest = abs(expected).max(initial=0)
    scale = max(largest, 1e-30) if largest else 1  # smaller ones have few digits left
    numpy.testing.assert_allclose(got, expected, rtol=0, atol=rtol * float(scale))
