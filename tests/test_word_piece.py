"""WordPiece by hand, and our WordPiece and byte pairs against the `tokenizers` package."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer import assets
from minitransformer.data.corpus import python_topics
from minitransformer.data.reviews import load_reviews
from minitransformer.tokenization import BPETokenizer, PublishedTokenizer, WordPieceTokenizer, from_dict
from minitransformer.tokenization.byte_pair import WORD
from minitransformer.tokenization.marks import find_words
from minitransformer.tokenization.word_piece import MARKS, normalised, split

PIECES = (*MARKS, "un", "##aff", "##able", "want", "##ed", "##want", "!", "日", "a", "##a")
BY_HAND = WordPieceTokenizer(PIECES)
TEXTS = [review.text for review in load_reviews()]


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("UNwanted!", ["un", "##want", "##ed", "!"]),
        ("wanting", ["[UNK]"]),  # no piece goes on with "ing", so none of the word is known
        ("a日a", ["a", "日", "a"]),
        ("A\u0301\u200b\ufffda", ["a", "##a"]),  # the accent, the invisible and the unreadable are gone
        ("a" * 100, ["a"] + ["##a"] * 99),
        ("a" * 101, ["[UNK]"]),
        (" \t\n", []),
    ],
)
def test_by_hand(text, pieces):
    assert BY_HAND.tokens(text) == pieces


def test_decoding():
    assert BY_HAND.decode([0, *BY_HAND.encode("unwanted a!"), 0]) == "unwanted a !"


def test_normalised_and_split():
    assert normalised("Ça\x00 ΣΑΣ\u00a0Ö") == "ca σασ o"
    assert list(split("it's a (test), $5")) == ["it", "'", "s", "a", "(", "test", ")", ",", "$", "5"]


def test_training_merges_the_most_frequent_pair():
    tokenizer = WordPieceTokenizer.train("ab ab ac abc", vocab_size=10)
    assert tokenizer.vocabulary == (*MARKS, "##b", "##c", "a", "ab")  # nothing else occurs twice
    with pytest.raises(ValueError, match="at least 8"):
        WordPieceTokenizer.train("ab ab ac abc", vocab_size=7)


def test_what_was_learned_comes_back():
    trained = WordPieceTokenizer.train(TEXTS, vocab_size=500)
    assert len(trained.vocabulary) == len(set(trained.vocabulary)) == 500 and (
        trained.pad_id,
        trained.unk_id,
    ) == (0, 1)
    assert from_dict(trained.to_dict()) == trained
    assert trained.unk_id not in [i for text in TEXTS for i in trained.encode(text)]


# ---- against the package ----


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def pair(package):
    """Ours and theirs of one trained vocabulary."""
    ours = WordPieceTokenizer.train([*TEXTS, "日本 中文 naïve ¡ ™ 😀"], vocab_size=800)
    theirs = package.Tokenizer(
        package.models.WordPiece({piece: i for i, piece in enumerate(ours.vocabulary)}, unk_token="[UNK]")
    )
    theirs.normalizer = package.normalizers.BertNormalizer()
    theirs.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
    return ours, theirs


def settled(c):
    """Whether Unicode 3.2, of 2002, had a character where it is today: the package's tables are of 2015, Python's are newer."""
    return unicodedata.category(c) == unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Cs")


SETTLED = [c for c in map(chr, range(0x30000)) if settled(c)]


def test_every_settled_character_is_read_as_the_package_reads_it(pair):
    ours, theirs = pair
    assert len(SETTLED) > 90_000
    for i in range(0, len(SETTLED), 1000):
        text = "".join(f"a{c}b {c} " for c in SETTLED[i : i + 1000])
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(max_codepoint=127), max_size=60)
    | st.text(st.sampled_from(SETTLED), max_size=60)
    | st.text(st.sampled_from("aAbé日\u0301 \t\n\x00\x1c\u200b\ufffdİΣ😀.,'#[]"), max_size=60)
)
def test_word_piece_equals_the_package(pair, text):
    ours, theirs = pair
    assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids


def test_word_piece_equals_the_package_on_the_corpus(pair):
    ours, theirs = pair
    for text in [*TEXTS, *python_topics().split("\n\n")]:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids


@pytest.mark.network
def test_minilm_reads_the_same_with_ours(package):
    folder = assets.fetch("minilm")
    ours = WordPieceTokenizer.from_file(folder / "vocab.txt")
    theirs = PublishedTokenizer.from_file(folder / "tokenizer.json")
    for text in [*TEXTS, *python_topics().split("\n\n"), "Ünïcödé 日本語 😀 \u200b naïve"]:
        assert ours.encode(text) == theirs.encode(text, marks=False)


@pytest.fixture(scope="module")
def byte_pairs(package):
    """Ours, and theirs with the same merges, for one word at a time."""
    ours = BPETokenizer.train(python_topics(), vocab_size=600)
    alphabet = {byte: theirs for byte, theirs in zip(ours.vocabulary[2:258], package_bytes(), strict=True)}
    spelled = ["".join(alphabet[bytes([b])] for b in piece) for piece in ours.vocabulary]
    merges = [(spelled[a], spelled[b]) for a, b in ours.merges]
    vocabulary = {piece: i for i, piece in enumerate(spelled) if i >= 2}
    theirs = package.Tokenizer(package.models.BPE(vocabulary, merges))
    theirs.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return ours, theirs


def package_bytes():
    """The letter with which the package writes each byte: itself if it can be seen, else one from 256 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    return [chr(b if b in seen else next(hidden)) for b in range(256)]


def same_words(byte_pairs, text):
    ours, theirs = byte_pairs
    assert ours.encode(text) == [i for word in find_words(WORD, text) for i in theirs.encode(word).ids]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_byte_pairs_equal_the_package(byte_pairs, text):
    same_words(byte_pairs, text)


def test_byte_pairs_equal_the_package_on_the_corpus(byte_pairs):
    same_words(byte_pairs, python_topics()[:100_000])
    for text in TEXTS:
        same_words(byte_pairs, text)
