"""What must be true of sample_masks."""

from functools import cache
from itertools import combinations

import numpy as np

from minitransformer.course.checks.lesson_12_lime.common import LAWS, coins, sampler
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, is_array_if, same

MANY, SOME = 6000, 1500  # samples, enough to tell one law of chance from another


def _drawn(answer, T, num_samples=MANY, seed=0):
    got = answer(T, num_samples, np.random.default_rng(seed))
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    is_array_if(np.ones(1), got)
    if np.shape(got) != (num_samples, T):
        says = f"expected shape {num_samples, T}, got {np.shape(got)}"
        raise Failed(says, hint="num_samples rows, the first one included, and T columns.")
    return np.asarray(got)


def _table(answer):
    for num_samples in (7, 1):
        got = _drawn(answer, 5, num_samples)
        if got.dtype != bool:
            raise Failed(f"expected booleans, got {got.dtype}", hint="np.ones(shape, dtype=bool) makes them.")


def _whole_first(answer):
    same(_drawn(answer, 5, 30)[0], np.ones(5), "the first row")


def _shares(masks):
    """How often 0, 1, ..., T words are gone, as shares of all rows but the first, (T + 1,)."""
    rows = masks[1:]
    T = masks.shape[1]
    return np.bincount((~rows).sum(1), minlength=T + 1) / len(rows)


def _seen(answer):
    """What is to be seen in masks of which too many or too few words are gone."""
    if _stay_gone(_drawn(answer, 40, 200)[1:]):
        return "A word that is gone once is gone in all samples that follow: begin each row with True everywhere."
    counts = (~_drawn(answer, 5)[1:]).sum(1)
    if (counts == counts[0]).all():
        return f"In every sample {counts[0]} of 5 words go: draw how many anew for each sample, from 1 to T."
    if (counts == 5).mean() > 0.9:
        return "In nearly every sample all words go: draw how many from 1 to T, rng.integers(1, T + 1)."
    return "rng.integers(1, T + 1) draws 1, 2, .. T, each as likely as any other."


def _stay_gone(rows):
    return bool((rows[1:] <= rows[:-1]).all() and (rows[0] != rows[-1]).any())


def _side_by_side(rows):
    """Whether in each row the words that are gone follow one another."""
    starts = (~rows[:, 1:] & rows[:, :-1]).sum(1) + ~rows[:, 0]
    return bool((starts <= 1).all())


def _how_many(answer):
    masks = _drawn(answer, 5)
    if whole := np.flatnonzero(masks.all(1))[1:].tolist():
        says = f"of {MANY} rows {len(whole) + 1} are the whole text, among them row {whole[-1]}; row 0 alone is to be"
        raise Failed(says, hint="In each row but the first at least one word goes, also in the last row.")
    for gone, share in enumerate(_shares(masks)):
        if abs(share - (0.2 if gone else 0)) > 0.025:
            expected = "one in five" if gone else "never"
            says = f"{gone} of 5 words are gone in {share:.1%} of the samples; expected {expected}"
            raise Failed(says, hint=_seen(answer))


def _which(answer):
    masks = _drawn(answer, 4)[1:]
    two = masks[masks.sum(1) == 2]  # about a quarter of them
    for pair in combinations(range(4), 2):
        share = two[:, list(pair)].all(1).mean()
        if abs(share - 1 / 6) > 0.05:
            says = f"where two of four words are left, these are {pair} in {share:.1%} of the samples; expected one in six"
            hint = "In each sample the words that go stand side by side: any others may go together too. "
            draws = "rng.choice(T, gone, replace=False) draws which."
            raise Failed(says, hint=_side_by_side(masks) * hint + draws)


def _one_source(answer):
    state = np.random.get_state()
    runs = []
    for seed in (1, 1, 2):
        np.random.seed(len(runs))  # noqa: NPY002
        runs.append(_drawn(answer, 6, 50, seed))
    np.random.set_state(state)
    if not np.array_equal(runs[0], runs[1]):
        raise Failed(
            "the same rng gives other masks a second time",
            hint="Draw with rng, not with np.random or random.",
        )
    if np.array_equal(runs[0], runs[2]):
        raise Failed(
            "another rng gives the same masks",
            hint="Draw with the rng that is passed; do not make your own.",
        )


@cache
def _law(name):
    return _shares(LAWS[name](5, MANY, np.random.default_rng(3)))


def _try_sampling(answer, seed):
    """What can be told of a sampler without knowing the order of its draws."""
    masks, again = (answer(5, SOME, np.random.default_rng(seed)) for _ in range(2))
    distances = {name: abs(_shares(masks) - _law(name)).sum() for name in LAWS}
    nearest = min(distances, key=distances.get)
    law = list(LAWS).index(nearest) if distances[nearest] < 0.15 else -1
    one = masks[1:][(~masks[1:]).sum(1) == 1]  # which one goes first
    fair = len(one) > 100 and (abs((~one).mean(0) - 0.2) < 0.1).all()
    together = len(np.unique(masks[1:].sum(1))) == 1
    alike = np.array_equal(masks, again)
    return np.array([*masks.shape, masks[0].mean(), law, fair, alike, together], dtype=float)


sample_masks = Tried(
    minutes=10,
    level=1,
    hints=(
        "Begin with np.ones((num_samples, T), dtype=bool), and leave row 0 alone.",
        "rng.integers(1, T + 1) is a number from 1 to T: the upper end is left out.",
        "rng.choice(T, gone, replace=False) are `gone` different places; set these of the row to False.",
    ),
    why="With the number drawn first, short and long samples are alike. With a coin for each word, about half would always go.",
    properties=(
        Property(
            "num_samples rows and T columns of booleans",
            _table,
            "The result has num_samples rows, the whole text included, and T columns.",
        ),
        Property(
            "the first row is the whole text", _whole_first, "Row 0 is the text itself: True everywhere."
        ),
        Property("1, 2, .. T words go, each number as often as any other", _how_many),
        Property("all sets of one size are equally likely", _which),
        Property("rng is the only source of chance", _one_source),
    ),
    examples=lambda rng: ((1,),),
    trial=_try_sampling,
    mistakes={
        "A coin for each word takes about half of them nearly always: draw first how many go.": coins,
        "rng.integers leaves the upper end out, so all T words never go together: rng.integers(1, T + 1).": LAWS[
            "never all"
        ],
        "Some samples lose nothing: at least one word goes, so begin at 1.": LAWS["none too"],
        "0 .. T - 1 words go here: 1 .. T is rng.integers(1, T + 1), whose upper end is left out.": LAWS[
            "none, never all"
        ],
        "A word drawn twice goes only once, so that too few go: replace=False.": LAWS["repeated"],
        "The first row must be the whole text: leave it alone.": sampler(whole=False),
        "This is inverted: True is for words that are left.": sampler(turned=True),
        "It is always the same words that go, such as the first ones: draw which anew for each sample.": sampler(
            which=lambda rng, T, gone: np.arange(gone)
        ),
        "The same rng must give the same masks: draw with it, and with nothing else.": sampler(own=True),
        "num_samples counts the first row too: this is one row too many.": sampler(extra=1),
        "How many go is drawn once for all: draw it anew for each sample.": sampler(once=True),
    },
)
