"""The section of the published models."""

from __future__ import annotations

from minitransformer.pictures import bars, table
from minitransformer.plain import escaped
from minitransformer.tour.published import ASKED, BEGINNING, WHAT, PublishedResult


def published_section(published: PublishedResult) -> str:
    """What published models say, or how to see it.

    Args:
        published: the result.

    Returns:
        HTML.
    """
    return (
        "<section><h2>5. Models that others have trained</h2>"
        "<p>The same layers hold published weights too. These models have millions of parameters and are downloaded once.</p>"
        + _nearest(published)
        + _next_token(published)
        + _missing(published)
        + "</section>"
    )


def _nearest(published: PublishedResult) -> str:
    if not published.cosines:
        return ""
    rows = [(text, f"{cosine:+.2f}") for text, cosine in published.cosines.items()]
    return (
        f"<h3>Nearest sentences</h3><p>MiniLM makes a vector of each sentence. Nearest to <q>{escaped(ASKED)}</q>:</p>"
        + table(["sentence", "cosine"], rows, numbers=(1,))
    )


def _next_token(published: PublishedResult) -> str:
    if not published.next_tokens:
        return ""
    shares = {token.strip() or "(space)": share for token, share in published.next_tokens.items()}
    return f"<h3>The next token</h3><p>SmolLM2 goes on after <q>{escaped(BEGINNING)}</q> with:</p>" + bars(
        shares
    )


def _missing(published: PublishedResult) -> str:
    rows = [f"<li>{escaped(WHAT[name])}: {_command(text)}</li>" for name, text in published.missing.items()]
    said = "Not in this computer's cache yet. Each command downloads its model and shows it:"
    return f"<p>{escaped(said)}</p><ul>{''.join(rows)}</ul>" if rows else ""


def _command(text: str) -> str:
    """A command, which breaks between its words only."""
    return f"<code>{' '.join(f'<span>{escaped(word)}</span>' for word in text.split())}</code>"
