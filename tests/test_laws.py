"""Every law of every op, called by hand on plain arrays and walked on the tape: nothing is lost, and the forms agree."""

import importlib
import pkgutil

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import explain, ops
from minitransformer.autograd import Op, tape
from minitransformer.collectives.local import Local, Room
from minitransformer.explain import without
from minitransformer.explain.held import Held
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise import arithmetic, choice, exponentials, powers, rounding, trigonometry
from minitransformer.ops.index import lookup, parts, picking
from minitransformer.ops.index.placing import AddAt
from minitransformer.ops.laws import Remembers
from minitransformer.ops.networks import heads, normalization, ranks
from minitransformer.ops.networks.activation import GELU, ReLU, Sigmoid, SiLU, Tanh
from minitransformer.ops.networks.attention import Attention
from minitransformer.ops.networks.dropout import Dropout
from minitransformer.ops.networks.loss import CrossEntropy
from minitransformer.ops.networks.padding import Pad
from minitransformer.ops.networks.softmax import LogSoftmax, LogSumExp, Softmax
from minitransformer.ops.order import extreme
from minitransformer.ops.products import einsum, linalg
from minitransformer.ops.reduce import norms, products, sums
from minitransformer.ops.shape import arranging, joining, layout
from minitransformer.ops.tensors.convert import Cast, ToDevice
from minitransformer.ops.tensors.inplace import Overwrite
from minitransformer.utils.checkpoint import Checkpoint
from minitransformer.verify.cases import OPS

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.standard_normal(shape)


def positive(*shape):
    return RANDOM.uniform(0.5, 2.0, shape)


X = normal(2, 3)
WITH_ZERO = np.array([[0.7, -1.3, 0.0], [2.0, 0.0, -0.4]])
IDS = np.array([[0, 2, 1], [1, 1, 0]])
QKV = [normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6)]
ALONE = Local(Room(1), [0], 0, 1.0)  # a group of one; of several: tests/test_tensor_parallel.py
MASK = np.where(RANDOM.random((3, 5)) < 0.3, -np.inf, RANDOM.standard_normal((3, 5)))

# op, inputs
CASES = [
    (arithmetic.Add(), [X, normal(3)]),
    (arithmetic.Sub(), [normal(2, 1), X]),
    (arithmetic.Neg(), [X]),
    (arithmetic.Mul(), [X, normal(3)]),
    (arithmetic.Mul(), [WITH_ZERO, normal(2, 3)]),
    (arithmetic.Div(), [WITH_ZERO, positive(3)]),
    (powers.Pow(), [positive(2, 3), normal(3)]),
    (powers.Pow(), [abs(WITH_ZERO), np.array([2.0, 1.0, 0.0])]),
    (exponentials.Exp(), [WITH_ZERO]),
    (exponentials.Expm1(), [WITH_ZERO]),
    (exponentials.Log(), [positive(2, 3)]),
    (exponentials.Log(10), [positive(2, 3)]),
    (exponentials.Log1p(), [abs(WITH_ZERO)]),
    (exponentials.Erf(), [WITH_ZERO]),
    (powers.Sqrt(), [abs(WITH_ZERO)]),
    (trigonometry.Sin(), [WITH_ZERO]),
    (trigonometry.Cos(), [WITH_ZERO]),
    (arithmetic.Abs(), [WITH_ZERO]),
    (choice.Maximum(), [X, normal(2, 3)]),
    (choice.Minimum(), [X, X.copy()]),
    (choice.Where(), [X > 0, X, normal(3)]),
    (choice.Clip(), [WITH_ZERO, normal(3) - 0.5, normal(3) + 0.5]),
    (choice.Clip(), [WITH_ZERO, -0.5, None]),
    (Tanh(), [WITH_ZERO]),
    (Sigmoid(), [WITH_ZERO]),
    (ReLU(), [WITH_ZERO]),
    (GELU(), [WITH_ZERO]),
    (GELU("tanh"), [WITH_ZERO]),
    (SiLU(), [WITH_ZERO]),
    (Softmax(-1), [np.where(X > 1, -np.inf, WITH_ZERO)]),
    (Softmax(0), [X]),
    (LogSoftmax(-1), [WITH_ZERO]),
    (LogSumExp((1,)), [np.where(X > 1, -np.inf, WITH_ZERO)]),
    (LogSumExp((0, 1), True), [X]),
    (CrossEntropy(np.array([1, 2]), np.array([True, True]), 0.1), [X]),
    (CrossEntropy(np.array([1, 0]), np.array([True, False]), 0.0), [X]),
    (sums.Sum((1,)), [X]),
    (sums.Mean((0,), True), [X]),
    (sums.Var((1,), False, 1), [X]),
    (sums.Std((0, 1), False, 0), [X]),
    (sums.Cumsum(1), [X]),
    (products.Prod((1,)), [WITH_ZERO]),
    (products.Prod((0,), True), [X]),
    (products.Cumprod(1), [WITH_ZERO]),
    (products.Cumprod(0), [X]),
    (norms.Norm((1,), False, 2), [WITH_ZERO]),
    (norms.Norm((0, 1), True, 3.5), [X]),
    (norms.Norm((1,), False, np.inf), [X]),
    (einsum.Einsum([(0, 1), (1, 2), (2,)], (2, 0)), [X, normal(3, 4), normal(4)]),
    (extreme.Max((1,)), [X]),
    (extreme.Min((0,), True), [WITH_ZERO]),
    (linalg.MatMul(), [normal(2, 3, 4), normal(4, 5)]),
    (linalg.MatMul(), [normal(4), normal(2, 4, 3)]),
    (linalg.Linear(), [normal(2, 3), normal(4, 3), normal(4)]),
    (linalg.Linear(), [normal(2, 3), normal(4, 3)]),
    (normalization.LayerNorm(1e-5), [X, normal(3), normal(3)]),
    (normalization.RMSNorm(1e-5), [X, normal(3)]),
    (Attention(None, False, 0.5), QKV),
    (Attention(MASK, False, 0.5), QKV),
    (Attention(MASK > 0, True, 0.5, keep=2.0 * (RANDOM.random((2, 3, 5)) < 0.5)), QKV),
    (Dropout(2.0 * (X > 0)), [X]),
    (Cast(np.dtype("float32")), [X]),
    (ToDevice("cpu"), [X]),
    (heads.SplitHeads(2, 1, True), [normal(2, 3, 4)]),
    (heads.SplitHeads(2, 2, True), [normal(2, 3, 8)]),
    (heads.MergeHeads(False), [normal(2, 2, 3, 4)]),
    (parts.GetItem((IDS[0], ...)), [normal(3, 2)]),
    (picking.Gather(1), [X, IDS]),
    (lookup.Embedding(), [normal(3, 4), IDS]),
    (Overwrite((), (slice(1), ...)), [X, normal(3)]),
    (Overwrite((), (slice(1), ...)), [X, 1.5]),
    (AddAt((IDS[1],)), [normal(3, 2), normal(3, 2)]),
    (Pad([(1, 0), (0, 2)]), [X]),
    (rounding.Remainder(), [positive(2, 3), normal(3)]),
    (layout.Reshape((3, 2)), [X]),
    (layout.Permute((1, 0)), [X]),
    (layout.Expand((4, 2, 3)), [X]),
    (joining.Concatenate(1), [X, normal(2, 2)]),
    (joining.Split([1, 2], 1), [X]),
    (joining.Unbind(2, 0), [X]),
    (arranging.Flip((0, 1)), [X]),
    (ranks.Copied(ALONE), [X]),
    (ranks.Summed(ALONE), [X]),
    (ranks.Gathered(ALONE, 3), [X]),
    (ranks.Parted(ALONE), [X]),
    (ranks.VocabularyLookup(ALONE, 3), [normal(3, 4), IDS]),
    (arranging.Roll((1,), (1,)), [X]),
]


def of_the_table(known):
    """(op, inputs) of each kind of op that has no case above, as the table of `minitransformer verify` has it."""
    for case in OPS:
        problem = case.problem(np.random.default_rng(0), "float64")
        for op in tape(
            problem.ours(*(mt.tensor(a, requires_grad=a.dtype.kind == "f") for a in problem.inputs))
        ):
            if type(op) not in known and explained(type(op)):
                known.add(type(op))
                yield op, [t.array if isinstance(t, mt.Tensor) else t for t in op.inputs]


def explained(kind):
    """Whether a kind of op has relevance in both forms."""
    return kind.relprop is not Op.relprop and kind.modified is not Op.modified


CASES += of_the_table({type(op) for op, _ in CASES})
NAMES = [f"{type(op).__name__}-{i}" for i, (op, _) in enumerate(CASES)]
each = pytest.mark.parametrize("op, inputs", CASES, ids=NAMES)
FORMS = pytest.mark.parametrize("form", ["explicit", "gradient"])


def concrete(base=Op):
    """The ops of the package: what has a forward law."""
    for kind in base.__subclasses__():
        if kind.forward is not Op.forward and kind.__module__.startswith("minitransformer."):
            yield kind
        yield from concrete(kind)


def test_every_op_has_a_case_and_both_forms_or_a_reason_why_not():
    for module in pkgutil.walk_packages(ops.__path__, "minitransformer.ops."):
        importlib.import_module(module.name)
    kinds = {kind for kind in concrete() if ".course." not in kind.__module__}
    in_both_forms = set(filter(explained, kinds))
    # the one is explained by the ops inside, to the other no relevance comes
    assert kinds - in_both_forms == {*without.REASONS, Checkpoint, Held}
    assert {type(op) for op, _ in CASES} == in_both_forms


def fresh(op):
    """The op as it was before its call."""
    new = object.__new__(type(op))
    new.__dict__.update({name: value for name, value in vars(op).items() if name != "memo"})
    return new


def read(op, y, inputs):
    """What a relevance law gets after the books."""
    return [y, *inputs] if op.reads in ("output", "both") else inputs


def weights(op, y):
    """A random number for each number of the output or outputs."""
    return tuple(normal(*part.shape) for part in y) if op.outputs > 1 else normal(*y.shape)


def total(parts):
    return sum(np.sum(part) for part in parts if part is not None)


def product(a, b):
    """a b, for arrays, numbers and what is None, with 0 for -inf."""
    return 0.0 if a is None or b is None else np.where(np.isneginf(a), 0, a) * b


def relevance(op, g, y):
    """y g, for one output or several."""
    return tuple(map(product, y, g)) if op.outputs > 1 else product(y, g)


def tensor(a):
    """An array as a tensor that is explained, if it has real numbers."""
    if not isinstance(a, np.ndarray):
        return a
    return mt.Tensor(a.copy(), requires_grad=a.dtype.kind == "f")


def weighted(out):
    """A random weighted sum of all outputs."""
    outs = out if isinstance(out, tuple) else (out,)
    return sum([(o * mt.Tensor(normal(*o.shape).astype(o.dtype))).sum() for o in outs], 0.0)


@each
def test_vjp_by_hand_is_the_gradient_of_the_tape(op, inputs):
    y = fresh(op).forward(*inputs)
    g = weights(op, y)
    tensors = [tensor(a) for a in inputs]
    outs = fresh(op)(*tensors)
    pairs = zip(outs, g, strict=True) if op.outputs > 1 else [(outs, g)]
    with np.errstate(divide="ignore"):  # of a square root at 0
        by_hand = fresh(op).vjp(g, *([y] if op.reads == "output" else read(op, y, inputs)))
        sum([(out * mt.Tensor(c.astype(out.dtype))).sum() for out, c in pairs], 0.0).backward()
    slopes = [(t.grad, c) for t, c in zip(tensors, by_hand, strict=True) if isinstance(t, mt.Tensor)]
    assert any(grad is not None for grad, _ in slopes)
    for grad, cotangent in slopes:
        assert grad is None or np.allclose(grad.numpy(), cotangent, rtol=1e-6, atol=1e-12)


@each
@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.1])
def test_by_hand_relevance_is_passed_on_or_absorbed(op, inputs, eps):
    y = fresh(op).forward(*inputs)
    g = weights(op, y)
    r = relevance(op, g, y)
    outs = r if op.outputs > 1 else [r]
    least = 1e-6 if isinstance(op, Cast) else 1e-10  # which rounds to float32
    allowed = least * (1 + total(map(abs, outs)))
    books = Books(eps)
    parts = fresh(op).relprop(r, books, *read(op, y, inputs))
    assert abs(total(outs) - total(parts) - sum(books.absorbed.values())) <= allowed
    books = Books(eps)
    slopes = fresh(op).modified(g, books, *read(op, y, inputs))
    passed = total(map(product, inputs, slopes))
    assert abs(total(outs) - passed - sum(books.absorbed.values())) <= allowed


@each
def test_by_hand_both_forms_give_the_same(op, inputs):
    y = fresh(op).forward(*inputs)
    g = weights(op, y)
    parts = fresh(op).relprop(relevance(op, g, y), Books(1e-14), *read(op, y, inputs))
    slopes = fresh(op).modified(g, Books(), *read(op, y, inputs))
    assert any(part is not None for part in parts)
    for a, part, slope in zip(inputs, parts, slopes, strict=True):
        assert (part is None) == (slope is None)
        if part is not None:
            assert np.allclose(part, product(a, slope), rtol=1e-6, atol=1e-8)


@each
@FORMS
def test_on_the_tape_the_ledger_closes(op, inputs, form):
    tensors = [tensor(a) for a in inputs]
    y = weighted(fresh(op)(*tensors))
    wrt = [t for i, t in enumerate(tensors) if getattr(t, "requires_grad", False) and not is_weight(op, i)]
    for some in [[t] for t in wrt] + [wrt]:
        found, ledger = explain.account(y, some, form=form)
        assert [part.shape for part in found] == [t.shape for t in some]
        assert ledger.closes and abs(ledger["tokens"] - total(found)) <= ledger.tolerance * ledger.scale


def is_weight(op, i):
    """Whether the input is a parameter by its place, which is never explained."""
    return i == 1 and isinstance(op, (linalg.Linear, normalization.LayerNorm, normalization.RMSNorm))


def test_the_fused_attention_by_hand_is_its_clear_form():
    for op, inputs in CASES:
        if isinstance(op, Attention):
            y = fresh(op).forward(*inputs)
            g = weights(op, y)
            by_hand = fresh(op).relprop(y * g, Books(1e-12), *inputs)
            tensors = [tensor(a) for a in inputs]
            out = (fresh(op)(*tensors) * mt.Tensor(g)).sum()
            for part, found in zip(
                by_hand, explain.relevance(out, tensors, form="explicit", eps=1e-12), strict=True
            ):
                assert np.allclose(part, found, rtol=1e-8, atol=1e-10)


def test_what_an_op_remembers_is_of_the_arrays_it_was_called_with():
    for op, inputs in CASES:
        if isinstance(op, Remembers):
            other = [a + 1.0 if a.dtype.kind == "f" else a for a in inputs]
            g = weights(op, fresh(op).forward(*inputs))
            expected, used = fresh(op).vjp(g, *inputs), fresh(op)
            used.forward(*other)
            for a, b in zip(used.vjp(g, *inputs), expected, strict=True):
                assert (a == b).all()


def test_what_passes_no_relevance_says_why():
    x = mt.tensor([1.4, 2.6], requires_grad=True)
    for y in (x.floor(), x // 2.0):
        with pytest.raises(NotImplementedError, match="constant between its steps"):
            explain.relevance(y.sum(), [x])


def test_the_table_of_reasons_is_what_its_docstring_shows():
    shown = {line.split("`")[1] for line in without.__doc__.splitlines() if line.startswith("| `")}
    assert shown == {kind.__name__ for kind in without.REASONS}
