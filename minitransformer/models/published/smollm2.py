"""SmolLM2-135M-Instruct: a GGUF file, its weights rounded to four bits, its vocabulary in the metadata.

The `gguf` package reads it. Its writer laid the rows of queries and keys so that neighbouring channels turn together;
`halves` lays them back as they were published, so that channel i turns with channel i + d/2.
"""

from __future__ import annotations

from pathlib import Path

import numpy

from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.published.weights import WEIGHTS, as_bytes, map_arrays
from minitransformer.tokenization.published import INSTALL, PublishedTokenizer, tokenizers

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
END = "<|im_end|>"  # of a turn


def model() -> Llama:
    """The model, without its weights."""
    return Llama(LlamaConfig())


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """Its weights by our names; the head writes with the vectors that are read."""
    arrays = map_arrays(folder / WEIGHTS)
    return {**arrays, "lm_head.weight": arrays["model.embed_tokens.weight"]}


def convert(folder: Path) -> dict[str, bytes]:
    """Its vocabulary as a `tokenizer.json`, and its weights in float32 by the names under which they were published."""
    reader = gguf().GGUFReader(folder / FILE)
    arrays = {published_name(t.name): gguf().dequantize(t.data, t.tensor_type) for t in reader.tensors}
    heads = {"q_proj": LlamaConfig().num_attention_heads, "k_proj": LlamaConfig().num_key_value_heads}
    for name in [name for name in arrays if name.split(".")[-2] in heads]:
        arrays[name] = halves(arrays[name], heads[name.split(".")[-2]])
    return {"tokenizer.json": vocabulary(reader).encode(), WEIGHTS: as_bytes(arrays)}


def published_name(name: str) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`. Raises KeyError for a name unknown."""
    *block, part, kind = name.split(".")
    return f"model.layers.{block[1]}.{LAYER[part]}.{kind}" if block else f"{TOP[part]}.{kind}"


def halves(weight: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Rows of each head, 0 1 2 3 .. of neighbours that turn together, as 0 2 .. 1 3 ... (H d, C) -> (H d, C)."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)  # (H, d/2, 2, C)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def vocabulary(reader) -> str:
    """The metadata's pieces and merges as the text of a `tokenizer.json`: bytes in pairs, and each digit by itself."""
    read = lambda name: reader.fields[f"tokenizer.ggml.{name}"].contents()  # noqa: E731
    package, pieces = tokenizers(), read("tokens")
    merges = [tuple(merge.split(" ")) for merge in read("merges")]
    made = package.Tokenizer(package.models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    digits, as_bytes = package.pre_tokenizers.Digits(True), package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer, made.decoder = package.pre_tokenizers.Sequence([digits, as_bytes]), package.decoders.ByteLevel()
    marks = [piece for piece, kind in zip(pieces, read("token_type"), strict=True) if kind == gguf().TokenType.CONTROL]
    made.add_special_tokens([package.AddedToken(mark, normalized=False) for mark in marks])
    return made.to_str()


def gguf():
    """The package. Raises ImportError that says how to get it."""
    try:
        import gguf
    except ImportError as error:
        raise ImportError(f"the gguf package reads this model's weights: {INSTALL}") from error
    return gguf


def tokenizer(folder: Path) -> PublishedTokenizer:
    """Byte pairs."""
    return PublishedTokenizer.from_file(folder / "tokenizer.json")


def chat_prompt(turns: list[tuple[str, str]], system: str = SYSTEM) -> str:
    """The text after which the model answers: (role, words) of each turn so far, the user's first and last."""
    spoken = [("system", system), *turns]
    return "".join(f"<|im_start|>{role}\n{words}{END}\n" for role, words in spoken) + "<|im_start|>assistant\n"
