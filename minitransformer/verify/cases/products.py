"""Matrix products and attention."""

from __future__ import annotations

from minitransformer.ops.networks.attention import clear_attention
from minitransformer.verify.case import OpCase
from minitransformer.verify.cases.masks import BLOCKED, FIRST_ROW_BLOCKED
from minitransformer.verify.inputs import ids, normal


def _attention(lib, *tensors, **options):
    return lib.nn.functional.scaled_dot_product_attention(*tensors, **options)


PRODUCTS = [
    OpCase("mm", lambda lib, a, b: lib.mm(a, b), [normal(3, 4), normal(4, 2)]),
    OpCase("bmm", lambda lib, a, b: lib.bmm(a, b), [normal(2, 3, 4), normal(2, 4, 2)]),
    OpCase("dot", lambda lib, a, b: lib.dot(a, b), [normal(4), normal(4)]),
    OpCase("outer", lambda lib, a, b: lib.outer(a, b), [normal(3), normal(4)]),
    OpCase(
        "addmm",
        lambda lib, x, a, b: lib.addmm(x, a, b, beta=0.5, alpha=2),
        [normal(2), normal(3, 4), normal(4, 2)],
    ),
    OpCase("mv", lambda lib, a, b: lib.mv(a, b), [normal(3, 4), normal(4)]),
    OpCase("inner", lambda lib, a, b: lib.inner(a, b), [normal(2, 3, 4), normal(5, 4)]),
    OpCase("kron", lambda lib, a, b: lib.kron(a, b), [normal(2, 3), normal(4)]),
    OpCase(
        "tensordot",
        lambda lib, a, b: lib.tensordot(a, b, ([2, 0], [0, 1])),
        [normal(2, 3, 4), normal(4, 2, 5)],
    ),
    OpCase("baddbmm", lambda lib, *t: lib.baddbmm(*t, beta=2), [normal(2), normal(3, 2, 4), normal(3, 4, 2)]),
    OpCase("addmv", lambda lib, *t: lib.addmv(*t, alpha=2), [normal(3), normal(3, 4), normal(4)]),
    OpCase("addbmm", lambda lib, *t: lib.addbmm(*t, beta=2), [normal(2), normal(3, 2, 4), normal(3, 4, 2)]),
    OpCase("addr", lambda lib, *t: lib.addr(*t, beta=0.5), [normal(4), normal(3), normal(4)]),
    OpCase("einsum", lambda lib, a, b: lib.einsum("bij,kj->bki", a, b), [normal(2, 3, 4), normal(5, 4)]),
    OpCase(
        "einsum, three operands",
        lambda lib, *t: lib.einsum("...i,ij,...j->...", *t),
        [normal(2, 3), normal(3, 4), normal(5, 2, 4)],
    ),
    OpCase(
        "bilinear",
        lambda lib, *t: lib.nn.functional.bilinear(*t),
        [normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5)],
    ),
    OpCase("einsum, a diagonal", lambda lib, a, b: lib.einsum("iij,j", a, b), [normal(3, 3, 4), normal(4)]),
    OpCase("cdist", lambda lib, a, b: lib.cdist(a, b), [normal(2, 3, 4), normal(5, 4)]),
    OpCase("dist", lambda lib, a, b: lib.dist(a, b, 3), [normal(3, 4), normal(4)]),
    OpCase("pdist", lambda lib, x: lib.pdist(x), [normal(4, 3)]),
    OpCase("renorm", lambda lib, x: lib.renorm(x, 2, 0, 1.5), [normal(3, 4)]),
    OpCase(
        "cosine_similarity",
        lambda lib, a, b: lib.cosine_similarity(a, b, -1),
        [normal(3, 4), normal(4)],
    ),
    OpCase("normalize", lambda lib, x: lib.nn.functional.normalize(x, dim=0), [normal(3, 4)]),
    OpCase("matmul", lambda lib, a, b: a @ b, [normal(3, 4), normal(4, 2)]),
    OpCase("matmul, broadcast", lambda lib, a, b: a @ b, [normal(2, 1, 3, 4), normal(5, 4, 2)]),
    OpCase("matmul, vector and matrices", lambda lib, a, b: a @ b, [normal(4), normal(2, 4, 3)]),
    OpCase("matmul, matrices and vector", lambda lib, a, b: a @ b, [normal(2, 3, 4), normal(4)]),
    OpCase("matmul, vectors", lambda lib, a, b: a @ b, [normal(4), normal(4)]),
    OpCase(
        "linear", lambda lib, *t: lib.nn.functional.linear(*t), [normal(2, 3, 4), normal(5, 4), normal(5)]
    ),
    OpCase("linear, no bias", lambda lib, *t: lib.nn.functional.linear(*t), [normal(2, 3, 4), normal(5, 4)]),
    OpCase(
        "scaled_dot_product_attention",
        _attention,
        [normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 6)],
    ),
    OpCase(
        "scaled_dot_product_attention, heads in groups",
        lambda lib, *t: _attention(lib, *t, enable_gqa=True),
        [normal(2, 4, 3, 2), normal(2, 2, 3, 2), normal(2, 2, 3, 5)],
    ),
    OpCase(
        "scaled_dot_product_attention, causal",
        lambda lib, *t: _attention(lib, *t, is_causal=True),
        [normal(2, 2, 4, 3)] * 3,
    ),
    OpCase(
        "scaled_dot_product_attention, bool mask",
        lambda lib, q, k, v, blocked: _attention(lib, q, k, v, ~blocked),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), BLOCKED],
    ),
    OpCase(
        "scaled_dot_product_attention, float mask",
        lambda lib, q, k, v, mask: _attention(lib, q, k, v, mask.to(q.dtype)),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), ids(4, 3, 4)],
    ),
    OpCase(
        "scaled_dot_product_attention, learned mask",
        lambda lib, q, k, v, mask: _attention(lib, q, k, v, mask),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), normal(3, 4)],
    ),
    OpCase(
        "scaled_dot_product_attention, nothing allowed in a row",
        lambda lib, q, k, v, blocked: _attention(lib, q, k, v, ~blocked),
        [normal(2, 2, 3, 4), normal(2, 2, 4, 4), normal(2, 2, 4, 5), FIRST_ROW_BLOCKED],
    ),
    OpCase(
        "clear_attention",
        lambda lib, q, k, v: clear_attention(q, k, v, is_causal=True)[0],
        [normal(2, 2, 4, 3)] * 3,
        lambda torch, *t: _attention(torch, *t, is_causal=True),
    ),
]
