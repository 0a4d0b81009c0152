"""How much LIME's weights depend on its random samples, and how many samples make them stable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minitransformer.explain.predictions import Label, said
from minitransformer.explain.surrogate import Predict, lime

Array = numpy.ndarray


@dataclass(frozen=True)
class Stability:
    """LIME repeated with several seeds, at several numbers of samples.

    Attributes:
        weights: number of samples -> the relevance of each run, (seeds, T).
        top: the number of most relevant tokens that are compared.
        tokens: the T tokens.
    """

    weights: dict[int, Array]
    top: int
    tokens: list[str] = field(repr=False)

    def spread(self, num_samples: int) -> float:
        """The standard deviation of a token's weight over the seeds, averaged over all tokens.

        Args:
            num_samples: one of the numbers of samples.

        Returns:
            The mean standard deviation.
        """
        return float(self.weights[num_samples].std(axis=0, ddof=1).mean())

    def agreement(self, num_samples: int) -> float:
        """How many of the `top` tokens two runs share, averaged over all pairs of runs.

        Args:
            num_samples: one of the numbers of samples.

        Returns:
            The mean of the Jaccard index, the number of shared tokens by that of all tokens of both, from 0 to 1.
        """
        sets = [
            frozenset(numpy.argsort(-abs(run), kind="stable")[: self.top].tolist())
            for run in self.weights[num_samples]
        ]
        pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i]]
        return float(numpy.mean([len(a & b) / len(a | b) for a, b in pairs]))

    @property
    def stable_from(self) -> int | None:
        """The lowest number of samples from which on all runs have the same `top` tokens; None if they never have."""
        found = None
        for n in sorted(self.weights, reverse=True):
            if self.agreement(n) < 1:
                break
            found = n
        return found

    def __str__(self) -> str:
        rows = [f"{n:8d}  {self.spread(n):.5f}  {self.agreement(n):.2f}" for n in sorted(self.weights)]
        title = f" samples  spread   agreement of the top {self.top}"
        end = (
            f"stable from {self.stable_from} samples"
            if self.stable_from
            else "not stable at any of these numbers"
        )
        return "\n".join([title, *rows, end])


def lime_stability(
    predict: Predict,
    text: str,
    label: Label = 1,
    *,
    sizes: Sequence[int] = (100, 500, 1000, 5000),
    seeds: Iterable[int] = range(10),
    top: int = 3,
    **options: Any,
) -> Stability:
    """Run `lime` with each seed at each number of samples.

    Args:
        predict: N texts -> probabilities (N, n_classes), or another form that `lime` takes.
        text: the explained text.
        label: the class, by its number or its name.
        sizes: the numbers of samples.
        seeds: two or more seeds.
        top: the number of most relevant tokens that are compared.
        options: further arguments of `lime`.

    Returns:
        The weights of all runs.

    Raises:
        ValueError: fewer than two seeds, no size, or `top` below 1; and as `lime` does.
        TypeError, IndexError: as `lime` does.
    """
    seeds = list(seeds)
    if len(set(seeds)) < 2 or not sizes or top < 1:
        raise ValueError(
            f"expected two or more seeds, a size and top >= 1, got {seeds}, {list(sizes)}, {top}"
        )
    remembered = remembering(predict)
    runs: dict[int, Array] = {}
    for n in sizes:
        found = [lime(remembered, text, label, num_samples=n, seed=seed, **options) for seed in seeds]
        runs[n] = numpy.stack([run.relevance for run in found])  # (seeds, T)
    return Stability(runs, top, found[0].tokens)


def remembering(predict: Predict) -> Predict:
    """A function like `predict`, which calls it only for texts that it has not seen before.

    Args:
        predict: texts -> what it says of them, in a form that `lime` takes.

    Returns:
        The function; it gives a dict of number by class for each text, or, without names, the numbers (N, classes).
    """
    known: dict[str, Any] = {}

    def asked(texts: list[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            told = said(predict, new)
            rows = told.numbers
            known.update(
                zip(
                    new,
                    [dict(zip(told.names, row, strict=True)) for row in rows] if told.names else rows,
                    strict=True,
                )
            )
        found = [known[text] for text in texts]
        return found if found and isinstance(found[0], dict) else numpy.array(found)

    return asked
