"""SmolLM2-135M-Instruct: a GGUF file whose weights are rounded to four bits, with the vocabulary in its metadata.

The `gguf` package reads it. In a GGUF file the rows of the query and key matrices are in another order: neighbouring channels
rotate together. `halves` restores the published order, in which channel i rotates with channel i + d/2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

from minitransformer.files import FileError, check_regular, one_line, parsing
from minitransformer.installing import install_line
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.published.gguf_header import check_header
from minitransformer.models.published.weights import FETCH, WEIGHTS, fitted, map_arrays, pieces, shapes
from minitransformer.tokenization.published import PublishedTokenizer, tokenizers
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
SETTINGS = {
    "llama.block_count": "num_hidden_layers",
    "llama.context_length": "max_position_embeddings",
    "llama.embedding_length": "hidden_size",
    "llama.feed_forward_length": "intermediate_size",
    "llama.attention.head_count": "num_attention_heads",
    "llama.attention.head_count_kv": "num_key_value_heads",
    "llama.attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "llama.rope.freq_base": "rope_theta",
    "llama.rope.dimension_count": "head_dim",
    "llama.vocab_size": "vocab_size",
}
# by greedy search, 10 of 10 answers to plain questions contained the right word; with the text it was trained with, 8
SYSTEM = "Answer in one short sentence."
END = "<|im_end|>"  # ends a turn


def model() -> Llama:
    """The model, with initial weights.

    Returns:
        A `Llama` of this size.
    """
    return Llama(CONFIG)


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """The converted weights, mapped into memory.

    Args:
        folder: the folder of the model's files.

    Returns:
        Array by our name.
    """
    return with_head(map_arrays(folder / WEIGHTS))


def with_head(arrays: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """Add the matrix of the head, which is that of the embedding.

    Args:
        arrays: array by name.

    Returns:
        The same arrays and the head's; without an embedding, `arrays` itself.
    """
    return {**arrays, "lm_head.weight": arrays[READ]} if READ in arrays else arrays


def convert(folder: Path) -> dict[str, bytes | Iterator[Any]]:
    """Convert the downloaded file to a `tokenizer.json` and a file of float32 weights.

    Args:
        folder: the folder of the model's files.

    Returns:
        File name -> content, whole or in pieces.

    Raises:
        FileError: if the file is damaged, or holds another model.
    """
    path = folder / FILE
    expected = shapes(model())
    check_regular(path, FETCH)
    with parsing(path, "GGUF file", FETCH):
        check_header(path, gguf().GGML_QUANT_SIZES)
        reader = gguf().GGUFReader(path)
    _check_settings(path, reader)
    arrays = {published_name(t.name): t for t in reader.tensors}
    for name, t in arrays.items():
        if tuple(map(int, reversed(t.shape))) != expected.get(name):
            raise FileError(
                f"{path}: {one_line(name)}: expected {expected.get(name)}, got {t.shape[::-1]}; {FETCH}"
            )
    with parsing(path, "GGUF file", FETCH):
        arrays = {name: gguf().dequantize(t.data, t.tensor_type) for name, t in arrays.items()}
    fitted(with_head(arrays), expected, path)
    heads = {"q_proj": CONFIG.num_attention_heads, "k_proj": CONFIG.groups}
    for name in [name for name in arrays if name.split(".")[-2] in heads]:
        arrays[name] = halves(arrays[name], heads[name.split(".")[-2]])
    return {"tokenizer.json": vocabulary(path, reader).encode(), WEIGHTS: pieces(arrays)}


def _check_settings(path: Path, reader: Any) -> None:
    """Raise FileError for a setting that `CONFIG` does not have, or of which it has another value."""
    for name in (name for name in reader.fields if name.startswith("llama.")):
        expected = getattr(CONFIG, SETTINGS.get(name, ""), None)
        got = reader.fields[name].contents()
        if (
            expected is None
            or not isinstance(got, (int, float))
            or not math.isclose(got, expected, rel_tol=1e-6)
        ):
            raise FileError(
                f"{path}: {one_line(name)}: expected {expected}, got {one_line(repr(got))}; {FETCH}"
            )


def published_name(name: str) -> str:
    """The published name of an array: `blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`.

    Args:
        name: the name in the GGUF file.

    Returns:
        The published name; an unknown name is returned unchanged.
    """
    *block, part, kind = ["", "", *name.split(".")][-4:]
    if block[0] == "blk" and part in LAYER:
        return f"model.layers.{block[1]}.{LAYER[part]}.{kind}"
    return f"{TOP[part]}.{kind}" if part in TOP and not any(block) else name


def halves(weight: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Reorder the rows of each head, from neighbours that rotate together to halves that do: 0 1 2 3 .. -> 0 2 .. 1 3 ...

    Args:
        weight: (H d, C).
        heads: H.

    Returns:
        (H d, C).
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)  # (H, d/2, 2, C)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def vocabulary(path: Path, reader: Any) -> str:
    """The vocabulary in the metadata as the text of a `tokenizer.json`: byte pairs, and each digit by itself.

    Args:
        path: the GGUF file, for the message.
        reader: the `gguf` package's reader of it.

    Returns:
        The text.

    Raises:
        FileError: if the metadata holds no such vocabulary.
    """
    with parsing(path, "vocabulary", FETCH):
        tokens, merges, kinds = (
            reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type")
        )
        merges = [tuple(merge.split(" ")) for merge in merges]
        marks = [piece for piece, kind in zip(tokens, kinds, strict=True) if kind == gguf().TokenType.CONTROL]
        ids = {piece: i for i, piece in enumerate(different(tokens, "tokens"))}
        check_merges(ids, merges)
        return _tokenizer(ids, merges, marks)


def _tokenizer(ids: dict[str, int], merges: list[tuple[str, str]], marks: list[str]) -> str:
    package = tokenizers()
    made = package.Tokenizer(package.models.BPE(ids, merges))
    digits = package.pre_tokenizers.Digits(True)
    as_bytes = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = package.pre_tokenizers.Sequence([digits, as_bytes])
    made.decoder = package.decoders.ByteLevel()
    made.add_special_tokens([package.AddedToken(mark, normalized=False) for mark in marks])
    source: str = made.to_str()
    return source


def gguf() -> ModuleType:
    """The package `gguf`.

    Returns:
        The module.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        import gguf
    except ImportError as error:
        raise ImportError(
            f"the gguf package reads this model's weights: {install_line('[models]')}"
        ) from error
    return gguf


def tokenizer(folder: Path) -> PublishedTokenizer:
    """The tokenizer, of byte pairs.

    Args:
        folder: the folder of the model's files.

    Returns:
        The tokenizer.
    """
    return PublishedTokenizer.from_file(folder / "tokenizer.json", FETCH)


def chat_prompt(turns: list[tuple[str, str]], system: str = SYSTEM) -> str:
    """The prompt of a conversation; the model continues it with its answer.

    Args:
        turns: (role, text) of each turn so far, with the roles "user" and "assistant" in turn; the last is the user's.
        system: the instruction at the beginning.

    Returns:
        The text.
    """
    spoken = [("system", system), *turns]
    return (
        "".join(f"<|im_start|>{role}\n{words}{END}\n" for role, words in spoken) + "<|im_start|>assistant\n"
    )
