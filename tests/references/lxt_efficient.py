"""Relevance of small GPT-2, BERT and Llama models by lxt.efficient: writes `lxt_efficient.npz` beside this file.

Run by hand, in a separate environment, because lxt needs an older version of transformers:

    python3 -m venv env && env/bin/pip install torchvision transformers==4.52.4 && env/bin/pip install --no-deps lxt==2.1
    env/bin/python tests/references/lxt_efficient.py gpt2-attnlrp gpt2-cp-lrp bert-attnlrp llama-attnlrp

The weights are random numbers that `weights` draws by name and shape, so that a test can draw the same.
"""

import re
import sys
import zlib
from pathlib import Path

import numpy

FILE = Path(__file__).with_suffix(".npz")
IDS = numpy.array([[3, 14, 15, 9, 2, 6, 5]])
SIZES = {"vocab": 23, "width": 12, "heads": 3, "layers": 2, "length": 16}


def weights(name: str, shape: tuple[int, ...]) -> numpy.ndarray:
    """Random numbers for a parameter, the same wherever they are drawn."""
    drawn = numpy.random.default_rng(zlib.crc32(name.encode())).normal(size=shape) * 0.3
    return drawn + 1 if re.search("ln|norm", name.lower()) else drawn


def gpt2(rule: str):
    """A GPT-2 whose modules lxt has changed."""
    from lxt.efficient import monkey_patch
    from lxt.efficient.models.gpt2 import attnLRP, cp_LRP
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.models.gpt2 import modeling_gpt2

    monkey_patch(modeling_gpt2, attnLRP if rule == "attnlrp" else cp_LRP)
    config = GPT2Config(
        vocab_size=SIZES["vocab"], n_embd=SIZES["width"], n_head=SIZES["heads"], n_layer=SIZES["layers"],
        n_positions=SIZES["length"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        attn_implementation="eager" if rule == "cp-lrp" else "sdpa",
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    return model, model.transformer.wte, lambda embedded: model(inputs_embeds=embedded).logits[0, -1]


def bert(rule: str):
    """A BERT for two classes whose modules lxt has changed."""
    from lxt.efficient import monkey_patch
    from transformers.models.bert import modeling_bert

    monkey_patch(modeling_bert)
    config = modeling_bert.BertConfig(
        vocab_size=SIZES["vocab"], hidden_size=SIZES["width"], num_attention_heads=SIZES["heads"],
        num_hidden_layers=SIZES["layers"], intermediate_size=2 * SIZES["width"], max_position_embeddings=SIZES["length"],
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0, attn_implementation="eager",
    )  # fmt: skip
    model = modeling_bert.BertModel(config, add_pooling_layer=False)
    return model, model.embeddings.word_embeddings, lambda embedded: model(inputs_embeds=embedded)[0][0, 0]


def llama(rule: str):
    """A Llama with two groups of heads whose modules lxt has changed."""
    from lxt.efficient import monkey_patch
    from transformers.models.llama import modeling_llama

    monkey_patch(modeling_llama)
    config = modeling_llama.LlamaConfig(
        vocab_size=SIZES["vocab"], hidden_size=16, intermediate_size=20, num_hidden_layers=SIZES["layers"],
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=SIZES["length"], rope_theta=100.0,
        tie_word_embeddings=False, attn_implementation="sdpa",
    )  # fmt: skip
    model = modeling_llama.LlamaForCausalLM(config)
    return model, model.model.embed_tokens, lambda embedded: model(inputs_embeds=embedded).logits[0, -1]


def relevance(make, rule: str) -> dict[str, numpy.ndarray]:
    """The outputs at the explained place, and the relevance of each token for the largest."""
    import torch

    model, embedding, outputs = make(rule)
    model = model.double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.tensor(weights(name, tuple(p.shape))))
    embedded = embedding(torch.tensor(IDS)).detach().requires_grad_()
    logits = outputs(embedded)
    logits.max().backward()
    return {
        "logits": logits.detach().numpy(),
        "relevance": (embedded * embedded.grad).sum(-1).detach().numpy(),
    }


if __name__ == "__main__":
    kept = dict(numpy.load(FILE)) if FILE.exists() else {}
    for case in sys.argv[1:]:
        model, _, rule = case.partition("-")
        kept.update(
            {
                f"{case} {k}": v
                for k, v in relevance({"gpt2": gpt2, "bert": bert, "llama": llama}[model], rule).items()
            }
        )
    numpy.savez(FILE, **kept)
