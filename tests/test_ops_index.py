"""Picking and placing against PyTorch: every kind of index and their mixtures, repeats, masks, lookups."""

import contextlib

import numpy
import pytest
from helpers import against_torch, array, as_numpy, assert_close, check_op, check_values, ids_checked
from later import torch

import minitransformer as mt

F = mt.nn.functional
# (3, 4)
MASK = numpy.array([[True, False, True, False], [False, False, True, True], [True, True, False, False]])
IDS = numpy.array([2, 0, 2, -1])
GRID = numpy.array([[0, 1], [2, 2]])
INDICES = {
    "row": 1,
    "last_row": -1,
    "slice": slice(1, None),
    "step": slice(None, None, 2),
    "empty": slice(2, 2),
    "column": (slice(None), 2),
    "element": (1, 2, 0),
    "range_of_last": (..., slice(0, 1)),
    "ellipsis": ...,
    "ellipsis_between": (0, ..., 1),
    "new": None,
    "new_between": (slice(None), None, 1),
    "new_after_ellipsis": (..., None),
    "integers": IDS,
    "integers_in_a_list": [0, 0, 1],
    "integers_2d": GRID,
    "one_integer_array": numpy.array([1]),
    "scalar_array": numpy.array(1),
    "columns_repeated": (slice(None), IDS),
    "columns_in_a_list": (slice(None), [0, 0, 3]),
    "last_repeated": (..., numpy.array([1, 1, 0])),
    "pairs": (IDS, numpy.array([1, 1, 1, 3])),
    "pairs_broadcast": (GRID, numpy.array([3, 3])),
    "pairs_apart": (IDS, slice(None), numpy.array([1, 1, 0, 1])),
    "integer_and_array": (1, IDS),
    "array_and_slice": (IDS, slice(1, 3)),
    "array_and_new": (IDS, None),
    "none_integers_slice": (None, IDS, slice(None), 0),
    "mask": MASK,
    "mask_rows": MASK[:, 0],
    "mask_columns": (slice(None), MASK[0]),
    "mask_none": numpy.zeros((3, 4), bool),
    "mask_then_integer": (MASK, 1),
    "mask_and_integers": (MASK[:, 0], numpy.array([1, 1])),
    "empty_list": numpy.zeros(0, "int64"),
    "all": (),
    "integer_slice_array": (0, slice(None), numpy.array([1, 1, 0])),
    "integer_mask": (0, MASK[0]),
    "slice_integer_array": (slice(1, None), -1, numpy.array([1, 1, 0])),
    "array_ellipsis_integer": (IDS, ..., 1),
    "new_integer_array": (None, 1, IDS, None),
    "mask_slice_integer": (MASK[:, 0], slice(None), 1),
}


def for_torch(index):
    """An index in PyTorch's types."""
    if isinstance(index, tuple):
        return tuple(for_torch(i) for i in index)
    return torch.tensor(index) if isinstance(index, numpy.ndarray) else index


def for_us(index, convert):
    """An index with its arrays as tensors, or as they are."""
    if isinstance(index, tuple):
        return tuple(for_us(i, convert) for i in index)
    return convert(index) if isinstance(index, numpy.ndarray) else index


@pytest.mark.parametrize("name", INDICES)
def test_getitem(name):
    index = INDICES[name]
    ours = for_us(index, mt.tensor)
    theirs = for_torch(index)
    check_op(lambda lib, x: x[ours if lib is mt else theirs], (3, 4, 2))


@pytest.mark.parametrize("name", [n for n, i in INDICES.items() if isinstance(i, (numpy.ndarray, tuple))])
def test_getitem_by_numpy_arrays(name):
    index = INDICES[name]
    theirs = for_torch(index)
    against_torch(lambda lib, x: x[index if lib is mt else theirs], array(3, 4, 2))


@pytest.mark.parametrize(
    "index",
    [
        slice(None, None, -1),
        slice(None, None, -2),
        (slice(None), slice(-1, 0, -1)),
        (IDS, slice(None, None, -1)),
    ],
    ids=str,
)
def test_negative_steps(index):
    """PyTorch has none: held against NumPy and finite differences."""
    x = array(3, 4)
    assert_close(mt.tensor(x)[for_us(index, mt.tensor)], x[index])
    mt.gradcheck(lambda x: x[for_us(index, mt.tensor)], [mt.tensor(x)])


@pytest.mark.parametrize(
    "shape, index",
    [
        ((4,), 2),
        ((4,), IDS),
        ((1,), 0),
        ((4,), slice(1, 1)),
        ((0, 3), slice(None)),
        ((), ...),
        ((), None),
        ((), ()),
    ],
    ids=str,
)
def test_getitem_of_small_tensors(shape, index):
    ours, theirs = for_us(index, mt.tensor), for_torch(index)
    check_op(lambda lib, x: x[ours if lib is mt else theirs], shape)


def test_getitem_by_a_tensor_of_one_integer():
    i = numpy.array(2)
    check_values(lambda lib, x, i: x[i], array(3, 4), i)
    check_values(lambda lib, x, i: x[:, i], array(3, 4), i)
    x = mt.tensor(array(3, 4))
    assert x[mt.tensor(2)].edited is x.edited


def test_getitem_with_ranges_and_numpy_integers():
    x = array(3, 4)
    assert_close(mt.tensor(x)[range(0, 3, 2)], x[[0, 2]])
    assert_close(mt.tensor(x)[numpy.int64(1), numpy.int64(2)], x[1, 2])


def test_getitem_of_getitem():
    check_op(lambda lib, x: x[1:][:, [0, 0, 2]][..., 1][0], (3, 4, 2))


def test_an_ellipsis_for_no_dimension_does_not_hold_arrays_apart():
    i = numpy.array([0, 1, 1])
    check_values(lambda lib, x, i: x[:, i, ..., i], array(2, 3, 4), i)
    check_values(lambda lib, x, i: x[:, i, ..., i], array(2, 3, 2, 4), i)


def test_index_out_of_range():
    x = mt.ones(3, 4)
    with pytest.raises(IndexError, match=r"getitem: [iI]ndex 3 is out of bounds.*\(3, 4\)"):
        x[3]
    with pytest.raises(IndexError, match="getitem: too many indices"):
        x[0, 0, 0]


def test_later_edits_of_an_index_do_not_reach_the_gradient():
    x, ids = mt.tensor(array(4), requires_grad=True), mt.tensor([1, 1, 3])
    y = x[ids]
    ids.fill_(0)
    y.backward(mt.ones(3))
    assert x.grad.tolist() == [0, 2, 0, 1]


ASSIGNMENTS = {
    name: INDICES[name]
    for name in (
        "row",
        "slice",
        "step",
        "column",
        "element",
        "ellipsis_between",
        "integers_2d",
        "mask",
        "mask_rows",
        "pairs",
    )
}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_setitem(name):
    index = ASSIGNMENTS[name]
    for value in (7.0, 7):
        ours, theirs = mt.tensor(array(3, 4, 2)), torch.tensor(array(3, 4, 2))
        ours[for_us(index, mt.tensor)] = value
        theirs[for_torch(index)] = value
        assert_close(ours, theirs)


def test_setitem_of_tensors():
    ours, theirs = mt.zeros(3, 4), torch.zeros(3, 4)
    for lib, x in ((mt, ours), (torch, theirs)):
        x[:, 0::2] = lib.arange(3).float()[:, None]
        x[1] = lib.tensor([1, 2, 3, 4])
        x[0, 1] = lib.tensor(9.0)
    assert_close(ours, theirs)


def test_setitem_takes_integers_before_arrays():
    ours, theirs = mt.zeros(2, 3, 4), torch.zeros(2, 3, 4)
    for lib, x in ((mt, ours), (torch, theirs)):
        x[0, :, lib.tensor([1, 3])] = lib.tensor([[1.0, 2], [3, 4], [5, 6]])
    assert_close(ours, theirs)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather(dim):
    ids = numpy.array([[2, 0, 1, 1], [0, 0, 2, 1]]) if dim == 0 else numpy.array([[3, 3], [0, 2], [1, 1]])
    check_values(lambda lib, x, ids: lib.gather(x, dim, ids), array(3, 4), ids)
    check_values(lambda lib, x, ids: x.gather(dim, ids), array(3, 4), ids[:1] if dim == 0 else ids[:2])


def test_gather_from_a_scalar():
    check_values(lambda lib, x, ids: x.gather(-1, ids), array(), numpy.array(0))


def test_gather_of_more_dimensions():
    ids = numpy.random.default_rng(0).integers(0, 3, (2, 5, 4))
    check_values(lambda lib, x, ids: x.gather(1, ids), array(2, 3, 4), ids)
    check_values(lambda lib, x, ids: x.gather(0, ids), array(3), ids[0, 0])
    against_torch(lambda lib, x, ids: x.gather(0, ids), numpy.array([5, 6, 7]), ids[0, 0])


def test_gather_without_dimensions_or_elements():
    check_values(lambda lib, x: x.gather(0, lib.tensor([0])), array())
    check_values(lambda lib, x: x.gather(0, lib.tensor(2)), array(3))
    check_values(lambda lib, x: x.gather(-1, lib.zeros((2, 0), dtype=lib.int64)), array(3))
    with pytest.raises(
        ValueError, match=r"gather: index \(3, 1\) is larger than input \(2, 3\) in another dimension than 1"
    ):
        mt.ones(2, 3).gather(1, mt.zeros((3, 1), dtype=mt.int64))


def test_gather_out_of_range():
    with ids_checked(), pytest.raises(IndexError, match=r"gather: index 3 is outside 0\.\.2"):
        mt.ones(2, 3).gather(1, mt.tensor([[3]]))
    with pytest.raises(ValueError, match=r"gather: expected integers of 2 dimensions, got int64 \(1,\)"):
        mt.ones(2, 3).gather(1, mt.tensor([0]))


@pytest.mark.parametrize("value", [0.0, -1e9, float("-inf"), 3])
@pytest.mark.parametrize("shape", [(3, 4), (4,), (3, 1), (1, 1), ()], ids=str)
def test_masked_fill(shape, value):
    mask = array(*shape) > 0
    x = array(3, 4)
    against_torch(lambda lib, x, m: x.masked_fill(m, value), x, mask)
    against_torch(lambda lib, x, m: x.masked_fill(~m, value), x.astype("float32"), mask)


def test_masked_fill_with_a_tensor_gives_it_its_gradient():
    mask = array(3, 4) > 0
    check_op(lambda lib, x, v: x.masked_fill(lib.tensor(mask), v), (3, 4), ())
    check_op(lambda lib, x, v: x.masked_fill(lib.tensor(mask), v), (1,), ())
    against_torch(lambda lib, x, v: x.masked_fill(lib.tensor(mask), v), numpy.arange(4), numpy.array(7))
    against_torch(lambda lib, x: x.masked_fill(lib.tensor(mask), lib.tensor(2.5)), numpy.arange(4))
    with pytest.raises(ValueError, match="a number or a 0-d tensor"):
        mt.ones(3, 4).masked_fill(mt.tensor(mask), mt.ones(1))


def test_masked_fill_in_half_precision_refuses_what_would_become_infinite():
    x, mask = mt.ones(3, dtype=mt.float16), mt.tensor([True, False, False])
    assert x.masked_fill(mask, -float("inf")).tolist() == [-float("inf"), 1, 1]
    with pytest.raises(ValueError, match="expected a number that float16 holds, got -1000000000.0"):
        x.masked_fill(mask, -1e9)


def test_masked_fill_keeps_the_dtype():
    mask = numpy.array([True, False])
    for values in (numpy.array([1, 2]), numpy.array([1, 2], "int32"), numpy.array([False, False])):
        against_torch(lambda lib, x, m: x.masked_fill(m, 1), values, mask)
    against_torch(lambda lib, x, m: x.masked_fill(m == 0, lib.tensor(2.0)), array(2), mask)
    with pytest.raises(TypeError, match="expected a bool mask, got int64"):
        mt.ones(2).masked_fill(mt.tensor([1, 0]), 0)


@pytest.mark.parametrize("name", ["triu", "tril"])
@pytest.mark.parametrize("diagonal", [0, 1, -1, 3, -9])
def test_triangles(name, diagonal):
    for shape in ((3, 3), (2, 4), (4, 2), (2, 3, 3), (1, 1), (0, 3)):
        check_op(lambda lib, x: getattr(lib, name)(x, diagonal), shape)
        check_op(lambda lib, x: getattr(x, name)(diagonal=diagonal), shape)


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8", "float16"])
def test_triangles_keep_the_dtype(dtype):
    against_torch(lambda lib, x: lib.triu(x, 1), numpy.ones((3, 3), dtype))
    against_torch(lambda lib, x: lib.tril(x), numpy.ones((3, 3), dtype))


def test_triangles_drop_what_is_not_a_number():
    against_torch(lambda lib, x: lib.triu(lib.full((3, 3), float("-inf")), 1) + x, array(3, 3))
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        mt.ones(3).triu()


@pytest.mark.parametrize("shape", [(3,), (2, 3), (), (1, 1), (0,), (2, 0)], ids=str)
def test_embedding(shape):
    ids = numpy.random.default_rng(0).integers(0, 5, shape)
    check_values(lambda lib, ids, w: lib.nn.functional.embedding(ids, w), ids, array(5, 4))


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_embedding_of_repeated_ids(dtype):
    ids = numpy.array([[1, 1, 1], [4, 1, 0]], dtype)
    check_values(lambda lib, ids, w: lib.nn.functional.embedding(ids, w).sin(), ids, array(5, 1))


def test_embedding_out_of_vocabulary():
    w = mt.ones(5, 2)
    for ids, bad in (([0, 5], 5), ([-1], -1)):
        with ids_checked(), pytest.raises(IndexError, match=f"id {bad} is outside the vocabulary 0..4"):
            F.embedding(mt.tensor(ids), w)
    with pytest.raises(TypeError, match=r"expected integer ids, got float32; call .long\(\)"):
        F.embedding(mt.tensor([1.0]), w)


def test_where_with_edited_condition_is_noticed():
    x, mask = mt.tensor(array(3), requires_grad=True), mt.tensor([True, False, True])
    y = x.masked_fill(mask, 0)
    mask.fill_(False)
    with pytest.raises(RuntimeError, match="Where: .* edited in place"):
        y.sum().backward()


def test_gather_with_edited_index_is_noticed():
    x, ids = mt.tensor(array(3), requires_grad=True), mt.tensor([1, 2])
    y = x.gather(0, ids)
    ids.fill_(0)
    with pytest.raises(RuntimeError, match="Gather: .* edited in place"):
        y.sum().backward()


def test_the_causal_mask_as_people_write_it():
    against_torch(
        lambda lib, x: x.masked_fill(lib.triu(lib.ones(3, 3), diagonal=1) == 1, float("-inf")).exp(),
        array(3, 3),
    )
    against_torch(
        lambda lib, x: x.masked_fill(lib.ones(3, 3, dtype=lib.bool).triu(1), float("-inf")).softmax(-1),
        array(3, 3),
    )
    assert as_numpy(mt.ones(2, 2, dtype=mt.bool).tril()).tolist() == [[True, False], [True, True]]


PICKS = {
    "x[ids]": lambda x, ids: x[ids],
    "x[:, ids]": lambda x, ids: x.mT[:, ids],
    "x[list]": lambda x, ids: x[ids.tolist()],
    "x[array]": lambda x, ids: x[ids.numpy()],
    "x[None, ids, 1]": lambda x, ids: x[None, ids, 1],
    "x[mask, ids]": lambda x, ids: x.mT[mt.tensor([True, False]), ids],
    "x[ids] = 0": lambda x, ids: x.clone().__setitem__(ids, 0.0) or x,
    "gather": lambda x, ids: x.gather(0, ids.reshape(-1, 1)),
    "nll_loss": lambda x, ids: mt.nn.functional.nll_loss(mt.ones(len(ids), len(x)), ids),
    "embedding": lambda x, ids: mt.nn.functional.embedding(ids, x),
    "cross_entropy": lambda x, ids: mt.nn.functional.cross_entropy(mt.ones(len(ids), len(x)), ids),
}


@pytest.mark.parametrize("name", PICKS)
@pytest.mark.parametrize("ids", [[0, 7], [3, 0], [-4, 1], [1, 1 << 40]])
@pytest.mark.parametrize("watched", [False, True])
def test_an_index_out_of_range_never_picks_another_place(name, ids, watched):
    """It raises; on a device `embedding` and `cross_entropy`, which every step of training asks, give NaN unless watched."""
    with mt.detect_anomaly() if watched else contextlib.nullcontext():
        if mt.ones(1).device.type == "cpu" or watched or name not in ("embedding", "cross_entropy"):
            with pytest.raises(IndexError):
                PICKS[name](array_of_rows(), mt.tensor(ids))
        else:
            assert numpy.isnan(PICKS[name](array_of_rows(), mt.tensor(ids)).numpy()).any()


def array_of_rows():
    return mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_more_weights_than_pytorch_takes_are_refused_whatever_they_are():
    with pytest.raises(ValueError, match=r"at most 2\^24 weights in a row, got 16,777,217"):
        mt.multinomial(mt.ones(2**24 + 1), 1)
