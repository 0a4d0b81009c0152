"""Transformer encoders and decoders against PyTorch's, with all their settings, masks and the cache."""

import numpy
import pytest
from later import torch
from twins import compare, share_weights

import minitransformer as mt
from minitransformer import nn
from minitransformer.autograd import tape

DTYPES = ("float64", "float32")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch's advice about its fast path

ENCODER_SETTINGS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True},
    "gelu": {"activation": "gelu"},
    "silu, batch first": {"activation": "silu", "batch_first": True},
    "no bias, pre-norm, batch first": {"bias": False, "norm_first": True, "batch_first": True},
    "eps": {"layer_norm_eps": 1e-2},
}


def array(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape)


def padding(*shape, seed=0):
    mask = numpy.random.default_rng(seed).random(shape) < 0.35
    mask[..., 0] = False
    return mask


def causal(size):
    return numpy.triu(numpy.full((size, size), -numpy.inf), 1)


def settings_for(lib, name):
    """The settings with functions in place of names that only we spell out here."""
    settings = dict(ENCODER_SETTINGS[name])
    if settings.get("activation") == "silu":
        settings["activation"] = lib.functional.silu
    return settings


def check(make, *inputs, dtype="float64", **options):
    ours, theirs = make(nn), make(torch.nn)
    share_weights(ours, theirs, dtype)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return compare(ours, theirs, *inputs, dtype=dtype, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENCODER_SETTINGS)
def test_encoder_layer(name, dtype):
    def make(lib):
        return lib.TransformerEncoderLayer(6, 3, 10, 0.0, **settings_for(lib, name))

    check(make, array(4, 2, 6), dtype=dtype)


@pytest.mark.parametrize("shape", [(1, 2, 6), (4, 1, 6), (4, 6)])
def test_encoder_layer_of_one_token_one_sequence_and_no_batch(shape):
    check(lambda lib: lib.TransformerEncoderLayer(6, 2, 10, 0.0), array(*shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "masks",
    [
        {"mask": causal(4)},
        {"mask": causal(4) == -numpy.inf},
        {"mask": causal(4), "is_causal": True},
        {"mask": padding(4, 4)},
        {"mask": array(6, 4, 4)},
        {"src_key_padding_mask": padding(2, 4)},
        {"mask": padding(4, 4), "src_key_padding_mask": padding(2, 4, seed=1)},
    ],
)
@pytest.mark.parametrize("batch_first", [True, False])
def test_encoder_with_masks(batch_first, masks, dtype):
    def make(lib):
        layer = lib.TransformerEncoderLayer(6, 3, 10, 0.0, batch_first=batch_first)
        return lib.TransformerEncoder(layer, 2, lib.LayerNorm(6), enable_nested_tensor=False)

    check(make, array(*((2, 4) if batch_first else (4, 2)), 6), dtype=dtype, **masks)


def test_encoder_begins_with_equal_layers_that_share_nothing():
    layer = nn.TransformerEncoderLayer(6, 3, 10)
    encoder = nn.TransformerEncoder(layer, 3)
    copies = [dict(copy.named_parameters()) for copy in encoder.layers]
    for name, p in layer.named_parameters():
        assert all((copy[name].numpy() == p.numpy()).all() for copy in copies)
        assert len({id(copy[name].array) for copy in copies} | {id(p.array)}) == 4
    assert encoder.num_parameters() == 3 * layer.num_parameters()


@mt.backend("numpy")  # a mask on a device is not looked at
def test_causal_mask_and_is_causal_agree_and_hide_the_future():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 10, 0.0, batch_first=True), 2).double()
    x = array(2, 5, 6)
    told = encoder(mt.tensor(x), is_causal=True).numpy()
    found = encoder(mt.tensor(x), nn.generate_square_subsequent_mask(5))
    attentions = [op for op in tape(found) if type(op).__name__ == "Attention"]
    # the path that skips what is masked
    assert [(op.is_causal, op.mask) for op in attentions] == [(True, None)] * 2
    plain = encoder(mt.tensor(x), nn.generate_square_subsequent_mask(5), is_causal=False).numpy()
    numpy.testing.assert_allclose(told, found.numpy(), atol=1e-14)
    numpy.testing.assert_allclose(told, plain, atol=1e-12)
    x[:, 3:] += 1
    changed = encoder(mt.tensor(x), is_causal=True).numpy()
    assert (changed[:, :3] == told[:, :3]).all() and (changed[:, 3:] != told[:, 3:]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENCODER_SETTINGS)
def test_decoder_layer(name, dtype):
    def make(lib):
        return lib.TransformerDecoderLayer(6, 3, 10, 0.0, **settings_for(lib, name))

    batch_first = ENCODER_SETTINGS[name].get("batch_first", False)
    inputs = (
        (array(2, 4, 6), array(2, 5, 6, seed=1)) if batch_first else (array(4, 2, 6), array(5, 2, 6, seed=1))
    )
    masks = {
        "tgt_mask": causal(4),
        "memory_mask": padding(4, 5),
        "memory_key_padding_mask": padding(2, 5, seed=1),
    }
    check(make, *inputs, dtype=dtype)
    masks["memory_mask"] = numpy.where(masks["memory_mask"], -numpy.inf, 0.0)
    masks["memory_key_padding_mask"] = numpy.where(masks["memory_key_padding_mask"], -numpy.inf, 0.0)
    check(make, *inputs, dtype=dtype, **masks, tgt_key_padding_mask=numpy.zeros((2, 4)))


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("tgt_is_causal", [None, True, False])
def test_decoder(tgt_is_causal, norm):
    def make(lib):
        layer = lib.TransformerDecoderLayer(6, 2, 10, 0.0)
        return lib.TransformerDecoder(layer, 2, lib.LayerNorm(6) if norm else None)

    inputs = (array(4, 2, 6), array(5, 2, 6, seed=1))
    check(make, *inputs, tgt_mask=causal(4), tgt_is_causal=tgt_is_causal)
    decoder, (x, memory) = make(nn).double(), map(mt.tensor, inputs)
    masked = decoder(x, memory, mt.tensor(causal(4)), tgt_is_causal=tgt_is_causal).numpy()
    numpy.testing.assert_allclose(decoder(x, memory, tgt_is_causal=True).numpy(), masked, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer(batch_first, dtype):
    def make(lib):
        return lib.Transformer(6, 2, 2, 1, 10, 0.0, "gelu", batch_first=batch_first, norm_first=True)

    inputs = (
        (array(2, 5, 6), array(2, 3, 6, seed=1)) if batch_first else (array(5, 2, 6), array(3, 2, 6, seed=1))
    )
    hidden = padding(2, 5)
    check(make, *inputs, dtype=dtype, src_key_padding_mask=hidden, memory_key_padding_mask=hidden)
    check(make, *inputs, dtype=dtype, src_mask=padding(5, 5), tgt_mask=causal(3), memory_mask=padding(3, 5))
    assert (nn.Transformer.generate_square_subsequent_mask(3).numpy() == causal(3)).all()


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_encoder_reading_token_by_token_is_reading_at_once(batch_first, norm_first):
    layer = nn.TransformerEncoderLayer(6, 3, 10, norm_first=norm_first, batch_first=batch_first)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(6)).double().eval()
    for i, p in enumerate(encoder.parameters()):
        nn.init.normal_(p, std=0.5 + 0.1 * i)
    time = 1 if batch_first else 0
    x = array(2, 7, 6) if batch_first else array(7, 2, 6)
    expected = encoder(mt.tensor(x), is_causal=True).numpy()
    cache = encoder.new_cache()
    with mt.no_grad():
        pieces = [
            encoder(mt.tensor(part), cache=cache).numpy() for part in numpy.split(x, [3, 4, 5], axis=time)
        ]
    assert len(cache) == 7 and len(cache.layers) == 2
    numpy.testing.assert_allclose(numpy.concatenate(pieces, axis=time), expected, atol=1e-12)
    cache.select([1])
    assert len(cache) == 7 and cache.layers[1].append(*[mt.zeros(1, 3, 1, 2)] * 2)[0].shape == (1, 3, 8, 2)


def test_recording_an_encoder_lists_its_layers_in_order():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 10, 0.0, batch_first=True), 2).double()
    with mt.no_grad():
        encoder.layers[0].self_attn.in_proj_weight.zero_()
    with nn.record_attention() as weights:
        encoder(mt.tensor(array(2, 4, 6)))
    assert [w.shape for w in weights] == [(2, 3, 4, 4)] * 2
    assert weights[0].numpy() == pytest.approx(0.25) and weights[1].numpy().std() > 1e-3


def test_dropout_acts_only_while_training():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 10, 0.5), 1)
    x = mt.tensor(array(4, 2, 6).astype("float32"))
    assert (encoder(x).numpy() != encoder(x).numpy()).any()
    encoder.eval()
    assert (encoder(x).numpy() == encoder(x).numpy()).all()


@pytest.mark.parametrize(
    "place", ["self_attn", "multihead_attn", "dropout", "dropout1", "dropout2", "dropout3"]
)
def test_every_dropout_acts(place):
    name = "dropout" if place.endswith("attn") else "p"
    asked = dict(nn.TransformerDecoderLayer(6, 3, 10, 0.4).named_modules())[place]
    layer = nn.TransformerDecoderLayer(6, 3, 10, 0.0)
    x, memory = mt.tensor(array(4, 2, 6).astype("float32")), mt.tensor(array(5, 2, 6).astype("float32"))
    assert getattr(asked, name) == 0.4
    assert (layer(x, memory).numpy() == layer(x, memory).numpy()).all()
    setattr(dict(layer.named_modules())[place], name, 0.4)
    assert (layer(x, memory).numpy() != layer(x, memory).numpy()).any()


def test_repr_is_torch_s():
    ours, theirs = (lib.TransformerDecoderLayer(6, 3, 10, activation=lib.SiLU()) for lib in (nn, torch.nn))
    assert repr(ours) == repr(theirs).replace("NonDynamicallyQuantizableLinear", "Linear")


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="'relu', 'gelu' or a function"):
        nn.TransformerEncoderLayer(6, 3, activation="swish")
    with pytest.raises(ValueError, match="multiple of num_heads, got 6 and 4"):
        nn.TransformerEncoderLayer(6, 4)
    layer = nn.TransformerEncoderLayer(6, 3, 10)
    with pytest.raises(ValueError, match=r"\(4, 2, 5\)"):
        layer(mt.zeros(4, 2, 5))
    with pytest.raises(ValueError, match="attn_mask"):
        layer(mt.zeros(4, 2, 6), mt.zeros(2, 2))
    with pytest.raises(ValueError, match="key_padding_mask"):
        nn.TransformerEncoder(layer, 1)(mt.zeros(4, 2, 6), src_key_padding_mask=mt.zeros(4, 2).bool())


def test_modules_of_one_s_own_take_the_place_of_encoder_and_decoder():
    for place in ("custom_encoder", "custom_decoder"):
        own = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1, mask_check=False)
        model = nn.Transformer(4, 2, 1, 1, 8, **{place: own})
        assert getattr(model, place.removeprefix("custom_")) is own
    assert nn.Transformer(4, 2, 1, 1, 8, 0.1, "gelu", own).encoder is own
