"""Does an explanation depend on what the model has learned? Destroy the weights, layer by layer, and see whether it changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minitransformer.autograd import no_grad
from minitransformer.explain.answer import Explanation
from minitransformer.nn import Module
from minitransformer.ops.creation import tensor
from minitransformer.statistics import rank_correlation

Array = numpy.ndarray


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
        for p in module.parameters(recurse=False):
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
        if any(True for _ in module.parameters(recurse=False))
    ]
    if not layers:
        raise ValueError("model: expected parameters to randomise, got none")
    for name, module in reversed(layers):
        redraw(module, random)
        found = method(ruined, ids).relevance.ravel()
        steps.append((name, rank_correlation(learned, found), rank_correlation(abs(learned), abs(found))))
    return Randomisation(steps)
