"""Every op against PyTorch (1e-10) and finite differences (1e-6): all elements, float64, a random cotangent."""

import numpy as np
import pytest
from helpers import ids_checked
from later import Later, torch

import minitransformer as mt

F, TF = mt.nn.functional, Later("torch.nn.functional")
MASK = np.random.default_rng(5).random((3, 5)) < 0.4
IDS = np.array([[1, 0, 1], [3, 1, 1]])
TARGET = np.array([1, 0, -100])


def case(name, fn, torch_fn, *shapes, positive=False):
    return pytest.param(
        fn, torch_fn, shapes, positive, id=f"{name}-{'-'.join(map(str, shapes))}".replace(" ", "")
    )


def same(name, fn, *shapes, positive=False):
    """One function of tensors that runs on both."""
    return case(name, fn, fn, *shapes, positive=positive)


def theirs(name):
    """PyTorch's function of that name, looked up when it is called."""
    return lambda *inputs: getattr(TF, name)(*inputs)


BINARY_SHAPES = [
    ((2, 3), (2, 3)),
    ((3, 1, 4), (5, 1)),
    ((), (2, 3)),
    ((1,), (4, 1)),
    ((0, 3), (3,)),
    ((2, 3), ()),
]
ANYWHERE = ("neg", "exp", "sin", "cos", "tanh", "sigmoid", "relu")
MOMENTS = ("sum", "mean", "var", "std")
SMOOTH = ("softmax", "log_softmax", "logsumexp", "cumsum")
UNARY_SHAPES = [(3, 5), (1,), (), (0, 4), (2, 1, 3)]
CASES = [
    *[same("add", lambda a, b: a + b, *s) for s in BINARY_SHAPES],
    *[same("sub", lambda a, b: a - b, *s) for s in BINARY_SHAPES],
    *[same("mul", lambda a, b: a * b, *s) for s in BINARY_SHAPES],
    *[same("div", lambda a, b: a / b, *s, positive=True) for s in BINARY_SHAPES],
    *[same("pow", lambda a, b: a**b, *s, positive=True) for s in BINARY_SHAPES],
    *[case("maximum", mt.maximum, lambda a, b: torch.maximum(a, b), *s) for s in BINARY_SHAPES],
    *[case("minimum", mt.minimum, lambda a, b: torch.minimum(a, b), *s) for s in BINARY_SHAPES],
    *[same(n, lambda x, n=n: getattr(x, n)(), s) for n in ANYWHERE for s in UNARY_SHAPES],
    *[
        same(n, lambda x, n=n: getattr(x, n)(), s, positive=True)
        for n in ("log", "sqrt", "abs")
        for s in UNARY_SHAPES
    ],
    *[case(n, getattr(F, n), theirs(n), s) for n in ("gelu", "silu") for s in UNARY_SHAPES],
    *[
        case("gelu_tanh", lambda x: F.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh"), s)
        for s in UNARY_SHAPES
    ],
    same("scalars", lambda x: (2 - x) * 3 / 4 + 1 / (x + 2) - x**2 + 1.5**x, (3, 5), positive=True),
    same("clamp", lambda x: x.clamp(-0.5, 0.7), (3, 5)),
    same("transposed", lambda x: x.transpose(0, 1) * x.transpose(0, 1), (3, 5)),
    case(
        "where",
        lambda a, b: mt.where(mt.tensor(MASK), a, b),
        lambda a, b: torch.where(torch.tensor(MASK), a, b),
        (3, 5),
        (5,),
    ),
    same("matmul", lambda a, b: a @ b, (3, 4), (4, 2)),
    same("matmul", lambda a, b: a @ b, (2, 1, 3, 4), (5, 4, 2)),
    same("matmul", lambda a, b: a @ b, (4,), (5, 4, 2)),
    same("matmul", lambda a, b: a @ b, (3, 4), (4,)),
    same("matmul", lambda a, b: a @ b, (4,), (4,)),
    same("matmul", lambda a, b: a @ b, (0, 4), (4, 2)),
    same("matmul", lambda a, b: a.mT @ b.mT, (2, 4, 3), (2, 5, 4)),
    case("linear", F.linear, theirs("linear"), (2, 3, 5), (4, 5), (4,)),
    case("linear", F.linear, theirs("linear"), (5,), (4, 5)),
    case("linear", F.linear, theirs("linear"), (0, 5), (4, 5), (4,)),
    *[
        same(f"{n}{d}", lambda x, n=n, d=d: getattr(x, n)(d), (3, 1, 5))
        for n in MOMENTS
        for d in (2, (0, 2), -1)
    ],
    *[same(n, lambda x, n=n: getattr(x, n)(), (3, 5)) for n in ("sum", "mean", "var", "max", "min")],
    *[
        same(n, lambda x, n=n: getattr(x, n)(1, keepdim=True), (3, 5))
        for n in ("sum", "mean", "var", "amax", "amin")
    ],
    *[same(f"{n}_dim", lambda x, n=n: getattr(x, n)(0)[0], (3, 5)) for n in ("max", "min")],
    *[same(f"{n}{d}", lambda x, n=n, d=d: getattr(x, n)(d), (3, 5, 2)) for n in SMOOTH for d in (0, -1)],
    same("view", lambda x: x.view(5, -1).reshape(3, 5), (3, 5)),
    same("permute", lambda x: x.permute(2, 0, 1), (2, 3, 4)),
    same("expand", lambda x: x.expand(2, 3, -1), (1, 4)),
    same("squeeze", lambda x: x.squeeze(1).unsqueeze(0).squeeze(), (3, 1, 4)),
    same("flatten", lambda x: x.flatten(1), (2, 3, 4)),
    case("cat", lambda a, b: mt.cat([a, b, a], 1), lambda a, b: torch.cat([a, b, a], 1), (3, 2), (3, 4)),
    case("stack", lambda a, b: mt.stack([a, b], -1), lambda a, b: torch.stack([a, b], -1), (3, 2), (3, 2)),
    same("split", lambda x: x.split([1, 4], 1)[1], (3, 5)),
    same("chunk", lambda x: x.chunk(2, 1)[0] * x.chunk(3, 1)[0].sum(), (3, 5)),
    same("unbind", lambda x: x.unbind(0)[1], (3, 5)),
    same("slices", lambda x: x[1:, ::2], (3, 5)),
    same("integers", lambda x: x[1, -1], (3, 5)),
    same("ellipsis", lambda x: x[..., None, 1], (3, 5)),
    same("arrays", lambda x: x[[0, 2, 2, 0]], (3, 5)),
    case("index", lambda x: x[mt.tensor(IDS)], lambda x: x[torch.tensor(IDS)], (4, 2)),
    case("mask", lambda x: x[mt.tensor(MASK)], lambda x: x[torch.tensor(MASK)], (3, 5)),
    case("gather", lambda x: x.gather(1, mt.tensor(IDS)), lambda x: x.gather(1, torch.tensor(IDS)), (3, 5)),
    case("pad", lambda x: F.pad(x, (1, 2, 0, 1)), lambda x: TF.pad(x, (1, 2, 0, 1)), (3, 5)),
    case("pad_value", lambda x: F.pad(x, (1, 2), value=3.0), lambda x: TF.pad(x, (1, 2), value=3.0), (3, 5)),
    case(
        "masked_fill",
        lambda x: x.masked_fill(mt.tensor(MASK), 2.0),
        lambda x: x.masked_fill(torch.tensor(MASK), 2.0),
        (3, 5),
    ),
    same("triu", lambda x: x.triu(1) + x.tril(-1), (3, 5)),
    case(
        "embedding",
        lambda w: F.embedding(mt.tensor(IDS), w),
        lambda w: TF.embedding(torch.tensor(IDS), w),
        (4, 3),
    ),
    case(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (5,), w, b),
        lambda x, w, b: TF.layer_norm(x, (5,), w, b),
        *[(2, 3, 5), (5,), (5,)],
    ),
    case("layer_norm", lambda x: F.layer_norm(x, (5,)), lambda x: TF.layer_norm(x, (5,)), (1, 5)),
    case(
        "rms_norm",
        lambda x, w: F.rms_norm(x, (5,), w, 1e-5),
        lambda x, w: TF.rms_norm(x, (5,), w, 1e-5),
        (2, 3, 5),
        (5,),
    ),
    *[
        case(
            f"cross_entropy-{reduction}-{smoothing}",
            lambda x, r=reduction, s=smoothing: F.cross_entropy(
                x, mt.tensor(TARGET), reduction=r, label_smoothing=s
            ),
            lambda x, r=reduction, s=smoothing: TF.cross_entropy(
                x, torch.tensor(TARGET), reduction=r, label_smoothing=s
            ),
            (3, 5),
        )
        for reduction in ("mean", "sum", "none")
        for smoothing in (0.0, 0.1)
    ],
    case("mse", F.mse_loss, theirs("mse_loss"), (3, 5), (3, 5)),
    case(
        "attention",
        F.scaled_dot_product_attention,
        theirs("scaled_dot_product_attention"),
        (2, 3, 5, 4),
        (2, 3, 6, 4),
        (2, 3, 6, 7),
    ),
    case(
        "causal attention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True),
        *[(2, 1, 5, 4)] * 3,
    ),
    case(
        "additive mask",
        F.scaled_dot_product_attention,
        theirs("scaled_dot_product_attention"),
        (2, 5, 4),
        (2, 6, 4),
        (2, 6, 3),
        (5, 6),
    ),
]


@pytest.mark.parametrize("fn, torch_fn, shapes, positive", CASES)
def test_value_and_gradient(fn, torch_fn, shapes, positive):
    random = np.random.default_rng(1)  # not the cotangent's seed: <f(x), x> is stationary for normalizations
    inputs = [random.uniform(0.5, 2, s) if positive else random.standard_normal(s) for s in shapes]
    mt.compare_with_torch(fn, torch_fn, inputs)
    mt.gradcheck(fn, inputs)
    narrow = [x.astype("float32") if x.ndim else np.float32(x) for x in inputs]
    mt.compare_with_torch(fn, torch_fn, narrow, rtol=1e-5)


def test_non_contiguous_inputs():
    x = np.random.default_rng(0).standard_normal((4, 6))[::2, ::-3]
    for name in ("exp", "softmax", "cumsum"):
        mt.compare_with_torch(
            lambda t, n=name: getattr(mt.tensor(x) * t, n)(*[0] * (n != "exp")),
            lambda t, n=name: getattr(torch.tensor(x.copy()) * t, n)(*[0] * (n != "exp")),
            [np.ones(x.shape)],
        )


def test_a_row_that_may_look_nowhere_gives_zeros_and_zero_gradient():
    x = mt.full((2, 3), -np.inf, requires_grad=True)
    y = x.softmax(-1)
    y.backward(mt.randn(2, 3))
    assert not y.numpy().any() and not x.grad.numpy().any()


def test_dropout_keeps_the_mean_and_is_the_identity_in_use():
    x = mt.ones(400, 500)
    y = F.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)} and abs(y.mean() - 1) < 0.01
    assert F.dropout(x, 0.25, training=False) is x
    assert not F.dropout(x, 1.0).numpy().any()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: mt.ones(2, 3, 4) @ mt.ones(5, 6),
            ValueError,
            r"inner sizes differ: \(2, 3, 4\) @ \(5, 6\): 4 != 5",
        ),
        (lambda: mt.ones(2, 3) + mt.ones(4), ValueError, "add"),
        (lambda: mt.ones(2, 3).reshape(4, 2), ValueError, "6 elements"),
        (
            lambda: F.embedding(mt.tensor([5]), mt.ones(5, 2)),
            IndexError,
            "id 5 is outside the vocabulary 0..4",
        ),
        (lambda: F.embedding(mt.tensor([0.5]), mt.ones(5, 2)), TypeError, "integer"),
        (lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 3])), IndexError, "3"),
        (lambda: F.mse_loss(mt.ones(2, 3), mt.ones(3)), ValueError, "equal shapes"),
        (lambda: F.linear(mt.ones(2, 3).double(), mt.ones(4, 3)), RuntimeError, "float64"),
        (lambda: mt.ones(2, 3).sum(2), IndexError, "out of range"),
        (lambda: mt.tensor([1, 2], requires_grad=True), RuntimeError, "floating-point"),
        (lambda: F.embedding([1, 2], mt.ones(5, 2)), TypeError, "a tensor of ids, got list"),
        (
            lambda: F.cross_entropy(mt.ones(2, 3).long(), mt.tensor([0, 1])),
            TypeError,
            "floating-point logits .* got int64",
        ),
        (
            lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 1]), label_smoothing=2),
            ValueError,
            r"in \[0, 1\], got 2",
        ),
        (
            lambda: mt.ones(3, requires_grad=True).backward([1, 1, 1]),
            RuntimeError,
            r"expected a Tensor \(3,\), got list \(3,\)",
        ),
        (lambda: mt.ones(3) + "a", TypeError, "expected a tensor or numbers, got str 'a'"),
        (lambda: None * mt.ones(3), TypeError, "expected a tensor or numbers, got NoneType None"),
        (lambda: mt.ones(5).split(0), ValueError, "split: expected parts of at least one, got 0"),
        (lambda: mt.ones(5).chunk(0), ValueError, "chunk: expected at least one part, got 0"),
        (lambda: mt.cat([mt.ones(2), 1.0]), ValueError, r"nothing else, got \['Tensor', 'float'\]"),
        (lambda: mt.arange(0, 5, 0), ValueError, "a step that is not 0"),
        (lambda: mt.nn.utils.clip_grad_norm_([mt.ones(2)], -1.0), ValueError, "max_norm >= 0, got -1.0"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with ids_checked(), pytest.raises(error, match=message):
        call()
