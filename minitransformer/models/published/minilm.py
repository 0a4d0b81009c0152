"""all-MiniLM-L6-v2: a safetensors file of weights with BERT's published names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from minitransformer.files import blaming
from minitransformer.models.bert import NAMES, Bert, BertConfig
from minitransformer.models.published.weights import (
    FETCH,
    WEIGHTS,
    fitted,
    map_arrays,
    pieces,
    shapes,
)
from minitransformer.tokenization.published import PublishedTokenizer

FILE = "model.safetensors"
CONFIG = BertConfig()


def model() -> Bert:
    """The model, with initial weights.

    Returns:
        A `Bert` of this size.
    """
    return Bert(CONFIG)


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """The converted weights, mapped into memory.

    Args:
        folder: the folder of the model's files.

    Returns:
        Array by our name.
    """
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes | Iterator[Any]]:
    """Convert the downloaded file to a file of weights with our names.

    Args:
        folder: the folder of the model's files.

    Returns:
        File name -> content, in pieces.

    Raises:
        FileError: if the file is damaged, or holds another model.
    """
    path = folder / FILE
    made = model()
    with blaming(path, FETCH):
        arrays = NAMES.but(("pooler.",)).read(made, map_arrays(path))
    return {WEIGHTS: pieces(fitted(arrays, shapes(made), path))}


def tokenizer(folder: Path) -> PublishedTokenizer:
    """The tokenizer, of lower-case word pieces.

    Args:
        folder: the folder of the model's files.

    Returns:
        The tokenizer.
    """
    return PublishedTokenizer.from_file(folder / "tokenizer.json", FETCH)
