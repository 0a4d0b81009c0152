"""A BERT's `vocab.txt` with every option of its tokenizer, beside transformers' BertTokenizer, on random texts of Unicode."""

import itertools
import json
import random

import pytest

from minitransformer.files import FileError
from minitransformer.tokenization.folder import read_tokenizer

transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")
pytestmark = pytest.mark.slow

LETTERS = "abcdefghijklmnopqrstuvwxyzéüßABCÀ0123456789.,!?-'[](){}<>_$€中国日本語русскийİıǅΑΣς①½ﬁ"
USUAL = {name: f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
RENAMED = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
WORDS = "the film was good bad un ##able über uber naive naïve hello Hello 中 国 the##".split()
PARTS = [
    *LETTERS,
    *(" \n\t\u00a0\u200b\u00ad\ufeff\u0301\u0308\x00\ufffdñ😀ﷺ가𠀀Ａﾊ\u3000ǆẞ\u202e"),
    "  ",
    "e\u0301",
]
PARTS += [
    "[MASK]",
    "[SEP]",
    " [UNK] ",
    "<mask>",
    "</s>",
    "the",
    "film",
    "[mask]",
    "<ent>",
    "New Word",
    "new word",
]
DRAWN = random.Random(0)
TEXTS = ["".join(DRAWN.choices(PARTS, k=DRAWN.randint(0, 25))) for _ in range(200)]
TEXTS += [
    "",
    " ",
    "the [MASK] film",
    "The[MASK]film.",
    "x" * 120,
    "un" * 60,
    "a <ent> b",
    "New Word the new word",
]


def vocabulary(special):
    every = [*special.values(), *WORDS, *LETTERS, *("##" + letter for letter in LETTERS)]
    return list(dict.fromkeys(every))


def both(folder, pieces, settings, files=None):
    """Their tokenizer and ours of a folder with these pieces."""
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    told = {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", **settings}, **(files or {})}
    for name, content in {"config.json": {"model_type": "bert"}, **told}.items():
        (folder / name).write_text(json.dumps(content))
    return transformers.BertTokenizer.from_pretrained(str(folder)), read_tokenizer(folder, "bert")


def check_equal(theirs, ours):
    for text in TEXTS:
        ids = theirs(text)["input_ids"]
        assert ours.encode(text) == ids, text
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text
    assert (ours.pad_id, ours.unk_id) == (theirs.pad_token_id, theirs.unk_token_id)


SWITCHES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


@pytest.mark.parametrize("special", [USUAL, RENAMED], ids=["usual", "renamed"])
@pytest.mark.parametrize("values", [*itertools.product((None, True, False), repeat=3)])
def test_every_switch(values, special, tmp_path):
    settings = {name: value for name, value in zip(SWITCHES, values, strict=True) if value is not None}
    if special is RENAMED:
        settings |= {f"{name}_token": mark for name, mark in special.items()}
    check_equal(*both(tmp_path, vocabulary(special), settings))


LAST = len(vocabulary(USUAL))
PLAIN = dict.fromkeys(("lstrip", "rstrip", "normalized", "single_word"), False)
DECODER = {str(i): {"content": mark, **PLAIN, "special": True} for i, mark in enumerate(USUAL.values())}
DECODER["4"]["lstrip"] = True
DECODER[str(LAST)] = {"content": "<ent>", **PLAIN, "special": True}
DECODER[str(LAST + 1)] = {"content": "New Word", **PLAIN, "normalized": True, "special": False}
MAP = {f"{name}_token": mark for name, mark in RENAMED.items()}
FORMS = {
    "special tokens in a file of their own": (vocabulary(RENAMED), {}, {"special_tokens_map.json": MAP}),
    "with their flags": (
        vocabulary(RENAMED),
        {name: {"__type": "AddedToken", "content": mark, **PLAIN} for name, mark in MAP.items()},
        {},
    ),
    "added, in a file of their own": (
        vocabulary(USUAL),
        {},
        {"added_tokens.json": {"New Word": LAST + 1, "<ent>": LAST}},
    ),
    "added": (vocabulary(USUAL), {"added_tokens_decoder": DECODER}, {}),
    "more special tokens": (vocabulary(USUAL), {"additional_special_tokens": ["film", "<ent>"]}, {}),
    "never split, which the fast tokenizer passes over": (vocabulary(USUAL), {"never_split": ["New"]}, {}),
    "an empty line": ([*vocabulary(USUAL), "", "xyz"], {}, {}),
}


@pytest.mark.parametrize("pieces, settings, files", FORMS.values(), ids=FORMS)
def test_every_form_of_special_and_added_tokens(pieces, settings, files, tmp_path):
    check_equal(*both(tmp_path, pieces, settings, files))


@pytest.mark.parametrize(
    "settings, files, complaint",
    [
        ({"do_lower_case": "false"}, {}, "do_lower_case: expected true or false, got 'false'"),
        ({"added_tokens_decoder": {"900": {"content": "<ent>"}}}, {}, f"expected the next id, {LAST}"),
        ({"added_tokens_decoder": {"x": {"content": "<ent>"}}}, {}, "invalid literal"),
        ({"added_tokens_decoder": ["<ent>"]}, {}, "expected tokens and their ids"),
        ({}, {"added_tokens.json": {"<ent>": "last"}}, "expected tokens and their ids"),
        ({}, {"special_tokens_map.json": []}, "expected names and values, got list"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, files, complaint, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary(USUAL)) + "\n", encoding="utf-8")
    for name, content in {"tokenizer_config.json": settings, **files}.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(FileError, match=complaint):
        read_tokenizer(tmp_path, "bert")
