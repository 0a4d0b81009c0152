"""Every sample of PyTorch's database of modules whose name we have, with the same state in both, in float64."""

import functools
import warnings

import numpy
import pytest
import torch
from torch_database import backward, compare, summary, tensors, unheld
from torch_decisions import MODULES

import minitransformer as mt

NAMES_AT_FIRST = """
Linear MSELoss CrossEntropyLoss GELU LayerNorm RMSNorm TransformerEncoder TransformerEncoderLayer TransformerDecoderLayer
Transformer MultiheadAttention Embedding ReLU Sigmoid SiLU Tanh
""".split()  # those whose samples the issue counted; what came later is counted apart

pytestmark = pytest.mark.host("many small samples about meaning; tests/test_layers.py and others run the modules on a device")


@functools.cache
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    return [module for module in module_db if hasattr(mt.nn, name_of(module))]


def name_of(module):
    return module.module_cls.__name__


def made(lib, name, constructor, training):
    """The module of that name. An activation is named by PyTorch's function, and is ours of that name in ours."""
    args, kwargs = constructor
    functions = [a if lib is torch or not callable(a) else getattr(mt.nn.functional, a.__name__) for a in args]
    return getattr(lib.nn, name)(*functions, **kwargs).double().train(training)


def run(lib, name, training):
    """What a module of that state makes of its inputs, and its parameters' gradients from random cotangents."""

    def outputs(constructor, forward, state):
        module = made(lib, name, constructor, training)
        module.load_state_dict(state)
        result = module(*forward[0], **forward[1])
        parameters = [p for _, p in sorted(module.named_parameters())]
        gradients = backward(tensors(result, lib.Tensor), parameters, lib.tensor)
        return [t.detach() for t in tensors(result, lib.Tensor)], gradients

    return outputs


def random_state(name, constructor, training):
    """A state for PyTorch's module in which no bias is zero and no gain is one; nothing if there is no such module."""
    try:
        state = made(torch, name, constructor, training).state_dict()
    except (RuntimeError, ValueError, TypeError):
        return {}
    random = numpy.random.default_rng(0)
    weights = "Loss" in name  # those of classes are the sample's own
    return {key: value if weights else torch.tensor(random.normal(0, 0.5, tuple(value.shape))) for key, value in state.items()}


def leaves(value):
    """The same with tensors that no op made: the inputs whose gradients are compared."""
    if isinstance(value, torch.Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: leaves(item) for key, item in value.items()}
    return tuple(map(leaves, value)) if isinstance(value, (tuple, list)) else value


def inputs_of(sample):
    """The samples' ways to make a module and to call it, as (args, kwargs) each."""
    return [leaves((given.args, given.kwargs)) if given else ((), {}) for given in (sample.constructor_input, sample.forward_input)]


def judged(module):
    """What comes of every sample in training and in use, and of the samples of mistakes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for training in (True, False):
            options = dict(device="cpu", dtype=torch.float64, requires_grad=True, training=training)
            samples = [(s, "" if training else ".eval") for s in module.module_inputs_func(module, **options)]
            if training and module.module_error_inputs_func:
                samples += [(e.module_error_input, ".mistake") for e in module.module_error_inputs_func(module, **options)]
            yield from (outcome(module, sample, form, training) for sample, form in samples)


def outcome(module, sample, form, training):
    name = name_of(module)
    constructor, forward = inputs_of(sample)
    state = random_state(name, constructor, training)
    return compare(name + form, run(mt, name, training), run(torch, name, training), ((constructor, forward, state), {}))


def test_every_sample_is_equal_or_decided():
    outcomes = [(name_of(module), o) for module in database() for o in judged(module)]
    plain = [(name, o) for name, o in outcomes if "." not in o.subject]
    print("names at first:", summary([o for name, o in plain if name in NAMES_AT_FIRST]))
    print("names added since:", summary([o for name, o in plain if name not in NAMES_AT_FIRST]))
    print("in use, and mistakes:", summary([o for _, o in outcomes if "." in o.subject]))
    assert not (found := unheld([o for _, o in outcomes], MODULES)), "\n".join(found)
