"""What older programs do with tensors, and what is refused with a way out."""

import math

import numpy
import pytest
from helpers import array

import minitransformer as mt


@pytest.mark.host("a Python function of each element is for the CPU alone")
def test_a_python_function_of_each_element():
    x = mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.t().apply_(lambda n: n * n).tolist() == [[1.0, 9.0], [4.0, 16.0]]
    assert x.tolist() == [[1.0, 4.0], [9.0, 16.0]]
    with pytest.raises(RuntimeError, match="has no gradient"):
        mt.ones(2, requires_grad=True).apply_(math.sqrt)


def test_another_size_in_place():
    x = mt.arange(6.0)
    assert x.resize_(2, 2) is x and x.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert x.resize_((5,))[:4].tolist() == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError, match="use reshape or pad"):
        mt.ones(2, requires_grad=True).resize_(1)


def test_new_of_sizes_and_of_data():
    x = mt.ones(2, dtype=mt.float64)
    assert x.new(3, 1).shape == (3, 1) and x.new(3, 1).dtype == mt.float64 and x.new().shape == (0,)
    assert x.new([1, 2]).tolist() == [1.0, 2.0] and x.new([1, 2]).dtype == mt.float64


def test_strides_and_the_views_that_there_are():
    x = mt.tensor(array(2, 3, 4))
    assert x.stride() == (12, 4, 1) and x.transpose(0, 2).stride(0) == 1 and x.ndimension() == 3
    with pytest.raises(NotImplementedError, match="use unfold for windows"):
        mt.as_strided(x, (2, 2), (1, 1))


def test_questions_about_a_dtype():
    assert mt.is_signed(mt.ones(1)) and not mt.is_signed(mt.ones(1, dtype=mt.uint8))
    assert mt.is_nonzero(mt.tensor([-1])) and not mt.is_complex(mt.ones(1))
    assert mt.get_default_dtype() == mt.float32
    mt.set_default_dtype(mt.float32)
    with pytest.raises(NotImplementedError, match="convert a module by"):
        mt.set_default_dtype(mt.float64)


def test_a_number_of_numpy_compares_with_a_tensor_wherever_it_is():
    x = mt.tensor([1.0, 2.0])
    for number in (numpy.float64(2), numpy.int64(2), numpy.float32(2)):
        assert (x == number).tolist() == [False, True] and (x < number).tolist() == [True, False]
        assert (number >= x).tolist() == [True, True]


def test_the_version_under_pytorch_s_names():
    assert mt.version.__version__ == mt.__version__ and mt.version.hip is None
    assert mt.version.cuda is None or mt.version.cuda.split(".")[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'git_version'"):
        mt.version.git_version  # noqa: B018


def test_functions_of_special():
    x = mt.tensor([0.0, 0.25, 1.0], dtype=mt.float64)
    assert mt.allclose(mt.special.entr(x), mt.tensor([0.0, 0.25 * math.log(4), 0.0], dtype=mt.float64))
    y = mt.tensor([-3.0, 0.0, 1.5], dtype=mt.float64)
    assert mt.allclose(mt.special.ndtri(mt.special.ndtr(y)), y, rtol=1e-10)
    assert mt.special.expit(mt.zeros(1)).item() == 0.5
