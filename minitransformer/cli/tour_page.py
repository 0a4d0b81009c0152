"""The tour as one web page."""

from __future__ import annotations

import html

from minitransformer.cli.pictures import attention_map, bars, curve, page, table
from minitransformer.cli.tour_story import Judgement, Speech, Story, agreement, top_words
from minitransformer.cli.verify import COLUMNS, Result, row, summary


def tour_page(story: Story) -> str:
    """The whole page."""
    body = (
        "<h1>A Transformer that shows its work</h1>"
        '<p class="soft">Written by <code>minitransformer tour</code>: gradients checked, two models trained on real text, one of '
        f"their decisions explained. {sum(story.seconds.values()):.0f} seconds in all.</p>"
        + _gradients(story.gradients)
        + _speech(story.speech)
        + _judgement(story.judgement)
        + _why(story.judgement)
    )
    return page("minitransformer tour", body)


def _gradients(results: list[Result]) -> str:
    rows = [
        (kind + "s", f"{len(of)}", _worst([r.finite_difference_error for r in of]), _worst([r.torch_error for r in of]))
        for kind, dtype in (("op", "float64"), ("layer", "float64"))
        if (of := [r for r in results if r.kind == kind and r.dtype == dtype])
    ]
    everything = table([c.replace("\n", " ") for c in COLUMNS], [row(r) for r in results], numbers_from=3)
    return (
        "<h2>1. The gradients are right</h2><p>Every operation and every layer is held against central differences, element by "
        "element with random weights, and against PyTorch where it is installed.</p>"
        + table(["float64", "checked", "largest error: differences", "PyTorch"], rows)
        + f"<details><summary>{html.escape(summary(results))} The whole table</summary>{everything}</details>"
    )


def _worst(errors: list[float | None]) -> str:
    known = [e for e in errors if e is not None]
    return f"{max(known):.1e}" if known else "not measured"


def _speech(speech: Speech) -> str:
    maps = [
        attention_map(weights[h], speech.tokens, f"layer {n}, head {h + 1}")
        for n, weights in enumerate(speech.attention, 1)
        for h in range(len(weights))
    ]
    return (
        "<h2>2. A language model learns English prose</h2><p>It reads the handbook of the Python language and learns to say which "
        "piece of a word comes next. Lower is better; orange is text it never saw.</p>"
        + curve(speech.learned.losses, speech.learned.held_out)
        + f"<h3>Before</h3><pre>{html.escape(speech.before)}</pre><h3>After</h3><pre>{html.escape(speech.after)}</pre>"
        + "<h3>Where it looks</h3><p>Each row is a token that asks, each column one that is asked: dark means a large share of the "
        "attention. Nobody looks ahead, so the upper right stays empty.</p>"
        + f'<div class="row">{"".join(maps)}</div>'
    )


def _judgement(judgement: Judgement) -> str:
    return (
        "<h2>3. A classifier learns what praise is</h2>"
        f"<p>How many of {judgement.reviews} reviews it never saw it judges rightly, beside always saying the same, and beside "
        "counting words (naive Bayes).</p>" + bars(judgement.accuracy) + curve(judgement.learned.losses, judgement.learned.held_out)
    )


def _why(judgement: Judgement) -> str:
    strips = "".join(f'<h3>{html.escape(e.method)}</h3><div class="paper">{e.to_html()}</div>' for e in judgement.explanations)
    pairs = [(f"{a} / {b}", f"{r:+.2f}", ", ".join(words) or "none") for a, b, r, words in agreement(judgement.explanations)]
    tops = "; ".join(f"{e.method}: {', '.join(top_words(e))}" for e in judgement.explanations)
    verdict = "praise" if judgement.explanations[0].target[0] else "blame"
    reasons = ", ".join(judgement.review.text[a:b] for a, b in judgement.review.rationale)
    return (
        "<h2>4. Why?</h2>"
        f'<p class="said">{html.escape(judgement.review.text)}</p><p>The classifier calls this {verdict}, with probability '
        f"{judgement.probability:.0%}. Which words made it? Orange spoke for the answer, blue against it.</p>"
        + strips
        + '<p class="note">Layer-wise relevance propagation shares out the logit itself; its ledger says where every unit went. '
        "LIME leaves words out at random and fits a small linear model to the answers. Gradient x input is the simple baseline.</p>"
        + "<h3>Where they agree</h3>"
        + table(["methods", "rank correlation", "top words in common"], pairs)
        + f'<p class="note">Loudest words. {html.escape(tops)}.'
        + (f" Marked as the reason in the data: {html.escape(reasons)}." if reasons else "")
        + "</p>"
    )
