"""The tour as one web page, for readers who have never seen a gradient check or an explanation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike

import numpy

from minitransformer.disk import write
from minitransformer.explain import Explanation
from minitransformer.explain.explanation import MEANING
from minitransformer.explain.rendering import outputs
from minitransformer.pictures import (
    STYLE,
    LossCurve,
    attention_heads,
    bars,
    leaning,
    page,
    scatter,
    table,
)
from minitransformer.pictures.colours import scale_of
from minitransformer.pictures.tokens import html_strip
from minitransformer.plain import escaped
from minitransformer.statistics import share_error
from minitransformer.tour.errors import errors
from minitransformer.tour.result import NAMES, ClassifierResult, LanguageModelResult, Learned, TourResult
from minitransformer.tour.verdict import agreement, listed, top_words, verdict
from minitransformer.verify import FINITE_DIFFERENCES, PYTORCH, Result
from minitransformer.verify.report import page_table, summary

LIMITS = {"differences": FINITE_DIFFERENCES, "PyTorch": PYTORCH["float64"], "float32": PYTORCH["float32"]}
HOW = {
    "LRP": "Layer-wise relevance propagation starts from the answer and hands it back, layer by layer, to the words it came "
    "from. Nothing may get lost on the way: the ledger below adds up to the answer.",
    "LIME": "LIME leaves words out at random, many times, watches how the answer changes, and fits a simple weighted sum of "
    "words to what it saw. It never looks inside the model.",
    "gradient": "The slope of the answer at each word, times the word's own vector: the simplest way, cheap and often noisy. "
    "It accounts for nothing.",
}


def save(result: TourResult, path: str | PathLike[str]) -> None:
    """Write the page of a tour to a file.

    Args:
        result: what `run` returned.
        path: the HTML file.
    """
    write(path, tour_page(result))


def tour_page(result: TourResult) -> str:
    """The page of a tour as HTML.

    Args:
        result: what `run` returned.

    Returns:
        The whole page, which loads nothing.
    """
    parts = (
        _summary(result),
        _why(result.classifier),
        _classifier(result.classifier),
        _language_model(result.language_model),
        _gradients(result.gradients),
    )
    spent = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in result.seconds.items())
    body = f'<main>{"".join(parts)}</main><p class="soft">Time spent: {escaped(spent)}.</p>'
    return page("minitransformer tour", body, STYLE)


def _summary(result: TourResult) -> str:
    language_model, classifier = result.language_model, result.classifier
    failed = sum(not r.passed for r in result.gradients)
    perplexity = math.exp(language_model.learned.held_out[-1][1])
    tiles = {
        f"gradient checks, {failed or 'none'} failed": f"{len(result.gradients)}",
        f"tokens it hesitates between, of {language_model.vocab_size}": f"{perplexity:.0f}",
        f"of {classifier.reviews} unseen reviews judged rightly": f"{classifier.accuracy['Transformer']:.1%}",
        "relevance unaccounted for": f"{abs(classifier.ledger.gap):.0e}",
    }
    cards = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(figure)}</dd></div>" for name, figure in tiles.items()
    )
    wrong = (
        '<p class="bad"><b>Something is wrong:</b> a gradient check failed or the ledger does not close.</p>'
    )
    return (
        "<h1>A Transformer that shows its work</h1>"
        "<p>This page was written by <code>minitransformer tour</code>. It checked the calculus that all learning rests on, "
        "trained two small models on real text, and then asked one of them: why?</p>"
        + _mine(result)
        + ("" if result.holds else wrong)
        + f'<dl class="tiles">{cards}</dl>'
    )


def _mine(result: TourResult) -> str:
    """Which pieces were the learner's own."""
    built = (
        f"<p>Built with {len(result.mine)} pieces of your own: {escaped(', '.join(result.mine))}.</p>"
        if result.mine
        else ""
    )
    rows = [(name, f"{difference:.0e}", why) for name, difference, why in result.beside]
    title = "Your pieces that these models do not come by, beside the library's own"
    heads = ["piece", "largest difference", "not swapped in, because"]
    beside = f"<details><summary>{escaped(title)}</summary>{table(heads, rows, numbers=(1,))}</details>"
    return built + (beside if rows else "") + _aside(result.aside)


def _aside(reasons: dict[str, str]) -> str:
    """The learner's pieces that failed in their use, with the reasons."""
    if not reasons:
        return ""
    what = "These pieces of yours pass their check, but failed here. They were set aside, and the library's own took their place."
    return f'<p class="bad">{escaped(what)}</p>' + table(["piece", "what happened"], list(reasons.items()))


def _gradients(results: list[Result]) -> str:
    dots = {}
    limits = {}
    rows = []
    for kind, judge, found in errors(results):
        name = f"{kind}s, {judge}"
        of, error = max(found, key=lambda pair: pair[1])
        dots[name] = found
        limits[name] = LIMITS[judge]
        rows.append((name, f"{len(found)}", f"{error:.0e}", f"{limits[name]:.0e}", of))
    wrong = "".join(
        f'<p class="bad"><b>{escaped(r.name)}</b>, {escaped(r.dtype)}: {escaped(r.message)}</p>'
        for r in results
        if not r.passed
    )
    return (
        "<h2>4. Are the gradients right?</h2><p>A model learns by following slopes, so every slope has to be right. Each operation "
        "and each layer was nudged, number by number, to see whether the outcome moves as its formula says; and PyTorch, where it "
        "is installed, was asked for the same slopes. One dot is one check, further left is more exact, the red line is what is "
        "allowed.</p>"
        + wrong
        + scatter(dots, limits)
        + table(["held against", "checks", "largest error", "allowed", "where"], rows, numbers=(1, 2, 3))
        + '<p class="note">Errors are relative to the largest entry of the slope. Finite differences cannot be more exact than '
        "about 1e-9 themselves; float32, the shorter numbers that models are trained with, is compared with PyTorch only.</p>"
        + f"<details><summary>{escaped(summary(results))} The whole table</summary>{page_table(results)}</details>"
    )


def _language_model(language_model: LanguageModelResult) -> str:
    start = escaped(language_model.vocab_size)
    end = math.exp(language_model.learned.held_out[-1][1])
    return (
        "<h2>3. A language model learns English prose</h2><p>It reads the handbook of the Python language and learns to say which "
        f"piece of a word comes next. At first all {start} pieces are equally likely to it; in the end it is as unsure, on text it "
        f"never saw, as if it had to choose among {end:.0f}. The curve shows how surprised it is: lower is better.</p>"
        + _curve(language_model.learned, "blind guessing", language_model.guessing)
        + f"<h3>What it wrote before</h3><pre>{escaped(language_model.before)}</pre>"
        + f"<h3>What it writes after</h3><pre>{escaped(language_model.after)}</pre>"
        + '<p class="note">Not yet sense, after so short a time on so small a model; but spelling, spaces and some grammar.</p>'
        + "<h3>Where it looks</h3><p>To choose the next piece, each head of attention looks back at some of the words before. "
        "Each row is a word that looks, each column one that is looked at: the stronger the colour, the larger the share. Nobody "
        "can look ahead, so the upper right stays empty.</p>"
        + _maps(language_model.tokens, language_model.attention)
    )


def _curve(learned: Learned, name: str, loss: float) -> str:
    """The loss curve, beside a loss with a name."""
    return LossCurve(learned.losses, learned.held_out, (name, loss)).to_html()


def _maps(tokens: Sequence[str], attention: Sequence[numpy.ndarray]) -> str:
    """The attention maps of all heads."""
    return f'<div class="maps">{attention_heads(tokens, attention).to_html()}</div>'


def _classifier(classifier: ClassifierResult) -> str:
    margin = share_error(classifier.accuracy["Transformer"], classifier.reviews)
    reviews = escaped(classifier.reviews)
    wrong = "".join(
        f"<li>{escaped(review.text)} <span class='soft'>(it said {escaped(NAMES[1 - review.label])}, {p:.0%} sure)</span></li>"
        for review, p in classifier.mistakes
    )
    listing = (
        f"<details><summary>Where it was surest and wrong</summary><ul>{wrong}</ul></details>"
        if wrong
        else ""
    )
    return (
        "<h2>2. A classifier learns what praise is</h2>"
        "<p>This Transformer read reviews and says whether they praise or blame. Below: how many of "
        f"{reviews} reviews that it never saw it judges rightly, beside always giving the commoner answer (majority) and "
        "beside counting words (naive Bayes), which is hard to beat with so few texts.</p>"
        + bars(classifier.accuracy)
        + f'<p class="note">With {reviews} reviews, luck alone moves such a figure by about {margin:.1%} up or down.</p>'
        + _curve(classifier.learned, "tossing a coin", math.log(2))
        + '<p class="note">In training, words are hidden at random, so that no review hangs on a single word: that makes it harder '
        "than the real thing.</p>" + listing
    )


def _why(classifier: ClassifierResult) -> str:
    explanations = classifier.explanations
    review = classifier.review
    label = escaped(NAMES[classifier.label])
    marked = '<p class="note">Underlined: what the data set marks as the reason. The models never saw these marks.</p>'
    return (
        "<h2>1. Why did it say so?</h2>"
        f'<p class="said">{_underlined(classifier)}</p>'
        + (marked if review.rationale else "")
        + "<p>The classifier calls this "
        f"<b>{label}</b>, {classifier.probability:.1%} sure. Which words made it say so? Three methods, the same "
        "question; orange words spoke for the answer, blue ones against it, and a stronger colour means a louder word.</p>"
        + "".join(map(_card, explanations))
        + _words(explanations)
        + _ledger(classifier)
        + _agreement(classifier)
        + "<h3>And where it looked</h3><p>Attention is not an explanation: it says where a head looked, not what it made of what "
        "it saw. Compare the columns with the words above.</p>"
        + _maps(explanations[0].tokens, classifier.attention)
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


def _card(explanation: Explanation) -> str:
    scale = scale_of(explanation.relevance)
    how = next(text for name, text in HOW.items() if explanation.method.startswith(name))
    return (
        f'<section class="card"><h3>{escaped(explanation.method)}</h3><p class="soft">{escaped(how)}</p>'
        f"{html_strip(explanation.tokens, explanation.relevance)}"
        f'<p class="scale">against {-scale:+.2f} <i></i> {scale:+.2f} for</p></section>'
    )


def _words(explanations: list[Explanation]) -> str:
    """Every token with its relevance in each method, side by side."""
    scales = [scale_of(e.relevance) for e in explanations]
    heads = "".join(f'<th scope="col">{escaped(e.method)}</th>' for e in explanations)
    rows = "".join(
        f'<tr><th scope="row">{escaped(token.strip())}</th>'
        + "".join(
            leaning(float(e.relevance[i]), scale) for e, scale in zip(explanations, scales, strict=True)
        )
        + "</tr>"
        for i, token in enumerate(explanations[0].tokens)
    )
    return (
        f'<h3>Word by word</h3><table class="words"><thead><tr><th scope="col">word</th>{heads}</tr></thead><tbody>{rows}</tbody>'
        '</table><p class="note">Each method has its own unit: the bars are scaled to its loudest word. LRP and gradient x input '
        "share out the margin of the answer, LIME weighs the probability.</p>"
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
    return (
        f"<h3>The ledger of {escaped(explanation.method)}</h3><p>What is explained is "
        f"{escaped(outputs(explanation.target))}: by how much the answer won. The words account for a part; this is where the "
        "rest went.</p>"
        f'<table class="ledger">{rows}</table><p class="note">{closes}: sum and total differ by {abs(ledger.gap):.0e}, which is '
        "rounding. Every line was booked where it arose, none is what was left over.</p>"
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
        + table(["method", "loudest words"], tops)
        + table(["methods", "rank correlation", "loud for both"], pairs, numbers=(1,))
        + '<p class="note">Rank correlation: 1 if two methods put all words in the same order, 0 if their orders have nothing in '
        "common, -1 if they are opposite.</p>"
    )
