"""Weights of a program of one's own, by a names table: a file of PyTorch's and one of Keras', as the worked examples have them."""

from collections import OrderedDict

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import nn
from minitransformer.files import FileError
from minitransformer.models.folder.mapped import load_mapped, numbers_of
from minitransformer.models.folder.names import Names, Turned

KERNEL, BIAS, OUT = (np.random.default_rng(0).normal(size=s).astype("f4") for s in ((4, 6), (6,), (6, 3)))
X = np.random.default_rng(1).normal(size=(2, 4)).astype("f4")
EXPECTED = np.maximum(X @ KERNEL + BIAS, 0) @ OUT


def model():
    return nn.Sequential(
        OrderedDict(fc1=nn.Linear(4, 6), act=nn.ReLU(), fc2=nn.Linear(6, 3, bias=False))
    ).train()


def test_a_state_dict_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pt"
    state = {
        "encoder.dense.weight": KERNEL.T.copy(),
        "encoder.dense.bias": BIAS,
        "encoder.out.weight": OUT,
        "steps": np.ones(1),
    }
    torch.save({name: torch.tensor(array) for name, array in state.items()}, path)
    names = Names({"fc1.": "encoder.dense.", "fc2.": Turned("encoder.out.")}, spare=("steps",))
    made = load_mapped(model(), path, names)
    assert not made.training
    np.testing.assert_allclose(made(mt.tensor(X)).numpy(), EXPECTED, rtol=1e-5, atol=1e-5)
    with pytest.raises(FileError, match=r"weights\.pt: .* got also steps"):
        load_mapped(model(), path, Names(names.rows))


def test_weights_of_keras(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = KERNEL, BIAS
        file["layers/dense_1/vars/0"] = OUT
        file["layers/spy"] = h5py.ExternalLink("/etc/passwd", "/")
    names = Names({
        "fc1.weight": Turned("layers/dense/vars/0"),
        "fc1.bias": "layers/dense/vars/1",
        "fc2.weight": Turned("layers/dense_1/vars/0"),
    })  # fmt: skip
    assert sorted(numbers_of(path)) == ["layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0"]
    made = load_mapped(model(), path, names)
    np.testing.assert_allclose(made(mt.tensor(X)).numpy(), EXPECTED, rtol=1e-5, atol=1e-5)
    path.write_bytes(b"no HDF5")
    with pytest.raises(FileError, match="no intact HDF5 file"):
        numbers_of(path)
