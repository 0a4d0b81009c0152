"""What must be true of the feed-forward network."""

import math

import numpy as np

from minitransformer.course.checks.lesson_08_transformer_encoder.common import network_by_loops
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same, takes_batches


def _network(rng):
    shapes = ((2, 3, 4), (6, 4), (6,), (4, 6), (4,))
    return tuple(rng.normal(size=shape) for shape in shapes)


def _large_network(rng):
    x, *weights = _network(rng)
    return 50 * x, *weights


SEEN = (
    ([[0, 3], [2, 0]], "These are the hidden numbers, after relu: the second map is missing, @ w2.T + b2."),
    (
        [[-3], [2]],
        "The number itself comes out, not its absolute value, as where w1 stands in the place of w2.T.",
    ),
)


def _size_of(answer):
    w1 = np.array([[1.0], [-1.0]])
    w2 = np.ones((1, 2))
    got = answer(np.array([[-3.0], [2.0]]), w1, np.zeros(2), w2, np.zeros(1))
    known = next((said for numbers, said in SEEN if np.array_equal(np.asarray(got), numbers)), "")
    same(got, [[3], [2]], "relu(a) + relu(-a) for a = -3 and 2", hint=known)


def _alone(answer):
    x, *rest = _network(np.random.default_rng(4))
    same(
        answer(x[:, 1:2], *rest), answer(x, *rest)[:, 1:2], "a token alone, and the same token among others:"
    )


def _relu(a):
    return np.maximum(a, 0)


def _wrong_network(bend=_relu, b1=1, b2=1, late=False, after=lambda y, x: y, before=lambda x: x):
    """The feed-forward network with something wrong in it."""

    def feed_forward(x, w1, bias1, w2, bias2):
        h = bend(before(x) @ w1.T) + bias1 if late else bend(before(x) @ w1.T + b1 * bias1)
        return after(h @ w2.T + b2 * bias2, x)

    return feed_forward


feed_forward = Exercise(
    minutes=8,
    level=1,
    hints=(
        "Weights are (out, in), so that a linear map is x @ w.T + b.",
        "np.maximum(a, 0) compares every number with 0; np.max takes the largest of all.",
        "The relu comes after the first map and before the second, and nowhere else.",
    ),
    why="Without the relu, two linear maps would be one. With it, F hinges for each token can come close to any function.",
    properties=(
        Property(
            "it can compute the absolute value of a number",
            _size_of,
            "With w1 = (1, -1) the hidden numbers are relu(a) and relu(-a), of which w2 makes the sum.",
        ),
        returns(
            "values are right",
            _network,
            network_by_loops,
            hint="x @ w1.T + b1, relu of each number, @ w2.T + b2, in this order.",
        ),
        returns(
            "values are right where numbers are large",
            _large_network,
            network_by_loops,
            hint="relu(a) is a for every a above 0, however large it is.",
        ),
        Property(
            "each token is treated alone",
            _alone,
            "No number of a token depends on another token: no sum, mean or maximum over them.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=4), *_network(np.random.default_rng(3))[1:]),
            hint="x may have no axis or many in front of its channels: x @ w1.T does for all of them.",
        ),
        keeps_its_inputs(_network),
    ),
    examples=lambda rng: (_network(rng), _large_network(rng)),
    mistakes={
        "The relu is missing: two linear maps in a row are one.": _wrong_network(bend=lambda a: a),
        "relu(a) is 0 where a is negative; this is the absolute value of a.": _wrong_network(bend=abs),
        "This keeps the negative numbers; relu keeps the positive ones.": _wrong_network(
            bend=lambda a: np.minimum(a, 0)
        ),
        "np.max takes the largest of all along an axis; np.maximum(a, 0) compares every number with 0.": _wrong_network(
            bend=lambda a: np.max(a, 0)
        ),
        "This gives 1 where a > 0; relu gives a itself.": _wrong_network(bend=lambda a: (a > 0) * 1.0),
        "This is tanh; relu(a) is a where a > 0, and 0 elsewhere.": _wrong_network(bend=np.tanh),
        "Negative numbers are kept small here, as in leaky relu; relu(a) is 0 where a is negative.": tuple(
            _wrong_network(bend=lambda a, small=small: np.where(a > 0, a, small * a))
            for small in (0.01, 0.1, 0.2)
        ),
        "This is the sigmoid; relu(a) is a where a > 0, and 0 elsewhere.": _wrong_network(
            bend=lambda a: 1 / (1 + np.exp(-a))
        ),
        "This is a smooth relu, such as GELU, SiLU or softplus; relu(a) is a where a > 0, and 0 elsewhere.": (
            _wrong_network(bend=lambda a: a / (1 + np.exp(-a))),
            _wrong_network(bend=lambda a: np.log1p(np.exp(a))),
            _wrong_network(
                bend=lambda a: 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))
            ),
            _wrong_network(bend=lambda a: 0.5 * a * (1 + np.vectorize(math.erf)(a / math.sqrt(2)))),
            _wrong_network(bend=lambda a: np.where(a > 0, a, np.exp(np.minimum(a, 0)) - 1)),
        ),
        "The numbers have a limit here, such as 1 or 6; relu(a) is a however large it is.": tuple(
            _wrong_network(bend=lambda a, top=top: np.clip(a, 0, top)) for top in (1, 6)
        ),
        "This is the square of relu; relu(a) is a where a > 0.": _wrong_network(bend=lambda a: _relu(a) ** 2),
        "The bend is the wrong way round: relu(a) is a where a > 0, and not -a.": _wrong_network(
            bend=lambda a: _relu(-a)
        ),
        "Softmax stands where relu should.": _wrong_network(
            bend=lambda a: (
                np.exp(a - a.max(-1, keepdims=True))
                / np.exp(a - a.max(-1, keepdims=True)).sum(-1, keepdims=True)
            )
        ),
        "Both biases are missing.": _wrong_network(b1=0, b2=0),
        "A bias is subtracted; both are added.": (
            _wrong_network(b1=-1),
            _wrong_network(b2=-1),
            _wrong_network(b1=-1, b2=-1),
        ),
        "relu comes at the end as well; it belongs between the two maps only.": _wrong_network(
            after=lambda y, x: _relu(y)
        ),
        "relu comes at the end; it belongs between the two maps.": _wrong_network(
            bend=lambda a: a, after=lambda y, x: _relu(y)
        ),
        "relu is taken of x itself; it belongs between the two maps.": _wrong_network(
            bend=lambda a: a, before=_relu
        ),
        "b1 is added after relu; it decides where the bend is, so it comes before.": _wrong_network(
            late=True
        ),
        "b1 is missing.": _wrong_network(b1=0),
        "b2 is missing.": _wrong_network(b2=0),
        "relu is taken of x too; it belongs between the two maps only.": _wrong_network(before=_relu),
        "relu comes after the second map, before b2 is added; it belongs between the two maps only.": (
            lambda x, w1, b1, w2, b2: _relu(_relu(x @ w1.T + b1) @ w2.T) + b2
        ),
        "A number is compared with 1; relu compares it with 0.": (
            _wrong_network(bend=lambda a: np.maximum(a, 1)),
            _wrong_network(bend=lambda a: np.where(a > 1, a, 0)),
        ),
        "relu is 1 more, or 1 less, than a: relu(a) is a where a > 0.": (
            _wrong_network(bend=lambda a: _relu(a) + 1),
            _wrong_network(bend=lambda a: _relu(a - 1)),
        ),
        "The hidden numbers of all tokens are added up; each token is treated alone.": (
            _wrong_network(bend=lambda a: _relu(a).sum(-2, keepdims=True)),
            _wrong_network(bend=lambda a: _relu(a).sum(0)),
        ),
        "The exponential stands where relu should.": _wrong_network(bend=np.exp),
        "The square of a stands where relu should: relu(a) is a where a > 0, and 0 elsewhere.": _wrong_network(
            bend=np.square
        ),
        "A bias is added twice.": (_wrong_network(b1=2), _wrong_network(b2=2)),
        "x is added at the end; that is the block's task, not the network's.": _wrong_network(
            after=lambda y, x: y + x
        ),
    },
)
