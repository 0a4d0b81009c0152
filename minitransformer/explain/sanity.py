"""Does an explanation depend on what the model has learned? Randomise the weights layer by layer, and explain again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from minitransformer.autograd import no_grad
from minitransformer.explain.explanation import Explanation
from minitransformer.nn.module import Module
from minitransformer.ops.creation.from_data import tensor
from minitransformer.statistics import rank_correlation

Array = numpy.ndarray


@dataclass(frozen=True)
class Randomisation:
    """How similar the explanation stays as more layers are randomised, from the output down.

    Attributes:
        steps: (layer, signed, absolute) after each layer: the rank correlation of the relevance, and of its absolute value,
            with the relevance before. If it stays near 1 to the end, the explanation does not depend on the weights.
    """

    steps: list[tuple[str, float, float]]

    def __str__(self) -> str:
        rows = [f"{name:40s} {signed:+.3f} {absolute:+.3f}" for name, signed, absolute in self.steps]
        return "\n".join([f"{'random from the output down to':40s} signed  absolute", *rows])


def randomise(module: Module, random: numpy.random.Generator) -> None:
    """Replace each parameter of a module itself, not of its submodules, by normal noise of the same mean and standard deviation.

    Args:
        module: changed in place.
        random: the generator of the noise.
    """
    with no_grad():
        for p in module.parameters(recurse=False):
            values = p.numpy()
            p.copy_(tensor(random.normal(values.mean(), values.std(), values.shape).astype(values.dtype)))


def randomisation_check(
    method: Callable[[Module, Any], Explanation], model: Module, ids: Any, seed: int = 0
) -> Randomisation:
    """Cascading randomisation: the layers are randomised one after the other, from the output down to the embedding.

    Args:
        method: (model, ids) -> explanation of one fixed target, such as `lambda m, ids: explain.lrp(m, ids, target=1)`.
        model: is not changed; a copy is.
        ids: what `method` explains.
        seed: of the random weights.

    Returns:
        The rank correlations with the first explanation.

    Raises:
        ValueError: the model has no parameters.

    Source:
        Adebayo et al., NeurIPS 2018, section 3.1.
    """
    learned = method(model, ids).relevance.ravel()
    copied = copy.deepcopy(model)
    random = numpy.random.default_rng(seed)
    steps = []
    layers = [(name, module) for name, module in copied.named_modules() if _has_parameters(module)]
    if not layers:
        raise ValueError("model: expected parameters to randomise, got none")
    for name, module in reversed(layers):
        randomise(module, random)
        found = method(copied, ids).relevance.ravel()
        steps.append((name, rank_correlation(learned, found), rank_correlation(abs(learned), abs(found))))
    return Randomisation(steps)


def _has_parameters(module: Module) -> bool:
    """Whether the module itself has parameters."""
    return any(True for _ in module.parameters(recurse=False))
