"""einops on our tensors: the values and gradients of einops on PyTorch's, whichever package is imported first."""

import subprocess
import sys

import numpy as np
import pytest
from later import Later, torch

import minitransformer as mt

einops = Later("einops")
X = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
CASES = {
    "transpose": lambda e, x: e.rearrange(x, "b c h w -> b h w c"),
    "merge": lambda e, x: e.rearrange(x, "b c h w -> (b h) (c w)"),
    "patches": lambda e, x: e.rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=2, q=3),
    "axes of size 1": lambda e, x: e.rearrange(x, "b c h w -> b 1 c (h w) ()"),
    "ellipsis": lambda e, x: e.rearrange(x, "b ... w -> w ... b"),
    "a list": lambda e, x: e.rearrange([x, x * 2], "n b c h w -> b n (c h w)"),
    "repeat": lambda e, x: e.repeat(x, "b c h w -> b (c r) h w s", r=2, s=3),
    "mean": lambda e, x: e.reduce(x, "b c h w -> b c", "mean"),
    "sum": lambda e, x: e.reduce(x, "b c h w -> w", "sum"),
    "max": lambda e, x: e.reduce(x, "b c (h p) (w q) -> b c h w", "max", p=2, q=2),
    "min": lambda e, x: e.reduce(x, "b c h w -> b 1 1 w", "min"),
    "prod": lambda e, x: e.reduce(x, "b c h w -> b w", "prod"),
    "einsum": lambda e, x: e.einsum(x, x, "b c h w, b c g w -> b c h g"),
    "pack": lambda e, x: e.pack([x, x[:, :, 0]], "b c * w")[0],
    "unpack": lambda e, x: e.unpack(x, [[1], [3]], "b c * w")[1],
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch(name):
    mt.compare_with_torch(lambda x: CASES[name](einops, x), lambda x: CASES[name](einops, x), [mt.tensor(X)])


@pytest.mark.parametrize("value", [np.arange(6).reshape(2, 3), np.array([[True, False], [True, True]])])
def test_integers_and_booleans(value):
    for pattern, how in (("a b -> b", "any"), ("a b -> a", "all"), ("a b -> b", "max")):
        if (value.dtype == bool) == (how != "max"):
            got, expected = (einops.reduce(t(value), pattern, how) for t in (mt.tensor, torch.tensor))
            assert got.tolist() == expected.tolist()
    assert einops.rearrange(mt.tensor(value), "a b -> b a").tolist() == value.T.tolist()
    assert einops.parse_shape(mt.tensor(value), "a b") == dict(zip("ab", value.shape, strict=True))
    assert np.array_equal(einops.asnumpy(mt.tensor(value)), value)


def test_layers_are_modules():
    from einops.layers.minitransformer import Rearrange, Reduce

    x = mt.tensor(X)
    model = mt.nn.Sequential(
        Rearrange("b c h w -> b (h w) c"), mt.nn.Linear(3, 5).double(), Reduce("b t c -> b c", "mean")
    )
    assert model(x).shape == (2, 5) and "Rearrange('b c h w -> b (h w) c')" in repr(model)
    by_hand = model[1](x.flatten(2).transpose(1, 2)).mean(1)
    assert np.allclose(model(x).detach().numpy(), by_hand.detach().numpy())
    with pytest.raises(Exception, match="expected|Invalid|Wrong|4"):
        Rearrange("a b -> b a")(x)


def test_relevance_goes_through_a_pattern():
    x = mt.tensor(X, requires_grad=True)
    relevance = mt.explain.relevance((einops.rearrange(x, "b c h w -> b (c h w)") * 2).sum(), [x])[0]
    assert np.allclose(relevance, 2 * X)


@pytest.mark.host("about imports, in processes of their own")
@pytest.mark.parametrize(
    "imports",
    [
        "import minitransformer as mt; import einops",
        "import einops; import minitransformer as mt",
        "from einops import rearrange; import minitransformer as mt; import einops",
        "import minitransformer as mt; from einops.layers.minitransformer import Rearrange; import einops",
        "import minitransformer as mt; import einops.layers; import einops",
    ],
)
def test_either_package_may_be_imported_first(imports):
    code = f"{imports}; print(einops.rearrange(mt.ones(2, 3), 'a b -> b a').shape)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(3, 2)", done.stderr


@pytest.mark.host("about imports, in a process of its own")
def test_einops_is_not_imported_by_us_and_a_missing_one_is_missing():
    code = """
import sys, minitransformer as mt
mt.nn, mt.optim, mt.explain
assert not any(name.startswith("einops") for name in sys.modules)
sys.path[:] = []
try:
    import einops
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "No module named 'einops'", done.stderr
