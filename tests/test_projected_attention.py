"""Multi-head attention as a function of its weights against PyTorch, and PyTorch's choice of how attention is computed."""

import numpy
import pytest
from helpers import array, arrays, check_op, check_values
from later import torch

import minitransformer as mt
from minitransformer.nn.attention import SDPBackend, sdpa_kernel

F = mt.nn.functional


def pooled(lib, x, wq, wk, wv, bias, w, b):
    """As a pooling layer asks for it: one query, separate weights, outputs of another size."""
    settings = 2, None, bias, None, None, False, 0.0, w, b
    separate = {"q_proj_weight": wq, "k_proj_weight": wk, "v_proj_weight": wv, "need_weights": False}
    call = lib.nn.functional.multi_head_attention_forward
    return call(x[:1], x, x, 4, *settings, use_separate_proj_weight=True, **separate)[0]


@pytest.mark.parametrize("shape", [(3, 2, 4), (5, 4)])
def test_separate_weights(shape):
    check_op(pooled, shape, (4, 4), (4, 4), (4, 4), (12,), (6, 4), (6,))


def together(masks, **settings):
    """With one weight for all three, and masks made by `masks(lib)`."""

    def call(lib, x, y, w, bias, out):
        function = lib.nn.functional.multi_head_attention_forward
        return function(x, y, y, 4, 2, w, bias, None, None, False, 0.0, out, None, **masks(lib), **settings)

    return call


HIDDEN = numpy.array([[False, True, False], [True, False, False]])
MASKS = {
    "none": lambda lib: {},
    "padding": lambda lib: {"key_padding_mask": lib.tensor(HIDDEN)},
    "of pairs": lambda lib: {"attn_mask": lib.tensor(HIDDEN)},
    "of heads": lambda lib: {"attn_mask": lib.tensor(numpy.stack([HIDDEN, ~HIDDEN, HIDDEN, HIDDEN]))},
}


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("average", [True, False])
def test_one_weight(masks, average):
    call = together(MASKS[masks], average_attn_weights=average)
    check_values(call, *arrays((2, 2, 4), (3, 2, 4), (12, 4), (12,), (4, 4)), differences=False)


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"add_zero_attn": True}, NotImplementedError, "MultiheadAttention has"),
        ({"num_heads": 3}, ValueError, "heads that divide"),
        ({"embed_dim_to_check": 5}, ValueError, "a query .T, B, 5."),
        ({"in_proj_weight": None}, ValueError, "expected in_proj_weight, got None"),
        ({"use_separate_proj_weight": True}, ValueError, "expected q_, k_ and v_proj_weight"),
        ({"is_causal": True}, ValueError, "the causal attn_mask"),
        ({"attn_mask": mt.ones(4, 4).bool()}, ValueError, "attn_mask: expected shape"),
    ],
)
def test_mistakes_are_named(change, error, message):
    x = mt.tensor(array(3, 2, 4))
    names = "query key value embed_dim_to_check num_heads in_proj_weight in_proj_bias bias_k bias_v add_zero_attn dropout_p"
    values = x, x, x, 4, 2, mt.ones(12, 4).double(), None, None, None, False, 0.0
    given = dict(zip(names.split(), values, strict=True))
    with pytest.raises(error, match=message):
        F.multi_head_attention_forward(
            **{**given, "out_proj_weight": mt.ones(4, 4).double(), "out_proj_bias": None, **change}
        )


def test_a_choice_of_kernels_changes_nothing():
    names = {b.name: b.value for b in SDPBackend}
    assert names.items() <= {n: int(b) for n, b in torch.nn.attention.SDPBackend.__members__.items()}.items()
    q = mt.tensor(array(1, 2, 3, 4))
    plain = F.scaled_dot_product_attention(q, q, q)
    for asked in (SDPBackend.MATH, [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]):
        with sdpa_kernel(asked):
            assert (F.scaled_dot_product_attention(q, q, q) == plain).all()
    with pytest.raises(TypeError, match="SDPBackend"), sdpa_kernel("math"):
        pass
