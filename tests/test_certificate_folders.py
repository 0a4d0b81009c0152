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
    "GPT2LMHeadModel": ("GPT2Config", GPT),
    "GPT2ForSequenceClassification": ("GPT2Config", GPT),
    "GPT2ForTokenClassification": ("GPT2Config", GPT),
}


@pytest.mark.parametrize("name", CASES)
def test_every_family_is_certified(name, tmp_path):
    kind, sizes = CASES[name]
    torch.manual_seed(0)
    theirs = getattr(transformers, name)(getattr(transformers, kind)(**sizes)).eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
    theirs.save_pretrained(tmp_path)
    model, _ = mt.models.from_folder(tmp_path)
    for rule in ("attnlrp", "cp-lrp"):
        found = explain.certify(model, IDS, rule=rule)
        assert found.ok and found.lost == [] and found.checked == len(IDS), str(found)
    heads = explain.head_relevance(model, IDS)
    assert [h.shape for h in heads.values()] == [(2, len(IDS))] * 2
    assert np.isfinite(explain.generic_attention(model, IDS).relevance).all()
