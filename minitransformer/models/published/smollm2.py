"""SmolLM2-135M-Instruct: a GGUF file, its weights rounded to four bits, its vocabulary in the metadata.

The `gguf` package reads it. Its writer laid the rows of queries and keys so that neighbouring channels turn together;
`halves` lays them back as they were published, so that channel i turns with channel i + d/2.
"""

from __future__ import annotations

from pathlib import Path

import numpy

from minitransformer.files import FileError, check_regular, one_line, parsing
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.published.gguf_header import check_header
from minitransformer.models.published.weights import FETCH, WEIGHTS, as_bytes, fitted, map_arrays, shapes
from minitransformer.tokenization.published import INSTALL, PublishedTokenizer, tokenizers
from minitransformer.tokenization.published_json import check_merges
from minitransformer.tokenization.tokenizer import different

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONFIG = LlamaConfig()
READ = "model.embed_tokens.weight"
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
    return Llama(CONFIG)


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """Its weights by our names."""
    return with_head(map_arrays(folder / WEIGHTS))


def with_head(arrays: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """The head writes with the vectors that are read."""
    return {**arrays, "lm_head.weight": arrays[READ]} if READ in arrays else arrays


def convert(folder: Path) -> dict[str, bytes]:
    """Its vocabulary as a `tokenizer.json`, and its weights in float32 by the names under which they were published.

    Raises FileError if what was fetched is not the model's.
    """
    path, expected = folder / FILE, shapes(model())
    check_regular(path, FETCH)
    with parsing(path, "GGUF file", FETCH):
        check_header(path, gguf().GGML_QUANT_SIZES)
        reader = gguf().GGUFReader(path)
    arrays = {published_name(t.name): t for t in reader.tensors}
    for name, t in arrays.items():
        if tuple(map(int, reversed(t.shape))) != expected.get(name):
            raise FileError(f"{path}: {one_line(name)}: expected {expected.get(name)}, got {t.shape[::-1]}; {FETCH}")
    with parsing(path, "GGUF file", FETCH):
        arrays = {name: gguf().dequantize(t.data, t.tensor_type) for name, t in arrays.items()}
    fitted(with_head(arrays), expected, path)
    heads = {"q_proj": CONFIG.num_attention_heads, "k_proj": CONFIG.num_key_value_heads}
    for name in [name for name in arrays if name.split(".")[-2] in heads]:
        arrays[name] = halves(arrays[name], heads[name.split(".")[-2]])
    return {"tokenizer.json": vocabulary(path, reader).encode(), WEIGHTS: as_bytes(arrays)}


def published_name(name: str) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`; a name unknown stays as it is."""
    *block, part, kind = ["", "", *name.split(".")][-4:]
    if block[0] == "blk" and part in LAYER:
        return f"model.layers.{block[1]}.{LAYER[part]}.{kind}"
    return f"{TOP[part]}.{kind}" if part in TOP and not any(block) else name


def halves(weight: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Rows of each head, 0 1 2 3 .. of neighbours that turn together, as 0 2 .. 1 3 ... (H d, C) -> (H d, C)."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)  # (H, d/2, 2, C)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def vocabulary(path: Path, reader) -> str:
    """The metadata's pieces and merges as the text of a `tokenizer.json`: bytes in pairs, and each digit by itself.

    Raises FileError if they are none.
    """
    with parsing(path, "vocabulary", FETCH):
        pieces, merges, kinds = (reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type"))
        merges = [tuple(merge.split(" ")) for merge in merges]
        marks = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind == gguf().TokenType.CONTROL]
        ids = {piece: i for i, piece in enumerate(different(pieces, "tokens"))}
        check_merges(ids, merges)
        return _tokenizer(ids, merges, marks)


def _tokenizer(ids: dict[str, int], merges: list[tuple[str, str]], marks: list[str]) -> str:
    package = tokenizers()
    made = package.Tokenizer(package.models.BPE(ids, merges))
    digits, as_bytes = package.pre_tokenizers.Digits(True), package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer, made.decoder = package.pre_tokenizers.Sequence([digits, as_bytes]), package.decoders.ByteLevel()
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
