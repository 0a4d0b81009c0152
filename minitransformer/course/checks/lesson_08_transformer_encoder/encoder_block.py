"""What must be true of an encoder block."""

import numpy as np

from minitransformer.course.checks.lesson_07_multi_head_attention.multi_head_attention import (
    by_loops as attention_by_loops,
)
from minitransformer.course.checks.lesson_08_transformer_encoder.common import network_by_loops, normalized
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import returns, same

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
        lambda x: attention_by_loops(x, *(p[f"self_attn.{n}"] for n in ATTENTION), n_heads, mask),
        lambda x: network_by_loops(x, *(p[n] for n in LINEAR)),
        lambda x: normalized(x, p["norm1.weight"], p["norm1.bias"]),
        lambda x: normalized(x, p["norm2.weight"], p["norm2.bias"]),
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
                expected = normalized(expected, p[f"norm{i}.weight"], p[f"norm{i}.bias"])
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


def _post(x, attend, think, norm1, norm2):
    x = norm1(x + attend(x))
    return norm2(x + think(x))


def _pre(x, attend, think, norm1, norm2):
    x = x + attend(norm1(x))
    return x + think(norm2(x))


def _in_one_form(first):
    """The mask is left out where norm_first is `first`."""

    def encoder_block(x, p, n_heads, mask=None, norm_first=False):
        mask = None if norm_first == first else mask
        return _wrong_block()(x, p, n_heads, mask, norm_first)

    return encoder_block


def _either(post, pre):
    """A mistake in both forms of the block, and in one of them alone."""
    return _wrong_block(post, pre), _wrong_block(post), _wrong_block(pre=pre)


def _wrong_block(post=None, pre=None, names=None, mask_of=lambda mask, T: mask, heads=lambda n, C: n):
    """An encoder block with something wrong in it: `post` and `pre` take x, attend, think, norm1, norm2."""

    def encoder_block(x, p, n_heads, mask=None, norm_first=False):
        p = {name: p[(names or {}).get(name, name)] for name in p}
        parts = _parts(p, heads(n_heads, x.shape[-1]), mask_of(mask, x.shape[1]))
        return ((pre or _pre) if norm_first else (post or _post))(x, *parts)

    return encoder_block


NORM_1 = (("norm1.weight", "norm1.bias"),)
NORM_2 = (("norm2.weight", "norm2.bias"),)
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
        "What attention or the network gives is subtracted; it is added to x.": (
            *_either(
                lambda x, attend, think, norm1, norm2: norm2((y := norm1(x - attend(x))) + think(y)),
                lambda x, attend, think, norm1, norm2: (y := x - attend(norm1(x))) + think(norm2(y)),
            ),
            *_either(
                lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) - think(y)),
                lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) - think(norm2(y)),
            ),
        ),
        "x is multiplied by what attention or the network gives; it is added.": (
            *_either(
                lambda x, attend, think, norm1, norm2: norm2((y := norm1(x * attend(x))) + think(y)),
                lambda x, attend, think, norm1, norm2: (y := x * attend(norm1(x))) + think(norm2(y)),
            ),
            *_either(
                lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) * think(y)),
                lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) * think(norm2(y)),
            ),
        ),
        "x is added twice in the second sum: it is x + feed_forward(..), once.": _either(
            lambda x, attend, think, norm1, norm2: norm2(2 * (y := norm1(x + attend(x))) + think(y)),
            lambda x, attend, think, norm1, norm2: 2 * (y := x + attend(norm1(x))) + think(norm2(y)),
        ),
        "x is added twice in the first sum: it is x + attend(..), once.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(2 * x + attend(x))) + think(y)),
            lambda x, attend, think, norm1, norm2: (y := 2 * x + attend(norm1(x))) + think(norm2(y)),
        ),
        "The network works on what attention gave; it works on the sum of this and x, after its norm.": _either(
            lambda x, attend, think, norm1, norm2: norm2(norm1(x + attend(x)) + think(attend(x))),
            lambda x, attend, think, norm1, norm2: x + (a := attend(norm1(x))) + think(norm2(a)),
        ),
        "Norms first: to what the network gives, x itself is added, not its norm: x + feed_forward(norm2(x)).": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (z := norm2(x + attend(norm1(x)))) + think(z)
        ),
        "The network acts twice, one time on its own result.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) + think(think(y))),
            lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + think(think(norm2(y))),
        ),
        "Attention stands in both sums; the second is that of the network.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + attend(x))) + attend(y)),
            lambda x, attend, think, norm1, norm2: (y := x + attend(norm1(x))) + attend(norm2(y)),
        ),
        "The network stands in both sums; the first is that of attention.": _either(
            lambda x, attend, think, norm1, norm2: norm2((y := norm1(x + think(x))) + think(y)),
            lambda x, attend, think, norm1, norm2: (y := x + think(norm1(x))) + think(norm2(y)),
        ),
        "The second norm is taken of what is added; without norm_first it is taken of the sum: norm2(x + ..).": _wrong_block(
            lambda x, attend, think, norm1, norm2: (y := norm1(x + attend(x))) + norm2(think(y))
        ),
        "Norms first: the second norm is taken of the sum here: x + feed_forward(norm2(x)).": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: norm2((y := x + attend(norm1(x))) + think(y))
        ),
        "Norms first: the first norm is taken of the sum here: x + attend(norm1(x)).": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: (y := norm1(x + attend(x))) + think(norm2(y))
        ),
        "Both norms stand at the end; without norm_first there is one after each sum.": _wrong_block(
            lambda x, attend, think, norm1, norm2: norm1(norm2((y := x + attend(x)) + think(y)))
        ),
        "Norms first: the result goes through the other form as well: return it before that.": _wrong_block(
            pre=lambda x, attend, think, norm1, norm2: norm2(
                (z := norm1((y := _pre(x, attend, think, norm1, norm2)) + attend(y))) + think(z)
            )
        ),
        "Attention and the network act twice here: the block has one of each.": (
            _wrong_block(
                lambda x, attend, think, norm1, norm2: _post(
                    _post(x, attend, think, norm1, norm2), attend, think, norm1, norm2
                )
            ),
            _wrong_block(
                pre=lambda x, attend, think, norm1, norm2: _pre(
                    _pre(x, attend, think, norm1, norm2), attend, think, norm1, norm2
                )
            ),
        ),
        "weight and bias of a norm are exchanged: layer_norm(x, weight, bias).": tuple(
            _wrong_block(names={a: b for pair in pairs for a, b in (pair, pair[::-1])})
            for pairs in (NORM_1, NORM_2, NORM_1 + NORM_2)
        ),
        "The two norms exchange a weight or a bias: norm1 has norm1.weight and norm1.bias, norm2 those of norm2.": tuple(
            _wrong_block(names=names)
            for names in (
                {"norm1.bias": "norm2.bias"},
                {"norm2.bias": "norm1.bias"},
                {"norm1.weight": "norm2.weight"},
                {"norm2.weight": "norm1.weight"},
            )
        ),
        "norm2 is used twice; the first norm has weights of its own.": _wrong_block(names=FIRST_AS_SECOND),
        "It is always causal here; the mask says where a query may look, and None is everywhere.": _wrong_block(
            mask_of=lambda mask, T: np.tri(T, dtype=bool)
        ),
        "Without a mask it is causal here; None is everywhere.": _wrong_block(
            mask_of=lambda mask, T: np.tri(T, dtype=bool) if mask is None else mask
        ),
        "The mask is inverted: True is where a query may look.": _wrong_block(
            mask_of=lambda mask, T: None if mask is None else ~mask
        ),
        "The mask is transposed: its rows are queries.": _wrong_block(
            mask_of=lambda mask, T: None if mask is None else mask.T
        ),
        "`n_heads` is not used: all channels attend as one head.": _wrong_block(heads=lambda n, C: 1),
        "`n_heads` is how many heads there are, not how wide each is.": _wrong_block(heads=lambda n, C: C),
        "The mask is not used: pass it to multi_head_attention.": _wrong_block(mask_of=lambda mask, T: None),
        "The mask is not used where norms come after the sums: pass it to multi_head_attention.": _in_one_form(
            False
        ),
        "The mask is not used where norms come first: pass it to multi_head_attention.": _in_one_form(True),
    },
)
