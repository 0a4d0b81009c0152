"""Every sample of PyTorch's database of modules whose name we have, with the same state in both, in float64."""

import functools
import warnings

import numpy
import pytest
from later import torch
from torch_database import backward, compare, summary, tensors, unheld
from torch_decisions import MODULES

import minitransformer as mt

NAMES_AT_FIRST = """
Linear MSELoss CrossEntropyLoss GELU LayerNorm RMSNorm TransformerEncoder TransformerEncoderLayer TransformerDecoderLayer
Transformer MultiheadAttention Embedding ReLU Sigmoid SiLU Tanh
""".split()  # those whose samples the issue counted; what came later is counted apart

pytestmark = pytest.mark.host(
    "many small samples about meaning; tests/test_layers.py and others run the modules on a device"
)


@functools.cache
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    return [module for module in module_db if hasattr(mt.nn, name_of(module))]


def name_of(module):
    return module.module_cls.__name__


@pytest.fixture(autouse=True)
def _one_thread():
    """The samples are too small to share out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(lib, name, constructor, training):
    """The module of that name; what the sample has of PyTorch's, functions and layers, is ours in ours."""
    args, kwargs = constructor
    args = [a if lib is torch else counterpart(a) for a in args]
    return getattr(lib.nn, name)(*args, **kwargs).double().train(training)


def counterpart(value):
    """Our function of that name, our encoder layer of those settings; other values as they are."""
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        sizes = (
            value.linear1.in_features,
            value.self_attn.num_heads,
            value.linear1.out_features,
            value.dropout.p,
        )
        options = dict(
            norm_first=value.norm_first,
            batch_first=value.self_attn.batch_first,
            bias=value.linear1.bias is not None,
        )
        return mt.nn.TransformerEncoderLayer(
            *sizes, counterpart(value.activation), value.norm1.eps, **options
        )
    return (
        getattr(mt.nn.functional, value.__name__)
        if callable(value) and not isinstance(value, mt.Tensor)
        else value
    )


def run(lib, name, training):
    """The outputs of a module with that state, its parameters' gradients from random cotangents, and its buffers after that."""

    def outputs(constructor, forward, state):
        module = made(lib, name, constructor, training)
        module.load_state_dict(state)
        result = module(*forward[0], **forward[1])
        parameters = [p for _, p in sorted(module.named_parameters())]
        gradients = backward(tensors(result, lib.Tensor), parameters, lib.tensor)
        buffers = [b for _, b in sorted(module.named_buffers())]
        return [t.detach() for t in tensors(result, lib.Tensor)], gradients, buffers

    return outputs


STATES = {}


def random_state(name, constructor):
    """A state for PyTorch's module in which no bias is zero and no gain is one; of losses, the sample's own."""
    if "Loss" in name:
        return made(torch, name, constructor, True).state_dict()
    if (settings := (name, repr(constructor))) not in STATES:
        random, shapes = numpy.random.default_rng(0), made(torch, name, constructor, True).state_dict()
        STATES[settings] = {key: drawn(key, value, random) for key, value in shapes.items()}
    return STATES[settings]


def drawn(name, value, random):
    """Random values for a tensor of a state; of a variance positive ones, of a count its own."""
    if not value.is_floating_point():
        return value
    values = torch.tensor(random.normal(0, 0.5, tuple(value.shape)))
    return abs(values) if name.endswith("var") else values


def leaves(value):
    """The same with tensors that no op made: the inputs whose gradients are compared."""
    if isinstance(value, torch.Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: leaves(item) for key, item in value.items()}
    return tuple(map(leaves, value)) if isinstance(value, (tuple, list)) else value


def inputs_of(sample):
    """The samples' ways to make a module and to call it, as (args, kwargs) each."""
    return [
        leaves((given.args, given.kwargs)) if given else ((), {})
        for given in (sample.constructor_input, sample.forward_input)
    ]


def judged(module, training):
    """The outcome of every sample in that mode, and of the samples of mistakes."""
    options = dict(device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = [(s, "") for s in module.module_inputs_func(module, **options)]
        if module.module_error_inputs_func:
            samples += [
                (e.module_error_input, ".mistake") for e in module.module_error_inputs_func(module, **options)
            ]
        yield from (outcome(name_of(module), *inputs_of(sample), form, training) for sample, form in samples)


def outcome(name, constructor, forward, form, training):
    try:
        state = random_state(name, constructor)
    except (RuntimeError, ValueError, TypeError):  # a mistake in how it is made
        state = {}
    return compare(
        name + form, run(mt, name, training), run(torch, name, training), ((constructor, forward, state), {})
    )


@pytest.mark.parametrize("training", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_sample_is_equal_or_decided(training):
    outcomes = [(name_of(module), o) for module in database() for o in judged(module, training)]
    plain = [(name, o) for name, o in outcomes if "." not in o.subject]
    print("names at first:", summary([o for name, o in plain if name in NAMES_AT_FIRST]))
    print("names added since:", summary([o for name, o in plain if name not in NAMES_AT_FIRST]))
    print("mistakes:", summary([o for _, o in outcomes if "." in o.subject]))
    assert not (found := unheld([o for _, o in outcomes], MODULES)), "\n".join(found)
