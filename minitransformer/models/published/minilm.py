"""all-MiniLM-L6-v2: a safetensors file with BERT's published names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy

from minitransformer.files import blaming
from minitransformer.models.bert import Bert, BertConfig, from_published
from minitransformer.models.published.weights import (
    FETCH,
    WEIGHTS,
    fitted,
    map_arrays,
    missing,
    pieces,
    shapes,
)
from minitransformer.tokenization.published import PublishedTokenizer

FILE, CONFIG = "model.safetensors", BertConfig()


def model() -> Bert:
    """The model, without its weights."""
    return Bert(CONFIG)


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """Its weights by our names."""
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes | Iterator]:
    """The file of its weights. Raises FileError if what was fetched is not the model's."""
    path = folder / FILE
    try:
        with blaming(path, FETCH):
            arrays = from_published(map_arrays(path), CONFIG.num_hidden_layers)
    except KeyError as error:
        raise missing(path, error.args[0]) from None
    return {WEIGHTS: pieces(fitted(arrays, shapes(model()), path))}


def tokenizer(folder: Path) -> PublishedTokenizer:
    """WordPiece, lower case."""
    return PublishedTokenizer.from_file(folder / "tokenizer.json", FETCH)
