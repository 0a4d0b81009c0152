"""What must be true of sigmoid."""

import math

import numpy as np

from minitransformer.course.checks.lesson_03_two_backends.common import (
    namespace_of,
    nothing_waits,
    numbers_inside,
    other_libraries,
    outcomes_of,
    put_there,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.pretend import faraway
from minitransformer.course.properties import Tried, keeps_float32, keeps_its_inputs, returns, same


def _some(rng):
    return (rng.normal(size=(3, 4)) * 3,)


def _by_loop(x):
    return np.array([1 / (1 + math.exp(-v)) for v in x.ravel().tolist()]).reshape(x.shape)


CUT = "Cut nothing off: sigmoid(-100) is 4e-44, sigmoid(-30) 9e-14. z = e^-|x| is small enough for any x."
EXTREMES = np.array([-1e4, -800.0, -100.0, 0.0, 100.0, 800.0, 1e4])


def _overflows_nowhere(answer):
    for dtype in ("float64", "float32"):
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                got = answer(EXTREMES.astype(dtype))
        except FloatingPointError as error:
            raise Failed(
                f"{error}, for {dtype} numbers from -10000 to 10000", hint="e^-|x| is never above 1."
            ) from None
        same(got, [0, 0, 0, 0.5, 1, 1, 1], f"sigmoid of {EXTREMES.tolist()}", rtol=1e-15, first=CUT)


def _also_far_away(answer):
    (x,) = _some(np.random.default_rng(3))
    for library in other_libraries():
        (there,) = put_there(x, library=library)
        same(numbers_inside(answer(there), library), _by_loop(x), f"sigmoid in {library.__name__}")


def _sigmoid_counted(answer):
    (there,) = put_there(*_some(np.random.default_rng(3)))
    answer(there)
    nothing_waits(faraway, 20)


def _try_sigmoid(answer, x):
    """Results here and there, and whether an exponential was too large."""
    flags = []
    for numbers in (EXTREMES[:3], EXTREMES[3:], EXTREMES.astype("float32")):
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                flags.append(float(np.asarray(answer(numbers.copy())).sum()))
        except Exception as error:
            flags.append(-7.0 if isinstance(error, FloatingPointError) else -8.0)
    short = x.astype("float32")
    return np.append(outcomes_of(((answer, x.copy()), (answer, short), (answer, *put_there(x)))), flags)


def _stable(xp, x):
    z = xp.exp(-abs(x))
    return xp.where(x >= 0, 1, z) / (1 + z)


def _by_masks(x):
    out = namespace_of(x).zeros_like(x)
    low = x < 0
    out[~low] = 1 / (1 + namespace_of(x).exp(-x[~low]))
    z = namespace_of(x).exp(x[low])
    out[low] = z / (1 + z)
    return out


def _high(z):
    return 1 / (1 + z)


def _low(z):
    return z / (1 + z)


def _by_z(high, low=None):
    """high(z) where x >= 0, low(z) elsewhere, with z = e^-|x|; high(z) everywhere if there is no `low`."""

    def sigmoid(x):
        xp = namespace_of(x)
        z = xp.exp(-abs(x))
        return xp.where(x >= 0, high(z), (low or high)(z))

    return sigmoid


def _softmax(axis, stable):
    def softmax(x):
        e = namespace_of(x).exp(x - x.max(axis=axis, keepdims=True) if stable else x)
        return e / e.sum(axis=axis, keepdims=True)

    return softmax


sigmoid = Tried(
    minutes=15,
    level=2,
    hints=(
        "xp = namespace(x), and then xp.exp instead of np.exp.",
        "e^-x is too large for a number if x is -1000, e^x if x is 1000. z = e^-|x| is neither: it lies between 0 and 1.",
        "Both formulas are something / (1 + z): 1 where x >= 0, and z elsewhere.",
    ),
    why="Both branches in one formula, as whole arrays: the same code in every library, with nothing to wait for.",
    properties=(
        returns(
            "the values are right, in NumPy",
            _some,
            _by_loop,
            hint="For each number: 1 / (1 + e^-x), which is e^x / (1 + e^x). At 0 it is 1/2, at large numbers 1.",
        ),
        returns(
            "the values are right for several dimensions",
            lambda rng: (rng.normal(size=(2, 1, 3, 2)) * 3,),
            _by_loop,
            hint="The result has the shape of x, whatever it is: whole arrays, and no loop over rows.",
        ),
        returns(
            "no numbers give no numbers",
            lambda rng: (np.zeros((0, 3)),),
            lambda x: x,
            hint="An array without numbers has no largest one: nothing has to be searched in x.",
        ),
        Property(
            "no number is too large or too small for it",
            _overflows_nowhere,
            "With z = e^-|x| no exponential is above 1.",
        ),
        keeps_its_inputs(_some),
        keeps_float32(
            _some,
            hint="Use Python's numbers, such as 1.0, and arrays made from x; NumPy's own numbers and new arrays are float64.",
        ),
        Property("the values are right in other libraries, and stay there", _also_far_away),
        Property("nothing is copied, and nothing waits", _sigmoid_counted),
    ),
    examples=lambda rng: (_some(rng),),
    trial=_try_sigmoid,
    mistakes={
        "e^-x is too large where x is very negative: use e^x / (1 + e^x) there.": lambda x: (
            1 / (1 + namespace_of(x).exp(-x))
        ),
        "e^x is too large where x is large: use 1 / (1 + e^-x) there.": lambda x: (
            namespace_of(x).exp(x) / (1 + namespace_of(x).exp(x))
        ),
        "Both sides of `where` are computed everywhere, so an exponential overflows in the one not picked: use e^-|x|.": lambda x: (
            (lambda xp: xp.where(x >= 0, 1 / (1 + xp.exp(-x)), xp.exp(x) / (1 + xp.exp(x))))(namespace_of(x))
        ),
        "np's functions know NumPy's arrays: take them from xp = namespace(x).": lambda x: _stable(np, x),
        "The array makes a trip to the host and back: compute where it is.": lambda x: (
            _stable(np, x) if isinstance(x, np.ndarray) else namespace_of(x).asarray(_stable(np, x.get()))
        ),
        "Something makes the host wait: an `if`, float(), or a mask as an index (how many are there?). Use xp.where.": _by_masks,
        "This is sigmoid(-x): large x give 1, very negative x give 0.": lambda x: _stable(
            namespace_of(x), -x
        ),
        "x = 0 belongs to neither branch here: sigmoid(0) is 1/2.": lambda x: (
            lambda xp: xp.where(x == 0, 0, _stable(xp, x))
        )(namespace_of(x)),
        "z is e^|x| here, which is above 1 and overflows: it is e^-|x|.": lambda x: (
            lambda z: namespace_of(x).where(x >= 0, 1 / (1 + z), z / (1 + z))
        )(namespace_of(x).exp(abs(x))),
        "tanh takes x / 2: sigmoid(x) = (1 + tanh(x / 2)) / 2.": lambda x: (1 + namespace_of(x).tanh(x)) / 2,
        "The formula 1 / (1 + z) is used for all x; where x < 0 it is z / (1 + z).": lambda x: (
            1 / (1 + namespace_of(x).exp(-abs(x)))
        ),
        "The formula z / (1 + z) is used for all x; where x >= 0 it is 1 / (1 + z).": _by_z(
            lambda z: z / (1 + z)
        ),
        "Below the line stands 1 + z in both formulas: here it is 1 - z, or is missing.": (
            _by_z(lambda z: 1 / (1 - z), _low),
            _by_z(_high, lambda z: z / (1 - z)),
            _by_z(lambda z: 1 / (1 - z), lambda z: z / (1 - z)),
            _by_z(_high, lambda z: z),
            _by_z(lambda z: 1 + 0 * z, lambda z: z),
            _by_z(lambda z: 1 + 0 * z, _low),
        ),
        "1 / 1 + z is (1 / 1) + z: put brackets around 1 + z.": (
            _by_z(lambda z: 1 + z, lambda z: z + z),
            _by_z(lambda z: 1 + z, _low),
            _by_z(_high, lambda z: z + z),
        ),
        "Where x < 0 the result is z / (1 + z), which is 1 - 1 / (1 + z): here it has another sign.": (
            _by_z(_high, lambda z: -_low(z)),
            _by_z(_high, lambda z: -_high(z)),
        ),
        "This is tanh(x / 2), from -1 to 1: sigmoid(x) = (1 + tanh(x / 2)) / 2.": lambda x: namespace_of(
            x
        ).tanh(x / 2),
        "This is softmax, whose numbers add up to 1: sigmoid squeezes each number alone.": (
            *(_softmax(axis, stable) for axis in (None, -1, 0) for stable in (True, False)),
        ),
        "Where x < 0, z = e^-x is above 1 and z / (1 + z) is sigmoid(-x): z is e^-|x|.": lambda x: (
            namespace_of(x).where(x >= 0, _high(namespace_of(x).exp(-x)), _low(namespace_of(x).exp(-x)))
        ),
        "The base of the power is e, as of xp.exp: here it is another one.": (
            lambda x: _high(2.0**-x),
            lambda x: _high(10.0**-x),
        ),
        "z is e^-|x|: here another number stands in the place of |x|.": (
            lambda x: _high(namespace_of(x).exp(-x / 2)),
            lambda x: _high(namespace_of(x).exp(-x * 2)),
            lambda x: namespace_of(x).where(
                x >= 0, *(f(namespace_of(x).exp(-(x**2))) for f in (_high, _low))
            ),
        ),
        "This is the derivative of sigmoid, s (1 - s).": _by_z(lambda z: z / (1 + z) ** 2),
        "This is the logarithm of sigmoid.": lambda x: (
            namespace_of(x).minimum(x, 0) - namespace_of(x).log1p(namespace_of(x).exp(-abs(x)))
        ),
        "float32 became float64: use Python's numbers, such as 1.0, and math instead of NumPy's numbers.": lambda x: (
            _stable(namespace_of(x), x) * np.float64(1)
        ),
    },
)
