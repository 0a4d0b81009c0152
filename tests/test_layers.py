"""Single layers against PyTorch's: values, gradients, names, initial values, reprs, and mistakes."""

from __future__ import annotations

import contextlib
import math

import numpy
import pytest
from helpers import assert_close, ids_checked
from hypothesis import given, settings
from hypothesis import strategies as st
from later import torch
from twins import compare, shapes, share_weights

import minitransformer as mt
from minitransformer import nn

DTYPES = ("float64", "float32")


def array(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape)


def ids(high, *shape, seed=0):
    return numpy.random.default_rng(seed).integers(0, high, shape)


def check(make, *inputs, dtype="float64", **options):
    """Hold `make(nn)` against `make(torch.nn)`."""
    ours, theirs = make(nn), make(torch.nn)
    share_weights(ours, theirs, dtype)
    return compare(ours, theirs, *inputs, dtype=dtype, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 1, 4, 5)])
def test_linear(shape, bias, dtype):
    check(lambda lib: lib.Linear(5, 3, bias=bias), array(*shape), dtype=dtype)


def test_linear_of_an_empty_batch():
    assert nn.Linear(5, 3)(mt.zeros(0, 4, 5)).shape == (0, 4, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx, dtype):
    picked = numpy.array([[0, 2, 2, 5], [6, 5, 2, 0]])
    check(lambda lib: lib.Embedding(7, 3, padding_idx=padding_idx), picked, dtype=dtype)


def test_embedding_of_padding_starts_at_zero_and_stays_there():
    layer = nn.Embedding(4, 3, padding_idx=-3)
    assert layer.padding_idx == 1 and (layer.weight.numpy()[1] == 0).all() and layer.weight.numpy()[0].any()
    layer(mt.tensor([1, 1, 0])).sum().backward()
    assert (layer.weight.grad.numpy()[:2] == [[1, 1, 1], [0, 0, 0]]).all()


def test_embedding_names_mistakes():
    layer = nn.Embedding(4, 3)
    for wrong in (4, -1):
        with ids_checked(), pytest.raises(IndexError, match=f"{wrong} is outside the vocabulary"):
            nn.Embedding(4, 3)(mt.tensor([1, wrong]))
    with pytest.raises(TypeError, match="integer"):
        layer(mt.tensor([1.0]))
    with pytest.raises(ValueError, match="padding_idx"):
        nn.Embedding(4, 3, padding_idx=4)


def test_an_embedding_from_a_table():
    table = array(5, 3)
    for freeze in (True, False):
        ours = nn.Embedding.from_pretrained(mt.tensor(table), freeze, padding_idx=-1)
        theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze, padding_idx=-1)
        assert repr(ours) == repr(theirs) and ours.weight.requires_grad == theirs.weight.requires_grad
        assert (ours.weight.numpy() == table).all()
        assert (ours(mt.tensor([4, 1])).detach().numpy() == table[[4, 1]]).all()
    shared = mt.tensor(table)
    layer = nn.Embedding(5, 3, _weight=shared, sparse=True)
    layer(mt.tensor([1])).sum().backward()
    assert layer.weight.grad.numpy()[1].tolist() == [1, 1, 1]
    assert layer.weight.array is shared.array
    with pytest.raises(ValueError, match="table"):
        nn.Embedding.from_pretrained(mt.ones(3))
    with pytest.raises(ValueError, match=r"expected \(4, 3\), got \(5, 3\)"):
        nn.Embedding(4, 3, _weight=shared)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_norm": 1.0},
        {"max_norm": 2.5, "norm_type": 1.0, "padding_idx": 1},
        {"max_norm": 0.5, "norm_type": float("inf")},
        {"scale_grad_by_freq": True, "padding_idx": -1},
    ],
)
def test_embeddings_with_a_limit_or_by_frequency(settings):
    table, asked = array(5, 3), numpy.array([[0, 2, 2], [4, 1, 2]])

    def program(lib):
        layer = lib.nn.Embedding.from_pretrained(lib.tensor(table.copy()), False, **settings)
        y = layer(lib.tensor(asked))
        (y * lib.tensor(array(2, 3, 3, seed=1))).sum().backward()
        found = lib.nn.functional.embedding(lib.tensor(asked), lib.tensor(table.copy()), **settings)
        return repr(layer), [y.detach(), layer.weight.grad, layer.weight.detach(), found]

    (shown, got), (their_shown, expected) = program(mt), program(torch)
    assert shown == their_shown
    for g, e in zip(got, expected, strict=True):
        assert_close(g, e)


def test_a_lazy_layer_takes_the_size_of_its_first_input():
    layer = nn.LazyLinear(3)
    weight = layer.weight
    assert layer(mt.ones(2, 5)).shape == (2, 3) and type(layer) is nn.Linear
    assert layer.weight is weight and weight.shape == (3, 5) and abs(weight.numpy()).max() <= 5**-0.5
    assert abs(layer.bias.numpy()).max() <= 5**-0.5 and layer.bias.numpy().any()
    layer(mt.ones(2, 5)).sum().backward()
    assert weight.grad.shape == (3, 5)
    other = nn.LazyLinear(3)
    other.load_state_dict(layer.state_dict())
    assert type(other) is nn.Linear and (other.weight.numpy() == weight.numpy()).all()


NORMS = {
    "layer": lambda lib: lib.LayerNorm(6),
    "layer, no bias": lambda lib: lib.LayerNorm((6,), eps=1e-3, bias=False),
    "layer, plain": lambda lib: lib.LayerNorm(6, elementwise_affine=False),
    "rms": lambda lib: lib.RMSNorm(6),
    "rms, plain": lambda lib: lib.RMSNorm([6], eps=1e-3, elementwise_affine=False),
}
OVER_SEVERAL = {
    "layer": lambda lib: lib.LayerNorm((3, 6)),
    "layer, no bias": lambda lib: lib.LayerNorm([3, 6], bias=False),
    "layer, plain": lambda lib: lib.LayerNorm((1, 3, 6), elementwise_affine=False),
    "rms": lambda lib: lib.RMSNorm((3, 6)),
    "rms, plain": lambda lib: lib.RMSNorm((3, 6), elementwise_affine=False),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 1, 3, 6)])
@pytest.mark.parametrize("norm", NORMS)
def test_normalization(norm, shape, dtype):
    check(NORMS[norm], 3 + 2 * array(*shape), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", OVER_SEVERAL)
def test_normalization_over_several_dimensions(norm, dtype):
    check(OVER_SEVERAL[norm], 3 + 2 * array(2, 1, 3, 6), dtype=dtype)
    if dtype == "float64":
        check(OVER_SEVERAL[norm], 3 + 2 * array(6, 3, 1, 2).transpose(), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rms_norm_s_default_eps_is_torch_s(dtype):
    x = numpy.array([1e-4, -2e-4, 3e-4], dtype)
    got = nn.functional.rms_norm(mt.tensor(x), (3,))
    expected = torch.nn.functional.rms_norm(torch.tensor(x), (3,))
    numpy.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("layer", [nn.LayerNorm, nn.RMSNorm])
def test_normalization_names_mistakes(layer):
    with pytest.raises(ValueError, match=r"expected input \(\.\., 6\).*got \(2, 5\)"):
        layer(6)(mt.zeros(2, 5))
    with pytest.raises(
        ValueError, match=r"expected input \(\.\., 2, 6\) over its last dimensions, got \(2, 3, 6\)"
    ):
        layer((2, 6))(mt.zeros(2, 3, 6))
    with pytest.raises(ValueError, match=r"expected input \(\.\., 2, 6\) .*got \(6,\)"):
        layer((2, 6))(mt.zeros(6))
    with pytest.raises(TypeError, match="float64"):
        layer(6)(mt.zeros(2, 6, dtype=mt.float64))


ACTIVATIONS = {
    "relu": lambda lib: lib.ReLU(),
    "gelu": lambda lib: lib.GELU(),
    "gelu, tanh": lambda lib: lib.GELU("tanh"),
    "silu": lambda lib: lib.SiLU(),
    "tanh": lambda lib: lib.Tanh(),
    "sigmoid": lambda lib: lib.Sigmoid(),
    "softmax": lambda lib: lib.Softmax(0),
    "log softmax": lambda lib: lib.LogSoftmax(dim=-1),
    "identity": lambda lib: lib.Identity(3, any=True),
    "flatten": lambda lib: lib.Flatten(0),
    "unflatten": lambda lib: lib.Unflatten(-1, (1, -1)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation(activation, dtype):
    check(ACTIVATIONS[activation], 3 * array(4, 7), dtype=dtype)


def test_gelu_names_mistakes():
    with pytest.raises(ValueError, match="'none' or 'tanh'"):
        nn.GELU("sigmoid")(mt.zeros(1))


@given(p=st.floats(0.05, 0.95), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_dropout_drops_a_share_p_scales_the_rest_and_gates_the_gradient(p, seed):
    mt.manual_seed(seed)
    x = mt.tensor(1 + array(4000) ** 2, requires_grad=True)
    y = nn.Dropout(p)(x)
    kept = y.numpy() != 0
    assert abs(1 - kept.mean() - p) < 5 * math.sqrt(p * (1 - p) / 4000)
    numpy.testing.assert_allclose(y.numpy()[kept], x.numpy()[kept] / (1 - p), rtol=1e-12)
    g = array(4000, seed=1)
    y.backward(mt.tensor(g))
    numpy.testing.assert_allclose(x.grad.numpy(), g * kept / (1 - p), rtol=1e-12)


def test_dropout_at_its_ends_and_in_use():
    x = mt.tensor(array(50))
    assert nn.Dropout(0.0)(x) is x
    assert (nn.Dropout(1.0)(x).numpy() == 0).all()
    assert nn.Dropout(0.9).eval()(x) is x
    with pytest.raises(ValueError, match="1.5"):
        nn.Dropout(1.5)


def test_dropout_follows_the_seed():
    x, draws = mt.ones(100), []
    for seed in (3, 3, 4):
        mt.manual_seed(seed)
        draws.append(nn.Dropout(0.5)(x).numpy())
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(6, 5), (1, 5), (2, 5, 3)])
def test_cross_entropy_loss(shape, smoothing, reduction, dtype):
    target = ids(5, shape[0], *shape[2:])
    target.flat[0] = 2  # ignored, like all others of class 2
    if shape[0] == 1:
        target.flat[0] = 1
    options = {"ignore_index": 2, "reduction": reduction, "label_smoothing": smoothing}
    check(lambda lib: lib.CrossEntropyLoss(**options), 4 * array(*shape), target, dtype=dtype)


def test_cross_entropy_loss_of_one_token():
    check(lambda lib: lib.CrossEntropyLoss(), array(5), numpy.array(3))


def test_cross_entropy_loss_names_mistakes():
    logits = mt.tensor(array(4, 5))
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(3,\)"):
        nn.CrossEntropyLoss()(logits, mt.tensor([0, 1, 2]))
    with ids_checked(), pytest.raises(IndexError, match="5"):
        nn.CrossEntropyLoss()(mt.tensor(array(4, 5)), mt.tensor([0, 1, 2, 5]))
    with pytest.raises(ValueError, match="reduction"):
        nn.CrossEntropyLoss(reduction="avg")(logits, mt.tensor([0, 1, 2, 3]))


CLASS_WEIGHTS = [0.5, 2.0, 0.0, 1.5, 3.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6, 5), (5,), (2, 5, 3, 1)])
def test_losses_with_weighted_classes_and_of_probabilities(shape, reduction, dtype):
    target = ids(5, *(shape[:1] * (len(shape) > 1) + shape[2:]))
    settings = {"ignore_index": 1, "reduction": reduction}
    logits, sure = 4 * array(*shape), numpy.exp(array(*shape, seed=3))

    def weighted(kind, **options):
        def make(lib):
            tensor = (torch if lib is torch.nn else mt).tensor(numpy.array(CLASS_WEIGHTS, dtype))
            return getattr(lib, kind)(tensor, **options)

        return make

    for smoothing in (0.0, 0.3):
        check(
            weighted("CrossEntropyLoss", label_smoothing=smoothing, **settings), logits, target, dtype=dtype
        )
        check(
            weighted("CrossEntropyLoss", label_smoothing=smoothing, reduction=reduction),
            logits,
            sure,
            dtype=dtype,
        )
        check(
            lambda lib, s=smoothing: lib.CrossEntropyLoss(label_smoothing=s, reduction=reduction),
            logits,
            sure,
            dtype=dtype,
        )
    check(weighted("NLLLoss", **settings), logits, target, dtype=dtype)
    check(lambda lib: lib.NLLLoss(**settings), logits, target, dtype=dtype)


@pytest.mark.parametrize("ignored", [-100, -1, 7])
def test_weights_and_smoothing_do_not_look_at_what_is_ignored(ignored):
    """pytorch/pytorch#91383, #72056 (an ignored id asked for its weight), #73205 (it counted in the smoothed part)."""
    target = numpy.array([0, ignored, 4, ignored])

    def make(lib):
        weight = (torch if lib is torch.nn else mt).tensor(numpy.array(CLASS_WEIGHTS))
        return lib.CrossEntropyLoss(weight, ignore_index=ignored, label_smoothing=0.2)

    check(make, array(4, 5), target)
    some = mt.tensor(array(4, 5)[::2]), mt.tensor(target[::2])
    assert make(nn)(*some).item() == pytest.approx(
        make(nn)(mt.tensor(array(4, 5)), mt.tensor(target)).item(), rel=1e-12
    )


def test_older_words_for_a_reduction_mean_what_they_mean_in_torch():
    values = array(3, 5), ids(5, 3)
    for words in (
        (None, -100, None),
        (False, -100, None),
        (True, -100, None),
        (None, -100, False),
        (None, -100, True),
    ):
        (average, ignore, reduce) = words
        got = nn.functional.cross_entropy(*map(mt.tensor, values), None, average, ignore, reduce)
        with pytest.warns(UserWarning) if words != (None, -100, None) else contextlib.nullcontext():
            expected = torch.nn.functional.cross_entropy(
                *map(torch.tensor, values), None, average, ignore, reduce
            )
        numpy.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)
    assert nn.functional.mse_loss(mt.zeros(3), mt.ones(3), False).item() == 3
    assert nn.MSELoss(None, False)(mt.zeros(3), mt.ones(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss_with_weights(reduction):
    values = array(3, 4), array(3, 4, seed=1), numpy.exp(array(3, 4, seed=2))
    got, expected = (
        lib.nn.functional.mse_loss(
            *map(lib.tensor, values[:2]), weight=lib.tensor(values[2]), reduction=reduction
        )
        for lib in (mt, torch)
    )
    numpy.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (
            lambda F, x, y: F.cross_entropy(x, y, mt.ones(3).double()),
            ValueError,
            r"a weight for each class .* got weights \(3,\)",
        ),
        (
            lambda F, x, y: F.cross_entropy(x, y, mt.ones(5)),
            TypeError,
            "logits are float64, class weights float32",
        ),
        (
            lambda F, x, y: F.cross_entropy(x, y, mt.ones(5, requires_grad=True).double()),
            RuntimeError,
            "detach",
        ),
        (lambda F, x, y: F.cross_entropy(x, x, ignore_index=1), ValueError, "ignore_index names a class id"),
        (
            lambda F, x, y: F.cross_entropy(x, y.double()),
            ValueError,
            r"float64 \(4,\); if they are class ids, call .long",
        ),
        (lambda F, x, y: F.nll_loss(x, x), TypeError, "integer class ids"),
        (lambda F, x, y: F.nll_loss(x, y[:3]), ValueError, r"\(4, 5\) do not fit targets \(3,\)"),
        (
            lambda F, x, y: F.mse_loss(x, x, weight=y),
            ValueError,
            r"equal shapes, got \(4, 5\) and \(4, 5\) and \(4,\)",
        ),
    ],
)
def test_losses_name_mistakes(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(nn.functional, mt.tensor(array(4, 5)), mt.tensor(ids(5, 4)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss(reduction, dtype):
    check(lambda lib: lib.MSELoss(reduction=reduction), array(3, 4), array(3, 4, seed=1), dtype=dtype)


def test_mse_loss_refuses_to_broadcast():
    with pytest.raises(ValueError, match="equal shapes"):
        nn.MSELoss()(mt.zeros(3, 1), mt.zeros(3))


EVERY_LAYER = {
    **NORMS,
    **{f"{name}, several": make for name, make in OVER_SEVERAL.items()},
    **ACTIVATIONS,
    "linear": lambda lib: lib.Linear(3, 4),
    "linear, no bias": lambda lib: lib.Linear(3, 4, bias=False),
    "embedding": lambda lib: lib.Embedding(5, 3),
    "embedding, padding": lambda lib: lib.Embedding(5, 3, padding_idx=-1),
    "dropout": lambda lib: lib.Dropout(0.1),
    "cross entropy": lambda lib: lib.CrossEntropyLoss(),
    "nll": lambda lib: lib.NLLLoss(),
    "mse": lambda lib: lib.MSELoss(),
}


@pytest.mark.parametrize("layer", EVERY_LAYER)
def test_names_shapes_and_repr_are_torch_s(layer):
    ours, theirs = EVERY_LAYER[layer](nn), EVERY_LAYER[layer](torch.nn)
    assert shapes(ours) == shapes(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert repr(ours) == repr(theirs)


def test_layers_take_dtype_and_device():
    made = {"device": "cpu", "dtype": mt.float64}
    layers = [
        nn.Linear(2, 2, **made),
        nn.Embedding(2, 2, **made),
        nn.LayerNorm(2, **made),
        nn.RMSNorm(2, **made),
    ]
    layers += [nn.MultiheadAttention(2, 1, **made), nn.TransformerEncoderLayer(2, 1, 4, **made)]
    layers += [nn.Transformer(2, 1, 1, 1, 4, **made)]
    assert {p.dtype for layer in layers for p in layer.parameters()} == {mt.float64}
    assert {p.dtype for p in nn.Linear(2, 2).parameters()} == {mt.float32}


def spread(values):
    """Mean, standard deviation and extremes: what tells a distribution and its parameters."""
    flat = numpy.asarray(values).reshape(-1)
    return numpy.array([flat.mean(), flat.std(), flat.min(), flat.max()])


def same_distribution(ours: mt.Tensor, theirs: torch.Tensor, extremes: float) -> None:
    scale = theirs.std().item()
    off = abs(spread(ours.numpy()) - spread(theirs.detach().numpy())) / (scale or 1.0)
    assert (off < [0.02, 0.02, extremes, extremes]).all(), off


INITIAL = {
    "linear": (lambda lib: lib.Linear(300, 200), 0.05),
    "embedding": (lambda lib: lib.Embedding(300, 200, padding_idx=0), 1.5),
    "attention": (lambda lib: lib.MultiheadAttention(200, 4), 0.05),
    "attention, own sizes": (lambda lib: lib.MultiheadAttention(200, 4, kdim=300, vdim=150), 0.05),
    "encoder layer": (lambda lib: lib.TransformerEncoderLayer(200, 4, 300), 0.05),
    "transformer": (lambda lib: lib.Transformer(200, 4, 1, 1, 300), 0.05),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch's advice about its fast path
@pytest.mark.parametrize("layer", INITIAL)
def test_initial_values_have_torch_s_distribution(layer):
    mt.manual_seed(0)
    torch.manual_seed(0)
    make, extremes = INITIAL[layer]
    theirs = dict(make(torch.nn).named_parameters())
    for name, p in make(nn).named_parameters():
        if p.numel() >= 20_000:
            same_distribution(p, theirs[name], extremes)
        else:  # few numbers: same bound, same kind
            assert abs(p.numpy()).max() == pytest.approx(theirs[name].abs().max().item(), rel=0.1), name


ROUND = ("normal_", "xavier_normal_", "kaiming_normal_", "orthogonal_")  # without a largest value


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("uniform_", {"a": -2.0, "b": 5.0}),
        ("normal_", {"mean": 1.0, "std": 3.0}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {"gain": 2.0}),
        ("kaiming_uniform_", {"a": math.sqrt(5)}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_uniform_", {"nonlinearity": "tanh"}),
        ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.5, "b": 4.0}),
        ("orthogonal_", {"gain": 3.0}),
        ("eye_", {}),
        ("constant_", {"val": 2.5}),
        ("zeros_", {}),
        ("ones_", {}),
    ],
)
def test_init(name, options):
    mt.manual_seed(1)
    torch.manual_seed(1)
    ours, theirs = nn.Parameter(mt.full((300, 200), 7.0)), torch.nn.Parameter(torch.full((300, 200), 7.0))
    assert getattr(nn.init, name)(ours, **options) is ours
    getattr(torch.nn.init, name)(theirs, **options)
    same_distribution(ours, theirs, 0.8 if name in ROUND else 0.05)
    assert ours.requires_grad and ours.is_leaf


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    weight = nn.init.orthogonal_(mt.zeros(*shape, dtype=mt.float64), gain=2.0).numpy().reshape(shape[0], -1)
    square = weight @ weight.T if shape[0] < weight.shape[1] else weight.T @ weight
    numpy.testing.assert_allclose(square, 4 * numpy.eye(len(square)), atol=1e-12)


def test_fans_and_gains_are_torch_s():
    for shape in ((3, 4), (3, 4, 5), (6, 2, 3, 3)):
        fans = nn.init._calculate_fan_in_and_fan_out(mt.zeros(*shape))
        assert fans == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(*shape))
    for name in ("linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


def test_init_names_mistakes():
    with pytest.raises(ValueError, match="within 2 std"):
        nn.init.trunc_normal_(mt.zeros(3), mean=5.0)
    with pytest.raises(ValueError, match="matrix"):
        nn.init.eye_(mt.zeros(3))
    with pytest.raises(ValueError, match=r"\(out, in\)"):
        nn.init.orthogonal_(mt.zeros(3))
    with pytest.raises(ValueError, match="swish"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ValueError, match=r"\(out, in\)"):
        nn.init.xavier_uniform_(mt.zeros(3))
    with pytest.raises(ValueError, match="fan_in"):
        nn.init.kaiming_uniform_(mt.zeros(3, 2), mode="fan")


def with_gradients(lib, values):
    parameters = [lib.nn.Parameter(lib.tensor(v)) for v in values]
    for p, v in zip(parameters, values, strict=True):
        p.grad = lib.tensor(3 * v)
    return [*parameters, lib.nn.Parameter(lib.tensor(values[0]))]  # the last has no gradient


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm_type", [1, 2.0, 3.5, math.inf, -math.inf, 0])
@pytest.mark.parametrize("max_norm", [0.5, 1e4])
def test_clip_grad_norm(max_norm, norm_type, dtype):
    values = [array(3, 4).astype(dtype), array(5, seed=1).astype(dtype)]
    ours, theirs = with_gradients(mt, values), with_gradients(torch, values)
    total = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    rtol = 1e-10 if dtype == "float64" else 1e-5
    assert total.item() == pytest.approx(expected.item(), rel=rtol)
    assert total.dtype == dtype and total.shape == ()
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        numpy.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=rtol)
        assert p.grad.dtype == dtype
    assert ours[-1].grad is None


@pytest.mark.parametrize("norm_type", [1, 2.0, 3.0, math.inf])
def test_clip_grad_norm_of_float16_adds_up_in_float32(norm_type):
    values = [numpy.array([300, 400], "float16"), numpy.full(3000, 20, "float16")]
    ours, theirs = ([lib.nn.Parameter(lib.tensor(v)) for v in values] for lib in (mt, torch))
    for lib, parameters in ((mt, ours), (torch, theirs)):
        for p, v in zip(parameters, values, strict=True):
            p.grad = lib.tensor(v)
    total = nn.utils.clip_grad_norm_(ours, 1.0, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 1.0, norm_type)
    assert total.item() == pytest.approx(expected.item(), rel=2e-3)
    for p, q in zip(ours, theirs, strict=True):
        assert p.grad.dtype == mt.float16
        numpy.testing.assert_allclose(
            p.grad.numpy().astype(float), q.grad.numpy().astype(float), rtol=5e-3, atol=1e-5
        )


def test_clip_grad_norm_of_one_parameter_and_of_none():
    (p, _) = with_gradients(mt, [numpy.array([3.0, 4.0])])
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == pytest.approx(15)
    numpy.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-6)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_clip_grad_norm_can_refuse_what_is_not_finite(bad):
    parameters = with_gradients(mt, [numpy.array([1.0, 2.0])])
    parameters[0].grad[0] = bad
    with pytest.raises(RuntimeError, match=str(bad)):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[0].grad.numpy()[1] == 6


def test_clip_grad_value():
    values = [array(3, 4), array(5, seed=1)]
    ours, theirs = with_gradients(mt, values), with_gradients(torch, values)
    nn.utils.clip_grad_value_(ours, 0.7)
    torch.nn.utils.clip_grad_value_(theirs, 0.7)
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        assert (p.grad.numpy() == q.grad.numpy()).all()
