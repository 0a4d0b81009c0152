"""Random programs of the ops whose names PyTorch shares, given to both libraries: every step's value, dtype and gradients.

Shapes without dimensions or elements, memory that repeats or runs backwards, ties, infinities, NaN and numbers at the ends of
their dtypes are as likely as any. A step that both refuse is left out; what only one refuses, or what differs, must be in
`torch_decisions.PROGRAMS`.
"""

from __future__ import annotations

import functools
import warnings
from typing import NamedTuple

import numpy
import pytest
from helpers import strided
from later import torch
from torch_database import REFUSALS, Outcome, unheld
from torch_decisions import PROGRAMS

import minitransformer as mt

pytestmark = pytest.mark.host(
    "many small programs about meaning; tests/test_ops*.py run the same ops on a device"
)

SHAPES = [
    (),
    (0,),
    (1,),
    (3,),
    (2, 3),
    (1, 3),
    (2, 1),
    (0, 3),
    (2, 0),
    (3, 3),
    (2, 3, 4),
    (1, 1, 1),
    (2, 1, 3),
    (0, 1, 2),
]
FLOATS, WHOLE = ("float64", "float32", "float16"), ("int64", "int32", "uint8", "bool")
EPS = {"float64": 1e-13, "float32": 2e-5, "float16": 1e-2}
LARGEST_COTANGENT = 5
EXTREME = [
    0.0,
    -0.0,
    numpy.inf,
    -numpy.inf,
    numpy.nan,
    1.0,
    -1.0,
    1e-30,
    -1e30,
    6e4,
    1e-7,
    88.0,
    -104.0,
    300.0,
]


class Operand(NamedTuple):
    """A value as each library has it."""

    ours: mt.Tensor
    theirs: torch.Tensor


class Step(NamedTuple):
    """One op: what is called of a library on tensors and plain arguments, and how many tensors it takes."""

    name: str
    call: object
    count: int = 1
    dtypes: tuple = FLOATS + WHOLE
    loose: bool = False  # adds up: an error is measured by the largest number that came in


STEPS: list[Step] = []


def step(name, count=1, dtypes=FLOATS + WHOLE, loose=False):
    """A step made by a function (rng, shapes) -> call(lib, *tensors)."""

    def attach(make):
        STEPS.append(Step(name, make, count, dtypes, loose))
        return make

    return attach


def plain(names, **options):
    for name in names.split():
        step(name, **options)(lambda rng, *shapes, name=name: lambda lib, *ts: getattr(lib, name)(*ts))


plain(
    "exp log sqrt sin cos abs neg sigmoid tanh relu isfinite isnan logical_not clone flatten ones_like zeros_like"
)
plain("add sub mul div pow maximum minimum eq ne lt le gt ge", count=2)
plain("matmul", count=2, loose=True)
plain("sum mean var std max min amax amin argmax argmin any all", loose=True)
plain("t")


def number(rng):
    return [0, 1, -1, 2, 3, 0.5, -0.5, 2.0, True, 1e-3, 100][rng.integers(11)]


def dim_of(rng, shape, wrong=0.05):
    """A dimension, now and then one that is not there."""
    n = max(len(shape), 1)
    return int(rng.integers(-n, n)) if rng.random() > wrong else n + int(rng.integers(2))


def dims_of(rng, shape):
    count = int(rng.integers(1, max(len(shape), 1) + 1))
    chosen = [int(d) for d in rng.permutation(max(len(shape), 1))[:count]]
    return [None, dim_of(rng, shape), tuple(chosen), [d - max(len(shape), 1) for d in chosen]][
        rng.integers(4)
    ]


for symbol in "add radd sub rsub mul rmul truediv rtruediv pow rpow eq lt ge".split():

    @step(f"number {symbol}")
    def _(rng, shape, symbol=symbol):
        value = number(rng)
        return lambda lib, x: getattr(x, f"__{symbol}__")(value)


for symbol in ("__and__ __or__ __xor__ __invert__").split():

    @step(symbol, count=1 if symbol == "__invert__" else 2, dtypes=WHOLE)
    def _(rng, *shapes, symbol=symbol):
        return lambda lib, x, *other: getattr(x, symbol)(*other)


for reduction in ("sum mean amax amin logsumexp").split():

    @step(f"{reduction} dim", loose=True)
    def _(rng, shape, reduction=reduction):
        dim, keepdim = dims_of(rng, shape), bool(rng.integers(2))
        return lambda lib, x: getattr(lib, reduction)(x, dim=dim, keepdim=keepdim)


for reduction in ("var", "std"):

    @step(f"{reduction} dim", loose=True)
    def _(rng, shape, reduction=reduction):
        dim, keepdim, correction = dims_of(rng, shape), bool(rng.integers(2)), int(rng.integers(3))
        return lambda lib, x: getattr(lib, reduction)(x, dim=dim, correction=correction, keepdim=keepdim)


for reduction in ("max min argmax argmin any all").split():

    @step(f"{reduction} dim")
    def _(rng, shape, reduction=reduction):
        dim, keepdim = dim_of(rng, shape), bool(rng.integers(2))
        return lambda lib, x: getattr(lib, reduction)(x, dim, keepdim)


for name in ("softmax log_softmax cumsum").split():

    @step(name, loose=True)
    def _(rng, shape, name=name):
        dim = dim_of(rng, shape)
        return lambda lib, x: getattr(lib, name)(x, dim=dim)


@step("clamp")
def _(rng, shape):
    bounds = sorted([float(rng.integers(-2, 3)), float(rng.integers(-2, 3))])
    low, high = [(bounds[0], bounds[1]), (bounds[0], None), (None, bounds[1]), (0, 1)][rng.integers(4)]
    return lambda lib, x: x.clamp(low, high)


@step("cast")
def _(rng, shape):
    name = rng.choice("half float double int long bool".split())
    return lambda lib, x: getattr(x, name)()


@step("reshape")
def _(rng, shape):
    size = int(numpy.prod(shape))
    wanted = [(-1,), (size,), (1, size), (size, 1), (*shape, 1), (size // 2, 2), (-1, 1), ()][rng.integers(8)]
    return lambda lib, x: x.reshape(wanted)


@step("permute")
def _(rng, shape):
    order = [int(d) for d in rng.permutation(len(shape))]
    return lambda lib, x: x.permute(*order) if order else x.permute(())


@step("transpose")
def _(rng, shape):
    a, b = dim_of(rng, shape), dim_of(rng, shape)
    return lambda lib, x: x.transpose(a, b)


@step("unsqueeze")
def _(rng, shape):
    dim = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    return lambda lib, x: x.unsqueeze(dim)


@step("squeeze")
def _(rng, shape):
    dim = [(), (dim_of(rng, shape),)][rng.integers(2)]
    return lambda lib, x: x.squeeze(*dim)


@step("expand")
def _(rng, shape):
    sizes = tuple(int(rng.choice([-1, n, 2])) if n == 1 else n for n in shape)
    sizes = (2, *sizes) if rng.integers(2) else sizes
    return lambda lib, x: x.expand(*sizes) if sizes else x.expand(())


@step("cat", count=2)
def _(rng, shape, other):
    dim = dim_of(rng, shape)
    return lambda lib, a, b: lib.cat([a, b], dim)


@step("stack", count=2)
def _(rng, shape, other):
    dim = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    return lambda lib, a, b: lib.stack([a, b], dim)


@step("chunk")
def _(rng, shape):
    n, dim = int(rng.integers(1, 4)), dim_of(rng, shape)
    return lambda lib, x: x.chunk(n, dim)


@step("split")
def _(rng, shape):
    n, dim = int(rng.integers(1, 4)), dim_of(rng, shape)
    return lambda lib, x: x.split(n, dim)


@step("unbind")
def _(rng, shape):
    dim = dim_of(rng, shape)
    return lambda lib, x: x.unbind(dim)


@step("where", count=2)
def _(rng, shape, other):
    return lambda lib, a, b: lib.where(a > 0, a, b)


@step("masked_fill")
def _(rng, shape):
    value = [0, 1.0, -numpy.inf, 2, True][rng.integers(5)]
    return lambda lib, x: x.masked_fill(x == x, value) if shape == () else x.masked_fill(x > 0, value)


@step("tril")
def _(rng, shape):
    diagonal = int(rng.integers(-2, 3))
    return lambda lib, x: lib.tril(x, diagonal)


@step("triu")
def _(rng, shape):
    diagonal = int(rng.integers(-2, 3))
    return lambda lib, x: lib.triu(x, diagonal)


@step("index")
def _(rng, shape):
    index = tuple(part(rng, n) for n in shape[: rng.integers(len(shape) + 1)])
    index = (*index, None) if rng.random() < 0.2 else (..., *index) if rng.random() < 0.2 else index
    return lambda lib, x: x[tuple(lib.tensor(p) if isinstance(p, list) else p for p in index)]


def part(rng, n):
    """An index of a dimension of `n`, now and then one that is not there."""
    if rng.random() < 0.3:
        return int(rng.integers(-n - 1, n + 1))
    if rng.random() < 0.5:
        return slice(*[[None, 0, 1, -1, 5][rng.integers(5)] for _ in range(2)], [None, 1, 2][rng.integers(3)])
    return [int(i) for i in rng.integers(-n, n, 3)] if n else slice(None)


@step("gather")
def _(rng, shape):
    dim = dim_of(rng, shape, wrong=0)
    n = shape[dim] if shape else 1
    ids = rng.integers(0, max(n, 1), shape)
    return lambda lib, x: x.gather(dim, lib.tensor(ids))


for name in "gelu silu".split():

    @step(name, dtypes=FLOATS, loose=True)
    def _(rng, shape, name=name):
        return lambda lib, x: getattr(lib.nn.functional, name)(x)


@step("layer_norm", dtypes=FLOATS, loose=True)
def _(rng, shape):
    return lambda lib, x: lib.nn.functional.layer_norm(x, shape[-1:])


@step("rms_norm", dtypes=FLOATS, loose=True)
def _(rng, shape):
    return lambda lib, x: lib.nn.functional.rms_norm(x, shape[-1:])


@step("mse_loss", count=2, dtypes=FLOATS, loose=True)
def _(rng, shape, other):
    reduction = str(rng.choice(["mean", "sum", "none"]))
    return lambda lib, a, b: lib.nn.functional.mse_loss(
        a, b.reshape(a.shape) if b.numel() == a.numel() else a, reduction=reduction
    )


@step("cross_entropy", dtypes=FLOATS, loose=True)
def _(rng, shape):
    n = shape[1] if len(shape) > 1 else max(shape, default=1)
    ids = rng.integers(0, max(n, 1), shape[:1] + shape[2:] if len(shape) > 1 else ())
    smoothing, reduction = [0.0, 0.1][rng.integers(2)], str(rng.choice(["mean", "sum", "none"]))
    return lambda lib, x: lib.nn.functional.cross_entropy(
        x, lib.tensor(ids), label_smoothing=smoothing, reduction=reduction
    )


@step("pad")
def _(rng, shape):
    widths = tuple(int(n) for n in rng.integers(0, 3, 2 * rng.integers(len(shape) + 1)))
    return lambda lib, x: lib.nn.functional.pad(x, widths)


def drawn(rng):
    """A value of a random dtype, shape, content and layout in memory."""
    dtype = str(rng.choice(FLOATS + WHOLE, p=[0.2, 0.25, 0.2, 0.1, 0.1, 0.05, 0.1]))
    shape = SHAPES[rng.integers(len(SHAPES))]
    values = content(rng, shape, dtype)
    layout = rng.integers(4)
    if layout == 1 and len(shape) > 1:
        array = numpy.ascontiguousarray(values.T).T
        return Operand(mt.Tensor(array), torch.from_numpy(array.copy(order="K")))
    if layout == 2 and shape and shape[0]:
        values = numpy.broadcast_to(values[:1], shape).copy()
        return Operand(
            mt.Tensor(numpy.broadcast_to(values[:1], shape)),
            torch.from_numpy(values[:1].copy()).expand(shape),
        )
    if layout == 3:
        return Operand(strided(values), torch.from_numpy(values))
    return Operand(mt.Tensor(values.copy()), torch.from_numpy(values))


def content(rng, shape, dtype):
    kind = rng.integers(3)
    with numpy.errstate(all="ignore"):
        if dtype not in FLOATS:
            values = rng.integers(0 if dtype == "uint8" else -3, 4, shape)
        elif kind == 0:
            values = rng.choice(EXTREME, shape)
        elif kind == 1:
            values = rng.integers(-2, 3, shape)  # ties
        else:
            values = 3 * rng.standard_normal(shape)
        return numpy.asarray(values).astype(dtype)


def program(rng, length):
    """Outcomes of the steps of one program."""
    pool = [drawn(rng) for _ in range(2)]
    for _ in range(length):
        chosen = STEPS[rng.integers(len(STEPS))]
        fitting = [o for o in pool if str(o.ours.dtype) in chosen.dtypes]
        if not fitting:
            pool.append(drawn(rng))
            continue
        operands = [fitting[rng.integers(len(fitting))] for _ in range(chosen.count)]
        call = chosen.call(rng, *(tuple(o.ours.shape) for o in operands))
        outcome, results = judged(chosen, call, operands, rng)
        yield outcome
        pool += results
        if rng.random() < 0.3:
            pool.append(drawn(rng))


def judged(chosen, call, operands, rng):
    """The outcome of one step, and its results if both libraries agree."""
    seed = int(rng.integers(1 << 30))
    given = " ".join(f"{o.ours.dtype}{list(o.ours.shape)}" for o in operands)
    mine, results = attempt(mt, call, [o.ours for o in operands], mt.Tensor, seed)
    theirs, expected = attempt(torch, call, [o.theirs for o in operands], torch.Tensor, seed)
    if mine and theirs:
        return Outcome(chosen.name, "equal"), []
    if mine:
        return Outcome(chosen.name, "refused", f"{given}: {mine}"), []
    if theirs:
        return Outcome(chosen.name, "different", f"{given}: PyTorch raises {theirs}"), []
    scale = max([largest(o.theirs) for o in operands]) if chosen.loose else 0.0
    try:
        compare(results["value"], expected["value"], "value", scale)
        compare(results["gradient"], expected["gradient"], "gradient", max(scale, LARGEST_COTANGENT))
    except AssertionError as error:
        return Outcome(chosen.name, "different", f"{given}: {error}"), []
    same = zip(results["value"], expected["value"], strict=True)
    return Outcome(chosen.name, "equal"), [Operand(mt.Tensor(t.numpy().copy()), t) for _, t in same]


def largest(t):
    values = abs(t.detach().double().numpy())
    return float(values[numpy.isfinite(values)].max(initial=0.0))


def attempt(lib, call, inputs, kind, seed):
    """(None, values and gradients) or (what was raised, None)."""
    leaves = [t.detach() for t in inputs]
    for t in leaves:
        if t.is_floating_point():
            t.requires_grad_()
    try:
        results = call(lib, *leaves)
        if results is NotImplemented:
            return "NotImplemented", None
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        rng = numpy.random.default_rng(seed)
        for result in (r for r in results if r.requires_grad):
            cotangent = rng.integers(1, LARGEST_COTANGENT, tuple(result.shape)).astype(
                str(result.dtype).removeprefix("torch.")
            )
            result.backward(lib.tensor(cotangent), retain_graph=True)
        gradients = [t.grad for t in leaves]
    except (*REFUSALS, AttributeError, AssertionError, ZeroDivisionError, OverflowError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0], None
    return None, {"value": [r.detach() for r in results], "gradient": gradients}


def compare(got, expected, what, scale):
    assert len(got) == len(expected), f"{what}: {len(got)} results, expected {len(expected)}"
    for g, e in zip(got, expected, strict=True):
        assert (g is None) == (e is None), f"{what}: got {g}, expected {e}"
        if e is not None:
            close(g.numpy(), e.numpy(), what, scale)


def close(got, expected, what, scale):
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    if got.dtype.kind == "f":
        eps = EPS[got.dtype.name]
        same = numpy.isclose(
            got.astype("f8"), expected.astype("f8"), rtol=eps, atol=eps * scale, equal_nan=True
        )
    else:
        same = got == expected
    assert same.all(), f"{what}: got {got[~same].ravel()[:3]}, expected {expected[~same].ravel()[:3]}"


@functools.cache
def outcomes(seeds):
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):  # on some CPUs its gelu of infinity is NaN
            return [o for seed in seeds for o in program(numpy.random.default_rng(seed), 1 + seed % 8)]


def test_every_step_can_be_taken():
    """Each op is equal on some input: a table of ops that always raise would say nothing."""
    found = {o.subject for o in outcomes(range(300)) if o.kind == "equal"}
    assert found >= {s.name for s in STEPS}, {s.name for s in STEPS} - found


def test_programs():
    found = outcomes(range(300))
    # the others are for rarer things than a few hundred show
    rows = [d for d in PROGRAMS if any(map(d.covers, found))]
    assert not (missing := unheld(found, rows)), "\n".join(missing)


@pytest.mark.slow
def test_ten_thousand_programs():
    assert not (found := unheld(outcomes(range(1000, 11000)), PROGRAMS)), "\n".join(found)
