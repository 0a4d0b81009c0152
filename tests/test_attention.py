"""Multi-head attention: against PyTorch with masks of all kinds, weights, recording, and the cache."""

import numpy
import pytest
from helpers import check_op
from hypothesis import given, settings
from hypothesis import strategies as st
from later import torch
from twins import compare, shapes, share_weights

import minitransformer as mt
from minitransformer import nn
from minitransformer.nn.masking import later_keys, looks_causal

DTYPES = ("float64", "float32")


def array(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape)


def hidden(*shape, seed=0):
    """A boolean mask that hides about a third, but never the first key."""
    mask = numpy.random.default_rng(seed).random(shape) < 0.35
    mask[..., 0] = False
    return mask


def scores(*shape, seed=0):
    """A float mask: finite scores, and -inf at some places."""
    return numpy.where(hidden(*shape, seed=seed), -numpy.inf, array(*shape, seed=seed))


def pair(*sizes, dtype="float64", **options):
    """Our attention and PyTorch's with the same random weights."""
    ours, theirs = nn.MultiheadAttention(*sizes, **options), torch.nn.MultiheadAttention(*sizes, **options)
    share_weights(ours, theirs, dtype)
    return ours, theirs


def to_itself(module, x, **options):
    return module(x, x, x, **options)


def from_memory(module, x, memory, **options):
    return module(x, memory, memory, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("shape", [(2, 5), (1, 4), (3, 1), (1, 1)])
def test_self_attention(shape, need_weights, bias, batch_first, dtype):
    ours, theirs = pair(6, 3, bias=bias, batch_first=batch_first, dtype=dtype)
    compare(ours, theirs, array(*shape, 6), dtype=dtype, call=to_itself, need_weights=need_weights)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_to_a_memory_and_of_three_inputs(need_weights, dtype):
    ours, theirs = pair(6, 2, batch_first=True, dtype=dtype)
    x, keys, values = array(3, 4, 6), array(3, 7, 6, seed=1), array(3, 7, 6, seed=2)
    compare(ours, theirs, x, keys, dtype=dtype, call=from_memory, need_weights=need_weights)
    compare(ours, theirs, x, keys, values, dtype=dtype, need_weights=need_weights)
    for call in (lambda module, x, y: module(x, x, y), lambda module, x, y: module(x, y, x)):
        compare(ours, theirs, keys, values, dtype=dtype, call=call)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [{"kdim": 5, "vdim": 3}, {"kdim": 5}, {"vdim": 3}])
@pytest.mark.parametrize("bias", [True, False])
def test_keys_and_values_of_sizes_of_their_own(bias, sizes, dtype):
    ours, theirs = pair(6, 2, bias=bias, batch_first=True, dtype=dtype, **sizes)
    keys, values = array(3, 7, sizes.get("kdim", 6), seed=1), array(3, 7, sizes.get("vdim", 6), seed=2)
    compare(ours, theirs, array(3, 4, 6), keys, values, dtype=dtype)


MASKS = {
    "padding": {"key_padding_mask": hidden(2, 5)},
    "padding scores": {"key_padding_mask": scores(2, 5)},
    "mask": {"attn_mask": hidden(4, 5)},
    "mask scores": {"attn_mask": scores(4, 5)},
    "mask a head": {"attn_mask": hidden(6, 4, 5)},
    "scores a head": {"attn_mask": scores(6, 4, 5)},
    "both": {"attn_mask": hidden(4, 5), "key_padding_mask": hidden(2, 5, seed=1)},
    "both scores": {"attn_mask": scores(4, 5), "key_padding_mask": scores(2, 5, seed=1)},
    "scores and padding": {"attn_mask": scores(6, 4, 5), "key_padding_mask": hidden(2, 5, seed=1)},
    "mask and padding scores": {"attn_mask": hidden(6, 4, 5), "key_padding_mask": scores(2, 5, seed=1)},
}


@pytest.mark.filterwarnings("ignore:Support for mismatched")  # PyTorch on a float mask beside a boolean one
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_masks(mask, need_weights, dtype):
    ours, theirs = pair(6, 3, dtype=dtype)
    options = {**MASKS[mask], "need_weights": need_weights}
    compare(ours, theirs, array(4, 2, 6), array(5, 2, 6, seed=1), dtype=dtype, call=from_memory, **options)


@pytest.mark.parametrize("padding", [None, hidden(2, 5)])
@pytest.mark.parametrize("need_weights", [True, False])
def test_causal(need_weights, padding):
    ours, theirs = pair(6, 3, batch_first=True)
    x, causal = array(2, 5, 6), numpy.triu(numpy.full((5, 5), -numpy.inf), 1)
    told = compare(
        ours,
        theirs,
        x,
        call=to_itself,
        attn_mask=causal,
        is_causal=True,
        need_weights=need_weights,
        **({} if padding is None else {"key_padding_mask": numpy.where(padding, -numpy.inf, 0.0)}),
    )
    assert max(told) < 1e-10
    x, options = mt.tensor(x), {} if padding is None else {"key_padding_mask": mt.tensor(padding)}
    with_mask = to_itself(ours, x, attn_mask=mt.tensor(causal), **options)[0].numpy()
    without = to_itself(ours, x, is_causal=True, need_weights=need_weights, **options)[0].numpy()
    numpy.testing.assert_allclose(without, with_mask, atol=1e-12)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("average", [True, False])
def test_without_a_batch(average, need_weights, batch_first):
    ours, theirs = pair(6, 3, batch_first=batch_first)
    options = {"need_weights": need_weights, "average_attn_weights": average}
    x, memory = array(4, 6), array(5, 6, seed=1)
    compare(ours, theirs, x, memory, call=from_memory, **options)
    compare(ours, theirs, x, memory, call=from_memory, attn_mask=hidden(3, 4, 5), **options)
    compare(
        ours,
        theirs,
        x,
        memory,
        call=from_memory,
        key_padding_mask=hidden(5),
        attn_mask=hidden(4, 5),
        **options,
    )


def test_weights_are_averaged_or_one_a_head_and_sum_to_one():
    ours, theirs = pair(6, 3, batch_first=True)
    x = array(2, 4, 6)
    compare(ours, theirs, x, call=to_itself, average_attn_weights=False)
    _, each = to_itself(ours, mt.tensor(x), average_attn_weights=False)
    _, mean = to_itself(ours, mt.tensor(x))
    assert each.shape == (2, 3, 4, 4) and mean.shape == (2, 4, 4)
    numpy.testing.assert_allclose(each.numpy().sum(-1), 1)
    numpy.testing.assert_allclose(each.numpy().mean(1), mean.numpy(), atol=1e-15)
    assert to_itself(ours, mt.tensor(x), need_weights=False)[1] is None


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("kind", ["bool", "float", "padding"])
def test_a_query_that_may_see_nothing_gives_zeros_and_takes_no_gradient(kind, need_weights):
    ours, theirs = pair(6, 3, batch_first=True)
    x, g = array(2, 4, 6), array(2, 4, 6, seed=5)
    blind = numpy.zeros((2, 4), bool)
    blind[0] = kind == "padding"
    blind[:, 1] |= kind != "padding"
    rows = numpy.arange(4) == 1
    mask = numpy.broadcast_to(rows[:, None], (4, 4)).copy()
    options = {
        "bool": {"attn_mask": mt.tensor(mask)},
        "float": {"attn_mask": mt.tensor(numpy.where(mask, -numpy.inf, 0.0))},
        "padding": {"key_padding_mask": mt.tensor(blind)},
    }[kind]
    source = mt.tensor(x, requires_grad=True)
    out, _ = to_itself(ours, source, need_weights=need_weights, **options)
    out.backward(mt.tensor(g))

    # PyTorch makes NaN of such rows, so there they stay unmasked, and are left out of the loss instead
    leaf = torch.tensor(x, requires_grad=True)
    expected, _ = to_itself(theirs, leaf)
    expected.backward(torch.tensor(numpy.where(blind[..., None], 0.0, g)))
    numpy.testing.assert_allclose(
        out.numpy()[blind], numpy.tile(ours.out_proj.bias.numpy(), (blind.sum(), 1))
    )
    numpy.testing.assert_allclose(out.numpy()[~blind], expected.detach().numpy()[~blind], atol=1e-12)
    numpy.testing.assert_allclose(source.grad.numpy(), leaf.grad.numpy(), atol=1e-12)
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        extra = g[blind].sum(axis=0) if name == "out_proj.bias" else 0.0
        numpy.testing.assert_allclose(p.grad.numpy(), q.grad.numpy() + extra, atol=1e-11, err_msg=name)


@given(
    b=st.integers(1, 3),
    t=st.integers(1, 5),
    s=st.integers(1, 5),
    heads=st.integers(1, 3),
    d=st.integers(1, 3),
    seed=st.integers(0, 99),
    need_weights=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_shape_and_mask(b, t, s, heads, d, seed, need_weights):
    ours, theirs = pair(heads * d, heads, batch_first=True)
    masks = {"attn_mask": hidden(b * heads, t, s, seed=seed), "key_padding_mask": hidden(b, s, seed=seed + 1)}
    x, memory = array(b, t, heads * d, seed=seed), array(b, s, heads * d, seed=seed + 2)
    compare(ours, theirs, x, memory, call=from_memory, need_weights=need_weights, **masks)


def test_a_mask_can_be_learned():
    ours, theirs = pair(6, 3, batch_first=True)
    x, mask = array(2, 4, 6), array(4, 4, seed=3)

    def masked(module, x, mask):
        return module(x, x, x, attn_mask=mask, need_weights=False)

    compare(ours, theirs, x, mask, call=masked)


def test_a_float_mask_takes_the_dtype_of_the_queries():
    layer = nn.MultiheadAttention(6, 3)
    x = mt.tensor(array(4, 2, 6).astype("float32"))
    assert to_itself(layer, x, attn_mask=mt.tensor(scores(4, 4)))[0].dtype == mt.float32


def test_dropout_only_while_training():
    ours, _ = pair(6, 3, dropout=0.5)
    x = mt.tensor(array(4, 2, 6))
    for need_weights in (True, False):
        assert (
            to_itself(ours, x, need_weights=need_weights)[0].numpy() != to_itself(ours, x)[0].numpy()
        ).any()
    ours.eval()
    once, again = to_itself(ours, x, need_weights=False)[0].numpy(), to_itself(ours, x)[0].numpy()
    numpy.testing.assert_allclose(once, again, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 5}, {"kdim": 4, "vdim": 3, "bias": False}])
def test_names_and_shapes_are_torch_s(options):
    ours, theirs = nn.MultiheadAttention(6, 3, **options), torch.nn.MultiheadAttention(6, 3, **options)
    assert shapes(ours) == shapes(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="multiple of num_heads, got 6 and 4"):
        nn.MultiheadAttention(6, 4)
    with pytest.raises(ValueError, match="multiple of num_heads"):
        nn.MultiheadAttention(6, 0)
    layer, x = nn.MultiheadAttention(6, 3, batch_first=True), mt.zeros(2, 4, 6)
    wrong = [
        ((mt.zeros(2, 4, 5),) * 3, {}, r"last of sizes \(6, 6, 6\).*\(2, 4, 5\)"),
        ((x, mt.zeros(4, 6), mt.zeros(4, 6)), {}, "2 or 3 dimensions"),
        ((mt.zeros(1, 2, 4, 6),) * 3, {}, "2 or 3 dimensions"),
        ((x, mt.zeros(3, 4, 6), mt.zeros(3, 4, 6)), {}, r"batch size \(dimension 0\)"),
        ((x, mt.zeros(2, 5, 6), x), {}, "one value for each key"),
        (
            (x, x, x),
            {"attn_mask": mt.zeros(4, 5)},
            r"attn_mask: expected shape \(4, 4\) or \(6, 4, 4\), got \(4, 5\)",
        ),
        ((x, x, x), {"attn_mask": mt.zeros(2, 4, 4)}, r"\(6, 4, 4\), got \(2, 4, 4\)"),
        (
            (x, x, x),
            {"key_padding_mask": mt.zeros(4, 2).bool()},
            r"key_padding_mask: expected shape \(2, 4\), got",
        ),
    ]
    for inputs, options, message in wrong:
        with pytest.raises(ValueError, match=message):
            layer(*inputs, **options)
    with pytest.raises(TypeError, match=r"int64; call \.bool\(\)"):
        layer(x, x, x, attn_mask=mt.zeros(4, 4).long())
    with pytest.raises(RuntimeError, match="float64"):
        layer(*(mt.zeros(2, 4, 6, dtype=mt.float64),) * 3)


def test_recording_keeps_the_weights_of_each_head_only_inside_the_block():
    ours, _ = pair(6, 3, batch_first=True)
    x = mt.tensor(array(2, 4, 6), requires_grad=True)
    quiet = to_itself(ours, x, need_weights=False)[0]
    with nn.record_attention() as weights:
        recorded = to_itself(ours, x, need_weights=False)
        with nn.record_attention() as inner:
            to_itself(ours, x)
        to_itself(ours, x, is_causal=True)
    to_itself(ours, x)
    assert recorded[1] is None and len(weights) == 2 and len(inner) == 1
    numpy.testing.assert_allclose(recorded[0].numpy(), quiet.numpy(), atol=1e-12)
    expected = to_itself(ours, x, average_attn_weights=False)[1].numpy()
    assert weights[0].shape == (2, 3, 4, 4) and not weights[0].requires_grad
    numpy.testing.assert_allclose(weights[0].numpy(), expected, atol=1e-12)
    assert (numpy.triu(weights[1].numpy(), 1) == 0).all()


def test_recording_ends_after_an_error():
    with pytest.raises(KeyError), nn.record_attention() as weights:
        raise KeyError
    to_itself(nn.MultiheadAttention(2, 1), mt.zeros(1, 1, 2))
    assert weights == []


@given(
    parts=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    batch_first=st.booleans(),
    need_weights=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_reading_in_parts_with_a_cache_is_reading_at_once(parts, batch_first, need_weights):
    ours, _ = pair(6, 3, batch_first=batch_first)
    time, total = (1, sum(parts)) if batch_first else (0, sum(parts))
    x = array(2, total, 6) if batch_first else array(total, 2, 6)
    padding = hidden(2, total, seed=4)
    expected = to_itself(ours, mt.tensor(x), key_padding_mask=mt.tensor(padding), is_causal=True)[0].numpy()
    cache, pieces, end = nn.AttentionCache(), [], 0
    with mt.no_grad():
        for part in numpy.split(x, numpy.cumsum(parts)[:-1], axis=time):
            end += part.shape[time]
            options = {"key_padding_mask": mt.tensor(padding[:, :end]), "need_weights": need_weights}
            pieces.append(to_itself(ours, mt.tensor(part), cache=cache, **options)[0].numpy())
    assert len(cache) == total
    numpy.testing.assert_allclose(numpy.concatenate(pieces, axis=time), expected, atol=1e-12)


def test_a_cache_without_a_batch_and_with_a_mask_over_all_keys():
    ours, _ = pair(6, 3)
    x, mask = array(5, 6), hidden(5, 5) | numpy.triu(numpy.ones((5, 5), bool), 1)
    expected = to_itself(ours, mt.tensor(x), attn_mask=mt.tensor(mask))[0].numpy()
    cache = nn.AttentionCache()
    with mt.no_grad():
        first = to_itself(ours, mt.tensor(x[:2]), attn_mask=mt.tensor(mask[:2, :2]), cache=cache)[0].numpy()
        then = to_itself(ours, mt.tensor(x[2:]), attn_mask=mt.tensor(mask[2:]), cache=cache)[0].numpy()
    numpy.testing.assert_allclose(numpy.concatenate([first, then]), expected, atol=1e-12)


def test_a_cache_can_go_on_with_other_sequences():
    ours, _ = pair(6, 3, batch_first=True)
    start, end = array(3, 4, 6), array(2, 1, 6, seed=1)
    cache = nn.AttentionCache()
    cache.select([0])  # nothing there yet
    with mt.no_grad():
        to_itself(ours, mt.tensor(start), cache=cache)
        cache.select(mt.tensor([2, 2]))
        got = to_itself(ours, mt.tensor(end), cache=cache)[0].numpy()
    whole = numpy.concatenate([start[[2, 2]], end], axis=1)
    expected = to_itself(ours, mt.tensor(whole), is_causal=True)[0].numpy()
    numpy.testing.assert_allclose(got[:, 0], expected[:, -1], atol=1e-12)


def test_a_cache_names_mistakes_and_survives_them():
    layer, cache = nn.MultiheadAttention(6, 3, batch_first=True), nn.AttentionCache()
    x = mt.tensor(array(2, 3, 6).astype("float32"))
    with pytest.raises(RuntimeError, match="no_grad"):
        to_itself(layer, x, cache=cache)
    with mt.no_grad():
        to_itself(layer, x, cache=cache)
        with pytest.raises(ValueError, match="attn_mask"):
            to_itself(layer, x, attn_mask=mt.zeros(3, 3), cache=cache)
        with pytest.raises(ValueError, match="start a new cache"):
            to_itself(layer, x[:1], cache=cache)
    assert len(cache) == 3


def test_a_cache_copies_each_token_a_bounded_number_of_times():
    cache, token = nn.AttentionCache(), mt.ones(1, 1, 1, 1)
    rooms = set()
    for _ in range(1000):
        keys, _ = cache.append(token, token)
        rooms.add(keys.array.base.shape)
    assert keys.shape == (1, 1, 1000, 1) and len(rooms) <= 11


@mt.backend("numpy")  # a mask on a device is not looked at
def test_mask_helpers():
    causal = nn.generate_square_subsequent_mask(4)
    expected = torch.nn.Transformer.generate_square_subsequent_mask(4)
    assert causal.dtype == mt.float32 and (causal.numpy() == expected.numpy()).all()
    assert nn.generate_square_subsequent_mask(2, dtype=mt.float64).dtype == mt.float64
    assert later_keys(2, 5).tolist() == [[False] * 4 + [True], [False] * 5]
    assert looks_causal(causal) and looks_causal(causal.double()) and looks_causal(causal == -numpy.inf)
    assert looks_causal(mt.zeros(1, 1))
    learned = nn.Parameter(causal.array.copy())
    for other in (None, learned, causal.transpose(0, 1), causal[:3], mt.zeros(4, 4), mt.zeros(4, 4).bool()):
        assert not looks_causal(other)


ADDED = [{"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True}]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("added", ADDED, ids=lambda a: " ".join(a))
def test_keys_that_the_module_adds(added, need_weights, dtype):
    for options in ({}, {"batch_first": True, "bias": False}, {"kdim": 5, "vdim": 4}):
        ours, theirs = pair(6, 3, **added, **options, dtype=dtype)
        batch = (2, 4) if options.get("batch_first") else (4, 2)
        inputs = [
            array(*batch, size, seed=size) for size in (6, options.get("kdim", 6), options.get("vdim", 6))
        ]
        for masks in (
            {},
            {"attn_mask": hidden(4, 4)},
            {"attn_mask": scores(6, 4, 4), "key_padding_mask": scores(2, 4, seed=1)},
            {"key_padding_mask": numpy.ones((2, 4), bool)},  # what is added is all there is to see
        ):
            compare(
                ours,
                theirs,
                *inputs,
                dtype=dtype,
                need_weights=need_weights,
                average_attn_weights=False,
                **masks,
            )


@pytest.mark.parametrize("added", ADDED, ids=lambda a: " ".join(a))
def test_no_mask_hides_what_the_module_adds(added):
    ours, theirs = pair(6, 3, **added)
    x, later = array(4, 2, 6), numpy.triu(numpy.ones((4, 4), bool), 1)
    expected = to_itself(theirs, torch.tensor(x), attn_mask=torch.tensor(later))[0].detach().numpy()
    for need_weights in (True, False):
        got = to_itself(ours, mt.tensor(x), is_causal=True, need_weights=need_weights)[0].numpy()
        numpy.testing.assert_allclose(got, expected, atol=1e-12)
    cache = nn.AttentionCache()
    with mt.no_grad():
        pieces = [
            to_itself(ours, mt.tensor(x[i:j]), cache=cache)[0].numpy() for i, j in ((0, 2), (2, 3), (3, 4))
        ]
    numpy.testing.assert_allclose(numpy.concatenate(pieces), expected, atol=1e-12)


def test_the_order_of_arguments_and_of_the_state_is_torch_s():
    ours, theirs = (lib.MultiheadAttention(6, 3, 0.0, True, True, True, 5, 4, True) for lib in (nn, torch.nn))
    assert shapes(ours) == shapes(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    assert (ours.kdim, ours.vdim, ours.batch_first) == (5, 4, True)
    wide = nn.MultiheadAttention(400, 4, add_bias_kv=True)
    for p in (wide.bias_k, wide.bias_v):
        assert p.numpy().std() == pytest.approx((2 / 800) ** 0.5, rel=0.15)


def test_a_hint_of_causality_gives_way_to_a_mask_that_says_otherwise():
    ours, theirs = pair(6, 3)
    x = array(5, 2, 6)
    band = abs(numpy.subtract.outer(numpy.arange(5), numpy.arange(5))) > 1
    padding = hidden(2, 5)
    later = numpy.triu(numpy.ones((5, 5), bool), 1)
    for mask in (band, later, numpy.where(later, -numpy.inf, 0.0)):
        compare(ours, theirs, x, call=to_itself, attn_mask=mask, is_causal=True)
        compare(ours, theirs, x, call=to_itself, attn_mask=mask, is_causal=True, need_weights=False)
    for mask in (band, later):
        padded = dict(attn_mask=mask, is_causal=True, key_padding_mask=padding)
        compare(ours, theirs, x, call=to_itself, need_weights=False, **padded)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_of_heads_share_keys_and_values(groups):
    def attend(lib, q, k, v):
        options = {"is_causal": True, "enable_gqa": True}
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, **options)

    check_op(attend, (2, 4, 3, 5), (2, groups, 3, 5), (2, groups, 3, 6))


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="no head for each group"):
        mt.nn.functional.scaled_dot_product_attention(
            mt.ones(1, 4, 2, 3), mt.ones(1, 3, 2, 3), mt.ones(1, 3, 2, 3), enable_gqa=True
        )
