"""How relevance gathers on its way from the output down to the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy

from minitransformer.pictures.colours import finite
from minitransformer.pictures.grid import Grid
from minitransformer.pictures.picture import Picture


def layer_map(
    tokens: Sequence[str], relevance: Mapping[str, numpy.ndarray], title: str = "relevance after each layer"
) -> Picture:
    """A row for each token, a column for each layer, on one scale, as relevance keeps its unit on the way.

    `relevance` names the (T,) of each layer, as `explain.layer_relevance` gives it; put an explanation's own in front as
    the layer of the words. Heads can stand for layers: `{"head 0": r[0], ..}` with r (H, T) of `explain.head_relevance`.
    Raises ValueError without layers, and for relevance that is not finite or not one number a token.
    """
    if not relevance:
        raise ValueError("relevance: expected one layer or more, got none")
    values = numpy.stack([finite(layer, (len(tokens),)) for layer in relevance.values()], axis=1)  # (T, L)
    grid = Grid(tokens, short_names(list(relevance)), values, values)
    return Picture(title, grid.fragment, grid.text, grid.draw, grid.size)


def short_names(names: Sequence[str]) -> list[str]:
    """The last two parts of dotted names if these tell them apart: `encoder.layers.0` -> `layers.0`."""
    last = [".".join(name.split(".")[-2:]) for name in names]
    return last if len(set(last)) == len(last) else list(names)
