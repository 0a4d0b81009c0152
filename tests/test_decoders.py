"""What the families around Llama add: windows, slower angles, normed queries, masks, heads; by hand."""

import math

import numpy as np
import pytest
from lrp_models import randomize

import minitransformer as mt
from minitransformer import nn
from minitransformer.generation import generate
from minitransformer.models.heads import LastTokenClassifier, SpanFinder, TokenClassifier, last_tokens
from minitransformer.models.llama import Llama, LlamaAttention, LlamaConfig, LlamaDecoder
from minitransformer.models.mistral import MistralConfig
from minitransformer.models.qwen import Qwen2Config, Qwen3Config
from minitransformer.models.rotary import frequencies, told
from minitransformer.nn.masking import far_keys

SIZES = {
    "vocab_size": 13, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 32,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
CONFIGS = {
    "llama": LlamaConfig(**SIZES, head_dim=6, attention_bias=True, mlp_bias=True, rope=LLAMA3, pad_token_id=0),
    "qwen2": Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=3, max_window_layers=1, pad_token_id=0),
    "qwen3": Qwen3Config(
        **SIZES, use_sliding_window=True, sliding_window=2, pad_token_id=0, head_dim=6,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "mistral": MistralConfig(**SIZES, sliding_window=3, pad_token_id=0),
}  # fmt: skip
IDS = [3, 1, 4, 1, 5, 9, 2]


def ids(*rows):
    return mt.tensor(np.array(rows))


def shown(kind):
    return {
        "llama": (None, None),
        "qwen2": (None, 3),
        "qwen3": (2, None),
        "mistral": (3, 3),
    }[kind]


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_window_per_layer(kind):
    config = CONFIGS[kind]
    assert tuple(map(config.window, range(2))) == shown(kind)
    model = LlamaDecoder(config)
    assert tuple(layer.self_attn.window for layer in model.layers) == shown(kind)


@pytest.mark.parametrize("window", [1, 2, 5, 9])
def test_a_window_by_hand(window):
    assert far_keys(2, 5, 2).numpy().tolist() == [[True, True, False, False, False], [True] * 3 + [False] * 2]
    attention = randomize(
        LlamaAttention(MistralConfig(**SIZES), nn.RotaryEmbedding(4, interleaved=False), window)
    )
    plain = randomize(LlamaAttention(LlamaConfig(**SIZES), nn.RotaryEmbedding(4, interleaved=False)))
    x = mt.tensor(np.random.default_rng(0).standard_normal((1, 7, 16)))
    whole = attention(x).numpy()[0]
    for t in range(7):  # a rotation knows distances only, so that the text may begin where the window does
        seen = plain(x[:, max(0, t - window + 1) : t + 1]).numpy()[0, -1]
        assert np.allclose(whole[t], seen, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("cuts", [[1, 6], [3, 3, 1], [1] * 7])
def test_a_cache_changes_nothing(kind, cuts):
    model = randomize(Llama(CONFIGS[kind]))
    cache, parts, start = model.new_cache(), [], 0
    with mt.no_grad():
        for n in cuts:
            parts.append(model(ids(IDS[start : start + n]), cache=cache).numpy())
            start += n
        whole = model(ids(IDS)).numpy()
    assert np.allclose(np.concatenate(parts, axis=1), whole, rtol=0, atol=1e-12)
    assert generate(model, IDS, 6, temperature=0) == generate(model, IDS, 6, temperature=0, use_cache=False)


@pytest.mark.parametrize("kind", CONFIGS)
def test_padding_at_either_end_changes_nothing(kind):
    model = randomize(Llama(CONFIGS[kind]))
    alone = model(ids(IDS)).numpy()[0]
    for left, right in ((0, 3), (3, 0), (2, 1)):
        row = ids([7] * left + IDS + [8] * right)
        mask = ids([0] * left + [1] * len(IDS) + [0] * right)
        got = model(row, mask).numpy()[0, left : left + len(IDS)]
        assert np.allclose(got, alone, rtol=0, atol=3e-6 * abs(alone).max())  # angles are rounded to float32
        assert np.array_equal(model(row, padding=mask == 0).numpy(), model(row, mask).numpy())


def test_a_mask_of_another_shape_is_told():
    model = Llama(CONFIGS["llama"])
    with pytest.raises(ValueError, match=r"attention_mask: expected .* of shape \(1, 7\), got \(1, 6\)"):
        model(ids(IDS), ids(IDS[:-1]))


def test_frequencies_by_the_papers_formulas():
    plain = [1.0, 0.1, 0.01, 0.001]
    assert np.allclose(frequencies(8, 1e4, None), plain, rtol=1e-15)
    assert np.allclose(
        frequencies(8, 1e4, {"rope_type": "linear", "factor": 4.0}), np.divide(plain, 4), rtol=1e-15
    )
    got = frequencies(8, 1e4, LLAMA3)
    # wavelengths 6.28 and 62.8, then 628 and 6283; 16 is the longest of those that stay, 64 the shortest that are slowed
    share = (64 / (20 * math.pi) - 1) / 3
    assert np.allclose(got, [1.0, 0.1 * (share + (1 - share) / 8), 0.01 / 8, 0.001 / 8], rtol=1e-14)


def test_what_is_said_of_angles():
    assert told("rope", None) == told("rope", {}) == {}
    assert told("rope", {"type": "linear", "rope_type": "linear", "factor": 2, "rope_theta": 5.0}) == {
        "rope_type": "linear", "factor": 2, "rope_theta": 5.0,
    }  # fmt: skip
    config = LlamaConfig(**SIZES, rope_scaling={"type": "linear", "factor": 2.0})
    assert (
        config
        == LlamaConfig(**SIZES, rope_parameters={"rope_type": "linear", "factor": 2.0})
        != LlamaConfig(**SIZES)
    )


def test_normed_queries_have_any_length():
    model = randomize(LlamaDecoder(CONFIGS["qwen3"]))
    expected = model(ids(IDS)).numpy()
    with mt.no_grad():
        for layer in model.layers:
            layer.self_attn.q_proj.weight *= 1000
            layer.self_attn.k_proj.weight *= 1000
    assert np.allclose(model(ids(IDS)).numpy(), expected, rtol=0, atol=1e-3)


def test_the_last_token_that_is_not_padding():
    x = mt.tensor(np.arange(24.0).reshape(4, 3, 2))
    rows = ids([5, 6, 0], [0, 0, 7], [0, 0, 0], [5, 0, 6])
    assert last_tokens(x, rows, 0).numpy().tolist() == [[2, 3], [10, 11], [12, 13], [22, 23]]
    assert last_tokens(x[:1], rows[:1], None).numpy().tolist() == [[4, 5]]
    with pytest.raises(ValueError, match="no pad_token_id, got 4"):
        last_tokens(x, rows, None)


def test_heads_are_maps_of_vectors():
    config = CONFIGS["mistral"]
    body = randomize(LlamaDecoder(config))
    text, mask = ids(IDS + [0, 0]), ids([1] * 7 + [0] * 2)
    x = body(text, mask).numpy()[0]
    last, each, span = (
        LastTokenClassifier(lambda _: body, config),
        TokenClassifier(lambda _: body, config),
        SpanFinder(lambda _: body, config),
    )
    for head in (last, each, span):
        randomize(head)
    x = body(text, mask).numpy()[0]
    assert np.allclose(last(text, mask).numpy()[0], last.score.weight.numpy() @ x[6], atol=1e-12)
    scores = x @ each.score.weight.numpy().T + each.score.bias.numpy()
    assert np.allclose(each(text, mask).numpy()[0], scores, atol=1e-12)
    ends = np.stack([t.numpy()[0] for t in span(text, mask)], 1)
    assert np.allclose(ends, x @ span.ends.weight.numpy().T + span.ends.bias.numpy(), atol=1e-12)
