"""Padding against PyTorch: every mode, negative widths, integers, and what is refused."""

import numpy
import pytest
from helpers import against_torch, check_op
from later import torch

import minitransformer as mt

F = mt.nn.functional


@pytest.mark.parametrize("widths", [(1, 2), (0, 1), (1, 0, 2, 3), (0, 0), (1, 1, 0, 0, 2, 1)], ids=str)
@pytest.mark.parametrize("value", [0.0, -1.5])
def test_pad(widths, value):
    check_op(lambda lib, x: lib.nn.functional.pad(x, widths, value=value), (2, 3, 4))
    check_op(lambda lib, x: lib.nn.functional.pad(x, widths, "constant", value), (1, 0, 2))


def test_pad_integers():
    against_torch(lambda lib, x: lib.nn.functional.pad(x, (1, 2), value=7), numpy.array([[1, 2], [3, 4]]))


def test_pad_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="expected pairs"):
        F.pad(mt.ones(2, 3), (1, 2, 3))
    with pytest.raises(ValueError, match="expected pairs"):
        F.pad(mt.ones(2), (1, 1, 1, 1))
    for shape, widths, mode, value, message in REFUSED:
        with pytest.raises(ValueError, match=message):
            F.pad(mt.ones(*shape), widths, mode, value)
        with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
            torch.nn.functional.pad(torch.ones(*shape), widths, mode, value)


REFUSED = [
    ((2,), (1, 1), "reflect", None, "mode 'reflect' pads up to 3 dimensions, all but one or two, got 1 of 1"),
    (
        (2, 3),
        (1, 1),
        "mirror",
        None,
        "expected mode 'constant', 'reflect', 'replicate' or 'circular', got 'mirror'",
    ),
    ((2, 3), (1, 1), "reflect", 1.0, "mode 'reflect' takes no value, got 1.0"),
    ((2, 3), (3, 0), "reflect", None, "mode 'reflect' has 2 places to mirror at each end, which are too few"),
    ((2, 3), (0, 4), "circular", None, "mode 'circular' goes round once at most, over 3 places"),
    ((2, 3), (-2, -2), "constant", None, r"\(-2, -2\) takes away more than there is of \(2, 3\)"),
]
WIDTHS = [
    (1, 2),
    (-1, 2),
    (2, -1),
    (-1, -1),
    (1, 0, 2, 1),
    (0, -1, -2, 2),
    (0, 1, 0, 0, 1, 2),
    (-1, 1, 2, 0, 1, -1),
]


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_in_every_mode(mode, widths):
    for batch in ((1,), (2, 3)):
        shape = (*batch, 4, 3, 5)[: len(batch) + len(widths) // 2]
        if mode == "circular" and any(
            a > 0 > b or b > 0 > a for a, b in zip(widths[::2], widths[1::2], strict=True)
        ):
            assert F.pad(mt.ones(shape), widths, mode).numpy().all()  # some of these PyTorch refuses
        else:
            check_op(lambda lib, x: lib.nn.functional.pad(x, widths, mode), shape)


def test_pad_by_an_edge_gives_the_edge_the_relevance_of_its_copies():
    x = mt.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    (r,) = mt.explain.relevance(
        (F.pad(x, (2, 1), "replicate") * mt.tensor([1.0, 2, 3, 4, 5, 6])).sum(), wrt=[x]
    )
    assert r.tolist() == [[6.0, 8.0, 33.0]]
