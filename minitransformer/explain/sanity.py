"""Does an explanation depend on what the model has learned? Destroy the weights, layer by layer, and see whether it changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minitransformer.autograd import no_grad
from minitransformer.explain.explanation import Explanation
from minitransformer.nn import Module
from minitransformer.ops.creation import tensor

Array = numpy.ndarray


def ranks(values: Array) -> Array:
    """1 for the smallest, equals share the mean of their places: (T,) -> (T,)."""
    _, place, count = numpy.unique(values, return_inverse=True, return_counts=True)
    last = numpy.cumsum(count)
    return (last - (count - 1) / 2)[place.ravel()]


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rho: the correlation of the ranks, 0 where one side has only equals. (T,), (T,) -> number."""
    a, b = (ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    size = numpy.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size else 0.0


@dataclass(frozen=True)
class Randomisation:
    """What was left of an explanation: (layer, signed, absolute) after each layer, from the output down.

    `signed` and `absolute` are the rank correlations of the relevances, and of their absolute values, with those of the
    learned model. Near 1 to the end means: this explanation does not look at the model.
    """

    steps: list[tuple[str, float, float]]

    def __str__(self) -> str:
        rows = [f"{name:40s} {signed:+.3f} {absolute:+.3f}" for name, signed, absolute in self.steps]
        return "\n".join([f"{'random from the output down to':40s} signed  absolute", *rows])


def redraw(module: Module, random: numpy.random.Generator) -> None:
    """Replace every parameter of the module itself by normal noise of the same mean and standard deviation."""
    with no_grad():
        for p in module._parameters.values():
            if p is not None:
                values = p.numpy()
                p.copy_(tensor(random.normal(values.mean(), values.std(), values.shape).astype(values.dtype)))


def randomisation_check(
    method: Callable[[Module, Array], Explanation], model: Module, ids, seed: int = 0
) -> Randomisation:
    """Cascading randomisation (Adebayo et al., NeurIPS 2018, section 3.1): from the output layer down to the embedding.

    `method(model, ids)` explains one fixed target, e.g. `lambda m, ids: explain.lrp(m, ids, target=1)`. The model itself
    stays as it is. Raises ValueError if it has no parameters.
    """
    learned = method(model, ids).relevance.ravel()
    ruined, random, steps = copy.deepcopy(model), numpy.random.default_rng(seed), []
    layers = [
        (name, module)
        for name, module in ruined.named_modules()
        if any(p is not None for p in module._parameters.values())
    ]
    if not layers:
        raise ValueError("model: expected parameters to randomise, got none")
    for name, module in reversed(layers):
        redraw(module, random)
        found = method(ruined, ids).relevance.ravel()
        steps.append((name, rank_correlation(learned, found), rank_correlation(abs(learned), abs(found))))
    return Randomisation(steps)
