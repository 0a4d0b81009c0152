"""Why a model finds an answer in a text: the relevance of each token to where the answer starts, and to where it ends.

A head for answers gives each token two logits, of being the answer's first token and its last. The answer is the span whose two
logits have the largest sum. Each of the two is explained by itself, as a classifier's choice among the T positions.

Source:
    Devlin et al., NAACL 2019, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.walk import lrp
from minitransformer.nn import Module
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.pictures.pages import save_page


@dataclass(frozen=True)
class SpanExplanation:
    """An answer in a text, and the explanations of its two ends.

    Attributes:
        first: the position of the answer's first token.
        last: that of its last one.
        probability: that the answer starts and ends there: the product of both softmax probabilities.
        start: the explanation of the first token's logit; its target is the position.
        end: that of the last token's.
    """

    first: int
    last: int
    probability: float
    start: Explanation
    end: Explanation

    def __iter__(self) -> Iterator[Explanation]:
        return iter((self.start, self.end))

    def show(self) -> None:
        """Print both explanations."""
        for explanation in self:
            explanation.show()

    def to_html(self) -> str:
        """Both explanations as a fragment of HTML, which notebooks show.

        Returns:
            The HTML.
        """
        return "".join(explanation.to_html() for explanation in self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write an HTML page that loads no other file.

        Args:
            path: the file to write.
        """
        save_page(path, self.start.method, self.to_html())

    _repr_html_ = to_html


def best_span(
    start: numpy.ndarray, end: numpy.ndarray, among: Sequence[int], longest: int = 30
) -> tuple[int, int]:
    """The answer: of all spans the one whose first and last token have the largest sum of logits.

    Args:
        start: (T,) logits of each token to be the answer's first.
        end: (T,) logits of each token to be its last.
        among: positions at which an answer may start and end, such as those of the context.
        longest: how many tokens it may have.

    Returns:
        The positions of its first and its last token.

    Raises:
        ValueError: if no position is given, or `longest` is less than 1.
    """
    if not len(among) or longest < 1:
        raise ValueError(f"best_span: expected positions, and longest >= 1, got {len(among)} and {longest}")
    places = numpy.asarray(among)
    length = places - places[:, None] + 1  # [start, end]
    sums = numpy.where((length >= 1) & (length <= longest), start[places, None] + end[places], -numpy.inf)
    first, last = numpy.unravel_index(sums.argmax(), sums.shape)
    return int(places[first]), int(places[last])


def lrp_span(
    model: Module,
    ids: Sequence[int],
    span: tuple[int, int] | None = None,
    walk: Callable[..., Any] = lrp,
    *,
    among: Sequence[int] | None = None,
    longest: int = 30,
    token_type_ids: Sequence[int] | None = None,
    tokens: Sequence[str] | None = None,
) -> SpanExplanation:
    """Explain where a model's answer starts and where it ends.

    Args:
        model: gives two logits for each token, (B, T) of the answer's first and (B, T) of its last.
        ids: a question and a text, T integers.
        span: the positions of the first and the last token to explain; None for the likeliest.
        walk: `lrp` with its options, or `gradient_x_input`.
        among: positions at which the likeliest answer may start and end; None for all.
        longest: how many tokens it may have.
        token_type_ids: T integers, 0 for the question and 1 for the text, of a model that reads segments.
        tokens: T strings to show.

    Returns:
        The answer and two explanations, each with a ledger if `walk` gives one.

    Raises:
        TypeError: if the model does not give two outputs.
        ValueError, IndexError: as `best_span` and `lrp` do.
    """
    kinds = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
    ends = [_End(model, which, kinds) for which in (0, 1)]
    start, end = (_logits(one, ids) for one in ends)  # (T,) each
    first, last = span or best_span(start, end, range(len(ids)) if among is None else among, longest)
    explained = [walk(one, ids, at, tokens=tokens) for one, at in zip(ends, (first, last), strict=True)]
    for one, what, at, logits in zip(explained, ("start", "end"), (first, last), (start, end), strict=True):
        one.name = f"{what} at {one.tokens[at].strip()}"
        one.probability = _probability(logits, at)
    return SpanExplanation(first, last, _probability(start, first) * _probability(end, last), *explained)


class _End(Module):
    """ids (B, T) -> the logits of each token to be the answer's first (`which` 0) or its last (1): (B, T)."""

    def __init__(self, model: Module, which: int, kinds: dict[str, Sequence[int]]):
        super().__init__()
        self.model, self.which, self.kinds, self.training = model, which, kinds, model.training

    def forward(self, ids: Tensor) -> Tensor:
        kinds = {name: tensor([list(given)], device=ids.device) for name, given in self.kinds.items()}
        found = self.model(ids, **kinds)
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(
                f"lrp_span: expected logits of the answer's start and end, got {type(found).__name__}; take a model with a "
                "head for question answering"
            )
        logits: Tensor = found[self.which]
        return logits


@no_grad()
def _logits(end: _End, ids: Sequence[int]) -> numpy.ndarray:
    """(T,) logits of one end."""
    device = next(end.parameters()).device
    with in_use(end):
        found: numpy.ndarray = end(tensor([list(ids)], device=device)).numpy()[0]
    return found


def _probability(logits: numpy.ndarray, at: int) -> float:
    """The softmax probability of one of T positions."""
    return float(tensor(logits).softmax(-1)[at].item())
