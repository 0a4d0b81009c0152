"""Edits in place, anywhere in a random program: backward notices, or it did not need the old values."""

import numpy
import pytest

import minitransformer as mt

SHAPES = [(2, 3), (3,), (3, 2), (2, 3)]
ONE = [
    lambda x: x + 1,
    lambda x: x.exp(),
    lambda x: x.tanh(),
    lambda x: x.softmax(-1),
    lambda x: x.relu(),
    lambda x: x**2,
    lambda x: x.reshape(-1),
    lambda x: x.T if x.ndim == 2 else x,
    lambda x: x[..., :1],
    lambda x: x.var(-1),
    lambda x: x.max(-1)[0],
    lambda x: x.cumsum(-1),
    lambda x: x.masked_fill(x > 0, 0.5),
]
TWO = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a / (b.abs() + 1),
    lambda a, b: mt.maximum(a, b),
    lambda a, b: mt.where(a > b, a, b),
    lambda a, b: a @ b,
    lambda a, b: mt.stack([a, b]),
]
EDITS = [
    lambda t: t.data.add_(1.0),
    lambda t: t.detach().mul_(3.0),
    lambda t: t.data.reshape(-1)[:1].fill_(9.0),
    lambda t: t.data.T.mul_(2.0) if t.ndim == 2 else t.zero_(),
    lambda t: t.__setitem__(..., 0.25),
    lambda t: setattr(t, "data", t.data * 1.5),
]


def gradients(seed, edited):
    """What the leaves of a program receive; None if one of its tensors was edited meanwhile and backward noticed."""
    random = numpy.random.default_rng(seed)
    leaves = [mt.tensor(random.standard_normal(shape), requires_grad=True) for shape in SHAPES]
    tensors = list(leaves)
    for _ in range(6):
        op, given = (ONE[random.integers(len(ONE))], 1) if random.random() < 0.5 else (TWO[random.integers(len(TWO))], 2)
        inputs = [tensors[random.integers(len(tensors))] for _ in range(given)]
        try:
            tensors.append(op(*inputs))
        except (ValueError, IndexError):  # shapes that do not fit
            continue
    result = sum((t.sum() for t in tensors), mt.tensor(0.0))
    edit, place = EDITS[random.integers(len(EDITS))], tensors[random.integers(len(tensors))]
    if edited:
        with mt.no_grad():
            edit(place)
    try:
        result.backward()
    except RuntimeError as error:
        assert edited and "edited in place" in str(error)
        return None
    return [leaf.grad.numpy() for leaf in leaves]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_edit_is_noticed_or_changes_nothing():
    noticed = 0
    for seed in range(150):
        after = gradients(seed, edited=True)
        noticed += after is None
        if after is not None:
            for got, expected in zip(after, gradients(seed, edited=False), strict=True):
                numpy.testing.assert_array_equal(got, expected, err_msg=f"seed {seed}")
    assert 20 < noticed < 130
