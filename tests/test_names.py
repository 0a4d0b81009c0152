"""Names and forms that public programs use: old constructors, NumPy's names of arguments, limits, printing, unknown names."""

import inspect

import numpy
import pytest
from later import torch

import minitransformer as mt

OLD = "HalfTensor FloatTensor DoubleTensor CharTensor ByteTensor ShortTensor IntTensor LongTensor BoolTensor".split()


@pytest.mark.parametrize("name", OLD)
def test_old_constructors(name):
    ours, theirs = getattr(mt, name), getattr(torch, name)
    made, expected = ours([[1, 0, 1]]), theirs([[1, 0, 1]])
    assert made.tolist() == expected.tolist() and made.type() == expected.type() == f"torch.{name}"
    assert str(expected.dtype) == f"torch.{made.dtype}"
    assert ours(2, 3).shape == (2, 3) and ours().shape == theirs().shape == (0,)
    assert isinstance(made, ours) and not isinstance(mt.zeros(1, dtype="int32"), mt.LongTensor)
    assert not isinstance([1], ours)
    for form in (ours, f"torch.{name}", made.dtype):
        assert mt.ones(2).type(form).dtype == made.dtype


def test_old_constructors_say_what_does_not_fit():
    with pytest.raises(TypeError, match="expected a dtype or a name such as"):
        mt.ones(2).type("torch.QuaternionTensor")


AXES = {
    "sum": (lambda x, **k: x.sum(**k), 1),
    "mean": (lambda x, **k: x.mean(**k), 1),
    "var": (lambda x, **k: x.var(**k), 1),
    "amax": (lambda x, **k: x.amax(**k), 1),
    "argmax": (lambda x, **k: x.argmax(**k), 1),
    "all": (lambda x, **k: x.all(**k), 1),
    "logsumexp": (lambda x, **k: x.logsumexp(**k), 1),
    "prod": (lambda x, **k: x.prod(**k), 1),
}


@pytest.mark.parametrize("name", AXES)
def test_numpy_s_names_of_arguments(name):
    fn, dim = AXES[name]
    x = mt.tensor(numpy.arange(1.0, 7.0).reshape(2, 3))
    assert fn(x, axis=dim, keepdims=True).tolist() == fn(x, dim=dim, keepdim=True).tolist()
    assert fn(x, axis=dim).shape == fn(torch.ones(2, 3), axis=dim).shape
    with pytest.raises(TypeError, match="got axis and dim"):
        fn(x, axis=dim, dim=dim)


def test_numpy_s_names_elsewhere():
    x = mt.ones(2, 3)
    assert mt.cat([x, x], axis=1).shape == (2, 6) and mt.stack([x, x], axis=1).shape == (2, 2, 3)
    assert mt.softmax(x, axis=1).shape == (2, 3) and x.squeeze(axis=0).shape == (2, 3)
    assert x.max(axis=1).values.shape == (2,) and x.sort(axis=0).indices.shape == (2, 3)
    assert "axis" not in inspect.signature(mt.sum).parameters


def test_sizes_by_name():
    for make in (mt.zeros, mt.ones, mt.empty, mt.rand, mt.randn):
        assert make(size=(2, 3)).shape == make(2, 3).shape == make((2, 3)).shape
        with pytest.raises(TypeError, match="expected sizes once"):
            make(2, size=(2, 3))
    x = mt.ones(4, 2)
    assert [p.shape for p in x.split(split_size=3)] == [p.shape for p in x.split(3)]
    with pytest.raises(TypeError, match="expected the size of every part"):
        x.split()


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_finfo(name):
    ours, theirs = mt.finfo(getattr(mt, name)), torch.finfo(getattr(torch, name))
    assert ours.dtype == theirs.dtype
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
        assert getattr(ours, field) == pytest.approx(
            getattr(theirs, field), rel=1e-2 * (field == "resolution")
        )
    assert mt.finfo() == mt.finfo(mt.float32) and type(ours.min) is float
    with pytest.raises(TypeError, match="iinfo has integers"):
        mt.finfo(mt.int64)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    ours, theirs = mt.iinfo(getattr(mt, name)), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field)
    with pytest.raises(TypeError, match="finfo has real numbers"):
        mt.iinfo(mt.float32)


def test_a_tensor_of_one_integer_is_an_index():
    for shape in ((), (1,), (1, 1)):
        assert [10, 20, 30][mt.full(shape, 1)] == 20
        assert list(range(mt.full(shape, 2))) == [0, 1]
    with pytest.raises(TypeError):
        [10, 20, 30][mt.tensor([1, 2])]
    with pytest.raises(TypeError):
        [10, 20, 30][mt.tensor([1.0])]


def test_what_python_asks_of_a_tensor():
    x = mt.tensor(1.23456)
    assert f"{x:.2f}" == f"{torch.tensor(1.23456):.2f}" == "1.23"
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert max(mt.tensor(1), mt.tensor(2)).item() == 2
    y = mt.tensor([-3.5, 2.0])
    assert (y // 2).tolist() == [-2.0, 1.0] and (y % 2).tolist() == [0.5, 0.0]
    assert isinstance(y.dtype, mt.dtype) and mt.is_tensor(y) and not mt.is_tensor([1.0])
    assert y.byte().dtype == mt.uint8 and y.short().dtype == mt.int16 and y.char().dtype == mt.int8
    assert not (y.is_xpu or y.is_mps or torch.ones(1).is_xpu or torch.ones(1).is_mps)
    assert y.pin_memory() is y and y.is_cuda == (y.device != "cpu") == (y.get_device() >= 0)


@pytest.mark.host("a device is written as well")
def test_printing():
    x = mt.tensor([1 / 3, 2000.0])
    try:
        mt.set_printoptions(precision=2, sci_mode=False)
        assert repr(x) == "tensor([   0.33, 2000.  ])"
        mt.set_printoptions(sci_mode=True)
        assert repr(x) == "tensor([3.33e-01, 2.00e+03])"
        mt.set_printoptions(profile="short", sci_mode=False)
        assert repr(mt.arange(2000)) == "tensor([   0,    1, ..., 1998, 1999])"
        mt.set_printoptions(profile="full")
        assert "..." not in repr(mt.arange(2000))
    finally:
        mt.set_printoptions(profile="default")
    with pytest.raises(ValueError, match="expected one of default, short, full"):
        mt.set_printoptions(profile="long")


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda: mt.einsun, "module 'minitransformer' has no attribute 'einsun'; did you mean 'einsum'"),
        (
            lambda: mt.nn.Linaer,
            "module 'minitransformer.nn' has no attribute 'Linaer'; did you mean 'Linear'",
        ),
        (lambda: mt.nn.functional.sofmax, "functional' has no attribute 'sofmax'; did you mean 'softmax'"),
        (lambda: mt.ones(1).sofmax, "a tensor has no attribute 'sofmax'; did you mean 'softmax'"),
        (lambda: mt.ones(1).qqqqqqq, "a tensor has no attribute 'qqqqqqq'$"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(ask, message):
    with pytest.raises(AttributeError, match=message):
        ask()
    assert not hasattr(mt.ones(1), "__array_interface__")


def test_where_as_a_method_and_with_bytes():
    x = mt.tensor([1.0, -2.0, 3.0])
    assert x.where(x > 0, 0.0).tolist() == [1.0, 0.0, 3.0]
    assert mt.where(mt.tensor([1, 0, 1]).byte(), x, -x).tolist() == [1.0, 2.0, 3.0]
