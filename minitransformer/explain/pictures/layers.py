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
    """A row for each token, a column for each layer, on one scale, since relevance has one unit in all layers.

    Heads can stand for layers: `{"head 0": r[0], ..}` with r (H, T) of `explain.head_relevance`.

    Args:
        tokens: T strings.
        relevance: (T,) of each layer by its name, as `explain.layer_relevance` gives it.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: there is no layer, or the relevance is not finite or not one number for each token.
    """
    if not relevance:
        raise ValueError("relevance: expected one layer or more, got none")
    values = numpy.stack([finite(layer, (len(tokens),)) for layer in relevance.values()], axis=1)  # (T, L)
    grid = Grid(tokens, short_names(list(relevance)), values, values)
    return Picture(title, grid.fragment, grid.text, grid.draw, grid.size)


def short_names(names: Sequence[str]) -> list[str]:
    """The last two parts of dotted names, such as "layers.0" of "encoder.layers.0", if they are all different.

    Args:
        names: the names.

    Returns:
        The short names, or else the names themselves.
    """
    last = [".".join(name.split(".")[-2:]) for name in names]
    return last if len(set(last)) == len(last) else list(names)
