"""What the colours of words mean, for pages in the style `STYLE`."""

from __future__ import annotations

from minitransformer.pictures.colours import signed
from minitransformer.plain import escaped


def legend(scale: float, name: str = "it") -> str:
    """Both colours at full depth, with their numbers.

    Args:
        scale: the |number| in full colour.
        name: what words speak for or against, as plain text.

    Returns:
        HTML, a paragraph.
    """
    swatches = [
        f'<span class="token {side}" style="--depth:1">{signed(sign * scale, scale)}</span>'
        for side, sign in (("for", 1), ("against", -1))
    ]
    body = f"{swatches[0]} speaks for {escaped(name)}, {swatches[1]} against it; the deeper the colour, the more."
    return f'<p class="legend">{body}</p>'
