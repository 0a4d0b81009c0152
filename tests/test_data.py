"""Corpora, labelled reviews, their division into train and test, and the naive-Bayes baseline."""

import html
import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.data.corpus import python_topics, split
from minitransformer.data.movie_reviews import movie_reviews, parse_ratings
from minitransformer.data.naive_bayes import NaiveBayes, majority, words
from minitransformer.data.reviews import (
    Review,
    folds,
    load_reviews,
    parse_reviews,
    same_text,
    train_test_split,
)

quick = settings(max_examples=50, deadline=None)

# ---- prose ----


def test_topics_are_plain_prose_and_the_same_every_time():
    text = python_topics()
    assert text == python_topics()
    assert len(text) > 400_000
    assert len(set(text)) < 110 and not set(text) & set("\t\r‘’“”–—…")
    assert "\n\n\n" not in text and not re.search(r"[ \t]\n", text)
    assert text.index('The "assert" statement') < text.index('The "yield" statement')


@quick
@given(st.text("ab c\n", min_size=1), st.floats(0.01, 0.99))
def test_split_cuts_in_two_and_loses_nothing(text, held_out):
    train, test = split(text, held_out)
    assert train + test == text
    assert abs(len(test) - held_out * len(text)) <= 0.5


@pytest.mark.parametrize("held_out", [0, 1, -0.1, 1.5])
def test_a_fraction_that_leaves_one_side_empty(held_out):
    with pytest.raises(ValueError, match="held_out must lie between 0 and 1"):
        split("some text", held_out)
    with pytest.raises(ValueError, match="held_out must lie between 0 and 1"):
        train_test_split([Review("some text", 1)], held_out)


# ---- reviews with their reasons ----


def test_a_marked_review():
    source = "# a comment\n\n+ The soup was *rich and warm*, and we *went back* twice.\r\n- *Cold*.\n"
    praise, blame = parse_reviews(source)
    assert praise.text == "The soup was rich and warm, and we went back twice."
    assert (praise.label, blame.label) == (1, 0)
    assert [praise.text[start:end] for start, end in praise.rationale] == ["rich and warm", "went back"]
    assert blame == Review("Cold.", 0, ((0, 4),))


plain = st.text(st.characters(exclude_characters="*", exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@quick
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=4), plain, st.sampled_from("+-"))
def test_spans_are_what_was_marked(pairs, tail, sign):
    line = f"{sign} " + "".join(f"{before} *{marked}*" for before, marked in pairs) + tail
    [review] = parse_reviews(line)
    assert review.text == "".join(f"{before} {marked}" for before, marked in pairs) + tail
    assert [review.text[start:end] for start, end in review.rationale] == [marked for _, marked in pairs]
    assert review.label == (sign == "+")


@pytest.mark.parametrize(
    "line",
    ["The soup was *warm*.", "+The soup was *warm*.", "* *warm*", "+", "- ", "+ no reason", "+ *half", "+ a *b* c* d",
     "- an ** empty one", "- padded * so*"],
)  # fmt: skip
def test_a_malformed_line_is_named(line):
    with pytest.raises(ValueError, match="^line 3: expected `") as caught:
        parse_reviews(f"# comment\n+ *good*\n{line}\n- *bad*")
    assert repr(line.strip()) in str(caught.value)


def test_the_reviews_of_the_project():
    reviews = load_reviews()
    labels = Counter(review.label for review in reviews)
    assert min(labels[0], labels[1]) > 0.4 * len(reviews) > 0
    assert len({same_text(review) for review in reviews}) == len(reviews)
    for review in reviews:
        assert "*" not in review.text and review.rationale
        for start, end in review.rationale:
            cut = [review.text[start - 1 : start + 1], review.text[end - 1 : end + 1]] if start else []
            assert words(review.text[start:end])
            assert not any(re.fullmatch(r"\w\w", edge) for edge in cut), (
                f"half a word is marked in {review.text!r}"
            )


# ---- train and test ----

texts = st.sampled_from(
    ["Good film.", "good  film", "Bad film.", "BAD FILM!", "Dull", "Fine", "fine...", "So so"]
)


@quick
@given(
    st.lists(st.builds(Review, texts, st.integers(0, 1)), max_size=30),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_no_text_is_on_both_sides(reviews, held_out, seed):
    train, test = train_test_split(reviews, held_out, seed)
    distinct = {same_text(review) for review in reviews}
    assert Counter(train + test) == Counter(reviews)
    assert not {same_text(review) for review in train} & {same_text(review) for review in test}
    assert len({same_text(review) for review in test}) == round(held_out * len(distinct))
    assert (train, test) == train_test_split(reviews, held_out, seed)


def test_the_split_shuffles_and_the_seed_decides():
    reviews = [Review(f"film number {i}", i % 2) for i in range(100)]
    train, test = train_test_split(reviews)
    assert (len(train), len(test)) == (90, 10)
    assert train != sorted(train, key=reviews.index)
    assert test != train_test_split(reviews, seed=1)[1]


@pytest.mark.parametrize("number", [2, 3, 7])
def test_each_review_is_held_out_once(number):
    reviews = [Review(f"film number {i % 60}{'!' * (i // 60)}", i % 2) for i in range(100)]
    parts = folds(reviews, number)
    assert Counter(review for _, held_out in parts for review in held_out) == Counter(reviews)
    for train, held_out in parts:
        assert Counter(train + held_out) == Counter(reviews)
        assert not {same_text(review) for review in train} & {same_text(review) for review in held_out}
        assert len({same_text(review) for review in held_out}) in (60 // number, 60 // number + 1)
    assert parts == folds(reviews, number) != folds(reviews, number, seed=1)
    assert {review.label for review in parts[0][1]} == {0, 1}


@pytest.mark.parametrize("number", [1, 4])
def test_there_are_two_folds_or_more(number):
    with pytest.raises(ValueError, match=f"expected 2 to 3, .* got {number}"):
        folds([Review(text, 1) for text in ("one", "two", "Two!", "three")], number)


# ---- movie reviews ----


def test_ratings_become_labels():
    source = (
        "1\t2.25\tA  fine &amp; funny film.\r\n2\t-0.6\tToo tepid\n3\t0.5\tNeutral\n4\t-0.5\tNeutral too\n"
    )
    source += "5\t-3\ta fine & funny film!\n6\t0.51\tNo charm   no laughs\n"
    expected = [Review("A fine & funny film.", 1), Review("Too tepid", 0), Review("No charm no laughs", 1)]
    assert parse_ratings(source) == expected


@pytest.mark.network
def test_naive_bayes_on_the_movie_reviews(tmp_path, monkeypatch):
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path))
    reviews = movie_reviews()
    assert Counter(review.label for review in reviews) == {1: 4981, 0: 5060}
    assert all(review.text == html.unescape(review.text).strip() for review in reviews)
    train, test = train_test_split(reviews)
    model = NaiveBayes.fit([review.text for review in train], [review.label for review in train])
    right = model.predict([review.text for review in test]) == [review.label for review in test]
    assert 0.80 < right.mean() < 0.86


# ---- naive Bayes ----


def test_words():
    assert words("It isn't GOOD -- 'so-so', at 3/10!") == ["it", "isn't", "good", "so", "so", "at", "3", "10"]


def test_naive_bayes_by_hand():
    model = NaiveBayes.fit(["good good film", "bad film", "bad bad plot"], [1, 0, 0])
    # vocabulary bad, film, good, plot: counts 3 1 0 1 of label 0, 0 1 2 0 of label 1, one added to each
    blame = 2 / 3 * (1 + 0) / 9 * (1 + 1) / 9
    praise = 1 / 3 * (1 + 2) / 7 * (1 + 1) / 7
    expected = [blame / (blame + praise), praise / (blame + praise)]
    np.testing.assert_allclose(model.predict_proba(["A good FILM?"]), [expected], rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(["unheard of", ""]), [[2 / 3, 1 / 3]] * 2, rtol=1e-12)
    assert model.predict(["good film", "bad film", "unheard of"]).tolist() == [1, 0, 0]


@quick
@given(st.lists(st.tuples(st.lists(st.sampled_from("abcde"), max_size=6), st.integers(0, 2)), max_size=10))
def test_naive_bayes_is_its_formula(documents):
    # every label occurs, one of them without a word
    documents = [*documents, (["a"], 0), (["b", "b"], 1), ([], 2)]
    labels = [label for _, label in documents]
    model = NaiveBayes.fit([" ".join(document) for document, _ in documents], labels)
    counts = [
        Counter(word for document, label in documents if label == c for word in document) for c in range(3)
    ]
    vocabulary = {word for count in counts for word in count}
    for text, _ in documents:
        joint = [
            labels.count(c) / len(labels)
            * math.prod((counts[c][word] + 1) / (counts[c].total() + len(vocabulary)) for word in text)
            for c in range(3)
        ]  # fmt: skip
        probabilities = model.predict_proba([" ".join(text)])
        np.testing.assert_allclose(probabilities, [np.divide(joint, sum(joint))], rtol=1e-9)
        assert joint[model.predict([" ".join(text)])[0]] == pytest.approx(max(joint))


def test_a_long_text_does_not_underflow():
    model = NaiveBayes.fit(["good", "bad"], [1, 0])
    np.testing.assert_allclose(model.predict_proba(["bad " * 5000]), [[1, 0]])


def test_naive_bayes_refuses_a_missing_label():
    with pytest.raises(ValueError, match=r"every label up to the largest must occur.*\[0, 2\]"):
        NaiveBayes.fit(["good", "fine"], [1, 1])
    with pytest.raises(ValueError, match="shorter|longer"):
        NaiveBayes.fit(["good", "fine"], [1, 0, 1])


def test_majority():
    assert majority([1, 0, 1]) == 1
    assert majority([0, 1, 2, 2, 1, 2]) == 2
