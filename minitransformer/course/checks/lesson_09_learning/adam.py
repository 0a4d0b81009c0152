"""What must be true of Adam."""

import math

import numpy as np

from minitransformer.course.checks.lesson_09_learning.common import (
    KEPT,
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


def _adam(answer, params):
    return answer(params, lr=0.1, betas=(0.8, 0.95), eps=1e-8)


def _adam_loops(start, grads, rates, betas=(0.8, 0.95), eps=1e-8):
    """One number at a time: weighted means of all gradients so far, the weights b^age, divided by their sum."""
    p = [q.copy() for q in start]
    out = []
    for t in range(len(grads)):
        for j, q in enumerate(p):
            for i in np.ndindex(q.shape):
                past = [float(grads[k][j][i]) for k in range(t + 1)]
                m, v = (
                    math.fsum(b ** (t - k) * x**n for k, x in enumerate(past))
                    / math.fsum(b**k for k in range(t + 1))
                    for b, n in zip(betas, (1, 2), strict=True)
                )
                q[i] -= rates[t] * m / (math.sqrt(v) + eps)
        out.append([q.copy() for q in p])
    return out


def _first_step(answer):
    expected = [[[-0.1, 0.1, -0.1]]]
    for size in (1000.0, 1.0, 0.001):
        what = f"lr = 0.1, the gradient ({size:g}, {-size:g}, {size / 10:g})"
        steps(answer, _adam, [np.zeros(3)], [[np.array([size, -size, size / 10])]], expected, what, rtol=1e-3)


def _steady(answer):
    expected = [[[-0.1 * t]] for t in (1, 2, 3)]
    steps(
        answer,
        _adam,
        [np.zeros(1)],
        [[np.full(1, 5.0)]] * 3,
        expected,
        "lr = 0.1, the gradient always 5",
        rtol=1e-6,
    )


def _adam_history(rates, what, size=1.0):
    def holds(answer):
        start, grads = history(np.random.default_rng(6), size=size)
        steps(answer, _adam, start, grads, _adam_loops(start, grads, rates), what, rates)

    return holds


def _two_at_once(answer):
    a = np.zeros(1)
    b = np.zeros(1)
    first = _adam(answer, [a])
    second = _adam(answer, [b])
    for g, h in ((1.0, -2.0), (-3.0, 0.5)):
        first.step([np.array([g])])
        second.step([np.array([h])])
    c = np.zeros(1)
    alone = _adam(answer, [c])
    for g in (1.0, -3.0):
        alone.step([np.array([g])])
    same(a, c, "a parameter, while another optimizer is at work on another")


def _defaults(answer):
    p = np.zeros(1)
    optimizer = answer([p])
    for g in (1.0, -2.0):
        optimizer.step([np.array([g])])
    expected = -1e-3 - 1e-3 * ((0.09 - 0.2) / 0.19) / math.sqrt((0.999e-3 + 4e-3) / 1.999e-3)
    same(p, [expected], "lr, betas and eps as they are by default, gradients 1 and -2", rtol=1e-6)


def _wrong_adam(
    mean=lambda b, m, g: b * m + (1 - b) * g,
    square=lambda b, v, g: b * v + (1 - b) * g * g,
    step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / (np.sqrt(v / c2) + eps),
    counts=lambda t, i: t + (i == 0),
    keeps_corrected=False,
    swapped=False,
    shared=False,
    in_place=True,
    begin=0,
    of_mean=False,
    correction=lambda b, t: 1 - b**t,
    first_rate=False,
    fixed=False,
):
    """An Adam with something wrong in it."""

    class Adam:
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            self.params, self.lr, self.eps, self.t = params, lr, eps, begin
            self.m = [0.0] * len(params)
            self.v, self.first = list(self.m), lr
            self.betas = (0.9, 0.999) if fixed else betas

        def step(self, grads):
            b1, b2 = self.betas[::-1] if swapped else self.betas
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                at = 0 if shared else i
                m, v = (np.resize(x[at], g.shape) if shared else x[at] for x in (self.m, self.v))
                self.t = counts(self.t, i)
                m = mean(b1, m, g)
                v = square(b2, v, m if of_mean else g)
                c1, c2 = (correction(b, self.t) for b in (b1, b2))
                change = step(self.first if first_rate else self.lr, m, v, c1, c2, self.eps)
                self.m[at], self.v[at] = (m / c1, v / c2) if keeps_corrected else (m, v)
                if in_place:
                    p -= change
                else:
                    self.params[i] = p - change

    return Adam


def _one_list():
    """An Adam whose m and v are the same arrays."""

    class Adam(_wrong_adam()):
        def step(self, grads):
            b1, b2 = self.betas
            self.t += 1
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                m = v = self.m[i] = b2 * (b1 * self.m[i] + (1 - b1) * g) + (1 - b2) * g * g
                with np.errstate(all="ignore"):
                    p -= self.lr * (m / (1 - b1**self.t)) / (np.sqrt(v / (1 - b2**self.t)) + self.eps)

    return Adam


Adam = Tried(
    minutes=25,
    level=3,
    hints=(
        "In __init__: self.t = 0, and lists self.m and self.v with np.zeros_like(p) for each parameter.",
        "In step: count t up once. Then for each parameter: m, v, and p, in this order, with zip over the four lists.",
        "`m *= b1` and `m += (1 - b1) * g` write into the array that is kept. Never write m / (1 - b1**t) back into it.",
        "In the first step m / (1 - b1) is g, and v / (1 - b2) is g^2: so the step is lr times the sign of g. Try it by hand.",
    ),
    why="m over the root of v has no unit: the step is about lr, whatever the size of the gradients. Dividing by 1 - b^t makes "
    "true means of the first few gradients, though m and v began at 0.",
    properties=(
        in_place(_adam),
        own_steps(_adam),
        Property(
            "the first step is lr, against the gradient's sign, whatever its size",
            _first_step,
            "In the first step m / (1 - b1) is g, and v / (1 - b2) is g^2: the quotient of m and the root of v is g's sign.",
        ),
        Property(
            "a gradient that never changes gives steps that never change",
            _steady,
            "The corrected means of a constant gradient are the gradient and its square, in every step: t counts the steps.",
        ),
        Property(
            "it is right for random gradients",
            _adam_history([0.1] * 5, "lr = 0.1, betas = (0.8, 0.95), random gradients"),
            "m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2 for each parameter; both are kept uncorrected.",
        ),
        Property(
            "eps is added to the root",
            _adam_history([0.1] * 5, "gradients around 1e-8, eps = 1e-8", size=1e-8),
            "First v / (1 - b2^t), then its root, then + eps.",
        ),
        Property(
            "the learning rate may change between steps",
            _adam_history(RATES, f"random gradients, lr = {RATES}"),
            "Read self.lr in each step; m and v do not contain it.",
        ),
        Property("two optimizers do not disturb each other", _two_at_once, KEPT),
        Property(
            "the defaults are Adam's own",
            _defaults,
            "lr=1e-3, betas=(0.9, 0.999), eps=1e-8: leave the line `def __init__` as it was.",
        ),
        grads_stay(_adam),
        lists_stay(_adam),
        returns_nothing(_adam),
    ),
    examples=lambda rng: ((3, 1.0), (4, 1e-8)),
    trial=try_with(_adam),
    mistakes={
        "This walks uphill: p - lr ...": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: -lr * (m / c1) / (np.sqrt(v / c2) + eps)
        ),
        "m and v begin at 0 and are too small at first: divide them by 1 - b1^t and 1 - b2^t.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * m / (np.sqrt(v) + eps)
        ),
        "v is not corrected: divide it by 1 - b2^t before the root.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / (np.sqrt(v) + eps)
        ),
        "m is not corrected: divide it by 1 - b1^t.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * m / (np.sqrt(v / c2) + eps)
        ),
        "The root is missing: divide by sqrt(v), not by v.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / (v / c2 + eps)
        ),
        "eps belongs outside the root: sqrt(v / (1 - b2^t)) + eps.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / np.sqrt(v / c2 + eps)
        ),
        "eps is missing: where all gradients are tiny, or 0, the division must not blow them up.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / np.sqrt(v / c2)
        ),
        "eps stands behind the fraction, and is added to the step: the root and eps need brackets.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / np.sqrt(v / c2) + eps
        ),
        "v is the mean of the gradient's square, g * g; here it is the mean of g.": _wrong_adam(
            square=lambda b, v, g: b * v + (1 - b) * g
        ),
        "The betas are swapped: the first belongs to m, the second to v.": _wrong_adam(swapped=True),
        "The weights of old and new are swapped: b m + (1 - b) g.": _wrong_adam(
            mean=lambda b, m, g: (1 - b) * m + b * g, square=lambda b, v, g: (1 - b) * v + b * g * g
        ),
        "The new gradient counts (1 - b): these are running means, not sums.": _wrong_adam(
            mean=lambda b, m, g: b * m + g, square=lambda b, v, g: b * v + g * g
        ),
        "t counts steps, not parameters: count it up once, before the loop.": _wrong_adam(
            counts=lambda t, i: t + 1
        ),
        "t is counted up after the step, so that in the first 1 - b^t is 0: count it up before.": _wrong_adam(
            begin=-1
        ),
        "t must grow by one with every step.": _wrong_adam(counts=lambda t, i: 1),
        "The corrected means are written back; m and v themselves must stay uncorrected.": _wrong_adam(
            keeps_corrected=True
        ),
        "All parameters share their means; each needs its own.": _wrong_adam(shared=True),
        "Each beta multiplies the new part, too: m <- b1 m + (1 - b1) g.": _wrong_adam(
            mean=lambda b, m, g: b * (m + g), square=lambda b, v, g: b * (v + g * g)
        ),
        "The new part of v has no (1 - b2): v <- b2 v + (1 - b2) g^2.": _wrong_adam(
            square=lambda b, v, g: b * v + g * g
        ),
        "The new part of m has no (1 - b1): m <- b1 m + (1 - b1) g.": _wrong_adam(
            mean=lambda b, m, g: b * m + g
        ),
        "(1 - b2) is squared together with g: (1 - b2) g^2.": _wrong_adam(
            square=lambda b, v, g: b * v + ((1 - b) * g) ** 2
        ),
        "v is made of m; it is the mean of the gradient's square, g * g.": _wrong_adam(of_mean=True),
        "v is the mean of |g|; it is that of g * g.": _wrong_adam(
            square=lambda b, v, g: b * v + (1 - b) * abs(g)
        ),
        "The old m or v is not kept: the new one is b times the old one, and (1 - b) times what is new.": (
            _wrong_adam(mean=lambda b, m, g: (1 - b) * g),
            _wrong_adam(square=lambda b, v, g: (1 - b) * g * g),
            _wrong_adam(mean=lambda b, m, g: (1 - b) * g, square=lambda b, v, g: (1 - b) * g * g),
        ),
        "The corrections are multiplied; divide by 1 - b^t.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m * c1) / (np.sqrt(v * c2) + eps)
        ),
        "The corrections are exchanged: m is divided by 1 - b1^t, v by 1 - b2^t.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c2) / (np.sqrt(v / c1) + eps)
        ),
        "v is divided by its correction after the root; first divide, then take the root.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / (np.sqrt(v) / c2 + eps)
        ),
        "1 - b * t stands where 1 - b ** t should.": _wrong_adam(correction=lambda b, t: 1 - b * t),
        "The corrections are those of step t - 1 or t + 1: count t up once, before they are computed.": (
            _wrong_adam(correction=lambda b, t: 1 - b ** (t + 1)),
            _wrong_adam(correction=lambda b, t: 1 - b ** max(t - 1, 1)),
        ),
        "eps is added to v before it is corrected; it belongs outside the root.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / np.sqrt((v + eps) / c2)
        ),
        "eps is added to the root before the correction, as in the paper's second form; here it is added last.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) / ((np.sqrt(v) + eps) / np.sqrt(c2))
        ),
        "The step is not divided by the root of v: this is momentum alone.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * m / c1
        ),
        "It multiplies by the root of v; divide by it.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: lr * (m / c1) * (np.sqrt(v / c2) + eps)
        ),
        "Only the sign of m counts here.": _wrong_adam(step=lambda lr, m, v, c1, c2, eps: lr * np.sign(m)),
        "The learning rate is missing in Adam's step.": _wrong_adam(
            step=lambda lr, m, v, c1, c2, eps: (m / c1) / (np.sqrt(v / c2) + eps)
        ),
        "The learning rate of the first step stays: read self.lr in each step.": _wrong_adam(first_rate=True),
        "The betas are always 0.9 and 0.999 here: use what was given.": _wrong_adam(fixed=True),
        "m and v are one list here, so that each writes over the other: make two.": _one_list(),
        "The step uses g; it should use the running mean m.": _wrong_adam(
            mean=lambda b, m, g: g, step=lambda lr, m, v, c1, c2, eps: lr * m / (np.sqrt(v / c2) + eps)
        ),
        "`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.": _wrong_adam(
            in_place=False
        ),
    },
)
