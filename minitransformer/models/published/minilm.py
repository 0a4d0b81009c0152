"""all-MiniLM-L6-v2: a safetensors file with BERT's published names."""

from __future__ import annotations

from pathlib import Path

import numpy

from minitransformer.models.bert import Bert, BertConfig, from_published
from minitransformer.models.published.weights import WEIGHTS, as_bytes, map_arrays
from minitransformer.tokenization.published import PublishedTokenizer


def model() -> Bert:
    """The model, without its weights."""
    return Bert(BertConfig())


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """Its weights by our names."""
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes]:
    """The file of its weights."""
    return {WEIGHTS: as_bytes(from_published(map_arrays(folder / "model.safetensors"), BertConfig().num_hidden_layers))}


def tokenizer(folder: Path) -> PublishedTokenizer:
    """WordPiece, lower case."""
    return PublishedTokenizer.from_file(folder / "tokenizer.json")
