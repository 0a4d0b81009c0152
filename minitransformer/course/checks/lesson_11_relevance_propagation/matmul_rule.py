"""What must be true of matmul_rule."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    EPS,
    called_with,
    conserves,
    in_steps,
    moved_from_zero,
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


_with = in_steps(
    ("r", "a", "b", "eps"),
    ("r_a", "r_b", "kept"),
    o=lambda v: v.a @ v.b,
    stable=lambda v: moved_from_zero(2 * v.o, v.eps),
    share=lambda v: v.r / v.stable,
    r_a=lambda v: v.a * (v.share @ np.swapaxes(v.b, -1, -2)),
    r_b=lambda v: v.b * (np.swapaxes(v.a, -1, -2) @ v.share),
    kept=lambda v: (v.share * (v.stable - 2 * v.o)).sum(),
)


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
    examples=lambda rng: ((*_product(rng), EPS), (*_product(rng), 0.0), (*_product(rng), EPS)),
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
        "The factor A in front of the relevance of a is missing.": _with(
            r_a=lambda v: v.share @ np.swapaxes(v.b, -1, -2)
        ),
        "The factor B in front of the relevance of b is missing.": _with(
            r_b=lambda v: np.swapaxes(v.a, -1, -2) @ v.share
        ),
        "A product keeps its sign: no absolute values.": (
            _with(r_a=lambda v: abs(v.a) * (v.share @ np.swapaxes(v.b, -1, -2))),
            _with(
                r_a=lambda v: abs(v.a * (v.share @ np.swapaxes(v.b, -1, -2))),
                r_b=lambda v: abs(v.b * (np.swapaxes(v.a, -1, -2) @ v.share)),
            ),
        ),
        "The stabiliser is missing in the denominator: divide by S(2 O), not by 2 O.": (
            _with(share=lambda v: v.r / (2 * v.o)),
            _with(stable=lambda v: 2 * v.o),
        ),
        "eps is an argument, to be passed on to `stabilised`: 1e-6 is only what it is if nothing else is passed.": _with(
            stable=lambda v: moved_from_zero(2 * v.o, 1e-6)
        ),
        "In what the stabiliser keeps 2 O is taken off S(2 O), not O: of r both go off, what a gets and what b gets.": _with(
            kept=lambda v: (v.share * (v.stable - v.o)).sum()
        ),
        "What the stabiliser keeps is summed over everything, not averaged.": _with(
            kept=lambda v: (v.share * (v.stable - 2 * v.o)).mean()
        ),
        "What the stabiliser keeps is half of what it should be: the 2 is in S(2 O) already.": _with(
            kept=lambda v: (v.share * (v.stable - 2 * v.o)).sum() / 2
        ),
        "What the stabiliser keeps is twice what it should be: it is counted once, not for a and for b.": _with(
            kept=lambda v: (v.share * (v.stable - 2 * v.o)).sum() * 2
        ),
        "What the stabiliser keeps has the wrong sign: it is S(2 O) - 2 O.": _with(
            kept=lambda v: (v.share * (2 * v.o - v.stable)).sum()
        ),
        "R / S(2 O) is missing in what the stabiliser keeps: this is the sum of S(2 O) - 2 O.": _with(
            kept=lambda v: (v.stable - 2 * v.o).sum()
        ),
        "R is missing in what the stabiliser keeps: (S(2 O) - 2 O) R / S(2 O).": _with(
            kept=lambda v: ((v.stable - 2 * v.o) / v.stable).sum()
        ),
        "S(2 O) is missing under the line of what the stabiliser keeps: (S(2 O) - 2 O) R / S(2 O).": _with(
            kept=lambda v: ((v.stable - 2 * v.o) * v.r).sum()
        ),
        "The relevance of b is made of R / S(2 O), as that of a, and here of R itself.": _with(
            r_b=lambda v: v.b * (np.swapaxes(v.a, -1, -2) @ v.r)
        ),
        "The relevance of a is made of R / S(2 O), and here of R itself.": _with(
            r_a=lambda v: v.a * (v.r @ np.swapaxes(v.b, -1, -2))
        ),
        "r is not divided by S(2 O).": _with(share=lambda v: v.r),
        "The fraction is upside down: it is R / S(2 O).": _with(share=lambda v: v.stable / v.r),
        "r is multiplied by S(2 O) here; it is divided by it.": _with(share=lambda v: v.stable * v.r),
        "The denominator belongs to each number of O: it is not summed over a row or a column.": tuple(
            _with(stable=lambda v, axis=axis: moved_from_zero(2 * v.o.sum(axis, keepdims=True), v.eps))
            for axis in (-1, -2)
        ),
        "The relevance of a sample's b comes from that sample alone: it is not summed over the batch.": _with(
            r_b=lambda v: v.b * (np.swapaxes(v.a, -1, -2) @ v.share).sum(0)
        ),
        "The stabiliser moves 2 O towards zero here: S(2 O) is farther from zero.": _with(
            stable=lambda v: moved_from_zero(2 * v.o, -v.eps)
        ),
        "A^T is missing in the relevance of b: R_B = B * (A^T (R / S(2 O))).": _with(
            r_b=lambda v: v.b * v.share.sum(-2, keepdims=True)
        ),
        "B^T is missing in the relevance of a: R_A = A * ((R / S(2 O)) B^T).": _with(
            r_a=lambda v: v.a * v.share.sum(-1, keepdims=True)
        ),
        "The relevance of b is halved once more than that of a: R / S(2 O) is a half already.": _with(
            r_b=lambda v: v.b * (np.swapaxes(v.a, -1, -2) @ v.share) / 2
        ),
        "The relevance of a is halved once more than that of b: R / S(2 O) is a half already.": _with(
            r_a=lambda v: v.a * (v.share @ np.swapaxes(v.b, -1, -2)) / 2
        ),
        "The 2 is there twice: under the line stands S(2 O).": (
            _with(stable=lambda v: moved_from_zero(4 * v.o, v.eps)),
            _with(stable=lambda v: 2 * moved_from_zero(2 * v.o, v.eps)),
            _with(
                stable=lambda v: moved_from_zero(4 * v.o, v.eps),
                kept=lambda v: (v.share * (v.stable - 4 * v.o)).sum(),
            ),
        ),
        "The denominator has the sign of O, as S(2 O) does: no absolute value.": _with(
            share=lambda v: v.r / abs(v.stable)
        ),
        "First the relevance of a, then that of b: these two are swapped.": _wrong_matmul(swapped=True),
        "What the stabiliser keeps has the sign of O too: S(2 O) - 2 O, not eps.": _wrong_matmul(
            eps_kept=False
        ),
    },
)
