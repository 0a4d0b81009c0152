"""Outputs of small random models of every family that folders may hold, by transformers: writes `families_tiny.npz` beside this.

Run by hand, in an environment of its own:

    python3 -m venv env && env/bin/pip install torch transformers
    env/bin/python tests/references/families_tiny.py

The weights are those that `weights` of `lxt_efficient.py` draws by published name and shape.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))
from lxt_efficient import weights  # noqa: E402

FILE = Path(__file__).with_suffix(".npz")
IDS = numpy.array([[3, 14, 15, 9, 2, 6, 5], [8, 9, 7, 5, 0, 0, 0]])  # 0 fills up
MASK = (IDS != 0).astype(int)
ANSWER = numpy.array([[0, 4, 8, 15], [0, 2, 6, 1]])  # what a decoder has written
PIXELS = weights("pixels", (2, 3, 8, 8))
ENCODER = {
    "vocab_size": 20, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20,
    "max_position_embeddings": 16, "pad_token_id": 0,
}  # fmt: skip
DECODER = ENCODER | {"hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2}
DISTILBERT = {
    "vocab_size": 20, "dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "max_position_embeddings": 16, "pad_token_id": 0,
}  # fmt: skip
GPT = {
    "vocab_size": 20,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 3,
    "n_positions": 16,
    "n_inner": 7,
    "pad_token_id": 0,
}
T5 = {
    "vocab_size": 20, "d_model": 12, "d_kv": 5, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 3,
    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6, "eos_token_id": 5, "decoder_start_token_id": 0,
}  # fmt: skip
VIT = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20, "image_size": 8, "patch_size": 4,
}  # fmt: skip
SLIDES = {"use_sliding_window": True, "sliding_window": 3}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8,
    "rope_theta": 100.0,
}  # fmt: skip
CASES = {  # published class -> (model_type, configuration)
    "RobertaModel": ("roberta", ENCODER),
    "RobertaForSequenceClassification": ("roberta", ENCODER),
    "RobertaForTokenClassification": ("roberta", ENCODER),
    "RobertaForMaskedLM": ("roberta", ENCODER | {"hidden_act": "relu"}),
    "RobertaForQuestionAnswering": ("roberta", ENCODER),
    "DistilBertModel": ("distilbert", DISTILBERT | {"activation": "relu"}),
    "DistilBertForSequenceClassification": ("distilbert", DISTILBERT),
    "DistilBertForMaskedLM": ("distilbert", DISTILBERT),
    "DistilBertForQuestionAnswering": ("distilbert", DISTILBERT),
    "GPT2LMHeadModel": ("gpt2", GPT | {"tie_word_embeddings": False}),
    "GPT2ForSequenceClassification": ("gpt2", GPT | {"activation_function": "relu"}),
    "GPT2ForTokenClassification": ("gpt2", GPT),
    "LlamaForCausalLM": (
        "llama",
        DECODER | {"attention_bias": True, "head_dim": 6, "rope_parameters": LLAMA3},
    ),
    "LlamaForSequenceClassification": ("llama", DECODER | {"mlp_bias": True}),
    "LlamaForQuestionAnswering": ("llama", DECODER | {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    "Qwen2ForCausalLM": ("qwen2", DECODER | SLIDES | {"max_window_layers": 1}),
    "Qwen2ForTokenClassification": ("qwen2", DECODER),
    "Qwen3ForCausalLM": ("qwen3", DECODER | {"head_dim": 6, "tie_word_embeddings": True}),
    "MistralForCausalLM": ("mistral", DECODER | {"sliding_window": 3}),
    "T5Model": ("t5", T5),
    "T5EncoderModel": ("t5", T5 | {"feed_forward_proj": "gated-silu"}),
    "T5ForConditionalGeneration": ("t5", T5),
    "T5ForSequenceClassification": ("t5", T5 | {"feed_forward_proj": "gated-gelu"}),
    "T5ForTokenClassification": ("t5", T5),
    "T5ForQuestionAnswering": ("t5", T5),
    "ViTModel": ("vit", VIT),
    "ViTForImageClassification": ("vit", VIT | {"hidden_act": "gelu_new"}),
}
DECODES = ("T5Model", "T5ForConditionalGeneration")


def outputs(kind, sizes):
    """What a model of random weights gives, a row for each of its outputs."""
    import torch
    import transformers
    from safetensors.numpy import load_file, save_file

    made = getattr(transformers, kind)
    with tempfile.TemporaryDirectory() as folder:
        made(made.config_class(**json.loads(json.dumps(sizes)))).save_pretrained(folder)
        path = Path(folder, "model.safetensors")
        drawn = {name: weights(name, array.shape) for name, array in load_file(path).items()}
        save_file({name: array.astype("float64") for name, array in drawn.items()}, path, {"format": "pt"})
        model = made.from_pretrained(folder, dtype=torch.float64).eval()
    told = {"decoder_input_ids": torch.tensor(ANSWER)} if kind in DECODES else {}
    with torch.no_grad():
        if kind.startswith("ViT"):
            found = model(torch.tensor(PIXELS))
        else:
            found = model(torch.tensor(IDS), attention_mask=torch.tensor(MASK), **told)
    named = [name for name in ("logits", "start_logits", "end_logits") if name in found]
    return [found[name].numpy() for name in named or ["last_hidden_state"]]


if __name__ == "__main__":
    kept = {
        f"{kind} {i}": array.astype("float32")
        for kind, (_, sizes) in CASES.items()
        for i, array in enumerate(outputs(kind, sizes))
    }
    numpy.savez_compressed(FILE, **kept)
    print(f"{FILE.name}: {len(kept)} outputs, {FILE.stat().st_size:,} bytes")
