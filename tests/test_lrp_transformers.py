"""Relevance of whole models against lxt.efficient on transformers: GPT-2, BERT and Llama in small, with the same random weights.

The reference's numbers were made by `tests/references/lxt_efficient.py`, which says how.
"""

from functools import partial

import numpy
import pytest
from references.lxt_efficient import FILE, IDS, SIZES, weights

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.models.llama import Llama, LlamaConfig

V, C, H, N, L = (SIZES[name] for name in ("vocab", "width", "heads", "layers", "length"))


class GPT2(nn.Module):
    """Radford et al. 2019, from this library's parts: pre-norm, learned positions, the head tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, C)
        self.positions = nn.LearnedPositionalEncoding(C, 0.0, L, batch_first=True)
        activation = partial(nn.functional.gelu, approximate="tanh")
        layer = nn.TransformerEncoderLayer(C, H, 4 * C, 0.0, activation, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, N, nn.LayerNorm(C))

    def forward(self, ids):  # (B, T) -> (B, T, V)
        x = self.encoder(self.positions(self.embedding(ids)), is_causal=True)
        return nn.functional.linear(x, self.embedding.weight)


class BERT(nn.Module):
    """Devlin et al., NAACL 2019: post-norm, learned positions and segments; the first token's vector (B, C) as logits."""

    def __init__(self):
        super().__init__()
        self.embedding, self.segments = nn.Embedding(V, C), nn.Embedding(2, C)
        self.positions = nn.LearnedPositionalEncoding(C, 0.0, L, batch_first=True)
        self.norm = nn.LayerNorm(C, eps=1e-12)
        layer = nn.TransformerEncoderLayer(C, H, 2 * C, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, N)

    def forward(self, ids):  # (B, T) -> (B, C)
        x = self.positions(self.embedding(ids) + self.segments.weight[0])
        return self.encoder(self.norm(x))[:, 0]


def drawn(name, *shape):
    """A reference's parameter by its own name, and its bias."""
    out = shape[-1] if "c_" in name else shape[0]
    return weights(f"{name}.weight", shape), weights(f"{name}.bias", (out,))


def gpt2():
    tables = {"embedding": ("wte", V), "positions": ("wpe", L)}
    state = {
        f"{ours}.weight": weights(f"transformer.{name}.weight", (n, C)) for ours, (name, n) in tables.items()
    }
    for i in range(N):
        ours, theirs = f"encoder.layers.{i}", f"transformer.h.{i}"
        for norm, ln in (("norm1", "ln_1"), ("norm2", "ln_2")):
            state[f"{ours}.{norm}.weight"], state[f"{ours}.{norm}.bias"] = drawn(f"{theirs}.{ln}", C)
        products = {
            "self_attn.in_proj_": ("attn.c_attn", C, 3 * C),
            "self_attn.out_proj.": ("attn.c_proj", C, C),
            "linear1.": ("mlp.c_fc", C, 4 * C),
            "linear2.": ("mlp.c_proj", 4 * C, C),
        }
        for name, (other, n_in, n_out) in products.items():
            weight, state[f"{ours}.{name}bias"] = drawn(f"{theirs}.{other}", n_in, n_out)
            state[f"{ours}.{name}weight"] = weight.T  # GPT-2 keeps its matrices turned
    state["encoder.norm.weight"], state["encoder.norm.bias"] = drawn("transformer.ln_f", C)
    return GPT2().double(), state


def bert():
    tables = {"embedding": ("word", V), "positions": ("position", L), "segments": ("token_type", 2)}
    state = {
        f"{ours}.weight": weights(f"embeddings.{name}_embeddings.weight", (n, C))
        for ours, (name, n) in tables.items()
    }
    state["norm.weight"], state["norm.bias"] = drawn("embeddings.LayerNorm", C)
    for i in range(N):
        ours, theirs = f"encoder.layers.{i}", f"encoder.layer.{i}"
        parts = [drawn(f"{theirs}.attention.self.{name}", C, C) for name in ("query", "key", "value")]
        for kind, pieces in zip(("weight", "bias"), zip(*parts, strict=True), strict=True):
            state[f"{ours}.self_attn.in_proj_{kind}"] = numpy.concatenate(pieces)
        others = {
            "self_attn.out_proj": ("attention.output.dense", C, C),
            "norm1": ("attention.output.LayerNorm", C),
            "linear1": ("intermediate.dense", 2 * C, C),
            "linear2": ("output.dense", C, 2 * C),
            "norm2": ("output.LayerNorm", C),
        }
        for name, (other, *shape) in others.items():
            state[f"{ours}.{name}.weight"], state[f"{ours}.{name}.bias"] = drawn(f"{theirs}.{other}", *shape)
    return BERT().double(), state


def llama():
    config = LlamaConfig(
        V, 16, 20, N, 4, 2, L, rms_norm_eps=1e-6, rope_theta=100.0, tie_word_embeddings=False
    )
    model = Llama(config).double()
    return model, {name: weights(name, tuple(p.shape)) for name, p in model.named_parameters()}


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("case", ["gpt2-attnlrp", "gpt2-cp-lrp", "bert-attnlrp", "llama-attnlrp"])
def test_equals_the_reference(case, form):
    expected, (name, _, rule) = numpy.load(FILE), case.partition("-")
    model, state = {"gpt2": gpt2, "bert": bert, "llama": llama}[name]()
    model.load_state_dict(state)
    logits = model.eval()(mt.tensor(IDS)).numpy()
    logits = logits[0, -1] if logits.ndim == 3 else logits[0]
    # Llama's norms and angles are float32 there, whatever the model's dtype
    rounding = 1e-6 if name == "llama" else 1e-9
    numpy.testing.assert_allclose(logits, expected[f"{case} logits"], rtol=0, atol=rounding)
    e = explain.lrp(model, IDS, rule=rule, form=form, eps=1e-12)
    reference = expected[f"{case} relevance"]
    numpy.testing.assert_allclose(e.relevance, reference, rtol=0, atol=1e-6 * abs(reference).max())
    assert e.ledger.closes
