"""SmolLM2-135M-Instruct: a GGUF file whose weights are rounded to four bits, with the vocabulary in its metadata.

The `gguf` package reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from minitransformer.files import FileError, check_regular, one_line, parsing
from minitransformer.models.folder.gguf_header import check_header
from minitransformer.models.folder.gguf_names import gguf, halves, published_name
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.published.weights import FETCH, WEIGHTS, fitted, map_arrays, pieces, shapes
from minitransformer.tokenization.published import PublishedTokenizer, tokenizers
from minitransformer.tokenization.published_json import check_merges
from minitransformer.tokenization.tokenizer import different

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONFIG = LlamaConfig()
READ = "model.embed_tokens.weight"
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
