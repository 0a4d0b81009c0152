"""flan-t5-small, trained further to write titles: two ONNX files, its weights rounded to eight bits.

The `onnx` package reads them; their graphs are looked at, never run. A matrix is stored as (in, out) integers, with a scale
and a zero, and known by the node that multiplies with it, such as `/enc/block.0/layer.0/SelfAttention/q/MatMul_quant`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy

from minitransformer.models.published.weights import WEIGHTS, as_bytes, map_arrays
from minitransformer.models.t5 import T5, T5Config, from_published
from minitransformer.tokenization.published import INSTALL, PublishedTokenizer

FILES = ("encoder.onnx", "decoder.onnx")
ROOTS = {"enc.": "encoder.", "m.": ""}  # of names in the files, and of published ones


def model() -> T5:
    """The model, without its weights."""
    return T5(T5Config())


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """Its weights by our names."""
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes]:
    """The file of its weights, in float32."""
    arrays = {name: array for file in FILES for name, array in read(folder / file)}
    return {WEIGHTS: as_bytes(from_published(arrays))}


def read(path: Path) -> Iterator[tuple[str, numpy.ndarray]]:
    """The weights of a file by their published names."""
    graph = onnx().load(path, load_external_data=False).graph
    stored = {entry.name: onnx().numpy_helper.to_array(entry) for entry in graph.initializer}
    for name in stored:
        base = name.removesuffix("_quantized")
        if base.endswith(".weight") and (named := published_name(base)):
            yield named, dequantized(stored, base)
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            name = node.name.removeprefix("/").removesuffix("/MatMul_quant").replace("/", ".")
            yield f"{published_name(name)}.weight", dequantized(stored, node.input[1].removesuffix("_quantized")).T


def published_name(name: str) -> str | None:
    """`enc.block.0...` -> `encoder.block.0...`, `m.shared.weight` -> `shared.weight`; None for what is no weight."""
    return next((ours + name.removeprefix(theirs) for theirs, ours in ROOTS.items() if name.startswith(theirs)), None)


def dequantized(stored: dict[str, numpy.ndarray], name: str) -> numpy.ndarray:
    """(integer - zero) * scale, or the array itself if it was never rounded."""
    if name in stored:
        return stored[name]
    integers, zero, scale = (stored[f"{name}_{part}"] for part in ("quantized", "zero_point", "scale"))
    return (integers.astype(numpy.float32) - zero.astype(numpy.float32)) * scale


def onnx():
    """The package. Raises ImportError that says how to get it."""
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(f"the onnx package reads this model's weights: {INSTALL}") from error
    return onnx


def tokenizer(folder: Path) -> PublishedTokenizer:
    """Pieces of sentences."""
    return PublishedTokenizer.from_file(folder / "tokenizer.json")
