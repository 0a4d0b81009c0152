"""NanoGuard: a file of PyTorch's for the weights, and a pickle for the vocabulary, which is read and never run."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy

from minitransformer import serialization
from minitransformer.files import FileError, blaming, check_regular, parsing
from minitransformer.models.folder.model import Origin
from minitransformer.models.folder.names import Names
from minitransformer.models.nanoguard import NanoGuard, NanoGuardConfig
from minitransformer.models.published.weights import FETCH, WEIGHTS, fitted, map_arrays, pieces, shapes
from minitransformer.tokenization.published import PublishedTokenizer, tokenizers
from minitransformer.tokenization.ranks import merges_of, piece_of

FILE, VOCABULARY = "model.pt", "tokenizer.pkl"
CONFIG = NanoGuardConfig()
LABELS = {"0": "safe", "1": "injection"}
NAMES = Names(
    {
        "wte.": "transformer.wte.",
        "layers.*.attn.": "transformer.h.*.attn.",
        "layers.*.c_": "transformer.h.*.mlp.c_",
        "cls_": "cls_",
        "resid_lambdas": "resid_lambdas",
        "x0_lambdas": "x0_lambdas",
    }
)
# the first four ids after the pieces: two are used, as the beginning of a text and as padding
MARKS = ("<s>", "<pad>", "<|reserved_2|>", "<|reserved_3|>")
PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)


def model() -> NanoGuard:
    """The model, with initial weights.

    Returns:
        A `NanoGuard` of the published size, which knows the names of its classes.
    """
    made = NanoGuard(CONFIG)
    made.origin = Origin("NanoGuardForSequenceClassification", {"id2label": LABELS}, NAMES)
    return made


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """The converted weights, mapped into memory.

    Args:
        folder: the folder of the model's files.

    Returns:
        Array by our name.
    """
    return map_arrays(folder / WEIGHTS)


def convert(folder: Path) -> dict[str, bytes | Iterator[Any]]:
    """Convert the downloaded files to a file of weights with our names, and a `tokenizer.json`.

    Args:
        folder: the folder of the model's files.

    Returns:
        File name -> content, in pieces.

    Raises:
        FileError: if a file is damaged, or holds another model.
    """
    path = folder / FILE
    made = model()
    stored = serialization.load(path, "cpu")
    with blaming(path, FETCH):
        arrays = NAMES.read(made, {name: t.float().numpy() for name, t in stored["model_state_dict"].items()})
    return {
        WEIGHTS: pieces(fitted(arrays, shapes(made), path)),
        "tokenizer.json": described(ranks(folder / VOCABULARY)).encode(),
    }


def ranks(path: Path) -> dict[bytes, int]:
    """The pieces of a pickled vocabulary. Its opcodes are listed, and none of them is carried out.

    Args:
        path: the pickle, of a table of pieces and their ids.

    Returns:
        Piece -> id, in the order in which they were merged.

    Raises:
        FileError: if the file holds no such table, or another pattern of words than `PATTERN`.
    """
    check_regular(path, FETCH)
    with parsing(path, "vocabulary", FETCH):
        opcodes = pickletools.genops(path.read_bytes())
        said = [argument for opcode, argument, _ in opcodes if opcode.stack_after and argument is not None]
        found = {piece: i for piece, i in pairwise(said) if isinstance(piece, bytes) and isinstance(i, int)}
    if PATTERN not in said or sorted(found.values()) != list(range(CONFIG.vocab_size - len(MARKS))):
        raise FileError(f"{path}: expected the vocabulary of this model, got another; {FETCH}")
    return found


def described(found: Mapping[bytes, int]) -> str:
    """A vocabulary of byte pairs as the text of a `tokenizer.json`.

    Its marks are pieces that no text contains, so that a text which spells them is read as any other.

    Args:
        found: piece -> id.

    Returns:
        The text.
    """
    package = tokenizers()
    ids = {piece_of(piece): i for piece, i in found.items()}
    ids |= {mark: len(found) + i for i, mark in enumerate(MARKS)}
    merges = [(piece_of(left), piece_of(right)) for left, right in merges_of(found)]
    made = package.Tokenizer(package.models.BPE(ids, merges, ignore_merges=True))
    words = package.pre_tokenizers.Split(package.Regex(PATTERN), "isolated")
    as_bytes = package.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = package.pre_tokenizers.Sequence([words, as_bytes])
    begin = (MARKS[0], ids[MARKS[0]])
    made.post_processor = package.processors.TemplateProcessing(
        single=f"{MARKS[0]} $A", special_tokens=[begin]
    )
    made.decoder = package.decoders.ByteLevel()
    source: str = made.to_str()
    return source


def tokenizer(folder: Path) -> PublishedTokenizer:
    """The tokenizer, of byte pairs, which puts the mark of the beginning before each text.

    Args:
        folder: the folder of the model's files.

    Returns:
        The tokenizer.
    """
    return PublishedTokenizer.from_file(folder / "tokenizer.json", FETCH)
