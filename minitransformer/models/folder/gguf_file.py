"""A GGUF file: configuration, weights and vocabulary of a Llama in one file, its matrices often rounded to a few bits.

The `gguf` package knows the forms of rounded numbers. Each array is turned back into numbers when it is asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy

from minitransformer.backends import DType, float32
from minitransformer.files import AGAIN, FileError, check_regular, one_line, parsing
from minitransformer.models.folder.gguf_header import check_header
from minitransformer.models.folder.gguf_names import gguf, halves, published_name

SUFFIX = ".gguf"
FAMILY = "llama"
HEAD, WORDS = "lm_head.weight", "model.embed_tokens.weight"
TURNED = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}  # matrix -> number of its heads
SETTINGS = {  # of the file -> of config.json
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.key_length": "head_dim",
    "rope.freq_base": "rope_theta",
    "vocab_size": "vocab_size",
}
PLAIN = {
    "expert_count": 0,
    "expert_used_count": 0,
    "rope.scaling.type": "none",
}  # what may be said, if it says nothing


class GGUFFile(Mapping[str, numpy.ndarray]):
    """The arrays of a GGUF file by their published names, and what it says of its model.

    Args:
        path: the file.
        dtype: the dtype that the arrays get.

    Raises:
        FileError: if it is damaged, or holds another model than a Llama.
        ImportError: if the `gguf` package is missing; the message names the extra that brings it.
    """

    def __init__(self, path: Path, dtype: DType = float32):
        self.path, self.dtype = path, dtype
        package = gguf()
        check_regular(path)
        with parsing(path, "GGUF file"):
            check_header(path, package.GGML_QUANT_SIZES)
            self.reader = package.GGUFReader(path)
        self.arrays = {published_name(array.name): array for array in self.reader.tensors}

    def __getitem__(self, name: str) -> numpy.ndarray:
        array = self.arrays[name]
        with parsing(self.path, "GGUF file"):
            numbers: numpy.ndarray = (
                gguf().dequantize(array.data, array.tensor_type).astype(self.dtype, copy=False)
            )
        part = name.split(".")[-2]
        return halves(numbers, self.config[TURNED[part]]) if part in TURNED else numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def kinds(self) -> dict[str, str]:
        """Name -> the dtype in which the array is written to a folder: the rounded numbers fit into none that is smaller."""
        return dict.fromkeys(self.arrays, "F32")

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> how many numbers the array holds."""
        return {name: int(numpy.prod(array.shape, dtype=object)) for name, array in self.arrays.items()}

    def said(self, name: str) -> Any:
        """What the file says under a name.

        Args:
            name: the name, such as "general.architecture".

        Returns:
            A number, a string or a list; None if it says nothing.
        """
        found = self.reader.fields.get(name)
        if found is None:
            return None
        with parsing(self.path, "GGUF file"):
            return found.contents()

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """What a `config.json` would say of the model.

        Raises:
            FileError: if it is no Llama, or something of it is not computed here.
        """
        family = self.said("general.architecture")
        if family != FAMILY:
            raise FileError(
                f"{self.path}: general.architecture: {one_line(repr(family))} is not computed here, only {FAMILY!r}"
            )
        told: dict[str, Any] = {"architectures": ["LlamaForCausalLM"], "model_type": FAMILY}
        for field in self.reader.fields:
            name = field.removeprefix(f"{FAMILY}.")
            if name in SETTINGS and name != field:
                told[SETTINGS[name]] = shortest(self.said(field))
            elif name != field and name not in ("rope.dimension_count", "attention.value_length"):
                self._check_plain(field, PLAIN.get(name))
        told["tie_word_embeddings"] = HEAD not in self.arrays
        if WORDS in self.arrays:
            told["vocab_size"] = int(self.arrays[WORDS].shape[-1])
        self._check_heads(told)
        return told | self._marks()

    def _marks(self) -> dict[str, Any]:
        """The tokens that begin and end a text: several end it where a turn has an end of its own."""
        begin, *ends = (self.said(f"tokenizer.ggml.{mark}_token_id") for mark in ("bos", "eos", "eot"))
        ends = list(dict.fromkeys(i for i in ends if i is not None))
        return {"bos_token_id": begin, "eos_token_id": ends[0] if len(ends) == 1 else ends or None}

    def _check_plain(self, field: str, plain: Any) -> None:
        if plain is None or self.said(field) != plain:
            raise FileError(
                f"{self.path}: {one_line(field)}={one_line(repr(self.said(field)))} is not computed here; {AGAIN}, or take "
                "the folder of transformers"
            )

    def _check_heads(self, told: dict[str, Any]) -> None:
        """Raise FileError unless whole heads rotate, and keys are as long as values."""
        heads = told.get("num_attention_heads") or 0
        if not isinstance(heads, int) or not heads:
            raise FileError(
                f"{self.path}: {FAMILY}.attention.head_count: expected a number, got {one_line(heads)}"
            )
        told.setdefault("num_key_value_heads", heads)
        size = told.get("head_dim") or told.get("hidden_size", 0) // heads
        for name in ("rope.dimension_count", "attention.value_length"):
            if (got := self.said(f"{FAMILY}.{name}")) not in (None, size):
                raise FileError(
                    f"{self.path}: {FAMILY}.{name}: expected {size}, as heads have, got {one_line(got)}"
                )


def shortest(value: Any) -> Any:
    """A number as it was meant before it was rounded to float32.

    Args:
        value: anything.

    Returns:
        The float with the fewest digits that is rounded to the same float32; what is no float, as it is.
    """
    return float(str(numpy.float32(value))) if isinstance(value, float) else value
