"""What the tests of ops share: one harness that holds an op against PyTorch and against finite differences.

A test says what it does once, as `fn(lib, *tensors)`, and the harness calls it with `mt` and with `torch` for `lib`: names and
arguments are PyTorch's, or the test fails.
"""

import contextlib
import functools

import numpy
from later import torch

import minitransformer as mt

RTOL = {"float64": 1e-10, "float32": 1e-5, "float16": 2e-2}  # of the largest entry
# gradients this small may be all rounding
NOISE = {"float64": 1e-3, "float32": 1e-1, "float16": 1.0}


def array(*shape, seed=0, low=-2.0, high=2.0, dtype="float64"):
    """Evenly drawn numbers, far from ties and kinks in all likelihood."""
    return numpy.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def arrays(*shapes, seed=0, **options):
    """One array for each shape, each with numbers of its own."""
    return [array(*shape, seed=seed + 100 * i, **options) for i, shape in enumerate(shapes)]


@functools.cache
def factors():
    """Whether the backend in use can factor matrices; an emulated device has no cuSOLVER."""
    try:
        return mt.linalg.svdvals(mt.eye(2)).shape == (2,)
    except RuntimeError as error:
        if "NOT_SUPPORTED" not in str(error):
            raise
        return False


def strided(values):
    """A tensor of the same values whose memory has gaps and runs backwards."""
    values = numpy.asarray(values)
    wide = numpy.full(tuple(2 * n for n in values.shape), 99, values.dtype)
    backwards = tuple(slice(None, None, -2) for _ in values.shape)
    wide[backwards] = values
    return mt.tensor(wide)[backwards].detach()


def ids_checked():
    """A block in which an id out of range raises: on a device the look waits for it, so it is asked for."""
    return contextlib.nullcontext() if mt.ones(1).device.type == "cpu" else mt.detect_anomaly()


def plain(values):
    """A tensor of the values."""
    return mt.tensor(values)


def as_numpy(t):
    """The values of a tensor of either library; PyTorch's bfloat16 as NumPy has it from ml_dtypes."""
    if not hasattr(t, "detach"):
        return numpy.asarray(t)
    t = t.detach()
    narrow = str(t.dtype) == "torch.bfloat16"
    return t.float().numpy().astype(mt.bfloat16) if narrow else t.numpy()


def assert_close(got, expected, rtol=None, what="value", least=0.0):
    """Same shape, same dtype, same places of inf and NaN, and no entry further off than `rtol` of the largest one.

    `least`: what counts as largest where all is rounding noise.
    """
    got, expected = as_numpy(got), as_numpy(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, expected {expected.dtype}"
    if got.dtype.kind != "f":
        numpy.testing.assert_array_equal(got, expected, err_msg=what)
        return
    finite = numpy.isfinite(expected)
    scale = float(abs(expected[finite]).max(initial=least)) or 1.0
    rtol = RTOL[expected.dtype.name] if rtol is None else rtol
    numpy.testing.assert_allclose(got, expected, rtol=0, atol=rtol * scale, err_msg=what)


def cotangents(outputs, seed=7):
    """A random array for each floating-point output, None for the others."""
    return [
        array(*o.shape, seed=seed + i, dtype=as_numpy(o).dtype) if as_numpy(o).dtype.kind == "f" else None
        for i, o in enumerate(outputs)
    ]


def backward(outputs, gradients):
    """Back-propagate a cotangent from each output that takes one."""
    pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if g is not None and o.requires_grad]
    for i, (output, gradient) in enumerate(pairs):
        output.backward(gradient, retain_graph=i + 1 < len(pairs))


def run_ours(fn, values, place=plain, seed=7):
    """Outputs of `fn(mt, ..)` and the gradients of its inputs (None for integers), from random cotangents."""
    inputs = [place(v) for v in values]
    for t in inputs:
        t.requires_grad_(t.is_floating_point())
    outputs = fn(mt, *inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    backward(outputs, [None if c is None else place(c) for c in cotangents(outputs, seed)])
    return outputs, [t.grad for t in inputs]


def run_theirs(fn, values, seed=7):
    """The same with PyTorch."""
    inputs = [torch.tensor(v, requires_grad=v.dtype.kind == "f") for v in values]
    outputs = fn(torch, *inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    backward(outputs, [None if c is None else torch.tensor(c) for c in cotangents(outputs, seed)])
    return outputs, [t.grad for t in inputs]


def against_torch(fn, *values, place=plain, rtol=None):
    """Hold values and all gradients of `fn(mt, ..)` against those of `fn(torch, ..)` on the same arrays."""
    outputs, gradients = run_ours(fn, values, place)
    expected, slopes = run_theirs(fn, values)
    assert len(outputs) == len(expected)
    for i, (o, e) in enumerate(zip(outputs, expected, strict=True)):
        assert_close(o, e, rtol, f"output {i}")
    for i, (g, s) in enumerate(zip(gradients, slopes, strict=True)):
        assert (g is None) == (s is None), f"gradient of input {i}: got {g}, expected {s}"
        if s is not None:
            assert_close(g, s, rtol, f"gradient of input {i}", least=NOISE[as_numpy(s).dtype.name])


def check_values(fn, *values, differences=True):
    """Hold `fn(lib, *tensors)` to PyTorch in float64 and float32, with memory in order and not, and to finite differences."""
    values = [numpy.asarray(v) for v in values]
    against_torch(fn, *values)
    against_torch(fn, *values, place=strided)
    against_torch(fn, *[v.astype("float32") if v.dtype.kind == "f" else v for v in values])
    if differences:
        mt.gradcheck(lambda *tensors: fn(mt, *tensors), [mt.tensor(v) for v in values], seed=1)


def check_op(fn, *shapes, low=-2.0, high=2.0, seed=0, differences=True):
    """`check_values` on random inputs of the given shapes."""
    check_values(fn, *arrays(*shapes, seed=seed, low=low, high=high), differences=differences)
