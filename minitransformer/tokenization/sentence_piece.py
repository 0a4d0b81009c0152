"""The vocabulary of sentencepiece, a `tokenizer.model` or `spiece.model`, as the text of a `tokenizer.json`.

The file is a message of Google's protocol buffers, of which a few fields are read. A text is normalised (characters by the file's
own table, then spaces), each space becomes U+2581, and the whole is cut into pieces: by the largest sum of scores, or by joining
pairs. Where the table begins with a letter of a cluster, such as before a joiner, the `tokenizers` package drops the rest of the
cluster; so does transformers, which runs the same package.

Sources:
    Kudo and Richardson, EMNLP 2018 (sentencepiece); Kudo, ACL 2018 (unigrams).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minitransformer.files import check_regular, parsing
from minitransformer.tokenization.published import tokenizers
from minitransformer.tokenization.tokenizer import different

SPACE = "\u2581"  # stands for a space
UNIGRAM, BPE = 1, 2  # the forms of a model
NORMAL, UNKNOWN, CONTROL, OWN, UNUSED, BYTE = range(1, 7)  # the types of a piece
SPACES = r"\A +| +\z| +(?= )"  # at the ends, and all but one between words
Fields = dict[int, list[Any]]


@dataclass(frozen=True)
class SentencePieceModel:
    """What a file of sentencepiece says.

    Attributes:
        pieces: the pieces, by id.
        scores: the score of each.
        types: the type of each.
        form: `UNIGRAM` or `BPE`.
        marks: "unk", "bos", "eos", "pad" -> the piece, of those that there are.
        charsmap: the table of characters; empty if they stay as they are.
        prefix: whether a space is put before a text.
        trims: whether spaces that are too many are dropped.
    """

    pieces: tuple[str, ...]
    scores: list[float]
    types: list[int]
    form: int
    marks: dict[str, str]
    charsmap: bytes
    prefix: bool
    trims: bool


def read_model(path: Path) -> SentencePieceModel:
    """Read a file of sentencepiece.

    Args:
        path: the file.

    Returns:
        What it says.

    Raises:
        FileError: if it is damaged, or asks for what is not done here.
    """
    check_regular(path)
    with parsing(path, "sentencepiece model"):
        return _model(path.read_bytes())


def described(model: SentencePieceModel, added: Mapping[str, bool]) -> str:
    """The text of a `tokenizer.json` that cuts texts as sentencepiece does. It adds no marks.

    Args:
        model: what the file says.
        added: tokens that follow the file's own -> whether they are special.

    Returns:
        The text.

    Raises:
        ImportError: if the `tokenizers` package is missing; the message names the extra that brings it.
    """
    package = tokenizers()
    ids = {piece: i for i, piece in enumerate(model.pieces)}
    as_bytes = BYTE in model.types
    if model.form == UNIGRAM:
        scored = list(zip(model.pieces, model.scores, strict=True))
        cut = package.models.Unigram(scored, ids[model.marks["unk"]], as_bytes)
    else:
        merges = joined(ids, dict(zip(model.pieces, model.scores, strict=True)))
        cut = package.models.BPE(
            ids, merges, unk_token=model.marks["unk"], fuse_unk=True, byte_fallback=as_bytes
        )
    made = package.Tokenizer(cut)
    made.normalizer = _normalizer(model)
    made.decoder = decoder()
    special = [piece for piece, kind in zip(model.pieces, model.types, strict=True) if kind == CONTROL]
    for content, is_special in {**dict.fromkeys([*special, model.marks["unk"]], True), **added}.items():
        made.add_tokens([package.AddedToken(content, normalized=False, special=is_special)])
    source: str = made.to_str()
    return source


def read_pieces(path: Path, model_type: str, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tokenizer of a Llama, a Mistral or a T5, from a file of sentencepiece.

    Args:
        path: the file.
        model_type: the family.
        settings: the content of `tokenizer_config.json`.

    Returns:
        The text of a `tokenizer.json`, and the settings with what the file and the family say where they are silent: the names of
        the marks, and which of them a text gets.

    Raises:
        FileError: if the file is damaged, or asks for what is not done here.
        ImportError: as `described` does.
    """
    model = read_model(path)
    marks = {f"{mark}_token": piece for mark, piece in model.marks.items()}
    adds = {"add_bos_token": model_type in ("llama", "mistral"), "add_eos_token": model_type == "t5"}
    with parsing(path, "sentencepiece model"):
        return described(model, _added(model, model_type, settings)), {**adds, **marks, **settings}


def _added(model: SentencePieceModel, model_type: str, settings: Mapping[str, Any]) -> dict[str, bool]:
    """The tokens that follow those of the file -> whether they are special; of T5 those that stand for gaps."""
    told = settings.get("added_tokens_decoder") or {}
    later = sorted(
        ((int(i), entry) for i, entry in told.items() if int(i) >= len(model.pieces)),
        key=lambda pair: pair[0],
    )
    if not later and model_type == "t5":
        return {f"<extra_id_{i}>": True for i in reversed(range(settings.get("extra_ids", 100)))}
    if [i for i, _ in later] != list(range(len(model.pieces), len(model.pieces) + len(later))):
        raise ValueError(f"added_tokens_decoder: expected ids from {len(model.pieces)} on without a gap")
    return {entry["content"]: bool(entry.get("special")) for _, entry in later}


def _normalizer(model: SentencePieceModel) -> Any:
    normalizers, package = tokenizers().normalizers, tokenizers()
    return normalizers.Sequence(
        [
            *([normalizers.Precompiled(model.charsmap)] if model.charsmap else []),
            *([normalizers.Replace(package.Regex(SPACES), "")] if model.trims else []),
            *([normalizers.Prepend(SPACE)] if model.prefix else []),
            normalizers.Replace(" ", SPACE),
        ]
    )


def decoder() -> Any:
    """Pieces as a text: bytes become letters, and the space before the text is dropped.

    Returns:
        A decoder of the `tokenizers` package.
    """
    decoders = tokenizers().decoders
    return decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )


def joined(ids: Mapping[str, int], scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """Pairs of pieces that make a third, the one with the best score first.

    Args:
        ids: piece -> id.
        scores: piece -> score.

    Returns:
        The pairs.
    """
    found = [
        (scores[piece], piece[:cut], piece[cut:])
        for piece in ids
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids
    ]
    found.sort(key=lambda pair: (-pair[0], ids[pair[1]], ids[pair[2]]))
    return [(left, right) for _, left, right in found]


# ---- the file ----


def _model(content: bytes) -> SentencePieceModel:
    fields = _fields(content)
    entries = [_fields(entry) for entry in fields.get(1, [])]
    trained, normal = (_fields(_last(fields, number, b"")) for number in (2, 3))
    pieces = different([_last(entry, 1, b"").decode() for entry in entries], "pieces")
    types = [_last(entry, 3, NORMAL) for entry in entries]
    form = _last(trained, 3, UNIGRAM)
    if form not in (UNIGRAM, BPE):
        raise ValueError(f"model_type: expected {UNIGRAM} (unigram) or {BPE} (bpe), got {form}")
    if not _last(normal, 5, 1) or _last(trained, 24, 0):
        raise ValueError("escape_whitespaces=False, treat_whitespace_as_suffix: not read here")
    if wrong := [
        p for p, kind in zip(pieces, types, strict=True) if kind not in (NORMAL, UNKNOWN, CONTROL, BYTE)
    ]:
        raise ValueError(f"pieces: user-defined and unused ones are not read here, got {wrong[0]!r}")
    usual = {"unk": (40, 0), "bos": (41, 1), "eos": (42, 2), "pad": (43, -1)}
    places = {mark: _signed(_last(trained, number, i)) for mark, (number, i) in usual.items()}
    marks = {mark: pieces[i] for mark, i in places.items() if 0 <= i < len(pieces)}
    if "unk" not in marks:
        raise ValueError(f"unk_id: expected one of {len(pieces)} ids, got {places['unk']}")
    scores = [float(_last(entry, 2, 0.0)) for entry in entries]
    prefix, trims = (bool(_last(normal, number, 1)) for number in (3, 4))
    return SentencePieceModel(pieces, scores, types, form, marks, _last(normal, 2, b""), prefix, trims)


def _last(fields: Fields, number: int, usual: Any) -> Any:
    """The value of a field that stands once; of another type than `usual` it is an error."""
    found = fields.get(number, [usual])[-1]
    if type(found) is not type(usual):
        raise ValueError(f"field {number}: expected {type(usual).__name__}, got {type(found).__name__}")
    return found


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _fields(content: bytes) -> Fields:
    """Number of a field -> its values: int, float, or bytes of a text or of a message in it."""
    found: Fields = {}
    for number, value in _walk(content):
        found.setdefault(number, []).append(value)
    return found


def _walk(content: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind, value = tag & 7, 0
        if kind == 0:
            value, at = _varint(content, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(content, at)
        else:
            size = {1: 8, 5: 4}[kind] if kind in (1, 5) else len(content)
        part, at = content[at : at + size], at + size
        if at > len(content):
            raise ValueError("expected fields that end within the file, got a longer one")
        yield tag >> 3, struct.unpack("<f", part)[0] if kind == 5 else part


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte, at = content[at], at + 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise ValueError("expected a number of at most ten bytes, got a longer one, or none")
