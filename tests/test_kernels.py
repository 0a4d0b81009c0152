"""Every kernel of every backend gives what its definition gives, and the definitions keep their digits."""

import inspect
import math

import numpy
import pytest

from minitransformer.backends import namespace
from minitransformer.defaults import default_device
from minitransformer.devices import to_device, to_host
from minitransformer.kernels import batched_matmul, choice, cupy, many, reference
from minitransformer.kernels import numba as numba_kernels
from minitransformer.kernels import numpy as numpy_kernels

CHUNK = 1 << 10  # of NumPy's kernels, while these tests run
SIZES = [(), (1,), (0, 3), (3, 1), (5, 7), (2, 3, 4), (1, 1023), (2, 512), (5, 1025), (33, 257)]
RTOL = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3}
CASES = {}


def case(function):
    """A test's inputs: (dtype, rng) -> arguments of the kernel of that name, one tuple for each variant."""
    CASES[function.__name__] = function
    return function


def normal(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def elementwise(count):
    return lambda dtype, rng: [
        tuple(numpy.asarray(normal(rng, shape, dtype) * 3) for _ in range(count)) for shape in SIZES
    ]


CASES.update({name: elementwise(1) for name in ("sigmoid", "erf", "erfc", "gelu", "gelu_tanh")})


@case
def gelu_vjp(dtype, rng, gelu=reference.gelu):
    for shape in SIZES:
        x = numpy.asarray(normal(rng, shape, dtype) * 3 * (rng.random(shape) < 0.9))  # with zeros
        yield numpy.asarray(normal(rng, shape, dtype)), x, gelu(x)


@case
def gelu_tanh_vjp(dtype, rng):
    return gelu_vjp(dtype, rng, reference.gelu_tanh)


LINEAR = [(1, 1, 1), (0, 3, 2), (5, 3, 7), (64, 33, 129), (130, 65, 31)]


@case
def matmul(dtype, rng):
    shapes = [
        ((3, 4), (4, 2)),
        ((0, 3), (3, 2)),
        ((300, 70), (70, 300)),
        ((2, 3, 4), (2, 4, 1)),
        ((2, 3, 4), (4, 2)),
    ]
    for a, b in [*shapes, ((4,), (4, 2)), ((3, 4, 80, 70), (3, 4, 70, 90)), ((1, 4, 3, 2), (3, 1, 2, 5))]:
        yield normal(rng, a, dtype), normal(rng, b, dtype)
    yield normal(rng, (2, 5, 3), dtype).swapaxes(-1, -2), normal(rng, (2, 4, 5), dtype).swapaxes(-1, -2)


CASES["batched_matmul"] = lambda dtype, rng: (
    pair for pair in matmul(dtype, rng) if min(a.ndim for a in pair) > 1
)


@case
def matmul_vjp(dtype, rng):
    for a, b in [
        ((3, 4), (4, 2)),
        ((2, 3, 4), (2, 4, 1)),
        ((2, 0, 4), (2, 4, 3)),
        ((2, 2, 70, 65), (2, 2, 65, 3)),
    ]:
        yield normal(rng, (*a[:-1], b[-1]), dtype), normal(rng, a, dtype), normal(rng, b, dtype)


@case
def linear(dtype, rng):
    for n, n_in, n_out in LINEAR:
        x, weight = normal(rng, (n, n_in), dtype), normal(rng, (n_out, n_in), dtype)
        yield x, weight, normal(rng, (n_out,), dtype)
        yield x[::-1], weight, None


@case
def linear_vjp(dtype, rng):
    for n, n_in, n_out in LINEAR:
        arrays = (
            normal(rng, (n, n_out), dtype),
            normal(rng, (n, n_in), dtype),
            normal(rng, (n_out, n_in), dtype),
        )
        for needs in ([True] * 3, [False, True, True], [True, False, False], [True, True]):
            yield *arrays, needs


@case
def layer_norm(dtype, rng):
    for shape in SIZES[1:]:
        x = normal(rng, shape, dtype)
        weight = normal(rng, shape[-1:], dtype)
        bias = normal(rng, shape[-1:], dtype)
        yield x, weight, bias, 1e-5
        yield 1 + x, weight, bias, 1e-2
    for width in (1, 2, 3, 7, 100, 384, 768):
        equal = numpy.full((2, width), numpy.array([[12345.678], [0.1]])).astype(dtype)
        yield equal, numpy.ones(width, dtype), numpy.zeros(width, dtype), 1e-5


@case
def layer_norm_vjp(dtype, rng):
    for x, weight, bias, eps in layer_norm(dtype, rng):
        _, mean, rstd = reference.layer_norm(x, weight, bias, eps)
        yield normal(rng, x.shape, dtype), x, weight, mean, rstd


def logits(dtype, rng):
    """Scores (N, V), also with all of them so large that a rounding at their size is one of their differences."""
    offset = {"float64": 2.0**53, "float32": 1e8, "float16": 2e4}[dtype]
    for shape in ((1, 1), (5, 7), (1, 1025), (3, 255), (2, 256), (3, 257)):
        yield normal(rng, shape, dtype)
        yield (offset + 64 * rng.integers(0, 3, shape)).astype(dtype)
        yield (-offset + 64 * rng.integers(0, 3, shape)).astype(dtype)


@case
def cross_entropy(dtype, rng):
    for x in logits(dtype, rng):
        for smoothing in (0.0, 0.1):
            yield x, rng.integers(0, x.shape[1], len(x)), smoothing
    yield normal(rng, (0, 3), dtype), numpy.zeros(0, "int64"), 0.1


@case
def cross_entropy_vjp(dtype, rng):
    for x, target, smoothing in cross_entropy(dtype, rng):
        yield (
            normal(rng, (len(x),), dtype),
            x,
            target,
            *reference.cross_entropy(x, target, smoothing)[1:],
            smoothing,
        )


def heads(rng, dtype):
    sizes = [
        ((), 3, 5, 4, 2),
        ((1, 1), 1, 1, 1, 1),
        ((2, 3), 130, 130, 8, 8),
        ((5,), 70, 200, 4, 6),
        ((2,), 0, 3, 2, 2),
    ]
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
        # whole numbers: their products are exact in any order
        large_q, large_k = numpy.rint(30 * q), numpy.rint(30 * k)
        yield large_q, large_k, v, allowed, False, 0.5  # exponentials that would be too large


@case
def attention_vjp(dtype, rng):
    for q, k, v, mask, causal, scale, *keep in attention(dtype, rng):
        y, p = reference.attention(q, k, v, mask, causal, scale, *keep)
        yield normal(rng, y.shape, dtype), q, k, v, p, causal, scale, *keep


@case
def rms_norm(dtype, rng):
    for shape in SIZES[1:]:
        # with less, a row of one cancels out
        yield normal(rng, shape, dtype), normal(rng, shape[-1:], dtype), 0.1


@case
def rms_norm_vjp(dtype, rng):
    for x, weight, eps in rms_norm(dtype, rng):
        yield normal(rng, x.shape, dtype), x, weight, reference.rms_norm(x, weight, eps)[1]


@case
def softmax(dtype, rng):
    for x in logits(dtype, rng):
        yield x, -1
        yield x, 0
    for shape in SIZES[1:]:
        x = 3 * normal(rng, shape, dtype)
        x[..., : x.shape[-1] // 3] = -numpy.inf
        yield from ((x, -1), (x, 0), (x, (0,)), (x, tuple(range(x.ndim))))


@case
def softmax_vjp(dtype, rng):
    for x, dim in softmax(dtype, rng):
        yield normal(rng, x.shape, dtype), reference.softmax(x, dim), dim


@case
def log_softmax(dtype, rng):
    return ((x, dim) for x, dim in softmax(dtype, rng) if not numpy.isinf(x).any())


@case
def log_softmax_vjp(dtype, rng):
    for x, dim in log_softmax(dtype, rng):
        yield normal(rng, x.shape, dtype), reference.log_softmax(x, dim), dim


@case
def logsumexp(dtype, rng):
    for x, dim in softmax(dtype, rng):
        yield from ((x, dim, keepdim) for keepdim in (True, False))


@case
def norm_of_all(dtype, rng):
    for shapes in ([()], [(0,)], [(3,), (0, 2), (1, 1)], [(1023,), (1024,), (1025,), (2, 3)]):
        yield ([normal(rng, shape, dtype) * 100 for shape in shapes],)  # squares too large for half precision


@case
def scale_all(dtype, rng):
    for (arrays,) in norm_of_all(dtype, rng):
        yield arrays, 0.5
        yield arrays, numpy.array(0.25, dtype)


@case
def adam_all(dtype, rng):
    for (arrays,) in norm_of_all(dtype, rng):
        for powers in [
            (1, 1, 2),
            (1, 1, 2, 2),
        ]:  # gradient, mean and mean square; AMSGrad's largest mean square
            state = [(a, *[normal(rng, a.shape, dtype) ** n for n in powers]) for a in arrays]
            state = [tuple(numpy.array(a, dtype) for a in entry) for entry in state]
            yield state, 3, 0.1, (0.9, 0.99), 1e-3, 0.1, 0.9
            yield state, 1, 0.1, (0.9, 0.99), 1e-3, 0.0, 1.0


@case
def causal_mask(dtype, rng):
    return ((numpy, n, m) for n in (0, 1, 5) for m in (1, 3, 7))


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
        yield (
            normal(rng, (len(index), 3), dtype),
            normal(rng, (5, 3), dtype),
            numpy.array(index, dtype="int64"),
        )
    yield normal(rng, (3, 2), dtype).T, normal(rng, (5, 3), dtype), numpy.array([1, 1], dtype="int32")
    yield normal(rng, (2,), dtype), normal(rng, (5, 3), dtype), (numpy.array([1, 1]), numpy.array([2, 2]))
    yield normal(rng, (2, 2, 3), dtype), normal(rng, (5, 3), dtype), numpy.array([[1, 1], [0, 4]])


MODULES = {
    "numpy": [numpy_kernels, reference],
    "numba": [numba_kernels],
    "cupy": [cupy, many, batched_matmul, reference],
}
DEFINITIONS = {**vars(reference), "batched_matmul": reference.matmul}
IN_PLACE = {"scale_all", "adam_all"}
LAYOUTS = {
    "backwards": lambda array: laid_into(array, [2 * n for n in array.shape], slice(None, None, -2)),
    "with gaps": lambda array: laid_into(array, [n + 1 for n in array.shape], slice(1, None)),
    "turned": lambda array: namespace(array).asfortranarray(array),
}


def repeated(array):
    """The first row again and again, from the same memory."""
    return namespace(array).broadcast_to(array[:1], array.shape) if array.ndim and len(array) else array


def laid_into(array, shape, part):
    """The same values in a part of a larger array."""
    place = namespace(array).zeros(shape, array.dtype)[(part,) * array.ndim + (...,)]
    place[...] = array
    return place


def kernels_of(home):
    """The public functions that some modules define, by name: the first module's, where several have one."""
    homes, found = {m.__name__ for m in MODULES[home]}, {}
    for name, function in [pair for m in MODULES[home] for pair in inspect.getmembers(m, inspect.isfunction)]:
        if name[0] != "_" and function.__module__ in homes:
            found.setdefault(name, function)
    return found


def xp_in_use():
    return namespace(to_device(numpy.ones(1), default_device()))


def homes_of(backend):
    """The kernels for the arrays of a backend: NumPy's, and Numba's where it is installed and not switched off."""
    return ["numpy", "numba"] if backend == "numpy" and "numba" in choice.usable() else [backend]


def pytest_generate_tests(metafunc):
    backend = metafunc.config.getoption("--backend")
    if "kernel" in metafunc.fixturenames and "home" in metafunc.fixturenames:
        pairs = [(home, kernel) for home in homes_of(backend) for kernel in sorted(kernels_of(home))]
        metafunc.parametrize("home, kernel", pairs)
    elif "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", sorted(kernels_of(backend)))
    elif "home" in metafunc.fixturenames:
        metafunc.parametrize("home", homes_of(backend))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Every boundary between blocks is met by small arrays, and the smallest go to the loops as well."""
    monkeypatch.setattr(numpy_kernels, "CHUNK", CHUNK)
    monkeypatch.setattr(numba_kernels, "SMALLEST", 1)


@pytest.mark.parametrize("modules", MODULES)
def test_every_kernel_has_a_case(modules):
    missing = set(kernels_of(modules)) - set(CASES)
    assert not missing, f"no inputs for {sorted(missing)}"


def test_every_library_has_every_kernel():
    """Its own, or one that it takes over."""
    public = {name for name, kernel in inspect.getmembers(reference, inspect.isfunction) if name[0] != "_"}
    public -= {"namespace"}
    for module in (numpy_kernels, numba_kernels, cupy):
        assert not public - set(vars(module)), module.__name__


def each(function, value):
    """`function` of every array in a value, however nested."""
    if isinstance(value, (list, tuple)):
        return type(value)(each(function, part) for part in value)
    return function(value) if hasattr(value, "strides") else value


def arrays_in(value):
    found = []
    each(found.append, value)
    return found


def placed(argument, layout=None):
    """An argument as the kernels take it: on the backend's device, and laid out so if it is of floats."""
    if argument is numpy:
        return xp_in_use()
    there = each(lambda a: to_device(a.copy(), default_device()), argument)
    return each(lambda a: layout(a) if layout and a.dtype.kind == "f" else a, there)


def noise(kernel, arguments):
    """What rounding is measured by where a softmax has one winner, whose gradient is nothing else: the gradient that came."""
    return (
        abs(arguments[0]).max(initial=0)
        if kernel in ("softmax_vjp", "log_softmax_vjp", "cross_entropy_vjp", "attention_vjp")
        else 0
    )


def assert_same(results, expected, rtol, least=0.0):
    assert [part is None for part in as_tuple(results)] == [part is None for part in as_tuple(expected)]
    assert [part for part in as_tuple(results) if isinstance(part, bool)] == [
        p for p in as_tuple(expected) if isinstance(p, bool)
    ]
    for g, e in zip(arrays_in(results), arrays_in(expected), strict=True):
        assert_equal(to_host(g), e, rtol, least)


def as_tuple(results):
    return tuple(results) if isinstance(results, (list, tuple)) else (results,)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("packed", [True, False])
def test_equals_its_definition(home, kernel, dtype, packed):
    """On inputs of every layout, which stay as they were but for those that the definition changes too."""
    drawn = numpy.random.default_rng(1)
    for i, arguments in enumerate(CASES[kernel](dtype, numpy.random.default_rng(0))):
        names = [None if packed or kernel in IN_PLACE else drawn.choice([*LAYOUTS]) for _ in arguments]
        there = [
            placed(a, LAYOUTS.get(name) if i % 3 else name and repeated)
            for a, name in zip(arguments, names, strict=True)
        ]
        here = [numpy if inspect.ismodule(a) else each(lambda a: to_host(a).copy(), a) for a in there]
        results, expected = kernels_of(home)[kernel](*there), DEFINITIONS[kernel](*here)
        assert_same(results, expected, RTOL[dtype], noise(kernel, here))
        assert_same(there, here, RTOL[dtype] if kernel in IN_PLACE else 0)


@pytest.mark.host("definitions are the same everywhere")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_definitions_keep_their_digits(kernel, dtype):
    """What they give is what they give of the same numbers in float64, rounded."""
    for arguments in CASES[kernel](dtype, numpy.random.default_rng(0)):
        wide = [
            each(lambda a: a.astype("float64") if a.dtype == dtype else a, each(numpy.copy, a))
            for a in arguments
        ]
        if kernel in ("gelu_vjp", "gelu_tanh_vjp"):
            wide[2] = DEFINITIONS[kernel.removesuffix("_vjp")](wide[1])  # half precision's own is rounded
        results, exact = DEFINITIONS[kernel](*arguments), DEFINITIONS[kernel](*wide)
        for got, expected in zip(arrays_in(results), arrays_in(exact), strict=True):
            assert_equal(got, expected.astype(got.dtype), RTOL[dtype], noise(kernel, arguments))


PATTERNS = {
    "all": lambda rng, t, s: numpy.ones((t, s), bool),
    "causal": lambda rng, t, s: numpy.tri(t, s, dtype=bool),
    "causal from the end": lambda rng, t, s: numpy.tri(t, s, s - t, dtype=bool),
    "banded": lambda rng, t, s: abs(numpy.arange(t)[:, None] - numpy.arange(s)) < 9,
    "packed texts": lambda rng, t, s: numpy.arange(t)[:, None] // 64 == numpy.arange(s) // 64,
    "first text of a block": lambda rng, t, s: (numpy.arange(t)[:, None] < 64) == (numpy.arange(s) < 64),
    "prefix": lambda rng, t, s: (numpy.arange(t)[:, None] >= 64) | (numpy.arange(s) < 64),
    "prefix of 65": lambda rng, t, s: numpy.tri(t, s, dtype=bool) | (numpy.arange(s) < 65),
    "random": lambda rng, t, s: rng.random((t, s)) < 0.3,
    "nothing": lambda rng, t, s: numpy.zeros((t, s), bool),
    "some see nothing": lambda rng, t, s: numpy.broadcast_to(rng.random((t, 1)) < 0.5, (t, s)),
    "keys left out": lambda rng, t, s: rng.random((1, s)) < 0.7,
}
BOUNDARIES = [
    (1, 64),
    (63, 65),
    (64, 64),
    (65, 63),
    (127, 128),
    (128, 129),
    (129, 127),
    (200, 200),
    (100, 300),
    (300, 65),
]


def as_scores(rng, seen, dtype):
    """A mask of numbers to add: random ones where something is to be seen, -inf elsewhere."""
    return numpy.where(seen, rng.standard_normal(seen.shape), -math.inf).astype(dtype)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("added", [False, True])
def test_attention_under_every_mask(home, pattern, dtype, added):
    """Weights, values and the three gradients, on both sides of each boundary of a block of queries."""
    rng, fast = numpy.random.default_rng(0), kernels_of(home)
    for t, s in BOUNDARIES[added::2]:
        q, k, v, g = (normal(rng, (2, n, 4), dtype) for n in (t, s, s, t))
        seen = PATTERNS[pattern](rng, t, s)
        mask = as_scores(rng, seen, dtype) if added else seen
        told = [(mask, False), (mask, True), *([(None, True)] if pattern == "causal" else [])]
        for mask, causal in told:
            expected = reference.attention(q, k, v, mask, causal, 0.5)
            there = [placed(a) for a in (g, q, k, v, mask, expected[1])]
            assert_same(fast["attention"](*there[1:5], causal, 0.5), expected, RTOL[dtype])
            gradients = reference.attention_vjp(g, q, k, v, expected[1], causal, 0.5)
            assert_same(fast["attention_vjp"](*there[:4], there[5], causal, 0.5), gradients, RTOL[dtype])


def assert_equal(got, expected, rtol, least=0.0):
    """The same shape and dtype, and values up to `rtol` of the largest, or of `least`."""
    assert got.shape == expected.shape and got.dtype == expected.dtype
    largest = abs(expected[numpy.isfinite(expected)]).max(initial=least)
    scale = max(float(largest), 1e-30) if largest else 1  # smaller ones have few digits left
    numpy.testing.assert_allclose(got, expected, rtol=0, atol=rtol * scale)
