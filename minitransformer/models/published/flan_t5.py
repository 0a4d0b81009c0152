"""flan-t5-small, fine-tuned to write titles: two ONNX files whose weights are rounded to eight bits.

The `onnx` package reads the files; their graphs are never run. A matrix is stored as (in, out) integers with a scale and a zero
point. Its own name says nothing: which matrix it is follows from the name of the node that multiplies with it, such as
`/enc/block.0/layer.0/SelfAttention/q/MatMul_quant`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

from minitransformer.files import FileError, blaming, check_regular, once, one_line, parsing
from minitransformer.installing import install_line
from minitransformer.models.outside import check_tied
from minitransformer.models.published.weights import (
    FETCH,
    WEIGHTS,
    fitted,
    map_arrays,
    missing,
    pieces,
    shapes,
)
from minitransformer.models.t5 import LM_NAMES, T5, T5Config
from minitransformer.tokenization.published import PublishedTokenizer

CONFIG = T5Config()
FILES = {
    "encoder.onnx": True,
    "decoder.onnx": False,
}  # whether the file holds the encoder, or all other weights
READ = "shared.weight"
ROOTS = {"enc.": "encoder.", "m.": ""}  # beginning of a name in the files -> that of the published name


def model() -> T5:
    """The model, with initial weights.

    Returns:
        A `T5` of this size.
    """
    return T5(CONFIG)


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """The converted weights, mapped into memory.

    Args:
        folder: the folder of the model's files.

    Returns:
        Array by our name.
    """
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes | Iterator[Any]]:
    """Convert the downloaded files to one file of float32 weights.

    Args:
        folder: the folder of the model's files.

    Returns:
        File name -> content, in pieces.

    Raises:
        FileError: if a file is damaged, or holds another model.
    """
    paths = [folder / file for file in FILES]
    expected = shapes(model())
    arrays = {name: array for path in paths for name, array in read(path).items()}
    if READ not in arrays:
        raise missing(paths[-1], READ)
    with blaming(" and ".join(map(str, paths)), FETCH):
        for side in ("encoder", "decoder"):
            check_tied(arrays, f"{side}.embed_tokens.weight", READ)
    ours = {LM_NAMES.place(name).names[0]: name for name in expected}
    state = {ours.get(n, n): array for n, array in arrays.items() if not n.endswith("embed_tokens.weight")}
    for path, encodes in zip(paths, FILES.values(), strict=True):
        held = {n: shape for n, shape in expected.items() if n.startswith("encoder.") is encodes}
        found = {n: array for n, array in state.items() if n.startswith("encoder.") is encodes}
        fitted(found, held, path)
    return {WEIGHTS: pieces(state)}


def read(path: Path) -> dict[str, numpy.ndarray]:
    """Read the weights of one file.

    Args:
        path: the ONNX file.

    Returns:
        Float32 array by published name.

    Raises:
        FileError: if it is not an ONNX file, or a matrix lacks its scale or its zero point.
    """
    stored, products = opened(path)
    names = {name: name.removesuffix("_quantized") for name in stored}
    found = {
        named: base for base in names.values() if base.endswith(".weight") and (named := published_name(base))
    }
    matrices = {
        f"{published_name(name)}.weight": base.removesuffix("_quantized") for name, base in products.items()
    }
    if len(set(matrices.values())) < len(matrices):
        raise FileError(f"{path}: expected a matrix of its own for each product, got one for two; {FETCH}")
    try:
        arrays = {name: dequantized(stored, base) for name, base in found.items()}
        return arrays | {name: dequantized(stored, base).T for name, base in matrices.items()}
    except (KeyError, ValueError) as error:
        raise FileError(
            f"{path}: expected integers with a scale and a zero point, got {one_line(error)}; {FETCH}"
        ) from None


def opened(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, str]]:
    """The arrays of a file, and which matrix each product multiplies with.

    Args:
        path: the ONNX file.

    Returns:
        Array by name, and name of the matrix by name of the product.

    Raises:
        FileError: if it is not an ONNX file, or says that its numbers are stored in another file.
    """
    check_regular(path, FETCH)
    with parsing(path, "ONNX file", FETCH):
        graph = onnx().load(path, load_external_data=False).graph
        if outside := [
            entry.name for entry in graph.initializer if entry.data_location or entry.external_data
        ]:
            raise ValueError(f"the numbers of {outside[0]} are stored in another file")
        stored = [(entry.name, onnx().numpy_helper.to_array(entry)) for entry in graph.initializer]
        products = [(node.name, node.input[1]) for node in graph.node if node.op_type == "MatMulInteger"]
        if not all(isinstance(name, str) for name in [*dict(stored), *sum(products, ())]):
            raise ValueError("a name is not valid UTF-8")
        return once(stored), once(
            [(name[1:].removesuffix("/MatMul_quant").replace("/", "."), base) for name, base in products]
        )


def published_name(name: str) -> str | None:
    """The published name of a weight: `enc.block.0..` -> `encoder.block.0..`, `m.shared.weight` -> `shared.weight`.

    Args:
        name: the name in the file.

    Returns:
        The published name; None if the name does not begin like that of a weight.
    """
    return next(
        (ours + name.removeprefix(theirs) for theirs, ours in ROOTS.items() if name.startswith(theirs)), None
    )


def dequantized(stored: dict[str, numpy.ndarray], name: str) -> numpy.ndarray:
    """(integer - zero point) * scale, or the array itself if it is stored as floating-point numbers.

    Args:
        stored: array by name in the file.
        name: the name of the weight, without the endings of its parts.

    Returns:
        The weight.

    Raises:
        KeyError: if a part is missing.
        ValueError: if a part has a dtype or a shape that does not fit.
    """
    if name in stored:
        return stored[name]
    integers, zero, scale = (stored[f"{name}_{part}"] for part in ("quantized", "zero_point", "scale"))
    if (
        integers.dtype.kind not in "iu"
        or integers.dtype != zero.dtype
        or scale.dtype != numpy.float32
        or zero.ndim
        or scale.ndim
    ):
        raise ValueError(f"{name}: {integers.dtype}, {zero.dtype} {zero.shape}, {scale.dtype} {scale.shape}")
    numbers: numpy.ndarray = (integers.astype(numpy.float32) - zero.astype(numpy.float32)) * scale
    return numbers


def onnx() -> ModuleType:
    """The package `onnx`.

    Returns:
        The module.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            f"the onnx package reads this model's weights: {install_line('[models]')}"
        ) from error
    return onnx


def tokenizer(folder: Path) -> PublishedTokenizer:
    """The tokenizer, of sentence pieces.

    Args:
        folder: the folder of the model's files.

    Returns:
        The tokenizer.
    """
    return PublishedTokenizer.from_file(folder / "tokenizer.json", FETCH)
