"""The page of one explanation: what is explained, the words in colour with their numbers, and what the numbers mean."""

from __future__ import annotations

from typing import Any

from minitransformer.explain.rendering import headline, html_ledger
from minitransformer.explain.rules import PRESETS
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.legend import legend
from minitransformer.pictures.reader import word_strip
from minitransformer.pictures.tables import table
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped

MEANING = {
    "LRP": "Layer-wise relevance propagation walks back from the output through every op and divides it among the words.",
    "LIME": "LIME leaves words out at random, and fits a linear model to the probabilities that the classifier then gives.",
    "gradient": "Gradient times input multiplies each word's vector with the output's slope there, and adds up the products.",
}
LEDGER = "The ledger says where the rest of the output went: its lines add up to the total."


def explanation_body(explanation: Any) -> str:
    """An explanation as the body of a page in the style `STYLE`.

    Args:
        explanation: of one text.

    Returns:
        HTML.
    """
    tokens, values = explanation.rows()[0]
    score = getattr(explanation, "score", None)
    unknown = ", ".join(map(repr, explanation.unknown))
    parts = [
        f"<h1>Why {escaped(explanation.name or 'this output')}?</h1><p>{escaped(headline(explanation))}</p>",
        word_strip(tokens, values),
        legend(scale_of(values)),
        f"<p>Words that the model does not know, and reads all alike: {escaped(unknown)}.</p>"
        if unknown
        else "",
        f"<p>{escaped(meaning(explanation.method))}</p>",
        ""
        if score is None
        else f"<p>R2 of the linear model: {score:.3f}; 1 is a perfect fit, 0 no better than a constant.</p>",
        table(["word", "relevance", ""], _rows(explanation, tokens, values), {1}),
        f'<h2>The ledger</h2><p>{escaped(LEDGER)}</p><div class="wide">{html_ledger(explanation.ledger)}</div>'
        if explanation.ledger
        else "",
    ]
    return "".join(parts)


def _rows(explanation: Any, tokens: Any, values: Any) -> list[list[str]]:
    return [
        [visible(t), f"{v:+.4f}", "unknown" if t.strip() in explanation.unknown else ""]
        for t, v in zip(tokens, values, strict=True)
        if t.strip()
    ]


def meaning(method: str) -> str:
    """What a method does.

    Args:
        method: its name, such as "LIME" or "LRP, attnlrp".

    Returns:
        A sentence, and for a rule of LRP another.
    """
    rules = [str(PRESETS[part].__doc__).splitlines()[0] for part in method.split(", ") if part in PRESETS]
    methods = [text for name, text in MEANING.items() if method.startswith(name)]
    return " ".join([*methods, *(f"Its rule: {rule[0].lower()}{rule[1:]}" for rule in rules)])
