"""What must be true of randomisation_test."""

import numpy as np

from minitransformer.course.checks.lesson_13_which_to_believe.common import correlation_of, spearman
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, is_normal, same, uses_its_generator


def _layers(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(1.0, 0.1, (40, 50)), rng.normal(-2.0, 3.0, (50, 30)), rng.normal(0.5, 1.0, (30, 40))]


class _Watched:
    """An explanation that depends on which layers are destroyed, and remembers what it was given."""

    def __init__(self, layers):
        self.layers = layers
        self.copies = [a.copy() for a in layers]
        self.seen = []
        self.given = []

    def __call__(self, layers):
        shapes = [np.shape(a) for a in layers]
        if shapes != [a.shape for a in self.copies]:
            raise Failed(
                f"expected layers of shapes {[a.shape for a in self.copies]}, got {shapes}",
                hint="Keep the shapes.",
            )
        changed = tuple(int(not np.array_equal(a, b)) for a, b in zip(layers, self.copies, strict=True))
        self.seen.append(changed)
        self.given.append([a.copy() for a in layers])
        return np.random.default_rng(int("".join(map(str, changed)), 2)).normal(size=9)

    @property
    def spoiled(self):
        return not all(map(np.array_equal, self.layers, self.copies))


def _watch(answer):
    watched = _Watched(_layers())
    return watched, answer(watched, watched.layers, np.random.default_rng(1))


def _blind(answer):
    got = answer(lambda layers: np.array([1.0, 3.0, 2.0]), _layers(), np.random.default_rng(0))
    same(got, [1.0, 1.0, 1.0], "an explanation that does not look at the model, three layers")
    if not isinstance(got, list):
        raise Failed(
            f"expected a list of numbers, got a {type(got).__name__}", hint="`list(..)` makes a list of it."
        )


def _cascades(answer):
    watched, _ = _watch(answer)
    expected = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]
    if watched.seen != expected:
        says = [
            f"explained with layers {[i + 1 for i, c in enumerate(s) if c] or 'none'} destroyed"
            for s in watched.seen
        ]
        raise Failed(*says[:5], hint="First none, then the last layer, then the last two, then all three.")


def _keeps_layers(answer):
    if _watch(answer)[0].spoiled:
        raise Failed(
            "the layers that were passed were changed",
            hint="Copy the list, and replace its entries: ruined[i] = noise.",
        )


def _size_told(noise, learned):
    """What is wrong with the mean or the spread of the noise."""
    mean_right, spread_right = (
        np.isclose(got, expected, rtol=0.15, atol=0.15)
        for got, expected in ((noise.mean(), learned.mean()), (noise.std(), learned.std()))
    )
    if np.corrcoef(noise.ravel(), learned.ravel())[0, 1] > 0.3:
        return "What was learned is still in it: the noise takes its place, it is not added to it."
    if spread_right and abs(noise.mean()) < 0.15 * noise.std():
        return "The mean of the noise is 0: it is to be the layer's, rng.normal(w.mean(), w.std(), w.shape)."
    if mean_right and not spread_right and np.isclose(noise.std(), learned.var(), rtol=0.15):
        return "The noise is as wide as the variance: rng.normal takes w.std(), not the variance."
    return "Draw normal noise with the layer's own mean and spread: rng.normal(w.mean(), w.std(), w.shape)."


def _same_size(answer):
    watched, _ = _watch(answer)
    for i, (noise, learned) in enumerate(zip(watched.given[-1], watched.copies, strict=True)):
        same(
            [noise.mean(), noise.std()],
            [learned.mean(), learned.std()],
            f"mean and spread of layer {i + 1}'s noise",
            rtol=0.15,
            hint=_size_told(noise, learned),
        )
        if not is_normal(noise):
            raise Failed(
                f"layer {i + 1}: the noise is not normally distributed",
                hint="rng.normal(mean, std, shape) draws normal noise.",
            )
        if np.array_equal(np.sort(noise, axis=None), np.sort(learned, axis=None)):
            raise Failed(
                f"layer {i + 1} holds the learned numbers in another order", hint="Draw new ones: rng.normal."
            )


def _compares(answer):
    watched, got = _watch(answer)
    first, *others = (
        np.random.default_rng(int("".join(map(str, c)), 2)).normal(size=9) for c in watched.seen
    )
    same(
        got, [spearman(first, other) for other in others], "the rank correlations with the first explanation"
    )


def _noise(answer, rng):
    watched = _Watched(_layers())
    answer(watched, watched.layers, rng)
    return watched.given[-1][0]


def _try_randomisation(answer, seed):
    layers = _layers(seed)
    watched = _Watched(layers)
    got = answer(watched, layers, np.random.default_rng(1))
    wide = [
        abs(a.std() / b.std() - 1) < 0.2 and abs(a.mean() - b.mean()) < 0.2
        for a, b in zip(watched.given[-1], watched.copies, strict=True)
    ]
    return np.array(
        [*got, len(got), *np.ravel(watched.seen), watched.spoiled, *wide, watched.given[-1][0].any()],
        dtype=float,
    )


def _wrong_randomisation(
    cumulative=True,
    upwards=False,
    in_place=False,
    noise=True,
    previous=False,
    final=False,
    pearson=False,
    zeros=False,
):
    """The test with something wrong in it."""

    def test(explain, layers, rng):
        learned = explain(list(layers))
        ruined = layers if in_place else list(layers)
        found = []
        for i in range(len(layers)) if upwards else reversed(range(len(layers))):
            ruined = ruined if cumulative else list(layers)
            new = rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)
            new = np.zeros(new.shape) if zeros else new if noise else rng.normal(size=new.shape)
            ruined[i] = new
            now = explain(list(ruined))
            found.append(correlation_of(learned, now) if pearson else spearman(learned, now))
            learned = now if previous else learned
        return found[-1:] if final else found

    return test


def _with_itself(*inputs):
    return [1.0, *_wrong_randomisation()(*inputs)]


randomisation_test = Tried(
    minutes=15,
    level=2,
    hints=(
        "learned = explain(layers), before anything is destroyed.",
        "ruined = list(layers) is a new list: ruined[i] = ... does not change the list that was passed.",
        "reversed(range(len(layers))) goes from the last layer to the first.",
        "rng.normal(w.mean(), w.std(), w.shape) is noise of the same size.",
    ),
    why="An explanation that stays the same while the model turns to noise has not been looking at the model.",
    properties=(
        Property(
            "what does not look at the model stays the same: 1 at each step",
            _blind,
            "One number for each layer, in a list: the rank correlation of the first explanation with the new one.",
        ),
        Property("the layers that were passed are not changed", _keeps_layers),
        Property("from the last layer down, each staying destroyed", _cascades),
        Property("the noise is as large as what it replaces", _same_size),
        Property(
            "each step is compared with the model as it was",
            _compares,
            "rank_correlation(first, new): `first` is the explanation before anything is destroyed.",
        ),
        uses_its_generator(_noise),
    ),
    examples=lambda rng: ((0,), (5,)),
    trial=_try_randomisation,
    mistakes={
        "One layer at a time is destroyed here; they stay destroyed, so that at last all are.": _wrong_randomisation(
            cumulative=False
        ),
        "This begins at the first layer; begin at the last, next to the output.": _wrong_randomisation(
            upwards=True
        ),
        "The list that was passed is changed: work on list(layers).": _wrong_randomisation(in_place=True),
        "Each step is compared with the one before; compare with the model as it was.": _wrong_randomisation(
            previous=True
        ),
        "One number for each layer: the model as it was is compared with nothing.": _with_itself,
        "The results stand in the reverse order: first that of the last layer alone.": lambda *inputs: (
            _wrong_randomisation()(*inputs)[::-1]
        ),
        "The results for a model less and less whole are averaged here: one number for each step, in a list.": lambda *inputs: [
            float(np.mean(_wrong_randomisation()(*inputs)))
        ],
        "Only the last step is returned; one number for each step.": _wrong_randomisation(final=True),
        "This is the correlation of the values; take rank_correlation.": _wrong_randomisation(pearson=True),
        "Zeros are no noise: a model of zeros says nothing, and may break what explains it.": _wrong_randomisation(
            zeros=True
        ),
    },
)
