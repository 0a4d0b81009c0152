"""The attention weights of each head as a map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy

from minitransformer.autograd import Tensor
from minitransformer.pictures.chart import quiet
from minitransformer.pictures.colours import ATTENTION, finite
from minitransformer.pictures.picture import Picture
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD = "width:16px;min-width:16px;padding:0;font-size:10px;font-weight:400;text-align:center;vertical-align:bottom;border:0"
# upwards; notebooks that are not trusted leave TURNED out, and then show as much of the word as has room
TURNED = "writing-mode:vertical-rl;transform:rotate(180deg)"
UPWARDS = f"{TURNED};width:16px;max-height:72px;overflow:hidden;white-space:nowrap;font-size:12px"
WORD = "text-align:left;padding:0 6px 0 0;font-size:12px;font-weight:400;white-space:pre;border:0"
FAINT = 0.005  # of full colour: too little to be seen
ACROSS = 4  # heads in a row of the image


def attention_heads(
    tokens: Sequence[str],
    weights: Sequence,
    keys: Sequence[str] | None = None,
    title: str = "where each head looks",
) -> Picture:
    """A table for each head: a row for each token that attends, a column for each token attended to.

    Full colour is the largest of all weights, which the title tells: on long texts every weight is small. Layers, heads and
    tokens are counted from 1.

    Args:
        tokens: the T tokens that attend.
        weights: the attention weights of each layer, (H, T, S) or, in a batch of one, (1, H, T, S), as `nn.record_attention`
            gives them.
        keys: the S tokens attended to, where these are others, as in cross-attention.
        title: the words above the tables.

    Returns:
        A picture. In the terminal, digits stand for tenths of full colour.

    Raises:
        ValueError: there are no layers, shapes do not fit, or a weight is NaN or infinite.
    """
    keys = tokens if keys is None else keys
    heads = {
        f"layer {n}, head {h}": finite(head, (len(tokens), len(keys)))
        for n, layer in enumerate(weights, 1)
        for h, head in enumerate(_of_one(layer), 1)
    }
    if not heads:
        raise ValueError("weights: expected one layer or more, got none")
    full = max(head.max(initial=0.0) for head in heads.values()) or 1.0
    below = -(-len(heads) // ACROSS)
    side = 0.6 + 0.13 * max(len(tokens), len(keys), 4)
    size = 1.0 + side * min(ACROSS, len(heads)), (side + 0.4) * below
    arguments = heads, full, tokens, keys
    title = f"{title}; full colour is {full:.0%}"
    return Picture(
        title, partial(_fragment, *arguments), partial(_text, *arguments), partial(_draw, *arguments), size
    )


def _of_one(layer) -> numpy.ndarray:
    """(H, T, S) of a layer."""
    layer = layer.detach().numpy() if isinstance(layer, Tensor) else numpy.asarray(layer)
    layer = layer[0] if layer.ndim == 4 and len(layer) == 1 else layer
    if layer.ndim != 3:
        raise ValueError(f"weights: expected (H, T, S) for each layer, or (1, H, T, S), got {layer.shape}")
    return layer


def _fragment(heads, full: float, tokens: Sequence[str], keys: Sequence[str]) -> str:
    same = tokens is keys
    key = "" if same else f'<div style="font-size:12px">columns: {escaped(", ".join(_numbered(keys)))}</div>'
    tables = "".join(_table(name, head, full, tokens, keys) for name, head in heads.items())
    return f'{key}<div style="overflow-x:auto">{tables}</div>'


def _numbered(tokens: Sequence[str]) -> list[str]:
    return [f"{i} {visible(token).strip()}" for i, token in enumerate(tokens, 1)]


def _table(name: str, head: numpy.ndarray, full: float, tokens: Sequence[str], keys: Sequence[str]) -> str:
    heads = "".join(
        f'<th style="{HEAD}"><div style="{UPWARDS}">{escaped(visible(key).strip())}</div>{j}</th>'
        for j, key in enumerate(keys, 1)
    )
    rows = "".join(
        f'<tr><th style="{WORD}">{escaped(label)}</th>{_cells(row, full, token, keys)}</tr>'
        for label, token, row in zip(_numbered(tokens), tokens, head, strict=True)
    )
    frame = 'cellspacing="1" style="border-collapse:separate;border:1px solid rgba(128,128,128,0.3)"'
    table = f'<table {frame}><tr><th style="{WORD}"></th>{heads}</tr>{rows}</table>'
    style = "display:inline-block;vertical-align:top;margin:4px 18px 8px 0"
    return f'<div style="{style}"><div style="font-size:12px">{escaped(name)}</div>{table}</div>'


def _cells(row: numpy.ndarray, full: float, token: str, keys: Sequence[str]) -> str:
    said = visible(token).strip()
    return "".join(
        _cell(s, full, f"{said} looks at {visible(key).strip()}") for s, key in zip(row, keys, strict=True)
    )


def _cell(share: float, full: float, said: str) -> str:
    """There are very many of these, so that they say no more than they must."""
    purple = "rgba({},{},{},{:.2f})".format(*ATTENTION, min(share / full, 1.0))
    colour = f";background-color:{purple}" if share >= FAINT * full else ""
    return f'<td style="padding:0;border:0{colour}" title="{escaped(said)}: {share:.0%}"></td>'


def _text(heads, full: float, tokens: Sequence[str], keys: Sequence[str]):
    """Tenths of full colour as digits, X for all ten: they can be read without colours too."""
    from rich.console import Group
    from rich.text import Text

    width = max(map(len, _numbered(tokens)), default=0)
    lines = []
    for name, head in heads.items():
        lines.append(Text(name))
        for label, row in zip(_numbered(tokens), head, strict=True):
            lines.append(Text(f"{label:<{width}} ").append_text(_digits(row / full)))
    return Group(*lines)


def _digits(row: numpy.ndarray):
    from rich.text import Text

    line = Text()
    for share in row:
        red, green, blue = (round(255 + (c - 255) * share) for c in ATTENTION)
        ink = "black" if share < 0.5 else "white"
        tenths = round(10 * share)
        line.append(
            "." if not tenths else "X" if tenths == 10 else str(tenths),
            style=f"{ink} on rgb({red},{green},{blue})",
        )
    return line


def _draw(heads, full: float, tokens: Sequence[str], keys: Sequence[str], figure: Figure) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    full_colour = "#{:02x}{:02x}{:02x}".format(*ATTENTION)
    colours = LinearSegmentedColormap.from_list("attention", ["#ffffff", full_colour])
    across = min(ACROSS, len(heads))
    for n, (name, head) in enumerate(heads.items()):
        axes = quiet(figure.add_subplot(-(-len(heads) // across), across, n + 1))
        axes.set_title(name, fontsize=8)
        below = [str(n + 1) for n in range(len(keys))] if tokens is keys else _numbered(keys)
        axes.set_xticks(range(len(keys)), below, fontsize=6)
        axes.tick_params("x", labelrotation=0 if tokens is keys and len(keys) < 20 else 90)
        axes.set_yticks(
            range(len(tokens)), _numbered(tokens) if n % across == 0 else [""] * len(tokens), fontsize=6
        )
        if head.size:
            axes.imshow(head, cmap=colours, vmin=0, vmax=full)
