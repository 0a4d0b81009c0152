"""A web page around a body: one file that loads nothing."""

from __future__ import annotations

from os import PathLike

from minitransformer.disk import write
from minitransformer.plain import escaped

BODY = "max-width:960px;margin:32px auto;padding:0 16px;font-family:sans-serif"


def page(title: str, body: str, style: str = "") -> str:
    """A whole HTML page around a fragment; it loads nothing from elsewhere.

    Args:
        title: the name that a browser shows, as plain text.
        body: HTML.
        style: a style sheet for the body, such as `STYLE`; without one, the body has inline styles only.

    Returns:
        The HTML of the page.
    """
    screen = '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
    head = f'<meta charset="utf-8"><title>{escaped(title)}</title>' + screen
    if style:
        return _document(f"{head}<style>{style}</style>", f"<body>{body}</body>")
    return _document(head, f'<body style="{BODY}">{body}</body>')


def _document(head: str, body: str) -> str:
    return f'<!doctype html><html lang="en"><head>{head}</head>{body}</html>'


def save_page(path: str | PathLike[str], title: str, body: str, style: str = "") -> None:
    """Write a page to a file.

    Args:
        path: the file.
        title: the name that a browser shows, as plain text.
        body: HTML.
        style: as for `page`.
    """
    write(path, page(title, body, style))
