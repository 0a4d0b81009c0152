"""What must be true of mul_vjp."""

from minitransformer.course.checks.lesson_02_gradient_checks.common import added_up, with_g
from minitransformer.course.exercise import Exercise
from minitransformer.course.properties import is_vjp_of, keeps_its_inputs


def _stretched_product(rng):
    return rng.normal(size=(3, 1)), rng.normal(size=(2, 1, 4))


def _plain_product(rng):
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3))


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
        keeps_its_inputs(with_g(_plain_product, _product), with_g(_stretched_product, _product)),
    ),
    examples=lambda rng: (
        with_g(_plain_product, _product)(rng),
        with_g(_stretched_product, _product)(rng),
        with_g(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=3)), _product)(rng),
    ),
    mistakes={
        "The factors are swapped: the slope of a b in a is b.": lambda g, a, b: (
            added_up(g * a, a.shape),
            added_up(g * b, b.shape),
        ),
        "g is missing: these are the slopes for a gradient of ones.": lambda g, a, b: (
            added_up(b + 0 * g, a.shape),
            added_up(a + 0 * g, b.shape),
        ),
        "These are the gradients of a sum: the other factor is missing.": lambda g, a, b: (
            added_up(g, a.shape),
            added_up(g, b.shape),
        ),
        "Where a or b was repeated, its gradient must be summed: use unbroadcast.": lambda g, a, b: (
            g * b,
            g * a,
        ),
        "a's gradient is added up where a was repeated, b's is not.": lambda g, a, b: (
            added_up(g * b, a.shape),
            g * a,
        ),
        "b's gradient is added up where b was repeated, a's is not.": lambda g, a, b: (
            g * b,
            added_up(g * a, b.shape),
        ),
        "The order: multiply first, then add up, as each place has a factor of its own.": (
            lambda g, a, b: (
                added_up(added_up(g, a.shape) * b, a.shape),
                added_up(added_up(g, b.shape) * a, b.shape),
            ),
            lambda g, a, b: (added_up(g, a.shape) * b, added_up(g, b.shape) * a),
        ),
        "This divides; the slope of a b in a is b, a factor.": lambda g, a, b: (
            added_up(g / b, a.shape),
            added_up(g / a, b.shape),
        ),
        "Each gradient has the shape of the other factor here: dL/da has a's shape, dL/db has b's.": lambda g, a, b: (
            added_up(g * b, b.shape),
            added_up(g * a, a.shape),
        ),
        "dL/db has the numbers of dL/da here, multiplied once more: it is g * a, with the g that came in.": (
            lambda g, a, b: (added_up(g * b, a.shape), added_up(g * b * a, b.shape)),
            lambda g, a, b: (added_up(g * b, a.shape), added_up(g * b * g, b.shape)),
            lambda g, a, b: (da := added_up(g * b, a.shape), added_up(g * da, b.shape)),
            lambda g, a, b: (da := added_up(g * b, a.shape), added_up(da * a + 0 * g, b.shape)),
        ),
        "The two are in the wrong order: first a's gradient, then b's.": lambda g, a, b: (
            added_up(g * a, b.shape),
            added_up(g * b, a.shape),
        ),
    },
)
