"""The section that compares three explanations of one decision, and the classifier with simpler methods."""

from __future__ import annotations

from minitransformer.explain import Explanation
from minitransformer.explain.explanation import MEANING
from minitransformer.explain.page import meaning
from minitransformer.explain.rendering import outputs
from minitransformer.pictures import bars, leaning, table
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped
from minitransformer.statistics import share_error
from minitransformer.tour.result import NAMES, ClassifierResult
from minitransformer.tour.verdict import agreement, listed, top_words, verdict


def explanations_section(classifier: ClassifierResult) -> str:
    """The comparison.

    Args:
        classifier: the result of the classifier.

    Returns:
        HTML.
    """
    explanations = classifier.explanations
    label = escaped(NAMES[classifier.label])
    marked = '<p class="note">Underlined: what the data set marks as the reason. The models never saw this review.</p>'
    return (
        "<section><h2>4. Do three explanations agree?</h2>"
        f'<p class="said">{_underlined(classifier)}</p>'
        + (marked if classifier.review.rationale else "")
        + f"<p>The same decision, <b>{label}</b> with a probability of {classifier.probability:.1%}, explained by three methods. "
        "A number above zero speaks for the answer, one below zero against it.</p>"
        + _methods(explanations)
        + _words(explanations)
        + _agreement(classifier)
        + _ledger(classifier)
        + _accuracy(classifier)
        + "</section>"
    )


def _underlined(classifier: ClassifierResult) -> str:
    """The review with its marked reasons underlined."""
    text = classifier.review.text
    parts = []
    end = 0
    for a, b in classifier.review.rationale:
        parts += [escaped(text[end:a]), f"<u>{escaped(text[a:b])}</u>"]
        end = b
    return "".join(parts) + escaped(text[end:])


def _methods(explanations: list[Explanation]) -> str:
    """What each method does."""
    return "".join(f"<p><b>{escaped(e.method)}.</b> {escaped(meaning(e.method))}</p>" for e in explanations)


def _words(explanations: list[Explanation]) -> str:
    """Every token with its relevance in each method, side by side."""
    scales = [scale_of(e.relevance) for e in explanations]
    heads = "".join(f'<th scope="col">{escaped(e.method)}</th>' for e in explanations)
    rows = "".join(
        f'<tr><th scope="row">{escaped(visible(token).strip())}</th>'
        + "".join(
            leaning(float(e.relevance[i]), scale) for e, scale in zip(explanations, scales, strict=True)
        )
        + "</tr>"
        for i, token in enumerate(explanations[0].tokens)
    )
    return (
        f'<h3>Word by word</h3><table class="words"><thead><tr><th scope="col">word</th>{heads}</tr></thead><tbody>{rows}</tbody>'
        '</table><p class="note">Each method has its own unit: its longest bar is its word of largest relevance. LRP and '
        "gradient x input divide the margin of the answer, LIME the probability.</p>"
    )


def _ledger(classifier: ClassifierResult) -> str:
    ledger = classifier.ledger
    explanation = classifier.explanations[0]
    scale = scale_of(list(ledger.values()))
    rows = "".join(
        f'<tr{total}><th scope="row">{escaped(name)}</th>{leaning(amount, scale)}'
        f'<td class="soft">{escaped(MEANING[name])}</td></tr>'
        for name, amount in ledger.items()
        for total in [' class="total"' if name == "total" else ""]
    )
    closes = "It closes" if ledger.closes else '<b class="bad">It does not close</b>'
    named = ("where", "amount", "what it is")
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in named)
    return (
        f"<h3>The ledger of {escaped(explanation.method)}</h3><p>What is explained is "
        f"{escaped(outputs(explanation.target))}: the margin by which the answer won. The words account for a part of it. The "
        "other lines say where the rest went.</p>"
        f'<table class="ledger"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="note">{closes}: sum and total differ by '
        f"{abs(ledger.gap):.0e}, which is rounding. Every line was booked where it arose; none is what was left over.</p>"
    )


def _agreement(classifier: ClassifierResult) -> str:
    explanations = classifier.explanations
    pairs = [
        (f"{a} and {b}", f"{r:+.2f}", ", ".join(words) or "none")
        for a, b, r, words in agreement(explanations)
    ]
    tops = [(e.method, ", ".join(top_words(e))) for e in explanations]
    reasons = [classifier.review.text[a:b] for a, b in classifier.review.rationale]
    marked = f" Marked in the data: {listed(reasons)}." if reasons else ""
    return (
        f"<h3>Where they agree</h3><p><b>{escaped(verdict(explanations))}</b>{escaped(marked)}</p>"
        + table(["method", "words of largest relevance"], tops)
        + table(["methods", "rank correlation", "words of largest relevance in both"], pairs, numbers=(1,))
        + '<p class="note">Rank correlation: 1 if two methods put all words in the same order, 0 if their orders have nothing in '
        "common, -1 if they are opposite.</p>"
    )


def _accuracy(classifier: ClassifierResult) -> str:
    """How often the classifier is right, beside simpler methods."""
    margin = share_error(classifier.accuracy["Transformer"], classifier.reviews)
    reviews = escaped(classifier.reviews)
    return (
        "<h3>How often is the classifier right?</h3>"
        f"<p>The share of {reviews} reviews that it never saw, beside always giving the commoner answer (majority) and beside "
        "counting words (naive Bayes).</p>"
        + bars(classifier.accuracy)
        + f'<p class="note">With {reviews} reviews, chance alone moves such a figure by about {margin:.1%} up or down. '
        + f"{escaped(classifier.cross_validated)}</p>"
        + _mistakes(classifier)
    )


def _mistakes(classifier: ClassifierResult) -> str:
    wrong = "".join(
        f"<li>{escaped(review.text)} <span class='soft'>(it said {escaped(NAMES[1 - review.label])}, {p:.0%})</span></li>"
        for review, p in classifier.mistakes
    )
    title = "Wrong answers with the largest probabilities"
    return f"<details><summary>{escaped(title)}</summary><ul>{wrong}</ul></details>" if wrong else ""
