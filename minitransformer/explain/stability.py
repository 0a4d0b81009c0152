"""Would LIME say the same again? Its samples are random: how far its weights spread, and how many samples settle them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy

from minitransformer.explain.surrogate import lime

Array = numpy.ndarray


@dataclass(frozen=True)
class Stability:
    """LIME repeated with other seeds, at several numbers of samples.

    `weights[N]` (seeds, T) are the relevances of each run; `top` is how many tokens have to agree.
    """

    weights: dict[int, Array]
    top: int
    tokens: list[str] = field(repr=False)

    def spread(self, num_samples: int) -> float:
        """The standard deviation over seeds of a token's weight, the mean over all tokens."""
        return float(self.weights[num_samples].std(axis=0, ddof=1).mean())

    def agreement(self, num_samples: int) -> float:
        """How many of the `top` tokens two runs share, as a part of those that either names (Jaccard), mean over pairs."""
        sets = [
            frozenset(numpy.argsort(-abs(run), kind="stable")[: self.top].tolist())
            for run in self.weights[num_samples]
        ]
        pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i]]
        return float(numpy.mean([len(a & b) / len(a | b) for a, b in pairs]))

    @property
    def stable_from(self) -> int | None:
        """The least number of samples from which on all runs agree on the `top` tokens; None if they never do."""
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
    predict: Callable[[list[str]], Array],
    text: str,
    label: int = 1,
    sizes: Sequence[int] = (100, 500, 1000, 5000),
    seeds: Iterable[int] = range(10),
    top: int = 3,
    **options,
) -> Stability:
    """Run `lime` with each seed at each number of samples in `sizes`; `options` are `lime`'s.

    A text that comes up again is not asked again. Raises ValueError for fewer than two seeds or no size, and as `lime`.
    """
    seeds = list(seeds)
    if len(set(seeds)) < 2 or not sizes or top < 1:
        raise ValueError(
            f"expected two or more seeds, a size and top >= 1, got {seeds}, {list(sizes)}, {top}"
        )
    asked, runs = remembering(predict), {}
    for n in sizes:
        found = [lime(asked, text, label, num_samples=n, seed=seed, **options) for seed in seeds]
        runs[n] = numpy.stack([run.relevance for run in found])  # (seeds, T)
    return Stability(runs, top, found[0].tokens)


def remembering(predict: Callable[[list[str]], Array]) -> Callable[[list[str]], Array]:
    """The same function, asked about each text only once."""
    known: dict[str, Array] = {}

    def asked(texts: list[str]) -> Array:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            answers = numpy.asarray(predict(new))
            if answers.ndim != 2 or len(answers) != len(new):
                return answers  # of the wrong shape: `lime` says so
            known.update(zip(new, answers, strict=True))
        return numpy.stack([known[text] for text in texts])

    return asked
