"""assert_close says what PyTorch's says; the accelerator is the GPU or none; where gives the places of a condition alone."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer.testing import assert_close

PAIRS = [
    (1.0, 1.0 + 5e-8),
    (1.0, 1.001),
    (1, 1),
    (1, 2),
    ([1.0, 2.0], [1.0, 2.0]),
    ([1.0, 2.0], [1.0]),
    ({"a": 1.0}, {"a": 1.0}),
    ({"a": 1.0}, {"b": 1.0}),
    ({"a": [1.0, {"b": 3.0}]}, {"a": [1.0, {"b": 3.1}]}),
]
ARRAYS = [
    (np.float32([1, 2]), np.float32([1, 2 + 2e-6])),
    (np.float32([1, 2]), np.float32([1, 2 + 3e-5])),
    (np.float64([1, 2]), np.float64([1, 2 + 2e-6])),
    (np.float64([1, 2]), np.float32([1, 2])),
    (np.float64([1, 2]), np.float64([[1, 2]])),
    (np.int64([1, 2]), np.int64([1, 3])),
    (np.float32([np.nan]), np.float32([np.nan])),
    (np.float32([np.inf, 0]), np.float32([np.inf, 0])),
    (np.zeros((0, 2), "float32"), np.zeros((0, 2), "float32")),
]


def passes(check, *pair, **options):
    try:
        check(*pair, **options)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("pair", PAIRS)
def test_containers_and_numbers_as_in_torch(pair):
    assert passes(assert_close, *pair) == passes(torch.testing.assert_close, *pair)


@pytest.mark.parametrize("pair", ARRAYS)
@pytest.mark.parametrize(
    "options",
    [{}, {"equal_nan": True}, {"check_dtype": False}, {"rtol": 0, "atol": 1e-4}, {"rtol": 1e-4, "atol": 0}],
)
def test_tensors_as_in_torch(pair, options):
    expected = passes(torch.testing.assert_close, *map(torch.tensor, pair), **options)
    assert passes(assert_close, *map(mt.tensor, pair), **options) == expected


def test_the_message_says_where_and_by_how_much():
    with pytest.raises(
        AssertionError, match=r"at \['a'\]: at \[1\]: 1 of 2 elements differ.*at \(1,\): expected 2.5"
    ):
        assert_close({"a": [1.0, mt.tensor([1.0, 2.0])]}, {"a": [1.0, mt.tensor([1.0, 2.5])]})
    with pytest.raises(AssertionError, match="^not the same$"):
        assert_close(1.0, 2.0, msg="not the same")
    with pytest.raises(ValueError, match="together or neither"):
        assert_close(1.0, 1.0, rtol=1e-3)


def test_there_is_an_accelerator_or_none():
    found = mt.accelerator.current_accelerator()
    assert mt.accelerator.is_available() == (found is not None) == (mt.accelerator.device_count() > 0)
    assert found is None or found.type == "cuda"
    mt.accelerator.synchronize()


@pytest.mark.parametrize("values", [[[0.0, 2.0], [3.0, 0.0]], [True, False], 0, 5, np.zeros((0, 3))])
def test_where_of_a_condition_alone_gives_its_places(values):
    got, expected = mt.where(mt.tensor(values)), torch.where(torch.tensor(values))
    assert [g.tolist() for g in got] == [e.tolist() for e in expected]
    assert all(g.dtype == mt.int64 for g in got)
    with pytest.raises(TypeError, match="alone, or with both"):
        mt.where(mt.tensor(values), 1.0)


def test_names_of_shapes_and_layouts():
    x = mt.zeros(2, 3)
    assert isinstance(x.shape, mt.Size) and mt.Size([2, 3]) == x.shape and not x.is_sparse
