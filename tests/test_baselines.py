"""The baselines: each against its definition, and closed forms on small models."""

import article
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.explain import attention_flow, gradient_methods
from minitransformer.explain.perturbation import ask_logit
from minitransformer.explain.question import Question, changed_embeddings
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig

SIZES = {"vocab_size": 11, "d_model": 8, "nhead": 2, "dim_feedforward": 12}
IDS = [3, 1, 4, 5, 9]  # no token twice: each has a row of its own
quick = settings(max_examples=15, deadline=None)


def randomized(model, seed=0):
    random = np.random.default_rng(seed)
    with mt.no_grad():
        for p in model.parameters():
            p.copy_(mt.tensor(random.normal(0, 0.4, p.shape)))
    return model.double().eval()


def classifier(seed=0, **options):
    return randomized(SequenceClassifier(ClassifierConfig(**SIZES, **options)), seed)


def language_model(seed=0, **options):
    return randomized(LanguageModel(LanguageModelConfig(**SIZES, **options)), seed)


class Bag(nn.Module):
    """logit_c = (sum over tokens of w_c . x)^power: what each token deserves is known."""

    def __init__(self, power=1, seed=0):
        super().__init__()
        self.embedding, self.head, self.power = nn.Embedding(11, 4), nn.Linear(4, 3, bias=False), power
        randomized(self, seed)

    def forward(self, ids):
        return self.head(self.embedding(ids).sum(1)) ** self.power

    def shares(self, ids, target):
        """w_c . x of each token."""
        return self.embedding.weight.numpy()[np.asarray(ids)] @ self.head.weight.numpy()[target]


METHODS = [
    explain.gradient_x_input,
    explain.integrated_gradients,
    explain.smooth_grad,
    explain.occlusion,
    explain.attention_rollout,
    explain.generic_attention,
]
GRADIENTS = METHODS[:3]


# ---- what all have in common ----


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [classifier, language_model])
def test_a_batch_is_its_sequences_one_by_one(method, make):
    model, ids = make(num_layers=2), np.array([IDS, [2, 7, 8, 6, 10]])
    options = {"noise": 0.0} if method is explain.smooth_grad else {}  # noise is drawn for the whole batch
    together = method(model, ids, target=[1, 0], **options)
    for row, target, found in zip(ids, [1, 0], together.relevance, strict=True):
        alone = method(model, row, target=target, **options)
        assert alone.relevance.shape == (5,)
        np.testing.assert_allclose(found, alone.relevance, rtol=0, atol=1e-12)
    assert together.target == [1, 0] and together.relevance.shape == ids.shape


@pytest.mark.parametrize("method", METHODS)
def test_padding_gets_nothing_and_changes_nothing(method):
    model = classifier(num_layers=2)
    options = {"noise": 0.0} if method is explain.smooth_grad else {}
    alone, padded = (method(model, ids, target=1, **options).relevance for ids in (IDS, [*IDS, 0, 0]))
    np.testing.assert_allclose(padded[:5], alone, rtol=0, atol=1e-12)
    assert abs(padded[5:]).max() <= 1e-15 and abs(alone).max() > 1e-3


@pytest.mark.parametrize("method", METHODS[1:])  # the first looks for ids on the tape as they were passed
def test_models_that_take_time_first(method):
    ours, _ = article.article_models()
    ours.eval()

    class BatchFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = ours

        def forward(self, ids):
            return self.model(ids.transpose(0, 1)).transpose(0, 1)

    ids, _ = article.article_batch(batch=2)
    first = method(ours, ids.T, target=[3, 4], position=-2, batch_first=False).relevance
    np.testing.assert_allclose(
        first, method(BatchFirst().eval(), ids.T, target=[3, 4], position=-2).relevance, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(method):
    model = classifier().train()
    model.embedding.requires_grad_(False)
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}
    with mt.no_grad():
        found = method(model, IDS, target=1)
    assert model.training and not model.embedding.weight.requires_grad and model.head.weight.requires_grad
    assert all((p.numpy() == before[name]).all() and p.grad is None for name, p in model.named_parameters())
    assert found.output == pytest.approx(model.eval()(mt.tensor([IDS]))[0, 1].item(), abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"ids": []}, ValueError, "ids: expected integers"),
        ({"ids": [0.5]}, ValueError, "ids: expected integers"),
        ({"target": 2}, IndexError, "target: 2 is outside the 2 logits"),
    ],
)
def test_bad_input(method, options, error, message):
    with pytest.raises(error, match=message):
        method(classifier(), **{"ids": IDS, "target": 1, **options})


def test_one_token():
    for method in METHODS:
        assert np.isfinite(method(classifier(), [4], target=0).relevance).all()


# ---- gradients ----


def test_gradient_x_input_is_the_slope_along_each_embedding():
    model, h = classifier(num_layers=1), 1e-6
    found = explain.gradient_x_input(model, IDS, target=1).relevance
    row = model.embedding.weight
    for token, relevance in zip(IDS, found, strict=True):
        logits = []
        for factor in (1 + h, 1 - h):
            before = row.numpy()[token].copy()
            row.data[token] = mt.tensor(before * factor)
            with mt.no_grad():
                logits.append(model(mt.tensor([IDS]))[0, 1].item())
            row.data[token] = mt.tensor(before)
        assert relevance == pytest.approx((logits[0] - logits[1]) / (2 * h), abs=1e-8)
    assert np.abs(found).max() > 1e-3


@pytest.mark.parametrize("method", [*GRADIENTS, explain.occlusion])
def test_a_linear_model_is_shared_out_as_it_is(method):
    model = Bag()
    np.testing.assert_allclose(
        method(model, IDS, target=2).relevance, model.shares(IDS, 2), rtol=0, atol=1e-12
    )


def test_a_square_is_shared_out_by_integrals_and_not_by_gradients():
    model = Bag(power=2)
    shares = model.shares(IDS, 1)
    # one Gauss point is exact for a slope linear in a
    integrated = explain.integrated_gradients(model, IDS, target=1, steps=1)
    np.testing.assert_allclose(integrated.relevance, shares * shares.sum(), rtol=0, atol=1e-12)
    assert abs(integrated.completeness_error) < 1e-12
    np.testing.assert_allclose(
        explain.gradient_x_input(model, IDS, 1).relevance, 2 * shares * shares.sum(), rtol=0, atol=1e-12
    )
    rest = shares.sum() - shares
    np.testing.assert_allclose(
        explain.occlusion(model, IDS, 1).relevance, shares.sum() ** 2 - rest**2, rtol=0, atol=1e-12
    )


@quick
@given(st.integers(1, 40))
def test_quadratures_integrate(n):
    for name, rule in gradient_methods.QUADRATURES.items():
        if name == "trapezoid" and n == 1:
            continue
        points, weights = rule(n)
        assert len(points) == len(weights) == n and weights.sum() == pytest.approx(1, abs=1e-13)
        assert points.min() >= 0 and points.max() <= 1
        order = {"gauss-legendre": 2 * n - 1, "middle": 1, "trapezoid": 1}.get(name, 0)
        assert weights @ points**order == pytest.approx(1 / (order + 1), abs=1e-12)


def test_completeness_error_falls_with_steps_and_is_what_is_missing():
    model = classifier(num_layers=2)
    runs = [explain.integrated_gradients(model, IDS, target=1, steps=n) for n in (2, 8, 60)]
    errors = [abs(run.completeness_error) for run in runs]
    assert errors[0] > 1e-6 and errors[2] < 1e-5 * errors[0]
    for run in runs:
        with changed_embeddings(np.array([IDS]), lambda embedding, x: x * 0):
            nothing = ask_logit(explain.logit_of(model, 1), np.array([IDS]))[0]
        assert run.baseline_output == pytest.approx(nothing, abs=1e-12)
        assert run.completeness_error == pytest.approx(
            run.relevance.sum() - (run.output - nothing), abs=1e-12
        )
    assert f"completeness error {runs[0].completeness_error:+.2e}" in repr(runs[0])


def test_a_path_from_a_token_to_itself_has_no_length():
    found = explain.integrated_gradients(classifier(), [4, 4, 4], target=1, baseline=4)
    assert abs(found.relevance).max() == 0 and found.baseline_output == pytest.approx(found.output, abs=1e-15)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"quadrature": "simpson"}, {"steps": 1, "quadrature": "trapezoid"}]
)
def test_integrals_refused(options):
    with pytest.raises(ValueError, match="steps"):
        explain.integrated_gradients(classifier(), IDS, **options)
    with pytest.raises(IndexError, match="baseline: expected an id from 0 to 10"):
        explain.integrated_gradients(classifier(), IDS, baseline=11)


def test_smooth_grad_without_noise_is_gradient_x_input_and_with_noise_a_mean():
    model = classifier()
    plain = explain.gradient_x_input(model, IDS, 1).relevance
    np.testing.assert_allclose(
        explain.smooth_grad(model, IDS, 1, noise=0.0).relevance, plain, rtol=0, atol=1e-12
    )
    one, same, other = (
        explain.smooth_grad(model, IDS, 1, num_samples=3, seed=s).relevance for s in (1, 1, 2)
    )
    assert (one == same).all() and abs(one - other).max() > 1e-6
    for samples, noise in ((0, 0.1), (2, -0.1)):
        with pytest.raises(ValueError, match="expected samples >= 1 and noise >= 0"):
            explain.smooth_grad(model, IDS, num_samples=samples, noise=noise)


def test_smooth_grad_is_the_mean_slope_of_a_cubic():
    model = Bag(power=3)  # E[3 (s + n)^2] = 3 s^2 + 3 var n
    shares, vectors = model.shares(IDS, 1), model.embedding.weight.numpy()[IDS]
    variance = (
        (0.2 * (vectors.max() - vectors.min())) ** 2 * len(IDS) * (model.head.weight.numpy()[1] ** 2).sum()
    )
    found = explain.smooth_grad(model, IDS, 1, num_samples=1200, noise=0.2).relevance
    expected = shares * (3 * shares.sum() ** 2 + 3 * variance)
    wrong = shares * 3 * shares.sum() ** 2
    assert abs(found - expected).max() < 0.2 * abs(expected - wrong).max()


# ---- occlusion ----


def test_occlusion_by_each_replacement():
    model = classifier(num_layers=2)

    def logit(ids):
        return model(mt.tensor([ids]))[0, 1].item()

    whole = logit(IDS)
    unknown = [whole - logit(IDS[:i] + [1] + IDS[i + 1 :]) for i in range(5)]
    shorter = [whole - logit(IDS[:i] + IDS[i + 1 :]) for i in range(5)]
    np.testing.assert_allclose(
        explain.occlusion(model, IDS, 1, replace="unk").relevance, unknown, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        explain.occlusion(model, IDS, 1, replace="delete").relevance, shorter, rtol=0, atol=1e-12
    )
    silent = []
    for token in IDS:
        model.embedding.weight.data[token] = (
            mt.tensor(row := model.embedding.weight.numpy()[token].copy()) * 0
        )
        silent.append(whole - logit(IDS))
        model.embedding.weight.data[token] = mt.tensor(row)
    np.testing.assert_allclose(explain.occlusion(model, IDS, 1).relevance, silent, rtol=0, atol=1e-12)
    alone = explain.occlusion(model, [4], 1, replace="delete", unk_id=7).relevance[0]
    # of a text all gone, one unknown token is left
    assert alone == pytest.approx(logit([4]) - logit([7]), abs=1e-12)


def test_masks_by_hand():
    seen = []

    def logit(ids):
        seen.append(ids.tolist())
        return ids.numpy().sum(axis=1)

    keep = [[1, 1, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert explain.masked_logits(logit, [5, 6, 7], keep, "unk").tolist() == [18, 8, 3, 9]
    assert explain.masked_logits(logit, [5, 6, 7], keep, "delete").tolist() == [18, 6, 1, 7]
    assert [[6], [7]] in seen and [[1, 6, 1]] not in seen
    for arguments, message in [
        (([5, 6], keep, "unk"), r"keep: expected shape \(N, 2\)"),
        (([5, 6, 7], keep, "mask"), "replace: expected one of zero, unk, delete, got 'mask'"),
        (([[5, 6, 7]], keep, "unk"), "ids: expected one sequence of integers"),
        (([5, 6, 7], keep, "zero"), "expected a model that looks these ids up in an nn.Embedding"),
    ]:
        with pytest.raises(ValueError, match=message):
            explain.masked_logits(logit, *arguments)


def test_other_lookups_are_left_alone():
    class WithPositions(Bag):
        def __init__(self):
            super().__init__()
            self.place = randomized(nn.Embedding(5, 4), seed=1)

        def forward(self, ids):
            return self.head((self.embedding(ids) + self.place(mt.arange(ids.shape[1]))).sum(1))

    model = WithPositions()
    found = explain.masked_logits(explain.logit_of(model, 1), IDS, np.zeros((1, 5)), "zero")[0]
    assert found == pytest.approx(
        (model.place.weight.numpy().sum(0) @ model.head.weight.numpy()[1]), abs=1e-12
    )


# ---- attention ----


def test_rollout_by_hand():
    # (1, 2, 2, 2): mean over heads all 1/2
    first = np.array([[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]])
    second = np.array([[[[1.0, 0.0], [1.0, 0.0]]]])
    # (A + I) / 2 is [[3/4, 1/4], [1/4, 3/4]], then [[1, 0], [1/2, 1/2]]
    expected = np.array([[1.0, 0.0], [0.5, 0.5]]) @ np.array([[0.75, 0.25], [0.25, 0.75]])
    np.testing.assert_allclose(attention_flow.rollout([first, second])[0], expected, rtol=0, atol=1e-15)
    backwards = attention_flow.rollout([second, first])[0]
    assert abs(backwards - expected).max() > 0.1


def test_gradient_rollout_by_hand():
    weights = [np.array([[[[0.5, 0.5], [0.25, 0.75]]]]), np.array([[[[1.0, 0.0], [0.5, 0.5]]]])]
    slopes = [np.array([[[[2.0, -4.0], [4.0, 0.0]]]]), np.array([[[[1.0, 9.0], [2.0, -2.0]]]])]
    # (slope A)+ is [[1, 0], [1, 0]], then [[1, 0], [1, 0]]: R = I + [[1, 0], [1, 0]], then R + [[1, 0], [1, 0]] R
    expected = [[4.0, 0.0], [3.0, 1.0]]
    np.testing.assert_allclose(
        attention_flow.gradient_rollout(weights, slopes)[0], expected, rtol=0, atol=1e-15
    )


def test_rollout_reads_the_row_that_the_model_reads():
    model = language_model(num_layers=2)
    with nn.record_attention() as recorded, mt.no_grad():
        model(mt.tensor([IDS]))
    flow = attention_flow.rollout([w.numpy() for w in recorded])[0]
    for position in range(5):
        found = explain.attention_rollout(model, IDS, position=position).relevance
        np.testing.assert_allclose(found, flow[position], rtol=0, atol=1e-12)
        assert abs(found[position + 1 :]).max(initial=0) == 0 and found.sum() == pytest.approx(1, abs=1e-12)


def test_a_classifier_reads_all_tokens_or_one():
    model = classifier(num_layers=2)
    each = [explain.attention_rollout(model, [*IDS, 0], pooled=i).relevance for i in range(5)]
    np.testing.assert_allclose(
        explain.attention_rollout(model, [*IDS, 0]).relevance, np.mean(each, axis=0), rtol=0, atol=1e-12
    )


def test_slopes_of_attention_weights(monkeypatch):
    model, h = classifier(num_layers=2), 1e-6
    right, places = nn.attention.clear_attention, {}

    def nudged(q, k, v, *options):
        heads, weights = right(q, k, v, *options)
        layer = places["layer"] = places["layer"] + 1
        nudge = np.zeros(weights.shape)
        nudge[places["entry"][1:]] = places["by"] * (layer == places["entry"][0])
        return heads + mt.tensor(nudge) @ v, weights

    asked = Question(model, IDS, 1, attention=True)
    slopes = attention_flow.attention_slopes(asked)
    monkeypatch.setattr(nn.attention, "clear_attention", nudged)
    for entry in [(0, 0, 0, 1, 2), (0, 0, 1, 4, 0), (1, 0, 0, 3, 3), (1, 0, 1, 0, 2)]:
        logits = []
        for by in (h, -h):
            places.update(layer=-1, entry=entry, by=by)
            with nn.record_attention(), mt.no_grad():
                logits.append(model(mt.tensor([IDS]))[0, 1].item())
        assert slopes[entry[0]][entry[1:]] == pytest.approx((logits[0] - logits[1]) / (2 * h), abs=1e-8)
    flow = attention_flow.gradient_rollout(attention_flow.attention_weights(asked), slopes)[0]
    np.testing.assert_allclose(
        explain.generic_attention(model, IDS, 1).relevance, flow.mean(axis=0), rtol=0, atol=1e-12
    )


def test_attention_methods_want_self_attention():
    for method in (explain.attention_rollout, explain.generic_attention):
        with pytest.raises(ValueError, match="expected self-attention only, .* got none"):
            method(Bag(), IDS)
