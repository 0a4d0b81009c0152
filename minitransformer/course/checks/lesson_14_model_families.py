"""What must be true of the parts that tell model families apart: spans cut out, buckets, pairs that turn, shared heads."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import (
    equal,
    keeps_float32,
    keeps_its_inputs,
    returns,
    same,
    takes_batches,
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
    text, asked = _lists(answer, ids, [(3, 2), (9, 1), (20, 5), (31, 4)], 1000)
    spans = {}
    mark = None
    for token in asked:
        mark = token if token >= 1000 else mark
        spans.setdefault(mark, [])
        if token < 1000:
            spans[mark].append(token)
    equal(
        [t for token in text for t in (spans.get(token, []) if token >= 1000 else [token])],
        ids,
        "the text put together again",
    )


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
               ends_too=False, back=False, swapped=False):  # fmt: skip
    """Span corruption with something wrong in it: the marks, what a span contains, where the text goes on, or the order."""
    text = []
    asked = []
    at = 0
    for i, (start, length) in enumerate(spans):
        name = [mark(first, i)]
        gone = piece(ids, start, length)
        gone = ids[at:start] if kept_text else gone
        text += ids[at:start] + name * times(length) + (gone if keep else [])
        part = name * ahead + gone + name * behind
        asked = part + asked if back else asked + part
        at = start if shift is None else start + length + shift
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


def _bucket(distance, both_ways, count, furthest):
    """One distance, by the formula; None where it lies so near a border that rounding decides."""
    n = count // 2 if both_ways else count
    far = abs(distance) if both_ways else max(-distance, 0)
    exact = n // 2
    if far < exact:
        bucket = far
    else:
        steps = (n - exact) * math.log(far / exact) / math.log(furthest / exact)
        if abs(steps - round(steps)) < 1e-6 and 0 < steps < n - exact:
            return None
        bucket = min(exact + int(steps), n - 1)
    return bucket + (n if both_ways and distance > 0 else 0)


def _buckets_right(what, distances, both_ways, hint, count=32, furthest=128):
    def holds(answer):
        pairs = [(d, _bucket(d, both_ways, count, furthest)) for d in distances]
        sure = [(d, b) for d, b in pairs if b is not None]
        with np.errstate(all="ignore"):
            got = answer(np.array([d for d, _ in sure]), both_ways, count, furthest)
        if got is None:
            raise Nothing("the buckets")
        same(np.shape(got), (len(sure),), "the shape of the result")
        for (d, expected), bucket in zip(sure, got, strict=True):
            if bucket != expected:
                said = f"a key {_where(d)}, both_ways={both_ways}: expected bucket {expected}, got {bucket}"
                raise Failed(said)

    return Property(what, holds, hint)


def _where(distance):
    return (
        f"{abs(distance)} places {'behind' if distance < 0 else 'ahead'}"
        if distance
        else "at the query's own place"
    )


def _integers_of_the_shape(answer):
    got = np.asarray(answer(np.arange(3)[None, :] - np.arange(2)[:, None], True))
    if got.shape != (2, 3) or got.dtype.kind != "i":
        raise Failed(
            f"of distances (2, 3): expected integers (2, 3), got {got.dtype} {got.shape}",
            hint="astype(int) helps.",
        )


def _far(rng):
    return np.array([-1000, -200, -100, -50, -20, -9, -8, -7, -1, 0, 1, 7, 9, 50, 127, 300])


def _measured(far, exact, furthest):
    return np.log(np.maximum(far, exact) / exact) / np.log(furthest / exact)


def _down(share, buckets):
    return np.floor(share * buckets).astype(int)


def _apart(d):
    return d > 0


def _how_far(d, both_ways):
    return np.abs(d) if both_ways else np.maximum(-d, 0)


def _put_in(d, both_ways, count=32, furthest=128, *, halved=True, far=_how_far, ahead=_apart, ways=None, share=_measured,
            exact=lambda n: n // 2, whole=_down, begin=None, rest=lambda n, e: n - e, last=1, all_exact=False,
            always=False, fixed=False):  # fmt: skip
    """Buckets with something wrong in them: the distance, the logarithm, its limits, or the two directions."""
    count, furthest = (32, 128) if fixed else (count, furthest)
    both_ways = both_ways if ways is None else ways
    n = count // 2 if both_ways and halved else count
    distance = far(d, both_ways)
    e = exact(n)
    with np.errstate(all="ignore"):
        wide = (e if begin is None else begin) + whole(share(distance, e, furthest), rest(n, e))
    bucket = np.where(distance < e, distance, wide if last is None else np.minimum(wide, n - last))
    bucket = np.minimum(distance, n - 1) if all_exact else bucket
    return bucket + n * ahead(d) if both_ways or always else bucket


def _misplaced(**wrong):
    return lambda *arguments: _put_in(*arguments, **wrong)


def _scaled(ratio):
    """A share of the way from e to `furthest` by another formula, ratio(far, e, furthest)."""
    return _misplaced(share=lambda far, e, furthest: ratio(np.maximum(far, e), e, furthest))


relative_buckets = Exercise(
    minutes=25,
    level=3,
    hints=(
        "First how far: np.abs(distances), or np.maximum(-distances, 0) where only keys behind count.",
        "e = n // 2. np.where(far < e, far, ...) keeps the near ones apart, each in a bucket of its own.",
        "The logarithm of 0 is no number: np.maximum(far, e) before it, as the result is not used for the near ones.",
        "np.minimum(..., n - 1) puts all that is beyond `furthest` into the last bucket; n * (distances > 0) moves keys ahead on.",
    ),
    why="A word next door is not the word after it, but 60 or 70 places away make no difference: few numbers serve any distance.",
    properties=(
        _buckets_right(
            "near keys behind have a bucket each",
            range(-7, 1),
            True,
            "Of the keys behind, and at the query's own place, the nearest e have their distance as bucket: 0, 1, 2, ..",
        ),
        _buckets_right(
            "keys ahead have buckets of their own",
            range(1, 8),
            True,
            "A key ahead has the bucket of its distance, and n more: n * (distances > 0).",
        ),
        _buckets_right(
            "farther keys share buckets, evenly on a logarithmic scale",
            range(-127, -7),
            True,
            "From e on: e + floor((n - e) ln(f / e) / ln(furthest / e)), with n = count // 2 and e = n // 2.",
        ),
        _buckets_right(
            "all from `furthest` on share the last",
            (-128, -129, -500, -5000, 128, 4000),
            True,
            "np.minimum(.., n - 1): of n buckets the last has the number n - 1.",
        ),
        _buckets_right(
            "one way: twice the buckets, and what follows counts as near",
            (*range(-200, 1), 1, 5, 90),
            False,
            "Where both_ways is False: n = count, the distance is np.maximum(-distances, 0), and nothing is added.",
        ),
        _buckets_right(
            "other sizes",
            range(-60, 61),
            True,
            "count and furthest are arguments: 32 and 128 are only what they are if nothing else is said.",
            12,
            40,
        ),
        Property(
            "integers of the same shape",
            _integers_of_the_shape,
            "Distances of any shape come in; the result has the same shape.",
        ),
        keeps_its_inputs(lambda rng: (_far(rng), True), lambda rng: (_far(rng), False)),
    ),
    examples=lambda rng: ((_far(rng), True), (_far(rng), False), (_far(rng), True, 12, 40)),
    mistakes={
        "Keys before and keys ahead share buckets here: those ahead go n further.": _misplaced(
            ahead=lambda d: 0 * d
        ),
        "Before and behind have changed places: a distance is the key's place less the query's.": (
            lambda d, *how: _put_in(-d, *how),
            _misplaced(ahead=lambda d: d < 0),
        ),
        "The query's own place counts as a key ahead here: n is added where distances > 0, not >= 0.": _misplaced(
            ahead=lambda d: d >= 0
        ),
        "Both ways, each side has only count // 2 buckets; here each has all.": _misplaced(halved=False),
        "Keys ahead go n further, n being the number of buckets for one direction, count // 2.": (
            _misplaced(ahead=lambda d: 2 * (d > 0)),
            _misplaced(ahead=lambda d: 0.5 * (d > 0)),
        ),
        "One way, keys that follow count as distance 0: np.maximum(-distances, 0), not np.abs.": _misplaced(
            far=lambda d, both_ways: np.abs(d)
        ),
        "One way, the sign is wrong: keys that come before have negative distances, so take np.maximum(-distances, 0).": (
            _misplaced(far=lambda d, both_ways: np.abs(d) if both_ways else np.maximum(d, 0)),
            _misplaced(far=lambda d, both_ways: np.abs(d) if both_ways else np.abs(np.minimum(-d, 0))),
        ),
        "One way, nothing is added for keys that follow: they count as distance 0.": _misplaced(always=True),
        "both_ways is not used: one way there are `count` buckets, and keys that follow count as distance 0.": (
            _misplaced(ways=True),
            _misplaced(ways=False),
        ),
        "Every distance has a bucket of its own here, up to the last: only the first e = n // 2 have.": _misplaced(
            all_exact=True
        ),
        "The first e buckets hold one distance each, e being n // 2, half the buckets of one direction.": (
            _misplaced(exact=lambda n: n // 4),
            _misplaced(exact=lambda n: n // 2 + 1),
            _misplaced(exact=lambda n: n // 2 - 1),
        ),
        "Far distances go beyond the last bucket: keep them at n - 1.": _misplaced(last=None),
        "Of n buckets the last has the number n - 1, not n: keep far distances there.": _misplaced(last=0),
        "The last bucket is n - 1; here it is never used.": _misplaced(last=2),
        "`e +` is missing before the floor: wide buckets begin where the exact ones end.": _misplaced(
            begin=0
        ),
        "The wide buckets are equally wide here: take logarithms.": _scaled(
            lambda f, e, furthest: (f / e - 1) / (furthest / e - 1)
        ),
        "Both logarithms must have the same base, as in ln(f / e) / ln(furthest / e).": (
            _scaled(lambda f, e, furthest: np.log2(f / e) / np.log(furthest / e)),
            _scaled(lambda f, e, furthest: np.log(f / e) / np.log2(furthest / e)),
            _scaled(lambda f, e, furthest: np.log10(f / e) / np.log(furthest / e)),
            _scaled(lambda f, e, furthest: np.log(f / e) / np.log10(furthest / e)),
        ),
        "Above and below the line the logarithm is of a ratio to e: ln(f / e) and ln(furthest / e).": (
            _scaled(lambda f, e, furthest: np.log(f) / np.log(furthest / e)),
            _scaled(lambda f, e, furthest: np.log(f) / np.log(furthest)),
            _scaled(lambda f, e, furthest: np.log(f / e) / np.log(furthest)),
            _scaled(lambda f, e, furthest: np.log(f - e + 1) / np.log(furthest - e + 1)),
            _scaled(lambda f, e, furthest: np.log(f / e + 1) / np.log(furthest / e + 1)),
        ),
        "The logarithm is not divided by ln(furthest / e).": _scaled(lambda f, e, furthest: np.log(f / e)),
        "The n - e buckets that are left are spread over the far distances: multiply by n - e.": (
            _misplaced(rest=lambda n, e: n),
            _misplaced(rest=lambda n, e: n - e - 1),
            _misplaced(rest=lambda n, e: 1),
        ),
        "Multiply by n - e before you round down: the ratio alone is below 1.": _misplaced(
            whole=lambda share, buckets: np.floor(share).astype(int) * buckets
        ),
        "Round down: astype(int) or np.floor, not np.round.": _misplaced(
            whole=lambda share, buckets: np.round(share * buckets).astype(int)
        ),
        "Round down, not up: astype(int) or np.floor.": _misplaced(
            whole=lambda share, buckets: np.ceil(share * buckets).astype(int)
        ),
        "count and furthest are not used: they are arguments.": _misplaced(fixed=True),
    },
)


def _speed(t, i, d, base, place):
    """The angle of pair i at the position t, which is the place-th one."""
    return t / base ** (2 * i / d)


def _turned(x, positions, base=10000.0, interleaved=False, *, angle=_speed, signs=(-1, 1), outside_in=False, stale=False,
            turn=lambda c, s: (c, s)):  # fmt: skip
    """Pair by pair; the last ones say what may be wrong."""
    d = x.shape[-1]
    y = np.array(x, dtype=float)
    for t in range(x.shape[-2]):
        for i in range(d // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, d - 1 - i if outside_in else i + d // 2)
            way = angle(positions[t], i, d, base, t)
            c, s = turn(math.cos(way), math.sin(way))
            y[..., t, a] = x[..., t, a] * c + signs[0] * x[..., t, b] * s
            y[..., t, b] = (y if stale else x)[..., t, a] * signs[1] * s + x[..., t, b] * c
    return y


def _misturned(**wrong):
    return lambda *arguments: _turned(*arguments, **wrong)


def _wide(x, positions, base=10000.0, interleaved=False):
    """With the angles written twice, once for each channel of a pair, in the order that the other kind of pairs has."""
    d = x.shape[-1]
    angles = np.outer(positions, base ** (-np.arange(0, d, 2) / d))  # (T, d/2)
    order = np.tile(angles, 2) if interleaved else np.repeat(angles, 2, axis=-1)  # (T, d)
    a, b = (slice(0, d, 2), slice(1, d, 2)) if interleaved else (slice(0, d // 2), slice(d // 2, d))
    other = np.empty_like(x)
    other[..., a] = -x[..., b]
    other[..., b] = x[..., a]
    return x * np.cos(order) + other * np.sin(order)


def _side_by_side(x, positions, base=10000.0, interleaved=False):
    """Turned right, but not put back between each other."""
    y = _turned(x, positions, base, interleaved)
    return np.concatenate([y[..., ::2], y[..., 1::2]], axis=-1) if interleaved else y


def _vectors(rng):
    return rng.normal(size=(2, 5, 8)), np.array([0, 1, 2, 7, 3])


def _neighbours(rng):
    return (*_vectors(rng), 500.0, True)


def _quarter(answer):
    got = answer(np.array([[3.0, 0.0, 1.0, 0.0]]), np.array([math.pi / 2]))
    same(
        got,
        [[-1.0, 0.0, 3.0, 0.0]],
        "(3, 0, 1, 0) at place pi/2: the first pair is the channels 0 and 2, a quarter turn",
    )


def _converts(answer):
    """Channels in another order turn Llama's pairs into the paper's: so weights are converted."""
    x, positions = _vectors(np.random.default_rng(5))
    order = np.arange(8).reshape(2, 4).T.reshape(-1)  # 0 4 1 5 2 6 3 7
    same(
        answer(x[..., order], positions, 10000.0, True),
        answer(x, positions)[..., order],
        "the same pairs, side by side",
    )


def _distance_only(answer):
    rng = np.random.default_rng(9)
    q, k = rng.normal(size=(2, 1, 8))
    near, far = ((answer(q, np.array([p])) * answer(k, np.array([p + 3]))).sum() for p in (0, 25))
    same(far, near, "the product of q at 25 and k at 28, beside q at 0 and k at 3: equal distance")


rotary_pairs = Exercise(
    minutes=15,
    level=2,
    hints=(
        "The angles are lesson 05's: positions as a column, speeds as a row, (T, d/2). Only the channels differ.",
        "Two slices say which channels are first and second of their pairs: 0::2 and 1::2, or :d/2 and d/2:.",
        "Make an empty y like x; y[..., first] and y[..., second] both from the old x. Cosines as .astype(x.dtype).",
    ),
    why="Which channels are partners makes no difference to what can be learned. It makes all the difference to weights learned.",
    properties=(
        Property(
            "a quarter turn is right",
            _quarter,
            "At place 1 the first pair turns by 1, at place pi/2 by a quarter: (a, b) becomes (-b, a). The pair is 0 and d/2 here.",
        ),
        returns(
            "Llama's pairs, by loops",
            _vectors,
            _turned,
            hint="Unless interleaved, pair i is the channels i and i + d/2, and turns by positions[t] / base ** (2 * i / d).",
        ),
        returns(
            "the paper's pairs, and another base",
            _neighbours,
            _turned,
            hint="If interleaved, pair i is the channels 2i and 2i + 1: 0::2 and 1::2. The angles are the same; `base` is passed.",
        ),
        Property(
            "one way is the other with the channels in another order",
            _converts,
            "Both kinds of pairs turn by the same angles; they differ in which channels are partners, and in nothing else.",
        ),
        Property(
            "a product depends on the distance alone",
            _distance_only,
            "Each pair must turn by an angle proportional to its position, and keep its length: a cos - b sin, a sin + b cos.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(5, 8)), np.array([0, 1, 2, 7, 3])),
            hint="x may have any number of dimensions in front: index from the end, x.shape[-2], x.shape[-1] and x[..., first].",
        ),
        keeps_its_inputs(_vectors, _neighbours),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3, 4)), np.arange(3))),
    ),
    examples=lambda rng: (_vectors(rng), _neighbours(rng)),
    mistakes={
        "Neighbours are pairs here whatever is asked: unless interleaved, i goes with i + d/2.": lambda x, p, base=1e4, i=False: (
            _turned(x, p, base, True)
        ),
        "i goes with i + d/2 here whatever is asked: if interleaved, neighbours are pairs.": lambda x, p, base=1e4, i=False: (
            _turned(x, p, base, False)
        ),
        "`interleaved` is taken the wrong way round.": lambda x, p, base=1e4, i=False: _turned(
            x, p, base, not i
        ),
        "The channels are paired from outside in, 0 with the last: i goes with i + d/2.": _misturned(
            outside_in=True
        ),
        "This rotates the other way: the signs of the sines are wrong.": _misturned(signs=(1, -1)),
        "One sine has a minus, the other has none: a cos - b sin, a sin + b cos.": (
            _misturned(signs=(1, 1)),
            _misturned(signs=(-1, -1)),
        ),
        "Sine and cosine have changed places: a cos - b sin, a sin + b cos.": _misturned(
            turn=lambda c, s: (s, c)
        ),
        "All pairs turn alike here: each has its own speed.": (
            _misturned(angle=lambda t, i, d, base, place: t),
            _misturned(angle=lambda t, i, d, base, place: t / base),
        ),
        "The exponent is 2i / d for pair i = 0 .. d/2 - 1, so that it runs from 0 to nearly 1.": (
            _misturned(angle=lambda t, i, d, base, place: t / base ** (i / d)),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (4 * i / d)),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (2 * i)),
            _misturned(angle=lambda t, i, d, base, place: t / base**i),
            _misturned(angle=lambda t, i, d, base, place: t / base ** (2 * (i + 1) / d)),
        ),
        "The speeds grow here: divide by base ** (2i / d), later pairs turn more slowly.": _misturned(
            angle=lambda t, i, d, base, place: t * base ** (2 * i / d)
        ),
        "`positions` says how far each row is turned; here rows are counted as 0, 1, 2, ..": _misturned(
            angle=lambda t, i, d, base, place: _speed(place, i, d, base, place)
        ),
        "Position 0 is not turned at all; here the count begins at 1.": (
            _misturned(angle=lambda t, i, d, base, place: _speed(t + 1, i, d, base, place)),
            _misturned(angle=lambda t, i, d, base, place: _speed(place + 1, i, d, base, place)),
        ),
        "The angles are radians: np.cos and np.sin take them as they are.": (
            _misturned(angle=lambda t, i, d, base, place: math.radians(_speed(t, i, d, base, place))),
            _misturned(angle=lambda t, i, d, base, place: 2 * math.pi * _speed(t, i, d, base, place)),
        ),
        "The second channel is computed from the first *after* it was turned: keep the old one.": _misturned(
            stale=True
        ),
        "Both channels of a pair turn by one angle. With halves the angles stand as (w0, w1, .., w0, w1, ..): np.tile; "
        "with neighbours as (w0, w0, w1, w1, ..): np.repeat.": (
            _wide,
            lambda x, p, base=1e4, i=False: _wide(x, p, base, i) if i else _turned(x, p, base),
            lambda x, p, base=1e4, i=False: _turned(x, p, base, True) if i else _wide(x, p, base),
        ),
        "If interleaved, both channels of a pair go back to where they were, 2i and 2i + 1; here they stand apart.": _side_by_side,
        "`base` is not used here.": lambda x, p, base=0, i=False: _turned(x, p, 10000.0, i),
    },
)


def _neighbours_share(h, heads, groups):
    return h * groups // heads


def _take_turns(h, heads, groups):
    return h % groups


def _first_group(h, heads, groups):
    return 0


def _back(t, T):
    return np.arange(T) <= t


def _root(q, k):
    return math.sqrt(q.shape[-1])


def _shares(scores):
    """Softmax of each row, (T, T)."""
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def _down_the_columns(scores):
    """The largest of each row is subtracted, but the sum goes over the queries."""
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(0)


def _attended(q, k, v, *, group=_neighbours_share, values=None, root=_root, seen=_back, hidden=-np.inf, late=False,
              again=False, shares=_shares, turned=False):  # fmt: skip
    """Head by head; the last ones say what may be wrong."""
    H, T, _ = q.shape
    G = len(k)
    # (T, T)
    out = np.zeros((H, T, v.shape[-1]))
    visible = np.array([seen(t, T) for t in range(T)])
    for h in range(H):
        scores = q[h] @ k[group(h, H, G)].T / root(q, k)  # (T, T)
        scores = scores.T if turned else scores
        table = shares(scores if late else np.where(visible, scores, hidden)) * (visible if late else 1)
        table = table / table.sum(-1, keepdims=True) if again else table
        out[h] = table @ v[(values or group)(h, H, G)]
    return out


def _misled(**wrong):
    return lambda *arguments: _attended(*arguments, **wrong)


def _mixed(q, k, v):
    """Keys and values repeated along the places, and cut into heads again."""
    shared = [np.repeat(a, len(q) // len(k), axis=1).reshape(len(q), *a.shape[1:]) for a in (k, v)]
    return _attended(q, *shared)


def _by_group(heads, k):
    return heads.reshape(len(k), -1, *heads.shape[1:])  # (G, H / G, T, d)


def _blended(q, k, v):
    """The heads of a group all get the mean of their results."""
    mean = _by_group(_attended(q, k, v), k).mean(1)
    return np.repeat(mean, len(q) // len(k), axis=0)


def _one_query(q, k, v):
    """The queries of a group are replaced by their mean."""
    return _attended(np.repeat(_by_group(q, k).mean(1), len(q) // len(k), axis=0), k, v)


def _heads(rng, H=6, G=2, T=5, d=4):
    return rng.normal(size=(H, T, d)), rng.normal(size=(G, T, d)), rng.normal(size=(G, T, d))


def _first_place(answer):
    q, k, v = _heads(np.random.default_rng(2))
    same(
        answer(q, k, v)[:, 0],
        np.repeat(v[:, 0], 3, axis=0),
        "the first place of each head, which sees itself alone",
    )


def _each_alone(answer):
    q, k, v = _heads(np.random.default_rng(3), 3, 3)
    same(answer(q, k, v), _attended(q, k, v), "with as many groups as heads: plain attention, head by head")


def _all_share(answer):
    q, k, v = _heads(np.random.default_rng(3), 4, 1)
    same(answer(q, k, v), _attended(q, k, v), "one group for all heads")


def _same_query(answer):
    q, k, v = _heads(np.random.default_rng(6))
    got = answer(np.repeat(q[:1], 6, axis=0), k, v)
    same(
        got[[1, 2, 4, 5]],
        got[[0, 0, 3, 3]],
        "heads of a group, asked the same, answer the same: 0, 1, 2 and 3, 4, 5 are groups",
    )


def _large_scores(answer):
    q, k, v = _heads(np.random.default_rng(7))
    hint = "Take the largest score of a row off it before np.exp, as in lesson 06."
    with np.errstate(over="ignore", invalid="ignore"):
        got = answer(2000 * q, k, v)
    same(got, _attended(2000 * q, k, v), "scores of some thousands", hint=hint)


grouped_attention = Exercise(
    minutes=20,
    level=2,
    hints=(
        "np.repeat(k, H // G, axis=0) gives every head of a group the group's keys: 0 0 0 1 1 1.",
        "Now it is lesson 06, with a leading dimension of heads: q @ k.swapaxes(1, 2), (H, T, T).",
        "Hide what follows before the softmax: np.where(np.tri(T, dtype=bool), scores, -np.inf).",
        "If H // G copies are too many for you: q.reshape(G, H // G, T, d) and broadcasting do without.",
    ),
    why="A cache holds keys and values, not queries. With 9 heads in 3 groups it is a third as large, and the model hardly worse.",
    properties=(
        Property(
            "the first place sees itself alone",
            _first_place,
            "Before the softmax, hide what follows: row t of the table sees columns 0 .. t. So the first place gets the value of "
            "its own place, in the head's group.",
        ),
        Property(
            "as many groups as heads",
            _each_alone,
            "Each head by itself is softmax(q k^T / sqrt(d)) v, d being the last dimension; the softmax goes along axis -1.",
        ),
        Property(
            "one group for all",
            _all_share,
            "With one group, each head still has queries and results of its own; only keys and values are shared.",
        ),
        Property(
            "the heads of a group are neighbours",
            _same_query,
            "Head h belongs to group h // (H / G), of keys and of values: np.repeat(.., H // G, axis=0) puts copies side by side.",
        ),
        returns(
            "values are right, head by head",
            _heads,
            _attended,
            hint="Head h takes its keys and its values from the same group, h // (H / G).",
        ),
        Property("large scores do no harm", _large_scores),
        keeps_its_inputs(_heads),
    ),
    examples=lambda rng: (_heads(rng), _heads(rng, 4, 2, 3, 2)),
    mistakes={
        "The groups take turns here, 0 1 0 1: heads of a group are neighbours, 0 0 1 1.": _misled(
            group=_take_turns
        ),
        "Keys and values belong together: both are shared by neighbouring heads, np.repeat for both.": (
            _misled(values=_take_turns),
            _misled(group=_take_turns, values=_neighbours_share),
            _misled(values=_first_group),
        ),
        "All heads use the first group's keys and values.": _misled(group=_first_group),
        "Keys and values are repeated along the places here: heads are axis 0, np.repeat(.., axis=0).": _mixed,
        "The groups stand in the reverse order here.": _misled(group=lambda h, H, G: G - 1 - h * G // H),
        "Queries see what follows: hide it.": _misled(seen=lambda t, T: np.arange(T) < T),
        "This looks ahead: a query sees its own place and those before, np.tri or np.tril.": _misled(
            seen=lambda t, T: np.arange(T) >= t
        ),
        "What follows has the score 0 here, which is a score like any other: -inf before the softmax.": _misled(
            hidden=0.0
        ),
        "The scores are not divided by sqrt(d).": _misled(root=lambda q, k: 1.0),
        "The scores are divided by d; it is sqrt(d).": _misled(root=lambda q, k: q.shape[-1]),
        "The scores are multiplied by sqrt(d); divide.": _misled(root=lambda q, k: q.shape[-1] ** -0.5),
        "The root is of another dimension: it is sqrt(d), d being the last one, q.shape[-1].": (
            _misled(root=lambda q, k: math.sqrt(len(q))),
            _misled(root=lambda q, k: math.sqrt(len(k))),
            _misled(root=lambda q, k: math.sqrt(q.shape[1])),
            _misled(root=lambda q, k: math.sqrt(len(q) * q.shape[-1])),
            _misled(root=lambda q, k: math.sqrt(len(q) // len(k) * q.shape[-1])),
            _misled(root=lambda q, k: math.sqrt(len(q) // len(k))),
        ),
        "The softmax goes over the queries here; the shares of one query add up to 1: axis -1.": (
            _misled(shares=lambda scores: _shares(scores.T).T),
            _misled(shares=_down_the_columns),
        ),
        "The softmax goes over the whole table; each query's shares add up to 1: axis=-1.": _misled(
            shares=lambda scores: np.exp(scores) / np.exp(scores).sum()
        ),
        "The shares are not divided by their sum.": (
            _misled(shares=np.exp),
            _misled(shares=lambda scores: np.exp(scores - scores.max(-1, keepdims=True))),
        ),
        "There is no softmax: the scores themselves are taken as shares.": _misled(
            hidden=0.0, shares=np.array
        ),
        "Queries and keys have changed places: rows of the table are queries, q k^T.": _misled(turned=True),
        "What follows is hidden after the softmax: the shares do not add up to 1.": _misled(late=True),
        "A query does not see its own place here.": (
            _misled(seen=lambda t, T: np.arange(T) < t),
            _misled(seen=lambda t, T: np.arange(T) <= max(t - 1, 0)),
        ),
        "A query sees one place too many, the next one: np.tri(T) is right without a second number.": _misled(
            seen=lambda t, T: np.arange(T) <= t + 1
        ),
        "The heads of a group all get the same here: each has its own queries, so its own result.": (
            _blended,
            _one_query,
        ),
        "One result for each group comes back; each of the H heads has its own.": (
            lambda q, k, v: _by_group(_attended(q, k, v), k).mean(1),
            lambda q, k, v: _by_group(_attended(q, k, v), k).sum(1),
            lambda q, k, v: _by_group(_attended(q, k, v), k)[:, 0],
            lambda q, k, v: _attended(_by_group(q, k).mean(1), k, v),
        ),
    },
)
