"""The first section: a sentence, what each word contributed to the decision about it, and the decision without a word."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy

from minitransformer.pictures import Reader, table
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped
from minitransformer.tour.page.pieces import curve, maps, named
from minitransformer.tour.result import NAMES, ClassifierResult

HINT = "Point at a word, tap it, or move with Tab and the arrow keys: you see what it contributed, what the probability would be "
HINT += "without it, and what each head of attention looks at from there. Press it (Enter) to leave it out; two can be out at once."
ATTENTION = "Attention is not an explanation: it says where a head looks, not what it makes of what it sees. Compare it with the "
ATTENTION += "contributions. The heads are those of the first of the three Transformers."


def sentence_section(classifier: ClassifierResult) -> str:
    """The sentence.

    Args:
        classifier: the result of the classifier.

    Returns:
        HTML.
    """
    label = NAMES[classifier.label]
    by_lrp = classifier.explanations[0]
    return (
        "<section><h2>1. What did each word contribute?</h2>"
        f"<p>Three small Transformers have read {len(classifier.learned.losses)} batches of reviews each, and learned to "
        f"tell praise from blame. Their mean calls this sentence <b>{escaped(label)}</b>, with a probability of "
        f"{classifier.probability:.1%}. The number below each word is what the word contributed, by layer-wise relevance "
        "propagation (LRP).</p>"
        + _reader(classifier).to_html()
        + _unknown(by_lrp.unknown)
        + f'<p class="note">{escaped(ATTENTION)}</p>'
        + _numbers(classifier)
        + maps(by_lrp.tokens, classifier.attention)
        + _training(classifier)
        + "</section>"
    )


def _reader(classifier: ClassifierResult) -> Reader:
    by_lrp = classifier.explanations[0]
    return Reader(
        by_lrp.tokens,
        list(_said(classifier)),
        HINT,
        named(classifier.attention),
        values=by_lrp.relevance,
        answer=NAMES[classifier.label],
        probability=classifier.probability,
        without=classifier.without,
        first=int(numpy.abs(by_lrp.relevance).argmax()),
    )


def _said(classifier: ClassifierResult) -> Iterator[str]:
    """A sentence about each token."""
    by_lrp = classifier.explanations[0]
    order = numpy.argsort(numpy.argsort(-numpy.abs(by_lrp.relevance), kind="stable"))
    for token, value, rank in zip(by_lrp.tokens, by_lrp.relevance, order, strict=True):
        side = "for" if value >= 0 else "against"
        place = f"number {rank + 1} of {len(order)} in size"
        yield f"'{visible(token).strip()}' contributed {value:+.2f}, {side} {NAMES[classifier.label]} ({place})."


def _unknown(words: object) -> str:
    said = ", ".join(f"'{word}'" for word in words) if isinstance(words, (list, tuple)) else ""
    return (
        f"<p>It never saw these words in training, and reads them all alike: {escaped(said)}.</p>"
        if said
        else ""
    )


def _numbers(classifier: ClassifierResult) -> str:
    """Every word with its contribution, and the probability without it."""
    by_lrp = classifier.explanations[0]
    left = classifier.without.diagonal()
    rows = [
        (visible(token).strip(), f"{value:+.3f}", f"{share:.1%}")
        for token, value, share in zip(by_lrp.tokens, by_lrp.relevance, left, strict=True)
    ]
    heads = ["word", "contribution", f"probability of {NAMES[classifier.label]} without it"]
    title = "All words as a table"
    return f"<details><summary>{escaped(title)}</summary>{table(heads, rows, numbers=(1, 2))}</details>"


def _training(classifier: ClassifierResult) -> str:
    """How the classifier learned."""
    hidden = "In training, words are hidden at random, so that no review depends on a single word. That makes training harder."
    return (
        "<h3>How it learned</h3><p>The curve is the loss, the surprise at the right answer: lower is better.</p>"
        + curve(classifier.learned, "tossing a coin", math.log(2))
        + f'<p class="note">{escaped(hidden)}</p>'
    )
