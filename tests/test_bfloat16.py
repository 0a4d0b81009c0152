"""bfloat16: PyTorch's bits for what is computed of each element, one ulp for products, and its rules for mixed dtypes."""

import importlib
import io
import warnings

import numpy
import pytest
from later import Later, torch

import minitransformer as mt
from minitransformer import brain_float, explain, nn

F = nn.functional
safetensors_torch = Later("safetensors.torch")
RANDOM = numpy.random.default_rng(0)
A, B = RANDOM.standard_normal((40, 50)), RANDOM.uniform(0.1, 3, (40, 50))


def both(values):
    """Equal tensors of ours and of PyTorch's."""
    ours = mt.tensor(values).bfloat16()
    return ours, torch.tensor(ours.float().numpy()).bfloat16()


def bits(t):
    """Of either library, in the order of the numbers: neighbours differ by 1, and both zeros are 0."""
    found = (
        t.detach().view(torch.int16).numpy() if isinstance(t, torch.Tensor) else t.detach().numpy().view("i2")
    )
    return numpy.where(found < 0, -(found & 0x7FFF).astype(int), found.astype(int))


def apart(ours, theirs):
    """The largest distance in ulps."""
    assert ours.dtype == mt.bfloat16 and theirs.dtype == torch.bfloat16 and ours.shape == tuple(theirs.shape)
    return abs(bits(ours) - bits(theirs)).max()


def run(function, *values):
    """The result and the gradients of a function of both libraries, from one random cotangent."""
    pairs = [both(v) for v in values]
    inputs = [[t.requires_grad_() for t in side] for side in zip(*pairs, strict=True)]
    results = function(mt, *inputs[0]), function(torch, *inputs[1])
    if results[1].requires_grad:
        for result, g in zip(
            results, both(numpy.random.default_rng(1).standard_normal(results[1].shape)), strict=True
        ):
            result.backward(g)
    return results, [(a.grad, b.grad) for a, b in zip(*inputs, strict=True)]


ELEMENTWISE = {
    "add": lambda lib, x, y: x + y,
    "sub": lambda lib, x, y: x - y,
    "mul": lambda lib, x, y: x * y,
    "div": lambda lib, x, y: x / y,
    "numbers": lambda lib, x, y: (1.3 * x + 2) / 3,
    "neg": lambda lib, x, y: -x,
    "abs": lambda lib, x, y: abs(x),
    "square": lambda lib, x, y: x.square(),
    "pow": lambda lib, x, y: y**2,
    "exp": lambda lib, x, y: lib.exp(x),
    "expm1": lambda lib, x, y: lib.expm1(x),
    "log": lambda lib, x, y: lib.log(y),
    "log1p": lambda lib, x, y: lib.log1p(y),
    "sqrt": lambda lib, x, y: lib.sqrt(y),
    "sin": lambda lib, x, y: lib.sin(x),
    "cos": lambda lib, x, y: lib.cos(x),
    "tanh": lambda lib, x, y: lib.tanh(x),
    "sigmoid": lambda lib, x, y: lib.sigmoid(x),
    "erf": lambda lib, x, y: lib.erf(x),
    "relu": lambda lib, x, y: lib.relu(x),
    "gelu": lambda lib, x, y: lib.nn.functional.gelu(x),
    "silu": lambda lib, x, y: lib.nn.functional.silu(x),
    "floor": lambda lib, x, y: lib.floor(x),
    "round": lambda lib, x, y: lib.round(x),
    "clamp": lambda lib, x, y: x.clamp(-0.5, 0.5),
    "maximum": lambda lib, x, y: lib.maximum(x, y),
    "where": lambda lib, x, y: lib.where(x > 0, x, y),
    "masked_fill": lambda lib, x, y: x.masked_fill(x > 0, 0.3),
    "tril": lambda lib, x, y: lib.tril(x),
    "cat": lambda lib, x, y: lib.cat([x, y], 1),
    "stack": lambda lib, x, y: lib.stack([x, y]),
    "index": lambda lib, x, y: x[lib.tensor([3, 1, 3])],
    "pad": lambda lib, x, y: lib.nn.functional.pad(x, (1, 2)),
    "view": lambda lib, x, y: x.view(50, 40).t()[1:, ::2],
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_each_element_has_pytorch_s_bits(name):
    (ours, theirs), gradients = run(ELEMENTWISE[name], A, B)
    assert apart(ours, theirs) == 0
    # PyTorch rounds in the middle of some gradients, where these are rounded once
    for got, expected in gradients:
        if expected is not None:
            expected = expected.float().numpy()
            numpy.testing.assert_allclose(
                got.float().numpy(), expected, rtol=0, atol=2**-7 * abs(expected).max()
            )


PRODUCTS = {
    "matmul": lambda lib, x, y: x @ y.t(),
    "linear": lambda lib, x, y: lib.nn.functional.linear(x, y),
    "outer": lambda lib, x, y: lib.outer(x[0], y[1]),
    "addmm": lambda lib, x, y: lib.addmm(y[:, :40], x, y.t()),
    "bmm": lambda lib, x, y: x.view(4, 10, 50) @ y.view(4, 50, 10),
    "rsqrt": lambda lib, x, y: lib.rsqrt(y),
    "sum": lambda lib, x, y: x.sum(1),
    "mean": lambda lib, x, y: x.mean(0),
    "cumsum": lambda lib, x, y: x.cumsum(1),
    "var": lambda lib, x, y: x.var(1),
    "softmax": lambda lib, x, y: lib.softmax(x, -1),
    "log_softmax": lambda lib, x, y: lib.log_softmax(x, -1),
    "logsumexp": lambda lib, x, y: lib.logsumexp(x, -1),
    "layer_norm": lambda lib, x, y: lib.nn.functional.layer_norm(x, (50,)),
    "mse_loss": lambda lib, x, y: lib.nn.functional.mse_loss(x, y),
    "cross_entropy": lambda lib, x, y: lib.nn.functional.cross_entropy(x, lib.arange(40)),
    "attention": lambda lib, x, y: lib.nn.functional.scaled_dot_product_attention(x[None], y[None], y[None]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_and_sums_are_one_ulp_from_pytorch_s(name):
    (ours, theirs), _ = run(PRODUCTS[name], A, B)
    assert apart(ours, theirs) <= 1


@pytest.mark.parametrize("name", [*ELEMENTWISE, *PRODUCTS])
def test_gradients_are_those_of_float32_rounded_once(name):
    function = (ELEMENTWISE | PRODUCTS)[name]
    narrow = [both(v)[0].requires_grad_() for v in (A, B)]
    wide = [t.detach().float().requires_grad_() for t in narrow]
    results = [function(mt, *inputs) for inputs in (narrow, wide)]
    g = both(numpy.random.default_rng(2).standard_normal(results[0].shape))[0]
    results[0].backward(g), results[1].backward(g.float())
    for p, q in zip(narrow, wide, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if q.grad is not None:
            assert p.grad.dtype == mt.bfloat16
            scale = abs(q.grad.numpy()).max()
            numpy.testing.assert_allclose(p.grad.float().numpy(), q.grad.numpy(), rtol=0, atol=2**-7 * scale)


OTHERS = "bfloat16 float16 float32 float64 int8 uint8 int32 int64 bool".split()


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("shape", [(2,), ()])
def test_mixed_dtypes_are_pytorch_s(other, shape):
    def mixed(lib):
        x, y = lib.ones(2, dtype=lib.bfloat16), lib.ones(shape, dtype=getattr(lib, other))
        return [x + y, y * x, lib.where(x > 0, x, y), x * 2, x * 2.5, x * True, lib.cat([x, y.reshape(-1)])]

    assert [str(t.dtype) for t in mixed(mt)] == [str(t.dtype).removeprefix("torch.") for t in mixed(torch)]


def test_made_converted_and_edited():
    b = mt.bfloat16
    made = [
        mt.zeros(2, dtype=b),
        mt.full((2,), 1.5, dtype=b),
        mt.tensor([1.5], dtype=b),
        mt.randn(2, dtype=b),
        mt.arange(3, dtype=b),
    ]
    made += [
        mt.ones_like(made[0]),
        mt.rand(2).to(b),
        mt.arange(3).bfloat16(),
        mt.ones(2).to(mt.zeros(1, dtype=b)),
    ]
    assert all(t.dtype == b and t.is_floating_point() and t.element_size() == 2 for t in made)
    assert made[0].bfloat16() is made[0] and made[4].to(mt.int64).tolist() == [0, 1, 2]
    x = mt.zeros(3, dtype=b)
    x += 1.5
    x[1] = 7
    x.mul_(mt.full((3,), 2.0))
    assert x.tolist() == [3, 14, 3] and x.dtype == b and x[1].item() == float(x.max()) == 14
    assert (
        x.argmax().item() == 1
        and x.topk(2)[0].tolist() == [14, 3]
        and (x == 3).tolist() == [True, False, True]
    )
    assert repr(x.cpu()) == "tensor([3, 14, 3], dtype=bfloat16)" and f"{x[1]:.2f}" == "14.00"


def test_limits_are_pytorch_s():
    ours, theirs = mt.finfo(mt.bfloat16), torch.finfo(torch.bfloat16)
    for name in "bits eps max min tiny smallest_normal dtype".split():
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name)), name


def network():
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0).bfloat16()


def test_a_layer_learns_and_goes_to_pytorch_and_back():
    layer, x = network(), mt.randn(4, 5, 16).bfloat16()
    optimizer, losses = mt.optim.AdamW(layer.parameters(), lr=1e-2), []
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.mse_loss(layer(x), x.flip(1))
        loss.backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert {t.dtype for p in layer.parameters() for t in (p, p.grad)} == {mt.bfloat16}
    theirs = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0).bfloat16()
    theirs.load_state_dict(mt.to_torch(layer.state_dict()))
    expected = theirs(torch.tensor(x.float().numpy()).bfloat16()).detach().float().numpy()
    numpy.testing.assert_allclose(layer(x).detach().float().numpy(), expected, atol=0.05)
    other = network()
    other.load_state_dict(mt.load(saved(mt.to_torch(layer.state_dict()))))
    assert all((p == q).all() for p, q in zip(layer.parameters(), other.parameters(), strict=True))
    again = mt.optim.AdamW(other.parameters(), lr=1e-2)
    again.load_state_dict(optimizer.state_dict())
    again.zero_grad(), optimizer.zero_grad()
    for net, step in ((layer, optimizer), (other, again)):
        net(x).sum().backward()
        step.step()
    assert all((p == q).all() for p, q in zip(layer.parameters(), other.parameters(), strict=True))


def saved(state, save=None):
    """A file of PyTorch's, or of another function's."""
    file = io.BytesIO()
    (save or torch.save)(state, file)
    file.seek(0)
    return file


def test_files(tmp_path):
    x = mt.randn(3, 4).bfloat16()
    state = {"x": x, "p": nn.Parameter(x), "0-d": x[0, 0], "empty": x[:0]}
    mt.save(state, tmp_path / "state")
    for name, t in mt.load(tmp_path / "state").items():
        assert t.dtype == mt.bfloat16 and t.shape == state[name].shape and (t == state[name]).all()
    theirs = safetensors_torch.load_file(tmp_path / "state")
    assert {t.dtype for t in theirs.values()} == {torch.bfloat16}
    safetensors_torch.save_file({"x": theirs["state['x']"]}, tmp_path / "theirs")
    assert (mt.load(tmp_path / "theirs")["x"] == x).all()
    data = bytearray((tmp_path / "state").read_bytes())
    data[-1] ^= 1
    (tmp_path / "state").write_bytes(data)
    with pytest.raises(ValueError, match="has changed since it was written"):
        mt.load(tmp_path / "state")


@pytest.fixture
def without_ml_dtypes(monkeypatch):
    imported = importlib.import_module

    def missing(name):
        if name == "ml_dtypes":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return imported(name)

    monkeypatch.setattr(brain_float, "KNOWN", [])
    monkeypatch.setattr(brain_float.importlib, "import_module", missing)


@pytest.mark.host("about a package that is missing")
def test_without_ml_dtypes_files_are_read_as_float32(without_ml_dtypes, tmp_path):
    values = torch.tensor([[1.5, -2.25], [3e38, 0.1]]).bfloat16()
    safetensors_torch.save_file({"x": values}, tmp_path / "x")
    for source in (saved({"x": values.t(), "y": values}), tmp_path / "x"):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default")
            got = mt.load(source)
        assert len(told) == 1 and "bfloat16 is read as float32: bfloat16 needs ml_dtypes" in str(
            told[0].message
        )
        expected = (values.t() if "y" in got else values).float().numpy()
        assert got["x"].dtype == mt.float32 and (got["x"].numpy() == expected).all()
    assert getattr(mt, "bfloat16", None) is None
    with pytest.raises(
        AttributeError, match=r"bfloat16 needs ml_dtypes, which is not installed: .*\[bfloat16\]"
    ):
        mt.bfloat16  # noqa: B018
    with pytest.raises(ImportError, match="needs ml_dtypes"):
        mt.ones(2).bfloat16()
    with pytest.raises(ImportError, match="needs ml_dtypes"):
        mt.autocast("cpu")


def test_a_file_saved_with_it_is_read_without_it(tmp_path, request):
    x = mt.randn(5).bfloat16()
    mt.save({"x": x, "again": nn.Parameter(x)}, tmp_path / "state")
    request.getfixturevalue("without_ml_dtypes")
    with pytest.warns(UserWarning, match="is read as float32"):
        got = mt.load(tmp_path / "state")
    assert got["x"].dtype == mt.float32 and got["x"].tolist() == got["again"].tolist() == x.float().tolist()


def test_autocast():
    x, layer = mt.randn(2, 3), nn.Linear(3, 4)
    with mt.autocast("cpu"):
        y = layer(x)
        assert y.dtype == (x @ mt.ones(3, 2)).dtype == mt.bfloat16
        assert mt.softmax(y, -1).dtype == F.layer_norm(y, (4,)).dtype == mt.float32
        loss = F.cross_entropy(y, mt.tensor([1, 2]))
    loss.backward()
    assert loss.dtype == layer.weight.grad.dtype == mt.float32
    theirs = torch.nn.Linear(3, 4)
    theirs.load_state_dict(mt.to_torch(layer.state_dict()))
    with torch.autocast("cpu"):
        expected = theirs(torch.tensor(x.numpy()))
    assert apart(y, expected) <= 1
    with mt.amp.autocast("cuda", dtype=mt.bfloat16):
        assert layer(x).dtype == mt.bfloat16
    with mt.amp.autocast():
        assert layer(x).dtype == mt.float16


def test_relevance_is_computed_in_float32():
    w = mt.randn(4, 2).bfloat16()
    x = mt.randn(3, 4).bfloat16().requires_grad_()
    out = mt.relu(x @ w).sum()
    (narrow,) = explain.relevance(out, [x])
    wide = x.detach().float().requires_grad_()
    (expected,) = explain.relevance(mt.relu(wide @ w.float()).sum(), [wide])
    numpy.testing.assert_allclose(narrow, expected, atol=0.05 * abs(expected).max())


@pytest.mark.host("CuPy imports ml_dtypes itself")
def test_nothing_is_imported_before_it_is_asked_for():
    import subprocess
    import sys

    code = "import sys, minitransformer as mt; mt.ones(2) + 1; print('ml_dtypes' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    )
