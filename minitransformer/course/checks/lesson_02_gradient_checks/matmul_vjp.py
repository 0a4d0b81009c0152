"""What must be true of matmul_vjp."""

import numpy as np

from minitransformer.course.checks.lesson_02_gradient_checks.common import added_up, with_g
from minitransformer.course.exercise import Exercise
from minitransformer.course.properties import is_vjp_of, keeps_its_inputs


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


def _as_it_is(x):
    return x


def _first_two(x):
    return np.swapaxes(x, 0, 1)


def _products(g, a, b, turn_b, turn_a):
    return added_up(g @ turn_b(b), a.shape), added_up(turn_a(a) @ g, b.shape)


def _from_da(g, b, shape, wrong):
    """dL/da as it must be, and dL/db made of it."""
    da = g @ _turned(b)
    return added_up(da, shape), added_up(wrong(da), b.shape)


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
        keeps_its_inputs(with_g(_matrices, _matmul), with_g(_batches, _matmul), with_g(_shared, _matmul)),
    ),
    examples=lambda rng: (
        with_g(_squares, _matmul)(rng),
        tuple(rng.normal(size=(3, 3, 3)) for _ in range(3)),
        (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3))),
        (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))),
    ),
    mistakes={
        "The order of the products is swapped: dL/da = g b^T, dL/db = a^T g.": lambda g, a, b: (
            added_up(_turned(b) @ g, a.shape),
            added_up(g @ _turned(a), b.shape),
        ),
        "b and a must be transposed.": lambda g, a, b: (added_up(g @ b, a.shape), added_up(a @ g, b.shape)),
        "`.T` reverses all axes; of a batch exchange only the last two.": lambda g, a, b: (
            added_up(g @ b.T, a.shape),
            added_up(a.T @ g, b.shape),
        ),
        "A matrix that is used for the whole batch gets the sum of all its gradients: use unbroadcast.": lambda g, a, b: (
            g @ _turned(b),
            _turned(a) @ g,
        ),
        "The two are in the wrong order: first a's gradient, then b's.": lambda g, a, b: (
            added_up(_turned(a) @ g, b.shape),
            added_up(g @ _turned(b), a.shape),
        ),
        "This is the mean over the batch; the gradients of its samples add.": _of_batch(lambda d: d.mean(0)),
        "This takes the first sample of the batch; the gradients of all samples add.": _of_batch(
            lambda d: d[0]
        ),
        "This takes the last sample of the batch; the gradients of all samples add.": _of_batch(
            lambda d: d[-1]
        ),
        "b is not transposed in dL/da = g b^T.": lambda g, a, b: _products(g, a, b, _as_it_is, _turned),
        "a is not transposed in dL/db = a^T g.": lambda g, a, b: _products(g, a, b, _turned, _as_it_is),
        "The first two dimensions are exchanged here; of a batch it must be the last two.": lambda g, a, b: (
            _products(g, a, b, _first_two, _first_two)
        ),
        "dL/db is a product with dL/da here: it is a^T g, with a itself and the g that came in.": (
            lambda g, a, b: _from_da(g, b, a.shape, lambda da: _turned(da) @ g),
            lambda g, a, b: _from_da(g, b, a.shape, lambda da: _turned(a) @ da),
        ),
        "dL/db is a^T g: this is its transpose.": (
            lambda g, a, b: (added_up(g @ _turned(b), a.shape), added_up(_turned(g) @ a, b.shape)),
            lambda g, a, b: (added_up(g @ _turned(b), a.shape), added_up(_turned(_turned(a) @ g), b.shape)),
        ),
        "dL/da is g b^T: this is its transpose.": lambda g, a, b: (
            added_up(b @ _turned(g), a.shape),
            added_up(_turned(a) @ g, b.shape),
        ),
        "These are elementwise products; a matrix product has matrix products for its gradients.": lambda g, a, b: (
            added_up(g * b, a.shape),
            added_up(g * a, b.shape),
        ),
        "g is missing: these are the slopes for a gradient of ones.": lambda g, a, b: (
            added_up(np.ones_like(g) @ _turned(b), a.shape),
            added_up(_turned(a) @ np.ones_like(g), b.shape),
        ),
    },
)
