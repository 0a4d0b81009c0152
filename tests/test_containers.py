"""Containers of modules and of parameters do what PyTorch's do: names, order, edits and reprs."""

import copy
import pickle
from collections import OrderedDict

import pytest
from later import torch

import minitransformer as mt
from minitransformer import nn


def in_both(do):
    """What `do(nn, make a tensor)` tells of ours and of PyTorch's."""
    return do(nn, mt.ones), do(torch.nn, torch.ones)


def names(module):
    return [name for name, _ in module.named_parameters()], [type(m).__name__ for m in module.children()]


def layer(lib, n):
    return lib.Linear(n, 1)


def chain(lib, _):
    net = lib.Sequential(OrderedDict([("first", layer(lib, 1)), ("act", lib.ReLU())]))
    told = [repr(net), names(net), repr(net[1:])]
    assert net.append(layer(lib, 3)) is net and net.extend([lib.Tanh()]) is net
    told += [repr(net), len(net)]
    net[0] = layer(lib, 9)
    told += [repr(net)]
    del net[1]
    told += [repr(net)]
    net.insert(-1, lib.Sigmoid())
    net += lib.Sequential(lib.GELU())
    told += [repr(net), repr(net.pop(0)), repr(net), repr(net + lib.Sequential(lib.ReLU()))]
    return told


def listed(lib, _):
    layers = lib.ModuleList([layer(lib, 1), layer(lib, 2)])
    layers.insert(0, lib.ReLU())
    layers[-1] = layer(lib, 7)
    layers += [lib.Tanh(), lib.Tanh()]
    told = [repr(layers), names(layers), repr(layers + lib.ModuleList([lib.ReLU()]))]
    del layers[1:3]
    return [*told, repr(layers), repr(layers.pop(-1)), names(layers), len(lib.ModuleList())]


def named(lib, _):
    parts = lib.ModuleDict({"a": layer(lib, 1), "relu": lib.ReLU()})
    parts["z"] = layer(lib, 2)
    parts.update([("a", lib.Tanh()), ("more", lib.GELU())])
    told = [repr(parts), names(parts), list(parts), [*parts.keys()], "z" in parts, "y" in parts, len(parts)]
    told += [repr(parts.pop("z")), [type(m).__name__ for m in parts.values()], [n for n, _ in parts.items()]]
    del parts["more"]
    told.append(repr(parts))
    parts.clear()
    return [*told, len(parts)]


def listed_parameters(lib, make):
    found = lib.ParameterList([lib.Parameter(make(2)), make(3)])
    found.append(make(1))
    found.extend([make(4), "word"])
    found[1] = lib.Parameter(make(5))
    told = [n for n, _ in found.named_parameters()], [tuple(p.shape) for p in found[:-1]], found[-1]
    return *told, len(found), all(isinstance(p, lib.Parameter) for p in found[:4]), list(found.state_dict())


def named_parameters(lib, make):
    found = lib.ParameterDict({"left": lib.Parameter(make(2)), "right": make(3)})
    found["up"] = make(1)
    found.update({"left": make(4)})
    told = [list(found), [n for n, _ in found.named_parameters()], tuple(found["left"].shape), "up" in found]
    found.pop("right")
    return [*told, len(found), [k for k, _ in found.items()], found.get("none", 7)]


@pytest.mark.parametrize("do", [chain, listed, named, listed_parameters, named_parameters])
def test_what_is_told_is_torch_s(do):
    ours, theirs = in_both(do)
    assert ours == theirs


def test_parameters_in_containers_are_trained_and_copied():
    for make in (
        lambda: nn.ParameterList([mt.ones(2)]),
        lambda: nn.ParameterDict({"a": mt.ones(2)}),
        lambda: nn.ModuleDict({"a": nn.Linear(1, 1)}),
    ):
        found = make()
        assert all(p.requires_grad for p in found.parameters()) and list(found.parameters())
        for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert list(twin.state_dict()) == list(found.state_dict()) and twin != found
        assert found in {found}


def test_a_parameter_list_shows_its_parameters():
    found = nn.ParameterList([mt.ones(2, 3), 5])
    assert "(0): Parameter containing: [float32 of size 2x3]" in repr(found) and "int" in repr(found)
    assert "(a): Parameter" in repr(nn.ParameterDict({"a": mt.ones(1)}))


def test_buffers_by_assignment():
    for lib, make in ((nn, mt.ones), (torch.nn, torch.ones)):
        net = lib.Module()
        net.kept = lib.Buffer(make(2))
        net.dropped = lib.Buffer(make(3), persistent=False)
        assert [n for n, _ in net.named_buffers()] == ["kept", "dropped"]
        assert list(net.state_dict()) == ["kept"] and not list(net.parameters())
        net.kept = make(4)
        assert list(net.state_dict()["kept"].shape) == [4]
    assert nn.parameter.Parameter is nn.Parameter and nn.parameter.Buffer is nn.Buffer
    values = mt.ones(2)
    buffer = nn.Buffer(values)
    values[0] = 5
    assert buffer[0].item() == 5


def test_mistakes_are_named():
    for make in (lambda: nn.Sequential(3), lambda: nn.ModuleList([3]), lambda: nn.ModuleDict({"a": 3})):
        with pytest.raises(TypeError, match="expected a Module"):
            make()
    with pytest.raises(KeyError, match="without dots"):
        nn.ModuleDict({"a.b": nn.ReLU()})
    with pytest.raises(KeyError):
        nn.ParameterDict()["a"]
    for container in (nn.Sequential(), nn.ModuleList(), nn.ParameterList()):
        with pytest.raises(IndexError):
            container[0]
    with pytest.raises(ValueError, match="does not make up 4"):
        nn.Unflatten(0, (3, 2))(mt.ones(4))
    with pytest.raises(TypeError, match="integers"):
        nn.Unflatten(0, (2.0, 2))
