"""A web page around a body: one file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from os import PathLike

from minitransformer.disk import write
from minitransformer.plain import escaped

BODY = "max-width:960px;margin:32px auto;padding:0 16px;font-family:sans-serif"


def page(title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole HTML page around a fragment; it loads nothing from elsewhere, and its own rules forbid the browser to.

    Args:
        title: the name that a browser shows, as plain text.
        body: HTML.
        style: a style sheet for the body, such as `STYLE`; without one, the body has inline styles only.
        script: a script that runs after the body is read, such as `SCRIPT`. The browser runs no other.

    Returns:
        The HTML of the page.
    """
    screen = '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
    allowed = f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'
    head = f'<meta charset="utf-8">{allowed}<title>{escaped(title)}</title>' + screen
    runs = f"<script>{script}</script>" if script else ""
    if style:
        return _document(f"{head}<style>{style}</style>", f"<body>{body}{runs}</body>")
    return _document(head, f'<body style="{BODY}">{body}{runs}</body>')


def _policy(script: str) -> str:
    """What the browser may load and run: nothing from elsewhere, and of scripts only this one, known by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    runs = f"'sha256-{digest}'" if script else "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {runs}; base-uri 'none'; form-action 'none'"


def _document(head: str, body: str) -> str:
    return f'<!doctype html><html lang="en"><head>{head}</head>{body}</html>'


def save_page(path: str | PathLike[str], title: str, body: str, style: str = "", script: str = "") -> None:
    """Write a page to a file.

    Args:
        path: the file.
        title: the name that a browser shows, as plain text.
        body: HTML.
        style: as for `page`.
        script: as for `page`.
    """
    write(path, page(title, body, style, script))
