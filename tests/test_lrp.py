"""Relevance of whole models: the ledger closes, the two forms agree, targets and batches are what they say."""

import copy
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lrp_models import IDS, MODELS, VOCAB, classifier, encoder_decoder, gated, language_model, randomize

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.autograd import Op
from minitransformer.explain.rules import PRESETS
from minitransformer.ops.networks.heads import merge_heads

BOTH_FORMS = ("attnlrp", "cp-lrp", "epsilon")
WAYS = [(rule, "explicit") for rule in PRESETS] + [(rule, "gradient") for rule in BOTH_FORMS]


def closes(ledger):
    """Total and every op, to 1e-10 of the scale; `lrp` itself would have raised."""
    gaps = [ledger.gap, *(row.gap for row in ledger.rows), *(row.gap for row in ledger.by_layer())]
    return max(map(abs, gaps)) <= 1e-10 * ledger.scale


@pytest.mark.parametrize("rule, form", WAYS)
@pytest.mark.parametrize("kind", MODELS)
def test_the_ledger_closes(kind, rule, form):
    ledger = explain.lrp(MODELS[kind](), IDS, rule=rule, form=form).ledger
    assert closes(ledger)
    assert ledger["bias"] != 0 and (ledger["positions"] != 0) == (kind != "gated")
    assert (ledger["softmax"] != 0) == (rule == "attnlrp")
    assert (ledger["epsilon"] != 0) == (form == "explicit")


sizes = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 3),
        "d_model": st.sampled_from([4, 8, 12]),
        "nhead": st.sampled_from([1, 2]),
        "dim_feedforward": st.integers(1, 16),
    }
)
shapes = st.fixed_dictionaries({"activation": st.sampled_from(["relu", "gelu"]), "norm_first": st.booleans()})
models = st.one_of(
    st.tuples(st.just(language_model), sizes, shapes),
    st.tuples(st.just(classifier), sizes, shapes),
    st.tuples(st.just(encoder_decoder), sizes, shapes, st.fixed_dictionaries({"bias": st.booleans()})),
    st.tuples(st.just(gated), sizes),
)


def closes_on_random_models(seed, model, way, length, padding):
    make, *options = model
    ids = np.random.default_rng(seed).integers(1, VOCAB, (2, length))
    ids[1, length - padding :] = 0
    model = make(seed, **{name: value for part in options for name, value in part.items()})
    rule, form = way
    assert closes(explain.lrp(model, ids, rule=rule, form=form, position=[-1, length - padding - 1]).ledger)


random_models = given(
    st.integers(0, 10**6), models, st.sampled_from(WAYS), st.integers(3, 7), st.integers(0, 2)
)
test_the_ledger_closes_on_random_models = settings(max_examples=15, deadline=None)(
    random_models(closes_on_random_models)
)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_ledger_closes_on_200_random_models(way):
    every = given(st.integers(0, 10**6), models, st.just(way), st.integers(3, 7), st.integers(0, 2))
    settings(max_examples=200, deadline=None)(every(closes_on_random_models))()


@pytest.mark.parametrize("rule", BOTH_FORMS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("ids", [IDS, [IDS, IDS[:4] + [0, 0]]])
def test_both_forms_agree_without_a_stabiliser(kind, rule, ids):
    model = MODELS[kind]()
    gradient = explain.lrp(model, ids, rule=rule)
    explicit = explain.lrp(model, ids, rule=rule, form="explicit", eps=1e-14)
    assert abs(gradient.relevance - explicit.relevance).max() <= 1e-8 * abs(gradient.relevance).max()
    for sink, amount in gradient.ledger.items():
        assert abs(amount - explicit.ledger[sink]) <= 1e-8 * gradient.ledger.scale


@pytest.mark.parametrize("rule", BOTH_FORMS)
@pytest.mark.parametrize("make", [language_model, classifier, encoder_decoder])
def test_fused_attention_explains_as_the_clear_form_does(make, rule):
    model, ids = make(), [IDS, IDS[:4] + [0, 0]]
    fused = explain.lrp(model, ids, target=1, rule=rule)
    with mt.nn.record_attention():
        clear = explain.lrp(model, ids, target=1, rule=rule)
    assert any(row.op == "Softmax" for row in clear.ledger.rows) == (rule == "attnlrp")
    assert any(row.op == "MatMul" for row in clear.ledger.rows) and not any(
        row.op == "MatMul" for row in fused.ledger.rows
    )
    assert np.allclose(fused.relevance, clear.relevance, rtol=0, atol=1e-12 * abs(clear.relevance).max())
    for sink, amount in fused.ledger.items():
        assert abs(amount - clear.ledger[sink]) <= 1e-12 * clear.ledger.scale


@pytest.mark.parametrize("rule, form", WAYS)
@pytest.mark.parametrize("kind", MODELS)
def test_float32_closes_too(kind, rule, form):
    ledger = explain.lrp(MODELS[kind]().float(), IDS, rule=rule, form=form).ledger
    assert ledger.closes and ledger.tolerance == 1e-4


def in_half_precision(kind, times):
    """A model whose weights, and so its scores, are larger than those drawn for a start."""
    model = MODELS[kind]()
    with mt.no_grad():
        for p in model.parameters():
            p.mul_(times)
    return model.half()


@pytest.mark.parametrize("rule, form", WAYS)
@pytest.mark.parametrize("kind", MODELS)
def test_half_precision_closes_too(kind, rule, form):
    """Scores of hundreds, rounded to eleven digits: what a softmax sends on and absorbs is nearly all cancelled."""
    for times in (1, 4):
        ledger = explain.lrp(in_half_precision(kind, times), IDS, rule=rule, form=form).ledger
        assert ledger.closes and ledger.tolerance < 0.02


def test_the_tolerance_of_half_precision_grows_with_depth():
    shallow, deep = (explain.lrp(language_model(num_layers=n).half(), IDS).ledger for n in (1, 6))
    assert shallow.tolerance < deep.tolerance < 3 * shallow.tolerance


def test_a_number_too_large_for_half_precision_is_told_as_such():
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="a number is too large for float16"):
        explain.lrp(in_half_precision("gated", 8), IDS)


def test_a_layer_passes_on_what_the_next_receives():
    rows = {row.layer: row for row in explain.lrp(language_model(), IDS).ledger.by_layer(depth=1)}
    assert {"head", "encoder", "positions", "embedding"} <= set(rows)
    assert rows["head"].passed_on == pytest.approx(rows["encoder"].received, abs=1e-12)
    assert rows["embedding"].absorbed["tokens"] == pytest.approx(rows["embedding"].received, abs=1e-12)
    assert rows["positions"].absorbed["positions"] != 0


def test_tables_name_layers_and_ops():
    ledger = explain.lrp(language_model(), IDS).ledger
    assert "encoder.layers.1.linear1" in ledger.table() and "Attention" not in ledger.table()
    assert "encoder.layers.0.self_attn Attention" in ledger.table("op")
    assert len(ledger.table(depth=1).splitlines()) == 1 + len(ledger.by_layer(1))
    with pytest.raises(ValueError, match="'layer' or 'op'"):
        ledger.table("colour")


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_logits_that_are_ruled_out_do_not_matter(form):
    class Forbids(mt.nn.Module):
        def forward(self, x):
            return x.masked_fill(mt.tensor([True] + [False] * (VOCAB - 1)), -np.inf)

    model = language_model()
    expected = explain.lrp(model, IDS, target=3, form=form).relevance
    model.head = mt.nn.Sequential(model.head, Forbids())
    assert np.array_equal(explain.lrp(model, IDS, target=3, form=form).relevance, expected)


def test_a_logit_difference_is_the_difference_of_explanations():
    model = language_model()
    a, b = (explain.lrp(model, IDS, target=t) for t in (2, 7))
    contrast = explain.lrp(model, IDS, target=(2, 7))
    assert contrast.target == [(2, 7)]
    assert contrast.output == pytest.approx(a.output - b.output, abs=1e-12)
    assert np.allclose(contrast.relevance, a.relevance - b.relevance, rtol=0, atol=1e-12)
    assert closes(contrast.ledger)


def logits_of(model, ids):
    return model(mt.tensor([ids])).detach().numpy().reshape(-1, VOCAB)[-1]


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_log_odds_are_those_of_the_probability_and_accounted_for(form):
    model = language_model()
    z = logits_of(model, IDS)
    p = np.exp(z[3]) / np.exp(z).sum()
    found = explain.lrp(model, IDS, target=explain.LogOdds(3), form=form)
    assert found.target == [explain.LogOdds(3)] and "output 3 less all others" in found.to_html()
    assert found.output == found.ledger["total"] == pytest.approx(np.log(p / (1 - p)), abs=1e-12)
    assert closes(found.ledger)


def test_log_odds_share_out_the_other_logits_by_their_softmax():
    model = language_model()
    z = logits_of(model, IDS)
    each = [explain.lrp(model, IDS, target=t).relevance for t in range(VOCAB)]
    others = np.delete(np.arange(VOCAB), 3)
    p = np.exp(z[others]) / np.exp(z[others]).sum()
    expected = each[3] - sum(share * each[t] for share, t in zip(p, others, strict=True))
    assert np.allclose(
        explain.lrp(model, IDS, target=explain.LogOdds(3)).relevance, expected, rtol=0, atol=1e-11
    )


def test_log_odds_in_other_methods():
    model, target = language_model(), explain.LogOdds(3)
    found = explain.integrated_gradients(model, IDS, target=target, steps=200)
    assert abs(found.completeness_error) < 1e-4 * abs(found.output)
    assert explain.occlusion(model, IDS, target=target).output == pytest.approx(found.output)
    asked = explain.logit_of(model, target)(mt.tensor([IDS]))
    assert float(asked.numpy()[0]) == pytest.approx(found.output, abs=1e-12)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("kind", MODELS)
def test_batches_are_sequences_side_by_side(kind, form):
    model, texts = MODELS[kind](), [IDS, IDS[::-1]]
    together = explain.lrp(model, texts, target=[1, (0, 1)], position=[2, -1], form=form).relevance
    alone = [
        explain.lrp(model, texts[0], target=1, position=2, form=form).relevance,
        explain.lrp(model, texts[1], target=(0, 1), form=form).relevance,
    ]
    assert np.allclose(together, alone, rtol=0, atol=1e-10 * abs(together).max())


@pytest.mark.parametrize("rule, form", WAYS)
@pytest.mark.parametrize("make", [classifier, encoder_decoder, language_model])
def test_padding_does_not_matter(make, rule, form):
    model, n = make(), len(IDS)
    padded = explain.lrp(
        model, [IDS + [0, 0], IDS[::-1] + [0, 0]], target=1, position=n - 1, rule=rule, form=form
    ).relevance
    alone = [explain.lrp(model, ids, target=1, rule=rule, form=form).relevance for ids in (IDS, IDS[::-1])]
    assert np.allclose(padded[:, :n], alone, rtol=0, atol=1e-9 * np.abs(alone).max())
    assert not padded[:, n:].any()


class OneLayer(mt.nn.Module):
    """ids (B, T), or (T, B), -> logits of the same layout."""

    def __init__(self, batch_first):
        super().__init__()
        self.embedding, self.head = mt.nn.Embedding(VOCAB, 8), mt.nn.Linear(8, VOCAB)
        self.layer = mt.nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)

    def forward(self, ids):
        return self.head(self.layer(self.embedding(ids)))


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_a_model_that_takes_time_first(form):
    tokens, inside = [], []
    for batch_first in (True, False):
        model = randomize(OneLayer(batch_first))
        options = {"position": [1, 2], "form": form, "batch_first": batch_first}
        tokens.append(explain.lrp(model, [IDS, IDS[::-1]], **options).relevance)
        inside.append(explain.layer_relevance(model, [IDS, IDS[::-1]], pattern="layer", **options)["layer"])
    assert tokens[0].shape == inside[0].shape == (2, 6) and tokens[0].any() and inside[0].any()
    assert np.allclose(*tokens, rtol=0, atol=1e-10)
    assert np.allclose(*inside, rtol=0, atol=1e-10)


def test_frozen_models_are_explained_and_left_as_they_were():
    model = language_model().requires_grad_(False).train()
    model.positions.dropout.p = model.encoder.layers[0].dropout.p = 0.5
    explain.lrp(model, IDS)
    assert model.training and not any(p.requires_grad for p in model.parameters())
    assert not any("forward" in vars(module) for module in model.modules())


def test_a_forward_of_its_own_is_left_to_a_module():
    model = language_model()
    usual = model.head.forward
    model.head.forward = lambda x: usual(x) * 2
    own, before = model.head.forward, explain.lrp(model, IDS)
    assert model.head.forward is own
    assert explain.lrp(model, IDS).output == before.output and before.ledger.rows[0].op == "Mul"


def test_layers_hold_all_relevance_there_is():
    model = language_model(norm_first=False)
    e = explain.lrp(model, IDS)
    layers = explain.layer_relevance(model, IDS)
    assert list(layers) == ["encoder.layers.0", "encoder.layers.1"]
    received = {row.layer: row.received for row in e.ledger.by_layer(depth=3)}
    for name, relevance in layers.items():
        assert relevance.shape == (len(IDS),)
        assert relevance.sum() == pytest.approx(received[name], abs=1e-12)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_of_layers_and_heads_is_that_of_their_tensors(form):
    model = classifier(num_layers=2)
    heads = explain.head_relevance(model, IDS, target=1, form=form, eps=1e-12)
    assert [h.shape for h in heads.values()] == [(2, len(IDS))] * 2
    first = model.encoder.layers[0]
    x = model.positions(model.embedding(mt.tensor([IDS])) * 8**0.5)
    q, k, v = first.self_attn._project(*[first.norm1(x)] * 3)
    mixed = mt.nn.functional.scaled_dot_product_attention(q, k, v)
    x = x + first.self_attn.out_proj(merge_heads(mixed))
    x = x + first.feed_forward(first.norm2(x))
    logits = model.head(model.encoder.norm(model.encoder.layers[1](x)).mean(1))
    (expected, after) = explain.relevance(logits[0, 1], [mixed, x], form=form, eps=1e-12)
    assert np.allclose(heads["encoder.layers.0.self_attn"], expected.sum(-1)[0], rtol=0, atol=1e-7)
    layers = explain.layer_relevance(model, IDS, target=1, form=form, eps=1e-12)
    assert np.allclose(layers["encoder.layers.0"], after.sum(-1)[0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_an_output_that_is_nan_is_told(form):
    model = classifier()
    model.encoder.layers[0].linear1.weight.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="expected a finite output to explain, got nan"):
        explain.lrp(model, IDS, target=1, form=form)


def test_layers_that_are_not_there():
    with pytest.raises(ValueError, match=r"decoder.*encoder\.layers\.0"):
        explain.layer_relevance(language_model(), IDS, pattern="decoder.*")


def test_account_adds_up_for_any_tensors():
    x = mt.tensor(np.random.default_rng(0).standard_normal((3, 4)), requires_grad=True)
    layer = encoder_decoder().encoder.layers[0]
    h = layer(mt.nn.functional.pad(x, (0, 4)).unsqueeze(0))
    (inner, outer), ledger = explain.account(h[0, 1, 2], [h, x])
    assert closes(ledger) and ledger["tokens"] == pytest.approx(outer.sum(), abs=1e-12)
    assert inner.sum() == pytest.approx(h[0, 1, 2].item(), abs=1e-12)


OF_NUMBERS = {
    "add": lambda x: x + 1.5,
    "subtract": lambda x: 2.0 - x,
    "divide": lambda x: 1.5 / (x * x + 1),
    "fill": lambda x: x.masked_fill(x > 0, 1.5),
    "where": lambda x: mt.where(x > 0, x, 1.0),
    "clamp": lambda x: x.clamp(-0.1, 0.1),
}


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_amounts_are_plain_numbers_that_json_can_hold(name, form):
    """Also those of Python numbers among the inputs, in float32."""
    x = mt.tensor(np.random.default_rng(0).normal(size=(3, 4)).astype("float32"), requires_grad=True)
    _, ledger = explain.account(OF_NUMBERS[name](x).sum(), [x], form=form)
    assert {type(amount) for amount in dict(ledger).values()} == {float}


def test_an_op_without_a_rule_raises_by_name():
    class Cube(Op):
        def forward(self, x):
            return x**3

        def vjp(self, g, x):
            return (g * 3 * x**2,)

    x = mt.tensor([1.0, 2.0], requires_grad=True)
    for form in ("gradient", "explicit"):
        with pytest.raises(NotImplementedError, match="Cube: no relevance rule"):
            explain.relevance(Cube()(x).sum(), [x], form=form)


class Squasher(mt.nn.Module):
    def forward(self, x):
        return (x * 9).round()


def test_an_op_without_a_rule_raises_with_its_layer():
    model = language_model()
    model.encoder.norm = Squasher()
    with pytest.raises(
        NotImplementedError, match=r"round in layer 'encoder.norm'.*constant between its steps"
    ):
        explain.lrp(model, IDS)


@pytest.mark.parametrize("rule", sorted(set(PRESETS) - set(BOTH_FORMS)))
def test_rules_without_a_gradient_form_say_so(rule):
    with pytest.raises(
        ValueError, match=r"Linear in layer '[a-z0-9._]+'.*no gradient form; pass form='explicit'"
    ):
        explain.lrp(language_model(), IDS, rule=rule)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"rule": "magic"}, ValueError, "attnlrp"),
        ({"rule": explain.Gamma()}, TypeError, "Composite"),
        ({"form": "other"}, ValueError, "explicit"),
        ({"target": 11}, IndexError, "target"),
        ({"target": -1}, IndexError, "target"),
        ({"target": (1, 11)}, IndexError, "target"),
        ({"target": (1, 1)}, ValueError, "different"),
        ({"target": explain.LogOdds(11)}, IndexError, "target"),
        ({"target": (1, 2, 3)}, ValueError, "list"),
        ({"target": [1, 2]}, ValueError, "one for each of 1"),
        ({"position": 6}, IndexError, "position"),
        ({"position": [0, 1]}, ValueError, "position"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        explain.lrp(language_model(), IDS, **options)


def test_empty_text():
    with pytest.raises(ValueError, match="at least one token"):
        explain.lrp(language_model(), np.zeros(0, int))


def test_relevance_of_what_does_not_matter():
    x, y = mt.tensor([1.0], requires_grad=True), mt.tensor([2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"wrt\[1\]"):
        explain.relevance((x * 2).sum(), [x, y])
    with pytest.raises(ValueError, match="one recorded number"):
        explain.relevance(mt.tensor([1.0, 2.0]), [x])


def test_an_explanation_shows_itself_and_escapes_tokens(tmp_path, capsys):
    e = explain.lrp(language_model(), IDS, tokens=["<b>", "a", " ", "\n", "&", "z"])
    assert "<b>" not in e.to_html() and "&lt;b&gt;" in e.to_html()
    e.save(tmp_path / "page.html")
    assert "://" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    e.show()
    assert "softmax" in capsys.readouterr().out
    assert "gap" in repr(e)


def test_a_ledger_in_a_narrow_terminal_keeps_its_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    explain.lrp(language_model(), IDS).show()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[-12:])) <= 40 and f"{'':25}input explains" in lines


class Stack(nn.Module):
    """The same layer three times, or three of the same weights; beside them it reads another text, as a siamese tower does."""

    def __init__(self, shared):
        super().__init__()
        mt.manual_seed(0)
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 3)
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.layers = nn.ModuleList([layer if shared else copy.deepcopy(layer) for _ in range(4)])

    def forward(self, ids):
        other = self.layers[0](self.embedding(mt.tensor([[7, 8, 9, 1, 2]] * len(ids))))
        x = self.embedding(ids)
        for layer in list(self.layers)[1:]:
            x = layer(x)
        return self.head(x.mean(1) * other.mean(1))


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize(
    "find", [partial(explain.layer_relevance, pattern="layers.*"), explain.head_relevance]
)
@pytest.mark.parametrize("ids", [[3, 1, 4], [[3, 1, 4], [1, 5, 9]], [3, 1, 4, 1, 5]])
def test_a_layer_that_is_called_again_tells_each_call(ids, find, form):
    once, again = (
        find(Stack(shared).double(), np.array(ids), target=1, form=form) for shared in (False, True)
    )
    name = next(iter(again))
    assert list(again) == [name, f"{name}, call 2", f"{name}, call 3", f"{name}, call 4"] and len(once) == 4
    for expected, found in zip(once.values(), again.values(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * abs(expected).max())
    assert again[name].shape[-1] == 5 and abs(again[name]).max() > 0  # of the other text
