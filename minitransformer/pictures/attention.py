"""The attention weights of each head as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    from rich.console import Group
    from rich.text import Text

Array = numpy.ndarray

HEAD = "width:16px;min-width:16px;padding:0;font-size:10px;font-weight:400;text-align:center;vertical-align:bottom;border:0"
# upwards; notebooks that are not trusted leave TURNED out, and then show as much of the word as has room
TURNED = "writing-mode:vertical-rl;transform:rotate(180deg)"
UPWARDS = f"{TURNED};width:16px;max-height:72px;overflow:hidden;white-space:nowrap;font-size:12px"
WORD = "text-align:left;padding:0 6px 0 0;font-size:12px;font-weight:400;white-space:pre;border:0"
FAINT = 0.005  # of full colour: too little to be seen
ACROSS = 4  # heads in a row of the image


def attention_heads(
    tokens: Sequence[str],
    weights: Sequence[Tensor | Array],
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
    columns = tokens if keys is None else keys
    heads = {
        f"layer {n}, head {h}": finite(head, (len(tokens), len(columns)))
        for n, layer in enumerate(weights, 1)
        for h, head in enumerate(_of_one(layer), 1)
    }
    if not heads:
        raise ValueError("weights: expected one layer or more, got none")
    maps = _Maps(heads, tokens, columns, of_others=keys is not None)
    title = f"{title}; full colour is {maps.full:.0%}"
    return Picture(title, maps.fragment, maps.text, maps.draw, maps.size)


def _of_one(layer: Tensor | Array) -> Array:
    """The weights of a layer, (H, T, S)."""
    weights: Array = layer.detach().numpy() if isinstance(layer, Tensor) else numpy.asarray(layer)
    weights = weights[0] if weights.ndim == 4 and len(weights) == 1 else weights
    if weights.ndim != 3:
        raise ValueError(f"weights: expected (H, T, S) for each layer, or (1, H, T, S), got {weights.shape}")
    return weights


def _numbered(tokens: Sequence[str]) -> list[str]:
    return [f"{i} {visible(token).strip()}" for i, token in enumerate(tokens, 1)]


@dataclass(frozen=True)
class _Maps:
    """The weights (T, S) of each head, by its name; the T tokens and the S keys; whether the keys are not the tokens."""

    heads: Mapping[str, Array]
    tokens: Sequence[str]
    keys: Sequence[str]
    of_others: bool

    @cached_property
    def full(self) -> float:
        """The weight in full colour."""
        return max(float(head.max(initial=0.0)) for head in self.heads.values()) or 1.0

    @property
    def size(self) -> tuple[float, float]:
        """Inches."""
        side = 0.6 + 0.13 * max(len(self.tokens), len(self.keys), 4)
        return 1.0 + side * min(ACROSS, len(self.heads)), (side + 0.4) * -(-len(self.heads) // ACROSS)

    def fragment(self) -> str:
        """Tables with inline styles."""
        key = ", ".join(_numbered(self.keys))
        columns = f'<div style="font-size:12px">columns: {escaped(key)}</div>' if self.of_others else ""
        tables = "".join(self._table(name, head) for name, head in self.heads.items())
        return columns + f'<div style="overflow-x:auto">{tables}</div>'

    def _table(self, name: str, head: Array) -> str:
        heads = "".join(_column(j, visible(key).strip()) for j, key in enumerate(self.keys, 1))
        rows = "".join(
            f'<tr><th style="{WORD}">{escaped(label)}</th>{self._cells(visible(token).strip(), row)}</tr>'
            for label, token, row in zip(_numbered(self.tokens), self.tokens, head, strict=True)
        )
        frame = 'cellspacing="1" style="border-collapse:separate;border:1px solid rgba(128,128,128,0.3)"'
        table = f'<table {frame}><tr><th style="{WORD}"></th>{heads}</tr>{rows}</table>'
        style = "display:inline-block;vertical-align:top;margin:4px 18px 8px 0"
        return f'<div style="{style}"><div style="font-size:12px">{escaped(name)}</div>{table}</div>'

    def _cells(self, token: str, row: Array) -> str:
        pairs = zip(row, self.keys, strict=True)
        return "".join(self._cell(share, f"{token} looks at {visible(key).strip()}") for share, key in pairs)

    def _cell(self, share: float, said: str) -> str:
        """There are very many of these: what is too faint to be seen has no colour."""
        purple = "rgba({},{},{},{:.2f})".format(*ATTENTION, min(share / self.full, 1.0))
        colour = f";background-color:{purple}" if share >= FAINT * self.full else ""
        return f'<td style="padding:0;border:0{colour}" title="{escaped(said)}: {share:.0%}"></td>'

    def text(self) -> Group:
        """Tenths of full colour as digits, X for all ten: they can be read without colours too."""
        from rich.console import Group
        from rich.text import Text

        width = max(map(len, _numbered(self.tokens)), default=0)
        lines = []
        for name, head in self.heads.items():
            lines.append(Text(name))
            for label, row in zip(_numbered(self.tokens), head, strict=True):
                lines.append(Text(f"{label:<{width}} ").append_text(tenths(row / self.full)))
        return Group(*lines)

    def draw(self, figure: Figure) -> None:
        """A map for each head."""
        from matplotlib.colors import LinearSegmentedColormap

        full_colour = "#{:02x}{:02x}{:02x}".format(*ATTENTION)
        colours = LinearSegmentedColormap.from_list("attention", ["#ffffff", full_colour])
        across = min(ACROSS, len(self.heads))
        below = _numbered(self.keys) if self.of_others else [str(n + 1) for n in range(len(self.keys))]
        for n, (name, head) in enumerate(self.heads.items()):
            axes = quiet(figure.add_subplot(-(-len(self.heads) // across), across, n + 1))
            axes.set_title(name, fontsize=8)
            axes.set_xticks(range(len(self.keys)), below, fontsize=6)
            axes.tick_params("x", labelrotation=90 if self.of_others or len(self.keys) >= 20 else 0)
            labels = [""] * len(self.tokens) if n % across else _numbered(self.tokens)
            axes.set_yticks(range(len(self.tokens)), labels, fontsize=6)
            if head.size:
                axes.imshow(head, cmap=colours, vmin=0, vmax=self.full)


def _column(j: int, word: str) -> str:
    """The head of a column; a single character needs not be turned."""
    style = UPWARDS if len(word) > 1 else "font-size:12px"
    return f'<th style="{HEAD}"><div style="{style}">{escaped(word)}</div>{j}</th>'


def tenths(row: Array) -> Text:
    """The weights of one token as digits, tenths of full colour, on backgrounds of that depth; X stands for all ten.

    Args:
        row: shares of full colour, from 0 to 1, (S,).

    Returns:
        A text of rich with S characters.
    """
    from rich.text import Text

    line = Text()
    for share in row:
        red, green, blue = (round(255 + (c - 255) * share) for c in ATTENTION)
        ink = "black" if share < 0.5 else "white"
        tenths = round(10 * share)
        digit = "." if not tenths else "X" if tenths == 10 else str(tenths)
        line.append(digit, style=f"{ink} on rgb({red},{green},{blue})")
    return line
