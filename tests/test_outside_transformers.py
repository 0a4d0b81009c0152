"""Every key of transformers' own configurations, changed: our outputs are then theirs, or the key is refused."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer.files import FileError
from minitransformer.models.bert import BertConfig
from minitransformer.models.gpt import GPTConfig
from minitransformer.models.llama import LlamaConfig
from minitransformer.models.t5 import T5Config

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS, ANSWER = np.array([[3, 14, 15, 9, 2, 6, 5]]), np.array([[0, 4, 8, 15]])
PIXELS = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype("float32")
ENCODER = {
    "vocab_size": 20, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20,
    "max_position_embeddings": 16,
}  # fmt: skip
DECODER = ENCODER | {"hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2}
SMALL = {
    "BertForMaskedLM": ENCODER,
    "RobertaForSequenceClassification": ENCODER | {"pad_token_id": 0},
    "DistilBertForSequenceClassification": {
        "vocab_size": 20, "dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "max_position_embeddings": 16,
    },
    "GPT2LMHeadModel": {"vocab_size": 20, "n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 16},
    "LlamaForCausalLM": DECODER,
    "Qwen2ForCausalLM": DECODER,
    "Qwen3ForCausalLM": DECODER | {"head_dim": 6},
    "MistralForCausalLM": DECODER | {"sliding_window": 3},
    "T5ForConditionalGeneration": {
        "vocab_size": 20, "d_model": 12, "d_kv": 5, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 3,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6, "feed_forward_proj": "gated-gelu",
    },
    "ViTForImageClassification": {
        "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20, "image_size": 8,
        "patch_size": 4,
    },
}  # fmt: skip
ROPE = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8,
    "rope_theta": 100.0,
}  # fmt: skip
OTHERS = {  # what a key may say instead, where that is no number and no truth
    "hidden_act": ["gelu", "relu", "silu", "gelu_new", "gelu_fast", "mish"], "feed_forward_proj": ["relu", "gated-silu", "gelu"],
    "activation_function": ["gelu", "relu", "gelu_pytorch_tanh", "quick_gelu"], "activation": ["relu", "mish"],
    "n_inner": [7, 48], "layer_types": [["sliding_attention", "full_attention"], ["chunked_attention", "full_attention"]],
    "rope_parameters": [
        {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0}, {"rope_type": "default", "rope_theta": 50.0}, ROPE,
        {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 50.0}, {"rope_type": "yarn", "factor": 2.0, "rope_theta": 50.0},
    ],
    "pooler_act": ["relu"], "id2label": [{0: "a"}, {0: "a", 1: "b", 2: "c"}],
}  # fmt: skip


def theirs(kind, folder, **changes):
    """The outputs of their model with large weights, which is saved to a folder."""
    torch.manual_seed(0)
    made = getattr(transformers, kind)
    model = made(made.config_class(**{**SMALL[kind], **changes})).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.4)
        more = {"decoder_input_ids": torch.tensor(ANSWER)} if kind.startswith("T5") else {}
        found = model(torch.tensor(inputs(kind)[0]), **more).logits.numpy()
    model.save_pretrained(folder)
    return found, model.config.to_dict()


def inputs(kind):
    return [PIXELS] if kind.startswith("ViT") else [IDS, ANSWER] if kind.startswith("T5") else [IDS]


def others(key, value):
    if key in OTHERS:
        return OTHERS[key]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value * 2, value + 1, value / 2 if isinstance(value, float) else value // 2]
    return []


def check(kind, folder, expected, what):
    """Compare our outputs. Raises FileError if the folder is refused."""
    model, _ = mt.models.from_folder(folder)
    got = model(*map(mt.tensor, inputs(kind))).numpy()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * abs(expected).max(), err_msg=what)


@pytest.mark.parametrize("kind", SMALL)
def test_every_key_changed_is_computed_or_refused(kind, tmp_path):
    expected, config = theirs(kind, tmp_path / "plain")
    check(kind, tmp_path / "plain", expected, "nothing changed")
    computed, refused = 0, []
    for key, value in config.items():
        for i, other in enumerate(others(key, value)):
            folder = tmp_path / f"{key} {i}"
            try:
                expected, _ = theirs(kind, folder, **{key: other})
            except Exception:
                continue  # there is no such model
            try:
                check(kind, folder, expected, f"{key}={other!r}")
            except FileError as error:
                assert str(folder) in str(error)
                refused.append(key)
            else:
                computed += 1
    print(kind, computed, refused)
    assert computed > 15 and refused


@pytest.mark.parametrize(
    "family",
    ["roberta", "distilbert", "electra", "mistral", "qwen2", "gemma", "gpt_neo", "mt5", "opt", "phi"],
)
def test_models_of_other_families_are_refused(family):
    config = transformers.AutoConfig.for_model(family).to_dict()
    for kind in (BertConfig, GPTConfig, LlamaConfig, T5Config):
        with pytest.raises(ValueError, match="model_type"):
            kind(
                **{
                    key: value
                    for key, value in config.items()
                    if key in kind.__dataclass_fields__ and key == "model_type"
                }
            )
        with pytest.raises((ValueError, TypeError)):
            kind.from_published(config)
