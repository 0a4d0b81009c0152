"""The Llama family: grouped heads by hand, the cache, the ledger. Against the reference itself: `test_lrp_transformers.py`."""

import numpy as np
import pytest
from reference_models import hold
from references.transformers_tiny import IDS as REFERENCE_IDS
from references.transformers_tiny import INNER, LAYERS, LENGTH, VOCAB

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.generation import generate
from minitransformer.models.llama import Llama, LlamaAttention, LlamaConfig

SMALL = LlamaConfig(13, 16, 20, 2, 4, 2, 32, tie_word_embeddings=False)
IDS = np.array([[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9, 7]])


def small(**changes):
    mt.manual_seed(0)
    return Llama(LlamaConfig(**{**SMALL.__dict__, **changes})).double().eval()


def test_heads_of_a_group_share_keys_and_values():
    model = small()
    attention, x = model.model.layers[0].self_attn, mt.randn(1, 5, 16, dtype=mt.float64)
    rotary = model.model.rotary
    q, k, v = (p(x).numpy()[0] for p in (attention.q_proj, attention.k_proj, attention.v_proj))
    turn = lambda a: rotary(mt.tensor(a)).numpy()  # noqa: E731
    heads = []
    for h in range(4):
        qh, kh, vh = q[:, 4 * h :][:, :4], k[:, 4 * (h // 2) :][:, :4], v[:, 4 * (h // 2) :][:, :4]
        scores = np.where(np.tri(5), turn(qh) @ turn(kh).T / 2, -np.inf)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        heads.append(shares @ vh)
    expected = np.concatenate(heads, axis=1) @ attention.o_proj.weight.numpy().T
    assert np.allclose(attention(x).numpy()[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cuts", [[7], [1, 6], [3, 3, 1], [1] * 7])
def test_a_cache_changes_nothing(cuts):
    model, parts, start = small(), [], 0
    cache = nn.TransformerCache(2)
    with mt.no_grad():
        for n in cuts:
            parts.append(model(mt.tensor(IDS[:, start : start + n]), cache=cache).numpy())
            start += n
        whole = model(mt.tensor(IDS)).numpy()
    assert np.allclose(np.concatenate(parts, axis=1), whole, rtol=0, atol=1e-12)


def test_generation_with_and_without_cache():
    model = small()
    written = generate(model, [1, 2, 3], 10, temperature=0)
    text = [1, 2, 3]
    with mt.no_grad():
        for _ in range(10):
            text.append(int(model(mt.tensor([text])).numpy()[0, -1].argmax()))
    assert list(written) in (text, text[3:])


def test_tied_head_is_the_embedding():
    tied = small(tie_word_embeddings=True)
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    assert len(list(small().parameters())) == len(list(tied.parameters())) + 1


def test_parameters_have_their_published_names():
    layer = {
        *(f"self_attn.{name}_proj.weight" for name in "qkvo"),
        *(f"mlp.{name}_proj.weight" for name in ("gate", "up", "down")),
        "input_layernorm.weight",
        "post_attention_layernorm.weight",
    }
    names = {f"model.layers.{i}.{name}" for i in range(2) for name in layer}
    assert set(small().state_dict()) == names | {
        "model.embed_tokens.weight",
        "model.norm.weight",
        "lm_head.weight",
    }


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_the_ledger_closes(form):
    ledger = explain.lrp(small(), IDS, form=form).ledger
    assert abs(ledger.gap) <= 1e-10 * ledger.scale and ledger["softmax"] != 0
    assert ledger["bias"] == ledger["positions"] == 0  # there are no biases, and turning adds nothing


@pytest.mark.parametrize("changes", [{"num_attention_heads": 3}, {"num_key_value_heads": 3}])
def test_sizes_that_do_not_divide(changes):
    with pytest.raises(ValueError, match="divide"):
        LlamaConfig(**{**SMALL.__dict__, **changes})


def test_an_attention_alone_knows_its_sizes():
    attention = LlamaAttention(SMALL, nn.RotaryEmbedding(4))
    assert attention.k_proj.weight.shape == (8, 16) and attention.q_proj.weight.shape == (16, 16)


def test_outputs_and_gradients_are_those_of_transformers():
    model = Llama(LlamaConfig(VOCAB, 16, INNER, LAYERS, 4, 2, LENGTH, rms_norm_eps=1e-6, rope_theta=100.0))
    names = ("model.embed_tokens.weight", "lm_head.weight")
    hold(
        model,
        lambda model: model(mt.tensor(REFERENCE_IDS)),
        "llama",
        lambda arrays: {**arrays, names[1]: arrays[names[0]]},
    )
