"""Outputs and gradients of small random models by transformers: writes `transformers_tiny.npz` beside this file.

Run by hand, in an environment of its own:

    python3 -m venv env && env/bin/pip install torch transformers==4.52.4
    env/bin/python tests/references/transformers_tiny.py bert gpt llama t5 buckets

The weights are those that `weights` of `lxt_efficient.py` draws by name and shape. Gradients are of the sum of the
outputs times `cotangent`, and kept by their names there in float32.
"""

import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))
from lxt_efficient import weights  # noqa: E402

FILE = Path(__file__).with_suffix(".npz")
VOCAB, WIDTH, HEADS, LAYERS, INNER, LENGTH = 23, 12, 3, 2, 20, 16
IDS = numpy.array([[3, 14, 15, 9, 2, 6, 5], [8, 9, 7, 9, 0, 0, 0]])  # 0 fills up
TARGET = numpy.array([[0, 4, 8, 15, 16], [0, 22, 4, 2, 1]])  # what a decoder has written
REAL = IDS != 0
SEGMENTS = numpy.array([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]])


def cotangent(shape) -> numpy.ndarray:
    """The weights of the outputs in the sum whose gradient is taken; nothing of what stands at padding."""
    g = numpy.random.default_rng(1).normal(size=shape)
    return g * REAL[..., None] if shape[:2] == REAL.shape else g


def bert():
    """The logits of a masked-language-model head, for two segments."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=INNER,
        max_position_embeddings=LENGTH,
    )  # fmt: skip
    ids, real, segments = (torch.tensor(a) for a in (IDS, REAL, SEGMENTS))
    return BertForMaskedLM(config), lambda model: model(ids, real, segments).logits


def gpt():
    """The logits of a GPT-2."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=VOCAB, n_embd=WIDTH, n_head=HEADS, n_layer=LAYERS, n_positions=LENGTH)
    return GPT2LMHeadModel(config), lambda model: model(torch.tensor(IDS)).logits


def llama():
    """The logits of a Llama whose four heads share two keys."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=16, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=LENGTH, rope_theta=100.0, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config), lambda model: model(torch.tensor(IDS)).logits


def t5():
    """The logits of an encoder-decoder with gates, whose heads are not width / heads wide and whose head is its own."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=VOCAB, d_model=WIDTH, d_kv=5, d_ff=INNER, num_layers=LAYERS, num_decoder_layers=LAYERS, num_heads=HEADS,
        relative_attention_num_buckets=8, relative_attention_max_distance=6, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    ids, real, target = (torch.tensor(a) for a in (IDS, REAL, TARGET))
    model = T5ForConditionalGeneration(config)
    return model, lambda model: model(ids, real, decoder_input_ids=target).logits


def buckets() -> dict[str, numpy.ndarray]:
    """T5's bucket of every distance up to 200, looking both ways and back only."""
    import torch
    from transformers.models.t5.modeling_t5 import T5Attention

    distances = torch.arange(-200, 201)
    both, back = (
        T5Attention._relative_position_bucket(distances, way, 32, 128).numpy() for way in (True, False)
    )
    return {"both": both, "back": back}


def run(make) -> dict[str, numpy.ndarray]:
    """The outputs, and the gradient of each parameter."""
    import torch

    model, outputs = make()
    model = model.double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.tensor(weights(name, tuple(p.shape))))
    y = outputs(model)
    (y * torch.tensor(cotangent(tuple(y.shape)))).sum().backward()
    gradients = {
        name: p.grad.numpy().astype("float32") for name, p in model.named_parameters() if p.grad is not None
    }
    return {"outputs": y.detach().numpy(), **gradients}


MODELS = {"bert": bert, "gpt": gpt, "llama": llama, "t5": t5}

if __name__ == "__main__":
    kept = dict(numpy.load(FILE)) if FILE.exists() else {}
    for case in sys.argv[1:]:
        kept = {name: array for name, array in kept.items() if not name.startswith(f"{case} ")}
        found = buckets() if case == "buckets" else run(MODELS[case])
        kept.update({f"{case} {name}": array for name, array in found.items()})
    numpy.savez_compressed(FILE, **kept)
