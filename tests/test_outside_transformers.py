"""Every key of transformers' own configurations, changed: our logits are then theirs, or the key is refused."""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer.models import bert, gpt, t5
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.t5 import T5, T5Config

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS, ANSWER = np.array([[3, 14, 15, 9, 2, 6, 5]]), np.array([[0, 4, 8, 15]])
SMALL = {
    "bert": {
        "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20,
        "max_position_embeddings": 16,
    },
    "gpt2": {"n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 16},
    "llama": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 20,
        "max_position_embeddings": 16,
    },
    "t5": {
        "d_model": 12, "d_kv": 5, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 3,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
}  # fmt: skip
OTHERS = {  # what a key may say instead, where that is no number and no truth
    "hidden_act": ["gelu", "relu", "silu", "gelu_new"], "activation_function": ["gelu", "relu", "gelu_pytorch_tanh"],
    "feed_forward_proj": ["relu", "gated-silu"], "n_inner": [7, 48], "model_type": ["roberta"],
    "rope_parameters": [
        {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0}, {"rope_type": "default", "rope_theta": 50.0},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 8, "rope_theta": 100.0},
    ],
}  # fmt: skip


def theirs(family, **changes):
    """(their model of large weights, its logits or vectors, what its config.json says)."""
    torch.manual_seed(0)
    made = {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
        "t5": (transformers.T5Config, transformers.T5ForConditionalGeneration),
    }[family]
    model = made[1](made[0](vocab_size=20, **{**SMALL[family], **changes})).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
        more = {"decoder_input_ids": torch.tensor(ANSWER)} if family == "t5" else {}
        found = model(torch.tensor(IDS), **more)
    outputs = found.last_hidden_state if family == "bert" else found.logits
    return model, outputs.numpy(), model.config.to_dict() | {"model_type": changes.get("model_type", family)}


def ours(family, config, model):
    """Our logits or vectors, of the same weights."""
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    if family == "bert":
        made = Bert(BertConfig.from_published(config))
        made.double().load_state_dict(bert.NAMES.but(("pooler.",)).read(made, arrays))
    elif family == "gpt2":
        made = GPT(GPTConfig.from_published(config))
        made.double().load_state_dict(gpt.LM_NAMES.read(made, arrays))
    elif family == "llama":
        made = Llama(LlamaConfig.from_published(config))
        made.double().load_state_dict(arrays)
    else:
        made = T5(T5Config.from_published(config))
        made.double().load_state_dict(t5.LM_NAMES.read(made, arrays))
    inputs = [mt.tensor(IDS), mt.tensor(ANSWER)] if family == "t5" else [mt.tensor(IDS)]
    return made.eval()(*inputs).numpy()


def others(key, value):
    if key in OTHERS:
        return OTHERS[key]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value * 2, value + 1, value / 2 if isinstance(value, float) else value // 2]
    return []


@pytest.mark.parametrize("family", SMALL)
def test_every_key_changed_is_computed_or_refused(family):
    model, expected, config = theirs(family)
    np.testing.assert_allclose(ours(family, config, model), expected, rtol=0, atol=1e-5 * abs(expected).max())
    computed, refused = 0, []
    for key, value in config.items():
        for other in others(key, value):
            try:
                model, expected, changed = theirs(family, **{key: other})
            except Exception:
                continue  # there is no such model
            try:
                got = ours(family, changed, model)
            except (ValueError, TypeError, RuntimeError, KeyError) as error:
                assert str(error)
                refused.append(key)
            else:
                np.testing.assert_allclose(
                    got, expected, rtol=0, atol=1e-5 * abs(expected).max(), err_msg=f"{key}={other!r}"
                )
                computed += 1
    assert computed > 20 and refused


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
