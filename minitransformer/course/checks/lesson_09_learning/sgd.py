"""What must be true of SGD."""

import numpy as np

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
from minitransformer.course.properties import Tried


def _sgd(answer, params, momentum=0.9):
    return answer(params, lr=0.1, momentum=momentum)


def _plain_step(answer):
    grads = [[np.array([1.0, -2.0])]] * 2
    steps(
        answer,
        lambda a, p: _sgd(a, p, 0.0),
        [np.zeros(2)],
        grads,
        [[[-0.1, 0.2]], [[-0.2, 0.4]]],
        "lr = 0.1, no momentum, gradient (1, -2)",
    )


def _gathering(answer):
    expected = [[[-0.1]], [[-0.29]], [[-0.561]]]  # v: 1, 1.9, 2.71
    steps(answer, _sgd, [np.zeros(1)], [[np.ones(1)]] * 3, expected, "lr = 0.1, momentum = 0.9, gradient 1")


def _sgd_loops(start, grads, rates, momentum=0.9):
    """One number at a time, from the definition: v is the sum of all gradients so far, faded by momentum^age."""
    p = [q.copy() for q in start]
    out = []
    for i in range(len(grads)):
        for j, q in enumerate(p):
            q -= rates[i] * sum(momentum ** (i - k) * grads[k][j] for k in range(i + 1))
        out.append([q.copy() for q in p])
    return out


def _sgd_history(rates, what):
    def holds(answer):
        start, grads = history(np.random.default_rng(5))
        steps(answer, _sgd, start, grads, _sgd_loops(start, grads, rates), what, rates)

    return holds


def _wrong_sgd(
    velocity=lambda mu, v, g: mu * v + g,
    move=lambda lr, mu, v, g: lr * v,
    in_place=True,
    shared=False,
    forgets=False,
    rate_inside=False,
    first_rate=False,
):
    """An SGD with something wrong in it."""

    class SGD:
        def __init__(self, params, lr, momentum=0.0):
            self.params = params
            self.lr = lr
            self.momentum = momentum
            self.v = [0.0] * len(params)
            self.first = lr

        def step(self, grads):
            rate = self.first if first_rate else self.lr
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                at = 0 if shared else i
                before = np.resize(self.v[at], g.shape) if shared else self.v[at]
                v = velocity(self.momentum, before, rate * g if rate_inside else g)
                self.v[at] = 0.0 if forgets else v
                change = move(1.0 if rate_inside else rate, self.momentum, v, g)
                if in_place:
                    p -= change
                else:
                    self.params[i] = p - change

    return SGD


def _late_sgd():
    """An SGD that steps first, and then computes the velocity."""

    class SGD(_wrong_sgd()):
        def step(self, grads):
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                p -= self.lr * self.v[i]
                self.v[i] = self.momentum * self.v[i] + g

    return SGD


SGD = Tried(
    minutes=15,
    level=1,
    hints=(
        "For each parameter in turn: the new velocity first, then the parameter, with zip(self.params, self.velocities, grads).",
        "`p -= change` writes into the array that the model holds. So does `v *= self.momentum`, and `v += g` after it.",
        "The velocity must still be there in the next step: keep it in self.velocities, one for each parameter.",
    ),
    why="The velocity is a fading sum of all gradients: along a valley they add up, across it they cancel.",
    properties=(
        in_place(_sgd),
        own_steps(_sgd),
        Property(
            "without momentum it goes lr times the gradient, downhill",
            _plain_step,
            "With self.momentum 0 the velocity is the gradient, so that p <- p - lr g: no other momentum is used, such as 0.9.",
        ),
        Property(
            "with momentum the steps gather speed",
            _gathering,
            "v is 1, then 0.9 + 1, then 0.9 * 1.9 + 1; each step is lr times v.",
        ),
        Property(
            "every parameter has its own velocity",
            _sgd_history([0.1] * 5, "random gradients, lr = 0.1, momentum = 0.9"),
            "Keep one velocity for each parameter, in a list, from step to step.",
        ),
        Property(
            "the learning rate may change between steps",
            _sgd_history(RATES, f"momentum = 0.9, random gradients, lr = {RATES}"),
            "Read self.lr in each step, and multiply the whole velocity by it.",
        ),
        grads_stay(_sgd),
        lists_stay(_sgd),
        returns_nothing(_sgd),
    ),
    examples=lambda rng: ((3, 1.0), (4, 0.1)),
    trial=try_with(_sgd),
    mistakes={
        "This walks uphill: p - lr v.": _wrong_sgd(move=lambda lr, mu, v, g: -lr * v),
        "There is no momentum here: keep the velocity from step to step, and step by it.": _wrong_sgd(
            forgets=True
        ),
        "The learning rate is missing.": _wrong_sgd(move=lambda lr, mu, v, g: v),
        "The gradient counts (1 - momentum) here; in v <- momentum v + g it counts whole.": _wrong_sgd(
            velocity=lambda mu, v, g: mu * v + (1 - mu) * g
        ),
        "Momentum multiplies the new gradient too: v <- momentum v + g, not momentum (v + g).": _wrong_sgd(
            velocity=lambda mu, v, g: mu * (v + g)
        ),
        "Velocity and gradient are mixed up: it is the old velocity that is multiplied by momentum.": _wrong_sgd(
            velocity=lambda mu, v, g: v + mu * g
        ),
        "The old velocity is subtracted; v <- momentum v + g.": _wrong_sgd(
            velocity=lambda mu, v, g: g - mu * v
        ),
        "(1 - momentum) multiplies the old velocity; it is momentum itself.": _wrong_sgd(
            velocity=lambda mu, v, g: (1 - mu) * v + g
        ),
        "Old velocity and gradient have each other's factor: v <- momentum v + g.": _wrong_sgd(
            velocity=lambda mu, v, g: (1 - mu) * v + mu * g
        ),
        "The old velocity is not multiplied by momentum, so that all gradients count the same.": _wrong_sgd(
            velocity=lambda mu, v, g: v + g
        ),
        "The old velocity is kept whole, and momentum times it is added: v <- momentum v + g.": _wrong_sgd(
            velocity=lambda mu, v, g: v + mu * v + g
        ),
        "The step uses the old velocity: compute the new one first.": _late_sgd(),
        "The gradient is added to the step once more: p <- p - lr v.": _wrong_sgd(
            move=lambda lr, mu, v, g: lr * (v + g)
        ),
        "The learning rate is used twice, in the velocity and in the step.": _wrong_sgd(
            rate_inside=True, move=lambda lr, mu, v, g: 0.1 * v
        ),
        "Only the sign of the velocity counts here: the step is lr v.": _wrong_sgd(
            move=lambda lr, mu, v, g: lr * np.sign(v)
        ),
        "It divides by the learning rate; multiply by it.": _wrong_sgd(move=lambda lr, mu, v, g: v / lr),
        "The learning rate of the first step stays: read self.lr in each step.": _wrong_sgd(first_rate=True),
        "This is Nesterov's form, which looks ahead: here p changes by lr v.": _wrong_sgd(
            move=lambda lr, mu, v, g: lr * (g + mu * v)
        ),
        "The learning rate is inside the velocity: when it changes, old steps keep the old one.": _wrong_sgd(
            rate_inside=True
        ),
        "All parameters share one velocity; each needs its own.": _wrong_sgd(shared=True),
        "`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.": _wrong_sgd(
            in_place=False
        ),
    },
)
