"""The judges: curves and figures by hand, against wrong variants, and on a task whose answer is known."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitransformer as mt
from minitransformer import explain, nn, statistics
from minitransformer.data.reviews import Review, load_reviews
from minitransformer.explain import comparison, deletion_curves, rationales
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier, predict_proba
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.tokenization import WordPieceTokenizer, WordTokenizer

quick = settings(max_examples=25, deadline=None)
WORTH = np.array([0, 0, 4, 1, -2, 3, 0.5, 7.0])  # of each id; 1 is the unknown token


def additive(ids):
    return WORTH[ids.numpy()].sum(axis=1)


class Additive(nn.Module):
    """The same as a model: each token's embedding is what it is worth."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(8, 1)
        self.double().load_state_dict({"embedding.weight": WORTH[:, None]})

    def forward(self, ids):
        return self.embedding(ids).sum(1)


# ---- faithfulness ----


def test_curves_by_hand():
    ids = [3, 2, 4, 5]  # worth 1, 4, -2, 3: 6 in all
    logits = {"unk": additive, "delete": additive, "zero": explain.logit_of(Additive(), 0)}
    for replace, logit in logits.items():
        found = explain.faithfulness(logit, ids, WORTH[ids], replace=replace)
        assert found.morf.tolist() == [6, 2, -1, -2, 0] and found.lerf.tolist() == [6, 8, 7, 4, 0]
        # areas: MoRF (3 + 2 - 1 - 2 + 0) / 4 = 2 / 4, LeRF (3 + 8 + 7 + 4 + 0) / 4 = 22 / 4
        assert found.delta_auc == pytest.approx(22 / 4 - 2 / 4, abs=1e-12)
        assert found.aopc == pytest.approx(np.mean([0, 4, 7, 8, 6]), abs=1e-12)
        # 1, 5, 10 and 20 % of 4 tokens are 1, 50 % are 2
        assert found.comprehensiveness == pytest.approx((4 * 4 + 7) / 5, abs=1e-12)
        assert found.sufficiency == pytest.approx((4 * (6 - 4) + (6 - 7)) / 5, abs=1e-12)
        assert replace in str(found) and f"{found.delta_auc:+8.4f}" in str(found)


@quick
@given(st.lists(st.integers(2, 7), min_size=1, max_size=9), st.integers(0, 10**6))
def test_no_order_beats_the_truth_of_an_additive_model(ids, seed):
    order = np.random.default_rng(seed).normal(size=len(ids))
    best = explain.faithfulness(additive, ids, WORTH[ids], "unk").scores
    other = explain.faithfulness(additive, ids, order, "unk").scores
    worst = explain.faithfulness(additive, ids, -WORTH[ids], "unk").scores
    for name in ("delta_auc", "aopc", "comprehensiveness"):
        assert best[name] >= other[name] - 1e-12 and other[name] >= worst[name] - 1e-12
    assert best["sufficiency"] <= other["sufficiency"] + 1e-12
    assert worst["delta_auc"] == pytest.approx(-best["delta_auc"], abs=1e-12)


def test_a_wrong_explanation_is_worse():
    ids = [2, 3, 4, 5, 7, 6]
    right = explain.faithfulness(additive, ids, WORTH[ids], "delete")
    without_sign = explain.faithfulness(additive, ids, abs(WORTH[ids]), "delete")
    assert without_sign.delta_auc < right.delta_auc and without_sign.aopc < right.aopc
    mean, spread = right.random["delta_auc"]
    assert right.delta_auc > mean + spread > mean and spread > 0


def test_random_orders():
    ids = [2, 3, 4, 5, 7, 6]
    found = explain.faithfulness(additive, ids, WORTH[ids], "unk", orders=4000, seed=3)
    assert found.random_curves.shape == (4000, 2, 7)
    mean, spread = found.random["delta_auc"]
    assert abs(mean) < 4 * spread / math.sqrt(4000)  # forwards and backwards are alike
    assert found.random["aopc"][0] == pytest.approx(
        WORTH[ids].sum() / 2, abs=4 * found.random["aopc"][1] / math.sqrt(4000)
    )
    one, same, other = (explain.faithfulness(additive, ids, WORTH[ids], "unk", seed=s) for s in (1, 1, 2))
    assert (one.random_curves == same.random_curves).all() and (
        one.random_curves != other.random_curves
    ).any()


def test_models_and_positions():
    mt.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(11, d_model=8, nhead=2, dim_feedforward=12)).double()
    ids, relevance = [3, 1, 4, 5], [0.1, 0.4, -0.2, 0.3]
    found = explain.faithfulness(
        explain.logit_of(model, (7, 2), position=-2), ids, relevance, "unk", unk_id=9
    )
    assert model.training
    model.eval()
    for k, row in enumerate([[3, 1, 4, 5], [3, 9, 4, 5], [3, 9, 4, 9], [9, 9, 4, 9], [9, 9, 9, 9]]):
        logits = model(mt.tensor([row]))[0, -2]
        assert found.morf[k] == pytest.approx((logits[7] - logits[2]).item(), abs=1e-12)
    assert found.lerf[0] == found.morf[0] and found.lerf[-1] == found.morf[-1]


def test_equal_sequences_are_asked_once_and_all_in_batches():
    asked = []

    def logit(ids):
        asked.extend(map(tuple, ids.tolist()))
        return additive(ids)

    explain.faithfulness(logit, [2, 3, 4, 5], [4, 3, 2, 1], "unk", orders=50)
    assert len(asked) == len(set(asked)) <= 16


@pytest.mark.parametrize(
    "changed, error, message",
    [
        ({"ids": [[2, 3]]}, ValueError, "ids: expected one sequence"),
        ({"ids": []}, ValueError, "ids: expected one sequence"),
        ({"relevance": [1.0]}, ValueError, r"relevance: expected \(2,\) finite numbers"),
        ({"relevance": [1.0, math.nan]}, ValueError, r"relevance: expected \(2,\) finite numbers"),
        ({"replace": "mask"}, ValueError, "replace: expected one of zero, unk, delete"),
        ({"orders": 1}, ValueError, "orders: expected 2 or more"),
        (
            {"logit": lambda ids: ids},
            ValueError,
            r"logit: expected one number for each of 4 sequences, shape \(4,\)",
        ),
        (
            {"logit": lambda ids: additive(ids) * math.nan},
            ValueError,
            "logit: expected finite numbers, got nan",
        ),
        ({"logit": lambda ids: 1 / 0}, ZeroDivisionError, "division"),
    ],
)
def test_refused(changed, error, message):
    with pytest.raises(error, match=message):
        explain.faithfulness(
            **{"logit": additive, "ids": [2, 3], "relevance": [1, 2], "replace": "unk", **changed}
        )


@quick
@given(st.permutations(range(5)))
def test_prefixes(order):
    keep = deletion_curves.prefixes(np.array(order))
    for k in range(6):
        assert set(np.flatnonzero(~keep[k])) == set(order[:k])


# ---- sanity ----


def test_ranks_and_their_correlation_by_hand():
    assert statistics.ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1, 3.5, 2]
    assert statistics.rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert statistics.rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 1, 0])) == pytest.approx(-1)
    assert statistics.rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(
        0.8
    )
    assert statistics.rank_correlation(np.array([1.0, 2]), np.array([5.0, 5])) == 0


def small_classifier(vocab_size=11, seed=0, **options):
    mt.manual_seed(seed)
    sizes = {
        "d_model": 8,
        "nhead": 2,
        "dim_feedforward": 12,
        "dropout": 0.0,
        "position_scale": 1.0,
        **options,
    }
    return SequenceClassifier(ClassifierConfig(vocab_size, **sizes)).eval()


def test_randomisation_tells_those_that_look_from_those_that_do_not():
    model, ids = small_classifier(num_layers=2), np.arange(2, 11)
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}

    def blind(model, ids):
        return explain.Explanation("blind", ids, np.cos(ids), [0], 0.0)

    def sees(model, ids):
        return explain.lrp(model, ids, target=1)

    assert all(
        signed == pytest.approx(1) for _, signed, _ in explain.randomisation_check(blind, model, ids).steps
    )
    runs = [explain.randomisation_check(sees, model, ids, seed) for seed in range(8)]
    assert abs(np.mean([run.steps[-1][1] for run in runs])) < 0.4
    names = [name for name, _, _ in runs[0].steps]
    assert names[0] == "head" and names[-1] == "embedding" and "encoder.layers.1.linear2" in names
    assert all((p.numpy() == before[name]).all() for name, p in model.named_parameters())
    assert "head" in str(runs[0])


def test_the_cascade_ruins_one_layer_more_at_each_step():
    model, seen = small_classifier(), []

    def watch(model, ids):
        seen.append({name for name, p in model.named_parameters() if (p.numpy() != learned[name]).any()})
        return explain.Explanation("", ids, np.zeros(len(ids)), [0], 0.0)

    learned = {name: p.numpy().copy() for name, p in model.named_parameters()}
    explain.randomisation_check(watch, model, np.arange(2, 6))
    assert seen[0] == set() and {"head.weight", "head.bias"} == seen[1]
    assert (
        all(a <= b for a, b in zip(seen, seen[1:], strict=False))
        and "embedding.weight" in seen[-1] - seen[-2]
    )
    with pytest.raises(ValueError, match="expected parameters to randomise"):
        explain.randomisation_check(watch, nn.Dropout(), np.arange(2))


# ---- people ----


def test_marked_tokens():
    tokens = ["The", " soup", " was", " rich", " and", " warm", "."]
    assert explain.marked_tokens(tokens, [(13, 26)]).tolist() == [
        False,
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    assert explain.marked_tokens(tokens, [(12, 13)]).sum() == 0  # a space alone marks nothing
    assert explain.marked_tokens(tokens, [(0, 1), (26, 27)]).tolist() == [True] + 5 * [False] + [True]
    for spans in ([(0, 99)], [(3, 3)], [(-1, 2)]):
        with pytest.raises(ValueError, match="spans: expected 0 <= start < end <= 27"):
            explain.marked_tokens(tokens, spans)


def test_marks_of_the_shipped_reviews_are_their_rationales():
    reviews = load_reviews()
    tokenizer = WordTokenizer.train([r.text for r in reviews])
    shares = []
    for review in reviews:
        tokens = tokenizer.tokens(review.text)
        marked = explain.marked_tokens(tokens, review.rationale)
        said = "".join(t for t, m in zip(tokens, marked, strict=True) if m)
        assert "".join(said.split()) == "".join(
            "".join(review.text[a:b] for a, b in review.rationale).split()
        )
        shares.append(marked.mean())
    assert np.mean(shares) == pytest.approx(rationales.MARKED_SHARE, abs=0.03)


def test_agreement_by_hand():
    relevance, marked = np.array([5.0, 4, 3, 2, 1]), np.array([1, 0, 1, 0, 0])
    assert (
        explain.precision_at_k(relevance, marked) == 1 / 2
        and explain.precision_at_k(relevance, marked, 3) == 2 / 3
    )
    # of six pairs, one is the wrong way round
    assert explain.auroc(relevance, marked) == pytest.approx(5 / 6)
    assert explain.token_f1(relevance, marked, share=0.6) == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert explain.token_f1(relevance, marked, share=0.01) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert explain.auroc(np.zeros(5), marked) == 0.5
    assert explain.auroc(-relevance, marked) == pytest.approx(1 / 6)


@quick
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=12))
def test_auroc_counts_pairs(pairs):
    relevance, marked = map(np.array, zip(*pairs, strict=True))
    if marked.all() or not marked.any():
        for judge in (explain.auroc, explain.precision_at_k, explain.token_f1):
            with pytest.raises(ValueError, match="marked: expected some tokens marked and some not"):
                judge(relevance, marked)
        return
    wins = [(a > b) + (a == b) / 2 for a in relevance[marked] for b in relevance[~marked]]
    assert explain.auroc(relevance, marked) == pytest.approx(np.mean(wins))


def test_agreement_refused():
    for relevance in ([1.0, 2], [1.0, math.nan, 2], [[1.0, 2, 3]]):
        with pytest.raises(ValueError, match="expected finite relevance"):
            explain.auroc(relevance, [1, 0, 1])
    with pytest.raises(ValueError, match="share: expected more than 0"):
        explain.token_f1([1.0, 2], [0, 1], share=0)


# ---- a known answer ----


def test_planted_sequences():
    task = explain.PlantedTask(length=7, classes=3, signals=2, noise=5)
    ids, label, place = task.sample(400)
    assert (
        ids.shape == (400, 7)
        and task.vocab_size == 2 + 6 + 5
        and ids.min() >= 2
        and ids.max() < task.vocab_size
    )
    evidence = ids < 2 + 6
    assert (evidence.sum(axis=1) == 1).all() and (evidence.argmax(axis=1) == place).all()
    assert (ids[np.arange(400), place] // 2 == label).all()
    assert set(place) == set(range(7)) and set(label) == {1, 2, 3} and task.num_classes == 4
    assert set(ids[evidence]) == set(range(2, 8)) and set(ids[~evidence]) == set(range(8, 13))
    ids, label, place = task.sample(400, least=0)
    assert (
        set(label) == {0, 1, 2, 3}
        and ((place == -1) == (label == 0)).all()
        and ((ids < 8).any(axis=1) == (label > 0)).all()
    )
    assert (task.sample(5, 1)[0] == task.sample(5, 1)[0]).all() and (
        task.sample(5, 1)[0] != task.sample(5, 2)[0]
    ).any()


def test_evidence_by_hand():
    relevance = np.array([[1.0, 2, 3], [3, 2, 1], [2, 2, 1], [0, 0, 0]])
    assert explain.evidence_found(relevance, np.array([2, 1, 0, 0])) == pytest.approx(
        (1 + 0 + 1 / 2 + 1 / 3) / 4
    )


@pytest.fixture(scope="module")
def planted():
    task = explain.PlantedTask()
    with mt.backend("numpy"):
        model = small_classifier(
            task.vocab_size, num_classes=task.num_classes, d_model=16, dim_feedforward=32
        )
        right = explain.learn_planted(model, task, steps=200)
    return task, model, right


def test_methods_find_planted_evidence(planted):
    task, model, right = planted
    assert right >= 0.98 and not model.training
    ids, label, place = task.sample(60, seed=5)

    def found(method, **options):
        return explain.evidence_found(
            method(model, ids, **{"target": label.tolist(), **options}).relevance, place
        )

    assert found(explain.lrp) >= 0.95 and found(explain.lrp, rule="cp-lrp") >= 0.95
    others = (explain.generic_attention, explain.occlusion, explain.smooth_grad)
    assert all(found(method) >= 0.3 for method in others)  # chance: 1 / 12
    # evidence for one class is none for the other
    assert found(explain.lrp, target=(3 - label).tolist()) < 0.2
    assert explain.evidence_found(np.random.default_rng(0).normal(size=ids.shape), place) < 0.3


# ---- side by side ----


def test_interval():
    values = np.random.default_rng(0).normal(3, 2, 400)
    mean, low, high = statistics.bootstrap_interval(values)
    assert mean == pytest.approx(values.mean()) and high - low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.1)
    assert statistics.bootstrap_interval([5.0, 5.0]) == (5, 5, 5)
    covered = 0
    for seed in range(60):
        _, low, high = statistics.bootstrap_interval(np.random.default_rng(seed).normal(size=30), draws=400)
        covered += low < 0 < high
    assert 48 <= covered <= 60


def test_comparison(planted):
    task, model, _ = planted
    ids, label, place = task.sample(12, seed=6)
    cases = [
        explain.Case("", row, int(c), np.arange(12) == p) for row, c, p in zip(ids, label, place, strict=True)
    ]
    methods = explain.standard_methods(model, num_samples=100)
    assert "lime" not in methods
    some = ("lrp, attnlrp", "lrp, cp-lrp", "attention rollout", "kernel shap", "occlusion", "random")
    methods = {name: methods[name] for name in some}
    found = explain.compare(methods, partial(explain.logit_of, model), cases)
    table = found.table
    assert set(table) == set(methods) and set(table["random"]) == {
        *deletion_curves.METRICS,
        *comparison.AGREEMENT,
        "seconds",
    }
    for name in ("lrp, attnlrp", "lrp, cp-lrp", "kernel shap", "occlusion"):
        assert table[name]["delta_auc"][1] > table["random"]["delta_auc"][2], name
        assert table[name]["precision_at_k"][0] >= 0.75 and found.difference(name, "random")[1] > 0
    judged = explain.faithfulness(
        explain.logit_of(model, cases[3].target), cases[3].ids, methods["occlusion"](cases[3])
    )
    assert found.values["occlusion"]["delta_auc"][3] == pytest.approx(judged.delta_auc, abs=1e-6)
    assert len(found.curves["occlusion"]) == 12 and found.curves["occlusion"][0][0].shape == (13,)
    assert all(name in str(found) for name in (*methods, "delta_auc", "zero"))


def test_every_standard_method_explains_a_case(planted):
    task, model, _ = planted
    ids, label, _ = task.sample(1, seed=7)
    methods = explain.standard_methods(model, num_samples=30)
    found = [method(explain.Case("", ids[0], int(label[0]))) for method in methods.values()]
    assert len(found) == len({relevance.tobytes() for relevance in found}) == 10
    assert all(relevance.shape == ids[0].shape for relevance in found)


def test_reviews_as_cases():
    reviews = load_reviews()[:20] + [Review("good film", 1, ((0, 9),)), Review("bad film", 0)]
    tokenizer = WordTokenizer.train([r.text for r in reviews])
    cases = explain.review_cases(reviews, tokenizer)
    assert [c.text for c in cases] == [r.text for r in reviews] and [c.target for c in cases] == [
        r.label for r in reviews
    ]
    assert cases[-1].marked is None and cases[-2].marked is None
    for case, review in zip(cases[:20], reviews, strict=False):
        assert case.ids.tolist() == tokenizer.encode(review.text)
        assert (case.marked == explain.marked_tokens(tokenizer.tokens(review.text), review.rationale)).all()


def test_comparison_without_marks_and_with_lime():
    texts = ["good film, not bad", "a bad film"]
    tokenizer = WordTokenizer.train(texts)
    model = small_classifier(tokenizer.vocab_size)

    def predict(texts):
        return np.stack([model(mt.tensor([tokenizer.encode(t)]))[0].softmax(-1).numpy() for t in texts])

    cases = [explain.Case(t, np.array(tokenizer.encode(t)), 1) for t in texts]
    every = explain.standard_methods(model, tokenizer, predict, num_samples=50)
    found = explain.compare({"lime": every["lime"]}, partial(explain.logit_of, model), cases, replace="unk")
    assert set(found.table["lime"]) == {*deletion_curves.METRICS, "seconds"}
    assert all(found.values["lime"]["seconds"] > 0)
    for methods, some in (({}, cases), (every, [])):
        with pytest.raises(ValueError, match="expected methods and cases"):
            explain.compare(methods, partial(explain.logit_of, model), some)


def test_what_words_weigh_their_tokens_weigh():
    words = ["An", " ", "unbelievable", " ", "end", "."]
    found = explain.Explanation("LIME", np.arange(6), np.array([1.0, 0, 2, 0, 3, 0]), [1], 0.0, words)
    tokens = ["[CLS]", "an", "un", "##believ", "##able", "end", ".", "[SEP]"]
    assert comparison.token_weights(found, tokens).tolist() == [0, 1, 2, 2, 2, 3, 0, 0]


def test_lime_where_tokens_do_not_make_up_the_text():
    texts = ["A good film, not bad.", "An unbelievably bad film"]
    tokenizer = WordPieceTokenizer.train(texts, vocab_size=40)
    model = small_classifier(tokenizer.vocab_size)
    cases = explain.review_cases([Review(text, 1) for text in texts], tokenizer)
    assert "".join(cases[0].tokens) != texts[0]
    imitation = explain.standard_methods(
        model, tokenizer, partial(predict_proba, model, tokenizer), num_samples=30
    )["lime"]
    for case in cases:
        relevance = imitation(case)
        assert relevance.shape == case.ids.shape and relevance.any()
