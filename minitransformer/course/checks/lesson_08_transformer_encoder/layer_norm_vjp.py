"""What must be true of the gradient of layer normalization."""

import numpy as np

from minitransformer.course.checks.lesson_08_transformer_encoder.common import (
    normalized,
    small_vectors,
    vectors,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, is_vjp_of, keeps_its_inputs, same


def _g_vectors(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4)) * 2 + 1, rng.normal(size=4) + 1


def _about_shape(what, shape):
    """What the wrong shape of a gradient says, where the tokens are (2, 3) and the channels 4."""
    if what == "dL/dx":
        return "dL/dx is the first of the three: return dx, dweight, dbias." if shape == (4,) else ""
    return {
        (2, 3, 4): f"{what} is not summed: sum over all axes but the last.",
        (2, 3): f"{what} is summed over the channels; sum over all axes but the last, and the channels stay.",
        (
            2,
            3,
            1,
        ): f"{what} is summed over the channels; sum over all axes but the last, and the channels stay.",
        (3, 4): f"{what} is summed over the first axis only: sum over all axes but the last.",
        (2, 4): f"{what} is summed over one axis of the tokens only: sum over all axes but the last.",
        (1, 1, 4): f"{what} is (C,): without keepdims=True.",
        (): f"{what} is summed over everything: sum over all axes but the last, and (C,) is left.",
    }.get(shape, "")


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
            hint = _about_shape(what, np.shape(gradient))
            raise Failed(f"{what}: expected shape {shape}, got {np.shape(gradient)}", hint=hint)


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
        lambda x, weight, bias: normalized(x, weight, bias, eps),
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
    first=lambda h, g: h,
    second=None,
    third=None,
    times=np.multiply,
    front=lambda z: z,
    ddof=0,
):
    """The gradients of layer normalization with something wrong in them."""

    def layer_norm_vjp(g, x, weight, eps=1e-5):
        u = x - x.mean(-1, keepdims=True)
        s = np.sqrt(x.var(-1, keepdims=True, ddof=ddof) + (eps if eps_in else 0))
        z = u / s
        h = times(g, weight) if use_weight else g
        tokens = tuple(range(x.ndim - 1))
        zz = z if z_of is None else z_of(u, s, x)
        dx = (
            first(h, g)
            - mean * (second(h, g) if second else means(h, axis=axis, keepdims=True))
            - along * front(zz) * (third(h, zz, g, x) if third else means(h * zz, axis=axis, keepdims=True))
        )
        dw_ = dw or (lambda g, z, x, w: (g * z).sum(tokens))
        db_ = db or (lambda g: g.sum(tokens))
        return dx / by(s, eps) if by_s else dx, dw_(g, z, x, weight), db_(h if db_of_h else g)

    return layer_norm_vjp


def _with_variance_for_s(g, x, weight, eps):
    """The formulas with var + eps in the place of its root."""
    s = x.var(-1, keepdims=True) + eps
    z = (x - x.mean(-1, keepdims=True)) / s
    h = g * weight
    dx = (h - h.mean(-1, keepdims=True) - z * (h * z).mean(-1, keepdims=True)) / s
    tokens = tuple(range(x.ndim - 1))
    return dx, (g * z).sum(tokens), g.sum(tokens)


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
        _judged("they are the gradients, with any weights g, on every element", vectors, 1e-5),
        _judged("they are the gradients where eps is large", lambda rng: small_vectors(rng)[:3], 0.1),
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
            _wrong_vjp(third=lambda h, z, g, x: (h * z).sum(-1, keepdims=True)),
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
        "dL/dweight needs z, what weight multiplied, not x - mean.": _wrong_vjp(
            dw=lambda g, z, x, w: (g * (x - x.mean(-1, keepdims=True))).sum(tuple(range(x.ndim - 1)))
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
            _wrong_vjp(third=lambda h, z, g, x: (z * z).mean(-1, keepdims=True)),
            _wrong_vjp(third=lambda h, z, g, x: h.mean(-1, keepdims=True)),
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
        "x stands where z should, in mean(h * z).": _wrong_vjp(
            third=lambda h, z, g, x: (h * x).mean(-1, keepdims=True)
        ),
        "x - mean stands where z should, in mean(h * z).": _wrong_vjp(
            third=lambda h, z, g, x: (h * (x - x.mean(-1, keepdims=True))).mean(-1, keepdims=True)
        ),
        "g stands where h = g * weight should, in the third term: mean(h * z).": _wrong_vjp(
            third=lambda h, z, g, x: (g * z).mean(-1, keepdims=True)
        ),
        "g stands where h = g * weight should, in the second term: mean(h).": _wrong_vjp(
            second=lambda h, g: g.mean(-1, keepdims=True)
        ),
        "g stands where h = g * weight should, in the first term.": _wrong_vjp(first=lambda h, g: g),
        "The mean of h goes over the tokens; it goes over the channels, axis=-1.": (
            _wrong_vjp(second=lambda h, g: h.mean(0, keepdims=True)),
            _wrong_vjp(second=lambda h, g: h.mean(tuple(range(h.ndim - 1)))),
            _wrong_vjp(second=lambda h, g: h.mean(-2, keepdims=True)),
        ),
        "The mean of h goes over everything; it goes over the channels, axis=-1.": _wrong_vjp(
            second=lambda h, g: h.mean()
        ),
        "The mean of h * z goes over the tokens; it goes over the channels, axis=-1.": (
            _wrong_vjp(third=lambda h, z, g, x: (h * z).mean(0, keepdims=True)),
            _wrong_vjp(third=lambda h, z, g, x: (h * z).mean(-2, keepdims=True)),
        ),
        "The mean of h * z goes over everything; it goes over the channels, axis=-1.": _wrong_vjp(
            third=lambda h, z, g, x: (h * z).mean()
        ),
        "The sum of h stands where its mean should.": _wrong_vjp(
            second=lambda h, g: h.sum(-1, keepdims=True)
        ),
        "z is squared in the mean; the third term has mean(h * z).": _wrong_vjp(
            third=lambda h, z, g, x: (h * z * z).mean(-1, keepdims=True)
        ),
        "s has no root here: it is sqrt(var + eps), in z and below the line.": (
            lambda g, x, w, eps=1e-5: _with_variance_for_s(g, x, w, eps)
        ),
        "dL/dx is multiplied by weight once more: h = g * weight has it already.": (
            lambda g, x, w, eps=1e-5: ((out := _wrong_vjp()(g, x, w, eps))[0] * w, *out[1:])
        ),
        "dL/dx is multiplied by weight at the end; the means are those of h, which has it before.": (
            lambda g, x, w, eps=1e-5: (
                _wrong_vjp(use_weight=False)(g, x, w, eps)[0] * w,
                *_wrong_vjp()(g, x, w, eps)[1:],
            )
        ),
        "z contains weight here; z is (x - mean) / s alone.": lambda g, x, w, eps=1e-5: _wrong_vjp(
            z_of=lambda u, s, x: u / s * w, dw=lambda g, z, x, w: (w * g * z).sum(tuple(range(x.ndim - 1)))
        )(g, x, w, eps),
        "z contains weight in dL/dx; there it is (x - mean) / s alone.": lambda g, x, w, eps=1e-5: _wrong_vjp(
            z_of=lambda u, s, x: u / s * w
        )(g, x, w, eps),
        "g is divided by weight in dL/dx; weight multiplies, h = g * weight.": _wrong_vjp(
            times=lambda g, w: g / w
        ),
        "weight is added to g in dL/dx; it multiplies, h = g * weight.": _wrong_vjp(times=lambda g, w: g + w),
        "dL/dbias is 1 everywhere; it is the sum of g over all tokens.": (
            _wrong_vjp(db=lambda g: np.ones(g.shape[-1])),
            _wrong_vjp(db=lambda g: np.full(g.shape[-1], g[..., 0].size)),
        ),
        "dL/dbias has the gradient of one token alone; it is the sum over all of them.": (
            _wrong_vjp(db=lambda g: g.reshape(-1, g.shape[-1])[-1]),
            _wrong_vjp(db=lambda g: g.reshape(-1, g.shape[-1])[0]),
        ),
        "dL/dweight has the gradient of one token alone; it is the sum over all of them.": (
            _wrong_vjp(dw=lambda g, z, x, w: (g * z).reshape(-1, g.shape[-1])[-1]),
            _wrong_vjp(dw=lambda g, z, x, w: (g * z).reshape(-1, g.shape[-1])[0]),
        ),
        "The numbers of several channels are summed up: reshape(-1, C) has a row for each token, and its sum is over axis 0.": (
            _wrong_vjp(dw=lambda g, z, x, w: (g * z).reshape(g.shape[-1], -1).sum(1)),
            _wrong_vjp(db=lambda g: g.reshape(g.shape[-1], -1).sum(1)),
            _wrong_vjp(
                dw=lambda g, z, x, w: (g * z).reshape(g.shape[-1], -1).sum(1),
                db=lambda g: g.reshape(g.shape[-1], -1).sum(1),
            ),
        ),
        "All three are zeros.": lambda g, x, w, eps=1e-5: (0 * x, 0 * w, 0 * w),
    },
)
