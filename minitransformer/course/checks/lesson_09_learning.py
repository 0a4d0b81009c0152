"""What must be true of a loss, of its gradient, and of what takes the steps."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, is_vjp_of, keeps_float32, keeps_its_inputs, returns, same


def _batch(rng):
    return rng.normal(size=(4, 5)) * 2, np.array([3, 0, 3, 1])


def _large(rng):
    return np.array([[1000.0, 0.0, -1000.0], [-2900.0, -2000.0, -1100.0]]), np.array([1, 2])


def _surprise(logits, targets):
    """The loss in Python's own numbers, one row after the other."""
    total = []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        top = max(row)
        total.append(math.log(math.fsum(math.exp(x - top) for x in row)) + top - row[target])
    return np.array(math.fsum(total) / len(total))


def _equal_scores(answer):
    for n in (2, 10):
        same(answer(np.full((3, n), 7.0), np.array([0, 1, 1])), math.log(n), f"the loss of {n} equal scores, ln {n}")


def _sure_and_right(answer):
    same(answer(np.array([[50.0, 0.0]]), np.array([0])) + 1, 1.0, "1 + the loss where the right class is all but certain")


NO_INFINITY = (
    "exp(1000) is infinite, and ln of a share that rounds to 0 is -inf: "
    "neither occurs in x_i - m - ln(sum), with m the row's own maximum."
)


def _sure_and_wrong(answer):
    with np.errstate(all="ignore"):
        got = answer(*_large(None))
    if got is not None and not np.isfinite(got).all():
        raise Failed(f"the loss of a row that is wrong by 1000 became {got}", hint=NO_INFINITY)
    same(got, 500.0, "the mean loss of two rows, one wrong by 1000, one right by 900")


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _wrong_loss(axis=-1, log=np.log, pick=None, total=np.mean, shares=_softmax, sign=-1):
    """Cross-entropy with something wrong in it."""
    pick = pick or (lambda table, targets: table[np.arange(len(targets)), targets])
    return lambda logits, targets: sign * total(pick(log(shares(logits, axis)), targets))


cross_entropy = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Three steps: the logarithm of softmax of each row, (N, V); each row's entry of the right class, (N,); minus their mean.",
        "log_p[np.arange(N), targets] takes one entry of each row: (0, targets[0]), (1, targets[1]), and so on.",
        "ln(exp(x_i - m) / sum) = x_i - m - ln(sum): the exponential and the logarithm cancel, so take neither of x_i.",
    ),
    why="With the logarithm taken inside, no share ever rounds to 0; a model that is wrong by 1000 pays 1000, and not infinity.",
    properties=(
        Property("equal scores cost ln V", _equal_scores),
        Property("being right and certain costs nothing", _sure_and_right),
        returns("values are right", _batch, _surprise),
        Property("being wrong and certain costs a lot, but no infinity", _sure_and_wrong),
        keeps_its_inputs(_batch),
        keeps_float32(_batch),
    ),
    examples=lambda rng: (_batch(rng), _batch(rng)),
    mistakes={
        "The sum over the rows is to be divided by N: the mean.": _wrong_loss(total=np.sum),
        "These are the losses of all rows; one number is wanted, their mean.": _wrong_loss(total=lambda t: t),
        "The sign is turned: the logarithm of a share is negative, and the loss is minus that.": _wrong_loss(sign=1),
        "`log_p[:, targets]` takes N entries of every row; `log_p[np.arange(N), targets]` takes one of each.": _wrong_loss(
            pick=lambda table, targets: table[:, targets]
        ),
        "The mean goes over all N x V entries; there are N losses, one for each row.": _wrong_loss(
            pick=lambda table, targets: table * (np.arange(table.shape[1]) == targets[:, None])
        ),
        "Every class counts here; only the right one's share matters.": _wrong_loss(pick=lambda table, targets: table),
        "Softmax goes down the columns; the classes of a row are along the last axis.": _wrong_loss(axis=0),
        "The logarithm is missing: this is minus the mean share.": _wrong_loss(log=lambda p: p),
        "The logarithm is to base 2; ln is np.log.": _wrong_loss(log=lambda p: np.log(p) / np.log(2)),
        "Softmax is missing: these are the scores, not the logarithms of shares.": _wrong_loss(
            log=lambda p: p, shares=lambda x, axis: x
        ),
    },
)


def _halves(answer):
    same(answer(1.0, np.zeros((1, 2)), np.array([1])), [[0.5, -0.5]], "the gradient where two scores are equal")


def _rows_sum_to_zero(answer):
    logits, targets = _batch(np.random.default_rng(2))
    same(answer(1.0, logits, targets).sum(-1) + 1, np.ones(4), "1 + the sum of each row of the gradient")


def _large_scores(answer):
    with np.errstate(all="ignore"):
        got = answer(2.0, *_large(None))
    if got is not None and np.isnan(got).any():
        hint = "exp(1000) is infinite, and infinite by infinite is nan: take off the row's maximum first."
        raise Failed("the gradient for scores around 1000 is nan", hint=hint)
    same(got, [[1, -1, 0], [0, 0, 0]], "the gradient for scores around 1000")


def _with_g(rng):
    return 1.5, *_batch(rng)


def _wrong_vjp(axis=-1, share=True, right=1.0, scale=lambda g, n, v: g / n, pick=None):
    """The gradient of cross-entropy with something wrong in it."""

    def cross_entropy_vjp(g, logits, targets):
        p = _softmax(logits, axis)
        hit = np.arange(logits.shape[1]) == targets[:, None] if pick is None else pick(p, targets)
        return ((p if share else 0) - right * hit) * scale(g, *logits.shape)

    return cross_entropy_vjp


cross_entropy_vjp = Exercise(
    minutes=15,
    level=2,
    hints=(
        "For one row: ln p_t = x_t - ln sum_j exp(x_j). The slope of the second part in x_i is p_i.",
        "So -ln p_t has the slope p_i in x_i, and one less where i is the right class. Each row counts 1/N, by the mean.",
        "p[np.arange(N), targets] -= 1 takes 1 from one entry of each row. Then multiply by g / N.",
    ),
    why="Guess minus truth: the error itself is the gradient, never larger than 1, and never vanishing while the guess is wrong.",
    properties=(
        Property("two equal scores give a half each way", _halves),
        Property("every row sums to 0: what one class gains the others lose", _rows_sum_to_zero),
        is_vjp_of(
            "it is the gradient, with any g, on every element",
            lambda logits, targets: _surprise(logits, targets),
            _batch,
            wrt=(0,),
        ),
        Property("large scores do not overflow", _large_scores),
        keeps_its_inputs(_with_g),
        keeps_float32(_with_g),
    ),
    examples=lambda rng: (_with_g(rng), _with_g(rng)),
    mistakes={
        "The mean is forgotten: divide by N.": _wrong_vjp(scale=lambda g, n, v: g),
        "Divide by N, the number of rows, not by all N x V entries.": _wrong_vjp(scale=lambda g, n, v: g / (n * v)),
        "The sign is turned: it is the guess minus the truth.": _wrong_vjp(scale=lambda g, n, v: -g / n),
        "g is left out: right only where the end result is the loss itself.": _wrong_vjp(scale=lambda g, n, v: 1 / n),
        "The right class is missing: one less there.": _wrong_vjp(right=0.0),
        "The shares are missing: the scores of the wrong classes must fall.": _wrong_vjp(share=False),
        "This is the gradient in the shares, -1/p; in the scores it is p minus 1 at the right class.": _wrong_vjp(
            share=False, pick=lambda p, targets: (np.arange(p.shape[1]) == targets[:, None]) / p
        ),
        "Only the right class gets a gradient here; the others' scores must fall.": _wrong_vjp(
            share=False, pick=lambda p, targets: (np.arange(p.shape[1]) == targets[:, None]) * (1 - p)
        ),
        "`p[:, targets] -= 1` changes every row at all targets; `p[np.arange(N), targets]` is one of each row.": _wrong_vjp(
            pick=lambda p, targets: np.isin(np.arange(p.shape[1]), targets)[None, :]
        ),
        "Softmax goes down the columns; the classes of a row are along the last axis.": _wrong_vjp(axis=0),
    },
)


def _run(make, start, grads, rates=None):
    """The parameters after each step, as the model's own arrays show them: a list of lists."""
    params = [p.copy() for p in start]
    optimizer, seen = make(list(params)), []
    for i, now in enumerate(grads):
        if rates is not None:
            optimizer.lr = rates[i]
        with np.errstate(all="ignore"):
            optimizer.step([g.copy() for g in now])
        seen.append([p.copy() for p in params])
    return seen


def _steps(answer, make, start, grads, expected, what, rates=None, rtol=1e-7):
    for i, (got, right) in enumerate(zip(_run(lambda p: make(answer, p), start, grads, rates), expected, strict=True)):
        for j, (p, q) in enumerate(zip(got, right, strict=True)):
            same(p, q, f"{what}: parameter {j} after step {i + 1}", rtol)


def _history(rng, count=5, size=1.0):
    """Two parameters of different shapes, and gradients for some steps."""
    start = [rng.normal(size=(2, 3)), rng.normal(size=4)]
    return start, [[rng.normal(size=p.shape) * size for p in start] for _ in range(count)]


def _in_place(make):
    def holds(answer):
        w = np.array([1.0, -2.0])
        with np.errstate(all="ignore"):
            make(answer, [w]).step([np.array([1.0, 1.0])])
        if np.array_equal(w, [1.0, -2.0]):
            raise Failed(
                "the array handed in stays as it was",
                hint="`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.",
            )

    return Property("it writes into the model's own arrays", holds)


def _grads_stay(make):
    def holds(answer):
        w, g = np.array([1.0, -2.0]), np.array([3.0, 4.0])
        optimizer = make(answer, [w])
        for _ in range(3):
            optimizer.step([g])
            if not np.array_equal(g, [3.0, 4.0]):
                hint = (
                    "The gradient array was changed: `v = g` keeps the array itself, and `v *= ...` then writes into it. Copy it."
                )
                raise Failed(f"the gradient became {g.tolist()}, it was [3.0, 4.0]", hint=hint)

    return Property("it leaves the gradients as they were", holds)


RATES = (0.1, 0.1, 0.02, 0.02, 0.05)


def _sgd(answer, params, momentum=0.9):
    return answer(params, lr=0.1, momentum=momentum)


def _plain_step(answer):
    grads = [[np.array([1.0, -2.0])]] * 2
    _steps(
        answer,
        lambda a, p: _sgd(a, p, 0.0),
        [np.zeros(2)],
        grads,
        [[[-0.1, 0.2]], [[-0.2, 0.4]]],
        "lr = 0.1, no momentum, gradient (1, -2)",
    )


def _gathering(answer):
    expected = [[[-0.1]], [[-0.29]], [[-0.561]]]  # v: 1, 1.9, 2.71
    _steps(answer, _sgd, [np.zeros(1)], [[np.ones(1)]] * 3, expected, "lr = 0.1, momentum = 0.9, gradient 1")


def _sgd_loops(start, grads, rates, momentum=0.9):
    """One number at a time, from the definition: v is the sum of all gradients so far, faded by momentum^age."""
    p, out = [q.copy() for q in start], []
    for i in range(len(grads)):
        for j, q in enumerate(p):
            q -= rates[i] * sum(momentum ** (i - k) * grads[k][j] for k in range(i + 1))
        out.append([q.copy() for q in p])
    return out


def _sgd_history(rates, what):
    def holds(answer):
        start, grads = _history(np.random.default_rng(5))
        _steps(answer, _sgd, start, grads, _sgd_loops(start, grads, rates), what, rates)

    return holds


def _wrong_sgd(
    velocity=lambda mu, v, g: mu * v + g,
    move=lambda lr, mu, v, g: lr * v,
    in_place=True,
    shared=False,
    forgets=False,
    rate_inside=False,
):
    """An SGD with something wrong in it."""

    class SGD:
        def __init__(self, params, lr, momentum=0.0):
            self.params, self.lr, self.momentum = params, lr, momentum
            self.v = [0.0] * len(params)

        def step(self, grads):
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                at = 0 if shared else i
                before = np.resize(self.v[at], g.shape) if shared else self.v[at]
                v = velocity(self.momentum, before, self.lr * g if rate_inside else g)
                self.v[at] = 0.0 if forgets else v
                change = move(1.0 if rate_inside else self.lr, self.momentum, v, g)
                if in_place:
                    p -= change
                else:
                    self.params[i] = p - change

    return SGD


def _try(make):
    """What an optimizer does to two parameters when the learning rate changes on the way."""

    def trial(answer, seed, size):
        start, grads = _history(np.random.default_rng(seed), size=size)
        return np.concatenate([p.ravel() for ps in _run(lambda p: make(answer, p), start, grads, RATES) for p in ps])

    return trial


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
        _in_place(_sgd),
        Property("without momentum it goes lr times the gradient, downhill", _plain_step),
        Property("with momentum the steps gather speed", _gathering),
        Property("every parameter has its own velocity", _sgd_history([0.1] * 5, "random gradients, lr = 0.1, momentum = 0.9")),
        Property(
            "the learning rate may change between steps", _sgd_history(RATES, f"momentum = 0.9, random gradients, lr = {RATES}")
        ),
        _grads_stay(_sgd),
    ),
    examples=lambda rng: ((3, 1.0), (4, 0.1)),
    trial=_try(_sgd),
    mistakes={
        "This walks uphill: p - lr v.": _wrong_sgd(move=lambda lr, mu, v, g: -lr * v),
        "There is no momentum here: keep the velocity from step to step, and step by it.": _wrong_sgd(forgets=True),
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
        "This is Nesterov's form, which looks ahead: here p moves by lr v.": _wrong_sgd(
            move=lambda lr, mu, v, g: lr * (g + mu * v)
        ),
        "The learning rate is inside the velocity: when it changes, old steps keep the old one.": _wrong_sgd(rate_inside=True),
        "All parameters share one velocity; each needs its own.": _wrong_sgd(shared=True),
        "`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.": _wrong_sgd(
            in_place=False
        ),
    },
)


def _adam(answer, params):
    return answer(params, lr=0.1, betas=(0.8, 0.95), eps=1e-8)


def _adam_loops(start, grads, rates, betas=(0.8, 0.95), eps=1e-8):
    """One number at a time: weighted means of all gradients so far, the weights b^age, divided by their sum."""
    p, out = [q.copy() for q in start], []
    for t in range(len(grads)):
        for j, q in enumerate(p):
            for i in np.ndindex(q.shape):
                past = [float(grads[k][j][i]) for k in range(t + 1)]
                m, v = (
                    math.fsum(b ** (t - k) * x**n for k, x in enumerate(past)) / math.fsum(b**k for k in range(t + 1))
                    for b, n in zip(betas, (1, 2), strict=True)
                )
                q[i] -= rates[t] * m / (math.sqrt(v) + eps)
        out.append([q.copy() for q in p])
    return out


def _first_step(answer):
    expected = [[[-0.1, 0.1, -0.1]]]
    for size in (1000.0, 1.0, 0.001):
        what = f"lr = 0.1, the gradient ({size:g}, {-size:g}, {size / 10:g})"
        _steps(answer, _adam, [np.zeros(3)], [[np.array([size, -size, size / 10])]], expected, what, rtol=1e-3)


def _steady(answer):
    expected = [[[-0.1 * t]] for t in (1, 2, 3)]
    _steps(answer, _adam, [np.zeros(1)], [[np.full(1, 5.0)]] * 3, expected, "lr = 0.1, the gradient always 5", rtol=1e-6)


def _adam_history(rates, what, size=1.0):
    def holds(answer):
        start, grads = _history(np.random.default_rng(6), size=size)
        _steps(answer, _adam, start, grads, _adam_loops(start, grads, rates), what, rates)

    return holds


def _two_at_once(answer):
    a, b = np.zeros(1), np.zeros(1)
    first, second = _adam(answer, [a]), _adam(answer, [b])
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
):
    """An Adam with something wrong in it."""

    class Adam:
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            self.params, self.lr, self.betas, self.eps, self.t = params, lr, betas, eps, begin
            self.m, self.v = [0.0] * len(params), [0.0] * len(params)

        def step(self, grads):
            b1, b2 = self.betas[::-1] if swapped else self.betas
            for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
                at = 0 if shared else i
                m, v = (np.resize(x[at], g.shape) if shared else x[at] for x in (self.m, self.v))
                self.t = counts(self.t, i)
                m, v = mean(b1, m, g), square(b2, v, g)
                c1, c2 = 1 - b1**self.t, 1 - b2**self.t
                change = step(self.lr, m, v, c1, c2, self.eps)
                self.m[at], self.v[at] = (m / c1, v / c2) if keeps_corrected else (m, v)
                if in_place:
                    p -= change
                else:
                    self.params[i] = p - change

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
        _in_place(_adam),
        Property("the first step is lr, against the gradient's sign, whatever its size", _first_step),
        Property("a gradient that never changes gives steps that never change", _steady),
        Property("it is right for random gradients", _adam_history([0.1] * 5, "lr = 0.1, betas = (0.8, 0.95), random gradients")),
        Property("eps is added to the root", _adam_history([0.1] * 5, "gradients around 1e-8, eps = 1e-8", size=1e-8)),
        Property("the learning rate may change between steps", _adam_history(RATES, f"random gradients, lr = {RATES}")),
        Property("two optimizers do not disturb each other", _two_at_once),
        Property("the defaults are Adam's own", _defaults),
        _grads_stay(_adam),
    ),
    examples=lambda rng: ((3, 1.0), (4, 1e-8)),
    trial=_try(_adam),
    mistakes={
        "This walks uphill: p - lr ...": _wrong_adam(step=lambda lr, m, v, c1, c2, eps: -lr * (m / c1) / (np.sqrt(v / c2) + eps)),
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
        "t counts steps, not parameters: count it up once, before the loop.": _wrong_adam(counts=lambda t, i: t + 1),
        "t is counted up after the step, so that in the first 1 - b^t is 0: count it up before.": _wrong_adam(begin=-1),
        "t must grow by one with every step.": _wrong_adam(counts=lambda t, i: 1),
        "The corrected means are written back; m and v themselves must stay uncorrected.": _wrong_adam(keeps_corrected=True),
        "All parameters share their means; each needs its own.": _wrong_adam(shared=True),
        "The step uses g; it should use the running mean m.": _wrong_adam(
            mean=lambda b, m, g: g, step=lambda lr, m, v, c1, c2, eps: lr * m / (np.sqrt(v / c2) + eps)
        ),
        "`p = p - ...` makes a new array that the model never sees; `p -= ...` writes into the model's own.": _wrong_adam(
            in_place=False
        ),
    },
)


def _lists(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 3)), rng.normal(size=4), rng.normal(size=())[None]]


def _long(grads):
    return math.sqrt(math.fsum(float(x) ** 2 for g in grads for x in g.ravel()))


def _clipped(answer):
    grads = [np.array([3.0]), np.array([[4.0]])]
    norm = answer(list(grads), 1.0)
    same(norm, 5.0, "the norm of (3, 4)", rtol=1e-5)
    same([grads[0][0], grads[1][0, 0]], [0.6, 0.8], "(3, 4) shortened to length 1", rtol=1e-5)


def _many(answer):
    grads = _lists(1)
    before, norm = [g.copy() for g in grads], _long(grads)
    same(answer(grads, 0.5), norm, "the norm before", rtol=1e-5)
    for i, (g, was) in enumerate(zip(grads, before, strict=True)):
        same(g, was * 0.5 / norm, f"gradient {i}, all being shortened together", rtol=1e-5)


def _short(answer):
    grads = _lists(2)
    before, norm = [g.copy() for g in grads], _long(grads)
    same(answer(grads, 2 * norm), norm, "the norm where nothing is to be clipped", rtol=1e-5)
    for i, (g, was) in enumerate(zip(grads, before, strict=True)):
        same(g, was, f"gradient {i}, short enough as it is", rtol=1e-12)


def _zeros(answer):
    grads = [np.zeros(3)]
    with np.errstate(all="ignore"):
        same(answer(grads, 1.0), 0.0, "the norm of zeros")
    if not np.array_equal(grads[0], np.zeros(3)):
        hint = "max_norm / 0 is infinite, and 0 times that is nan: clip only where the norm is above max_norm."
        raise Failed(f"a gradient of zeros became {grads[0].tolist()}", hint=hint)


def _wrong_clip(norm=_long, factor=lambda n, m: min(1.0, m / n), result=lambda n, f: n, each=False, in_place=True):
    """Clipping with something wrong in it."""

    def clip_grad_norm(grads, max_norm):
        with np.errstate(all="ignore"):
            n = np.float64(norm(grads))
            f = factor(n, max_norm)
            for i, g in enumerate(grads):
                new = g * (factor(np.float64(norm([g])), max_norm) if each else f)
                if in_place:
                    g[...] = new
                else:
                    grads[i] = new
            return result(n, f)

    return clip_grad_norm


def _by_value(grads, max_norm):
    n = _long(grads)
    for g in grads:
        np.clip(g, -max_norm, max_norm, out=g)
    return n


def _try_clip(answer, seed, max_norm):
    mine = _lists(seed)
    with np.errstate(all="ignore"):
        norm = answer(list(mine), max_norm)
    return np.array([math.nan if norm is None else norm, *(x for g in mine for x in g.ravel())], dtype=float)


clip_grad_norm = Tried(
    minutes=10,
    level=1,
    hints=(
        "First the norm: add the squares of all entries of all arrays, then one root.",
        "Then one factor for all of them, max_norm / norm, but never above 1: short gradients stay as they are.",
        "`g *= factor` writes into the array; `g = g * factor` does not.",
    ),
    why="One factor for all keeps the direction: the step is shorter, but it still goes straight downhill.",
    properties=(
        Property("it shortens (3, 4) to length 1, in place", _clipped),
        Property("all arrays are shortened together, and the norm before is returned", _many),
        Property("a short gradient stays as it is", _short),
        Property("zeros stay zeros", _zeros),
    ),
    examples=lambda rng: ((1, 0.5), (2, 100.0), (3, 1.0)),
    trial=_try_clip,
    mistakes={
        "Each array is clipped on its own, which turns the direction: one norm, one factor for all.": _wrong_clip(each=True),
        "Short gradients are made longer: the factor must not exceed 1.": _wrong_clip(factor=lambda n, m: m / n),
        "Each entry is clipped on its own, which turns the direction: scale them all by one factor.": _by_value,
        "The root is missing: this is the square of the norm.": _wrong_clip(norm=lambda grads: _long(grads) ** 2),
        "These are absolute values added up; the norm adds squares and takes the root.": _wrong_clip(
            norm=lambda grads: sum(abs(g).sum() for g in grads)
        ),
        "This is the largest entry; the norm adds the squares of all.": _wrong_clip(
            norm=lambda grads: max(abs(g).max() for g in grads)
        ),
        "The norms of the arrays are added; add their squares, and take one root.": _wrong_clip(
            norm=lambda grads: sum(_long([g]) for g in grads)
        ),
        "The norm *after* clipping is returned; wanted is the one before.": _wrong_clip(result=lambda n, f: n * f),
        "The factor is returned; wanted is the norm before.": _wrong_clip(result=lambda n, f: f),
        "The factor is upside down: max_norm / norm.": _wrong_clip(factor=lambda n, m: n / m if n > m else 1.0),
        "The gradients are not changed: `g = g * factor` makes a new array, `g *= factor` writes into the old.": _wrong_clip(
            in_place=False
        ),
    },
)
