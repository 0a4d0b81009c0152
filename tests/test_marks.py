"""Combining marks stay in their words when a text is cut into words, in every language that puts spaces between words."""

import importlib
import pkgutil
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer import data, explain, tokenization
from minitransformer.data.naive_bayes import words
from minitransformer.data.reviews import Review, same_text
from minitransformer.explain import surrogate
from minitransformer.explain.surrogate import split_words, whole_words
from minitransformer.tokenization import BPETokenizer, WordTokenizer
from minitransformer.tokenization.byte_pair import WORD
from minitransformer.tokenization.marks import MARK, find_words, is_mark, seen
from minitransformer.tokenization.word_piece import split

TEXTS = {
    "Hindi": "यह फिल्म अच्छी है",
    "Bengali": "ছবিটি খুব ভালো",
    "Tamil": "இந்தப் படம் நன்றாக உள்ளது",
    "Nepali, with a joiner": "गर्‍यो राम्रो चलचित्र",
    "Arabic, with vowels": "هٰذَا فِيلْمٌ جَمِيلٌ",
    "Hebrew, with points": "הַסֶּרֶט הָיָה טוֹב",
    "Persian, with a non-joiner": "این فیلم را می\u200cبینم",
    "accents apart": unicodedata.normalize("NFD", "naïve café việt"),
}


def rated(text):
    """The words of a text that `rated_words` finds, each of one token a letter."""
    rates = {word.casefold(): 1.0 for word in [*text.split(), *text]}
    return explain.rated_words(list(text), np.ones(len(text)), rates)[0]


def players(text):
    """The words that KernelSHAP lets come and go."""
    return explain.kernel_shap(lambda texts: np.array([[0.5, 0.5]] * len(texts)), text, num_samples=8).words


CUTTERS = {
    "WordTokenizer": lambda text: [piece.strip() for piece in WordTokenizer.train("a").tokens(text)],
    "BPETokenizer": lambda text: [piece.strip() for piece in find_words(WORD, text)],
    "naive Bayes": words,
    "same_text": lambda text: list(same_text(Review(text, 1))),
    "rated_words": rated,
    "whole_words": lambda text: [piece for piece in whole_words(text) if not piece.isspace()],
    "kernel_shap": players,
    "WordPiece": lambda text: list(split(text)),
}


@pytest.mark.parametrize("cutter", CUTTERS)
@pytest.mark.parametrize("language", TEXTS)
def test_a_word_is_one_piece(language, cutter):
    assert CUTTERS[cutter](TEXTS[language]) == TEXTS[language].split()


def test_a_word_may_be_one_byte_pair_id():
    text = " ".join([TEXTS["Hindi"]] * 4)
    tokenizer = BPETokenizer.train(text, vocab_size=400)
    assert " फिल्म" in tokenizer.tokens(text) and tokenizer.decode(tokenizer.encode(text)) == text


def test_lime_cuts_as_the_lime_package_does():
    for text in TEXTS.values():
        assert split_words(text) == [piece for piece in re.split(r"(\W+)", text) if piece]
    found = explain.lime(
        lambda texts: np.array([[0.5, 0.5]] * len(texts)),
        TEXTS["Hindi"],
        num_samples=9,
        tokenizer=whole_words,
    )
    assert sorted(found.words) == sorted(TEXTS["Hindi"].split())


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("a1_ '.,!\n\t❤\ufe0f\u20e3फिम्é\u0301\u0308\u200d\u200c-世"), max_size=12))
def test_pieces_are_the_text_and_no_mark_stands_first(text):
    for pieces in (WordTokenizer.train("a").tokens(text), find_words(WORD, text), whole_words(text)):
        assert "".join(pieces) == text and "" not in pieces
        for before, piece in zip(pieces, pieces[1:], strict=False):
            assert not is_mark(piece[0]) or before.isspace()


def test_nothing_else_has_changed():
    text = "Isn't it?  A 2nd, naïve 世界 x_1…\n"
    assert seen(text) == text and len(seen(TEXTS["Hindi"])) == len(TEXTS["Hindi"])
    assert WordTokenizer.train("a").tokens(text) == [
        "Isn't",
        " it",
        "?",
        "  A",
        " 2nd",
        ",",
        " naïve",
        " 世界",
        " x_1",
        "…\n",
    ]
    assert [piece for piece in whole_words(text)] == split_words(text)


def test_every_pattern_of_words_knows_marks():
    found = {}
    for room in (data, explain, tokenization):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern) and re.search(r"\\[wW]", value.pattern):
                    found[f"{module.name}.{name}"] = value
    lime = f"{surrogate.__name__}.SEPARATOR"
    assert lime in found and len(found) > 5
    assert [
        name for name, pattern in found.items() if MARK not in pattern.pattern.replace(r"\u0301", MARK)
    ] == [lime]


def test_pieces_are_whole_matches_whatever_groups_the_pattern_has():
    for text in ("the red boat", "the r\u00e9d boat"):
        assert (
            find_words(re.compile(r"(\w)\w*"), text) == find_words(re.compile(r"\w+"), text) == text.split()
        )
