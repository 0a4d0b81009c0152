"""Edits in place, anywhere in a random program: backward notices, or it did not need the old values."""

import copy
import gc
import re
from collections import Counter

import edited_programs
import numpy
import pytest
from helpers import factors

import minitransformer as mt
from minitransformer import explain
from minitransformer.autograd import Op
from minitransformer.verify import CASES
from minitransformer.verify.cases.matrices import FACTORED

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
        op, given = (
            (ONE[random.integers(len(ONE))], 1)
            if random.random() < 0.5
            else (TWO[random.integers(len(TWO))], 2)
        )
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


# We refuse where PyTorch edits memory that elements share, or the shape of a leaf.
OURS = "expanded|read-only|keeps its shape|took another shape|at least one dimension"
# PyTorch refuses where we compute what the program says.
THEIRS = (
    "refer to a single memory location|is a view and its base|is a view of a view|created in no_grad mode"
    "|modified by an inplace operation|is a view and is being modified|a view of a leaf"
)


def compare(seed):
    """Hold a program's outcome against PyTorch's: "equal", "both raise", or who alone refuses."""
    torch = pytest.importorskip("torch")
    ours, theirs = edited_programs.run(mt, seed), edited_programs.run(torch, seed)
    for mine, other in zip([*ours.steps, ours.backward], [*theirs.steps, theirs.backward], strict=True):
        if bool(mine) != bool(other):
            assert re.search(OURS if mine else THEIRS, mine or other), (
                f"seed {seed}: ours {mine!r}, PyTorch's {other!r}"
            )
            break
    else:
        if ours.backward:
            return "both raise"
        for i, (got, expected) in enumerate(zip(ours.values, theirs.values, strict=True)):
            numpy.testing.assert_allclose(
                got, expected, rtol=1e-10, atol=1e-12, err_msg=f"seed {seed}, value {i}"
            )
        return hold(ours, theirs, seed)
    if "modified by an inplace operation" not in other:
        return "refused by us" if mine else "refused by PyTorch"
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        return hold(ours, edited_programs.run(torch, seed), seed)


def hold(ours, theirs, seed):
    assert not theirs.backward
    for i, pair in enumerate(zip(ours.gradients, theirs.gradients, strict=True)):
        got, expected = (numpy.zeros(()) if g is None else g for g in pair)
        numpy.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11, err_msg=f"seed {seed}, leaf {i}")
    return "equal"


@pytest.mark.parametrize(
    "seeds", [range(120), pytest.param(range(120, 3000), marks=pytest.mark.slow)], ids=["some", "many"]
)
# overflows; what PyTorch will refuse one day
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_programs_with_edits_agree_with_pytorch(seeds):
    found = Counter(map(compare, seeds))
    assert found["equal"] > 0.9 * len(seeds) and found["both raise"]


def test_edited_programs_die_without_the_garbage_collector():
    def ops():
        return sum(issubclass(type(thing), Op) for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = ops()
        for seed in range(60):
            edited_programs.run(mt, seed)
        x = mt.ones(3)
        w = mt.ones(3, requires_grad=True)
        x += w * x
        x += (x * w).sin()
        x[1:] *= x[:-1]
        del x, w
        assert ops() == before
    finally:
        gc.enable()


def test_what_shares_memory_says_so(monkeypatch):
    own, seen = Op.__call__, set()

    def watched(self, *inputs):
        out = own(self, *inputs)
        for made in out if isinstance(out, tuple) else (out,):
            for t in inputs:
                if isinstance(t, mt.Tensor) and made.array.size and shares_memory(made, t):
                    assert made.shows and made.edited is t.edited, (
                        f"{self} gives a part of its input's memory without a word"
                    )
                    seen.add(str(self))
        return out

    monkeypatch.setattr(Op, "__call__", watched)
    for case in (case for case in CASES if case.kind == "op" and (case not in FACTORED or factors())):
        problem = case.problem(numpy.random.default_rng(0), "float64")
        problem.ours(*[mt.tensor(a, requires_grad=a.dtype.kind == "f") for a in problem.inputs])
    assert {"Reshape", "Permute", "Split", "SplitHeads", "GetItem", "Expand"} <= seen


def shares_memory(a, b):
    """Whether two arrays overlap, by where they begin: enough for views of whole tensors' memory."""
    return root(a.array) is root(b.array)


def root(array):
    return array if array.base is None else root(array.base)


@pytest.mark.parametrize(
    ("edit", "who"),
    [
        (lambda w: w.add_(1), "a leaf that requires grad"),
        (lambda w: w.__setitem__(0, 1.0), "a leaf that requires grad"),
        (lambda w: w[:1].mul_(2), "a view of a leaf"),
        (lambda w: (w * 1).unbind(0)[0].add_(w), "by one op"),
        (lambda w: mt.zeros(1, 3).expand(2, 3).add_(1), "expanded"),
        (lambda w: mt.zeros(2, dtype=mt.int64).add_(1.5), "the result is float32"),
        (lambda w: mt.zeros(2, dtype=mt.bool_).add_(1), "the result is int64"),
        (lambda w: mt.zeros(1, 2).add_(mt.ones(2, 2)), "the result is \\(2, 2\\)"),
        (lambda w: mt.zeros(2).fill_(mt.ones(2)), "0-d"),
        (lambda w: mt.zeros(2).copy_(mt.ones(1, 2)), "cannot be broadcast"),
        (lambda w: (w * 1).requires_grad_(False), "use .detach"),
        (lambda w: (w * 1)[0].detach_(), "a view has the history"),
    ],
)
def test_what_cannot_be_edited_raises_and_changes_nothing(edit, who):
    w = mt.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises((RuntimeError, TypeError, ValueError), match=who):
        edit(w)
    assert w.tolist() == [[1.0, 2.0], [3.0, 4.0]] and w.is_leaf and w.edited[0] == 0


def test_edits_of_copies_and_parameters():
    base = mt.zeros(2, 2)
    view, p = base[0], mt.nn.Parameter(base)
    twin = copy.deepcopy(view)
    view += 1.0
    assert base.tolist() == p.tolist() == [[1.0, 1.0], [0.0, 0.0]] and twin.tolist() == [0.0, 0.0]
    y = (p * p).sum()
    base.add_(1.0)
    with pytest.raises(RuntimeError, match="Mul: an array it needs was edited"):
        y.backward()


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_passes_what_was_written_in_place(form):
    layer, weights = mt.nn.Linear(3, 3).double(), mt.randn(4, 3, dtype=mt.float64)
    x = mt.randn(4, 3, dtype=mt.float64, requires_grad=True)

    def edited():
        out = mt.ones(4, 3, dtype=mt.float64)
        for i in range(3):
            out[i] = layer(x[i])
        out *= 2.0
        return (out.relu_() * weights).sum()

    def anew():
        out = mt.cat([layer(x[:3]), mt.ones(1, 3, dtype=mt.float64)])
        return ((out * 2.0).relu() * weights).sum()

    (got,), (expected,) = (explain.relevance(program(), [x], form=form) for program in (edited, anew))
    numpy.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_relevance_of_a_constant_written_over_is_booked():
    x = mt.randn(3, dtype=mt.float64, requires_grad=True)
    y = x * 1.0
    y[1] = 5.0
    (found,) = explain.relevance(y.sum(), [x])
    numpy.testing.assert_allclose(found, (x * mt.tensor([1.0, 0.0, 1.0])).detach().numpy())
