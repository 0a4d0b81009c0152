"""The tour, in small: every stage runs, the page needs no other file, and a failure is reported."""

import html.parser
import json
import math
import re
import sys
from dataclasses import replace

import numpy
import pytest

from minitransformer import cli, tour
from minitransformer.assets import AssetError
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation
from minitransformer.explain.explanation import Ledger, Row
from minitransformer.files import FileError
from minitransformer.pictures import SCRIPT, LossCurve, attention_heads, bars, leaning, scatter, table
from minitransformer.pictures.dots import WIDTH
from minitransformer.randomness import manual_seed
from minitransformer.recipes.stories import StoriesRecipe, told
from minitransformer.statistics import share_error
from minitransformer.tokenization import WordTokenizer
from minitransformer.tour import Listener, deciding, parts, published
from minitransformer.tour.dates import DatesResult, OwnDate
from minitransformer.tour.deciding import choose, mistakes
from minitransformer.tour.errors import errors
from minitransformer.tour.learning import milestones, train_with_samples
from minitransformer.tour.leaving_out import without
from minitransformer.tour.page import tour_page
from minitransformer.tour.published import PublishedResult, ask_published
from minitransformer.tour.result import ClassifierResult, Learned
from minitransformer.tour.stories import LookingBack, StoriesResult
from minitransformer.tour.verdict import agreement, consensus, largest, listed, top_words, verdict
from minitransformer.tour.whole import TourResult
from minitransformer.verify import Result

PASSES = Result("add", "op", "float64", "cpu", 1e-9, 1e-16, True)
FAILS = Result("<broken>", "op", "float64", "cpu", math.inf, 1.0, False, "the gradient is <wrong>")
PUBLISHED = PublishedResult({"It slept.": 0.5}, {})
NASTY = "<script>alert('x')</script> & \"quotes\""
SIZES = [
    ("recipes.dates", "SEEN", 128),
    ("recipes.dates", "UNSEEN", 20),
    ("recipes.stories", "SEEN", 96),
    ("recipes.stories", "UNSEEN", 4),
    ("tour.dates", "TESTED", 20),
    ("tour.stories", "TOLD", 2),
]
WORDS = ["The", " <b>", " &", " good", "."]


def explanation(method, tokens, relevance, ledger=None):
    relevance = numpy.array(relevance)
    return Explanation(method, numpy.arange(len(tokens)), relevance, [(1, 0)], 1.0, tokens, ledger)


def ledger(missing=0.0):
    """1 = 0.75 + 0.25, or less."""
    row = Row("head", "linear", 1.0, absorbed={"tokens": 0.75, "bias": 0.25 - missing}, scale=1.0)
    return Ledger(1.0, [row])


def judgement(missing=0.0, **changes):
    says = [
        explanation("LRP, attnlrp", WORDS, [0.1, 0.2, 0.0, 0.9, -0.3], ledger(missing)),
        explanation("LIME", WORDS, [0.0, -0.2, 0.1, 0.4, 0.0]),
        explanation("gradient x input", WORDS, [0.0] * 5),
    ]
    fields = {
        "learned": Learned([0.7, 0.5, 0.3], [(2, 0.6)]),
        "accuracy": {"majority": 0.5, "naive Bayes": 0.75, "Transformer": 0.8},
        "reviews": 160,
        "cross_validated": "Measured <five> times.",
        "review": Review("The <b> & good.", 1, ((10, 14),)),
        "label": 1,
        "probability": 0.9,
        "explanations": says,
        "attention": [numpy.full((2, 5, 5), 0.2)],
        "mistakes": [(Review(NASTY, 0), 0.7)],
        "without": numpy.full((5, 5), 0.6),
    }
    return ClassifierResult(**(fields | changes))


def story(results=(PASSES,), **changes):
    return TourResult(judgement(**changes), DATES, STORIES, PUBLISHED, list(results), {"gradients": 1.0})


@pytest.fixture(autouse=True)
def little_data(monkeypatch):
    """The making of the data would take longer than a step of a training."""
    for module, name, size in SIZES:
        monkeypatch.setattr(sys.modules[f"minitransformer.{module}"], name, size)


@pytest.fixture(autouse=True)
def nothing_in_the_cache(monkeypatch, tmp_path):
    """Whatever published models this computer has, these tours show none."""
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path / "cache"))


LEARNED = Learned([6.0, 4.0], [(2, 4.1)])
OWN_DATE = OwnDate("<4 July>", "1976-07-04", "1976-07-05", numpy.full((10, 8), 0.125))
EXAMPLE = ("1 May 2000", "2000-05-01", "2000-05-02")
DATES = DatesResult(
    LEARNED,
    0.996,
    500,
    [EXAMPLE],
    {0: [EXAMPLE], 2: [("4 <b> 1", "1000-01-01", "1000-01-01")]},
    OWN_DATE,
    98_000,
)
LOOKS = numpy.tril(numpy.ones((1, 2, 2)))
STORIES = StoriesResult(
    LEARNED,
    512,
    {0: NASTY, 1: "meanwhile", 2: "The end."},
    45,
    50,
    ["<i>", " b"],
    [LOOKS],
    LookingBack(0, 0, 0.97, 0.88),
    115_000,
)


class Tags(html.parser.HTMLParser):
    """Which tags a page opens, whether they are closed in order, and its text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.text, self.attributes = [], [], "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_escapes_what_it_is_given():
    page = tour_page(story([PASSES, FAILS], missing=0.5))
    tags = Tags(page)
    assert tags.open == []
    assert not {"link", "img", "iframe", "b>"} & set(tags.seen) and tags.seen.count("script") == 1
    assert page.endswith(f"<script>{SCRIPT}</script></body></html>")
    assert not [
        name for name, _ in tags.attributes if name in ("src", "href", "srcset") or name.startswith("on")
    ]
    assert "://" not in page and "url(" not in page and "@import" not in page and "fetch(" not in page
    assert not re.search(r"\bnan\b", page)
    for text in (NASTY, "The <b> & good.", "Measured <five> times.", "the gradient is <wrong>", "<broken>"):
        assert text in tags.text


def test_the_page_tells_the_figures():
    text = Tags(tour_page(story())).text
    for figure in (
        "80.0%",
        "75.0%",
        "50.0%",
        "3.2%",
        "probability of 90.0%",
        "+0.900",
        "-0.300",
        "+0.750",
        "+0.250",
        "+1.000",
        "498 (99.6%)",
        "1976-07-05. Right is 1976-07-04.",
        "wrong: 2000-05-01",
        "98,000 parameters",
        "45 stay with",
        "97% of its attention",
        "a probability of 88%",
        "before training",
        "after step 2",
    ):
        assert figure in text
    assert "It closes" in text and "Something is wrong" not in text


@pytest.mark.parametrize("changes", [{"results": [PASSES, FAILS]}, {"missing": 0.01}])
def test_the_page_tells_what_is_wrong(changes):
    assert not story(**changes).holds and story().holds
    text = Tags(tour_page(story(**changes))).text
    assert "Something is wrong" in text
    assert ("It does not close" in text) == ("missing" in changes)


def test_marked_reasons_are_underlined():
    assert "<u>good</u>" in tour_page(story())
    plain = tour_page(story(review=Review("The <b> & good.", 1)))
    assert "<u>" not in plain and "Underlined" not in plain


# what is read from the figures


def test_agreement_counts_words_only():
    a = explanation("a", ["The", " soup", " was", " good", "."], [0.1, 0.2, 0.0, 0.9, 5.0])
    b = explanation("b", ["The", " soup", " was", " good", "."], [0.1, 0.2, 0.0, 0.9, -5.0])
    assert top_words(a) == ["good", "soup", "the"]
    assert agreement([a, b]) == [("a", "b", pytest.approx(1.0), ["good", "soup", "the"])]


def test_a_word_that_comes_twice_counts_by_its_largest_relevance():
    assert largest(explanation("a", ["so", " good", " So"], [0.1, 0.3, -0.2])) == {"good": 0.3, "so": -0.2}


def test_where_methods_agree():
    words = ["a", " b", " c", " d", " e"]
    first = explanation("first", words, [5.0, -4.0, 3.0, 0.2, 0.1])
    other = explanation("other", words, [3.0, -5.0, -0.6, 4.0, 0.2])
    assert consensus([first, other]) == (["a", "b"], ["c"])
    yes, no, _ = verdict([first, other]).split(".")
    assert yes == "Every method has 'a' and 'b' among its 3 words of largest relevance, with the same sign"
    assert no == " They do not agree on the sign of 'c'"
    assert verdict([first, explanation("none", words, [0, 0, 0, 1.0, 1.0])]).startswith(
        "Every method has 'a'"
    )
    nothing = verdict([first, explanation("opposite", words, [-5.0, 4.0, -3.0, 0.0, 0.0])])
    assert nothing.startswith("No word") and "'a', 'b' and 'c'" in nothing


def test_lists_of_words():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "'a'",
        "'a' and 'b'",
        "'a', 'b' and 'c'",
    ]


def test_errors_by_kind_and_judge():
    single = Result("add", "op", "float32", "cpu", None, 1e-7, True)
    layer = Result("Linear", "layer", "float64", "cpu", 2e-9, None, True)
    found = errors([PASSES, single, layer])
    assert found == [
        ("op", "differences", [("add", 1e-9)]),
        ("op", "PyTorch", [("add", 1e-16)]),
        ("op", "float32", [("add", 1e-7)]),
        ("layer", "differences", [("Linear", 2e-9)]),
    ]


def test_luck_is_a_standard_error():
    draws = numpy.random.default_rng(0).binomial(160, 0.8, 20_000) / 160
    assert share_error(0.8, 160) == pytest.approx(draws.std(), rel=0.03)


def test_the_review_chosen_and_the_mistakes_told():
    texts = ["word " * n for n in (10, 12, 30, 9)]
    reviews = [Review(text.strip(), label) for text, label in zip(texts, (1, 0, 1, 0), strict=True)]
    probabilities = numpy.array([[0.4, 0.6], [0.1, 0.9], [0.01, 0.99], [0.3, 0.7]])
    # the second is wrong and surer, the third right and surest but long
    known = WordTokenizer.train(["word"])
    assert choose(reviews, probabilities, known) == 0
    assert choose(reviews[2:3], probabilities[2:3], known) == 0
    sure = numpy.array([[0.04, 0.96], [0.9, 0.1], [0.1, 0.9], [0.94, 0.06]])
    assert choose(reviews, sure, known) == 3  # the first is too sure
    strange = [Review("word " * 9 + "bassoon", 1), Review("word " * 9, 1)]
    assert choose(strange, numpy.array([[0.1, 0.9], [0.4, 0.6]]), known) == 1  # it does not know the bassoon
    assert mistakes(reviews, probabilities) == [(reviews[1], 0.9), (reviews[3], 0.7)]


# pictures


def test_pictures_escape_what_they_are_given():
    nasty = ["<b>", '"']
    pieces = [
        attention_heads(nasty, [numpy.eye(2)[None]], title="<i>").to_html(),
        table(["<u>"], [["<s>", '"']]),
        bars({"<b>": 0.5}),
        scatter({"<b>": [('<i>"', 1e-9)]}, {"<b>": 1e-6}),
        LossCurve([1.0, 2.0], level=("<b>", 3.0)).to_html(),
    ]
    for piece in pieces:
        assert not {"b", "i", "u", "s"} & set(Tags(piece).seen)


def test_a_curve_of_one_step_or_of_constant_loss():
    assert "nan" not in LossCurve([1.0]).to_html() + LossCurve([2.0, 2.0, 2.0], [(3, 2.0)]).to_html()


def test_a_curve_goes_down_where_the_loss_does():
    each = re.search(
        r'points="([^"]+)" class="each"', LossCurve([3.0, 2.0, 1.0], [(3, 1.5)]).to_html()
    ).group(1)
    x, y = zip(*(map(float, point.split(",")) for point in each.split()), strict=True)
    assert list(x) == sorted(x) and list(y) == sorted(y)  # y grows downwards
    assert y[1] - y[0] == pytest.approx(y[2] - y[1], abs=0.2)


def test_the_mean_stands_in_the_middle_of_its_steps():
    svg = LossCurve([3.0, 2.0, 1.0], smooth=3).to_html()
    mean, each = (re.search(rf'points="([^"]+)" class="{kind}"', svg).group(1) for kind in ("mean", "each"))
    assert mean == each.split()[1]


def test_bars_lean_to_their_sign():
    ends = [
        re.search(r"([\d.]+)% ([\d.]+)%,transparent", leaning(value, 2.0)).groups()
        for value in (1.0, -1.0, 2.0, 0.0, 9.0)
    ]
    assert [tuple(map(float, e)) for e in ends] == [(50, 75), (25, 50), (50, 100), (50, 50), (50, 100)]
    assert "var(--for)" in leaning(0.5, 1.0) and "var(--against)" in leaning(-0.5, 1.0)


def test_attention_is_told_in_words_and_drawn_in_its_place():
    weights = numpy.array([[[1.0, 0.0], [0.25, 0.75]]])
    shown = attention_heads(["soup", " good"], [weights], title="head").to_html()
    assert re.findall(r'title="(.*?)"', shown) == [
        "soup looks at soup: 100%",
        "soup looks at good: 0%",
        "good looks at soup: 25%",
        "good looks at good: 75%",
    ]
    assert "head; full colour is 100%" in shown and "layer 1, head 1" in shown
    heads, *rows = [re.findall(r"<t[hd].*?</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", shown)]
    assert [re.sub("<.*?>", " ", head).split() for head in heads] == [[], ["soup", "1"], ["good", "2"]]
    coloured = [["background" in cell for cell in row] for row in rows]
    assert coloured == [[False, True, False], [False, True, True]]  # the word, then a column for each token


def test_an_error_without_bound_stays_on_the_picture():
    svg = scatter({"ops": [("a", math.inf), ("b", 0.0), ("c", 1e-10)]}, {"ops": 1e-6})
    xs = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]
    assert xs[1] < xs[2] < xs[0] <= WIDTH


# from Python


class Heard(tour.Listener):
    """Records its arguments."""

    def __init__(self):
        super().__init__()
        self.told = []

    def compared(self, found):
        self.told.append(("compared", len(found)))

    def begins(self, part):
        self.told.append(("begins", part))

    def sentence(self, result):
        self.told.append(("sentence", result))

    def dates(self, result):
        self.told.append(("dates", result))

    def stories(self, result):
        self.told.append(("stories", result))

    def explanations(self, result):
        self.told.append(("explanations", result))

    def published(self, result):
        self.told.append(("published", result))

    def gradients(self, results):
        self.told.append(("gradients", results))


def test_a_tour_from_python_is_silent_and_its_listener_is_told_each_part(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys.modules["minitransformer.tour.checking"], "verify_all", lambda *a: [PASSES])
    heard = Heard()
    result = tour.run(steps=1, epochs=1, listener=heard)
    assert heard.told == [
        ("compared", 0),
        ("begins", tour.SENTENCE),
        ("sentence", result.classifier),
        ("begins", tour.DATES),
        ("dates", result.dates),
        ("begins", tour.STORIES),
        ("stories", result.stories),
        ("begins", tour.EXPLANATIONS),
        ("explanations", result.classifier),
        ("begins", tour.PUBLISHED),
        ("published", result.published),
        ("begins", tour.GRADIENTS),
        ("gradients", result.gradients),
    ]
    assert list(result.seconds) == list(tour.PARTS) and result.mine == []
    tour.save(result, tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == tour_page(result)
    printed = capsys.readouterr()
    assert printed.out + printed.err == ""


def test_a_tour_with_pieces_wants_a_folder_that_has_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="minitransformer start"):
        tour.run(mine=tmp_path)


# the command


def run(monkeypatch, capsys, results, *arguments):
    monkeypatch.setattr(sys.modules["minitransformer.tour.checking"], "verify_all", lambda *a: results)
    monkeypatch.setattr("sys.argv", ["minitransformer", "tour", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    return stop.value.code or 0, printed.out + printed.err


@pytest.fixture
def small_tour(monkeypatch, capsys, tmp_path):
    page = tmp_path / "tour.html"
    code, out = run(
        monkeypatch, capsys, [PASSES], "--steps", "2", "--epochs", "1", "--json", "--out", str(page)
    )
    assert code == 0
    return json.loads(out), page.read_text(encoding="utf-8")


def test_the_command_in_json(small_tour):
    report, page = small_tour
    assert report["passed"] is True and report["gradients"] == {"checks": 1, "failed": []}
    assert len(report["dates"]["losses"]) == len(report["stories"]["losses"]) == 2
    assert report["dates"]["own"]["right"] == "1969-07-21" and 0 <= report["dates"]["accuracy"] <= 1
    assert report["stories"]["before"] != report["stories"]["after"]
    assert len(report["classifier"]["losses"]) == 131  # 1,047 reviews and their marked words, 16 in a batch
    assert set(report["classifier"]["accuracy"]) == {"majority", "naive Bayes", "Transformer"}
    ledger = report["ledger"]
    assert ledger["total"] == pytest.approx(sum(v for k, v in ledger.items() if k != "total"), abs=1e-4)
    assert set(report["explanations"]) == {"LRP, attnlrp", "LIME", "gradient x input"}
    assert all(len(e["relevance"]) == len(e["tokens"]) for e in report["explanations"].values())
    assert len(report["agreement"]) == 3
    tags = Tags(page)
    assert tags.open == [] and report["review"]["text"] in tags.text
    assert page.count("layer 1, head 1") >= 2  # of the classifier and of the stories


def test_the_command_in_the_terminal(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    page = tmp_path / "tour.html"
    code, out = run(monkeypatch, capsys, [PASSES, FAILS], "--steps", "1", "--epochs", "1", "--out", str(page))
    assert code == 1 and "the gradient is <wrong>" in out
    for said in (
        "before training",
        "after step 1",
        "dates that it never saw",
        "the 21st of July, 1969  ->",
        "stories stay to their end",
        "naive Bayes",
        "LRP, attnlrp",
        "gradient x input",
        "softmax",
        "gap",
        "rank correlation",
    ):
        assert said in out
    assert "Traceback" not in out and max(map(len, out.splitlines())) <= 80 + len(str(page))
    assert "Something is wrong" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--data", "tweets"], "expected one of reviews, movie-reviews, got 'tweets'"),
        (["--out", "no/such/folder/x.html"], "expected a file in a folder that exists"),
    ],
)
def test_what_cannot_work_is_told_at_once(monkeypatch, capsys, arguments, message):
    def never(*a):
        raise AssertionError("work was begun")

    monkeypatch.setattr(parts, "check_gradients", never)
    code, out = run(monkeypatch, capsys, [PASSES], *arguments)
    assert code == 1 and message in out


# a sentence of the user's own


@pytest.mark.parametrize(
    "sentence, message", [("", "one word or more"), ("?!", "got '?!'"), ("good " * 257, "at most 256")]
)
def test_a_sentence_that_cannot_be_read_is_told_before_training(monkeypatch, capsys, sentence, message):
    def never(*a):
        raise AssertionError("training was begun")

    monkeypatch.setattr(deciding, "train", never)
    code, out = run(monkeypatch, capsys, [PASSES], sentence)
    assert code == 1 and message in out and "sentence" in out


def test_what_is_left_out():
    """A classifier that counts the letters e: each e adds a tenth to the probability of class 1."""

    def predict(texts):
        return numpy.array([[1 - text.count("e") / 10, text.count("e") / 10] for text in texts])

    found = without(predict, ["These", " trees", " be"], 1)
    assert found == pytest.approx(numpy.array([[3, 1, 2], [1, 3, 2], [2, 2, 4]]) / 10)
    assert without(predict, ["These", " trees", " be"], 0) == pytest.approx(1 - found)
    long = without(predict, ["e"] * 25, 1)
    assert long.diagonal() == pytest.approx(numpy.full(25, 2.4)) and numpy.isnan(long[0, 1])


# published models


def test_published_models_that_are_not_in_the_cache_are_not_fetched_and_their_commands_are_told():
    found = ask_published()
    assert found == PublishedResult({}, {}) and list(found.missing) == ["minilm", "smollm2"]
    page = Tags(tour_page(replace(story(), published=found))).text
    assert all(command in page for command in found.missing.values()) and "Nearest sentences" not in page


@pytest.mark.parametrize("error", [AssetError("changed"), FileError("damaged"), ImportError("gguf")])
def test_a_published_model_that_cannot_be_loaded_counts_as_missing(monkeypatch, error):
    def load(name):
        raise error

    monkeypatch.setattr(published, "are_there", lambda *a: True)
    monkeypatch.setattr(published.published, "load", load)
    assert ask_published() == PublishedResult({}, {})


def test_published_models_in_the_cache_are_shown(monkeypatch):
    monkeypatch.setattr(published, "are_there", lambda *a: True)
    monkeypatch.setattr(published.published, "load", lambda name: (name, ByWord()))
    vectors = numpy.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
    monkeypatch.setattr(published, "embed", lambda *a: vectors)
    monkeypatch.setattr(published, "last_logits", lambda *a: numpy.log([[0.1, 0.6, 0.05, 0.25]]))
    found = ask_published()
    assert list(found.cosines.values()) == [0.8, 0.6, 0.0] and not found.missing
    assert found.next_tokens == pytest.approx({" 1": 0.6, " 3": 0.25, " 0": 0.1})
    page = Tags(tour_page(replace(story(), published=found))).text
    assert "+0.80" in page and "60.0%" in page


class ByWord:
    """A tokenizer whose ids are written as numbers."""

    encode = staticmethod(lambda text: [0])
    decode = staticmethod(lambda ids: f" {ids[0]}")


# a date of the user's own


@pytest.mark.parametrize("date", [" ", "4 July 1976 " * 6])
def test_a_date_that_cannot_be_read_is_told_before_any_work(monkeypatch, capsys, date):
    def never(*a):
        raise AssertionError("work was begun")

    monkeypatch.setattr(parts, "train_classifier", never)
    code, out = run(monkeypatch, capsys, [PASSES], "--date", date)
    assert code == 1 and "date: expected a date of 1 to 64 characters" in out


def test_a_date_in_a_form_that_was_not_learned():
    unknown = replace(DATES, own=OwnDate("soon", None, "2000-01-01", numpy.full((10, 4), 0.25)))
    text = Tags(tour_page(replace(story(), dates=unknown))).text
    assert "It learned none of the forms that this text has." in text and "That is right" not in text


# samples while a model learns


def test_samples_are_taken_before_meanwhile_and_after():
    assert milestones(800) == [25, 100, 266, 800] and milestones(1) == [1] and milestones(9) == [1, 3, 9]


def test_a_sample_belongs_to_its_step_and_changes_nothing():
    """The model counts its steps; sampling draws no random numbers of the training."""

    def learn(sample):
        manual_seed(0)
        trainer, tokenizer = StoriesRecipe(steps=4).trainer()
        return train_with_samples(trainer, Listener().console, lambda: sample(trainer, tokenizer))

    def write(trainer, tokenizer):
        return trainer.step, told(trainer.model, tokenizer, ["Once"], 0)[0]

    learned, samples = learn(write)
    assert [step for step, _ in samples.values()] == list(samples) == [0, 1, 4]
    assert learned.losses == learn(lambda *a: None)[0].losses
