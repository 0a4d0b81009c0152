"""What must be true of layer normalization, of its gradient, of the feed-forward network and of an encoder block."""

import math

import numpy as np

from minitransformer.course.checks.lesson_07_multi_head_attention import _by_loops as _attention_by_loops
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, is_vjp_of, keeps_its_inputs, returns, same, takes_batches


def _vectors(rng):
    return rng.normal(size=(2, 3, 4)) * 2 + 1, rng.normal(size=4) + 1, rng.normal(size=4)


def _small_vectors(rng):
    return rng.normal(size=(3, 5)) * 0.3, rng.normal(size=5) + 1, rng.normal(size=5), 0.1


def _normalized(x, weight, bias, eps=1e-5):
    """Layer normalization in Python's own numbers, one vector after the other."""
    C = x.shape[-1]
    out = []
    for row in x.reshape(-1, C).tolist():
        mean = math.fsum(row) / C
        s = math.sqrt(math.fsum((value - mean) ** 2 for value in row) / C + eps)
        out.append([(value - mean) / s * w + b for value, w, b in zip(row, weight, bias, strict=True)])
    return np.array(out).reshape(x.shape)


def _mean_and_variance(answer):
    y = answer(np.random.default_rng(1).normal(size=(3, 8)) * 5 + 2, np.ones(8), np.zeros(8), 0.0)
    same(1 + y.mean(-1), np.ones(3), "1 + the mean of each token's channels, where weight is 1 and bias 0,")
    same(
        (y * y).mean(-1),
        np.ones(3),
        "the mean square of each token's channels, where weight is 1 and bias 0,",
    )


def _by_hand(answer):
    x = np.array([[1.0, 3.0], [-10.0, 10.0]])
    same(
        answer(x, np.array([1.0, 10.0]), np.array([0.0, 5.0]), 0.0),
        [[-1, 15], [-1, 15]],
        "norm of (1, 3) and of (-10, 10)",
    )


def _constant_vector(answer):
    with np.errstate(all="ignore"):
        got = answer(np.full((1, 3), 7.0), np.ones(3), np.array([1.0, 2.0, 3.0]))
    same(got, [[1, 2, 3]], "a vector of three sevens: it becomes zeros, plus the bias;")


def _far_away(answer):
    x = np.array([[1.0, 2.0, 6.0]])
    expected = _normalized(x, np.ones(3), np.zeros(3), 0.0)
    got = answer(x + 1e8, np.ones(3), np.zeros(3), 0.0)
    if got is not None and not np.allclose(got, expected, atol=1e-6):
        hint = (
            "mean(x^2) - mean^2 is the difference of two huge numbers: subtract the mean first, then square."
        )
        raise Failed(
            f"(1, 2, 6) + 100000000 gave {np.round(got, 3)}", "expected the same as for (1, 2, 6)", hint=hint
        )


def _norm(
    axis=-1, centre=True, var=None, root=lambda v, eps: np.sqrt(v + eps), affine=lambda z, w, b: z * w + b
):
    """Layer normalization with something wrong in it."""

    def layer_norm(x, weight, bias, eps=1e-5):
        u = x - x.mean(axis, keepdims=True) if centre else x
        v = (u * u).mean(axis, keepdims=True) if var is None else var(x, axis)
        with np.errstate(all="ignore"):
            return affine(u / root(v, eps), weight, bias)

    return layer_norm


def _expanded(x, axis):
    return (x * x).mean(axis, keepdims=True) - x.mean(axis, keepdims=True) ** 2


layer_norm = Exercise(
    minutes=12,
    level=1,
    hints=(
        "Mean and variance are taken over the last axis, for each token alone: axis=-1, and keepdims=True keeps the axis.",
        "The variance is the mean of the squares of x - mean: compute x - mean once.",
        "eps goes under the root, with the variance; weight and bias come last, one number for each channel.",
    ),
    why="Every token now has numbers of the same size, whatever came before; weight and bias can change the size again.",
    properties=(
        Property(
            "without weight and bias, the mean is 0 and the variance 1",
            _mean_and_variance,
            "Subtract the mean of each token's channels, then divide by the root of the mean of the squares of what is left.",
        ),
        Property(
            "(1, 3) and (-10, 10) both become (-1, 1) before weight and bias",
            _by_hand,
            "First the shift and the division, then times weight, then plus bias, each channel with its own.",
        ),
        returns(
            "values are right",
            _vectors,
            _normalized,
            hint="(x - mean) / sqrt(var + eps) * weight + bias, with eps = 1e-5.",
        ),
        returns(
            "values are right where eps is large",
            _small_vectors,
            _normalized,
            hint="eps is the last argument; it is added to the variance, under the root.",
        ),
        Property(
            "a vector of equal numbers becomes the bias",
            _constant_vector,
            "Its variance is 0: with eps under the root nothing is divided by 0.",
        ),
        Property("numbers far from 0 lose no digits", _far_away, "Subtract the mean first, then square."),
        takes_batches(
            lambda rng: (rng.normal(size=4), np.array([1.0, 2.0, -1.0, 0.5]), np.array([0.0, 1.0, 2.0, 3.0])),
            hint="The channels are the last axis, axis=-1, with no axis or many in front of it.",
        ),
        keeps_its_inputs(_vectors, _small_vectors),
    ),
    examples=lambda rng: (
        _vectors(rng),
        _small_vectors(rng),
        (np.array([[3.0, 4.0, 8.0]]) + 1e8, np.ones(3), np.zeros(3)),
    ),
    mistakes={
        "The mean goes over everything; it is that of the channels of each token, axis=-1.": lambda x, weight, bias, eps=1e-5: (
            (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean(-1, keepdims=True) + eps) * weight + bias
        ),
        "Mean and variance go over everything; they go over the channels of each token alone, axis=-1.": _norm(
            axis=None
        ),
        "Mean and variance go over the first axis; that is batch normalization. Here each token is treated alone, axis=-1.": (
            _norm(axis=0)
        ),
        "Mean and variance go over the tokens; they go over the channels of each token, axis=-1.": _norm(
            axis=-2
        ),
        "This divides by C - 1; the variance here is the plain mean of the squares.": _norm(
            var=lambda x, axis: x.var(axis, ddof=1, keepdims=True)
        ),
        "eps stands beside the root; it belongs under it.": _norm(root=lambda v, eps: np.sqrt(v) + eps),
        "eps is always 1e-5 here; use the argument.": _norm(root=lambda v, eps: np.sqrt(v + 1e-5)),
        "eps is missing under the root.": _norm(root=lambda v, eps: np.sqrt(v)),
        "The root is missing: this divides by the variance.": _norm(root=lambda v, eps: v + eps),
        "The mean is not subtracted.": _norm(centre=False, var=lambda x, axis: x.var(axis, keepdims=True)),
        "The mean is not subtracted, neither from x nor from the variance: this is RMSNorm.": _norm(
            centre=False
        ),
        "This divides by the root of the sum of squares; the variance is their mean.": _norm(
            var=lambda x, axis: ((x - x.mean(axis, keepdims=True)) ** 2).sum(axis, keepdims=True)
        ),
        "This divides by the mean of |x - mean|; it is the root of the mean of the squares.": _norm(
            var=lambda x, axis: abs(x - x.mean(axis, keepdims=True)).mean(axis, keepdims=True) ** 2
        ),
        "The mean of x^2 stands where that of (x - mean)^2 should.": _norm(
            var=lambda x, axis: (x * x).mean(axis, keepdims=True)
        ),
        "This scales between the smallest and the largest; subtract the mean, and divide by the root of the variance.": (
            lambda x, w, b, eps=1e-5: (x - x.min(-1, keepdims=True)) / (np.ptp(x, -1)[..., None]) * w + b,
            lambda x, w, b, eps=1e-5: (x - x.mean(-1, keepdims=True)) / (np.ptp(x, -1)[..., None]) * w + b,
        ),
        "It multiplies by the root of the variance; divide by it.": _norm(
            root=lambda v, eps: 1 / np.sqrt(v + eps)
        ),
        "The median is subtracted; it is the mean.": lambda x, w, b, eps=1e-5: (
            (x - np.median(x, -1)[..., None]) / np.sqrt(x.var(-1)[..., None] + eps) * w + b
        ),
        "weight and bias are exchanged: weight multiplies, bias is added.": _norm(
            affine=lambda z, w, b: z * b + w
        ),
        "The bias is subtracted; it is added.": _norm(affine=lambda z, w, b: z * w - b),
        "It divides by weight; multiply by it.": _norm(affine=lambda z, w, b: z / w + b),
        "eps is squared or its root is taken: sqrt(var + eps).": (
            _norm(root=lambda v, eps: np.sqrt(v + eps**2)),
            _norm(root=lambda v, eps: np.sqrt(v) + np.sqrt(eps)),
        ),
        "eps is subtracted; it is added.": _norm(root=lambda v, eps: np.sqrt(v - eps)),
        "eps is added twice, to the variance and to the root.": _norm(
            root=lambda v, eps: np.sqrt(v + eps) + eps
        ),
        "It is not yet divided by the root of the variance.": _norm(root=lambda v, eps: 1.0),
        "weight and bias are not used.": _norm(affine=lambda z, w, b: z),
        "The bias is missing.": _norm(affine=lambda z, w, b: z * w),
        "The weight is missing.": _norm(affine=lambda z, w, b: z + b),
        "The bias is added before the weight multiplies; it comes last.": _norm(
            affine=lambda z, w, b: (z + b) * w
        ),
        "mean(x^2) - mean^2 is the difference of two huge numbers: subtract the mean first, then square.": _norm(
            var=_expanded
        ),
    },
)


def _g_vectors(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4)) * 2 + 1, rng.normal(size=4) + 1


def _three(answer):
    got = answer(*_g_vectors(np.random.default_rng(2)))
    if not isinstance(got, (tuple, list)) or len(got) != 3:
        count = len(got) if isinstance(got, (tuple, list)) else type(got).__name__
        hint = "Is there a `return`?" if got is None else "Return dx, dweight, dbias."
        raise Failed(f"expected three gradients, got {count}", hint=hint)
    for gradient, shape, what in zip(
        got, ((2, 3, 4), (4,), (4,)), ("dL/dx", "dL/dweight", "dL/dbias"), strict=True
    ):
        if np.shape(gradient) != shape:
            raise Failed(f"{what}: expected shape {shape}, got {np.shape(gradient)}")


def _shift_is_nothing(answer):
    dx = answer(*_g_vectors(np.random.default_rng(3)))[0]
    same(
        1 + dx.sum(-1),
        np.ones((2, 3)),
        "1 + the sum of dL/dx over the channels, as adding a constant to x changes nothing,",
    )


def _stretch_is_nothing(answer):
    g, x, weight = _g_vectors(np.random.default_rng(3))
    dx = answer(g, x, weight, 0.0)[0]
    same(
        1 + (dx * x).sum(-1),
        np.ones((2, 3)),
        "1 + the sum of dL/dx * x, as for eps = 0 stretching x changes nothing,",
    )


def _judged(what, inputs, eps):
    return is_vjp_of(
        what,
        lambda x, weight, bias: _normalized(x, weight, bias, eps),
        inputs,
        vjp=lambda f, g, x, weight, bias: f(g, x, weight, eps),
        hint="Use the three formulas of the task, with z and s as in the forward pass, eps under the root.",
    )


def _together(answer):
    """Several batch dimensions, against the same tokens in a row."""
    rng = np.random.default_rng(5)
    g = rng.normal(size=(2, 3, 2, 4))
    x = rng.normal(size=(2, 3, 2, 4))
    weight = rng.normal(size=4)
    rows = answer(g.reshape(-1, 4), x.reshape(-1, 4), weight)
    for got, expected, what in zip(
        answer(g, x, weight), rows, ("dL/dx", "dL/dweight", "dL/dbias"), strict=True
    ):
        shape = x.shape if what == "dL/dx" else (4,)
        same(
            got,
            np.reshape(expected, shape),
            f"{what} for shape (2, 3, 2, 4), and for the same tokens in a row:",
        )


_batches_of_gradients = Property(
    "several batch dimensions give what the tokens give in a row",
    _together,
    "Sum over all axes but the last, however many there are: tuple(range(x.ndim - 1)).",
)


def _wrong_vjp(
    mean=True,
    along=True,
    use_weight=True,
    by_s=True,
    axis=-1,
    dw=None,
    db=None,
    means=np.mean,
    eps_in=True,
    z_of=None,
    db_of_h=False,
    by=lambda s, eps: s,
    third=None,
    front=lambda z: z,
    ddof=0,
):
    """The gradients of layer normalization with something wrong in them."""

    def layer_norm_vjp(g, x, weight, eps=1e-5):
        u = x - x.mean(-1, keepdims=True)
        s = np.sqrt(x.var(-1, keepdims=True, ddof=ddof) + (eps if eps_in else 0))
        z = u / s
        h = g * weight if use_weight else g
        tokens = tuple(range(x.ndim - 1))
        zz = z if z_of is None else z_of(u, s, x)
        dx = (
            h
            - mean * means(h, axis=axis, keepdims=True)
            - along * front(zz) * (third(h, zz) if third else means(h * zz, axis=axis, keepdims=True))
        )
        dw_ = dw or (lambda g, z, x, w: (g * z).sum(tokens))
        db_ = db or (lambda g: g.sum(tokens))
        return dx / by(s, eps) if by_s else dx, dw_(g, z, x, weight), db_(h if db_of_h else g)

    return layer_norm_vjp


layer_norm_vjp = Tried(
    minutes=20,
    level=3,
    hints=(
        "Compute mean, s and z as in the forward pass. There weight comes last, so here it comes first: h = g * weight.",
        "z depends on x in three ways: directly, through the mean, and through s. Each is one term of dL/dx.",
        "The means in dL/dx go over the channels of each token, axis=-1 with keepdims=True.",
        "weight and bias are used by every token, so their gradients are sums over all axes but the last: lesson 02's unbroadcast.",
    ),
    why="Shifting x or multiplying it does not change z: so the part of h along these two directions is subtracted.",
    properties=(
        Property(
            "there are three gradients, of the right shapes",
            _three,
            "dL/dx has the shape of x; dL/dweight and dL/dbias are (C,), sums over all axes but the last.",
        ),
        Property(
            "dL/dx sums to 0 for each token",
            _shift_is_nothing,
            "In (h - mean(h) - z * mean(h * z)) / s, all parts but h - mean(h) sum to 0 by themselves.",
        ),
        Property(
            "dL/dx has no part along x, where eps is 0",
            _stretch_is_nothing,
            "The third term, z * mean(h * z), takes away the part of h along z; both means are over the channels.",
        ),
        _judged("they are the gradients, with any weights g, on every element", _vectors, 1e-5),
        _judged("they are the gradients where eps is large", lambda rng: _small_vectors(rng)[:3], 0.1),
        keeps_its_inputs(_g_vectors, lambda rng: (*_g_vectors(rng), 0.5)),
        _batches_of_gradients,
    ),
    examples=lambda rng: (_g_vectors(rng), (*_g_vectors(rng), 0.5)),
    trial=lambda answer, *example: np.concatenate([np.ravel(part) for part in answer(*example)]),
    mistakes={
        "Mean and s are treated as constants here, but they depend on x too: two terms are missing.": _wrong_vjp(
            mean=False, along=False
        ),
        "The term through s is missing: - z * mean(h * z).": _wrong_vjp(along=False),
        "The term through the mean is missing: - mean(h).": _wrong_vjp(mean=False),
        "Sums stand where means should: divide by the number of channels.": (
            _wrong_vjp(means=np.sum),
            _wrong_vjp(third=lambda h, z: (h * z).sum(-1, keepdims=True)),
        ),
        "One of dL/dweight and dL/dbias is a mean over all tokens here; both are sums.": (
            _wrong_vjp(db=lambda g: g.reshape(-1, g.shape[-1]).mean(0)),
            _wrong_vjp(dw=lambda g, z, x, w: (g * z).reshape(-1, g.shape[-1]).mean(0)),
        ),
        "The means go over everything; they go over the channels of each token alone.": _wrong_vjp(axis=None),
        "The means go over the tokens; they go over the channels, axis=-1.": _wrong_vjp(axis=-2),
        "weight is missing in dL/dx: the gradient is multiplied by it first, h = g * weight.": _wrong_vjp(
            use_weight=False
        ),
        "dL/dx is not divided by s.": _wrong_vjp(by_s=False),
        "eps is missing under the root, so this is the gradient of another function.": _wrong_vjp(
            eps_in=False
        ),
        "z in dL/dx must be (x - mean) / s; here it is x - mean.": _wrong_vjp(z_of=lambda u, s, x: u),
        "z in dL/dx must be (x - mean) / s; here it is x.": _wrong_vjp(z_of=lambda u, s, x: x),
        "dL/dweight needs z, what weight multiplied, not x.": _wrong_vjp(
            dw=lambda g, z, x, w: (g * x).sum(tuple(range(x.ndim - 1)))
        ),
        "dL/dweight does not contain weight itself.": _wrong_vjp(
            dw=lambda g, z, x, w: (w * g * z).sum(tuple(range(x.ndim - 1)))
        ),
        "dL/dweight and dL/dbias are sums over all tokens: sum over all axes but the last.": _wrong_vjp(
            dw=lambda g, z, x, w: g * z, db=lambda g: g
        ),
        "dL/dweight and dL/dbias are summed over everything: sum over all axes but the last, and (C,) is left.": _wrong_vjp(
            dw=lambda g, z, x, w: (g * z).sum(), db=lambda g: g.sum()
        ),
        "dL/dweight and dL/dbias are summed over the first axis only: sum over all axes but the last.": _wrong_vjp(
            dw=lambda g, z, x, w: (g * z).sum(0), db=lambda g: g.sum(0)
        ),
        "dL/dweight and dL/dbias are sums over the tokens, not means.": _wrong_vjp(
            dw=lambda g, z, x, w: (g * z).mean(tuple(range(x.ndim - 1))),
            db=lambda g: g.mean(tuple(range(g.ndim - 1))),
        ),
        "dL/dweight and dL/dbias are exchanged: the order is x, weight, bias.": lambda *a: [
            _wrong_vjp()(*a)[i] for i in (0, 2, 1)
        ],
        "dL/dbias is the sum of g itself: bias is added last, after weight has multiplied.": _wrong_vjp(
            db_of_h=True
        ),
        "dL/dweight and dL/dbias contain h; both are made of g, as weight comes after z.": _wrong_vjp(
            dw=lambda g, z, x, w: (w * g * z).sum(tuple(range(x.ndim - 1))), db_of_h=True
        ),
        "dL/dx is divided by s twice; once is right, as z contains the other.": _wrong_vjp(
            by=lambda s, eps: s * s
        ),
        "dL/dx is multiplied by s; divide by it.": _wrong_vjp(by=lambda s, eps: 1 / s),
        "dL/dx is divided by the variance, without its root.": _wrong_vjp(by=lambda s, eps: s * s - eps),
        "The mean of z^2 is taken, or that of h alone; the third term has mean(h * z).": (
            _wrong_vjp(third=lambda h, z: (z * z).mean(-1, keepdims=True)),
            _wrong_vjp(third=lambda h, z: h.mean(-1, keepdims=True)),
        ),
        "z is missing in front of mean(h * z).": _wrong_vjp(front=lambda z: np.ones_like(z)),
        "z is missing in the mean, or squared in front: the third term is z * mean(h * z).": _wrong_vjp(
            front=lambda z: z * z
        ),
        "A sign is wrong in dL/dx: both means are subtracted.": (
            _wrong_vjp(mean=-1),
            _wrong_vjp(along=-1),
            _wrong_vjp(mean=-1, along=-1),
        ),
        "dL/dx has the wrong sign.": _wrong_vjp(by=lambda s, eps: -s),
        "The variance is divided by C - 1; here it is the plain mean of the squares.": _wrong_vjp(ddof=1),
        "dL/dweight is the sum of g * z; here it is the sum of z.": _wrong_vjp(
            dw=lambda g, z, x, w: z.sum(tuple(range(x.ndim - 1)))
        ),
        "eps is always 1e-5 here; use the argument.": lambda g, x, w, eps=1e-5: _wrong_vjp()(g, x, w),
        "All three are zeros.": lambda g, x, w, eps=1e-5: (0 * x, 0 * w, 0 * w),
    },
)


def _network(rng):
    shapes = ((2, 3, 4), (6, 4), (6,), (4, 6), (4,))
    return tuple(rng.normal(size=shape) for shape in shapes)


def _large_network(rng):
    x, *weights = _network(rng)
    return 50 * x, *weights


def _network_by_loops(x, w1, b1, w2, b2):
    out = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        sums = [math.fsum(row * x[place]) + b for row, b in zip(w1, b1, strict=True)]
        hidden = np.array([total if total > 0 else 0.0 for total in sums])
        out[place] = [math.fsum(row * hidden) + b for row, b in zip(w2, b2, strict=True)]
    return out


def _size_of(answer):
    w1 = np.array([[1.0], [-1.0]])
    w2 = np.ones((1, 2))
    same(
        answer(np.array([[-3.0], [2.0]]), w1, np.zeros(2), w2, np.zeros(1)),
        [[3], [2]],
        "relu(a) + relu(-a) for a = -3 and 2",
    )


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
            _network_by_loops,
            hint="x @ w1.T + b1, relu of each number, @ w2.T + b2, in this order.",
        ),
        returns(
            "values are right where numbers are large",
            _large_network,
            _network_by_loops,
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
        "x is added at the end; that is the block's task, not the network's.": _wrong_network(
            after=lambda y, x: y + x
        ),
    },
)

ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
LINEAR = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def _weights(rng, C, F):
    shapes = ((3 * C, C), (3 * C,), (C, C), (C,), (F, C), (F,), (C, F), (C,), *[(C,)] * 4)
    names = [f"self_attn.{n}" for n in ATTENTION] + [
        *LINEAR,
        "norm1.weight",
        "norm1.bias",
        "norm2.weight",
        "norm2.bias",
    ]
    return {
        name: rng.normal(size=shape) * 0.6 + 0.3 * ("norm" in name)
        for name, shape in zip(names, shapes, strict=True)
    }


def _block(rng, norm_first=False, masked=False):
    mask = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]], dtype=bool) if masked else None
    return rng.normal(size=(2, 3, 4)) * 1.5, _weights(rng, 4, 7), 2, mask, norm_first


def _parts(p, n_heads, mask):
    """The four parts of a block, by loops."""
    return (
        lambda x: _attention_by_loops(x, *(p[f"self_attn.{n}"] for n in ATTENTION), n_heads, mask),
        lambda x: _network_by_loops(x, *(p[n] for n in LINEAR)),
        lambda x: _normalized(x, p["norm1.weight"], p["norm1.bias"]),
        lambda x: _normalized(x, p["norm2.weight"], p["norm2.bias"]),
    )


def _block_by_loops(x, p, n_heads, mask, norm_first):
    attend, think, norm1, norm2 = _parts(p, n_heads, mask)
    x = x + attend(norm1(x)) if norm_first else norm1(x + attend(x))
    return x + think(norm2(x)) if norm_first else norm2(x + think(x))


def _silent(norm_first):
    """A block whose attention and network give zeros."""

    def holds(answer):
        x, p, n_heads, *_ = _block(np.random.default_rng(6))
        p = {name: 0 * value if "norm" not in name else value for name, value in p.items()}
        expected = x
        if not norm_first:
            for i in (1, 2):
                expected = _normalized(expected, p[f"norm{i}.weight"], p[f"norm{i}.bias"])
        same(
            answer(x, p, n_heads, None, norm_first),
            expected,
            "a block whose attention and network give zeros",
        )

    return Property(
        f"where attention and network give zeros, {'x comes out' if norm_first else 'only the norms act'}",
        holds,
        "Where f gives 0, x + f(..) is x: with norms first nothing changes x; else norm1 and then norm2 are applied to it.",
    )


def _leaves_all(answer):
    for norm_first, masked in ((False, False), (True, False), (False, True)):
        x, p, *rest = _block(np.random.default_rng(8), norm_first, masked)
        before = x.copy(), {name: value.copy() for name, value in p.items()}
        answer(x, p, *rest)
        if not np.array_equal(x, before[0]):
            raise Failed(
                "x was changed in place",
                hint="Write `x = x + ...` instead of `x += ...`: x may be needed elsewhere.",
            )
        if p.keys() != before[1].keys() or any(
            not np.array_equal(p[name], value) for name, value in before[1].items()
        ):
            raise Failed("the weights were changed", hint="Only look at p.")


def _either(post, pre):
    """A mistake in both forms of the block, and in one of them alone."""
    return _wrong_block(post, pre), _wrong_block(post), _wrong_block(pre=pre)


def _wrong_block(post=None, pre=None, names=None, masked=True, heads=lambda n, C: n):
    """An encoder block with something wrong in it: `post` and `pre` take x, attend, think, norm1, norm2."""

    def right_post(x, attend, think, norm1, norm2):
        x = norm1(x + attend(x))
        return norm2(x + think(x))

    def right_pre(x, attend, think, norm1, norm2):
        x = x + attend(norm1(x))
        return x + think(norm2(x))

    def encoder_block(x, p, n_heads, mask=None, norm_first=False):
        p = {name: p[(names or {}).get(name, name)] for name in p}
        parts = _parts(p, heads(n_heads, x.shape[-1]), mask if masked else None)
        return ((pre or right_pre) if norm_first else (post or right_post))(x, *parts)

    return encoder_block


SECOND_AS_FIRST = {"norm2.weight": "norm1.weight", "norm2.bias": "norm1.bias"}
FIRST_AS_SECOND = {first: second for second, first in SECOND_AS_FIRST.items()}


encoder_block = Exercise(
    minutes=25,
    level=2,
    hints=(
        "Write four small functions of x alone, for attention, the network, norm1 and norm2, each with its own weights from p.",
        "After the norm or before it, what is added is always the x that the line begins with: x + f(x), or x + f(norm(x)).",
        'p["self_attn.in_proj_weight"], p["self_attn.in_proj_bias"], .. are the arguments of multi_head_attention in order.',
        "The second line works on the x of the first line, not on the x that came in.",
    ),
    why="Two additions to one stream: attention adds what comes from other tokens, the network what it computes from x.",
    properties=(
        _silent(False),
        _silent(True),
        returns(
            "values are right, norms after the sums",
            _block,
            _block_by_loops,
            hint="x = norm1(x + attend(x)), then x = norm2(x + feed_forward(x)), each with its own weights from p.",
        ),
        returns(
            "values are right, norms first",
            lambda rng: _block(rng, norm_first=True),
            _block_by_loops,
            hint="x = x + attend(norm1(x)), then x = x + feed_forward(norm2(x)), the second with the new x.",
        ),
        returns(
            "values are right with a mask",
            lambda rng: _block(rng, masked=True),
            _block_by_loops,
            hint="The mask goes to multi_head_attention, as it is.",
        ),
        returns(
            "and with a mask and norms first",
            lambda rng: _block(rng, True, True),
            _block_by_loops,
            hint="The mask goes to multi_head_attention, with norms first too.",
        ),
        Property(
            "x and the weights stay as they were", _leaves_all, "Write `x = x + ...`, and only read from p."
        ),
    ),
    examples=lambda rng: (
        _block(rng),
        _block(rng, norm_first=True),
        _block(rng, masked=True),
        _block(rng, True, True),
    ),
    mistakes={
        "x is missing in the sums: add the outputs of attention and of the network to it.": _either(
            lambda x, attend, think, norm1, norm2: norm2(think(norm1(attend(x)))),
            lambda x, attend, think, norm1, norm2: think(norm2(attend(norm1(x)))),
        ),
        "x is missing in the first sum, around attention.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(attend(x))) + think(y)),
            lambda x, attend, think, norm1, norm2: (y := attend(norm1(x))) + think(norm2(y)),
        ),
        "x is missing in the second sum, around the network.": _either(
            lambda x, attend, think, norm1, norm2: norm2(think(norm1(x + attend(x)))),
            lambda x, attend, think, norm1, norm2: think(norm2(x + attend(norm1(x)))),
        ),
        "The second sum adds the x that came in; it must add the result of the first line.": _either(
            lambda x, attend, think, norm1, norm2: norm2(x + think(norm1(x + attend(x)))),
            lambda x, attend, think, norm1, norm2: x + think(norm2(x + attend(norm1(x)))),
        ),
        "Norms first: what is added is x itself, not its norm: x + attend(norm1(x)).": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (z := norm2((y := norm1(x)) + attend(y))) + think(z)
        ),
        "norm_first is not used: the norms come after the sums in both cases.": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) + think(y))
        ),
        "The norms come first in both cases; they do so only if norm_first is True.": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + think(norm2(y))
        ),
        "norm_first is inverted.": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + think(norm2(y)),
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) + think(y)),
        ),
        "The norm is taken of what is added; without norm_first it is taken of the sum: norm1(x + attend(x)).": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := x + norm1(attend(x))) + norm2(think(y))
        ),
        "Norms first: the norm is applied to what is added; apply it to x: x + attend(norm1(x)).": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (y := x + norm1(attend(x))) + norm2(think(y))
        ),
        "Norms first: attention and the network get x, not its norm.": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (y := x + attend(x)) + think(y)
        ),
        "norm1 is used twice; the second norm has weights of its own.": (
            _wrong_block(names=SECOND_AS_FIRST),
            *_either(
                lambda x, attend, think, norm1, norm2: norm1((y := norm1(x + attend(x))) + think(y)),
                lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + think(norm1(y)),
            ),
        ),
        "The first norm is taken of what is added; without norm_first it is taken of the sum: norm1(x + attend(x)).": _wrong_block(
            lambda x, attend, think, norm1, norm2: norm2((y := x + norm1(attend(x))) + think(y))
        ),
        "Norms first: to what attention gives, x itself is added, not its norm: x + attend(norm1(x)).": (
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: (
                    (y := (z := norm1(x)) + attend(z)) + think(norm2(y))
                )
            ),
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: (
                    (y := (z := norm1(x)) + attend(norm1(z))) + think(norm2(y))
                )
            ),
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: (y := (z := norm1(x)) + attend(z)) + think(y)
            ),
        ),
        "norm1 and norm2 are exchanged.": _wrong_block(names=SECOND_AS_FIRST | FIRST_AS_SECOND),
        "The network comes before attention.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + think(x))) + attend(y)),
            lambda x, attend, think, norm1, norm2: (y := x + think(norm1(x))) + attend(norm2(y)),
        ),
        "Attention and the network work side by side on the same x; the network must get the result of attention.": _either(
            lambda x, attend, think, norm1, norm2: norm2(norm1(x + attend(x)) + think(x)),
            lambda x, attend, think, norm1, norm2: x + attend(norm1(x)) + think(norm2(x)),
        ),
        "Attention is missing.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x)) + think(y)),
            lambda x, attend, think, norm1, norm2: x + think(norm2(x)),
        ),
        "The network is missing: only attention adds to x here.": _either(
            lambda x, attend, think, norm1, norm2: norm2(norm1(x + attend(x))),
            lambda x, attend, think, norm1, norm2: x + attend(norm1(x)),
        ),
        "Attention and the network work side by side on the same norm of x; the network has its own norm, of the new x.": _either(
            lambda x, attend, think, norm1, norm2: norm2(norm1(x + attend(x) + think(x))),
            lambda x, attend, think, norm1, norm2: x + attend(norm1(x)) + think(norm1(x)),
        ),
        "Attention and the network work side by side; one norm is left out.": _either(
            lambda x, attend, think, norm1, norm2: norm1(x + attend(x) + think(x)),
            lambda x, attend, think, norm1, norm2: x + attend(norm1(x)) + think(x),
        ),
        "Norms first: there is a norm more at the end; the sum is returned as it is.": (
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: norm2(
                    (y := x + attend(norm1(x))) + think(norm2(y))
                )
            ),
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: norm1(
                    (y := x + attend(norm1(x))) + think(norm2(y))
                )
            ),
        ),
        "Norms first: the second norm is missing.": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + think(y)
        ),
        "Norms first: the first norm is missing.": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (y := x + attend(x)) + think(norm2(y))
        ),
        "The last norm is missing: without norm_first there is one after each sum.": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := norm1(x + attend(x))) + think(y)
        ),
        "The first norm is missing: without norm_first there is one after each sum.": _wrong_block(
            lambda x, attend, think, norm1, norm2: norm2((y := x + attend(x)) + think(y))
        ),
        "Both norms are missing: without norm_first there is one after each sum.": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := x + attend(x)) + think(y)
        ),
        "x is added twice, or doubled: each sum is x + f(x).": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(2 * x + attend(x))) + y + think(y)),
            lambda x, attend, think, norm1, norm2: (y := 2 * x + attend(norm1(x))) + y + think(norm2(y)),
        ),
        "`n_heads` is not used: all channels attend as one head.": _wrong_block(heads=lambda n, C: 1),
        "`n_heads` is how many heads there are, not how wide each is.": _wrong_block(heads=lambda n, C: C),
        "The mask is not used: pass it to multi_head_attention.": _wrong_block(masked=False),
    },
)
