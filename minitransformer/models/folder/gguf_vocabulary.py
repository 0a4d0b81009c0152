"""The vocabulary of a GGUF file as a tokenizer: pairs of bytes, or the pieces of sentencepiece with their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.files import AGAIN, FileError, one_line, parsing
from minitransformer.models.folder.gguf_file import GGUFFile
from minitransformer.models.folder.gguf_names import gguf
from minitransformer.tokenization.folder import with_marks
from minitransformer.tokenization.published import PublishedTokenizer, tokenizers
from minitransformer.tokenization.published_json import check_merges
from minitransformer.tokenization.sentence_piece import SPACE, decoder, joined
from minitransformer.tokenization.tokenizer import different
from minitransformer.tokenization.vocabulary_files import QWEN

LLAMA3 = QWEN.replace(
    r"\p{N}|", r"\p{N}{1,3}|", 1
)  # where Llama 3 cuts a text: as Qwen, but for digits three by three
CUTS = {"gpt-2": None, "default": None, "smollm": None, "qwen2": QWEN, "llama-bpe": LLAMA3, "llama3": LLAMA3}


def read_vocabulary(file: GGUFFile) -> PublishedTokenizer:
    """The tokenizer of a GGUF file.

    Args:
        file: the file.

    Returns:
        The tokenizer, with its chat template if the file has one.

    Raises:
        FileError: if the vocabulary is damaged, or of a form that is not read here.
        ImportError: if the `tokenizers` package is missing; the message names the extra that brings it.
    """
    form = file.said("tokenizer.ggml.model")
    build: dict[Any, Callable[[GGUFFile, dict[str, int]], Any]] = {"gpt2": _byte_pairs, "llama": _pieces}
    if form not in list(build):
        raise FileError(
            f"{file.path}: tokenizer.ggml.model: {one_line(repr(form))} is not read here, only {', '.join(build)}"
        )
    with parsing(file.path, "vocabulary", AGAIN):
        pieces = different(file.said("tokenizer.ggml.tokens"), "tokens")
        ids = {piece: i for i, piece in enumerate(pieces)}
        made = build[form](file, ids)
        made.add_special_tokens(
            [tokenizers().AddedToken(mark, normalized=False) for mark in _marks(file, pieces)]
        )
        settings = _settings(file, pieces)
        source = with_marks(made.to_str(), settings)
    return PublishedTokenizer(source, file.path, settings=settings)


def _marks(file: GGUFFile, pieces: Sequence[str]) -> list[str]:
    kinds = file.said("tokenizer.ggml.token_type")
    return [piece for piece, kind in zip(pieces, kinds, strict=True) if kind == gguf().TokenType.CONTROL]


def _settings(file: GGUFFile, pieces: Sequence[str]) -> dict[str, Any]:
    """What a `tokenizer_config.json` would say."""
    begins = file.said("tokenizer.ggml.add_bos_token")
    told: dict[str, Any] = {
        "add_bos_token": file.said("tokenizer.ggml.model") == "llama" if begins is None else bool(begins),
        "add_eos_token": bool(file.said("tokenizer.ggml.add_eos_token")),
    }
    for ours, theirs in {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}.items():
        i = file.said(f"tokenizer.ggml.{theirs}_token_id")
        if i is not None:
            told[f"{ours}_token"] = pieces[i]
    template = file.said("tokenizer.chat_template")
    return told if template is None else {**told, "chat_template": template}


def _byte_pairs(file: GGUFFile, ids: dict[str, int]) -> Any:
    package, before = tokenizers(), file.said("tokenizer.ggml.pre") or "default"
    if before not in CUTS:
        raise ValueError(f"tokenizer.ggml.pre: {before!r} is not read here, only {', '.join(CUTS)}")
    merges = [tuple(merge.split(" ")) for merge in file.said("tokenizer.ggml.merges")]
    check_merges(ids, merges)
    made = package.Tokenizer(package.models.BPE(ids, merges, ignore_merges=before in ("llama-bpe", "llama3")))
    cut = CUTS[before]
    as_bytes = package.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=cut is None)
    first = [] if cut is None else [package.pre_tokenizers.Split(package.Regex(cut), "isolated")]
    digits = [package.pre_tokenizers.Digits(True)] if before == "smollm" else []
    made.pre_tokenizer = package.pre_tokenizers.Sequence([*first, *digits, as_bytes])
    made.decoder = package.decoders.ByteLevel()
    return made


def _pieces(file: GGUFFile, ids: dict[str, int]) -> Any:
    """Pieces that are joined in the order of their scores; a letter that is no piece becomes its bytes."""
    package = tokenizers()
    scores = dict(zip(ids, file.said("tokenizer.ggml.scores"), strict=True))
    unknown = list(ids)[file.said("tokenizer.ggml.unknown_token_id") or 0]
    made = package.Tokenizer(
        package.models.BPE(ids, joined(ids, scores), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    )
    made.normalizer = package.normalizers.Sequence(
        [package.normalizers.Prepend(SPACE), package.normalizers.Replace(" ", SPACE)]
    )
    made.decoder = decoder()
    return made
