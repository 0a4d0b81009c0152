"""Vocabularies of sentencepiece: the ids are sentencepiece's own, on random texts, and a damaged file is refused."""

import io
import json
import random

import pytest

from minitransformer.files import FileError
from minitransformer.tokenization.folder import read_tokenizer
from minitransformer.tokenization.published import PublishedTokenizer
from minitransformer.tokenization.sentence_piece import described, read_model

spm = pytest.importorskip("sentencepiece", reason="sentencepiece writes the files, and judges")
pytest.importorskip("tokenizers")

CORPUS = [
    "The cat sat on the mat, and the dog's bone was 12.5 cm long.",
    "Ein Haus am Meer; naïve café, 東京 日本語 한국어",
    "the cat  and   the dog (a sign & x=y)",
] * 9
STRANGE = (
    "a", "Z", "é", "e\u0301", "ß", "İ", "ǅ", "ﬁ", "東", "한", "ا", "🙂", "\u00a0", "\u3000", "\t", "\n", "\r\n", "  ", " ", "the",
    "cat", "house", ".", "?!", "C++", "x=y", "𝔘", "ﷺ", "'s", "…", "½", "٣", "123", "▁", "\ufeff", "\u202e",
)  # fmt: skip
LLAMA = {
    "model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
}  # fmt: skip
T5 = {"model_type": "unigram", "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
FORMS = {
    "t5": T5,
    "llama": LLAMA,
    "unigrams with bytes": {"model_type": "unigram", "byte_fallback": True},
    "unigrams as they are": LLAMA | {"model_type": "unigram"},
    "pairs without bytes": {"model_type": "bpe"},
    "no space before a text": {"model_type": "bpe", "add_dummy_prefix": False, "byte_fallback": True},
}


def texts():
    draw = random.Random(0)
    return ["", " ", "  ", "x" * 120, " the cat ", "\u0301", "the " * 50] + [
        "".join(draw.choices(STRANGE, k=draw.randint(1, 12))) for _ in range(200)
    ]


def trained(options):
    """The bytes of a file, and sentencepiece's own reader of it."""
    file = io.BytesIO()
    size = 420 if options.get("byte_fallback") else 120
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=file, vocab_size=size, hard_vocab_limit=False, minloglevel=2, **options
    )  # fmt: skip
    return file.getvalue(), spm.SentencePieceProcessor(model_proto=file.getvalue())


@pytest.mark.parametrize("form", FORMS)
def test_ids_and_texts_are_sentencepiece_s(form, tmp_path):
    content, theirs = trained(FORMS[form])
    (tmp_path / "spiece.model").write_bytes(content)
    model = read_model(tmp_path / "spiece.model")
    assert model.pieces == tuple(map(theirs.id_to_piece, range(theirs.get_piece_size())))
    ours = PublishedTokenizer(described(model, {}))
    for text in texts():
        ids = theirs.encode(text)
        assert ours.encode(text) == ids, text
        if theirs.unk_id() not in ids:
            assert ours.decode(ids) == theirs.decode(ids), text


def folder_of(tmp_path, options, name, **settings):
    content, theirs = trained(options)
    (tmp_path / name).write_bytes(content)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    return theirs


def test_a_t5_ends_its_texts_and_has_names_for_gaps(tmp_path):
    theirs = folder_of(tmp_path, T5, "spiece.model")
    ours = read_tokenizer(tmp_path, "t5")
    n = theirs.get_piece_size()
    assert ours.encode("the cat") == [*theirs.encode("the cat"), 1] and (ours.end_id, ours.pad_id) == (1, 0)
    assert (ours.id_of("<extra_id_0>"), ours.id_of("<extra_id_99>"), ours.vocab_size) == (n + 99, n, n + 100)
    assert ours.encode("the <extra_id_0>", marks=False)[-1] == n + 99
    again = tmp_path / "again"
    again.mkdir()
    for name, content in ours.files.items():
        (again / name).write_bytes(content)
    assert (again / "spiece.model").read_bytes() == (tmp_path / "spiece.model").read_bytes()
    assert read_tokenizer(again, "t5").encode("the cat") == ours.encode("the cat")


def test_a_llama_begins_its_texts_and_may_have_more_tokens(tmp_path):
    n = trained(LLAMA)[1].get_piece_size()
    more = {str(n): {"content": "<pad>", "special": True}, "1": {"content": "<s>", "special": True}}
    theirs = folder_of(tmp_path, LLAMA, "tokenizer.model", added_tokens_decoder=more, pad_token="<pad>")
    ours = read_tokenizer(tmp_path, "llama")
    assert ours.encode("the cat") == [1, *theirs.encode("the cat")] and ours.pad_id == n
    assert ours.decode(ours.encode("the  cat 🙂")) == "the  cat 🙂"
    folder_of(tmp_path, LLAMA, "tokenizer.model", add_bos_token=False, add_eos_token=True)
    assert read_tokenizer(tmp_path, "llama").encode("the cat") == [*theirs.encode("the cat"), 2]
    folder_of(tmp_path, LLAMA, "tokenizer.model", added_tokens_decoder={str(n + 5): {"content": "<pad>"}})
    with pytest.raises(FileError, match="added_tokens_decoder: expected ids from"):
        read_tokenizer(tmp_path, "llama")


REFUSED = {
    "user-defined and unused ones are not read here, got '<mine>'": LLAMA
    | {"user_defined_symbols": ["<mine>"]},
    "model_type: expected 1": {"model_type": "char"},
    "treat_whitespace_as_suffix: not read here": T5 | {"treat_whitespace_as_suffix": True},
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_is_not_done_is_refused_by_name(told, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(trained(REFUSED[told])[0])
    with pytest.raises(FileError, match=f"tokenizer.model: .*{told}"):
        read_model(tmp_path / "tokenizer.model")


def test_a_damaged_file_is_refused_or_read(tmp_path):
    content, _ = trained(T5)
    draw = random.Random(0)
    path = tmp_path / "spiece.model"
    for i in range(150):
        broken = bytearray(content[: draw.randrange(len(content))] if i % 2 else content)
        for _ in range(3):
            broken[draw.randrange(len(broken)) if broken else 0 : 0] = bytes([draw.randrange(256)])
        path.write_bytes(broken)
        try:
            read_tokenizer(tmp_path, "t5")
        except FileError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_not_a_model_at_all(tmp_path):
    for content in (b"", b"IQ== 0\nIg== 1\n", b"\x0a\xff"):  # the second is a vocabulary of byte ranks
        (tmp_path / "tokenizer.model").write_bytes(content)
        with pytest.raises(FileError, match="no intact sentencepiece model"):
            read_tokenizer(tmp_path, "llama")
