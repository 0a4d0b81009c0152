"""The tour, in small: every stage runs, the page stands alone, and what fails is told."""

import html.parser
import json
import re
import sys

import numpy
import pytest

from minitransformer import cli
from minitransformer.cli.pictures import attention_map, curve, table
from minitransformer.cli.tour_story import agreement, rank_correlation, top_words
from minitransformer.cli.verify import Result
from minitransformer.explain import Explanation

PASSES = Result("add", "op", "float64", "cpu", 1e-9, 1e-16, True)
FAILS = Result("<broken>", "op", "float64", "cpu", 1.0, 1.0, False, "the gradient is wrong")


def run(monkeypatch, capsys, results, *arguments):
    tour = sys.modules["minitransformer.cli.tour"]
    monkeypatch.setattr(tour, "verify_all", lambda *a: results)
    monkeypatch.setattr("sys.argv", ["minitransformer", "tour", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0, capsys.readouterr().out


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    page = tmp_path / "tour.html"
    small = ["--steps", "2", "--classifier-steps", "3", "--json", "--out", str(page)]
    code, out = run(monkeypatch, capsys, [PASSES], *small)
    assert code == 0
    return json.loads(out), page.read_text(encoding="utf-8")


def test_the_figures_and_the_page(told):
    report, page = told
    assert report["gradients"] == {"checks": 1, "failed": []}
    assert len(report["language model"]["losses"]) == 2 and report["language model"]["before"] != report["language model"]["after"]
    assert set(report["classifier"]["accuracy"]) == {"majority", "naive Bayes", "Transformer"}
    ledger = report["ledger"]
    assert ledger["total"] == pytest.approx(sum(v for k, v in ledger.items() if k != "total"), abs=1e-4)
    assert set(report["explanations"]) == {"LRP, attnlrp", "LIME", "gradient x input"}
    assert len(report["agreement"]) == 3
    assert "<script" not in page and not re.search(r"(?:src|href)=", page) and "http" not in page
    assert all(word in page for word in ("gradients are right", "Before", "After", "softmax", "naive Bayes", "head 1"))
    assert html_depth(page) == 0


def html_depth(page):
    """Open tags left at the end."""
    void = {"meta"}
    depth = 0

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            nonlocal depth
            depth += tag not in void

        def handle_endtag(self, tag):
            nonlocal depth
            depth -= 1

        def handle_startendtag(self, tag, attributes):
            pass

    Parser().feed(page)
    return depth


def test_a_failed_gradient_fails_the_tour(monkeypatch, capsys, tmp_path):
    page = tmp_path / "tour.html"
    arguments = ["--steps", "1", "--classifier-steps", "1", "--out", str(page)]
    code, out = run(monkeypatch, capsys, [PASSES, FAILS], *arguments)
    assert code == 1 and "the gradient is wrong" in out
    assert "&lt;broken&gt;" in page.read_text(encoding="utf-8")


def explanation(method, tokens, relevance):
    relevance = numpy.array(relevance)
    return Explanation(method, numpy.arange(len(tokens)), relevance, [1], 1.0, tokens)


def test_agreement_counts_words_only():
    a = explanation("a", ["The", " soup", " was", " good", "."], [0.1, 0.2, 0.0, 0.9, 5.0])
    b = explanation("b", ["The", " soup", " was", " good", "."], [0.1, 0.2, 0.0, 0.9, -5.0])
    assert top_words(a) == ["good", "soup", "the"]
    assert agreement([a, b]) == [("a", "b", pytest.approx(1.0), ["good", "soup", "the"])]


def test_rank_correlation():
    assert rank_correlation([1, 2, 3], [10, 20, 300]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert numpy.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_pictures_escape_what_they_are_given():
    pieces = [attention_map(numpy.eye(1), ["<b>"], "<i>"), table(["<u>"], [["<s>"]])]
    assert not any(tag in "".join(pieces) for tag in ("<b>", "<i>", "<u>", "<s>"))


def test_a_curve_of_one_step_or_of_constant_loss():
    assert "nan" not in curve([1.0]) + curve([2.0, 2.0, 2.0], [(3, 2.0)])
