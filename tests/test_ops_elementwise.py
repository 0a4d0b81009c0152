"""Elementwise ops against PyTorch and finite differences, over shapes, broadcasts, and the places where functions bend."""

import math

import numpy
import pytest
from helpers import against_torch, array, arrays, as_numpy, assert_close, check_op, check_values
from later import torch

import minitransformer as mt

SHAPES = [(3, 4), (1, 5), (5, 1), (2, 3, 4), (1,), (), (0, 3), (2, 0)]
PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 3, 4), (3, 1)),
    ((1, 3), (5, 2, 3)),
    ((), (3,)),
    ((3,), ()),
    ((), ()),
    ((1,), (1, 1)),
    ((0, 3), (3,)),
    ((2, 0), (1, 1)),
]
UNARY = {
    "neg": (lambda lib, x: -x, -2, 2),
    "exp": (lambda lib, x: lib.exp(x), -2, 2),
    "log": (lambda lib, x: lib.log(x), 0.1, 3),
    "sqrt": (lambda lib, x: lib.sqrt(x), 0.1, 3),
    "sin": (lambda lib, x: lib.sin(x), -4, 4),
    "cos": (lambda lib, x: lib.cos(x), -4, 4),
    "abs": (lambda lib, x: lib.abs(x), -2, 2),
    "tanh": (lambda lib, x: lib.tanh(x), -3, 3),
    "sigmoid": (lambda lib, x: lib.sigmoid(x), -6, 6),
    "relu": (lambda lib, x: lib.relu(x), -2, 2),
    "silu": (lambda lib, x: lib.nn.functional.silu(x), -6, 6),
    "gelu": (lambda lib, x: lib.nn.functional.gelu(x), -6, 6),
    "gelu_tanh": (lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), -6, 6),
    "clip": (lambda lib, x: lib.clip(x, -0.5, 1.0), -2, 2),
    "clamp_min": (lambda lib, x: lib.clamp(x, min=0.3), -2, 2),
    "clamp_max": (lambda lib, x: x.clamp(max=0.3), -2, 2),
    "plus_number": (lambda lib, x: x + 2, -2, 2),
    "number_plus": (lambda lib, x: 2.5 + x, -2, 2),
    "minus_number": (lambda lib, x: x - 2.5, -2, 2),
    "number_minus": (lambda lib, x: 2 - x, -2, 2),
    "times_number": (lambda lib, x: x * -3, -2, 2),
    "number_times": (lambda lib, x: 0.5 * x, -2, 2),
    "by_number": (lambda lib, x: x / 7, -2, 2),
    "number_by": (lambda lib, x: 7 / x, 0.5, 2),
    "squared": (lambda lib, x: x**2, -2, 2),
    "cubed": (lambda lib, x: lib.pow(x, 3), -2, 2),
    "to_the_half": (lambda lib, x: x**0.5, 0.1, 2),
    "to_the_minus_one": (lambda lib, x: x**-1, 0.5, 2),
    "to_the_zero": (lambda lib, x: x**0, -2, 2),
    "power_of_number": (lambda lib, x: 2**x, -2, 2),
}
BINARY = {
    "add": (lambda lib, a, b: a + b, -2, 2),
    "sub": (lambda lib, a, b: lib.sub(a, b), -2, 2),
    "mul": (lambda lib, a, b: lib.mul(a, b), -2, 2),
    "div": (lambda lib, a, b: lib.div(a, b), 0.5, 2),
    "pow": (lambda lib, a, b: a**b, 0.5, 2),
    "maximum": (lambda lib, a, b: lib.maximum(a, b), -2, 2),
    "minimum": (lambda lib, a, b: lib.minimum(a, b), -2, 2),
    "where": (lambda lib, a, b: lib.where(a.detach() > 0, a, b), -2, 2),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, shape):
    fn, low, high = UNARY[name]
    check_op(fn, shape, low=low, high=high)


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, shapes):
    fn, low, high = BINARY[name]
    check_op(fn, *shapes, low=low, high=high)


@pytest.mark.parametrize("name", BINARY)
def test_binary_with_one_side_constant(name):
    fn, low, high = BINARY[name]
    against_torch(lambda lib, a, b: fn(lib, a.detach(), b), *arrays((3, 1), (4,), low=low, high=high))
    against_torch(lambda lib, a, b: fn(lib, a, b.detach()), *arrays((3, 1), (4,), low=low, high=high))


@pytest.mark.parametrize("name", sorted(BINARY.keys() - {"div"}))
def test_one_tensor_on_both_sides(name):
    fn, _, _ = BINARY[name]
    against_torch(lambda lib, a: fn(lib, a, a), array(3, 4, low=0.5))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_share_the_gradient(name):
    a, b = numpy.array([1.0, 2.0, 3.0, 0.0]), numpy.array([1.0, 5.0, 3.0, -0.0])
    against_torch(BINARY[name][0], a, b)


@pytest.mark.parametrize("name", ["abs", "relu", "clip", "clamp_min", "clamp_max"])
def test_slope_at_the_bend(name):
    x = numpy.array([-0.5, 0.0, -0.0, 0.3, 1.0])
    against_torch(UNARY[name][0], x)


def test_where_condition_may_be_the_widest():
    condition = numpy.array([[True], [False], [True]])
    check_values(lambda lib, c, a, b: lib.where(c, a, b), condition, array(4), array(1, seed=1))
    check_values(lambda lib, c, a: lib.where(c, a, 0.0), condition, array(4))
    check_values(lambda lib, c, a: lib.where(c, -1.0, a), condition, array(4))


@pytest.mark.parametrize("numbers", [(1.0, 0.0), (1, 0), (1, 0.5), (True, False)])
def test_where_of_two_numbers(numbers):
    condition = numpy.array([[True], [False], [True]])
    against_torch(lambda lib, c: lib.where(c, *numbers), condition)


def test_where_refuses_a_condition_that_is_not_boolean():
    with pytest.raises(TypeError, match="expected a bool condition, got float32"):
        mt.where(mt.ones(3), mt.ones(3), mt.zeros(3))


def test_clip_needs_a_bound():
    with pytest.raises(ValueError, match="at least one of min and max"):
        mt.ones(3).clip()


def test_power_at_zero():
    a, b = numpy.array([0.0, 0.0, 2.0]), numpy.array([1.0, 2.0, 0.0])
    against_torch(lambda lib, a, b: a**b, a, b)
    against_torch(lambda lib, a: a**2, a)
    against_torch(lambda lib, b: 0**b, b[:2])


INTEGERS = {
    "neg": lambda lib, x: -x,
    "exp": lambda lib, x: lib.exp(x),
    "sqrt": lambda lib, x: lib.sqrt(x),
    "log": lambda lib, x: lib.log(x),
    "sin": lambda lib, x: lib.sin(x),
    "tanh": lambda lib, x: lib.tanh(x),
    "sigmoid": lambda lib, x: lib.sigmoid(x),
    "abs": lambda lib, x: lib.abs(-x),
    "relu": lambda lib, x: lib.relu(x - 2),
    "clip": lambda lib, x: lib.clip(x, 2, 3),
    "clip_float": lambda lib, x: lib.clip(x, 1.5, 3.0),
    "clip_one_float": lambda lib, x: lib.clip(x, max=2.5),
    "squared": lambda lib, x: x**2,
    "square_root": lambda lib, x: x**0.5,
    "power_of_two": lambda lib, x: 2**x,
    "div": lambda lib, x: x / 2,
    "div_by": lambda lib, x: 2 / x,
    "mul": lambda lib, x: x * 1.5,
    "maximum": lambda lib, x: lib.maximum(x, 4 - x),
    "where": lambda lib, x: lib.where(x > 2, x, 0),
    "where_float": lambda lib, x: lib.where(x > 2, x, 0.5),
}


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("name", INTEGERS)
def test_integers(name, dtype):
    against_torch(INTEGERS[name], numpy.array([[1, 2, 3], [4, 1, 2]], dtype))


@pytest.mark.parametrize("fn", [mt.nn.functional.gelu, mt.nn.functional.silu])
def test_integers_become_floats(fn):
    assert_close(fn(mt.tensor([1, -2])), fn(mt.tensor([1.0, -2.0])))


def test_numpy_scalars_do_not_widen():
    x = mt.ones(3)
    for scalar in (numpy.float64(2), numpy.float32(2), numpy.sqrt(64), numpy.int64(2)):
        results = [
            x * scalar,
            scalar * x,
            x / scalar,
            scalar / x,
            x + scalar,
            scalar - x,
            x**scalar,
            scalar**x,
            x.clip(max=scalar),
        ]
        assert {r.dtype for r in results} == {mt.float32}


def test_division_by_a_number_rounds_once():
    n = numpy.arange(1.0, 200.0)
    for dtype in ("float64", "float32"):
        x = n.astype(dtype)
        quotients = numpy.stack([as_numpy(mt.tensor(x) / float(d)) for d in n])
        numpy.testing.assert_array_equal(
            quotients, numpy.stack([torch.tensor(x).div(float(d)).numpy() for d in n])
        )
    assert (mt.tensor([0.0, 1e-320], dtype=mt.float64) / 1e-310).tolist() == pytest.approx(
        [0, 1e-10], rel=1e-3
    )


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "silu", "gelu", "gelu_tanh"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_out_nothing_overflows(name, dtype):
    x = numpy.array([-1e4, -200.0, -89.0, -40.0, -9.0, -1e-6, 0.0, 1e-6, 9.0, 40.0, 89.0, 200.0, 1e4], dtype)
    with numpy.errstate(over="raise", invalid="raise", divide="raise"):
        against_torch(UNARY[name][0], x)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
def test_gelu_is_precise_near_zero_and_in_the_tail(name):
    """Each entry against PyTorch, not only relative to the largest: the tail is small but not zero."""
    for x in (array(1001, low=-1e-3, high=1e-3), array(1001, low=-4, high=-2)):
        ours, theirs = (UNARY[name][0](lib, lib.tensor(x)) for lib in (mt, torch))
        numpy.testing.assert_allclose(as_numpy(ours), as_numpy(theirs), rtol=1e-9, atol=0)


def test_gelu_refuses_unknown_words():
    with pytest.raises(ValueError, match="expected approximate 'none' or 'tanh', got 'fast'"):
        mt.nn.functional.gelu(mt.ones(2), approximate="fast")


def test_inf_and_nan_pass_through():
    x = numpy.array([math.inf, -math.inf, math.nan, 1.0])
    for name in ("neg", "exp", "relu", "tanh", "sigmoid", "plus_number", "times_number"):
        ours, theirs = (UNARY[name][0](lib, lib.tensor(x)) for lib in (mt, torch))
        assert_close(ours, theirs, what=name)


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"^add: .*got \(2, 3\) float32 .*, \(4,\) float32"):
        mt.ones(2, 3) + mt.ones(4)
