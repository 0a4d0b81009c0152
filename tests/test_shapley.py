"""Shapley values against their definition, KernelSHAP on texts, and what both refuse."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minitransformer import explain
from minitransformer.explain import shapley
from minitransformer.tokenization import CharTokenizer, WordTokenizer

quick = settings(max_examples=25, deadline=None)


def number(masks):
    """A coalition as a binary number: (N, n) -> (N,)."""
    return np.asarray(masks) @ (1 << np.arange(np.shape(masks)[1]))


def random_game(n, seed):
    """A game that gives every coalition a worth of its own, and the table of worths."""
    worth = np.random.default_rng(seed).normal(size=2**n) * 3 + 5
    return (lambda masks: worth[number(masks)]), worth


def by_definition(worth, n):
    """phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)) (Shapley, 1953)."""
    phi = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for members in combinations(others, size):
                s = sum(1 << j for j in members)
                phi[i] += share * (worth[s | 1 << i] - worth[s])
    return phi


def over_all_orders(worth, n):
    """The mean of what each player adds when it comes, over all orders of coming."""
    phi = np.zeros(n)
    for order in permutations(range(n)):
        coalition = 0
        for i in order:
            phi[i] += worth[coalition | 1 << i] - worth[coalition]
            coalition |= 1 << i
    return phi / math.factorial(n)


@pytest.mark.parametrize("n", range(1, 11))
def test_all_coalitions_give_exact_values(n):
    for seed in range(3):
        game, worth = random_game(n, seed)
        values, base, exact = explain.shapley_values(game, n, num_samples=max(2**n - 2, 2))
        assert exact and base == worth[0]
        assert abs(values - by_definition(worth, n)).max() < 1e-10
        if n <= 6:
            assert abs(values - over_all_orders(worth, n)).max() < 1e-10


def test_another_kernel_would_be_wrong(monkeypatch):
    game, worth = random_game(6, 0)
    for wrong in (
        lambda n, k: 1.0,
        lambda n, k: (n - 1) / (k * (n - k)),
        lambda n, k: 1 / (math.comb(n, k) * k),
    ):
        monkeypatch.setattr(shapley, "shapley_kernel", wrong)
        assert abs(explain.shapley_values(game, 6)[0] - by_definition(worth, 6)).max() > 1e-3


def test_kernel_by_hand():
    assert shapley.shapley_kernel(4, 1) == 3 / (4 * 1 * 3) and shapley.shapley_kernel(4, 2) == 3 / (6 * 2 * 2)


@quick
@given(st.integers(2, 9), st.integers(2, 300), st.integers(0, 10**6))
def test_they_add_up_whatever_was_sampled(n, num_samples, seed):
    game, worth = random_game(n, seed)
    values, base, exact = explain.shapley_values(game, n, num_samples, seed)
    assert base + values.sum() == pytest.approx(worth[-1], abs=1e-10)
    assert exact == (num_samples >= 2**n - 2)


@quick
@given(st.integers(2, 14), st.integers(2, 400), st.integers(0, 10**6))
def test_an_additive_game_needs_few_samples(n, num_samples, seed):
    share = np.random.default_rng(seed).normal(size=n)
    values, base, _ = explain.shapley_values(lambda masks: 7 + masks @ share, n, num_samples, seed)
    assert base == 7
    if num_samples >= 2 * n:  # all single players fit
        assert abs(values - share).max() < 1e-9


# from 1,030 on there are more coalitions of a size than a float can count
@pytest.mark.parametrize("n", [1029, 1030, 3000])
def test_many_players(n):
    values, base, exact = explain.shapley_values(lambda masks: 2.0 + masks[:, 0] + masks.sum(1), n, 60)
    assert not exact and base == 2 and values.sum() == pytest.approx(n + 1, rel=1e-12)
    assert shapley.coalitions(n, 60)[1].sum() == pytest.approx(
        sum((n - 1) / (k * (n - k)) for k in range(1, n)), rel=1e-12
    )


def test_equal_players_get_the_same_and_idle_ones_nothing():
    values = explain.shapley_values(lambda m: (m[:, 0] & m[:, 1]) * 6.0 + m[:, 3] * 2.0, 4)[0]
    np.testing.assert_allclose(values, [3, 3, 0, 2], rtol=0, atol=1e-12)


@quick
@given(st.integers(2, 13), st.integers(2, 500), st.integers(0, 10**6))
@example(4, 8, 0)  # all of sizes 1 and 3, and none is left to draw
def test_coalitions(n, num_samples, seed):
    masks, weights, exact = shapley.coalitions(n, num_samples, seed)
    assert len(np.unique(masks, axis=0)) == len(masks) <= num_samples
    assert (weights > 0).all() and masks.any(1).all() and not masks.all(1).any()
    if exact:
        assert len(masks) == 2**n - 2
    sizes, counts = np.unique(masks.sum(axis=1), return_counts=True)
    # none of them drawn
    whole = all(count == math.comb(n, k) for k, count in zip(sizes.tolist(), counts, strict=True))
    total = sum(
        shapley.shapley_kernel(n, k) * math.comb(n, k) for k in (sizes.tolist() if whole else range(1, n))
    )
    assert weights.sum() == pytest.approx(total, rel=1e-12)
    complements = dict(zip(number(masks).tolist(), weights.tolist(), strict=True))
    assert all(complements[2**n - 1 - m] == pytest.approx(w, rel=1e-12) for m, w in complements.items())


def test_sizes_are_drawn_as_the_kernel_weighs_them():
    drawn = shapley._draw(8, 2, pairs=20_000, seed=0)
    counts = np.zeros(9)
    for row, count in drawn.items():
        counts[np.frombuffer(row, dtype=bool).sum()] += count
    weights = np.array(
        [shapley.shapley_kernel(8, k) * math.comb(8, k) if 2 <= k <= 6 else 0 for k in range(9)]
    )
    np.testing.assert_allclose(counts / counts.sum(), weights / weights.sum(), rtol=0, atol=0.01)


def test_sampling_comes_near_and_nearer():
    game, worth = random_game(10, 3)
    right = by_definition(worth, 10)
    few, many = (
        np.mean([abs(explain.shapley_values(game, 10, n, seed)[0] - right).mean() for seed in range(20)])
        for n in (100, 700)
    )
    assert many < 0.5 * few < 0.5


def test_games_refused():
    for n, num_samples in ((0, 10), (3, 1)):
        with pytest.raises(ValueError, match="expected n >= 1 players and num_samples >= 2"):
            explain.shapley_values(lambda m: m.sum(1), n, num_samples)
    for wrong in (lambda m: m, lambda m: m.sum(), lambda m: np.full(len(m), np.nan)):
        with pytest.raises(ValueError, match="game: expected 8 finite numbers"):
            explain.shapley_values(wrong, 3)


# ---- texts ----


def predict(texts):
    p = np.array(
        [t.count("good") * 0.3 - 0.2 * t.count("bad") + 0.1 * ("not" in t and "good" in t) for t in texts]
    )
    return np.stack([-p, p], axis=1)


def test_words_of_a_text():
    found = explain.kernel_shap(predict, "not good, just good")
    assert found.exact and found.words == ["not", "good", "just"]
    np.testing.assert_allclose(found.values, [0.05, 0.65, 0], rtol=0, atol=1e-12)
    assert found.base == 0 and found.output == pytest.approx(0.7, abs=1e-12)
    assert found.as_list()[0] == ("good", pytest.approx(0.65, abs=1e-12))
    np.testing.assert_allclose(found.relevance, [0.05, 0, 0.325, 0, 0, 0, 0.325], rtol=0, atol=1e-12)
    assert "".join(found.tokens) == "not good, just good"


def test_places_of_a_text_and_another_class():
    found = explain.kernel_shap(predict, "not good, just good", label=0, bow=False)
    assert found.words == ["not", "good", "just", "good"]
    worth = [
        predict([" ".join(w if number >> i & 1 else "UNKWORDZ" for i, w in enumerate(found.words))])[0, 0]
        for number in range(16)
    ]
    np.testing.assert_allclose(found.values, by_definition(np.array(worth), 4), rtol=0, atol=1e-12)


def test_a_long_text_is_sampled_and_repeatable():
    text = " ".join(f"w{i}" for i in range(20)) + " good bad not"
    one, same, other = (explain.kernel_shap(predict, text, num_samples=400, seed=s) for s in (3, 3, 4))
    assert not one.exact and (one.values == same.values).all() and (one.values != other.values).any()
    assert one.base + one.values.sum() == pytest.approx(predict([text])[0, 1], abs=1e-12)
    assert {w for w, _ in one.as_list()[:2]} == {"good", "bad"}


def test_one_word_gets_everything():
    found = explain.kernel_shap(predict, "good!")
    assert found.as_list() == [("good", pytest.approx(0.3, abs=1e-15))] and found.exact


def test_tokenizers():
    text = "这部电影不好"
    sentiment = lambda texts: np.array([[0.0, t.count("好") - 2.0 * ("不好" in t)] for t in texts])  # noqa: E731
    for tokenizer in (list, CharTokenizer.train(text)):
        found = dict(explain.kernel_shap(sentiment, text, tokenizer=tokenizer).as_list())
        assert found["好"] == pytest.approx(0, abs=1e-12) and found["不"] == pytest.approx(-1, abs=1e-12)
    words = explain.kernel_shap(predict, "Good good film.", tokenizer=WordTokenizer.train("good film"))
    assert words.tokens == ["Good", " good", " film", "."] and words.words == ["Good", " good", " film"]


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"text": ""}, ValueError, "expected at least one word"),
        ({"text": 3}, TypeError, "text: expected a string"),
        ({"label": 2}, IndexError, "label: expected 0 to 1"),
        ({"num_samples": 1}, ValueError, "num_samples: expected at least 2"),
        (
            {"predict": lambda texts: np.zeros((1, 2, 3))},
            ValueError,
            "predict: expected .* results, one for each text",
        ),
        ({"predict": lambda texts: np.full((len(texts), 2), np.nan)}, ValueError, "predict: expected finite"),
        ({"predict": lambda texts: 1 / 0}, ZeroDivisionError, "division"),
    ],
)
def test_arguments_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explain.kernel_shap(**{"predict": predict, "text": "a good film", **arguments})
