"""What must be true of gradients of arrays, and of a check of gradients."""

from functools import partial

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import (
    Tried,
    is_vjp_of,
    keeps_float32,
    keeps_its_inputs,
    one_number,
    same,
    slopes,
)

STRETCHES = (((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (2, 1)), ((2, 3, 4), (3, 1)), ((4, 2, 3), (4, 1, 3)))


def _added(g, shape):
    """Each number of g, added where it came from."""
    return _folded(g, shape, sum)


def _folded(g, shape, fold):
    """Each number of the result, folded from those of g that it was repeated to."""
    places = {}
    for index in np.ndindex(g.shape):
        place = index[g.ndim - len(shape) :]
        home = tuple(0 if n == 1 else i for i, n in zip(place, shape, strict=True))
        places.setdefault(home, []).append(g[index])
    out = np.zeros(shape)
    for home, numbers in places.items():
        out[home] = fold(numbers)
    return out


def _unrepeated(answer):
    g = np.arange(6.0).reshape(2, 3)
    same(answer(g.copy(), (2, 3)), g, "unbroadcast to the shape it has already")
    same(answer(g[:1].copy(), (1, 3)), g[:1], "unbroadcast of a (1, 3) to (1, 3)")


def _stretched(which):
    def holds(answer):
        rng = np.random.default_rng(5)
        for full, shape in which:
            g = rng.normal(size=full)
            same(answer(g.copy(), shape), _added(g, shape), f"unbroadcast of {full} to {shape}")

    return holds


def _gradient_of(full, shape, rng):
    return rng.normal(size=full), shape


def _from_the_left(g, shape):
    """Dimensions of size 1 are looked for from the left, and those in front stay."""
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def _front(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def _ones(g, shape):
    return tuple(d for d in range(-len(shape), 0) if shape[d] == 1)


unbroadcast = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Each number was used as often as it was repeated: add the gradients of all its copies.",
        "Sum over two kinds of dimensions: new ones in front, g.ndim - len(shape) of them, and those of size 1 in `shape`.",
        "g.sum(axis=(0, 2)) sums over several dimensions at once; a final .reshape(shape) brings back those of size 1.",
    ),
    why="Broadcasting uses a number many times, and gradients add where a number is used many times: lesson 01, in an array.",
    properties=(
        Property(
            "what was not repeated stays as it is",
            _unrepeated,
            "Where g has the asked-for shape already, nothing was repeated, also not along a dimension of size 1.",
        ),
        Property(
            "new dimensions in front are summed",
            _stretched(STRETCHES[:1]),
            "NumPy adds new dimensions in front: sum over the first g.ndim - len(shape) dimensions, and they are gone.",
        ),
        Property(
            "repeated dimensions of size 1 are summed, and stay",
            _stretched(STRETCHES[1:3]),
            "Where `shape` has a 1 and g has more, sum over this dimension with keepdims=True, over every such dimension.",
        ),
        Property(
            "both at once, and dimensions in the middle",
            _stretched((*STRETCHES[3:], ((2, 3), ()), ((2, 1, 3), (1, 1)), ((2, 3, 4), (1, 1)))),
            "Shapes are compared from the right: dimension i of `shape` is dimension i + g.ndim - len(shape) of g.",
        ),
        keeps_its_inputs(
            *(partial(_gradient_of, full, shape) for full, shape in (*STRETCHES, ((2, 3), (2, 3))))
        ),
        keeps_float32(lambda rng: (rng.normal(size=(2, 3)), (1, 3))),
    ),
    examples=lambda rng: [(rng.normal(size=full), shape) for full, shape in STRETCHES],
    mistakes={
        "Nothing is summed here: the result must have the given shape.": lambda g, shape: g,
        "Everything is summed here: sum over repeated dimensions only.": lambda g, shape: np.full(
            shape, g.sum()
        ),
        "Only new dimensions in front are summed; those of size 1 were repeated too.": _front,
        "Dimensions of size 1 are summed, but new ones in front are not.": (
            lambda g, shape: g.sum(_ones(g, shape), keepdims=True),
            _from_the_left,
        ),
        "The first numbers are taken, and the others are lost: sum over what was repeated.": np.resize,
        "The sums are right, but dimensions of size 1 are gone: keep them, or reshape.": lambda g, shape: (
            _added(g, shape).squeeze()
        ),
        "This is the mean; gradients of repeated numbers add.": lambda g, shape: (
            _added(g, shape) * (np.prod(shape) / g.size)
        ),
        "This takes the largest; the gradients of all places add.": lambda g, shape: _folded(g, shape, max),
        "This takes one of the places; the gradients of all of them add.": lambda g, shape: g[
            tuple([0] * (g.ndim - len(shape)) + [slice(1) if n == 1 else slice(None) for n in shape])
        ],
    },
)


def _stretched_product(rng):
    return rng.normal(size=(3, 1)), rng.normal(size=(2, 1, 4))


def _plain_product(rng):
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3))


def _with_g(inputs, forward):
    def made(rng):
        values = inputs(rng)
        return rng.normal(size=forward(*values).shape), *values

    return made


def _product(a, b):
    return a * b


mul_vjp = Exercise(
    minutes=10,
    level=1,
    hints=(
        "First for single numbers: the slope of a b in a is b. Multiply it by g.",
        "g * b has the shape of the result. If a is smaller, it was repeated: unbroadcast(..., a.shape).",
    ),
    why="The law of a single product, for all elements at once; unbroadcast adds where elements were repeated.",
    properties=(
        is_vjp_of(
            "it is the gradient where both have the same shape",
            _product,
            _plain_product,
            hint="Number by number: dL/da is g * b, and dL/db is g * a.",
        ),
        is_vjp_of(
            "it is the gradient where a and b are repeated",
            _product,
            _stretched_product,
            hint="g * b has the shape of the result; where a is smaller it was repeated: unbroadcast(g * b, a.shape); so for b.",
        ),
        keeps_its_inputs(_with_g(_plain_product, _product), _with_g(_stretched_product, _product)),
    ),
    examples=lambda rng: (
        _with_g(_plain_product, _product)(rng),
        _with_g(_stretched_product, _product)(rng),
        _with_g(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=3)), _product)(rng),
    ),
    mistakes={
        "The factors are swapped: the slope of a b in a is b.": lambda g, a, b: (
            _added(g * a, a.shape),
            _added(g * b, b.shape),
        ),
        "g is missing: these are the slopes for a gradient of ones.": lambda g, a, b: (
            _added(b + 0 * g, a.shape),
            _added(a + 0 * g, b.shape),
        ),
        "These are the gradients of a sum: the other factor is missing.": lambda g, a, b: (
            _added(g, a.shape),
            _added(g, b.shape),
        ),
        "Where a or b was repeated, its gradient must be summed: use unbroadcast.": lambda g, a, b: (
            g * b,
            g * a,
        ),
        "a's gradient is added up where a was repeated, b's is not.": lambda g, a, b: (
            _added(g * b, a.shape),
            g * a,
        ),
        "b's gradient is added up where b was repeated, a's is not.": lambda g, a, b: (
            g * b,
            _added(g * a, b.shape),
        ),
        "The order: multiply first, then add up, as each place has a factor of its own.": (
            lambda g, a, b: (
                _added(_added(g, a.shape) * b, a.shape),
                _added(_added(g, b.shape) * a, b.shape),
            ),
            lambda g, a, b: (_added(g, a.shape) * b, _added(g, b.shape) * a),
        ),
        "This divides; the slope of a b in a is b, a factor.": lambda g, a, b: (
            _added(g / b, a.shape),
            _added(g / a, b.shape),
        ),
        "The two are in the wrong order: first a's gradient, then b's.": lambda g, a, b: (
            _added(g * a, b.shape),
            _added(g * b, a.shape),
        ),
    },
)


def _matrices(rng):
    return rng.normal(size=(2, 3)), rng.normal(size=(3, 4))


def _batches(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))


def _shared(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5))


def _shared_left(rng):
    return rng.normal(size=(3, 4)), rng.normal(size=(2, 4, 5))


def _matmul(a, b):
    return a @ b


def _deep_left(rng):
    return rng.normal(size=(2, 2, 2, 3)), rng.normal(size=(3, 2))


def _deep_right(rng):
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 2, 3, 2))


def _squares(rng):
    """Where mistakes in the order still have the right shape."""
    return rng.normal(size=(3, 3)), rng.normal(size=(3, 3))


def _turned(x):
    return np.swapaxes(x, -1, -2)


TURN = "dL/da = g b^T, dL/db = a^T g: matrix products, with b and a transposed, in this order. Write the shapes down beside them."
LAST_TWO = "Of a batch only the last two dimensions are exchanged: np.swapaxes(b, -1, -2)."
WHOLE_BATCH = "A matrix without batch dimensions was used for each sample: add the gradients of all samples, by unbroadcast."
DEEP = "There may be any number of batch dimensions: sum over all of them, not just the first."


def _of_batch(pick):
    """A gradient in which the samples of a batch are put together wrongly."""

    def vjp(g, a, b):
        found = g @ _turned(b), _turned(a) @ g
        return tuple(pick(d) if d.ndim > x.ndim else d for d, x in zip(found, (a, b), strict=True))

    return vjp


matmul_vjp = Exercise(
    minutes=20,
    level=2,
    hints=(
        "Shapes say nearly all: g is (n, m), b is (k, m), and dL/da must be (n, k). Which product gives that?",
        "c_ij = sum_r a_ir b_rj. So a_ir is in all c_ij of row i, with the slope b_rj: dL/da_ir = sum_j g_ij b_rj.",
        "For batches `.T` reverses all axes; np.swapaxes(b, -1, -2) exchanges only the last two.",
        "A matrix used for the whole batch was repeated: unbroadcast.",
    ),
    why="Each entry of a is multiplied by a row of b; the sum over the columns of g is again a matrix product, with b transposed.",
    properties=(
        is_vjp_of("it is the gradient for two matrices", _matmul, _matrices, hint=TURN),
        is_vjp_of("it is the gradient for two square matrices", _matmul, _squares, hint=TURN),
        is_vjp_of("it is the gradient for batches of matrices", _matmul, _batches, hint=LAST_TWO),
        is_vjp_of(
            "it is the gradient where b is used for the whole batch", _matmul, _shared, hint=WHOLE_BATCH
        ),
        is_vjp_of(
            "it is the gradient where a is used for the whole batch", _matmul, _shared_left, hint=WHOLE_BATCH
        ),
        is_vjp_of(
            "it is the gradient for two batch dimensions, where b is used for all",
            _matmul,
            _deep_left,
            hint=DEEP,
        ),
        is_vjp_of(
            "it is the gradient for two batch dimensions, where a is used for all",
            _matmul,
            _deep_right,
            hint=DEEP,
        ),
        keeps_its_inputs(_with_g(_matrices, _matmul), _with_g(_batches, _matmul), _with_g(_shared, _matmul)),
    ),
    examples=lambda rng: (
        _with_g(_squares, _matmul)(rng),
        tuple(rng.normal(size=(3, 3, 3)) for _ in range(3)),
        (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3))),
        (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))),
    ),
    mistakes={
        "The order of the products is swapped: dL/da = g b^T, dL/db = a^T g.": lambda g, a, b: (
            _added(_turned(b) @ g, a.shape),
            _added(g @ _turned(a), b.shape),
        ),
        "b and a must be transposed.": lambda g, a, b: (_added(g @ b, a.shape), _added(a @ g, b.shape)),
        "`.T` reverses all axes; of a batch exchange only the last two.": lambda g, a, b: (
            _added(g @ b.T, a.shape),
            _added(a.T @ g, b.shape),
        ),
        "A matrix that is used for the whole batch gets the sum of all its gradients: use unbroadcast.": lambda g, a, b: (
            g @ _turned(b),
            _turned(a) @ g,
        ),
        "The two are in the wrong order: first a's gradient, then b's.": lambda g, a, b: (
            _added(_turned(a) @ g, b.shape),
            _added(g @ _turned(b), a.shape),
        ),
        "This is the mean over the batch; the gradients of its samples add.": _of_batch(lambda d: d.mean(0)),
        "This takes the first sample of the batch; the gradients of all samples add.": _of_batch(
            lambda d: d[0]
        ),
        "dL/db is a^T g: this is its transpose.": (
            lambda g, a, b: (_added(g @ _turned(b), a.shape), _added(_turned(g) @ a, b.shape)),
            lambda g, a, b: (_added(g @ _turned(b), a.shape), _added(_turned(_turned(a) @ g), b.shape)),
        ),
        "dL/da is g b^T: this is its transpose.": lambda g, a, b: (
            _added(b @ _turned(g), a.shape),
            _added(_turned(a) @ g, b.shape),
        ),
        "These are elementwise products; a matrix product has matrix products for its gradients.": lambda g, a, b: (
            _added(g * b, a.shape),
            _added(g * a, b.shape),
        ),
        "g is missing: these are the slopes for a gradient of ones.": lambda g, a, b: (
            _added(np.ones_like(g) @ _turned(b), a.shape),
            _added(_turned(a) @ np.ones_like(g), b.shape),
        ),
    },
)


def _shares(x):
    return x / x.sum()


def _mixed(x):
    return np.stack([x[0] * x[1], np.sin(x[2]) * x[0]])


def _slopes_of(f, x, g, what, eps=1e-6, rtol=1e-5, expected=None):
    def holds(answer):
        mine = x.copy()
        got = answer(f, mine, g.copy(), eps)
        same(got, slopes(f, (x,), 0, g, eps) if expected is None else expected, what, rtol=rtol)

    return holds


def _exact_for_squares(answer):
    x = np.array([1.0, -2.0])
    g = np.array([1.0, 1.0])
    same(answer(lambda x: x**2, x.copy(), g, 0.5), 2 * x, "x^2 with eps = 0.5")


def _off_for_cubes(answer):
    x = np.array([1.0, -2.0])
    g = np.array([1.0, 1.0])
    expected = 3 * x**2 + 0.5**2  # ((x + e)^3 - (x - e)^3) / 2e
    same(answer(lambda x: x**3, x.copy(), g, 0.5), expected, "x^3 with eps = 0.5, which is off by eps^2")


def _exactly_as_it_was(answer, f, x, *rest):
    """Numbers that a nudge and its opposite do not give back, as each of them is rounded."""
    before = x.copy()
    answer(f, x, *rest)
    if not np.array_equal(x, before):
        says = f"x after the call: expected {before.tolist()}, got {x.tolist()}"
        raise Failed(
            says,
            hint="x + eps - 2 eps + eps is rounded, and not quite x: keep the old number and write it back.",
        )


def _undone(answer):
    seen = []

    def f(x):
        seen.append(x.copy())
        return x**2

    x = np.array([1.0, 2.0, 3.0])
    answer(f, x, np.ones(3))
    same(x, [1, 2, 3], "x after the call", rtol=1e-12)
    _exactly_as_it_was(answer, np.square, np.array([0.1, 0.7, 1e6]), np.ones(3))
    for point in seen:
        if (abs(point - [1, 2, 3]) > 1e-9).sum() > 1:
            raise Failed(
                f"f was called at {point.tolist()}",
                hint="Change one number at a time, and undo the change before the next.",
            )


def _differences(sides=(1, -1), divisor=2.0, weigh=True, one_by_one=True, undo=True, grid=True):
    """Finite differences with something wrong in them."""

    def finite_differences(f, x, g, eps=1e-6):
        out = np.zeros_like(x)
        y = x.copy()
        for i in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[i if one_by_one else ...] = eps
            up, down = (((g if weigh else 1.0) * f(y + side * step)).sum() for side in sides)
            out[i] = (up - down) / (divisor * eps)
            y = y if undo else y + step
        return out

    return finite_differences


def _row_by_row(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        step = np.zeros(x.shape)
        step[i] = eps
        out[i] = (g * (f(x + step) - f(x - step))).sum() / (2 * eps)
    return out


def _first_place(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    out.flat[0] = _differences()(f, x, g, eps).flat[0]
    return out


def _divided_late(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        out[i] = (g * f(x + step)).sum() - (g * f(x - step)).sum() / (2 * eps)
    return out


def _unsigned(f, x, g, eps=1e-6):
    return abs(_differences()(f, x, g, eps))


def _try_differences(answer, f, x, g, eps):
    """The slopes; NaN where there are none for a function that mixes the numbers of x, which some mistakes cannot take."""
    try:
        return np.asarray(answer(f, x.copy(), g, eps), dtype=float)
    except Exception:
        return np.array(np.nan)


FD_CASES = (
    (lambda x: x**2, np.array([1.0, -2.0]), np.array([1.0, 3.0]), 0.5),
    (
        np.sin,
        np.array([[0.5, 1.5, 2.0], [1.0, -0.3, 2.5]]),
        np.array([[2.0, -1.0, 0.5], [1.5, 0.7, -0.4]]),
        0.1,
    ),
    (_mixed, np.array([0.5, 1.5, -0.7]), np.array([2.0, -1.0]), 0.1),
)


finite_differences = Tried(
    minutes=15,
    level=2,
    hints=(
        "np.ndindex(x.shape) goes through all places of an array of any shape.",
        "Make a copy of x with one number eps larger, and one with it eps smaller. The two sums, one minus the other, over 2 eps.",
        "f returns an array: multiply by g and sum before you subtract.",
    ),
    why="To both sides the errors of second order cancel: at eps = 1e-6 that leaves about ten right digits.",
    properties=(
        Property(
            "it is right for sin, element by element",
            _slopes_of(np.sin, np.array([[0.1, 1.0, 2.0], [3.0, 4.0, 5.0]]), np.ones((2, 3)), "sin"),
            "At each place of x, with a step there alone: (sum(g * f(x + step)) - sum(g * f(x - step))) / (2 * eps).",
        ),
        Property(
            "the results are weighted with g",
            _slopes_of(np.sin, np.arange(3.0), np.array([1.0, -2.0, 0.5]), "sin, with weights g"),
            "f returns an array: multiply it by g, and then sum.",
        ),
        Property(
            "it is right where results depend on several numbers",
            _slopes_of(_mixed, np.array([0.5, 1.5, -0.7]), np.array([2.0, -1.0]), "x0 x1 and sin(x2) x0"),
            "f(x) may have another shape than x, and one number of x may move all of it: change one number, sum all results.",
        ),
        Property(
            "it changes one number at a time, and leaves x as it was",
            _undone,
            "Work on a copy of x, x.copy(), or undo each change before the next: `y = x` is no copy, but x itself.",
        ),
        Property(
            "it goes to both sides, which is exact for squares",
            _exact_for_squares,
            "One side is off by about eps: go to both sides, and divide by 2 eps.",
        ),
        Property(
            "the step is eps", _off_for_cubes, "Take a step of `eps`, whatever it is, and divide by 2 * eps."
        ),
    ),
    examples=lambda rng: FD_CASES,
    trial=_try_differences,
    mistakes={
        "One side is not enough: (f(x + eps) - f(x)) / eps is off by about eps.": (
            _differences(sides=(1, 0), divisor=1.0),
            _differences(sides=(0, -1), divisor=1.0),
        ),
        "`/ 2 * eps` divides by 2 and multiplies by eps: write / (2 * eps).": lambda f, x, g, eps=1e-6: (
            _differences()(f, x, g, eps) * eps**2
        ),
        "Both points are the same, so that nothing is left: `up = x` is no copy, but x itself; write x.copy().": (
            lambda f, x, g, eps=1e-6: np.zeros(x.shape)
        ),
        "The points are 2 * eps apart only if each step is eps.": _differences(sides=(0.5, -0.5)),
        "This is the mean over the results: sum(g * f(x)).": lambda f, x, g, eps=1e-6: (
            _differences()(f, x, g, eps) / g.size
        ),
        "A whole row is changed at once: range(len(x)) counts rows, np.ndindex(x.shape) goes through all places.": _row_by_row,
        "Only the first place is done: the `return` stands inside the loop.": _first_place,
        "The result is to have the shape of x: reshape(x.shape).": (
            lambda f, x, g, eps=1e-6: _differences()(f, x, g, eps).ravel()
        ),
        "Only the second sum is divided: brackets around the difference.": _divided_late,
        "Divide by 2 eps: the two points are that far apart.": _differences(divisor=1.0),
        "g is missing: sum(g * f(x)).": _differences(weigh=False),
        "All numbers are changed together; change one at a time.": (
            _differences(one_by_one=False),
            lambda f, x, g, eps=1e-6: g * (f(x + eps) - f(x - eps)) / (2 * eps),
        ),
        "Undo each change before the next number is changed.": _differences(undo=False),
        "The sign is wrong: f(x + eps) minus f(x - eps).": _differences(sides=(-1, 1)),
        "Slopes have a sign: no absolute value here.": _unsigned,
    },
)


def _sin_slope(g, x):
    return g * np.cos(x)


def _shares_slope(g, x):
    return (g - (g * x).sum() / x.sum()) / x.sum()


def _off_at_one(g, x):
    out = _sin_slope(g, x)
    out[-1, -1] += 0.05
    return out


def _right_at_one(g, x):
    out = 1.5 * _sin_slope(g, x)
    out[0, 0] /= 1.5
    return out


def _nan_at_one(g, x):
    out = _sin_slope(g, x)
    out[0, 1] = np.nan
    return out


X = np.linspace(0.2, 1.4, 120).reshape(12, 10)
P = np.array([[1.0, 2.0, 0.5]])
SMALL = 1e-7


CLAIMS = {  # what: (f, vjp, x, whether the gradient is right)
    "the gradient of sin": (np.sin, _sin_slope, X[:2], True),
    "the gradient of shares x / sum(x)": (_shares, _shares_slope, P, True),
    "the gradient of 1000 sin": (
        lambda x: 1000 * np.sin(x),
        lambda g, x: 1000 * _sin_slope(g, x),
        X[:2],
        True,
    ),
    "the gradient of sums of columns, which has another shape": (
        lambda x: x.sum(0),
        lambda g, x: g + 0 * x,
        X[:2],
        True,
    ),
    "the gradient of one number, the sum of squares": (
        lambda x: (x**2).sum(),
        lambda g, x: 2 * g * x,
        X[:2],
        True,
    ),
    "the gradient of sin, also where it is nearly 0": (
        np.sin,
        _sin_slope,
        np.array([[np.pi / 2 + 1e-9, 0.3], [1.0, 2.0]]),
        True,
    ),
    "a constant function's zeros": (lambda x: np.ones(3) + 0 * x.sum(), lambda g, x: 0 * x, P, True),
    "twice the gradient of sin": (np.sin, lambda g, x: 2 * _sin_slope(g, x), X[:2], False),
    "minus the gradient of sin": (np.sin, lambda g, x: -_sin_slope(g, x), X[:2], False),
    "a gradient too small everywhere": (np.sin, lambda g, x: _sin_slope(g, x) - 0.3, X[:2], False),
    "a gradient too large everywhere": (np.sin, lambda g, x: _sin_slope(g, x) + 0.3, X[:2], False),
    "zeros for shares x / sum(x)": (_shares, lambda g, x: 0 * x, P, False),
    "a gradient that ignores g": (np.sin, lambda g, x: np.cos(x), X[:2], False),
    "a gradient right at its first place only": (np.sin, _right_at_one, X[:2], False),
    "a gradient wrong at its last place only": (np.sin, _off_at_one, X, False),
    "twice the gradient of a very small function": (
        lambda x: SMALL * np.sin(x),
        lambda g, x: 2 * SMALL * _sin_slope(g, x),
        X[:2],
        False,
    ),
    "a gradient with a NaN in it": (np.sin, _nan_at_one, X[:2], False),
    "a gradient of one row for two": (lambda x: x.sum(0), lambda g, x: g[None], X[:2], False),
}


FIRST = {  # what may help with the right gradients
    "the gradient of shares x / sum(x)": (
        "Shares always sum to 1: with a g of equal numbers all true slopes are 0, and rounding is left. Draw g at random."
    ),
    "the gradient of sums of columns, which has another shape": "g has the shape of f(x), which may be another than that of x.",
    "the gradient of one number, the sum of squares": "g has the shape of f(x), also if that is one number, of shape ().",
    "the gradient of sin, also where it is nearly 0": "Divide by the largest true slope: single slopes may be nearly 0.",
    "a constant function's zeros": "If all true slopes are 0, divide by 1.",
}


def _error(answer, what):
    """The error that an answer gives for one of the claims."""
    f, vjp, x, _ = CLAIMS[what]
    with np.errstate(all="ignore"):
        error = answer(f, vjp, x.copy())
    if isinstance(error, (bool, np.bool_)):
        hint = "The task asks how wrong a gradient is, a number, not whether it is: return the largest error."
        raise Failed(f"{what}: expected a number, got {error}", hint=hint)
    return one_number(error, f"the error of {what}")


def _accepts(answer):
    for what, (*_, right) in CLAIMS.items():
        if right and not (error := _error(answer, what)) < 1e-5:
            raise Failed(f"{what} is right, and is given the error {error:.3g}", first=FIRST.get(what, ""))


def _rejects(*names):
    def holds(answer):
        for what in names:
            if not (error := _error(answer, what)) > 1e-3:
                raise Failed(f"{what} is wrong, and is given the error {error:.3g}")

    return holds


def _size(answer):
    same(
        answer(np.sin, lambda g, x: 3 * _sin_slope(g, x), X[:2].copy()),
        2.0,
        "the error of three times the gradient",
        rtol=1e-4,
    )
    same(answer(np.sin, _nan_at_one, X[:2].copy()), np.inf, "the error of a gradient with a NaN in it")
    drawn = []
    weights = np.array([1.0, 2.0, 4.0])

    def off_at_the_smallest(g, x):
        drawn.append(g)
        return g * weights + np.array([0.5, 0.0, 0.0])

    got = answer(lambda x: weights * x, off_at_the_smallest, np.array([0.3, 0.5, 0.7]))
    same(
        got,
        0.5 / abs(drawn[-1] * weights).max(),
        "the error of a gradient that is off by 0.5 at one place",
        rtol=1e-4,
    )


def _leaves_x(answer):
    x = P.copy()
    answer(_shares, _shares_slope, x)
    same(x, P, "x after the call", rtol=1e-12)


def _checker(draw=None, size=lambda e: abs(e).max(), relative=True, nan=True, shape=True, places=None):
    """A gradient check with a hole in it."""

    def gradcheck(f, vjp, x):
        n = np.shape(f(x))
        g = np.random.default_rng(3).normal(size=n) if draw is None else draw(n)
        got = np.asarray(vjp(g, x))
        true = _differences()(f, x, g)
        if (nan and np.isnan(got).any()) or (shape and got.shape != true.shape):
            return float("inf")
        error = (got - true).ravel()[places]
        if not nan:
            error = error[~np.isnan(error)]
        return float(size(error) / ((abs(true).max() or 1.0) if relative else 1.0))

    return gradcheck


def _try_check(answer):
    """Which of the claims are taken for right."""
    with np.errstate(all="ignore"):
        return np.array(
            [bool(answer(f, vjp, x.copy()) < 1e-3) for f, vjp, x, _ in CLAIMS.values()], dtype=float
        )


EVERYWHERE = slice(None)
NAN = "No comparison with NaN is true, and max over a NaN is NaN: ask np.isnan(got).any() first, and return float('inf')."

gradcheck = Tried(
    minutes=20,
    level=3,
    hints=(
        "Draw g with np.random.default_rng(0).normal(size=f(x).shape). The truth is finite_differences(f, x, g).",
        "The error is the largest of |got - true|, divided by the largest |true|.",
        "Which wrong gradients could pass? One with a NaN: no comparison with NaN is true. One of another shape: "
        "NumPy would broadcast it.",
    ),
    why="With a random g every slope counts; float64, every element and the largest error leave no error unseen.",
    properties=(
        Property(
            "it accepts right gradients",
            _accepts,
            "One g, drawn once with the shape of f(x), goes into vjp(g, x) and into finite_differences(f, x, g); both then agree.",
        ),
        Property(
            "it notices a wrong factor or sign",
            _rejects("twice the gradient of sin", "minus the gradient of sin"),
            "Compare the numbers themselves: |got - true|.",
        ),
        Property(
            "it notices what is too small or too large",
            _rejects(*(f"a gradient too {w} everywhere" for w in ("small", "large"))),
            "Errors of both signs count: take |got - true|.",
        ),
        Property(
            "it notices zeros where the results sum to 1",
            _rejects("zeros for shares x / sum(x)", "a gradient that ignores g"),
            "A g of equal numbers is blind here: draw g at random.",
        ),
        Property(
            "it checks every place",
            _rejects("a gradient right at its first place only", "a gradient wrong at its last place only"),
            "Every number of x and of f(x) counts: all of g at random, none of it 0, and the largest error of all places.",
        ),
        Property(
            "it notices a wrong gradient of a small function",
            _rejects("twice the gradient of a very small function"),
            "Divide by the largest true slope, and by nothing else: no 1 and no small number is added to it.",
        ),
        Property("it notices NaN", _rejects("a gradient with a NaN in it"), NAN),
        Property(
            "it notices a wrong shape",
            _rejects("a gradient of one row for two"),
            "If got.shape is not that of x, return float('inf') before anything is subtracted; no error is raised.",
        ),
        Property(
            "the error is a share of the largest true slope",
            _size,
            "max |got - true| / max |true|: both maxima over all places, no mean, no sum, no root; `true` below, not `got`.",
        ),
        Property("x stays as it was", _leaves_x, "Pass copies on, x.copy(), and undo each change."),
    ),
    examples=lambda rng: ((),),
    trial=_try_check,
    mistakes={
        "g is all ones: then gradients of results that always sum to 1 are 0, and zeros pass. Draw g at random.": _checker(
            draw=np.ones, places=EVERYWHERE
        ),
        "Errors below 0 count as well: take |got - true|.": _checker(
            size=lambda e: e.max(), places=EVERYWHERE
        ),
        "This looks at the first place only: every number of x counts.": _checker(places=slice(1)),
        "A mean hides a single wrong place: take the largest error.": _checker(
            size=lambda e: abs(e).mean(), places=EVERYWHERE
        ),
        "The error is not divided by the largest true slope, so small gradients always pass.": _checker(
            relative=False, places=EVERYWHERE
        ),
        "A gradient with a NaN in it passes: no comparison with NaN is true. Return infinity.": _checker(
            nan=False, places=EVERYWHERE
        ),
        "A gradient of another shape passes, as NumPy broadcasts it: compare the shapes.": _checker(
            shape=False, places=EVERYWHERE
        ),
    },
)
