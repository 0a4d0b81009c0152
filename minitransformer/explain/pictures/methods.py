"""Several methods asked the same question, word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy

from minitransformer.explain.explanation import Explanation
from minitransformer.pictures.colours import finite
from minitransformer.pictures.grid import Grid
from minitransformer.pictures.picture import Picture


def side_by_side(
    explanations: Mapping[str, Explanation] | Sequence[Explanation], title: str = "methods side by side"
) -> Picture:
    """A row for each token, a column for each method, each divided by its largest |relevance|, so that all reach from -1 to 1.

    Methods differ in unit, so that only shares can be compared; the hover text shows the numbers themselves.

    Args:
        explanations: explanations of one sequence, by name; or a list of them, named by their methods.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: there is none, two have one name, or they are of batches, of different tokens, or not finite.
    """
    listed = list(explanations.values() if isinstance(explanations, Mapping) else explanations)
    named = explanations if isinstance(explanations, Mapping) else {e.method: e for e in listed}
    if not named or len(named) != len(listed):
        raise ValueError(
            f"explanations: expected one or more of different methods, got {[e.method for e in listed]}"
        )
    tokens = list(next(iter(named.values())).tokens)
    for name, explanation in named.items():
        if list(explanation.tokens) != tokens:
            raise ValueError(
                f"{name}: expected the tokens of the first method, {tokens}, got {list(explanation.tokens)}"
            )
    relevance = numpy.stack([finite(e.relevance, (len(tokens),)) for e in named.values()], axis=1)  # (T, N)
    loudest = abs(relevance).max(axis=0, initial=0.0)  # (N,)
    grid = Grid(tokens, list(named), relevance / numpy.where(loudest > 0, loudest, 1.0), relevance)
    return Picture(title, grid.fragment, grid.text, grid.draw, grid.size)
