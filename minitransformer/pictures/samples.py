"""Samples to step through, such as what a model wrote at several steps of its training."""

from __future__ import annotations

from collections.abc import Mapping

from minitransformer.plain import escaped


def samples(title: str, shown: Mapping[str, str]) -> str:
    """Samples one below the other; with `SCRIPT`, one at a time.

    Args:
        title: what they are, as plain text.
        shown: the HTML of each, by its name in plain text.

    Returns:
        HTML for pages in the style `STYLE` with the script `SCRIPT`.
    """
    rows = "".join(f"<li><h4>{escaped(name)}</h4>{body}</li>" for name, body in shown.items())
    return f'<div class="samples" data-samples="{escaped(title)}"><ol>{rows}</ol></div>'
