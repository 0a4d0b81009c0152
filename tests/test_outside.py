"""Models from outside: what their config.json and their weights say is computed, or refused by name; nothing is passed over."""

import copy
import json
from dataclasses import asdict

import numpy as np
import pytest

import minitransformer as mt
from minitransformer.models import bert, gpt, t5
from minitransformer.models.bert import Bert, BertClassifierConfig, BertConfig, BertMaskedLM
from minitransformer.models.distilbert import DistilBertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.mistral import MistralConfig
from minitransformer.models.outside import HARMLESS
from minitransformer.models.qwen import Qwen2Config, Qwen3Config
from minitransformer.models.roberta import RobertaConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.models.t5_heads import T5EncoderConfig
from minitransformer.models.vit import ViTConfig

# as they are published
MINILM = {
    "_name_or_path": "nreimers/MiniLM-L6-H384-uncased", "architectures": ["BertModel"], "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 384,
    "initializer_range": 0.02, "intermediate_size": 1536, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
    "model_type": "bert", "num_attention_heads": 12, "num_hidden_layers": 6, "pad_token_id": 0,
    "position_embedding_type": "absolute", "transformers_version": "4.8.2", "type_vocab_size": 2, "use_cache": True,
    "vocab_size": 30522,
}  # fmt: skip
GPT2 = {
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 50256,
    "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
    "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1,
    "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index",
    "summary_use_proj": True, "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
}  # fmt: skip
SMOLLM2 = {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1,
    "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664,
    "intermediate_size": 1536, "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
    "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers.js_config": {"kv_cache_dtype": {"fp16": "float16"}},
    "transformers_version": "4.42.3", "use_cache": True, "vocab_size": 49152,
}  # fmt: skip
FLAN_T5 = {
    "architectures": ["T5ForConditionalGeneration"], "d_ff": 1024, "d_kv": 64, "d_model": 512, "decoder_start_token_id": 0,
    "dropout_rate": 0.1, "eos_token_id": 1, "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0,
    "is_encoder_decoder": True, "layer_norm_epsilon": 1e-06, "model_type": "t5", "n_positions": 512, "num_decoder_layers": 8,
    "num_heads": 6, "num_layers": 8, "output_past": True, "pad_token_id": 0, "relative_attention_max_distance": 128,
    "relative_attention_num_buckets": 32, "tie_word_embeddings": False, "transformers_version": "4.23.1", "use_cache": True,
    "vocab_size": 32128,
}  # fmt: skip
PUBLISHED = {BertConfig: MINILM, GPTConfig: GPT2, LlamaConfig: SMOLLM2, T5Config: FLAN_T5}
SIZES = {
    "vocab_size": 20, "hidden_size": 16, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "hidden_act": "silu",
}  # fmt: skip
TOLD = PUBLISHED | {
    Qwen2Config: SIZES | {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 28},
    Qwen3Config: SIZES | {"model_type": "qwen3", "head_dim": 6, "attention_bias": False, "use_sliding_window": False},
    RobertaConfig: MINILM | {"model_type": "roberta", "pad_token_id": 1},
    DistilBertConfig: {"model_type": "distilbert", "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 12, "activation": "gelu"},
    ViTConfig: {"model_type": "vit", "hidden_size": 8, "num_attention_heads": 2, "image_size": 8, "patch_size": 4},
    T5EncoderConfig: FLAN_T5 | {"is_encoder_decoder": False},
    MistralConfig: SIZES | {"model_type": "mistral", "sliding_window": 8, "head_dim": None},
}  # fmt: skip
LATER = {  # as transformers 5 writes the same
    BertConfig: {
        "is_decoder": False,
        "add_cross_attention": False,
        "tie_word_embeddings": True,
        "classifier_dropout": None,
    },
    GPTConfig: {
        "n_inner": None,
        "scale_attn_weights": True,
        "reorder_and_upcast_attn": False,
        "add_cross_attention": False,
    },
    LlamaConfig: {"rope_parameters": {"rope_theta": 100000.0, "rope_type": "default"}, "head_dim": 64},
    T5Config: {
        "tie_word_embeddings": True,
        "scale_decoder_outputs": False,
        "dense_act_fn": "gelu_new",
        "is_gated_act": True,
    },
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_what_is_published_is_read(kind):
    assert (
        kind.from_published(PUBLISHED[kind])
        == kind.from_published(json.loads(json.dumps(PUBLISHED[kind])))
        == kind()
    )
    assert kind.from_published(PUBLISHED[kind] | LATER[kind]) == kind()


ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "original_max_position_embeddings": 64,
}  # without the two bounds
BACKWARDS = ROPE | {"low_freq_factor": 4.0, "high_freq_factor": 1.0}
OTHERWISE = {
    BertConfig: {
        "model_type": ["roberta", "xlm-roberta", "distilbert", "electra", None], "hidden_act": ["gelu_10", "mish"],
        "position_embedding_type": ["relative_key", "relative_key_query"], "is_decoder": [True], "add_cross_attention": [True],
        "tie_word_embeddings": [False], "quantization_config": [{"load_in_8bit": True}], "embedding_size": [128],
        "num_hidden_groups": [1], "attention_window": [[64]], "auto_map": [{"AutoModel": "theirs.Model"}],
    },
    GPTConfig: {
        "model_type": ["gpt_neo", "gptj", "gpt_neox", "openai-gpt"], "activation_function": ["gelu_10", "mish"],
        "hidden_size": [8], "scale_attn_weights": [False], "scale_attn_by_inverse_layer_idx": [True],
        "reorder_and_upcast_attn": [True], "add_cross_attention": [True], "rotary_dim": [64],
        "multi_query": [True], "parallel_residual": [False],
    },
    LlamaConfig: {
        "model_type": ["mistral", "qwen2", "qwen3", "gemma", "phi3", "granite"], "hidden_act": ["gelu", "relu"],
        "rope_interleaved": [True],
        "rope_scaling": [
            ROPE, {"type": "linear", "factor": "2"}, {"type": "dynamic", "factor": 2.0}, "linear", {"factor": 2.0},
            {"type": "linear"}, {"type": "linear", "factor": 0.0}, {"type": "linear", "factor": True},
            {"type": "linear", "factor": 2.0, "mscale": 1.0},
        ],
        "rope_parameters": [
            BACKWARDS, {"rope_type": "yarn"}, {"rope_type": "longrope"}, {"rope_type": "proportional"},
            {"full_attention": {"rope_theta": 1e4}}, {"partial_rotary_factor": 0.5},
        ],
        "sliding_window": [4096], "layer_types": [["sliding_attention"]], "partial_rotary_factor": [0.5], "qk_norm": [True],
        "attention_multiplier": [0.5], "logits_scaling": [8.0], "embedding_multiplier": [12.0], "num_local_experts": [8],
        "final_logit_softcapping": [30.0], "quantization_config": [{"bits": 4}], "use_qk_norm": [False],
    },
    Qwen2Config: {
        "model_type": ["qwen2_moe", "qwen3", "qwen2_vl"], "attention_bias": [False], "mlp_bias": [True], "qk_norm": [True],
        "layer_types": [["full_attention"], ["sliding_attention"] * 2, ["chunked_attention"] * 2], "use_mrope": [True],
        "rope_scaling": [{"type": "yarn"}], "num_experts": [8],
    },
    Qwen3Config: {
        "model_type": ["qwen3_moe", "qwen2"], "mlp_bias": [True], "qk_norm": [False], "num_experts": [8],
        "layer_types": [["sliding_attention", "full_attention"]],
    },
    RobertaConfig: {
        "model_type": ["xlm-roberta", "camembert", "bert"], "hidden_act": ["mish"], "is_decoder": [True],
        "position_embedding_type": ["relative_key"], "tie_word_embeddings": [False], "adapters": [{"a": 1}],
    },
    DistilBertConfig: {
        "model_type": ["bert", "roberta"], "activation": ["mish"], "tie_word_embeddings": [False], "is_decoder": [True],
        "position_embedding_type": ["relative_key"], "embedding_size": [4],
    },
    MistralConfig: {
        "sliding_window": [0], "model_type": ["mixtral", "ministral", "llama"], "attention_bias": [True], "mlp_bias": [True],
        "use_sliding_window": [True],
        "layer_types": [["full_attention", "full_attention"]], "num_local_experts": [8],
    },
    ViTConfig: {
        "model_type": ["deit", "beit", "dinov2"], "hidden_act": ["mish"], "qkv_bias": [False], "pooler_output_size": [7],
        "pooler_act": ["mish"], "use_mask_token": [True], "num_register_tokens": [4],
    },
    T5EncoderConfig: {"model_type": ["mt5"], "feed_forward_proj": ["mish"], "encoder_attention_type": ["local"]},
    T5Config: {
        "model_type": ["mt5", "umt5", "bart", "longt5"], "feed_forward_proj": ["mish", "gated-mish", "gated"],
        "dense_act_fn": ["relu"], "is_gated_act": [False], "is_decoder": [True],
        "is_encoder_decoder": [False], "decoder_start_token_id": [5], "encoder_attention_type": ["local"],
    },
}  # fmt: skip
CHANGES = [
    (kind, key, value) for kind, keys in OTHERWISE.items() for key, values in keys.items() for value in values
]


@pytest.mark.parametrize("kind, key, value", CHANGES, ids=str)
def test_what_is_not_computed_is_refused_by_name(kind, key, value):
    kind.from_published(TOLD[kind])
    told = TOLD[kind] | {key: value}
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {key}") as refused:
        kind.from_published(told)
    assert "\n" not in str(refused.value)
    if key in kind.__dataclass_fields__ and not kind.renamed:  # and so is it on the short way
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {key}"):
            kind(**{k: v for k, v in told.items() if k in kind.__dataclass_fields__})


def test_what_a_file_leaves_out_is_what_transformers_means():
    assert LlamaConfig.from_published({"model_type": "llama"}) == LlamaConfig(
        32_000, 4096, 11_008, 32, 32, 32, 2048, 1e-6, 10_000.0, False, pad_token_id=None
    )  # fmt: skip
    assert BertConfig.from_published({"model_type": "bert"}) == BertConfig(30_522, 768, 12, 12, 3072)
    assert GPTConfig.from_published({"model_type": "gpt2"}) == GPTConfig()
    left = {key: value for key, value in FLAN_T5.items() if key != "num_decoder_layers"}
    assert T5Config.from_published(left | {"num_layers": 3}).num_decoder_layers == 3
    first = T5Config.from_published({"model_type": "t5"})  # version 1.0
    assert (first.feed_forward_proj, first.activation, first.gated) == ("relu", "relu", False)
    assert first.scale_decoder_outputs and not T5Config.from_published(FLAN_T5).scale_decoder_outputs
    with pytest.raises(ValueError, match="model_type"):
        BertConfig.from_published({"hidden_size": 8})


def test_a_base_of_angles_may_stand_in_three_places():
    def base(**told):
        return LlamaConfig(**told).rope_theta

    assert (
        base(rope_theta=5.0)
        == base(rope_parameters={"rope_theta": 5.0})
        == base(rope_theta=5.0, rope_scaling={})
        == 5.0
    )
    assert base(rope_theta=5.0, rope_parameters={"rope_theta": 7.0, "rope_type": "default"}) == 7.0


def test_what_is_said_and_not_kept_stands_in_no_checkpoint():
    model = Bert(BertConfig(20, 8, 1, 2, 12, 10, model_type="bert"))
    assert "model_type" not in asdict(model.config) and BertConfig(**asdict(model.config)) == model.config
    with pytest.raises(ValueError, match="BertClassifierConfig: model_type='roberta'"):
        BertClassifierConfig(20, 8, 2, 2, 12, 10, model_type="roberta")


# ---- weights ----


def small_bert():
    return Bert(BertConfig(20, 8, 1, 2, 12, 10))


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.1.output.dense.weight",
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "lm_head.bias",
    ],
)
def test_a_bert_of_more_than_is_computed_is_refused(name):
    arrays = bert.NAMES.write(small_bert()) | {"embeddings.position_ids": np.arange(10)[None]}
    small_bert().load_state_dict(bert.NAMES.read(small_bert(), arrays))
    with pytest.raises(ValueError, match=f"got also {name}$"):
        bert.NAMES.read(small_bert(), arrays | {name: np.ones(8)})


def test_a_masked_lm_whose_head_is_its_own_is_refused():
    model = BertMaskedLM(BertConfig(20, 8, 1, 2, 12, 10))
    arrays = bert.MASKED_NAMES.write(model) | {"cls.predictions.decoder.weight": np.ones((20, 8))}
    with pytest.raises(RuntimeError, match="two values for one shared tensor"):
        model.load_state_dict(bert.MASKED_NAMES.read(model, arrays))


@pytest.mark.parametrize("name", ["h.1.ln_1.weight", "h.0.crossattention.c_attn.weight", "score.weight"])
def test_a_gpt_of_more_than_is_computed_is_refused(name):
    model = GPT(GPTConfig(20, 16, 8, 1, 2))
    arrays = gpt.LM_NAMES.write(model)
    words = arrays["transformer.wte.weight"]
    told = arrays | {"transformer.h.0.attn.bias": np.ones((1, 1, 16, 16)), "lm_head.weight": words.copy()}
    model.load_state_dict(gpt.LM_NAMES.read(model, told))
    assert np.array_equal(
        model.encoder.layers[0].linear1.weight.numpy(), arrays["transformer.h.0.mlp.c_fc.weight"].T
    )
    with pytest.raises(ValueError, match=f"got also {name}"):
        gpt.LM_NAMES.read(model, told | {name: np.ones(8)})
    with pytest.raises(RuntimeError, match="two values for one shared tensor: words.weight and head.weight"):
        model.load_state_dict(gpt.LM_NAMES.read(model, arrays | {"lm_head.weight": np.ones((20, 8))}))


def test_a_t5_whose_two_sides_read_other_vectors_is_refused():
    model = T5(T5Config(20, 8, 4, 12, 1, 1, 2))
    arrays = t5.LM_NAMES.write(model)
    same = arrays | {"encoder.embed_tokens.weight": arrays["shared.weight"].copy()}
    assert t5.LM_NAMES.read(model, same).keys() == model.state_dict().keys()
    with pytest.raises(ValueError, match="expected decoder.embed_tokens.weight to equal shared.weight"):
        t5.LM_NAMES.read(model, arrays | {"decoder.embed_tokens.weight": 2 * arrays["shared.weight"]})


def test_the_head_of_a_t5_may_be_left_out_where_it_is_the_embedding():
    own, tied = (T5(T5Config(20, 8, 4, 12, 1, 1, 2, scale_decoder_outputs=told)) for told in (False, True))
    assert tied.lm_head.weight is tied.shared.weight and own.lm_head.weight is not own.shared.weight
    arrays = t5.LM_NAMES.write(tied)
    assert "lm_head.weight" not in arrays
    for model in (own, tied):
        model.load_state_dict(t5.LM_NAMES.read(model, arrays))
        assert np.array_equal(model.lm_head.weight.numpy(), arrays["shared.weight"])


def test_a_t5_may_hold_its_embedding_under_either_side():
    model = T5(T5Config(20, 8, 4, 12, 1, 1, 2))
    arrays = t5.LM_NAMES.write(model)
    words = arrays.pop("shared.weight")
    read = t5.LM_NAMES.read(model, arrays | {"decoder.embed_tokens.weight": words})
    assert np.array_equal(read["shared.weight"], words) and not np.array_equal(read["lm_head.weight"], words)
    with pytest.raises(ValueError, match="expected also shared.weight"):
        t5.LM_NAMES.read(model, arrays)


@pytest.mark.parametrize("part", ["q_proj.bias", "q_norm.weight"])
def test_a_llama_of_more_than_is_computed_is_refused(part):
    model = Llama(LlamaConfig(20, 8, 12, 1, 2, 1, 32))
    state = copy.copy(model.state_dict()) | {f"model.layers.0.self_attn.{part}": mt.ones(8)}
    with pytest.raises(RuntimeError, match=f"unexpected.*{part}"):
        model.load_state_dict(state)


def test_harmless_keys_are_no_sizes():
    for kind in PUBLISHED:
        assert not HARMLESS & set(kind.__dataclass_fields__) - {
            "pad_token_id",
            "num_labels",
            "eos_token_id",
            "decoder_start_token_id",
            "n_positions",
        }
