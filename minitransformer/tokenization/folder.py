"""The tokenizer of a folder: its `tokenizer.json`, or one that is built from the vocabulary files of older folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from minitransformer.files import blaming, parse_json, read_text
from minitransformer.tokenization import vocabulary_files
from minitransformer.tokenization.published import PublishedTokenizer, token_of
from minitransformer.tokenization.sentence_piece import read_pieces

WHOLE = "tokenizer.json"
SETTINGS, MARKS = vocabulary_files.SETTINGS, "special_tokens_map.json"
TEMPLATE = "chat_template.jinja"
SENTENCE_PIECE = ("spiece.model", "tokenizer.model")
BESIDE = (
    WHOLE,
    SETTINGS,
    MARKS,
    vocabulary_files.ADDED,
    TEMPLATE,
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    *SENTENCE_PIECE,
)


def read_tokenizer(folder: Path, model_type: str) -> PublishedTokenizer | None:
    """The tokenizer of a folder.

    Args:
        folder: the folder.
        model_type: the family, as `config.json` names it; it says how the vocabulary files of older folders are meant.

    Returns:
        The tokenizer; None if the folder has none.

    Raises:
        FileError: if a file is damaged, or is of a form that is not read here.
        ImportError: if the `tokenizers` package is missing; the message names the extra that brings it.
    """
    settings = _settings(folder)
    found = _source(folder, model_type, settings)
    if found is None:
        return None
    path, source, settings = found
    if settings.keys() & {"add_bos_token", "add_eos_token"}:
        with blaming(path):
            source = with_marks(source, settings)
    files = {name: (folder / name).read_bytes() for name in BESIDE if (folder / name).is_file()}
    return PublishedTokenizer(source, path, files=files, settings=settings)


def _source(
    folder: Path, model_type: str, settings: dict[str, Any]
) -> tuple[Path, str, dict[str, Any]] | None:
    """The file that holds the vocabulary, the text of a `tokenizer.json`, and the settings with what the file says too."""
    if (folder / WHOLE).is_file():
        return folder / WHOLE, read_text(folder / WHOLE), settings
    build: dict[str, Callable[[Path, str, Mapping[str, Any]], str]] = {
        "vocab.txt": vocabulary_files.word_pieces,
        "vocab.json": vocabulary_files.byte_pairs,
    }
    for name, function in build.items():
        if (folder / name).is_file():
            return folder / name, function(folder, model_type, settings), settings
    for name in SENTENCE_PIECE:
        if (folder / name).is_file():
            return folder / name, *read_pieces(folder / name, model_type, settings)
    return None


def _settings(folder: Path) -> dict[str, Any]:
    """What the folder says of its tokenizer: of special tokens in an older file too, and the chat template of a file of its own."""
    settings = {**_said(folder / MARKS), **_said(folder / SETTINGS)}
    if (folder / TEMPLATE).is_file():
        settings["chat_template"] = read_text(folder / TEMPLATE)
    return settings


def _said(path: Path) -> dict[str, Any]:
    """The names and values in a file; none if it is not there."""
    if not path.is_file():
        return {}
    with blaming(path):
        told = parse_json(read_text(path))
        if not isinstance(told, dict):
            raise ValueError(f"expected names and values, got {type(told).__name__}")
    return told


def with_marks(source: str, settings: Mapping[str, Any]) -> str:
    """A `tokenizer.json` that adds the marks at the beginning and the end of a text which the settings ask for.

    Args:
        source: its text.
        settings: `add_bos_token`, `add_eos_token`, and the tokens that they mean.

    Returns:
        The text.

    Raises:
        ValueError: if a mark is to be added that the vocabulary lacks.
    """
    description = parse_json(source)
    ids = {entry["content"]: entry["id"] for entry in description.get("added_tokens") or []}
    vocabulary = description["model"]["vocab"]
    listed = vocabulary if isinstance(vocabulary, dict) else {p[0]: i for i, p in enumerate(vocabulary)}
    known = {**listed, **ids}
    begin, end = (
        token_of(settings, f"{m}_token") if settings.get(f"add_{m}_token") else None for m in ("bos", "eos")
    )
    if missing := [mark for mark in (begin, end) if mark is not None and mark not in known]:
        raise ValueError(
            f"add_bos_token, add_eos_token: expected {missing[0]!r} in the vocabulary, got no such piece"
        )
    description["post_processor"] = _template(begin, end, known)
    return json.dumps(description, ensure_ascii=False)


def _template(begin: str | None, end: str | None, ids: Mapping[str, int]) -> dict[str, Any]:
    """The part of a `tokenizer.json` that adds marks around a text, or two."""

    def around(sequence: str, kind: int) -> list[dict[str, Any]]:
        def mark(piece: str | None) -> list[dict[str, Any]]:
            return [] if piece is None else [{"SpecialToken": {"id": piece, "type_id": kind}}]

        return [*mark(begin), {"Sequence": {"id": sequence, "type_id": kind}}, *mark(end)]

    special = {
        piece: {"id": piece, "ids": [ids[piece]], "tokens": [piece]} for piece in (begin, end) if piece
    }
    return {
        "type": "TemplateProcessing",
        "single": around("A", 0),
        "pair": around("A", 0) + around("B", 1),
        "special_tokens": special,
    }
