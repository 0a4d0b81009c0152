"""What a command has found out about an output, printed, as JSON, and as a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minitransformer.cli.options import console, print_json
from minitransformer.explain import Explanation
from minitransformer.explain.page import explanation_body
from minitransformer.explain.pictures import ledger_flow
from minitransformer.pictures import STYLE
from minitransformer.pictures.pages import save_page
from minitransformer.plain import escaped


@dataclass(frozen=True)
class Told:
    """One explanation, or several that belong together.

    Attributes:
        explanations: each of one text.
        plain: all of it as plain data, for JSON.
        line: what stands above the explanations; nothing if it is empty.
    """

    explanations: list[Explanation]
    plain: dict[str, Any] = field(default_factory=dict)
    line: str = ""

    @property
    def html(self) -> str:
        """The body of a page."""
        line = f"<p>{escaped(self.line)}</p>" if self.line else ""
        return line + "".join(explanation_body(one) + _flow(one) for one in self.explanations)


def tell(told: Told, html: Path | None, json: bool) -> None:
    """Print what was found out, and write it as a page.

    Args:
        told: the explanations.
        html: the file of the page, or None.
        json: whether to print JSON in place of text.
    """
    if html:
        save_page(html, f"Why {told.explanations[0].name}?", told.html, STYLE)
    if json:
        print_json(told.plain)
        return
    if told.line:
        console.print(told.line, soft_wrap=True)
    for explanation in told.explanations:
        explanation.show()
    if html:
        console.print(f"Page written: {html}", soft_wrap=True)


def _flow(explanation: Explanation) -> str:
    return ledger_flow(explanation.ledger).to_html() if explanation.ledger else ""


def plain(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain data, for JSON.

    Args:
        explanation: the explanation.

    Returns:
        Its method, name, probability, target, output, tokens, relevance and ledger.
    """
    return {
        "method": explanation.method,
        "name": explanation.name,
        "probability": explanation.probability,
        "target": explanation.target,
        "output": explanation.output,
        "tokens": explanation.tokens,
        "relevance": explanation.relevance.tolist(),
        "ledger": explanation.ledger and dict(explanation.ledger),
    }
