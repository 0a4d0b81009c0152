"""The answer that a folder's model finds to a question in a text, and why it starts and ends there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitransformer.cli.naming import check_length, unknown_words
from minitransformer.cli.telling import Told, plain
from minitransformer.explain.spans import lrp_span
from minitransformer.models.folder.using import segments_of
from minitransformer.tokenization.encoding import Encoding
from minitransformer.tokenization.published import PublishedTokenizer


def answered(
    walk: Callable[..., Any],
    model: Any,
    tokenizer: PublishedTokenizer,
    question: str,
    target: str | None,
    against: str | None,
    context: str,
) -> Told:
    """Find the answer to a question, and explain it.

    Args:
        walk: a method, `(model, ids, target, tokens=...)`.
        model: a folder's model with a head for question answering.
        tokenizer: the folder's tokenizer.
        question: the question.
        target: words of the context to explain instead of the likeliest answer, or None.
        against: None; of answers there is no contrast.
        context: the text in which the answer stands.

    Returns:
        The answer, with an explanation of each end.

    Raises:
        ValueError: if question and context are too long, the context has no token, `target` does not stand in it, or
            `against` is given.
    """
    if against is not None:
        raise ValueError("--against: expected nothing, as answers are not held against each other")
    read = tokenizer.read(question, context)
    check_length(model, len(read.ids))
    if not read.positions(1):
        raise ValueError(f"--context: expected a text with at least one token, got {context!r}")
    why = lrp_span(
        model,
        read.ids,
        None if target is None else spoken(read, context, target),
        walk,
        among=read.positions(1),
        token_type_ids=segments_of(model, read),
        tokens=read.tokens,
    )
    for explanation in why:
        explanation.unknown = [*unknown_words(tokenizer, question), *unknown_words(tokenizer, context)]
    begin, end = read.offsets[why.first][0], read.offsets[why.last][1]
    answer = context[begin:end].strip()
    parts = {"start": plain(why.start), "end": plain(why.end)}
    told = {"answer": answer, "probability": why.probability, "span": [why.first, why.last], **parts}
    return Told([*why], told, f"answer: {answer} ({why.probability:.2f})")


def spoken(read: Encoding, context: str, words: str) -> tuple[int, int]:
    """The first and the last token of words of the context.

    Args:
        read: the question and the context.
        context: the context.
        words: the words; where they stand several times, the first of these.

    Returns:
        Two positions.

    Raises:
        ValueError: if they do not stand there.
    """
    start = context.find(words)
    found = read.covering(start, start + len(words), 1) if start >= 0 else []
    if not found:
        raise ValueError(f"--target: expected words of the context, as they stand there, got {words!r}")
    return found[0], found[-1]
