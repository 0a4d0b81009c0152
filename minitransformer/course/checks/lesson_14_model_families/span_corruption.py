"""What must be true of span corruption: marks in the place of spans, and an answer that says what they stand for."""

import operator

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import (
    equal,
)

SAME_LIST = "`text = ids` is the same list under another name: begin with an empty one, or with list(ids)."
TEXT = [11, 12, 13, 14, 15, 16, 17, 18]


def _lists(answer, ids, spans, first):
    """What the answer makes of copies, as two lists of plain numbers. Raises Failed if it is nothing of the kind."""
    mine = list(ids)
    got = answer(mine, list(spans), first)
    equal(mine, list(ids), "the list of tokens that went in", hint=SAME_LIST)
    if got is None:
        raise Nothing("text and answer")
    if not isinstance(got, tuple) or len(got) != 2:
        hint = "`return text, answer`: a tuple of both, in this order."
        raise Failed(f"expected (text, answer), got {got!r:.80}", hint=hint)
    return tuple(map(_flat, ("text", "answer"), got))


def _flat(what, side):
    """One of the two results, which must be a list of numbers."""
    if not isinstance(side, list | np.ndarray):
        hint = f"`list({what})` makes a list of a tuple." if isinstance(side, tuple) else ""
        raise Failed(
            f"{what}: expected a list of tokens, got a {type(side).__name__}: {side!r:.60}", hint=hint
        )
    for token in side:
        if np.ndim(token) or isinstance(token, str) or token is None:
            hint = (
                "`+=` with a list appends each of its tokens; `append` appends the list itself as one entry."
            )
            raise Failed(f"{what}: expected one flat list of numbers, got {side!r:.80}", hint=hint)
    return [int(token) for token in side]


def _one_span(answer):
    text, asked = _lists(answer, TEXT, [(2, 3)], 90)
    equal(text, [11, 12, 90, 16, 17, 18], "the text without 13, 14, 15")
    equal(asked, [90, 13, 14, 15, 91], "the answer: the mark, what it stands for, and a last mark")


def _two_spans(answer):
    text, asked = _lists(answer, TEXT, [(1, 1), (4, 2)], 90)
    equal(text, [11, 90, 13, 14, 91, 17, 18], "the text with two spans cut out")
    equal(asked, [90, 12, 91, 15, 16, 92], "the answer with two spans")


def _at_the_ends(answer):
    text, asked = _lists(answer, TEXT, [(0, 2), (6, 2)], 90)
    equal(text, [90, 13, 14, 15, 16, 91], "the text whose beginning and end are cut out")
    equal(asked, [90, 11, 12, 91, 17, 18, 92], "the answer")


def _no_span(answer):
    equal(_lists(answer, TEXT, [], 90), (TEXT, [90]), "a text of which nothing is cut out")


def _put_back(answer):
    """What was cut out, put where its mark stands, gives the text again."""
    rng = np.random.default_rng(4)
    ids = rng.integers(0, 50, 40).tolist()
    equal(_together(answer, ids), ids, "the text put together again", hint=_of_repeated(answer))


def _of_repeated(answer):
    """What is wrong if an answer is right only for a text in which no token occurs twice."""
    once = list(range(40))
    return (
        "It goes wrong only where a token occurs twice: a span is where its start says, not where `.index` first finds its token."
        if _together(answer, once) == once
        else ""
    )


def _together(answer, ids):
    """The text that is got by putting each span in the place of its mark."""
    text, asked = _lists(answer, ids, [(3, 2), (9, 1), (20, 5), (31, 4)], 1000)
    spans = {}
    mark = None
    for token in asked:
        mark = token if token >= 1000 else mark
        spans.setdefault(mark, [])
        if token < 1000:
            spans[mark].append(token)
    return [t for token in text for t in (spans.get(token, []) if token >= 1000 else [token])]


def _leaves_the_list(answer):
    ids = list(TEXT)
    spans = [(1, 1), (4, 2)]
    answer(ids, spans, 90)
    equal(ids, TEXT, "the list of tokens that went in", hint=SAME_LIST)
    equal(spans, [(1, 1), (4, 2)], "the list of spans that went in", hint="Walk through a copy: list(spans).")


def _counted(first, i):
    return first + i


def _end(first, n):
    return [first + n]


def _whole_span(ids, start, length):
    return ids[start : start + length]


def _corrupted(ids, spans, first, *, mark=_counted, end=_end, piece=_whole_span, shift=0, times=lambda n: 1,
               keep=False, ahead=True, behind=False, kept_text=False, rest=True,
               ends_too=False, back=False, swapped=False, places=False, goes_on=operator.add):  # fmt: skip
    """Span corruption with something wrong in it: the marks, what a span contains, where the text goes on, or the order."""
    text = []
    asked = []
    at = 0
    for i, (start, length) in enumerate(spans):
        name = [first + start] if places else [mark(first, i)]
        gone = piece(ids, start, length)
        gone = ids[at:start] if kept_text else gone
        text += ids[at:start] + name * times(length) + (gone if keep else [])
        part = name * ahead + gone + name * behind
        asked = part + asked if back else asked + part
        at = start if shift is None else goes_on(start, length) + shift
    text = text + (ids[at:] if rest else [])
    last = end(first, len(spans))
    text += last if ends_too else []
    return (asked + last, text) if swapped else (text, asked + last)


def _wrong(**wrong):
    return lambda *arguments: _corrupted(*arguments, **wrong)


def _cut_at_once(ids, spans, first):
    """Each span is replaced in the text itself, from the left, so that the places of the next ones are others."""
    text = list(ids)
    asked = []
    for i, (start, length) in enumerate(spans):
        asked += [first + i, *text[start : start + length]]
        text[start : start + length] = [first + i]
    return text, [*asked, first + len(spans)]


def _places_of_ids(ids, spans, first):
    """As before, but what is cut out is read off the untouched list."""
    return _cut_at_once(ids, spans, first)[0], _corrupted(ids, spans, first)[1]


span_corruption = Exercise(
    minutes=15,
    level=1,
    hints=(
        "Walk through the spans with `at`, the place up to which the text is copied, 0 at first.",
        "For each span: copy ids[at:start] and the mark to the text; the mark and ids[start : start + length] to the answer; "
        "then at = start + length.",
        "Behind the loop: the rest of the text, ids[at:], and the last mark, first_mark + len(spans).",
    ),
    why="The answer is short, as only what is missing is written: cheaper than writing all, and each mark says where it belongs.",
    properties=(
        Property(
            "one span is cut out",
            _one_span,
            "The text is ids[:start], one mark, ids[start + length :]; the answer is the mark, the span, and the next mark.",
        ),
        Property(
            "each span has its own mark",
            _two_spans,
            "The marks are first_mark, first_mark + 1, ..; between two spans the text goes on at the end of the first one.",
        ),
        Property(
            "spans at both ends",
            _at_the_ends,
            "ids[at:start] may be empty, and so may ids[at:] at the end: slices of no tokens are right there.",
        ),
        Property(
            "no span: the text as it is, and the last mark",
            _no_span,
            "With no span the last mark is first_mark + 0, and the text is all of ids.",
        ),
        Property(
            "text and answer together are the text again",
            _put_back,
            "No token may be lost or written twice: each is in the text or behind a mark in the answer.",
        ),
        Property("it leaves its lists as they were", _leaves_the_list),
    ),
    examples=lambda rng: ((list(TEXT), [(1, 2), (4, 3)], 90), (list(TEXT), [(2, 3)], 50)),
    mistakes={
        "The last mark is missing: it says that the answer is complete.": _wrong(end=lambda first, n: []),
        "The last mark is wrong: it is the next one in the count, first_mark + len(spans).": (
            _wrong(end=lambda first, n: [-1]),
            _wrong(end=lambda first, n: [first]),
            _wrong(end=lambda first, n: [first + n - 1]),
            _wrong(end=lambda first, n: [first + n + 1]),
            _wrong(end=lambda first, n: [0]),
        ),
        "The last mark stands in the answer alone, not at the end of the text.": _wrong(ends_too=True),
        "Each token of a span gets a mark here; a span of any length gets one.": _wrong(times=lambda n: n),
        "All spans go by the same mark here: the next one is first_mark + 1.": (
            _wrong(mark=lambda first, i: first),
            _wrong(mark=lambda first, i: first, end=lambda first, n: [first]),
            _wrong(mark=lambda first, i: first, end=lambda first, n: [first + 1]),
        ),
        "The marks count down here: the next one is first_mark + 1.": (
            _wrong(mark=lambda first, i: first - i, end=lambda first, n: [first - n]),
            _wrong(mark=lambda first, i: first - i),
        ),
        "The first mark is first_mark itself; here the count begins one later.": (
            _wrong(mark=lambda first, i: first + i + 1, end=lambda first, n: [first + n + 1]),
            _wrong(mark=lambda first, i: first + i + 1),
        ),
        "The marks begin at first_mark; here they begin at 0.": (
            _wrong(mark=lambda first, i: i, end=lambda first, n: [n]),
            _wrong(mark=lambda first, i: i),
        ),
        "Behind a span the text goes on at start + length; here it is at length.": _wrong(
            goes_on=lambda start, length: length
        ),
        "A mark is first_mark and the number of the span, 0, 1, ..; here it is first_mark and the span's start.": (
            _wrong(places=True),
            lambda ids, spans, first: (
                _wrong(places=True)(ids, spans, first)[0],
                _wrong()(ids, spans, first)[1],
            ),
            lambda ids, spans, first: (
                _wrong()(ids, spans, first)[0],
                _wrong(places=True)(ids, spans, first)[1],
            ),
        ),
        "A span ends before start + length; here it ends before length: ids[start : start + length].": (
            _wrong(piece=lambda ids, start, n: ids[start:n]),
        ),
        "What comes before the first span is missing in the text: begin at 0.": lambda ids, spans, first: (
            (sides := _wrong()(ids, spans, first))[0][spans[0][0] if spans else 0 :],
            sides[1],
        ),
        "The answer has no marks: without them it is not clear where a span belongs.": (
            _wrong(ahead=False),
            _wrong(ahead=False, end=lambda first, n: []),
        ),
        "In the answer a mark stands before the tokens it stands for, not after them.": (
            _wrong(ahead=False, behind=True),
            _wrong(ahead=False, behind=True, end=lambda first, n: []),
        ),
        "In the text nothing stands for what was cut out: put each span's mark there.": _wrong(
            times=lambda n: 0
        ),
        "The spans are still in the text, behind their marks.": (_wrong(keep=True), _wrong(shift=None)),
        "The answer has the tokens that stay in the text; it asks for those that were cut out.": _wrong(
            kept_text=True
        ),
        "A span is (start, length): it ends before start + length. Here it has one token more.": (
            _wrong(piece=lambda ids, start, n: ids[start : start + n + 1], shift=1),
            _wrong(piece=lambda ids, start, n: ids[start : start + n + 1]),
        ),
        "A span has `length` tokens, ids[start : start + length]. Here it has one less.": (
            _wrong(piece=lambda ids, start, n: ids[start : start + n - 1], shift=-1),
            _wrong(piece=lambda ids, start, n: ids[start : start + n - 1]),
        ),
        "A token is lost or written twice: behind a span the text goes on at start + length.": (
            _wrong(shift=1),
            _wrong(shift=-1),
        ),
        "What follows the last span is missing in the text: ids[at:].": _wrong(rest=False),
        "Where a span is replaced in the text itself, all places behind it move: begin at the last one, or make a new list.": (
            _cut_at_once,
            _places_of_ids,
        ),
        "The spans stand in the reverse order in the answer.": _wrong(back=True),
        "Text and answer have changed places.": _wrong(swapped=True),
        "A span is (start, length), not (start, end).": lambda ids, spans, first: _corrupted(
            ids, [(s, n - s) for s, n in spans], first
        ),
    },
)
