"""Characters, words and byte pairs: nothing is lost, nothing depends on chance, and every mistake is named."""

import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer import tokenization
from minitransformer.data.corpus import python_topics
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordTokenizer
from minitransformer.tokenization.byte_pair import FIRST_MERGE, WORD, Corpus, byte_ids, merge
from minitransformer.tokenization.marks import find_words

quick = settings(max_examples=60, deadline=None)
SAMPLE = "The soup wasn't good. The service was not good, the waiter was; 中文也不好 🙂 naïve\n\n\tEnd.  "
ALL = [CharTokenizer.train(SAMPLE), BPETokenizer.train(SAMPLE, 280), WordTokenizer.train(SAMPLE)]
each = pytest.mark.parametrize("tokenizer", ALL, ids=lambda tokenizer: tokenizer.kind)
each_class = pytest.mark.parametrize("cls", [type(tokenizer) for tokenizer in ALL])
# all of Unicode but half surrogate pairs
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
texts = any_text | st.text(" \n\t'.aAé中🙂\0\u0301", max_size=40)

# ---- what all three have in common ----


@each
@quick
@given(text=texts)
def test_one_piece_for_each_id_within_the_vocabulary(tokenizer, text):
    ids = tokenizer.encode(text)
    assert len(tokenizer.tokens(text)) == len(ids)
    assert all(type(i) is int and 0 < i < tokenizer.vocab_size for i in ids)  # a text never contains padding


@each
def test_padding_decodes_to_nothing_and_unknown_to_the_replacement_character(tokenizer):
    assert (tokenizer.pad_id, tokenizer.unk_id) == (0, 1)
    assert tokenizer.decode([0, 1, 0]) == "\ufffd"
    assert tokenizer.encode("") == tokenizer.tokens("") == []
    assert tokenizer.decode([]) == ""


@each
def test_every_id_stands_for_something(tokenizer):
    assert len(tokenizer.vocabulary) == tokenizer.vocab_size == len(set(tokenizer.vocabulary))
    assert all(isinstance(tokenizer.decode([i]), str) for i in range(tokenizer.vocab_size))


@each
def test_a_checkpoint_gives_the_same_tokenizer_back(tokenizer):
    stored = tokenizer.to_dict()
    assert json.loads(json.dumps(stored)) == stored
    restored = tokenization.from_dict(json.loads(json.dumps(stored)))
    assert type(restored) is type(tokenizer)
    assert restored == tokenizer == type(tokenizer).from_dict(stored)
    assert (restored.vocabulary, restored.encode(SAMPLE)) == (tokenizer.vocabulary, tokenizer.encode(SAMPLE))


@each
def test_what_it_read_before_makes_no_difference(tokenizer):
    fresh = tokenization.from_dict(tokenizer.to_dict())
    tokenizer.encode("something else entirely, and the soup")
    assert fresh.encode(SAMPLE) == tokenizer.encode(SAMPLE) == tokenizer.encode(SAMPLE)
    assert fresh == tokenizer


@each
def test_ids_may_be_of_any_integer_type(tokenizer):
    ids = tokenizer.encode(SAMPLE)
    assert tokenizer.decode(np.array(ids)) == tokenizer.decode(iter(ids)) == tokenizer.decode(ids)


@each
def test_it_shows_its_size_and_not_its_contents(tokenizer):
    assert repr(tokenizer) == f"{type(tokenizer).__name__}(vocab_size={tokenizer.vocab_size})"


@each_class
def test_texts_may_come_as_any_iterable(cls):
    words = ["good soup", "good service", "good"]
    assert cls.train(words) == cls.train(iter(words))
    assert cls.train(["good soup"]) == cls.train("good soup") != cls.train(words)


def test_a_word_never_spans_two_texts():
    assert BPETokenizer.train(["ab", "ab", "ab"]).vocabulary[258:] == [b"ab"]
    assert WordTokenizer.train(["ab", "cd"]).words == ("ab", "cd")


# ---- mistakes ----


@each
@pytest.mark.parametrize("wrong", [b"soup", None, 3, ["soup"]])
def test_text_must_be_str(tokenizer, wrong):
    for method in tokenizer.encode, tokenizer.tokens:
        with pytest.raises(
            TypeError, match=f"expected a str, got {type(wrong).__name__}; pass one text at a time"
        ):
            method(wrong)


@each
def test_an_id_out_of_range_is_named_with_the_size(tokenizer):
    size = tokenizer.vocab_size
    for wrong in -1, size, 10**9:
        with pytest.raises(IndexError, match=rf"from 0 to {size - 1} \(vocab_size - 1\), got {wrong}$"):
            tokenizer.decode([2, wrong])


@each
@pytest.mark.parametrize("wrong", [[1.0], ["1"], [[1, 2]], np.array([[1, 2]])])
def test_ids_must_be_integers(tokenizer, wrong):
    with pytest.raises(TypeError, match="integer"):
        tokenizer.decode(wrong)


@each_class
@pytest.mark.parametrize("nothing", ["", [], ["", ""]])
def test_nothing_to_learn_from(cls, nothing):
    with pytest.raises(ValueError, match="train: expected at least one character"):
        cls.train(nothing)


@each_class
@pytest.mark.parametrize("wrong", [b"soup", [b"soup"], ["soup", None]])
def test_training_text_must_be_str(cls, wrong):
    with pytest.raises(TypeError, match="expected a str, got (bytes|int|NoneType)"):
        cls.train(wrong)


@pytest.mark.parametrize("d", [{}, {"kind": "sentence"}])
def test_an_unknown_kind_is_named_beside_the_known_ones(d):
    with pytest.raises(
        ValueError, match=f"among character, byte-pair, word, word-piece, published, got {d.get('kind')!r}"
    ):
        tokenization.from_dict(d)


# ---- characters ----


@quick
@given(st.text(min_size=1, max_size=40))
def test_characters_of_the_training_text_come_back(text):
    tokenizer = CharTokenizer.train(text)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text == "".join(tokenizer.tokens(text))
    assert tokenizer.vocab_size == 2 + len(set(text))
    assert min(ids) >= 2


def test_characters_are_numbered_by_code_point():
    tokenizer = CharTokenizer.train(["banana", "é!"])
    assert tokenizer.characters == "!abné"
    assert tokenizer.encode("nab?") == [5, 3, 4, 1]
    assert tokenizer.decode([5, 3, 4, 1]) == "nab\ufffd"


def test_a_replacement_character_in_the_training_text_is_a_character_like_any_other():
    tokenizer = CharTokenizer.train("a\ufffd")
    assert tokenizer.encode("\ufffdz") == [3, 1]


# ---- byte pairs ----


@quick
@given(texts)
def test_byte_pairs_lose_nothing(text):
    for tokenizer in ALL[1], BPETokenizer.train(SAMPLE, FIRST_MERGE):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert 1 not in tokenizer.encode(text)


@quick
@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_the_pieces_of_plain_text_are_the_text(text):
    assert "".join(ALL[1].tokens(text)) == text


@quick
@given(texts)
def test_words_are_the_text(text):
    assert "".join(find_words(WORD, text)) == text


def test_words_take_the_space_before_them():
    assert WORD.findall("a  cat:\n    sat, 42\n") == [
        "a",
        " ",
        " cat",
        ":",
        "\n   ",
        " sat",
        ",",
        " 42",
        "\n",
    ]


def test_a_piece_within_a_character_is_shown_as_a_replacement_character():
    tokenizer = BPETokenizer.train("abc", FIRST_MERGE)
    assert tokenizer.tokens("é🙂") == ["\ufffd"] * 6
    assert tokenizer.decode(tokenizer.encode("🙂")[:3]) == "\ufffd"


def test_the_first_merges_by_hand():
    tokenizer = BPETokenizer.train("the other, the third, the last", 261)
    # t h stands in all but "last"; then (h, e) is gone from "the", and "th" "e" comes in four words
    assert tokenizer.vocabulary[258:] == [b"th", b"the", b" the"]
    assert tokenizer.tokens("the then") == ["the", " the", "n"]


def test_ties_go_to_the_smaller_ids():
    assert BPETokenizer.train("ba ba zz zz ab ab", 259).vocabulary[258] == b" a"
    assert BPETokenizer.train("dc\nba\ndc\nba", 259).vocabulary[258] == b"ba"


def test_three_of_a_kind_merge_from_the_left():
    assert merge((7, 7, 7), (7, 7), 9) == (9, 7)
    assert merge((7, 7, 8, 7, 8), (7, 8), 9) == (7, 9, 9)
    assert merge((), (7, 7), 9) == ()


def naive_merges(text: str, number: int) -> list[tuple[int, int]]:
    """Byte pair encoding as one would first write it: all words one by one, all pairs counted again for each merge."""
    words, merges = [list(byte_ids(word)) for word in find_words(WORD, text)], []
    while len(merges) < number:
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair, count = min(counts.items(), key=lambda item: (-item[1], item[0]), default=(None, 0))
        if count < 2:
            break
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == pair:
                    word[i : i + 2] = [FIRST_MERGE + len(merges)]
                i += 1
        merges.append(pair)
    return merges


corpora = (
    st.text("ab ", min_size=1, max_size=80)
    | st.text("abc \n.é", min_size=1, max_size=120)
    | texts.filter(len)
)


@settings(max_examples=150, deadline=None)
@given(corpora, st.integers(0, 25))
def test_training_agrees_with_counting_everything_anew(text, number):
    assert list(BPETokenizer.train(text, FIRST_MERGE + number).merges) == naive_merges(text, number)


@settings(max_examples=100, deadline=None)
@given(corpora, corpora)
def test_encoding_repeats_the_merges_in_their_order(training, text):
    tokenizer = BPETokenizer.train(training, FIRST_MERGE + 25)
    expected = []
    for word in find_words(WORD, text):
        ids = byte_ids(word)
        for n, pair in enumerate(tokenizer.merges):
            ids = merge(ids, pair, FIRST_MERGE + n)
        expected += ids
    assert tokenizer.encode(text) == expected


@quick
@given(corpora, st.integers(1, 20))
def test_the_counts_stay_true_through_every_merge(text, number):
    corpus = Corpus(Counter(find_words(WORD, text)), byte_ids)
    for new in range(FIRST_MERGE, FIRST_MERGE + number):
        if (pair := corpus.best_pair()) is None:
            break
        corpus.merge(pair, new)
        counts, places = Counter(), {}
        for w, (word, frequency) in enumerate(zip(corpus.words, corpus.frequency, strict=True)):
            for neighbours in pairwise(word):
                counts[neighbours] += frequency
                places.setdefault(neighbours, set()).add(w)
        assert dict(corpus.counts) == dict(counts)
        assert {neighbours: words for neighbours, words in corpus.places.items() if words} == places


def test_training_stops_when_no_pair_occurs_twice():
    tokenizer = BPETokenizer.train("abcd abcd", 1000)
    assert tokenizer.vocab_size == 261  # ab, abc, abcd; the space before the second occurs once
    assert BPETokenizer.train("a", 1000).vocab_size == FIRST_MERGE


@pytest.mark.parametrize("size", [0, 256, 257])
def test_the_bytes_must_fit(size):
    with pytest.raises(ValueError, match=rf"expected at least 258 \(256 bytes, pad, unknown\), got {size}"):
        BPETokenizer.train("abc", size)


def test_what_is_remembered_of_words_has_a_bound():
    tokenizer = BPETokenizer.train("the other, the third, the last", vocab_size=260)
    texts = [" ".join(f"u{i}x{j}" for j in range(6000)) for i in range(3)]
    first = [tokenizer.encode(text) for text in texts]
    assert len(tokenizer._cache) <= 10_000
    assert [tokenizer.encode(text) for text in texts] == first
    tokenizer.encode("x" * 10**5)
    assert max(map(len, tokenizer._cache)) <= 100


def test_half_a_surrogate_pair_has_no_bytes():
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        ALL[1].encode("\ud83d")


def test_english_prose_shrinks_to_less_than_half():
    text = python_topics()
    tokenizer = BPETokenizer.train(text, 768)
    ids = tokenizer.encode(text)
    assert tokenizer.vocab_size == 768
    assert tokenizer.decode(ids) == text
    assert len(text) / len(ids) > 2.4  # 2.60 with Python 3.11
    assert {b" the", b" expression", b"ing"} <= set(tokenizer.vocabulary)


# ---- words ----


@quick
@given(texts)
def test_pieces_of_words_are_the_text_and_each_has_one_word(text):
    pieces = ALL[2].tokens(text)
    assert "".join(pieces) == text
    assert all(len(piece.split()) == 1 for piece in pieces) or not text.strip()


def test_space_goes_with_what_follows_and_at_the_end_with_what_precedes():
    pieces = ALL[2].tokens("  Well,\n isn't it (really) 'so'?! \n")
    assert pieces == ["  Well", ",", "\n isn't", " it", " (", "really", ")", " '", "so", "'", "?", "! \n"]
    assert ALL[2].tokens(" \n") == [" \n"]
    assert ALL[2].encode(" \n") == [1]


def test_frequent_words_come_first_and_ties_go_by_the_alphabet():
    tokenizer = WordTokenizer.train(["Good soup.", "good! bad soup"])
    assert tokenizer.words == ("good", "soup", "!", ".", "bad")
    assert tokenizer.encode("BAD Soup? ") == [6, 3, 1]
    assert tokenizer.decode([6, 3, 1, 2, 0, 0]) == "bad soup \ufffd good"


def test_the_vocabulary_is_limited_by_size_and_frequency():
    text = "a a a b b c d d"
    assert WordTokenizer.train(text, vocab_size=4).words == ("a", "b")
    assert WordTokenizer.train(text, vocab_size=4).vocab_size == 4
    assert WordTokenizer.train(text, min_frequency=2).words == ("a", "b", "d")
    assert WordTokenizer.train(text, vocab_size=3, min_frequency=3).words == ("a",)


def test_punctuation_closes_up_to_the_word_before():
    tokenizer = WordTokenizer.train(SAMPLE)
    assert tokenizer.decode(tokenizer.encode("THE soup  wasn't good; the waiter was, END.")) == (
        "the soup wasn't good; the waiter was, end."
    )


@quick
@given(st.lists(st.integers(1, 12), max_size=20))
def test_decoded_words_encode_to_the_same_ids(ids):
    tokenizer = WordTokenizer.train("it's a (very) good, good soup! isn't it? b")
    assert tokenizer.vocab_size > 12
    assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_the_names_of_special_ids_are_ordinary_text():
    tokenizer = WordTokenizer.train("<pad> <unk>")
    assert min(tokenizer.encode("<pad> <unk>")) >= 2


@pytest.mark.parametrize("size", [-1, 0, 2])
def test_a_word_must_fit(size):
    with pytest.raises(ValueError, match=f"expected 3 or more .*got {size}"):
        WordTokenizer.train("good soup", vocab_size=size)


@pytest.mark.parametrize("text, least", [(" \n", 1), ("good soup", 2)])
def test_no_word_is_frequent_enough(text, least):
    with pytest.raises(ValueError, match=re.escape(f"occur {least} times (min_frequency) or more, got none")):
        WordTokenizer.train(text, min_frequency=least)
