"""What must be true of matmul_rule."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    EPS,
    called_with,
    conserves,
    sign_of,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, same

PRODUCT = ("the relevance of a", "the relevance of b", "what the stabiliser keeps")


def _product(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 5, 4))


def _product_by_loops(r, a, b, eps):
    r_a = np.zeros_like(a)
    r_b = np.zeros_like(b)
    lost = 0.0
    for n, i, j in np.ndindex(r.shape):
        products = a[n, i] * b[n, :, j]
        o = 2 * math.fsum(products)
        per_unit = r[n, i, j] / (o + sign_of(o) * eps)
        r_a[n, i] += products * per_unit
        r_b[n, :, j] += products * per_unit
        lost += sign_of(o) * eps * per_unit
    return r_a, r_b, lost


def _one_product(answer):
    got = called_with(answer, PRODUCT, np.array([[6.0]]), np.array([[2.0]]), np.array([[3.0]]), eps=0.0)
    same([got[0][0, 0], got[1][0, 0]], [3.0, 3.0], "the relevance of a = 2 and b = 3, where r = a b = 6")


def _product_loops(part, eps):
    def holds(answer):
        values = _product(np.random.default_rng(2))
        same(
            called_with(answer, PRODUCT, *values, eps=eps)[part],
            _product_by_loops(*values, eps)[part],
            PRODUCT[part],
        )

    return holds


def _wrong_matmul(
    half=True, only_b=False, unsigned=False, bare=False, single_eps=False, swapped=False, eps_kept=True
):
    """The rule of a product with something wrong in it."""

    def rule(r, a, b, eps=1e-6):
        o = a @ b * (2 if half and not only_b else 1)
        if single_eps:
            o = a @ b
        signed = eps if unsigned else np.where(o < 0, -eps, eps)
        share = r / (o + signed) / (2 if single_eps else 1)
        to_a = share @ np.swapaxes(b, -1, -2)
        to_b = np.swapaxes(a, -1, -2) @ share
        r_a, r_b = (to_a, to_b) if bare else (a * to_a, b * to_b)
        r_a = 0 * r_a if only_b else r_a
        return *((r_b, r_a) if swapped else (r_a, r_b)), (share * (signed if eps_kept else eps)).sum() * (
            2 if single_eps else 1
        )

    return rule


def _changed(change):
    return lambda *inputs: change(*_wrong_matmul()(*inputs))


matmul_rule = Exercise(
    minutes=15,
    level=2,
    hints=(
        "O is a sum of products a_ik b_kj. Each product's relevance goes half to a_ik, half to b_kj.",
        "share = r / S(2 O) is the half for each unit of O.",
        "a * (share @ b^T) and b * (a^T @ share); np.swapaxes(b, -1, -2) turns the last two axes only.",
    ),
    why="Where one side is a constant, such as a weight, the other gets all and there is no 2: that is the epsilon rule.",
    properties=(
        Property(
            "a single product gives half to each side",
            _one_product,
            "Where O = a b, 2 O is under the line: a gets a b r / (2 O), and b as much.",
        ),
        Property(
            "the relevance of a is right",
            _product_loops(0, 0.0),
            "R_A = A * ((R / S(2 O)) B^T): the last two axes of b are exchanged, np.swapaxes(b, -1, -2).",
        ),
        Property(
            "the relevance of b is right",
            _product_loops(1, 0.0),
            "R_B = B * (A^T (R / S(2 O))): the last two axes of a are exchanged, and it stands on the left.",
        ),
        Property(
            "the stabiliser is added to 2 O, with its sign",
            _product_loops(0, EPS),
            "The denominator is S(2 O): 2 O + eps where O is 0 or above, 2 O - eps below.",
        ),
        Property(
            "the stabiliser keeps its share",
            _product_loops(2, EPS),
            "The stabiliser keeps the sum of (S(2 O) - 2 O) R / S(2 O), one number.",
        ),
        conserves(PRODUCT, _product, eps=EPS),
        keeps_its_inputs(_product),
    ),
    examples=lambda rng: ((*_product(rng), EPS), (*_product(rng), 0.0)),
    mistakes={
        "Both sides get all of it, so that relevance doubles: divide by 2 O.": _wrong_matmul(half=False),
        "All goes to b, as if a were a constant; here both depend on the input.": _wrong_matmul(only_b=True),
        "The stabiliser has the sign of O: subtract eps where O is negative.": _wrong_matmul(unsigned=True),
        "These are r's parts for each unit of a and b: multiply by a, and by b, element by element.": _wrong_matmul(
            bare=True
        ),
        "The stabiliser belongs to 2 O, not to O: S(2 O), not 2 S(O).": _wrong_matmul(single_eps=True),
        "All goes to a, as if b were a constant; here both depend on the input.": _changed(
            lambda r_a, r_b, kept: (2 * r_a, 0 * r_b, kept)
        ),
        "The half is taken twice: R / S(2 O) is a half already.": _changed(
            lambda r_a, r_b, kept: (r_a / 2, r_b / 2, kept / 2)
        ),
        "The stabiliser keeps something too: the sum of (S(2 O) - 2 O) R / S(2 O).": _changed(
            lambda r_a, r_b, kept: (r_a, r_b, 0.0)
        ),
        "The relevance of b has the shape of b: do not turn it round at the end.": _changed(
            lambda r_a, r_b, kept: (r_a, np.swapaxes(r_b, -1, -2), kept)
        ),
        "First the relevance of a, then that of b: these two are swapped.": _wrong_matmul(swapped=True),
        "What the stabiliser keeps has the sign of O too: S(2 O) - 2 O, not eps.": _wrong_matmul(
            eps_kept=False
        ),
    },
)
