"""Agreement with a lexicon: which words are rated, how tokens join to words, and the correlation by hand."""

import numpy as np
import pytest

from minitransformer.data.lexicon import parse_lexicon, word_ratings
from minitransformer.explain import Case, compare, lexicon_agreement, rated_words

RATINGS = {"good": 2.0, "bad": -2.5, "unhappy": -1.8, "happy": 2.7, "don't": -1.0}


def test_words_of_several_tokens_have_the_sum_of_their_relevance():
    words, relevance, ratings = rated_words(
        ["Good", " ", "un", "happy", " film"], [1.0, 9, 0.25, 0.5, 7], RATINGS
    )
    assert (
        words == ["good", "unhappy"] and relevance.tolist() == [1.0, 0.75] and ratings.tolist() == [2.0, -1.8]
    )


def test_a_part_of_a_word_is_not_that_word():
    assert rated_words(["unhappy", " goodness"], [1.0, 1], {"happy": 1.0, "good": 1.0})[0] == []
    assert rated_words(["don't ", "badly"], [1.0, 1], RATINGS)[0] == ["don't"]


def test_agreement_is_the_rank_correlation_over_all_texts():
    rows = [(["good ", "bad"], np.array([2.0, -4.0])), (["happy ", "good"], np.array([30.0, -10.0]))]
    # relevance by the loudest of its text: 0.5, -1, 1, -1/3; ranks 3, 1, 4, 2; ratings 2, -2.5, 2.7, 2: ranks 2.5, 1, 4, 2.5
    expected = np.corrcoef([3, 1, 4, 2], [2.5, 1, 4, 2.5])[0, 1]
    assert lexicon_agreement(rows, RATINGS) == (pytest.approx(expected), 4)


def test_what_speaks_for_blame_is_rated_the_other_way_round():
    rows = [(["good ", "bad"], np.array([1.0, -1.0]))]
    assert lexicon_agreement(rows, RATINGS, praise=True)[0] == pytest.approx(1)
    assert lexicon_agreement(rows, RATINGS, praise=[False])[0] == pytest.approx(-1)


def test_too_few_rated_words():
    with pytest.raises(ValueError, match="two words or more that have a rating, got 1 in 1 texts"):
        lexicon_agreement([(["good ", "film"], np.ones(2))], RATINGS)


def test_relevance_must_fit_and_be_finite():
    with pytest.raises(ValueError, match="shape"):
        rated_words(["good"], [1.0, 2.0], RATINGS)
    with pytest.raises(ValueError, match="finite"):
        rated_words(["good"], [np.nan], RATINGS)


def test_lexicon_lines():
    assert parse_lexicon("good\t1.9\t0.9\t[1, 2]\nso so\t-1\nso so\t-2") == {"good": 1.9, "so so": -1.5}
    with pytest.raises(ValueError, match="line 2: expected a word, a tab and a number, got 'bad'"):
        parse_lexicon("good\t1.9\nbad")


def test_methods_are_compared_by_it_text_by_text():
    rated = {"good": 2.0, "bad": -2.0, "fine": 1.0}
    texts = [["good ", "fine ", "bad"], ["bad ", "film"]]
    cases = [Case("".join(t), np.arange(len(t)), 0, tokens=t, praise=False) for t in texts]
    methods = {
        "blame": lambda case: np.arange(len(case.ids)) - 5.0,
        "praise": lambda case: -1.0 * np.arange(len(case.ids)),
    }

    def logit(target):
        return lambda ids: ids.numpy().sum(axis=1) * 1.0

    found = compare(methods, logit, cases, replace="unk", ratings=rated)
    assert found.values["blame"]["lexicon"][0] == pytest.approx(1) and np.isnan(
        found.values["blame"]["lexicon"][1]
    )
    assert found.table["praise"]["lexicon"][0] == pytest.approx(-1)


@pytest.mark.network
def test_the_lexicon_itself():
    ratings = word_ratings()
    assert 7_000 < len(ratings) < 8_000 and ratings["good"] > 1 > -1 > ratings["bad"]
    assert all(-4 <= rating <= 4 for rating in ratings.values())
