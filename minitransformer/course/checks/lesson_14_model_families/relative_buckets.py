"""What must be true of T5's buckets of distances."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import (
    keeps_its_inputs,
    same,
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
    if got.shape != (2, 3):
        hint = "The result has the shape of the distances, whatever it is: .reshape(distances.shape) restores it."
        raise Failed(f"of distances (2, 3): expected shape (2, 3), got {got.shape}", hint=hint)
    if got.dtype.kind not in "iu":
        raise Failed(
            f"of distances (2, 3): expected integers, got {got.dtype}",
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
            always=False, fixed=False, last_of=np.minimum, swapped=False, exact_of=None, whole_count=False):  # fmt: skip
    """Buckets with something wrong in them: the distance, the logarithm, its limits, or the two directions."""
    count, furthest = (32, 128) if fixed else (count, furthest)
    both_ways = both_ways if ways is None else ways
    n = count // 2 if both_ways and halved else count
    distance = far(d, both_ways)
    e = exact_of(n, count, furthest) if exact_of else exact(n)
    with np.errstate(all="ignore"):
        wide = (e if begin is None else begin) + whole(share(distance, e, furthest), rest(n, e))
    wide = wide if last is None else last_of(wide, (count if whole_count else n) - last)
    bucket = np.where(distance < e, wide, distance) if swapped else np.where(distance < e, distance, wide)
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
        "The query's own place has the distance 0, and bucket 0; here it counts as distance 1.": (
            _misplaced(far=lambda d, both_ways: np.maximum(_how_far(d, both_ways), 1)),
            _misplaced(far=lambda d, both_ways: np.clip(_how_far(d, both_ways), 1, 128)),
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
        "both_ways is taken the wrong way round.": lambda d, both_ways, *rest: _put_in(
            d, not both_ways, *rest
        ),
        "Keys ahead go n further; here n is taken off.": _misplaced(ahead=lambda d: -1 * (d > 0)),
        "Far distances go to the last bucket at once: np.minimum(.., n - 1) keeps the smaller of both.": _misplaced(
            last_of=np.maximum
        ),
        "Near and far have changed places: distances below e are their own bucket, the others take the logarithm.": (
            _misplaced(swapped=True),
            _misplaced(
                swapped=True,
                share=lambda far, e, furthest: np.log(np.maximum(far, 1) / e) / np.log(furthest / e),
            ),
        ),
        "The distance is not rounded down: floor, then integers.": _misplaced(
            whole=lambda share, buckets: share * buckets
        ),
        "One way, keys that follow count as distance 0: np.maximum(-distances, 0), not -distances.": _misplaced(
            far=lambda d, both_ways: np.abs(d) if both_ways else -d
        ),
        "e is half the buckets of one direction, n // 2, and n is count // 2 both ways; here e is count // 2.": _misplaced(
            exact_of=lambda n, count, furthest: count // 2
        ),
        "e is half the buckets of one direction, n // 2; here it is half of furthest.": _misplaced(
            exact_of=lambda n, count, furthest: furthest // 2
        ),
        "Of n buckets of one direction the last has the number n - 1; here it is count - 1.": _misplaced(
            whole_count=True
        ),
        "The root of the distance is taken; it is the logarithm.": (
            _scaled(lambda f, e, furthest: np.sqrt(f / e) / np.log(furthest / e)),
            _scaled(lambda f, e, furthest: (np.sqrt(f / e) - 1) / (np.sqrt(furthest / e) - 1)),
            _scaled(lambda f, e, furthest: np.sqrt(f / e) / np.sqrt(furthest / e)),
        ),
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
            _scaled(lambda f, e, furthest: np.log(f / e) / np.log(furthest - e)),
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
