"""Models in folders that transformers writes, of every family and head for texts, tiny and at random: all are certified."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer import explain

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS = [3, 6, 5, 7, 11]
BERT = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20,
    "max_position_embeddings": 24, "num_labels": 3,
}  # fmt: skip
LLAMA = BERT | {"num_key_value_heads": 1, "pad_token_id": 0}
GPT = {
    "vocab_size": 40,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 24,
    "num_labels": 3,
    "pad_token_id": 0,
}
DISTIL = {
    "vocab_size": 40,
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 20,
    "max_position_embeddings": 24,
}
T5 = {
    "vocab_size": 40,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 20,
    "num_layers": 2,
    "num_heads": 2,
    "decoder_start_token_id": 0,
}
VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "image_size": 8,
    "patch_size": 4, "num_labels": 3,
}  # fmt: skip
CASES = {
    **{
        f"BertFor{head}": ("BertConfig", BERT)
        for head in ("SequenceClassification", "TokenClassification", "MaskedLM")
    },
    **{
        f"{family}For{head}": (f"{family}Config", LLAMA)
        for family in ("Llama", "Qwen2", "Qwen3", "Mistral")
        for head in ("CausalLM", "SequenceClassification", "TokenClassification")
    },
    "RobertaForSequenceClassification": ("RobertaConfig", BERT),
    "DistilBertForSequenceClassification": ("DistilBertConfig", DISTIL),
    "GPT2LMHeadModel": ("GPT2Config", GPT),
    "GPT2ForSequenceClassification": ("GPT2Config", GPT),
    "GPT2ForTokenClassification": ("GPT2Config", GPT),
}


def ours(name, kind, sizes, folder):
    """Our model of one of theirs, with large random weights."""
    torch.manual_seed(0)
    theirs = getattr(transformers, name)(getattr(transformers, kind)(**sizes)).eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
    theirs.save_pretrained(folder)
    return mt.models.from_folder(folder)[0]


@pytest.mark.parametrize("name", CASES)
def test_every_family_is_certified(name, tmp_path):
    model = ours(name, *CASES[name], tmp_path)
    for rule in ("attnlrp", "cp-lrp"):
        found = explain.certify(model, IDS, rule=rule)
        assert found.ok and found.lost == [], str(found)
    heads = explain.head_relevance(model, IDS)
    assert [h.shape for h in heads.values()] == [(2, len(IDS))] * 2
    assert np.isfinite(explain.generic_attention(model, IDS).relevance).all()


@pytest.mark.parametrize("gated", [{}, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}])
def test_an_encoder_decoder_is_certified_with_both_its_inputs(gated, tmp_path):
    model = ours("T5ForConditionalGeneration", "T5Config", T5 | gated, tmp_path)
    for rule in ("attnlrp", "cp-lrp"):
        found = explain.certify(model, (IDS, [0, 4, 9]), rule=rule)
        assert found.ok and found.lost == [] and len(found.relevance) == 2, str(found)
        assert len(explain.lrp(model, (IDS, [0, 4, 9]), rule=rule).ledger.inputs) == 2


def test_a_model_of_pictures_is_certified(tmp_path):
    model = ours("ViTForImageClassification", "ViTConfig", VIT, tmp_path)
    for rule in ("attnlrp", "cp-lrp"):
        found = explain.certify(model, np.random.default_rng(0).standard_normal((1, 3, 8, 8)), 1, rule=rule)
        assert found.ok and found.lost == [], str(found)
