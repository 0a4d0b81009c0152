"""The vocabulary files of older folders, as the text of a `tokenizer.json`: `vocab.txt`, or `vocab.json` and `merges.txt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minitransformer.files import FileError, blaming, one_line, parse_json, read_text
from minitransformer.tokenization.published import token_of, tokenizers
from minitransformer.tokenization.published_json import check_merges

# where Qwen cuts a text before it merges bytes: letters, single digits, other signs, line breaks, spaces
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BERTS = ("bert", "distilbert")
SETTINGS = "tokenizer_config.json"
ADDED = "added_tokens.json"
SWITCHES = ("tokenize_chinese_chars", "strip_accents", "do_lower_case")
FLAGS = ("lstrip", "rstrip", "normalized", "single_word")


def word_pieces(folder: Path, model_type: str, settings: Mapping[str, Any]) -> str:
    """The tokenizer of a BERT, from its `vocab.txt`: one piece a line.

    Args:
        folder: the folder.
        model_type: the family.
        settings: the content of `tokenizer_config.json`; `do_lower_case` is True if it says nothing.

    Returns:
        The text of a `tokenizer.json`.

    Raises:
        FileError: if the file is damaged, or the family does not read word pieces.
    """
    path = folder / "vocab.txt"
    if model_type not in BERTS:
        raise FileError(f"{path}: expected the vocabulary of {' or '.join(BERTS)}, got that of {model_type}")
    package = tokenizers()
    with blaming(path):
        ids = {piece: i for i, piece in enumerate(read_text(path).removesuffix("\n").split("\n"))}
        marks = {
            name: token_of(settings, f"{name}_token") or f"[{name.upper()}]" for name in ("unk", "sep", "cls")
        }
        if missing := [mark for mark in marks.values() if mark not in ids]:
            raise ValueError(f"expected {', '.join(missing)} in the vocabulary, got no such piece")
        for name in SWITCHES:
            if not isinstance(settings.get(name), bool | None):
                raise ValueError(f"{name}: expected true or false, got {settings[name]!r}")
    made = package.Tokenizer(package.models.WordPiece(ids, unk_token=marks["unk"]))
    made.normalizer = package.normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    made.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
    made.decoder = package.decoders.WordPiece()
    cls, sep = marks["cls"], marks["sep"]
    made.post_processor = package.processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(cls, ids[cls]), (sep, ids[sep])],
    )
    names = [
        token_of(settings, name) or mark for name, mark in (("pad_token", "[PAD]"), ("mask_token", "[MASK]"))
    ]
    return _text(made, [mark for mark in (*marks.values(), *names) if mark in ids], folder, settings)


def byte_pairs(folder: Path, model_type: str, settings: Mapping[str, Any]) -> str:
    """The tokenizer of GPT-2, RoBERTa or Qwen, from `vocab.json`, piece -> id, and `merges.txt`, a pair of pieces a line.

    Args:
        folder: the folder.
        model_type: the family.
        settings: the content of `tokenizer_config.json`.

    Returns:
        The text of a `tokenizer.json`.

    Raises:
        FileError: if a file is missing or damaged, or the family does not merge bytes.
    """
    path = folder / "vocab.json"
    if model_type not in ("gpt2", "roberta", "qwen2", "qwen3"):
        raise FileError(f"{path}: expected the vocabulary of gpt2, roberta or qwen, got that of {model_type}")
    package = tokenizers()
    with blaming(path):
        ids = parse_json(read_text(path))
        merges = _merges(folder / "merges.txt")
        check_merges(ids, merges)
    made = package.Tokenizer(package.models.BPE(ids, merges))
    before = bool(settings.get("add_prefix_space", False))
    as_bytes = package.pre_tokenizers.ByteLevel(
        add_prefix_space=before, use_regex=not model_type.startswith("qwen")
    )
    made.pre_tokenizer = as_bytes
    made.decoder = package.decoders.ByteLevel()
    if model_type.startswith("qwen"):
        cut = package.pre_tokenizers.Split(package.Regex(QWEN), "isolated")
        made.normalizer = package.normalizers.NFC()
        made.pre_tokenizer = package.pre_tokenizers.Sequence([cut, as_bytes])
    marks = ["<|endoftext|>"]
    if model_type == "roberta":
        begin, end = token_of(settings, "cls_token") or "<s>", token_of(settings, "sep_token") or "</s>"
        marks = [begin, "<pad>", end, "<unk>", "<mask>"]
        made.post_processor = package.processors.RobertaProcessing(
            (end, ids[end]), (begin, ids[begin]), add_prefix_space=before
        )
    return _text(made, [mark for mark in marks if mark in ids], folder, settings)


def _merges(path: Path) -> list[tuple[str, str]]:
    """Pairs of pieces, in the order in which they are joined."""
    lines = [line for line in read_text(path).split("\n") if line and not line.startswith("#version")]
    pairs = [tuple(line.split(" ")) for line in lines]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise ValueError(f"merges.txt: expected two pieces a line, got {wrong[0]}")
    return [(left, right) for left, right in pairs]


def _text(made: Any, marks: list[str], folder: Path, settings: Mapping[str, Any]) -> str:
    """The text of a `tokenizer.json`, with marks that no text is cut into, and with what the folder adds to the vocabulary."""
    told = dict(_added(folder, settings))
    for mark in marks:
        told.setdefault(mark, (None, {}))
    package = tokenizers()
    with blaming(folder / SETTINGS):
        for content, (i, flags) in told.items():
            token = package.AddedToken(content, **{"normalized": False, "special": True, **flags})
            (made.add_special_tokens if token.special else made.add_tokens)([token])
            if i not in (None, made.token_to_id(content)):
                raise ValueError(
                    f"{content!r}: expected the next id, {made.token_to_id(content)}, for what is added to the vocabulary, got {i}"
                )
    source: str = made.to_str()
    return source


def _added(
    folder: Path, settings: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[int | None, dict[str, bool]]]]:
    """The pieces that a folder adds, each with its id, if that is said, and its flags: those with the lowest ids first."""
    with blaming(folder / ADDED):
        older = parse_json(read_text(folder / ADDED)) if (folder / ADDED).is_file() else {}
        for content, i in sorted(_pairs(older, int), key=lambda pair: pair[1]):
            yield content, (i, {"special": False, "normalized": True})
    with blaming(folder / SETTINGS):
        for i, entry in sorted(
            _pairs(settings.get("added_tokens_decoder") or {}, dict), key=lambda pair: int(pair[0])
        ):
            flags = {name: entry[name] for name in (*FLAGS, "special") if isinstance(entry.get(name), bool)}
            yield token_of({i: entry}, i) or "", (int(i), {"special": False, **flags})
        for name in ("additional_special_tokens", "extra_special_tokens"):
            listed = settings.get(name) or []
            for entry in listed.values() if isinstance(listed, dict) else listed:
                if mark := token_of({name: entry}, name):
                    yield mark, (None, {})


def _pairs(told: Any, kind: type) -> list[tuple[str, Any]]:
    """The entries of names and values. Raises ValueError if it is something else."""
    if not isinstance(told, dict) or not all(isinstance(value, kind) for value in told.values()):
        raise ValueError(f"expected tokens and their ids, got {one_line(repr(told))}")
    return list(told.items())
