"""Einstein's sums against PyTorch and finite differences: subscripts of every kind, sizes of one and none, and their relevance."""

import numpy
import pytest
from helpers import against_torch, array, arrays, check_op

import minitransformer as mt
from minitransformer import explain
from minitransformer.ops.products import einsum as module

# equation, shapes
SUMS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba,c", [(2, 3), (4,)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 2, 5)]),
    ("bqhd,bkhd->bhqk", [(2, 4, 3, 5), (2, 2, 3, 5)]),
    ("i,i->i", [(4,), (4,)]),
    ("i,i", [(4,), (4,)]),
    ("i,j->ij", [(3,), (4,)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("iij,j->i", [(3, 3, 4), (4,)]),
    ("iii,ij->j", [(2, 2, 2), (2, 4)]),
    ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
    ("...i,i...->i", [(2, 3), (3, 2)]),
    ("i...,i", [(3, 2), (3,)]),
    ("ij,kj,j->ik", [(2, 3), (4, 3), (3,)]),
    ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 2), (2, 5)]),
    ("i,j,k->kji", [(2,), (3,), (4,)]),
    ("ij,ij,ij->j", [(2, 3), (2, 3), (2, 3)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("ij,ij->ij", [(1, 3), (2, 1)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    ("ij,jk->ik", [(0, 2), (2, 3)]),
    ("Ab,bA", [(2, 3), (3, 2)]),
    (" i j , j k -> k i ", [(1, 3), (3, 1)]),
    (",ij->ij", [(), (2, 3)]),
    ("i,", [(3,), ()]),
]


@pytest.mark.parametrize("equation, shapes", SUMS, ids=[equation for equation, _ in SUMS])
def test_einsum(equation, shapes):
    check_op(lambda lib, *t: lib.einsum(equation, *t), *shapes)


def test_einsum_of_lists():
    shapes = (2, 3), (3, 4)
    against_torch(lambda lib, a, b: lib.einsum("ij,jk->ik", [a, b]), *arrays(*shapes))
    against_torch(lambda lib, a, b: lib.einsum(a, [0, 1], b, [1, 2], [2, 0]), *arrays(*shapes))
    against_torch(lambda lib, a, b: lib.einsum(a, [30, 1], b, [1, 2]), *arrays(*shapes))
    against_torch(lambda lib, a, b: lib.einsum(a, [..., 1], b, [1, 2], [..., 2]), *arrays(*shapes))


def test_einsum_of_integers_and_of_one_operand_twice():
    against_torch(lambda lib, a: lib.einsum("ij,kj->ik", a, a), numpy.array([[1, 2], [3, 4]]))
    check_op(lambda lib, a: lib.einsum("ij,kj->ik", a, a), (2, 3))


def test_einsum_with_constants():
    for constant in range(3):

        def f(lib, *t, constant=constant):
            return lib.einsum("ij,jk,k->i", *(x.detach() if i == constant else x for i, x in enumerate(t)))

        against_torch(f, *arrays((2, 3), (3, 4), (4,)))


@pytest.mark.parametrize(
    "equation, shapes, message",
    [
        ("ij,jk", [(2, 3)], "is for 2 operands, got 1"),
        ("ij", [(2, 3, 4)], "'ij' names 2 dimensions, the operand is .2, 3, 4"),
        ("ij,jk", [(2, 3), (4, 5)], "one subscript stands for 3 and for 4"),
        ("ii", [(2, 3)], "a subscript stands twice"),
        ("ij->ik", [(2, 3)], "a subscript twice, or one that no operand has"),
        ("ij->ii", [(2, 3)], "a subscript twice, or one that no operand has"),
        ("i1->i", [(2, 3)], "expected letters"),
        ("ij", [], "at least one tensor"),
    ],
)
def test_einsum_says_what_does_not_fit(equation, shapes, message):
    with pytest.raises(ValueError, match=message):
        mt.einsum(equation, *[mt.ones(shape) for shape in shapes])


def test_the_path_is_the_cheap_one():
    a, b, c = (numpy.ones(shape) for shape in [(2, 50), (50, 50), (50, 1)])
    assert module.path([(0, 1), (1, 2), (2, 3)], (0, 3), [a, b, c])[0] == (1, 2)


def test_relevance_is_that_of_matmul():
    a, b = (mt.tensor(array(*shape), requires_grad=True) for shape in [(2, 3), (3, 4)])
    for form in ("explicit", "gradient"):
        found = explain.relevance(mt.einsum("ij,jk->ik", a, b).sum(), [a, b], form=form)
        for ours, expected in zip(found, explain.relevance((a @ b).sum(), [a, b], form=form), strict=True):
            numpy.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_the_relevance_of_three_factors_is_a_third_each():
    x, y, z = (mt.tensor(array(4, seed=s), requires_grad=True) for s in range(3))
    for form in ("explicit", "gradient"):
        found = explain.relevance(mt.einsum("i,i,i->i", x, y, z).sum(), [x, y, z], form=form, eps=0.0)
        for part in found:
            numpy.testing.assert_allclose(part, (x * y * z).numpy() / 3, rtol=1e-10)
