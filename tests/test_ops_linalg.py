"""Matrix products against PyTorch and finite differences: vectors, batches, broadcasts, sizes of one and none."""

import numpy
import pytest
from helpers import against_torch, array, arrays, check_op

import minitransformer as mt

F = mt.nn.functional
PRODUCTS = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (1, 5, 3, 1)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 5, 1, 3), (3,)),
    ((1, 1), (1, 1)),
    ((2, 1), (1, 3)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 3)),
    ((2, 3), (3, 0)),
    ((0, 2, 3), (3, 4)),
    ((0,), (0,)),
]


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_matmul(shapes):
    check_op(lambda lib, a, b: lib.matmul(a, b), *shapes)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3, 4))], ids=str)
def test_matmul_with_one_side_constant(shapes):
    against_torch(lambda lib, a, b: a.detach() @ b, *arrays(*shapes))
    against_torch(lambda lib, a, b: a @ b.detach(), *arrays(*shapes))


def test_matmul_with_itself():
    check_op(lambda lib, a: a @ a, (3, 3))
    check_op(lambda lib, a: a @ a.transpose(-2, -1), (2, 3, 4))
    check_op(lambda lib, a: a @ a, (3,))


def test_matmul_of_integers():
    against_torch(lambda lib, a, b: a @ b, numpy.array([[1, 2], [3, 4]]), numpy.array([[5, 6], [7, 8]]))


@pytest.mark.parametrize(
    "shapes, message",
    [
        (((2, 3, 4), (5, 6)), r"matmul: inner sizes differ: \(2, 3, 4\) @ \(5, 6\): 4 != 5"),
        (((3,), (4,)), r"matmul: inner sizes differ: \(3,\) @ \(4,\): 3 != 4"),
        (((2, 3), (2,)), r"inner sizes differ: \(2, 3\) @ \(2,\): 3 != 2"),
        (((), (3,)), r"at least 1 dimension each, got \(\) @ \(3,\); use \*"),
        (((2, 3, 4), (3, 4, 5)), r"matmul: .*\(2, 3, 4\) float32.*\(3, 4, 5\) float32"),
    ],
)
def test_matmul_of_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        mt.ones(*shapes[0]) @ mt.ones(*shapes[1])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "shape, n_in, n_out",
    [
        ((2, 3), 3, 4),
        ((3,), 3, 4),
        ((2, 5, 3), 3, 1),
        ((1, 1), 1, 1),
        ((2, 1, 2, 3), 3, 2),
        ((0, 3), 3, 4),
        ((2, 0, 3), 3, 4),
        ((2, 0), 0, 3),
    ],
    ids=str,
)
def test_linear(shape, n_in, n_out, bias):
    shapes = [shape, (n_out, n_in)] + [(n_out,)] * bias
    check_op(lambda lib, x, w, *b: lib.nn.functional.linear(x, w, *b), *shapes)


@pytest.mark.parametrize("constant", [0, 1, 2])
def test_linear_with_parts_constant(constant):
    def fn(lib, *tensors):
        return lib.nn.functional.linear(*[t.detach() if i == constant else t for i, t in enumerate(tensors)])

    against_torch(fn, *arrays((2, 5, 3), (4, 3), (4,)))


def test_linear_of_transposed_memory():
    check_op(lambda lib, x, w: lib.nn.functional.linear(x.transpose(0, 1), w.T), (5, 2, 3), (3, 4))


def test_linear_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"expected input \(.., 3\) for weight \(4, 3\), got \(2, 5\)"):
        F.linear(mt.ones(2, 5), mt.ones(4, 3))
    with pytest.raises(RuntimeError, match="input is float64, weight is float32"):
        F.linear(mt.ones(2, 3).double(), mt.ones(4, 3))
    with pytest.raises(ValueError, match=r"linear: .*\(4, 3\).*\(5,\)"):
        F.linear(mt.ones(2, 3), mt.ones(4, 3), mt.ones(5))
    with pytest.raises(ValueError, match=r"linear: expected a weight \(n_out, n_in\), got \(3,\)"):
        F.linear(mt.ones(2, 3), mt.ones(3))


def test_single_precision_over_a_long_inner_size():
    a, b = array(3, 2000).astype("float32"), array(2000, 5).astype("float32")
    against_torch(lambda lib, a, b: a @ b, a, b, rtol=1e-5)
