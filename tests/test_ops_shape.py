"""Ops that move data: against PyTorch, and their views share memory where PyTorch's do."""

import math

import numpy
import pytest
from helpers import against_torch, array, as_numpy, assert_close, check_op, check_values

import minitransformer as mt

RESHAPES = [
    ((2, 6), (3, 4)),
    ((2, 6), (12,)),
    ((2, 6), (-1, 2)),
    ((12,), (2, 1, -1)),
    ((1,), ()),
    ((), (1, 1)),
    ((0, 3), (3, 0)),
    ((2, 0), (0,)),
]


@pytest.mark.parametrize("shape, new", RESHAPES, ids=str)
def test_reshape(shape, new):
    check_op(lambda lib, x: x.reshape(new), shape)
    check_op(lambda lib, x: lib.reshape(x, new), shape)
    against_torch(lambda lib, x: x.contiguous().view(*new) if new else x.contiguous().view(()), array(*shape))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (-1, 1, 0)], ids=str)
def test_permute(order):
    check_op(lambda lib, x: x.permute(*order), (2, 3, 4))
    check_op(lambda lib, x: lib.permute(x, order), (2, 1, 3))
    check_op(lambda lib, x: x.permute(order).reshape(-1), (2, 3, 4))


@pytest.mark.parametrize("dims", [(0, 1), (1, 2), (-1, -2), (0, -1), (1, 1)], ids=str)
def test_transpose(dims):
    check_op(lambda lib, x: lib.transpose(x, *dims), (2, 3, 4))
    check_op(lambda lib, x: x.transpose(*dims).contiguous(), (2, 0, 3))


def test_transposes_by_name():
    check_op(lambda lib, x: x.t() @ x, (2, 3))
    check_op(lambda lib, x: x.T, (2, 3))
    check_op(lambda lib, x: x.mT, (2, 3, 4))
    check_op(lambda lib, x: x.t(), (3,))
    check_op(lambda lib, x: x.transpose(0, -1), ())


@pytest.mark.parametrize(
    "shape, new",
    [
        ((3, 1), (3, 4)),
        ((1, 4), (-1, 4)),
        ((4,), (2, 3, 4)),
        ((2, 1, 3), (5, 2, -1, -1)),
        ((), (2,)),
        ((1, 3), (0, 3)),
        ((1,), (1,)),
    ],
    ids=str,
)
def test_expand(shape, new):
    check_op(lambda lib, x: x.expand(*new), shape)
    check_op(lambda lib, x: x.expand(new) * 2, shape)


def test_expand_as():
    check_op(lambda lib, x, y: x.expand_as(y) + y, (3, 1), (2, 3, 4))


@pytest.mark.parametrize("shape", [(1, 3, 1), (2, 3), (1,), (), (1, 0)], ids=str)
def test_squeeze_and_unsqueeze(shape):
    check_op(lambda lib, x: x.squeeze(), shape)
    check_op(lambda lib, x: lib.squeeze(x, 0), shape)
    check_op(lambda lib, x: x.squeeze(-1), shape)
    for dim in range(-len(shape) - 1, len(shape) + 1):
        check_op(lambda lib, x, d=dim: lib.unsqueeze(x, d), shape)


def test_squeeze_several():
    check_op(lambda lib, x: x.squeeze((0, 2)), (1, 3, 1, 1))


@pytest.mark.parametrize("dims", [(), (1,), (0, 1), (1, -1), (-2, -1), (2, 2)], ids=str)
def test_flatten(dims):
    check_op(lambda lib, x: lib.flatten(x, *dims), (2, 3, 4))
    check_op(lambda lib, x: x.flatten(*dims), (2, 0, 1))


def test_flatten_a_scalar():
    check_op(lambda lib, x: x.flatten(), ())


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat(dim):
    shapes = [(2, 3), (2, 3), (2, 3)]
    shapes[1] = (4, 3) if dim == 0 else (2, 1)
    shapes[2] = (0, 3) if dim == 0 else (2, 0)
    check_op(lambda lib, *xs: lib.cat(xs, dim=dim), *shapes)
    check_op(lambda lib, x: lib.cat([x, x, x * 2], dim), (2, 3))
    check_op(lambda lib, x, y: lib.concat([x, y.detach()]), (2,), (3,), differences=False)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_stack(dim):
    check_op(lambda lib, *xs: lib.stack(xs, dim=dim), (2, 3), (2, 3), (2, 3))


def test_stack_scalars():
    check_op(lambda lib, x, y: lib.stack([x, y, x]), (), ())


@pytest.mark.parametrize("sizes", [1, 2, 3, 7, [1, 5, 0], [6], (2, 4)], ids=str)
@pytest.mark.parametrize("dim", [0, -1])
def test_split(sizes, dim):
    shape = (6, 2) if dim == 0 else (2, 6)
    against_torch(lambda lib, x: lib.split(x, sizes, dim=dim), array(*shape))
    against_torch(lambda lib, x: x.split(sizes, dim)[-1], array(*shape))  # the others hear nothing
    check_op(lambda lib, x: x.split(sizes, dim)[0].sin() + x.split(sizes, dim)[0], shape)


@pytest.mark.parametrize("chunks", [1, 2, 3, 4, 9])
def test_chunk(chunks):
    against_torch(lambda lib, x: lib.chunk(x, chunks), array(7, 2))
    against_torch(lambda lib, x: x.chunk(chunks, dim=-1), array(2, 6))


def test_chunks_of_a_projection():
    """Query, key and value from one tensor, one of them used twice and one not at all."""

    def fn(lib, x):
        q, k, _ = x.chunk(3, dim=-1)
        return q @ k.transpose(-2, -1) + q.sum()

    check_op(fn, (2, 4, 6))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_unbind(dim):
    against_torch(lambda lib, x: lib.unbind(x, dim), array(3, 2, 4))
    against_torch(lambda lib, x: x.unbind(dim)[1] * 2, array(3, 2, 4))
    assert mt.ones(2, 0).unbind(1) == ()


def test_iteration_gives_rows():
    against_torch(lambda lib, x: tuple(x), array(3, 2))
    against_torch(lambda lib, x: tuple(x), array(3))


@pytest.mark.parametrize(
    "dtypes",
    [
        ("float32", "float64"),
        ("float64", "float32"),
        ("int64", "float32"),
        ("bool", "int64"),
        ("float32", "float16"),
    ],
    ids=str,
)
def test_joining_different_dtypes(dtypes):
    """The result has the common dtype; each part's gradient its own."""
    a, b = (array(2, 3, seed=i, high=3, low=1).astype(d) for i, d in enumerate(dtypes))
    against_torch(lambda lib, a, b: lib.cat([a, b], 1), a, b, rtol=1e-3)
    against_torch(lambda lib, a, b: lib.stack([a, b], 1), a, b, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_integers(dtype):
    x = numpy.array([[3, 1, 2, 0], [0, 1, 4, 1]]).astype(dtype)
    for fn in (
        lambda lib, x: x.reshape(4, 2),
        lambda lib, x: x.permute(1, 0),
        lambda lib, x: x[None].expand(2, -1, -1),
        lambda lib, x: lib.cat([x, x], 1),
        lambda lib, x: lib.stack([x, x]),
        lambda lib, x: x.split(1, dim=1),
        lambda lib, x: lib.triu(x),
        lambda lib, x: x.tril(1),
    ):
        against_torch(fn, x)


VIEWS = {
    "reshape": lambda x: x.reshape(3, 2),
    "view": lambda x: x.view(-1),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "T": lambda x: x.T,
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "expand": lambda x: x.expand(4, 2, 3),
    "row": lambda x: x[1],
    "element": lambda x: x[1, 2],
    "row_element": lambda x: x[1][2],
    "slice": lambda x: x[:, 1:],
    "backwards": lambda x: x[:, ::-1],
    "split": lambda x: x.split(2, dim=1)[1],
    "unbind": lambda x: x.unbind(0)[1],
    "iterate": lambda x: list(x)[1],
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "chain": lambda x: x.detach()[1:].T.reshape(3)[1:],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_count_edits_together(name):
    x = mt.tensor(array(2, 3))
    v = VIEWS[name](x)
    x.fill_(5)
    assert (as_numpy(v) == 5).all()
    assert v.edited is x.edited
    if name != "expand":  # many elements of an expanded view are one
        v.fill_(7)
        assert as_numpy(x)[1, 2] == 7


@pytest.mark.parametrize(
    "copy",
    [
        lambda x: x.T.reshape(-1),
        lambda x: x[[0, 1]],
        lambda x: x[x > -9],
        lambda x: x.clone(),
        lambda x: x.T.contiguous(),
        lambda x: mt.cat([x]),
    ],
)
def test_copies_share_nothing(copy):
    x = mt.tensor(array(2, 3))
    y = copy(x)
    y.fill_(7)
    assert y.edited is not x.edited
    assert not (as_numpy(x) == 7).any()


def test_wrong_shapes_say_what_came():
    x = mt.ones(2, 3)
    with pytest.raises(ValueError, match=r"reshape: \(2, 3\) has 6 elements, which do not fill \(4, 2\)"):
        x.reshape(4, 2)
    with pytest.raises(ValueError, match=r"do not fill \(-1, 4\)"):
        x.view(-1, 4)
    with pytest.raises(ValueError, match=r"do not fill \(-1, -1\)"):
        x.reshape(-1, -1)
    with pytest.raises(ValueError, match="each of 2 dimensions once"):
        x.permute(0, 0)
    with pytest.raises(ValueError, match="each of 2 dimensions once"):
        x.permute(0)
    with pytest.raises(IndexError, match="dimension 2 is out of range"):
        x.transpose(0, 2)
    with pytest.raises(ValueError, match="expand"):
        x.expand(4, 3)
    with pytest.raises(ValueError, match="expected at least one tensor"):
        mt.cat([])
    with pytest.raises(ValueError, match=r"concatenate: .*\(2, 3\).*\(2, 4\)"):
        mt.cat([x, mt.ones(2, 4)])
    with pytest.raises(ValueError, match="expected tensors of one shape"):
        mt.stack([x, mt.ones(3, 2)])
    with pytest.raises(ValueError, match="add up to 4, but dimension 1 has 3"):
        x.split([2, 2], dim=1)
    with pytest.raises(ValueError, match="at most 2 dimensions"):
        mt.ones(1, 2, 3).t()
    with pytest.raises(ValueError, match="flatten"):
        mt.ones(2, 3, 4).flatten(2, 1)


def test_sizes_may_be_numpy_integers():
    n = numpy.int64(2)
    assert mt.zeros(n).shape == (2,)
    assert mt.ones(n, n).reshape(n * n).shape == (4,)
    assert mt.ones(1).expand(n).shape == (2,)


def test_non_contiguous_chain():
    check_values(
        lambda lib, x: (x.transpose(1, 2).reshape(2, 12)[:, 1:].contiguous() * 2).view(11, 2), array(2, 3, 4)
    )
    x = mt.tensor(array(2, 3))
    assert x.T.is_contiguous() is False
    assert x.T.contiguous().is_contiguous() is True
    assert x.contiguous() is x
    assert_close(x.T.contiguous(), as_numpy(x).T)


@pytest.mark.parametrize("repeats", [(1, 1), (4, 1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("train", [False, True])
def test_a_repeated_tensor_has_memory_of_its_own(repeats, train):
    """A kernel repeated in front becomes a parameter: it can be set, and what it was made of stays as it was."""
    x = mt.ones(2, 3, requires_grad=train)
    for repeated in (x.repeat(*repeats), mt.tile(x, repeats)):
        weight = mt.nn.Parameter(repeated.detach())
        mt.nn.init.zeros_(weight)
        assert x.sum().item() == 6 and weight.sum().item() == 0
    if train:
        x.repeat(*repeats).sum().backward()
        assert (x.grad == math.prod(repeats)).all()
