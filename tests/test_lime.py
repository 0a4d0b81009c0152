"""LIME: each step by its definition, the whole against lime 0.2.0.1, and what it refuses."""

import math
import re
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from later import Later

from minitransformer import explain
from minitransformer.explain import surrogate
from minitransformer.explain.stability import Stability
from minitransformer.explain.surrogate import lime
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordTokenizer

lime_text, linear_model, pairwise = map(
    Later, ("lime.lime_text", "sklearn.linear_model", "sklearn.metrics.pairwise")
)
quick = settings(max_examples=50, deadline=None)
shapes = st.tuples(st.integers(30, 700), st.integers(1, 9), st.integers(0, 2**31))


def draws(word):
    """A number in (-1, 1) that belongs to a string."""
    return zlib.crc32(word.encode()) % 2001 / 1000 - 1


def in_order(texts):
    """Probabilities of two classes that depend on words, on pairs of neighbours, and on the length."""
    words = [text.split() for text in texts]
    logit = [
        sum(map(draws, w)) + sum(draws(a + b) for a, b in zip(w, w[1:], strict=False)) + len(w) / 9
        for w in words
    ]
    p = 1 / (1 + np.exp(-np.array(logit)))
    return np.stack([1 - p, p], axis=1)


def one_word(texts):
    """Exactly linear, in one word: after it every other word is as good as the next."""
    p = np.array([0.9 if "good" in text else 0.1 for text in texts])
    return np.stack([1 - p, p], axis=1)


def in_float32(texts):
    return in_order(texts).astype(np.float32)


def problem(shape):
    """A random weighted regression on columns of zeros and ones: x (N, n), y (N,), weight (N,)."""
    random = np.random.default_rng(shape[2])
    x = (random.random(shape[:2]) < random.uniform(0.2, 0.8, shape[1])).astype(float)
    x[0], x[1] = 1, 0
    return (
        x,
        random.normal(size=shape[0]) + x @ random.normal(size=shape[1]),
        random.uniform(1e-3, 2, shape[0]),
    )


def left_over(x, y, weight):
    """The weighted squares that a regression with intercept leaves, by another route (SVD of the raw columns)."""
    root = np.sqrt(weight)
    columns = root[:, None] * np.column_stack([np.ones(len(x)), x])
    coef = np.linalg.lstsq(columns, root * y, rcond=None)[0]
    return ((root * y - columns @ coef) ** 2).sum(), coef[1:]


# ---- the whole ----

TEXTS = {
    "repeated": "This film was not good at all, the good actors could not save it: not good.",
    "one word": "good",
    "punctuation": "  ...good, good, not\tgood!!\n",
    "unicode": "héllo wörld naïve 你好 мир good: 42_a; x-y",
    "long": " ".join(f"w{i}" for i in range(25)) + " good\n\n",
}


def assert_equals_reference(ours, theirs, label=1):
    assert [word for word, _ in ours.as_list()] == [word for word, _ in theirs.as_list(label=label)]
    got = [weight for _, weight in ours.as_list()] + [ours.intercept, ours.score, ours.local_prediction]
    expected = [weight for _, weight in theirs.as_list(label=label)]
    expected += [theirs.intercept[label], theirs.score, theirs.local_pred[0]]
    assert np.abs(np.array(got) - np.array(expected)).max() < 1e-12


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("bow", [True, False])
@pytest.mark.parametrize("predict", [in_order, one_word, in_float32])
def test_equals_lime(text, bow, predict):
    for k in (1, 3, 6, 10, 50):
        explainer = lime_text.LimeTextExplainer(random_state=7, bow=bow)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the reference solves singular equations when the fit is perfect
            theirs = explainer.explain_instance(text, predict, labels=(1,), num_features=k, num_samples=150)
        assert_equals_reference(lime(predict, text, 1, k, 150, seed=7, bow=bow), theirs)


def test_equals_lime_by_default_and_for_another_class():
    text = TEXTS["repeated"]
    theirs = lime_text.LimeTextExplainer(random_state=0).explain_instance(text, in_order, labels=(0, 1))
    theirs_of_one = lime_text.LimeTextExplainer(random_state=0).explain_instance(text, in_order)
    assert_equals_reference(lime(in_order, text), theirs_of_one)
    ours = lime(in_order, text, label=0)
    assert [w for w, _ in ours.as_list()] == [w for w, _ in theirs.as_list(label=0)]
    assert ours.intercept == pytest.approx(theirs.intercept[0], abs=1e-12)


CHINESE = "这部电影不好，演员也不好。"


def sentiment(texts):
    p = np.array([1 / (1 + math.exp(t.count("好") - 2 * t.count("不") + 3 * t.count("不好"))) for t in texts])
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("bow", [True, False])
def test_a_tokenizer_makes_chinese_work(bow):
    assert len(lime(sentiment, CHINESE, num_samples=50).words) == 2  # by \W+ a clause is one word
    ours = lime(sentiment, CHINESE, num_features=6, num_samples=300, bow=bow, tokenizer=list)

    def characters(text):
        return [c for c in text if re.match(r"\w", c)]

    theirs = lime_text.LimeTextExplainer(random_state=0, bow=bow, split_expression=characters)
    assert_equals_reference(
        ours, theirs.explain_instance(CHINESE, sentiment, num_features=6, num_samples=300)
    )
    assert ours.tokens == list(CHINESE)


def test_a_model_s_tokenizer():
    text = "Good film, not good."
    for tokenizer in (
        WordTokenizer.train("good film not"),
        CharTokenizer.train(text),
        BPETokenizer.train(text, vocab_size=262),
    ):
        result = lime(sentiment, text, num_samples=60, tokenizer=tokenizer)
        assert result.tokens == tokenizer.tokens(text) and "".join(result.tokens) == text
    characters = lime(sentiment, CHINESE, num_samples=200, tokenizer=CharTokenizer.train(CHINESE))
    assert characters.as_list() == lime(sentiment, CHINESE, num_samples=200, tokenizer=list).as_list()


def test_a_replacement_instead_of_a_gap():
    for bow in (True, False):
        seen = set()

        def predict(texts, seen=seen):
            seen.update(texts)
            return in_order(texts)

        lime(predict, "good, good film", num_samples=60, bow=bow, replacement="<gap>")
        assert "<gap>, <gap> <gap>" in seen and ("<gap>, good film" in seen) == (not bow)


def test_several_classes_from_the_same_answers():
    calls = []

    def predict(texts):
        calls.append(len(texts))
        return in_order(texts)

    both = lime(predict, TEXTS["repeated"], label=[1, 0], num_samples=200)
    asked = sum(calls)
    alone = [lime(predict, TEXTS["repeated"], label, num_samples=200) for label in (1, 0)]
    assert sum(calls) == 3 * asked
    for one, other in zip(both, alone, strict=True):
        assert one.as_list() == other.as_list() and one.target == other.target and one.score == other.score
    with pytest.raises(IndexError, match="label: expected 0 to 1, .* got 2"):
        lime(in_order, "good", label=(0, 2), num_samples=20)


# ---- how stable it is ----


def test_more_samples_are_more_stable():
    found = explain.lime_stability(in_order, TEXTS["repeated"], sizes=(50, 400, 3000), seeds=range(6), top=2)
    spreads = [found.spread(n) for n in (50, 400, 3000)]
    assert spreads[0] > spreads[1] > spreads[2] > 0
    runs = [lime(in_order, TEXTS["repeated"], num_samples=400, seed=s).relevance for s in range(6)]
    assert (found.weights[400] == np.stack(runs)).all()
    assert found.spread(400) == pytest.approx(np.std(runs, axis=0, ddof=1).mean(), abs=1e-15)
    assert "agreement of the top 2" in str(found)


def test_stability_by_hand():
    runs = {10: [[3, 2, 1], [1, 2, 3]], 20: [[3, -4, 1], [3, 2, 1]], 30: [[9, 8, 1], [8, 9, 0]]}
    found = Stability({n: np.array(w, float) for n, w in runs.items()}, 2, ["a", "b", "c"])
    assert (found.agreement(10), found.agreement(20), found.agreement(30)) == (pytest.approx(1 / 3), 1, 1)
    assert found.stable_from == 20 and found.spread(30) == pytest.approx(np.sqrt(0.5))
    assert Stability({10: found.weights[10]}, 2, ["a", "b", "c"]).stable_from is None


def test_stability_asks_each_text_once():
    seen = []

    def predict(texts):
        seen.extend(texts)
        return one_word(texts)

    found = explain.lime_stability(predict, "a good film", sizes=(20, 40), seeds=range(3), top=1)
    assert len(seen) == len(set(seen)) <= 8 and found.stable_from == 20
    for options in ({"seeds": [1]}, {"seeds": [1, 1]}, {"sizes": ()}, {"top": 0}):
        with pytest.raises(ValueError, match="expected two or more seeds, a size and top >= 1"):
            explain.lime_stability(one_word, "a good film", **options)
    with pytest.raises(
        ValueError, match="predict: expected .* results, one for each text, got 3: an array of shape"
    ):
        explain.lime_stability(lambda texts: np.zeros(3), "a good film", sizes=(20,))


# ---- rows of numbers ----


def test_tabular_lime_finds_the_slope_of_a_line():
    random = np.random.default_rng(0)
    data = random.normal(size=(200, 3)) * [1, 10, 0.1] + [5, 0, -3]
    slope = np.array([0.03, -0.02, 0.5])

    def predict(rows):
        return np.stack([1 - rows @ slope, rows @ slope], axis=1)

    found = explain.lime_tabular(predict, data[0], data, names=["length", "width", "height"])
    np.testing.assert_allclose(found.relevance, slope * data.std(axis=0), rtol=2e-3)
    assert found.tokens == ["length", "width", "height"] and found.score > 0.999
    assert found.as_list()[0][0] == "width" and found.prediction == pytest.approx(data[0] @ slope)


def test_tabular_lime_of_a_constant_is_nothing():
    found = explain.lime_tabular(
        lambda rows: np.full((len(rows), 2), 0.3), [1.0, 2], [[0.0, 1], [2, 5]], num_samples=50
    )
    assert found.relevance.tolist() == [0, 0] and (found.score, found.intercept) == (0, 0.3)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"row": [1.0]}, ValueError, r"expected a row \(n,\) and data \(N, n\)"),
        ({"data": []}, ValueError, r"expected a row \(n,\)"),
        ({"row": [1.0, math.nan]}, ValueError, "expected finite numbers"),
        ({"names": ["one"]}, ValueError, "names: expected 2"),
        ({"label": 2}, IndexError, "label: expected 0 to 1"),
        ({"num_samples": 1}, ValueError, "num_samples: expected at least 2"),
        ({"predict": lambda rows: rows[:, :, None]}, ValueError, "predict: expected an array of shape"),
        ({"predict": lambda rows: rows * math.nan}, ValueError, "predict: expected finite"),
    ],
)
def test_tabular_arguments_refused(options, error, message):
    with pytest.raises(error, match=message):
        explain.lime_tabular(
            **{"predict": lambda rows: rows, "row": [1.0, 2], "data": [[0.0, 1], [2, 3]], **options}
        )


def test_a_constant_predictor_gives_zeros_and_no_score():
    for k, p in ((3, 0.3), (10, 0.1), (1, 0.5)):
        result = lime(lambda texts, p=p: np.full((len(texts), 2), p), "one two three four", 1, k, 100)
        assert [weight for _, weight in result.as_list()] == [0] * min(k, 4)
        assert result.words == ["one", "two", "three", "four"][:k]
        assert (result.score, result.intercept, result.local_prediction, result.prediction) == (0, p, p, p)


def test_a_text_and_one_change_of_it():
    for seed in range(20):
        for k in (3, 10):
            result = lime(in_order, TEXTS["long"], 1, k, 2, seed)
            assert np.isfinite(
                [w for _, w in result.as_list()] + [result.score, result.local_prediction]
            ).all()
            assert len(set(result.words)) == k


def test_constant_columns_are_never_chosen_before_others():
    for seed in range(20):  # with six samples some words are lost in no sample
        result = lime(in_order, TEXTS["repeated"], 1, 1, 6, seed)
        assert result.weights[0] != 0 and result.score > 0


# ---- the result ----


def test_the_result_has_what_a_picture_needs():
    text = "Not good, not bad: good film."
    result = lime(in_order, text, num_features=3, num_samples=200)
    weights = dict(result.as_list())
    assert "".join(result.tokens) == text
    assert result.relevance.tolist() == [weights.get(token, 0) for token in result.tokens]
    assert result.relevance[result.ids == -1].tolist() == [0] * 6
    assert np.count_nonzero(result.relevance) >= 3
    assert result.prediction == result.output == in_order([text])[0, 1]
    assert result.local_prediction == pytest.approx(result.intercept + sum(weights.values()), abs=1e-15)
    assert sorted(map(abs, weights.values()), reverse=True) == [abs(w) for w in weights.values()]
    assert f"{result.weights[0]:+.4f}" in repr(result) and f"{result.weights[0]:+.4f}" in result.to_html()


def test_occurrences_keep_their_own_weight_without_a_bag():
    result = lime(in_order, "good not good", num_features=10, num_samples=200, bow=False)
    assert sorted(result.words) == ["good", "good", "not"]
    first, _, second = result.relevance[[0, 2, 4]]
    assert first != second and {first, second} < set(result.weights)


# ---- what the classifier is asked ----


@pytest.mark.parametrize("bow", [True, False])
def test_each_text_is_asked_once_the_original_first_in_batches(bow, monkeypatch):
    monkeypatch.setattr(surrogate, "BATCH_SIZE", 5)
    calls = []
    text = "red, green; blue: red"

    def predict(texts):
        calls.append(texts)
        return in_order(texts)

    whole = lime(in_order, text, num_samples=500, bow=bow)
    assert repr(lime(predict, text, num_samples=500, bow=bow)) == repr(whole)
    asked = sum(calls, [])
    assert asked[0] == text and len(asked) == len(set(asked)) == (8 if bow else 16)
    assert [len(texts) for texts in calls] == ([5, 3] if bow else [5, 5, 5, 1])
    assert (", ; :  " if bow else "UNKWORDZ, UNKWORDZ; UNKWORDZ: UNKWORDZ").strip() in [
        a.strip() for a in asked
    ]


# ---- the steps ----


@quick
@given(st.integers(1, 70), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_masks_follow_the_stream_of_the_reference(n, num_samples, seed):
    masks = surrogate.perturb(n, num_samples, seed)
    random = np.random.RandomState(seed)
    expected = np.ones((num_samples, n), dtype=bool)
    for row, lost in zip(expected[1:], random.randint(1, n + 1, num_samples - 1), strict=True):
        row[random.choice(n, lost, replace=False)] = False
    assert masks.dtype == bool and (masks == expected).all()


@quick
@given(st.integers(1, 20), st.integers(2, 60), st.integers(0, 2**31))
def test_distinct_masks_and_their_counts(n, num_samples, seed):
    masks = surrogate.perturb(n, num_samples, seed)
    rows, count = surrogate.distinct(masks)
    expected, times = np.unique(masks, axis=0, return_counts=True)
    order = np.lexsort(rows.T[::-1])
    assert (rows[order] == expected).all() and (count[order] == times).all()
    first = [np.flatnonzero((masks == row).all(axis=1))[0] for row in rows]
    assert first == sorted(first) and first[0] == 0


@quick
@example("a\n")
@example("你好，世界 x_1")
@given(st.text("aé_1 ,\n\t你-", max_size=12))
def test_words_and_separators_make_up_the_text(text):
    pieces = surrogate.split_words(text)
    assert "".join(pieces) == text and "" not in pieces
    words = re.findall(r"\w+", text)
    assert [p for p in pieces if re.match(r"\w", p)] == words
    bag, places = surrogate.number_features(pieces, bow=True), surrogate.number_features(pieces, bow=False)
    assert places[places >= 0].tolist() == list(range(len(words)))
    assert [list(dict.fromkeys(words))[i] for i in bag[bag >= 0]] == words
    assert (bag >= 0).tolist() == (places >= 0).tolist() == [bool(re.match(r"\w", p)) for p in pieces]


@quick
@given(
    st.text("ab ,", min_size=1, max_size=14).filter(lambda t: re.search(r"\w", t)), st.booleans(), st.data()
)
def test_texts_are_written_from_masks(text, bow, data):
    pieces = surrogate.split_words(text)
    ids = surrogate.number_features(pieces, bow)
    n = int(ids.max()) + 1
    masks = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=5))
    )
    texts = surrogate.write_texts(pieces, ids, masks, bow)
    lost = "" if bow else "UNKWORDZ"
    for mask, got in zip(masks, texts, strict=True):
        kept = [piece if i < 0 or mask[i] else lost for piece, i in zip(pieces, ids, strict=True)]
        assert got == "".join(kept)


def test_distance_and_kernel():
    masks = surrogate.perturb(9, 60, seed=1)
    masks[5] = False  # nothing kept: farthest
    expected = 100 * pairwise.cosine_distances(masks.astype(float), masks[:1].astype(float))[:, 0]
    distance = surrogate.cosine_distance(masks)
    assert np.abs(distance - expected).max() < 1e-12 and distance[5] == 100 and distance[0] == 0
    assert surrogate.kernel(np.array([0.0, 25.0, 50.0])) == pytest.approx(
        [1, math.exp(-0.5), math.exp(-2)], rel=1e-15
    )


@quick
@given(shapes, st.sampled_from([0.0, 0.01, 1.0]))
def test_ridge_equals_scikit_learn(shape, alpha):
    x, y, weight = problem((shape[0], min(shape[1], 5), shape[2]))
    coef, intercept, score = surrogate.weighted_ridge(x, y, weight, alpha)
    expected = linear_model.Ridge(alpha=alpha, solver="svd").fit(x, y, sample_weight=weight)
    assert np.abs(coef - expected.coef_).max() < 1e-10
    assert intercept == pytest.approx(expected.intercept_, abs=1e-10)
    assert score == pytest.approx(expected.score(x, y, weight), abs=1e-10)


@quick
@given(shapes)
def test_least_squares_without_intercept(shape):
    x, y, weight = problem(shape)
    x = x + np.random.default_rng(shape[2]).normal(size=x.shape)
    root = np.sqrt(weight)
    expected = np.linalg.lstsq(root[:, None] * x, root * y, rcond=None)[0]
    assert np.abs(surrogate.weighted_least_squares(x, y, weight) - expected).max() < 1e-9


@quick
@given(shapes, st.integers(1, 6))
def test_forward_selection_takes_the_best_each_time(shape, k):
    x, y, weight = problem(shape)
    chosen = surrogate.forward_selection(x, y, weight, k).tolist()
    assert len(chosen) == len(set(chosen)) == min(k, x.shape[1])
    total = left_over(x[:, :0], y, weight)[0]
    for step, feature in enumerate(chosen):
        before = chosen[:step]
        left = {f: left_over(x[:, [*before, f]], y, weight)[0] for f in range(x.shape[1]) if f not in before}
        assert left[feature] <= min(left.values()) + 1e-10 * total


def test_forward_selection_takes_the_first_of_equals():
    x, _, weight = problem((200, 4, 0))
    x = np.column_stack([np.ones(200), x[:, 0], x[:, 1], x[:, 0], x[:, 1] + 0.5, x[:, 2], x[:, 3]])
    y = 2 * x[:, 1] - x[:, 2] + 0.1 * x[:, 5]
    assert surrogate.forward_selection(x, y, weight, 4).tolist() == [1, 2, 5, 0]


@quick
@given(shapes, st.integers(1, 12))
def test_highest_weights(shape, k):
    x, y, weight = problem(shape)
    coef = linear_model.Ridge(alpha=0.01, solver="svd").fit(x, y, sample_weight=weight).coef_
    expected = sorted(range(x.shape[1]), key=lambda i: -abs(coef[i]))[:k]
    assert surrogate.highest_weights(x, y, weight, k).tolist() == expected


def test_up_to_six_are_found_one_by_one():
    x, y, weight = problem((120, 9, 4))
    x[:, 1] = np.where(np.arange(120) % 7 == 0, 1 - x[:, 0], x[:, 0])  # two columns that say much the same
    y = y + 4 * x[:, 0] + 3 * x[:, 1]
    by_step = surrogate.forward_selection(x, y, weight, 6)
    by_weight = surrogate.highest_weights(x, y, weight, 7)
    assert (by_step != by_weight[:6]).any()
    assert (surrogate.select_features(x, y, weight, 6) == by_step).all()
    assert (surrogate.select_features(x, y, weight, 7) == by_weight).all()


# ---- what is refused ----


@pytest.mark.parametrize("text", ["", "   ", "...!?\n", "，。"])
def test_a_text_without_words(text):
    with pytest.raises(ValueError, match="expected at least one word"):
        lime(in_order, text)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"text": b"bytes"}, TypeError, "text: expected a string, got bytes"),
        ({"label": 2}, IndexError, "label: expected 0 to 1, one of the classes of predict, got 2"),
        ({"label": -1}, IndexError, "label: expected 0 to 1"),
        ({"label": "good"}, IndexError, "label: expected a number, as the classes have no names, got 'good'"),
        ({"num_features": 0}, ValueError, "num_features: expected at least 1"),
        ({"num_features": 2.0}, TypeError, "num_features: expected an integer"),
        ({"num_samples": 1}, ValueError, "num_samples: expected at least 2"),
        ({"num_samples": 1e3}, TypeError, "num_samples: expected an integer"),
        ({"tokenizer": str.split}, ValueError, "tokenizer: expected strings that joined make up 'good film'"),
        ({"tokenizer": lambda text: [7, 8]}, ValueError, "tokenizer: expected strings"),
    ],
)
def test_arguments_refused(options, error, message):
    with pytest.raises(error, match=message):
        lime(in_order, **{"text": "good film", "num_samples": 20, **options})


@pytest.mark.parametrize(
    "shape", [lambda n: n + 1, lambda n: (n + 1, 2), lambda n: (1, n, 2), lambda n: (n, 2, 1)]
)
def test_answers_of_the_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"predict: expected .*an array of shape \(N, n_classes\)"):
        lime(lambda texts: np.zeros(shape(len(texts))), "good film", num_samples=20)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_answers_that_are_not_finite(value):
    def predict(texts):
        return np.array([[0.5, 0.5 if "film" in text else value] for text in texts])

    with pytest.raises(ValueError, match=f"expected finite probabilities, got {value} for '(good )?,? ?'"):
        lime(predict, "good film", num_samples=20)
    # the other class is not asked for
    assert lime(predict, "good film", label=0, num_samples=20).prediction == 0.5


def test_what_predict_raises_comes_through_with_a_note():
    class Odd(Exception):
        pass

    def predict(texts):
        raise Odd("mine")

    with pytest.raises(Odd, match="^mine") as caught:
        lime(predict, "good film", num_samples=20)
    assert "raised by predict, given " in caught.value.__notes__[0]
