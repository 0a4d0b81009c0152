"""Pictures of explanations: what they show is what was given, for any token, in a notebook, a terminal, a page or an image."""

import base64
import html
import io
import re

import numpy as np
import pytest
from rich.console import Console

import minitransformer as mt
from minitransformer import explain
from minitransformer.explain import pictures
from minitransformer.explain.deletion_curves import Faithfulness
from minitransformer.explain.explanation import Explanation, Ledger, Row
from minitransformer.explain.pictures.curves import band
from minitransformer.explain.pictures.flow import PASSED, parts
from minitransformer.explain.pictures.layers import short_names
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.pictures import LossCurve
from minitransformer.pictures.ticks import labelled, round_step, round_ticks

TOKENS = ["<script>", "$\\alpha$", '"&"', "\n", "好"]
VALUES = np.array([1.0, -0.5, 0.25, 0.0, -1.0])
SHARES = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 5))  # (layers, H, T, S)


def a_ledger():
    rows = [
        Row("head", "add", 2.0, [("layer", 2.5)], {"bias": -0.5}, 3.0),
        Row("layer", "matmul", 2.5, [("words", 2.0)], {"softmax": 0.5}, 3.0),
        Row("words", "embedding", 2.0, [], {"tokens": 2.0}, 3.0),
    ]
    return Ledger(2.0, rows)


def curves():
    random = np.random.default_rng(1).normal(size=(4, 2, 6))
    return Faithfulness("zero", np.array([5, 3, 2, 1, 0, 0.0]), np.array([5, 5, 4, 4, 3, 0.0]), random)


def a_comparison():
    values = {
        m: {"delta_auc": np.arange(4.0) + i, "seconds": np.full(4, 0.01)}
        for i, m in enumerate(("<lrp>", "random"))
    }
    pairs = {
        m: [(np.linspace(2, -i, n), np.linspace(2, i, n) ** 2) for n in (3, 6)] for i, m in enumerate(values)
    }
    return explain.Comparison("zero", values, pairs)


def explanations():
    return [
        Explanation(method, np.arange(5), VALUES * k, [0], 1.0, TOKENS)
        for k, method in ((1, "<a>"), (-20, "b"))
    ]


PICTURES = {
    "token_strip": lambda: pictures.token_strip(TOKENS, VALUES),
    "layer_map": lambda: pictures.layer_map(TOKENS, {"words": VALUES, "a.layers.<0>": VALUES[::-1]}),
    "side_by_side": lambda: pictures.side_by_side(explanations()),
    "attention_heads": lambda: pictures.attention_heads(TOKENS, SHARES),
    "ledger_flow": lambda: pictures.ledger_flow(a_ledger()),
    "removal_curves": lambda: pictures.removal_curves(curves()),
    "mean_curves": lambda: pictures.mean_curves(a_comparison()),
    "comparison_table": lambda: pictures.comparison_table(a_comparison(), ["delta_auc", "seconds"]),
}
each = pytest.mark.parametrize("name", PICTURES)
of_tokens = pytest.mark.parametrize("name", ["token_strip", "layer_map", "side_by_side", "attention_heads"])


def printed(picture, width=100):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(picture.text())
    return console.file.getvalue()


# ---- every picture ----


@each
def test_a_page_needs_nothing_and_runs_nothing(name, tmp_path):
    picture = PICTURES[name]()
    picture.save(tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    outside_images = re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "", page)
    assert picture.to_html() in page and html.escape(picture.title) in page
    assert not re.search(r"<script|<style|<svg|<link|https?://|@import", outside_images)


@each
def test_what_notebooks_show_survives_where_they_do_not_trust_it(name):
    shown = PICTURES[name]()._repr_html_()
    assert "class=" not in shown and "<svg" not in shown
    for data in re.findall(r"base64,([\w+/=]+)", shown):
        svg = base64.b64decode(data).decode("utf-8")
        assert svg.startswith("<svg") and "<script" not in svg


@each
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # few machines have fonts for all the world's letters
def test_image(name, tmp_path):
    PICTURES[name]().save(tmp_path / "x.png")
    image = (tmp_path / "x.png").read_bytes()
    assert image.startswith(b"\x89PNG") and image.endswith(b"IEND\xaeB`\x82") and len(image) > 3000


@each
def test_the_same_picture_is_the_same_file(name, tmp_path):
    for path in ("a.html", "b.html"):
        PICTURES[name]().save(tmp_path / path)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@each
def test_terminal(name, capsys):
    picture = PICTURES[name]()
    picture.show()
    assert " ".join(picture.title.split()) in " ".join(capsys.readouterr().out.split())
    assert printed(picture).strip()


@of_tokens
def test_tokens_stand_in_every_form_as_text(name):
    picture = PICTURES[name]()
    shown, text = picture.to_html(), printed(picture)
    for token in ("<script>", "$\\alpha$", '"&"', "\u23ce", "好"):
        assert html.escape(token) in shown and token in text
    assert "<script>" not in shown


@each
def test_other_forms_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.html or \.png, got 'x\.pdf'"):
        PICTURES[name]().save(tmp_path / "x.pdf")


# ---- each by itself ----


def shades(shown):
    return re.findall(r"background-color:rgba\((\d+,\d+,\d+),([\d.]+)\)", shown)


def test_strip_is_orange_for_and_blue_against_as_deep_as_its_share():
    shown = shades(pictures.token_strip(TOKENS, VALUES).to_html())
    assert [colour for colour, _ in shown] == ["230,97,1", "33,102,172", "230,97,1", "230,97,1", "33,102,172"]
    assert np.allclose([float(depth) for _, depth in shown], 0.75 * abs(VALUES), atol=1e-3)


def test_a_space_without_weight_stays_a_space():
    from minitransformer.pictures.tokens import html_strip, rich_strip

    shown = html_strip(["no", " ", "way", " "], [1.0, 0.0, 0.0, 0.5])
    assert re.sub("<[^>]*>", "", shown) == "no way\u2423"
    assert str(rich_strip(["no", " ", "way"], [1.0, 0.0, 0.0])) == "no way"


def test_strips_on_one_scale_can_be_compared():
    alone, shared = (
        shades(pictures.token_strip(["a"], [0.5], scale=scale).to_html()) for scale in (None, 2.0)
    )
    assert float(alone[0][1]) == 0.75 and float(shared[0][1]) == pytest.approx(0.75 / 4, abs=1e-3)


def test_strip_tells_numbers_where_colours_are_lost():
    assert "好[-1.00]" in printed(pictures.token_strip(TOKENS, VALUES))


def test_methods_are_shown_as_shares_and_hover_tells_their_own_units():
    shown = pictures.side_by_side(explanations()).to_html()
    assert "&lt;script&gt;, b: -20.0000" in shown and shown.count(">-1.00</td>") == 2


def test_silent_method_is_zero_everywhere():
    silent = Explanation("silent", np.arange(2), np.zeros(2), [0], 0.0)
    assert printed(pictures.side_by_side([silent])).count("+0.00") == 2


def test_methods_must_have_the_same_tokens_and_different_names():
    other = Explanation("other", np.arange(1), np.ones(1), [0], 1.0)
    with pytest.raises(ValueError, match="other: expected the tokens of the first method"):
        pictures.side_by_side([*explanations(), other])
    with pytest.raises(ValueError, match="different methods"):
        pictures.side_by_side([other, other])


def test_layer_names_are_cut_only_while_they_can_be_told_apart():
    assert short_names(["a.b.layers.0", "a.b.layers.1"]) == ["layers.0", "layers.1"]
    assert short_names(["x.b.layers.0", "y.b.layers.0"]) == ["x.b.layers.0", "y.b.layers.0"]


def test_every_share_of_every_head_is_told():
    shown = html.unescape(pictures.attention_heads(TOKENS, SHARES).to_html())
    assert shown.count("looks at") == SHARES.size
    assert f"<script> looks at 好: {SHARES[1, 2, 0, 4]:.0%}" in shown
    assert f"full colour is {SHARES.max():.0%}" in shown and "rgba(94,60,153,1.00)" in shown


def test_attention_may_come_recorded_in_a_batch_of_one_and_look_at_other_tokens():
    weights = [mt.tensor(SHARES[:1, :, :, :2])]  # (1, H, T, S)
    assert "columns: 1 x, 2 y" in pictures.attention_heads(TOKENS, weights, keys=["x", "y"]).to_html()


def test_wrong_attention_is_refused():
    with pytest.raises(ValueError, match=r"\(H, T, S\).*got \(5, 5\)"):
        pictures.attention_heads(TOKENS, [SHARES[0, 0]])
    with pytest.raises(ValueError, match="shape"):
        pictures.attention_heads(TOKENS[:4], SHARES)
    with pytest.raises(ValueError, match="one layer or more"):
        pictures.attention_heads(TOKENS, [])


def test_flow_draws_all_of_a_real_ledger():
    mt.manual_seed(0)
    model = SequenceClassifier(ClassifierConfig(vocab_size=9, d_model=8, nhead=2, num_layers=2))
    ledger = explain.lrp(model.double(), np.arange(1, 7)).ledger
    for row in ledger.by_layer():
        assert sum(parts(row).values()) == pytest.approx(row.received, abs=1e-12 * ledger.scale)
    text = printed(pictures.ledger_flow(ledger, depth=None), width=200)
    assert all(row.layer in text for row in ledger.by_layer()) and f"{ledger['tokens']:+.3f}" in text


def test_flow_refuses_a_ledger_with_a_leak():
    ledger = a_ledger()
    ledger.rows[1].passed = [("words", 1.9)]
    with pytest.raises(RuntimeError, match="goes missing at matmul"):
        pictures.ledger_flow(ledger)


def test_flow_shows_what_was_passed_on_and_lost():
    by_name = parts(a_ledger().rows[0])
    assert by_name[PASSED] == 2.5 and by_name["bias"] == -0.5 and by_name["softmax"] == 0


def test_band_is_one_deviation_around_all_random_orders():
    found = curves()
    mean, spread = band(found)
    every = [found.random_curves[r, way] for r in range(4) for way in range(2)]
    assert np.allclose(mean, np.mean(every, axis=0)) and np.allclose(spread, np.std(every, axis=0, ddof=1))


def test_curves_of_one_point_are_refused():
    with pytest.raises(ValueError, match="got 1 points"):
        pictures.removal_curves(Faithfulness("zero", np.ones(1), np.ones(1), np.ones((1, 2, 1))))


def test_comparison_shows_mean_and_interval_of_every_method():
    shown = pictures.comparison_table(a_comparison(), ["delta_auc"]).to_html()
    mean, low, high = a_comparison().table["random"]["delta_auc"]
    assert f"{mean:.2g}<br>" in shown and f"{low:.2g} to {high:.2g}" in shown and "&lt;lrp&gt;" in shown
    assert f"{mean:.2g}" in printed(pictures.comparison_table(a_comparison(), ["delta_auc"]))


def test_mean_curves_are_read_at_the_same_shares_whatever_the_length():
    morf = [np.array([1.0, 0.0]), np.array([3.0, 1.0, 2.0])]
    found = explain.Comparison("zero", {}, {"m": [(m, m) for m in morf]})
    picture = pictures.mean_curves(found)
    means = picture.draw.args[0]["m"]
    assert means.shape == (2, 21) and means[0, [0, 5, 10, 20]] == pytest.approx([2.0, 1.375, 0.75, 1.0])
    with pytest.raises(ValueError, match="one method or more"):
        pictures.mean_curves(explain.Comparison("zero", {}, {}))


def test_comparison_of_unknown_metrics_is_refused():
    with pytest.raises(ValueError, match="expected some of delta_auc, seconds, got beauty"):
        pictures.comparison_table(a_comparison(), ["beauty"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    values = np.where(np.arange(5) == 3, bad, VALUES)
    with pytest.raises(ValueError, match=r"finite numbers, got (nan|inf) at \[3\]"):
        pictures.token_strip(TOKENS, values)
    with pytest.raises(ValueError, match="finite"):
        pictures.layer_map(TOKENS, {"words": values})


def test_relevance_must_fit_the_tokens():
    with pytest.raises(ValueError, match=r"shape \(5,\).*got shape \(4,\)"):
        pictures.token_strip(TOKENS, VALUES[:4])
    with pytest.raises(ValueError, match="one layer or more"):
        pictures.layer_map(TOKENS, {})


def test_no_token_at_all():
    for picture in (pictures.token_strip([], []), pictures.layer_map([], {"words": np.zeros(0)})):
        assert "no tokens" in picture.to_html() and "no tokens" in printed(picture)


@pytest.mark.parametrize(
    "low, high, ticks, labels",
    [
        (0.2, 1.0, [0.2, 0.4, 0.6, 0.8, 1.0], ["0.2", "0.4", "0.6", "0.8", "1.0"]),
        (3.92, 6.26, [4.0, 4.5, 5.0, 5.5, 6.0], ["4.0", "4.5", "5.0", "5.5", "6.0"]),
        (1, 1300, [500, 1000], ["500", "1000"]),
        (
            -0.031,
            0.02,
            [-0.02, 0.0, 0.02],
            ["-0.02", "0.00", "0.02"],
        ),
    ],
)
def test_ticks_are_round_and_stay_on_the_axis(low, high, ticks, labels):
    found = round_ticks(low, high)
    assert found == pytest.approx(ticks)
    assert [labelled(tick, round_step(low, high)) for tick in found] == labels


def test_the_axes_of_a_curve_are_labelled_with_round_numbers():
    shown = LossCurve([6.26, 5.09, 3.92] * 100).to_html()
    assert re.findall(r'text-anchor="end">([\d.]+)<', shown) == [
        "3.5",
        "4.0",
        "4.5",
        "5.0",
        "5.5",
        "6.0",
        "6.5",
        "300",
    ]
    assert re.findall(r'text-anchor="middle">(\d+)<', shown) == ["100", "200"]
