"""Einstein's sums: products of any number of tensors, summed over the dimensions that the result does not name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.books import Books
from minitransformer.ops.index.slices import diagonal
from minitransformer.ops.laws import total
from minitransformer.ops.precision import lowered
from minitransformer.ops.products.subscripts import Labels, read
from minitransformer.ops.reduce.sums import sum_
from minitransformer.ops.shape.layout import permute, squeeze
from minitransformer.ops.tensors.convert import cast, common_dtype


class Einsum(Op):
    """y = the sum of products of the operands, over all labels that the result lacks. Relevance: each product gets its share.

    A product gives equal parts to those of its factors that are explained, as in a `MatMul`. By hand:

    >>> import numpy as np
    >>> op, a, b = Einsum([(0, 1), (1, 2)], (0, 2)), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> op.forward(a, b)
    array([[11.]])
    >>> op.vjp(np.array([[1.0]]), a, b)[0]
    array([[3., 4.]])
    >>> op.relprop(np.array([[11.0]]), Books(eps=0.0), a, b)[0]  # 3 + 8, half each
    array([[1.5, 4. ]])

    Args:
        terms: the labels of each operand; each stands once in it, and in another operand or in the result.
        out: the labels of the result.
    """

    reads = "others"

    def __init__(self, terms: Sequence[Labels], out: Labels):
        self.terms, self.out = list(terms), out

    def forward(self, *arrays: Array) -> Array:
        return contracted(self.terms, self.out, arrays)

    def vjp(self, g: Array, *arrays: Array) -> Arrays:  # dy/dx_i is the sum of products of the others
        return tuple(self._toward(i, g, arrays) if need else None for i, need in self._wanted(arrays))

    def _toward(self, i: int, g: Array, arrays: Arrays) -> Array:
        rest = [j for j in range(len(arrays)) if j != i]
        terms = [self.out, *(self.terms[j] for j in rest)]
        return contracted(terms, self.terms[i], (g, *(arrays[j] for j in rest)))

    def _wanted(self, arrays: Arrays) -> Iterable[tuple[int, bool]]:
        needs = [*self.needs, *[True] * len(arrays)][: len(arrays)]  # by hand all are wanted
        return enumerate(needs)

    def _shared(self, arrays: Arrays) -> int:
        """Among how many factors a product is shared."""
        return sum(need for _, need in self._wanted(arrays))

    def relprop(self, r: Array, books: Books, *arrays: Array) -> Arrays:
        shares = self.vjp(books.ratio(r, self.forward(*arrays) * self._shared(arrays)), *arrays)
        return tuple(None if c is None else x * c for x, c in zip(arrays, shares, strict=True))

    def modified(self, g: Array, books: Books, *arrays: Array) -> Arrays:
        return self.vjp(g / self._shared(arrays), *arrays)


def contracted(terms: Sequence[Labels], out: Labels, arrays: Sequence[Array]) -> Array:
    """The sum of products, two operands at a time, in the order that NumPy's path finder gives.

    Args:
        terms: the labels of each array; each stands once in it.
        out: the labels of the result.
        arrays: of NumPy or CuPy.

    Returns:
        The result.
    """
    left = list(zip(terms, arrays, strict=True))
    for places in path(terms, out, arrays):
        for i in sorted(places, reverse=True):
            left.append(left.pop(i))
        for _ in places[1:]:
            a, b = left.pop(), left.pop()
            later = {label for term, _ in left for label in term} | set(out)
            left.append(_of_two(a, b, later))
    ((labels, y),) = left
    labels, y = _without(labels, y, set(out))
    return y.transpose([labels.index(label) for label in out])


def path(terms: Sequence[Labels], out: Labels, arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    """Which operands to multiply next, by `numpy.einsum_path`, which looks at shapes only.

    Args:
        terms: the labels of each array.
        out: the labels of the result.
        arrays: of NumPy or CuPy.

    Returns:
        For each step the places of operands; the product of them goes to the end.
    """
    if len(arrays) < 3:
        return [tuple(range(len(arrays)))]
    names = {label: i for i, label in enumerate(sorted({label for term in terms for label in term}))}
    pairs: list[Any] = []
    for term, a in zip(terms, arrays, strict=True):
        pairs += [numpy.broadcast_to(0, a.shape), [names[label] for label in term]]
    found: list[tuple[int, ...]] = numpy.einsum_path(*pairs, [names[label] for label in out])[0][1:]
    return found


def _of_two(left: tuple[Labels, Array], right: tuple[Labels, Array], later: set[int]) -> tuple[Labels, Array]:
    """The product of two operands, summed over what no other needs: one matrix product, with what both keep as its batch."""
    a_labels, a = _without(*left, later | set(right[0]))
    b_labels, b = _without(*right, later | set(left[0]))
    batch = [label for label in a_labels if label in b_labels and label in later]
    inner = [label for label in a_labels if label in b_labels and label not in later]
    rows = [label for label in a_labels if label not in b_labels]
    columns = [label for label in b_labels if label not in a_labels]
    x = _grouped(a, a_labels, batch, rows, inner)  # (.., n, k)
    y = _grouped(b, b_labels, batch, inner, columns)  # (.., k, m)
    sizes = dict(zip((*a_labels, *b_labels), (*a.shape, *b.shape), strict=True))
    labels = (*batch, *rows, *columns)
    return labels, kernels.of(a).matmul(x, y).reshape([sizes[label] for label in labels])


def _grouped(x: Array, labels: Labels, batch: list[int], *groups: list[int]) -> Array:
    """The dimensions in the order of the groups; each group but the batch as one."""
    ordered = x.transpose([labels.index(label) for label in (*batch, *groups[0], *groups[1])])
    sizes = dict(zip(labels, x.shape, strict=True))
    return ordered.reshape(
        *(sizes[label] for label in batch), *(math.prod(sizes[label] for label in group) for group in groups)
    )


def _without(labels: Labels, x: Array, kept: set[int]) -> tuple[Labels, Array]:
    """Summed over the labels that nothing else has."""
    alone = tuple(i for i, label in enumerate(labels) if label not in kept)
    if not alone:
        return labels, x
    return tuple(label for label in labels if label in kept), total(x, alone)


def einsum(*args: Any) -> Tensor:
    """Einstein's sum: the product of tensors, summed over each subscript that the result does not name.

    Args:
        *args: an equation such as "bij,bjk->bik" and the operands, also as one list; or each operand followed by a list of
            numbers in place of letters, and at the end that of the result. A subscript twice in one operand takes its
            diagonal; "..." stands for dimensions that broadcast; without "->" the result has the subscripts that occur once, in
            the order of the alphabet.

    Returns:
        A tensor with one dimension for each subscript of the result. Of three operands and more, NumPy's path finder chooses
        which are multiplied first.

    Raises:
        ValueError: the equation does not fit the operands, or two sizes of one subscript differ.

    >>> from minitransformer import arange, einsum
    >>> a = arange(6.0).reshape(2, 3)
    >>> einsum("ij,ij->i", a, a).tolist()
    [5.0, 50.0]
    """
    (terms, out), operands = read(args)
    operands = [cast(t, common_dtype(*operands)) for t in lowered(*operands)]
    terms, operands = _distinct(terms, operands)
    terms, operands = _fitted(terms, operands)
    terms, operands = _needed(terms, operands, out)
    if len(operands) == 1:
        return permute(operands[0], [terms[0].index(label) for label in out])
    result: Tensor = Einsum(terms, out)(*operands)
    return result


def _distinct(terms: list[Labels], operands: Sequence[Tensor]) -> tuple[list[Labels], list[Tensor]]:
    """Diagonals for the subscripts that an operand has twice."""
    pairs = [_diagonals(term, t) for term, t in zip(terms, operands, strict=True)]
    return [term for term, _ in pairs], [t for _, t in pairs]


def _diagonals(term: Labels, t: Tensor) -> tuple[Labels, Tensor]:
    twice = next((label for label in term if term.count(label) > 1), None)
    if twice is None:
        return term, t
    first = term.index(twice)
    second = term.index(twice, first + 1)
    if t.shape[first] != t.shape[second]:
        raise ValueError(f"einsum: a subscript stands twice for {t.shape}, with two sizes")
    rest = tuple(label for i, label in enumerate(term) if i not in (first, second))
    return _diagonals((*rest, twice), diagonal(t, 0, first, second))


def _fitted(terms: list[Labels], operands: Sequence[Tensor]) -> tuple[list[Labels], list[Tensor]]:
    """Without the dimensions of size 1 that broadcast against another size."""
    sizes: dict[int, int] = {}
    for term, t in zip(terms, operands, strict=True):
        for label, n in zip(term, t.shape, strict=True):
            known = sizes.setdefault(label, n)
            if known != n and 1 not in (known, n):
                raise ValueError(f"einsum: one subscript stands for {known} and for {n}")
            sizes[label] = n if known == 1 else known
    pairs = [_stripped(term, t, sizes) for term, t in zip(terms, operands, strict=True)]
    return [term for term, _ in pairs], [t for _, t in pairs]


def _stripped(term: Labels, t: Tensor, sizes: dict[int, int]) -> tuple[Labels, Tensor]:
    one = tuple(i for i, label in enumerate(term) if t.shape[i] == 1 != sizes[label])
    kept = tuple(label for i, label in enumerate(term) if i not in one)
    return (kept, squeeze(t, one)) if one else (term, t)


def _needed(
    terms: list[Labels], operands: Sequence[Tensor], out: Labels
) -> tuple[list[Labels], list[Tensor]]:
    """Summed over the subscripts that only one operand has, and not the result."""
    pairs = []
    for i, (term, t) in enumerate(zip(terms, operands, strict=True)):
        others = {label for j, other in enumerate(terms) if j != i for label in other} | set(out)
        alone = tuple(k for k, label in enumerate(term) if label not in others)
        pairs.append((tuple(label for label in term if label in others), sum_(t, alone) if alone else t))
    return [term for term, _ in pairs], [t for _, t in pairs]
