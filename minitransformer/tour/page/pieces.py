"""What several sections of the page have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.pictures import LossCurve, attention_heads
from minitransformer.plain import escaped
from minitransformer.tour.result import Learned, place

MAPPED = 40  # tokens: maps of longer texts are too large for a page


def curve(learned: Learned, name: str, loss: float) -> str:
    """The losses of a training.

    Args:
        learned: the losses.
        name: of a loss to compare with, such as guessing.
        loss: that loss, in nats.

    Returns:
        HTML.
    """
    return LossCurve(learned.losses, learned.held_out, (name, loss)).to_html()


def named(attention: Sequence[numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """The heads of all layers.

    Args:
        attention: (H, T, S) for each layer.

    Returns:
        The weights (T, S) of each head, by a name such as "layer 1, head 2".
    """
    return {place(n, h): head for n, layer in enumerate(attention) for h, head in enumerate(layer)}


def named_step(step: int) -> str:
    """The name of a sample that was taken after a step of a training.

    Args:
        step: the step, 0 before the first one.

    Returns:
        Text such as "after step 100".
    """
    return f"after step {step:,}" if step else "before training"


def maps(tokens: Sequence[str], attention: Sequence[numpy.ndarray], keys: Sequence[str] | None = None) -> str:
    """The attention maps of all heads, folded.

    Args:
        tokens: the T tokens that attend.
        attention: (H, T, S) for each layer.
        keys: the S tokens attended to; None for the tokens themselves.

    Returns:
        HTML; empty for a text that is too long.
    """
    if max(len(tokens), len(keys or ())) > MAPPED:
        return ""
    table = attention_heads(tokens, attention, keys).to_html()
    how = "Each row is a token that looks, each column one that is looked at: the stronger the colour, the larger the share."
    return (
        f"<details><summary>The attention of each head as a map</summary><p>{escaped(how)}</p>"
        f'<div class="maps">{table}</div></details>'
    )
