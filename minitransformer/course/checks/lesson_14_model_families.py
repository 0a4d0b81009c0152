"""What must be true of the parts that tell model families apart: spans cut out, buckets, pairs that turn, shared heads."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import equal, keeps_float32, keeps_its_inputs, returns, same

TEXT = [11, 12, 13, 14, 15, 16, 17, 18]


def _lists(answer, *arguments):
    """What the answer makes of it, as two lists of plain numbers. Raises Failed if it is nothing of the kind."""
    got = answer(*arguments)
    if not isinstance(got, tuple) or len(got) != 2:
        hint = "`return text, answer`: both, in this order."
        raise Failed(f"expected (text, answer), got {got!r:.80}", hint=hint)
    return tuple([int(token) for token in side] for side in got)


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
    spans, mark = {}, None
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
    answer(ids, [(2, 3)], 90)
    equal(
        ids,
        TEXT,
        "the list that went in",
        hint="`text = ids` is the same list under another name: begin with an empty one.",
    )


def _corrupted(
    ids,
    spans,
    first,
    *,
    last=True,
    mark_each=False,
    counts=True,
    marks=True,
    swapped=False,
    keep=False,
    shift=0,
    rest=True,
):
    """Span corruption with something wrong in it."""
    text, asked, at = [], [], 0
    for i, (start, length) in enumerate(spans):
        mark, stop = first + i * counts, start + length + shift
        text += [*ids[at:start], *([mark] * (length if mark_each else 1)), *(ids[start:stop] if keep else [])]
        asked += [*([mark] if marks else []), *ids[start:stop]]
        at = stop
    text, asked = [*text, *(ids[at:] if rest else [])], asked + [first + len(spans) * counts] * last
    return (asked, text) if swapped else (text, asked)


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
        Property("one span is cut out", _one_span),
        Property("each span has its own mark", _two_spans),
        Property("spans at both ends", _at_the_ends),
        Property("no span: the text as it is, and the last mark", _no_span),
        Property("text and answer together are the text again", _put_back),
        Property("it leaves its list as it was", _leaves_the_list),
    ),
    examples=lambda rng: ((TEXT, [(1, 1), (4, 2)], 90), (TEXT, [(2, 3)], 50)),
    mistakes={
        "The last mark is missing: it says that the answer is complete.": lambda *a: _corrupted(
            *a, last=False
        ),
        "Each token of a span gets a mark here; a span of any length gets one.": lambda *a: _corrupted(
            *a, mark_each=True
        ),
        "All spans go by the same mark here: the next one is first_mark + 1.": lambda *a: _corrupted(
            *a, counts=False
        ),
        "The answer has no marks: without them it is not clear where a span belongs.": lambda *a: _corrupted(
            *a, marks=False
        ),
        "The spans are still in the text, behind their marks.": lambda *a: _corrupted(*a, keep=True),
        "A span is (start, length): it ends before start + length. Here it has one token more.": lambda *a: (
            _corrupted(*a, shift=1)
        ),
        "What follows the last span is missing in the text: ids[at:].": lambda *a: _corrupted(*a, rest=False),
        "Text and answer have changed places.": lambda *a: _corrupted(*a, swapped=True),
        "A span is (start, length), not (start, end).": lambda ids, spans, first: _corrupted(
            ids, [(s, n - s) for s, n in spans], first
        ),
    },
)


def _bucket(distance, both_ways, count, furthest):
    """One distance, by the formula; None where it lies so near a border that rounding decides."""
    n = count // 2 if both_ways else count
    far, exact = abs(distance) if both_ways else max(-distance, 0), n // 2
    if far < exact:
        bucket = far
    else:
        steps = (n - exact) * math.log(far / exact) / math.log(furthest / exact)
        if abs(steps - round(steps)) < 1e-6 and 0 < steps < n - exact:
            return None
        bucket = min(exact + int(steps), n - 1)
    return bucket + (n if both_ways and distance > 0 else 0)


def _buckets_right(what, distances, both_ways, count=32, furthest=128):
    def holds(answer):
        pairs = [(d, _bucket(d, both_ways, count, furthest)) for d in distances]
        sure = [(d, b) for d, b in pairs if b is not None]
        got = np.asarray(answer(np.array([d for d, _ in sure]), both_ways, count, furthest))
        same(got.shape, (len(sure),), "the shape of the result")
        for (d, expected), bucket in zip(sure, got, strict=True):
            if bucket != expected:
                raise Failed(
                    f"a key {_where(d)}, both_ways={both_ways}: expected bucket {expected}, got {bucket}"
                )

    return Property(what, holds)


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


def _put_in(
    d,
    both_ways,
    count=32,
    furthest=128,
    *,
    halved=True,
    sign=1,
    ahead=True,
    all_exact=False,
    log=np.log,
    last=True,
    whole=np.floor,
):
    """Buckets with something wrong in them."""
    n = count // 2 if both_ways and halved else count
    far = np.abs(d) if both_ways else np.maximum(-sign * d, 0)
    exact = n // 2
    ratio = log(np.maximum(far, exact) / exact) / log(furthest / exact)
    wide = exact + whole(ratio * (n - exact)).astype(int)
    bucket = np.where(far < exact, far, np.minimum(wide, n - 1) if last else wide)
    bucket = np.minimum(far, n - 1) if all_exact else bucket
    return bucket + n * (sign * d > 0) if both_ways and ahead else bucket


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
        _buckets_right("near keys behind have a bucket each", range(-7, 1), True),
        _buckets_right("keys ahead have buckets of their own", range(1, 8), True),
        _buckets_right("farther keys share buckets, evenly on a logarithmic scale", range(-127, -7), True),
        _buckets_right("all from `furthest` on share the last", (-128, -129, -500, -5000, 128, 4000), True),
        _buckets_right(
            "one way: twice the buckets, and what follows counts as near", (*range(-200, 1), 1, 5, 90), False
        ),
        _buckets_right("other sizes", range(-60, 61), True, 12, 40),
        Property("integers of the same shape", _integers_of_the_shape),
        keeps_its_inputs(lambda rng: (_far(rng), True)),
    ),
    examples=lambda rng: ((_far(rng), True), (_far(rng), False)),
    mistakes={
        "Keys before and keys ahead share buckets here: those ahead go n further.": lambda *a: _put_in(
            *a, ahead=False
        ),
        "Before and behind have changed places: a distance is the key's place less the query's.": lambda *a: (
            _put_in(*a, sign=-1)
        ),
        "Both ways, each side has only count // 2 buckets; here each has all.": lambda *a: _put_in(
            *a, halved=False
        ),
        "There is no logarithm here: every distance has its bucket, up to the last.": lambda *a: _put_in(
            *a, all_exact=True
        ),
        "Far distances go beyond the last bucket: keep them at n - 1.": lambda *a: _put_in(*a, last=False),
        "The wide buckets are equally wide here: take logarithms.": lambda *a: _put_in(
            *a, log=lambda r: r - 1
        ),
        "Round down: astype(int) or np.floor, not np.round.": lambda *a: _put_in(*a, whole=np.round),
    },
)


def _turned(
    x,
    positions,
    base=10000.0,
    interleaved=False,
    *,
    sign=1,
    cross=1,
    together=False,
    wrong_pairs=False,
    stale=False,
):
    """Pair by pair; the last ones say what may be wrong."""
    d, y = x.shape[-1], np.array(x, dtype=float)
    for t in range(x.shape[-2]):
        for i in range(d // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, d - 1 - i if wrong_pairs else i + d // 2)
            angle = positions[t] / base ** (0 if together else 2 * i / d)
            c, s = math.cos(angle), sign * math.sin(angle)
            y[..., t, a] = x[..., t, a] * c - cross * x[..., t, b] * s
            y[..., t, b] = (y if stale else x)[..., t, a] * s + x[..., t, b] * c
    return y


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
        Property("a quarter turn is right", _quarter),
        returns("Llama's pairs, by loops", _vectors, _turned),
        returns("the paper's pairs, and another base", _neighbours, _turned),
        Property("one way is the other with the channels in another order", _converts),
        Property("a product depends on the distance alone", _distance_only),
        keeps_its_inputs(_vectors),
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
        "The channels are paired from outside in, 0 with the last: i goes with i + d/2.": lambda *a: _turned(
            *a, wrong_pairs=True
        ),
        "This rotates the other way: the signs of the sines are wrong.": lambda *a: _turned(*a, sign=-1),
        "One sine has a minus, the other has none: a cos - b sin, a sin + b cos.": lambda *a: _turned(
            *a, cross=-1
        ),
        "All pairs turn alike here: each has its own speed.": lambda *a: _turned(*a, together=True),
        "The second channel is computed from the first *after* it was turned: keep the old one.": lambda *a: (
            _turned(*a, stale=True)
        ),
        "If interleaved, both channels of a pair go back to where they were, 2i and 2i + 1; here they stand apart.": _side_by_side,
        "`base` is not used here.": lambda x, p, base=0, i=False: _turned(x, p, 10000.0, i),
    },
)


def _attended(
    q,
    k,
    v,
    *,
    group=lambda h, heads, groups: h * groups // heads,
    scale=None,
    causal=True,
    late=False,
    strict=False,
):
    """Head by head, query by query; the last ones say what may be wrong."""
    (H, T, d), G = q.shape, len(k)
    out = np.zeros((H, T, v.shape[-1]))
    for h in range(H):
        g = group(h, H, G)
        for t in range(T):
            scores = k[g] @ q[h, t] * (1 / math.sqrt(d) if scale is None else scale)  # (T,)
            seen = np.arange(T) <= (max(t - strict, 0) if causal else T)
            scores = scores if late else np.where(seen, scores, -np.inf)
            weights = np.exp(scores - scores.max())
            out[h, t] = (weights / weights.sum() * seen) @ v[g]
    return out


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
        Property("the first place sees itself alone", _first_place),
        Property("as many groups as heads", _each_alone),
        Property("one group for all", _all_share),
        Property("the heads of a group are neighbours", _same_query),
        returns("values are right, head by head", _heads, _attended),
        Property("large scores do no harm", _large_scores),
        keeps_its_inputs(_heads),
        keeps_float32(_heads),
    ),
    examples=lambda rng: (_heads(rng), _heads(rng, 4, 2, 3, 2)),
    mistakes={
        "The groups take turns here, 0 1 0 1: heads of a group are neighbours, 0 0 1 1.": lambda *a: (
            _attended(*a, group=lambda h, H, G: h % G)
        ),
        "All heads use the first group's keys and values.": lambda *a: _attended(*a, group=lambda h, H, G: 0),
        "Queries see what follows: hide it.": lambda *a: _attended(*a, causal=False),
        "The scores are not divided by sqrt(d).": lambda *a: _attended(*a, scale=1.0),
        "The scores are divided by d; it is sqrt(d).": lambda q, k, v: _attended(
            q, k, v, scale=1 / q.shape[-1]
        ),
        "What follows is hidden after the softmax: the shares do not add up to 1.": lambda *a: _attended(
            *a, late=True
        ),
        "A query does not see its own place here.": lambda *a: _attended(*a, strict=True),
    },
)
