"""What must be true of AdamW."""

import math

import numpy as np

from minitransformer.course.checks.lesson_09_learning.adam import Adam
from minitransformer.course.checks.lesson_09_learning.common import (
    RATES,
    grads_stay,
    history,
    in_place,
    lists_stay,
    own_steps,
    returns_nothing,
    steps,
    try_with,
)
from minitransformer.course.exercise import Property
from minitransformer.course.properties import Tried, same

BETAS = (0.8, 0.95)
DECAY = 0.5


def _adamw(answer, params, weight_decay=DECAY):
    return answer(params, 0.1, BETAS, 1e-8, weight_decay)  # in this order, as the tour gives them


def _adam(answer, params):
    return _adamw(answer, params, weight_decay=0.0)


def _mean(beta, values):
    """The mean of all values so far, each weighted by beta^age."""
    weights = [beta**age for age in reversed(range(len(values)))]
    return math.fsum(w * x for w, x in zip(weights, values, strict=True)) / math.fsum(weights)


def _by_loops(start, grads, rates, weight_decay=DECAY):
    """One number at a time: what is left of it, less the mean gradient by the root of the mean square."""
    p = [q.copy() for q in start]
    out = []
    for t, rate in enumerate(rates):
        for j, q in enumerate(p):
            for i in np.ndindex(q.shape):
                past = [float(g[j][i]) for g in grads[: t + 1]]
                root = math.sqrt(_mean(BETAS[1], [x * x for x in past]))
                q[i] = (1 - rate * weight_decay) * q[i] - rate * _mean(BETAS[0], past) / (root + 1e-8)
        out.append([q.copy() for q in p])
    return out


def _decay_alone(answer):
    expected = [[[4 * 0.95**t, -2 * 0.95**t, 0.0]] for t in (1, 2, 3)]
    start = [np.array([4.0, -2.0, 0.0])]
    what = "lr = 0.1, weight_decay = 0.5, the gradient always 0"
    steps(answer, _adamw, start, [[np.zeros(3)]] * 3, expected, what)


def _any_gradient(answer):
    what = "weights of 10, lr = 0.1, weight_decay = 0.5, gradients (1000, -1000, 0.001)"
    grads = [[np.array([1000.0, -1000.0, 0.001])]]
    steps(answer, _adamw, [np.full(3, 10.0)], grads, [[[9.4, 9.6, 9.4]]], what, rtol=1e-5)


def _follows(make, rates, what, weight_decay=DECAY, size=1.0):
    def holds(answer):
        start, grads = history(np.random.default_rng(7), size=size)
        steps(answer, make, start, grads, _by_loops(start, grads, rates, weight_decay), what, rates)

    return holds


def _defaults(answer):
    p = np.array([2.0])
    answer([p]).step([np.array([3.0])])
    what = "a weight of 2 after one step with the defaults, gradient 3"
    same(p, [2 * (1 - 1e-3 * 1e-2) - 1e-3], what)


def nothing(lr, decay, p):
    return 0.0


def with_decay(lr, decay, p, g):
    return g + decay * p


def whole(b, t):
    return 1.0


def corrected(b, t):
    return 1 - b**t


def _wrong(
    gradient=lambda lr, decay, p, g: g,
    before=lambda lr, decay, p: lr * decay * p,
    after=nothing,
    step=lambda m, v, p, decay, eps: m / (np.sqrt(v) + eps),
    correction=(corrected, corrected),
    rate=lambda lr: lr,
    swapped=False,
    first_rate=False,
    every=False,
    late=False,
    inside=(True, True),
    first_only=False,
):
    """An AdamW with something wrong in it."""

    class AdamW:
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
            self.params, self.lr, self.eps, self.t, self.first = params, lr, eps, 0, lr
            self.betas = betas[::-1] if swapped else betas
            self.decay = weight_decay
            self.means = [[0.0, 0.0] for _ in params]

        def step(self, grads):
            self.t += 1
            lr = self.first if first_rate else self.lr
            for p, kept, g in zip(self.params, self.means, grads, strict=True):
                whole = gradient(lr, self.decay, p, g)
                for q in self.params if every else [p]:
                    q -= before(lr, self.decay, q)
                whole = gradient(lr, self.decay, p, g) if late else whole
                of_m, of_v = (whole if holds else g for holds in inside)
                for i, (b, x) in enumerate(zip(self.betas, (of_m, of_v * of_v), strict=True)):
                    kept[i] = b * kept[i] + (1 - b) * x
                m, v = (x / c(b, self.t) for x, c, b in zip(kept, correction, self.betas, strict=True))
                p -= rate(lr) * step(m, v, p, self.decay, self.eps)
                p -= after(lr, self.decay, p)
                if first_only:
                    return

    return AdamW


def _other_order():
    """An AdamW whose arguments have another order."""

    class Reordered(_wrong()):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8):
            super().__init__(params, lr, betas, eps, weight_decay)

    return Reordered


def _decays_the_decay(before):
    """An AdamW that multiplies its weight_decay by the learning rate in each step."""

    class Shrinking(_wrong(before=before)):
        def step(self, grads):
            self.decay *= self.lr
            super().step(grads)

    return Shrinking


def _decays_by(change):
    """An AdamW that takes `change(lr, decay, p, g, t)` from each weight before Adam's step."""

    class Changing(_wrong(before=nothing)):
        def step(self, grads):
            for p, g in zip(self.params, grads, strict=True):
                p -= change(self.lr, self.decay, p, g, self.t + 1)
            super().step(grads)

    return Changing


def _decays_the_means():
    """An AdamW in which the running mean of the gradient decays, and no weight."""

    class Means(_wrong(before=nothing)):
        def step(self, grads):
            for kept in self.means:
                kept[0] = kept[0] * (1 - self.lr * self.decay)
            super().step(grads)

    return Means


def _new_arrays():
    """An AdamW that leaves the model's arrays as they were."""

    class Copies(_wrong()):
        def step(self, grads):
            self.params = [p.copy() for p in self.params]
            super().step(grads)

    return Copies


def _with_decay(wrong):
    """A wrong Adam whose weights decay as they should."""

    class AdamW(wrong):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
            super().__init__(params, lr, betas, eps)
            self.decay = weight_decay

        def step(self, grads):
            for p in self.params:
                p *= 1 - self.lr * self.decay
            super().step(grads)

    return AdamW


def _those_of_adam(own):
    """The mistakes of Adam, with the decay beside them, but those that AdamW has sentences of its own for."""
    return {
        said: tuple(map(_with_decay, wrong if isinstance(wrong, tuple) else (wrong,)))
        for said, wrong in Adam.mistakes.items()
        if said not in own
    }


MISTAKES = {
    "The decay is added to the gradient here (L2), so that m and v contain it: take it from the weight itself.": (
        _wrong(gradient=with_decay, before=nothing),
        _wrong(gradient=with_decay, before=nothing, inside=(True, False)),
        _wrong(gradient=with_decay, before=nothing, inside=(False, True)),
        _wrong(gradient=lambda lr, decay, p, g: g + lr * decay * p, before=nothing),
    ),
    "The decay is divided by the root of v, like the gradient: it belongs outside of the fraction.": _wrong(
        before=nothing, step=lambda m, v, p, decay, eps: (m + decay * p) / (np.sqrt(v) + eps)
    ),
    "The decay comes after Adam's step, and makes that step smaller too: first the decay, then the step.": _wrong(
        before=nothing, after=lambda lr, decay, p: lr * decay * p
    ),
    "The decay is not multiplied by the learning rate: p <- p - lr * weight_decay * p.": _wrong(
        before=lambda lr, decay, p: decay * p
    ),
    "There is no decay here: this is Adam.": _wrong(before=nothing),
    "The decay makes the weights larger: p <- p - lr * weight_decay * p.": _wrong(
        before=lambda lr, decay, p: -lr * decay * p
    ),
    "Every weight loses the same here; it loses lr * weight_decay times itself.": (
        _wrong(before=lambda lr, decay, p: lr * decay),
        _wrong(before=lambda lr, decay, p: lr * decay * np.sign(p)),
    ),
    "Each weight is multiplied by lr * weight_decay; it is multiplied by 1 - lr * weight_decay.": _wrong(
        before=lambda lr, decay, p: p - lr * decay * p
    ),
    "The decay happens twice in each step, in the gradient and beside it: leave the gradient as it is.": (
        _wrong(gradient=with_decay),
        _wrong(gradient=with_decay, late=True),
    ),
    "All parameters decay once for each parameter, so several times: decay only p in the loop over all p.": _wrong(
        every=True
    ),
    "The weight is squared here; it loses lr * weight_decay times itself.": (
        _wrong(before=lambda lr, decay, p: lr * decay * p * p),
        _wrong(before=lambda lr, decay, p: lr * decay / 2 * p * p),
    ),
    "Only some parameters decay, by their shape; here each of them does.": (
        _wrong(before=lambda lr, decay, p: lr * decay * p * (p.ndim > 1)),
        _wrong(before=lambda lr, decay, p: lr * decay * p * (p.ndim == 1)),
    ),
    "Each weight is multiplied by 1 - lr * weight_decay; here it is another factor.": (
        _wrong(before=lambda lr, decay, p: (1 - np.exp(-lr * decay)) * p),
        _wrong(before=lambda lr, decay, p: (1 - 1 / (1 + lr * decay)) * p),
        _wrong(before=lambda lr, decay, p: lr * decay / 2 * p),
        _wrong(before=lambda lr, decay, p: lr * decay * 2 * p),
        _wrong(before=lambda lr, decay, p: lr * lr * decay * p),
        _wrong(before=lambda lr, decay, p: lr * decay * decay * p),
        _wrong(before=lambda lr, decay, p: (lr - decay) * p),
        _wrong(before=lambda lr, decay, p: (lr + decay) * p),
    ),
    "The decay brings every weight nearer to 0: take lr * weight_decay * p away, not of |p|.": _wrong(
        before=lambda lr, decay, p: lr * decay * abs(p)
    ),
    "The decay is a share of the weight, lr * weight_decay * p; here it is one of the gradient.": _decays_by(
        lambda lr, decay, p, g, t: lr * decay * g
    ),
    "The decay is the same share in each step, whatever t is.": (
        _decays_by(lambda lr, decay, p, g, t: lr * decay * p * (t == 1)),
        _decays_by(lambda lr, decay, p, g, t: lr * decay * p / t),
        _decays_by(lambda lr, decay, p, g, t: lr * decay * p * t),
        _decays_by(lambda lr, decay, p, g, t: p * (1 - (1 - lr * decay) ** t)),
    ),
    "The running mean decays here; it is the weight that does.": _decays_the_means(),
    "weight_decay itself is changed in each step: leave it, and multiply it by lr where it is used.": (
        _decays_the_decay(lambda lr, decay, p: decay * p),
        _decays_the_decay(lambda lr, decay, p: lr * decay * p),
    ),
    "Only the first parameter is changed: a `return` inside the loop ends it.": _wrong(first_only=True),
    "The arguments have the order of the stub: params, lr, betas, eps, weight_decay.": _other_order(),
    "Only the decay reaches the weights: Adam's step is missing, or makes a new array as `p = p - ..` does.": _wrong(
        step=lambda m, v, p, decay, eps: 0.0
    ),
    "weight_decay is always 0.01 here: use what was given.": _wrong(
        before=lambda lr, decay, p: lr * 1e-2 * p
    ),
    "`p = p - ...` makes a new array that the model never sees; `p -= ...` and `p *= ...` write into the model's own.": (
        _new_arrays()
    ),
}


AdamW = Tried(
    minutes=15,
    level=2,
    hints=(
        "Begin with your Adam, and keep weight_decay too. One line is new.",
        "For each parameter, before Adam's step: `p *= 1 - self.lr * self.weight_decay`.",
        "The gradient stays as it is: m and v are those of Adam, without any decay in them.",
    ),
    why="The decay is no gradient: it is not divided by the root of v, so that all weights decay by the same share, those with "
    "large gradients too.",
    properties=(
        in_place(_adamw),
        own_steps(_adamw),
        Property(
            "a gradient of 0 leaves the decay alone",
            _decay_alone,
            "Adam's step is 0 here, so that each weight becomes 1 - lr * weight_decay times itself.",
        ),
        Property(
            "without decay it is Adam",
            _follows(_adam, [0.1] * 5, "lr = 0.1, weight_decay = 0, random gradients", 0.0),
            "With weight_decay = 0 this is Adam: look at t, m, v and their corrections by 1 - b^t.",
        ),
        Property(
            "the decay is the same for large gradients and small ones",
            _any_gradient,
            "A weight of 10 loses 0.5 by decay and 0.1 by Adam's step: neither depends on the gradient's size.",
        ),
        Property(
            "it is right for random gradients",
            _follows(_adamw, [0.1] * 5, "lr = 0.1, weight_decay = 0.5, random gradients"),
            "First p <- p - lr * weight_decay * p, then Adam's step, in which no decay stands.",
        ),
        Property(
            "eps is added to the root",
            _follows(_adamw, [0.1] * 5, "gradients around 1e-8, eps = 1e-8", size=1e-8),
            "First v / (1 - b2^t), then its root, then + eps.",
        ),
        Property(
            "the learning rate may change between steps",
            _follows(_adamw, RATES, f"weight_decay = 0.5, random gradients, lr = {RATES}"),
            "Read self.lr in each step, for the decay and for Adam's step.",
        ),
        Property(
            "the defaults are AdamW's own",
            _defaults,
            "lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2: leave the line `def __init__` as it was.",
        ),
        grads_stay(_adamw),
        lists_stay(_adamw),
        returns_nothing(_adamw),
    ),
    examples=lambda rng: ((3, 1.0), (4, 1e-8)),
    trial=try_with(_adamw),
    mistakes=MISTAKES | _those_of_adam(MISTAKES),
)
