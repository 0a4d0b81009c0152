"""Attributions of any tool, judged: are they faithful to the model, do they agree with ours, do they depend on its weights?

| question | measure |
|---|---|
| faithful? | the measures of `deletion_curves.py`, mean over the texts and interval, beside random orders of the same tokens |
| by chance? | p: how often as many random orders have a mean `delta_auc` as high |
| like ours? | rank correlation with our methods on the same texts |
| of this model? | the same measure, and correlation with LRP, for a model of random weights |

The last is also asked of the tool itself, if the file says what it gives for a model of random weights: the rank correlation of the
two (Adebayo et al., NeurIPS 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy

from minitransformer.explain.deletion_curves import METRICS, Faithfulness, faithfulness, metrics
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.gradient_methods import gradient_x_input, integrated_gradients
from minitransformer.explain.outside_attributions import Attribution
from minitransformer.explain.perturbation import logit_of, occlusion
from minitransformer.explain.sanity import randomise
from minitransformer.explain.walk import lrp
from minitransformer.nn.module import Module
from minitransformer.statistics import bootstrap_interval, rank_correlation
from minitransformer.tokenization.tokenizer import UNK

Array = numpy.ndarray
Interval = tuple[float, float, float]  # mean, low, high
OURS: dict[str, Callable[..., Explanation]] = {
    "lrp, attnlrp": lrp,
    "gradient x input": gradient_x_input,
    "integrated gradients": integrated_gradients,
    "occlusion": occlusion,
}


@dataclass(frozen=True)
class Judged:
    """What was found of one method.

    Attributes:
        method: its name.
        texts: the number of texts.
        faithful: measure -> (mean, low, high) over the texts.
        random: measure -> the same for random orders.
        better: measure -> the same for the difference of the two on each text.
        p: the probability that random orders do as well by `delta_auc`.
        agreement: our method -> rank correlation with it, (mean, low, high).
        on_random_weights: `delta_auc` of the same attributions, measured on a model with random weights.
        of_random_weights: rank correlation with LRP of that model.
        randomised: rank correlation with what the tool gives for a model of random weights; None if the file does not say.
        curves: the mean share of the output that is left, most and least relevant tokens removed first, (2, 11): 0, 10, .. 100 %.
    """

    method: str
    texts: int
    faithful: dict[str, Interval]
    random: dict[str, Interval]
    better: dict[str, Interval]
    p: float
    agreement: dict[str, Interval]
    on_random_weights: Interval
    of_random_weights: Interval
    randomised: Interval | None
    curves: Array = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON.

        Returns:
            A dictionary.
        """
        named = {name: _plain(value) for name, value in vars(self).items() if name != "curves"}
        morf, lerf = self.curves.tolist()
        return {**named, "curves": {"most relevant first": morf, "least relevant first": lerf}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return dict(zip(("mean", "low", "high"), value, strict=True)) if isinstance(value, tuple) else value


def judge(
    model: Module,
    attributions: Sequence[Attribution],
    *,
    replace: str = "zero",
    unk_id: int = UNK,
    orders: int = 20,
    seed: int = 0,
) -> list[Judged]:
    """Judge attributions that another tool has made of a model.

    Args:
        model: a classifier or a language model, whose last token's logits are explained.
        attributions: what `read_attributions` gives.
        replace: what a removed token becomes, as in `masked_logits`.
        unk_id: the id of the unknown token.
        orders: the number of random orders for each text.
        seed: of the random orders and weights.

    Returns:
        What was found of each method, in the order of their first lines.

    Raises:
        ValueError: no attributions, or a text that the model cannot read; the error names its line.
    """
    if not attributions:
        raise ValueError("expected attributions, got none")
    bench = _Bench(model, _randomised(model, seed), replace, unk_id, orders, seed)
    methods = dict.fromkeys(one.method for one in attributions)
    return [bench.judged(name, [one for one in attributions if one.method == name]) for name in methods]


def _randomised(model: Module, seed: int) -> Module:
    """A copy of a model with random weights."""
    copied = copy.deepcopy(model)
    random = numpy.random.default_rng(seed)
    for module in copied.modules():
        randomise(module, random)
    return copied


class _Bench:
    """The model, its copy with random weights, and what has been computed of each text."""

    def __init__(self, model: Module, randomised: Module, replace: str, unk_id: int, orders: int, seed: int):
        self.model, self.randomised = model, randomised
        self.options = {"replace": replace, "unk_id": unk_id, "orders": orders, "seed": seed}
        self.replace = {"replace": replace, "unk_id": unk_id}
        self._known: dict[Any, Any] = {}

    def judged(self, method: str, lines: Sequence[Attribution]) -> Judged:
        """All measures of one method on its texts."""
        tried = [self._faithful(self.model, one) for one in lines]
        own = {name: numpy.array([each.scores[name] for each in tried]) for name in METRICS}
        random = {name: numpy.array([_random(each)[name] for each in tried]) for name in METRICS}  # (N, R)
        ahead = random["delta_auc"].mean(axis=0) >= own["delta_auc"].mean()  # (R,)
        elsewhere = [self._faithful(self.randomised, one).scores["delta_auc"] for one in lines]
        pairs = [(one.relevance, one.randomised) for one in lines if one.randomised is not None]
        return Judged(
            method,
            len(lines),
            {name: bootstrap_interval(own[name]) for name in METRICS},
            {name: bootstrap_interval(random[name].mean(axis=1)) for name in METRICS},
            {name: bootstrap_interval(own[name] - random[name].mean(axis=1)) for name in METRICS},
            float((1 + ahead.sum()) / (1 + len(ahead))),
            {name: self._agreement(self.model, name, lines) for name in OURS},
            bootstrap_interval(elsewhere),
            self._agreement(self.randomised, "lrp, attnlrp", lines),
            bootstrap_interval([rank_correlation(*pair) for pair in pairs]) if pairs else None,
            numpy.mean([_in_tenths(each) for each in tried], axis=0),
        )

    def _faithful(self, model: Module, one: Attribution) -> Faithfulness:
        try:
            return faithfulness(logit_of(model, one.target), one.ids, one.relevance, **self.options)  # type: ignore[arg-type]  # by name
        except ValueError as error:
            raise ValueError(f"line {one.line}: {error}") from error

    def _agreement(self, model: Module, name: str, lines: Sequence[Attribution]) -> Interval:
        return bootstrap_interval(
            [rank_correlation(one.relevance, self._ours(model, name, one)) for one in lines]
        )

    def _ours(self, model: Module, name: str, one: Attribution) -> Array:
        """What one of our methods says of the same text, (T,); of equal texts only once."""
        asked = (model is self.model, name, one.target, *one.ids.tolist())
        if asked not in self._known:
            method = partial(occlusion, **self.replace) if name == "occlusion" else OURS[name]  # type: ignore[arg-type]
            self._known[asked] = method(model, one.ids, one.target).relevance
        found: Array = self._known[asked]
        return found


def _random(found: Faithfulness) -> dict[str, Array]:
    """The measures of each random order, (R,)."""
    return metrics(found.random_curves[:, 0], found.random_curves[:, 1])


def _in_tenths(found: Faithfulness) -> Array:
    """The output less that without any token, as a share, at 0, 10, .. 100 % of tokens removed. (2, 11)."""
    curves = numpy.stack([found.morf, found.lerf])  # (2, T + 1)
    at = numpy.linspace(0, curves.shape[1] - 1, 11)
    span = curves[0, 0] - curves[0, -1]
    tenths = numpy.array([numpy.interp(at, numpy.arange(curves.shape[1]), curve) for curve in curves])
    return (tenths - curves[0, -1]) / (span or 1.0)  # type: ignore[no-any-return]
