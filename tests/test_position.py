"""Positional encodings: the paper's, the article's, learned, rotary."""

import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from later import torch

import minitransformer as mt
from minitransformer import nn
from minitransformer.autograd import tape
from minitransformer.nn.position import apply_rotary

ADDED = (nn.SinusoidalPositionalEncoding, nn.AddedPositionalEncoding, nn.LearnedPositionalEncoding)


def array(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape)


def products(table, offset=3):
    """<PE_p, PE_{p + offset}> for each p."""
    return (table[:-offset] * table[offset:]).sum(axis=1)


@pytest.mark.parametrize("d_model", [1, 6, 7])
def test_sinusoidal_is_the_paper_s_formula(d_model):
    table = nn.SinusoidalPositionalEncoding(d_model, max_len=50).table().numpy()
    assert table.shape == (50, d_model) and table.dtype == "float32"
    for p in range(50):
        for channel in range(d_model):
            angle = p / 10000 ** (2 * (channel // 2) / d_model)
            assert table[p, channel] == pytest.approx(
                (math.cos if channel % 2 else math.sin)(angle), abs=1e-7
            )


def test_added_is_the_article_s_formula():
    table = nn.AddedPositionalEncoding(6, max_len=20).table().numpy()
    for p in range(20):
        for i in range(6):
            angle = p / 10000 ** (2 * i / 6)
            assert table[p, i] == pytest.approx(math.sin(angle) + math.cos(angle), abs=1e-6)
            assert table[p, i] == pytest.approx(math.sqrt(2) * math.sin(angle + math.pi / 4), abs=1e-6)


def test_products_tell_distance_when_interleaved_and_not_when_added():
    interleaved = products(nn.SinusoidalPositionalEncoding(16, max_len=32).table().numpy())
    added = products(nn.AddedPositionalEncoding(16, max_len=32).table().numpy())
    assert numpy.ptp(interleaved) < 1e-5
    assert numpy.ptp(added) == pytest.approx(4.24, abs=0.01)


@given(half=st.integers(1, 20), offset=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_sinusoidal_product_is_a_sum_of_cosines_of_the_offset(half, offset):
    d = 2 * half
    table = nn.SinusoidalPositionalEncoding(d, max_len=100).table().numpy().astype(float)
    expected = sum(math.cos(offset / 10000 ** (2 * i / d)) for i in range(half))
    numpy.testing.assert_allclose(products(table, offset), expected, atol=1e-5)


@pytest.mark.parametrize("encoding", ADDED)
def test_layouts_agree(encoding):
    first, last = encoding(8, 0.0, 20, batch_first=True), encoding(8, 0.0, 20)
    with mt.no_grad():
        last.table().copy_(first.table())
    x = mt.tensor(array(3, 5, 8).astype("float32"))
    expected = x.numpy() + first.table().numpy()[:5]
    numpy.testing.assert_allclose(first(x).numpy(), expected, rtol=1e-6)
    numpy.testing.assert_allclose(last(x.transpose(0, 1)).transpose(0, 1).numpy(), expected, rtol=1e-6)
    for layer in (first, last):
        numpy.testing.assert_allclose(layer(x[0]).numpy(), expected[0], rtol=1e-6)
    late = first(x, start=4).numpy()
    numpy.testing.assert_allclose(late, x.numpy() + first.table().numpy()[4:9], rtol=1e-6)


@pytest.mark.parametrize("encoding", ADDED)
@pytest.mark.parametrize("batch_first", [True, False])
def test_what_is_added_is_marked_as_positions(encoding, batch_first):
    layer = encoding(4, 0.0, 10, batch_first).double()
    layer.load_state_dict(layer.state_dict())
    x = mt.tensor(array(2, 3, 4), requires_grad=True)
    (add,) = [op for op in tape(layer(x)) if type(op).__name__ == "Add"]
    assert [t.role for t in add.inputs] == [None, "positions"]


@pytest.mark.parametrize("encoding", [*ADDED, lambda d, *_: nn.RotaryEmbedding(d, max_len=10)])
def test_too_long_a_sequence_is_refused(encoding):
    layer = encoding(4, 0.0, 10, True)
    assert layer(mt.zeros(2, 10, 4)).shape == (2, 10, 4)
    assert layer(mt.zeros(2, 3, 4), start=7).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="positions 0 to 10 go beyond max_len=10"):
        layer(mt.zeros(2, 11, 4))
    with pytest.raises(ValueError, match="positions 8 to 10 go beyond max_len=10"):
        layer(mt.zeros(2, 3, 4), start=8)


@pytest.mark.parametrize("encoding", ADDED)
def test_wrong_sizes_are_refused(encoding):
    with pytest.raises(ValueError, match=r"d_model=4.*\(2, 5\)"):
        encoding(4)(mt.zeros(2, 5))
    with pytest.raises(ValueError, match=r"d_model=4.*\(4,\)"):
        encoding(4)(mt.zeros(4))


def test_dropout_comes_after_the_sum():
    mt.manual_seed(0)
    layer = nn.PositionalEncoding(50, dropout=0.5, max_len=40)
    out = layer(mt.zeros(40, 1, 50)).numpy()
    expected = 2 * layer.pe.numpy()
    assert numpy.where(out == 0, expected, out) == pytest.approx(expected)
    assert 0.4 < (out == 0).mean() < 0.6


def test_table_is_saved_in_the_layout_of_the_usual_torch_module():
    assert {n: v.shape for n, v in nn.PositionalEncoding(6, max_len=9).state_dict().items()} == {
        "pe": (9, 1, 6)
    }
    assert nn.PositionalEncoding(6, max_len=9, batch_first=True).pe.shape == (1, 9, 6)
    assert not list(nn.PositionalEncoding(6).parameters())


def test_learned_positions_learn_only_what_was_read_and_load_from_an_embedding():
    layer = nn.LearnedPositionalEncoding(4, 0.0, 6, batch_first=True).double()
    table = torch.nn.Embedding(6, 4)
    layer.load_state_dict(table.state_dict())
    assert (layer.weight.numpy() == table.weight.detach().numpy()).all()
    g = array(2, 3, 4)
    layer(mt.tensor(array(2, 3, 4, seed=1)), start=2).backward(mt.tensor(g))
    expected = numpy.zeros((6, 4))
    expected[2:5] = g.sum(axis=0)
    numpy.testing.assert_allclose(layer.weight.grad.numpy(), expected, atol=1e-14)


def rotated(x, position, base, interleaved):
    """One vector turned pair by pair, by complex multiplication."""
    d, out = len(x), numpy.empty(len(x))
    for i in range(d // 2):
        a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + d // 2)
        turned = complex(x[a], x[b]) * numpy.exp(1j * position / base ** (2 * i / d))
        out[a], out[b] = turned.real, turned.imag
    return out


@pytest.mark.parametrize("interleaved", [True, False])
@pytest.mark.parametrize("base", [10000.0, 100.0])
def test_rotary_turns_each_pair_by_its_angle(base, interleaved):
    layer = nn.RotaryEmbedding(6, 12, base, interleaved)
    x = array(2, 3, 5, 6)
    out = layer(mt.tensor(x.astype("float32")), start=4).numpy()
    for index in numpy.ndindex(2, 3, 5):
        numpy.testing.assert_allclose(
            out[index], rotated(x[index], 4 + index[-1], base, interleaved), atol=1e-5
        )


@given(
    half=st.integers(1, 8),
    p=st.integers(0, 40),
    s=st.integers(0, 40),
    shift=st.integers(0, 50),
    interleaved=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_rotary_products_depend_on_the_distance_alone_and_lengths_stay(half, p, s, shift, interleaved):
    layer = nn.RotaryEmbedding(2 * half, 100, interleaved=interleaved).double()
    q, k = mt.tensor(array(1, 2 * half)), mt.tensor(array(1, 2 * half, seed=1))

    def product(p, s):
        return (layer(q, start=p) * layer(k, start=s)).sum().item()

    assert product(p + shift, s + shift) == pytest.approx(product(p, s), abs=1e-5)  # the table is float32
    assert (layer(q, start=p) ** 2).sum().item() == pytest.approx((q**2).sum().item(), rel=1e-6)


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotary_gradient(interleaved):
    angles = array(5, 3)
    c, s = mt.tensor(numpy.cos(angles)), mt.tensor(numpy.sin(angles))
    assert mt.gradcheck(lambda x: apply_rotary(x, c, s, interleaved), [array(2, 1, 5, 6, seed=2)]) < 1e-6


def test_rotary_tables_are_not_saved_and_mistakes_are_named():
    assert not nn.RotaryEmbedding(4).state_dict()
    with pytest.raises(ValueError, match="even dim"):
        nn.RotaryEmbedding(5)
    with pytest.raises(ValueError, match=r"\(T, d/2\)"):
        nn.RotaryEmbedding(4)(mt.zeros(3, 6))


def test_reprs_tell_sizes():
    expected = "PositionalEncoding(\n  8, max_len=5000, batch_first=False\n  (dropout): Dropout("
    assert expected in repr(nn.PositionalEncoding(8))
    assert repr(nn.RotaryEmbedding(8, 16)) == "RotaryEmbedding(8, max_len=16, base=10000.0, interleaved=True)"


@pytest.mark.parametrize(
    "layer", [nn.SinusoidalPositionalEncoding(6), nn.AddedPositionalEncoding(6), nn.RotaryEmbedding(6)]
)
def test_tables_keep_the_rounding_to_float32_in_double_as_torch_s_buffers_do(layer):
    before = [table.numpy().copy() for table in layer.buffers()]
    for rounded, table in zip(before, layer.double().buffers(), strict=True):
        assert table.dtype == "float64" and (table.numpy() == rounded).all()
