"""Paths and names that PyTorch's programs have from its earlier versions."""

import numpy
import pytest
from helpers import array, as_numpy, assert_close
from later import torch

import minitransformer as mt
from minitransformer import nn

OLD = "uniform normal constant xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal eye dirac sparse"


@pytest.mark.parametrize("name", OLD.split())
def test_initial_values_under_the_older_names_warn_as_pytorch_s(name):
    arguments = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
    shape = (4, 3, 3) if name == "dirac" else (4, 3)
    for lib in (mt, torch):
        weight = lib.empty(*shape)
        with pytest.warns(FutureWarning, match=f"{name}_"):
            assert getattr(lib.nn.init, name)(weight, *arguments) is weight
        assert as_numpy(weight).any()


@pytest.mark.parametrize(
    "shape, groups", [((4, 3, 3), 1), ((4, 2, 3, 2), 2), ((2, 5, 1, 3, 3), 1), ((6, 1, 4), 3)]
)
def test_dirac_is_pytorch_s(shape, groups):
    ours, theirs = (lib.nn.init.dirac_(lib.empty(*shape), groups) for lib in (mt, torch))
    assert_close(ours, theirs)


def test_sparse_leaves_so_many_zeros_in_each_column():
    mt.manual_seed(0)
    weight = as_numpy(nn.init.sparse_(mt.empty(50, 40), 0.33, 0.1))
    assert ((weight == 0).sum(0) == 17).all() and abs(weight[weight != 0].std() - 0.1) < 0.01


def test_the_norm_of_gradients_under_its_older_name():
    for lib in (mt, torch):
        p = lib.nn.Parameter(lib.ones(4))
        p.grad = lib.ones(4)
        with pytest.warns(FutureWarning, match="clip_grad_norm_"):
            assert lib.nn.utils.clip_grad_norm([p], 1.0).item() == 2
        assert abs(p.grad.sum().item() - 2) < 1e-5


@pytest.mark.parametrize(
    "path, names",
    [
        ("transformer", "TransformerEncoderLayer _get_clones _get_activation_fn"),
        ("utils", "_single _pair _triple _quadruple _ntuple"),
        ("batchnorm", "_BatchNorm _NormBase BatchNorm2d"),
        ("instancenorm", "_InstanceNorm InstanceNorm1d"),
        ("conv", "_ConvNd _ConvTransposeNd Conv2d"),
        ("loss", "_Loss _WeightedLoss MSELoss"),
        ("module", "Module"),
        ("container", "Sequential ModuleList"),
        ("dropout", "_DropoutNd Dropout"),
        ("rnn", "LSTM RNNBase"),
        ("sparse", "Embedding"),
        ("activation", "MultiheadAttention ReLU"),
    ],
)
def test_longer_paths_of_layers(path, names):
    for lib in ("minitransformer", "torch"):
        scope = {}
        exec(f"from {lib}.nn.modules.{path} import {', '.join(names.split())}", scope)
        assert all(name in scope for name in names.split())
    assert getattr(nn.modules, path) is not None and nn.modules.Linear is nn.Linear


def test_layers_are_of_the_base_classes_that_programs_ask_for():
    def program(lib):
        modules = lib.nn.modules
        layers = [
            lib.nn.Conv2d(1, 2, 3),
            lib.nn.ConvTranspose1d(1, 2, 3),
            lib.nn.BatchNorm1d(2),
            lib.nn.InstanceNorm2d(2),
            lib.nn.Dropout2d(0.1),
            lib.nn.CrossEntropyLoss(),
            lib.nn.MSELoss(),
            lib.nn.BCELoss(),
        ]
        bases = [
            modules.conv._ConvNd,
            modules.batchnorm._BatchNorm,
            modules.batchnorm._NormBase,
            modules.dropout._DropoutNd,
            modules.loss._Loss,
            modules.loss._WeightedLoss,
        ]
        return [[isinstance(layer, base) for base in bases] for layer in layers]

    assert program(mt) == program(torch)


def test_sizes_for_each_dimension():
    for value in (3, (1, 2), [4, 5]):
        ours, theirs = (lib.nn.modules.utils._pair(value) for lib in (mt, torch))
        assert ours == theirs


def test_a_name_that_no_path_has():
    with pytest.raises(ImportError, match="_Bogus"):
        exec("from minitransformer.nn.modules.conv import _Bogus")
    with pytest.raises(AttributeError, match="did you mean 'Linear'"):
        nn.modules.Linaer  # noqa: B018


def test_data_parallel_calls_its_module():
    def program(lib):
        module = lib.nn.DataParallel(lib.nn.Linear(3, 2).double(), device_ids=None)
        with lib.no_grad():
            for p in module.parameters():
                p.copy_(lib.tensor(numpy.arange(float(p.numel())).reshape(tuple(p.shape))))
        y = module(lib.tensor(array(4, 3)))
        y.sum().backward()
        return list(module.state_dict()), y.detach(), module.module.weight.grad

    (names, y, slope), (their_names, their_y, their_slope) = program(mt), program(torch)
    assert names == their_names == ["module.weight", "module.bias"]
    assert_close(y, their_y)
    assert_close(slope, their_slope)
    assert nn.parallel.DataParallel is nn.DataParallel
