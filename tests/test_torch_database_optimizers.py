"""Every sample of PyTorch's database of optimisers whose name we have: steps, ways of computing, states, and mistakes."""

import functools
import warnings

import numpy
import pytest
from later import torch
from torch_database import compare, summary, unheld
from torch_decisions import OPTIMISERS

import minitransformer as mt

SHAPES = ((3, 4), (), (1,), (0, 2), (2, 1, 3))
STEPS = 6

pytestmark = pytest.mark.host(
    "many small samples about meaning; tests/test_optim.py runs the optimisers on a device"
)


@functools.cache
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_optimizers import optim_db
    return [optimiser for optimiser in optim_db if hasattr(mt.optim, optimiser.optim_cls.__name__)]


def drawn(seed, shapes=SHAPES):
    random = numpy.random.default_rng(seed)
    return [torch.tensor(random.standard_normal(shape)) for shape in shapes]


def learner(lib, name, values, options):
    """Parameters of these values, and the optimiser of them: two groups, the second with the options of its own too."""
    parameters = [lib.nn.Parameter(v.clone()) for v in values]
    groups = [{"params": parameters[:3]}, {"params": parameters[3:], **options}]
    return parameters, getattr(lib.optim, name)(groups, **options)


def move(parameters, optimiser, gradients):
    """One step for each list of gradients; in the second, a parameter has none."""
    for i, step in enumerate(gradients):
        for j, (p, g) in enumerate(zip(parameters, step, strict=True)):
            p.grad = None if (i, j) == (1, 0) else g.clone()
        optimiser.step()
    return [p.detach() for p in parameters]


def steps(lib, name):
    return lambda values, gradients, **options: move(*learner(lib, name, values, options), gradients)


def plain(t):
    """The values of a tensor of either library."""
    return numpy.array(t.detach().numpy())


def resumed(lib, name):
    """Steps of PyTorch's optimiser; then `lib`'s, made with another learning rate, goes on from its state."""

    def run(values, gradients, **options):
        options = {
            key: torch.tensor(plain(v)) if isinstance(v, mt.Tensor) else v for key, v in options.items()
        }
        parameters, first = learner(torch, name, [torch.tensor(plain(v)) for v in values], options)
        move(parameters, first, [[torch.tensor(plain(g)) for g in step] for step in gradients[:3]])
        parameters, second = learner(lib, name, [lib.tensor(plain(p)) for p in parameters], {"lr": 9.0})
        second.load_state_dict(first.state_dict())
        return move(parameters, second, gradients[3:])

    return run


def judged(optimiser):
    """The outcome of every sample: unchanged, from PyTorch's state, and in each implementation."""
    name = optimiser.optim_cls.__name__
    arguments = drawn(0), [drawn(seed) for seed in range(1, STEPS + 1)]
    for sample in optimiser.optim_inputs_func(device="cpu", dtype=torch.float64):
        yield compare(name, steps(mt, name), steps(torch, name), (arguments, sample.kwargs))
        yield compare(f"{name}.state", resumed(mt, name), resumed(torch, name), (arguments, sample.kwargs))
        for way in optimiser.supported_impls:
            yield compare(
                f"{name}.{way}", steps(mt, name), steps(torch, name), (arguments, sample.kwargs | {way: True})
            )
    for error in optimiser.optim_error_inputs_func("cpu", torch.float64):
        given = error.optimizer_error_input
        yield compare(
            f"{name}, {given.desc}",
            mistaken(mt, name, given.params),
            mistaken(torch, name, given.params),
            ((), given.kwargs),
        )


def counterparts(lib, params, made):
    """`lib`'s parameters in the structure of PyTorch's: where that has one twice, one twice; for None, one."""
    if isinstance(params, dict):
        return {key: counterparts(lib, value, made) for key, value in params.items()}
    if isinstance(params, (list, tuple)):
        return type(params)(counterparts(lib, item, made) for item in params)
    if params is None:
        return [lib.nn.Parameter(lib.ones(2))]
    return (
        made.setdefault(id(params), lib.nn.Parameter(lib.ones(1, 1)))
        if isinstance(params, torch.Tensor)
        else params
    )


def mistaken(lib, name, params):
    """Make one; a warning that this will be an error counts as one."""

    def run(**options):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                getattr(lib.optim, name)(counterparts(lib, params, {}), **options)
            except UserWarning as warning:
                raise ValueError(str(warning)) from None

    return run


def test_every_sample_is_equal_or_decided():
    outcomes = [o for optimiser in database() for o in judged(optimiser)]
    print("samples:", summary([o for o in outcomes if "." not in o.subject]))
    print("other forms of them:", summary([o for o in outcomes if "." in o.subject]))
    assert len(outcomes) > 100
    assert not (found := unheld(outcomes, OPTIMISERS)), "\n".join(found)
