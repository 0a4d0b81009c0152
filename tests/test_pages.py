"""Pages, pictures and notebooks: every value is shown as text, and never has an effect as HTML."""

import ast
import base64
import html
import json
import re
import xml.etree.ElementTree as tree
from html.parser import HTMLParser
from pathlib import Path

import numpy
import pytest

import minitransformer
from minitransformer import pictures as small
from minitransformer.course.report import Report
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation
from minitransformer.explain import pictures as large
from minitransformer.explain.explanation import Ledger, Row
from minitransformer.pictures import SCRIPT, STYLE, page, save_page
from minitransformer.pictures.tokens import html_strip
from minitransformer.plain import OBEYED, escaped
from minitransformer.tour.dates import DatesResult, OwnDate
from minitransformer.tour.page import tour_page
from minitransformer.tour.published import PublishedResult
from minitransformer.tour.result import ClassifierResult, Learned
from minitransformer.tour.stories import LookingBack, StoriesResult
from minitransformer.tour.whole import TourResult
from minitransformer.verify import Result
from minitransformer.verify.report import page_body

pytestmark = pytest.mark.host("pages are the host's")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> &amp; ]]> [/x] $x$ \x1b[2J\x00\x07\u202e\udc80\u2028"
TOKENS = [HOSTILE, " ", "\x1b", "word"]
RELEVANCE = numpy.array([0.5, -0.5, 0.0, 0.1])
MAP = numpy.full((2, 4, 4), 0.25)
LEDGER = Ledger(0.1, [Row(HOSTILE, HOSTILE, 0.1, absorbed={"tokens": 0.1})])


class Reader(HTMLParser):
    """What a browser would find: the elements, and their attributes that act."""

    def __init__(self):
        super().__init__()
        self.elements, self.acting, self.images = set(), [], []

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.acting += [
            name
            for name, _ in attributes
            if name.startswith("on") or name in ("srcdoc", "href", "formaction")
        ]
        self.images += [value for name, value in attributes if tag == "img" and name == "src"]


def assert_harmless(shown):
    """Of the hostile value there is nothing in it but text. A page's own script is our file to the letter."""
    reader = Reader()
    reader.feed(shown.replace(f"<script>{SCRIPT}</script>", "", 1))
    assert (
        not reader.elements & {"script", "iframe", "object", "embed", "link", "base", "form"}
        and not reader.acting
    )
    assert not OBEYED.search(shown)
    for image in reader.images:
        form, data = image.split(",")
        assert form == "data:image/svg+xml;base64"
        drawn = tree.fromstring(base64.b64decode(data))
        assert not [e for e in drawn.iter() if e.tag.endswith(("script", "foreignObject"))]


def explanation(method=HOSTILE, ledger=None):
    return Explanation(method, numpy.arange(4), RELEVANCE, [1], 0.1, TOKENS, ledger)


PICTURES = {
    "strip": lambda: large.token_strip(TOKENS, RELEVANCE, HOSTILE),
    "heads": lambda: large.attention_heads(TOKENS, [MAP], title=HOSTILE),
    "cross-attention": lambda: large.attention_heads(TOKENS, [MAP], keys=list(TOKENS), title=HOSTILE),
    "layers": lambda: large.layer_map(TOKENS, {HOSTILE: RELEVANCE, "b": RELEVANCE}, HOSTILE),
    "flow": lambda: large.ledger_flow(LEDGER, None, HOSTILE),
    "methods": lambda: large.side_by_side({HOSTILE: explanation(), "b": explanation("b")}, HOSTILE),
}
FRAGMENTS = {
    "explanation": lambda: explanation().to_html(),
    "ledger": lambda: explanation(ledger=LEDGER).to_html(),
    "strip": lambda: html_strip(TOKENS, RELEVANCE),
    "page": lambda: page(HOSTILE, ""),
    "page of the tour": lambda: page(HOSTILE, "", STYLE),
    "table": lambda: small.table([HOSTILE] * 2, [[HOSTILE] * 2]),
    "bars": lambda: small.bars({HOSTILE: 0.5}),
    "strip with numbers": lambda: small.word_strip(TOKENS, RELEVANCE),
    "legend": lambda: small.legend(0.5, HOSTILE),
    "reader": lambda: reader().to_html(),
    "samples": lambda: small.samples(HOSTILE, {HOSTILE: ""}),
    "curve": lambda: small.LossCurve([1.0, 2.0], [(1, 1.0)], (HOSTILE, 1.0)).to_html(),
    "scatter": lambda: small.scatter({HOSTILE: [(HOSTILE, 1e-7)]}, {HOSTILE: 1e-6}),
    "attention": lambda: small.attention_heads(TOKENS, [MAP[:1]], title=HOSTILE).to_html(),
    "verify": lambda: page_body([Result(HOSTILE, "op", HOSTILE, HOSTILE, 1e-7, 1e-7, False, HOSTILE)]),
    "report": lambda: Report("softmax", "failed", (HOSTILE,), HOSTILE, (HOSTILE,), HOSTILE)._repr_html_(),
    "tour": lambda: tour_page(story()),
}


def reader():
    """A text whose tokens and sentences are hostile."""
    asked = small.Reader(
        TOKENS, [HOSTILE] * 4, HOSTILE, {HOSTILE: MAP[0]}, [HOSTILE] * 4, RELEVANCE, HOSTILE, 0.5, MAP[0]
    )
    held = json.loads(html.unescape(re.search('data-reader="(.*?)"', asked.to_html())[1]))
    assert not any(
        OBEYED.search(text) for text in [*held["keys"], *held["said"], held["answer"], *held["heads"]]
    )
    return asked


def story():
    """A tour in which every text is hostile."""
    learned = Learned([1.0, 0.5], [(2, 0.5)])
    explanations = [explanation(f"{name} {HOSTILE}", LEDGER) for name in ("LRP", "LIME", "gradient")]
    review = Review(HOSTILE + " word", 1, ((0, 5), (8, 20)))
    accuracy = {"Transformer": 0.5, HOSTILE: 0.5}
    judged = ClassifierResult(
        learned,
        accuracy,
        10,
        HOSTILE,
        review,
        1,
        0.9,
        explanations,
        [MAP],
        [(Review(HOSTILE, 0, ()), 0.9)],
        MAP[0],
    )
    example = (HOSTILE, HOSTILE, HOSTILE)
    own = OwnDate(HOSTILE, HOSTILE, "1\x1b<b", numpy.full((4, len(HOSTILE)), 0.1))
    dates = DatesResult(learned, 0.5, 10, [example], {0: [example]}, own, 7)
    stories = StoriesResult(
        learned, 50, {0: HOSTILE, 2: HOSTILE}, 1, 2, TOKENS, [MAP], LookingBack(0, 0, 0.5, 0.5), 7
    )
    published = PublishedResult({HOSTILE: 0.5}, {HOSTILE: 0.5})
    result = Result(HOSTILE, "op", "float64", HOSTILE, 1e-7, 1e-7, False, HOSTILE)
    return TourResult(
        judged, dates, stories, published, [result], {HOSTILE: 1.0}, [HOSTILE], [(HOSTILE, 0.1, HOSTILE)]
    )


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_page_shows_every_value_and_obeys_none(name, tmp_path):
    shown = FRAGMENTS[name]()
    assert_harmless(shown)
    assert "&lt;script&gt;" in shown or name == "page"
    save_page(tmp_path / "page.html", HOSTILE, shown)
    assert_harmless((tmp_path / "page.html").read_text(encoding="utf-8"))


def test_the_page_of_an_explanation_shows_every_value_and_obeys_none(tmp_path):
    explanation(ledger=LEDGER).save(tmp_path / "page.html")
    shown = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert_harmless(shown)
    assert explanation(ledger=LEDGER).to_html() in shown and f"<title>{escaped(HOSTILE)}</title>" in shown


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout not applied")
def test_a_picture_shows_every_value_and_obeys_none(name, tmp_path, capsys):
    picture = PICTURES[name]()
    assert_harmless(picture.to_html())
    assert "&lt;script&gt;" in picture.to_html()
    picture.save(tmp_path / "picture.html")
    picture.save(tmp_path / "picture.png")
    picture.show()
    assert not OBEYED.search(capsys.readouterr().out)


# ---- the source: what stands in HTML is escaped, a number by its format, or HTML by its name ----

ROOT = Path(minitransformer.__file__).parent
MADE = set(
    "heads body rows bar svg key frame squares labels parts cards wrong everything table tables numbers".split()
)
MADE |= set(
    "said name word at notes pictures closes total reviews start label hanging style data colour cell".split()
)
MADE |= set("spans strips ledger head cells points allowed script runs side track back".split())
NUMBERS = set("j y e s window step kind below middle bottom anchor".split())  # and what names an element


def test_it_is_found_that_something_is_not_escaped():
    for wrong in (
        "f'<b>{token}</b>'",
        "f'<b>{x.name}</b>'",
        "f'<b title=\"{a[0]}\">'",
        "f'<b>{str(token)}</b>'",
    ):
        assert list(unescaped(wrong)), wrong
    assert not list(unescaped("f'<b>{escaped(token)}{value:.2f}{rows}{WIDTH}{CELL * i}{_cells(x)}</b>'"))


def test_all_that_stands_in_html_is_escaped():
    found = {
        path: list(unescaped(path.read_text(encoding="utf-8")))
        for path in ROOT.rglob("*.py")
        if "lesson" not in path.name
    }
    assert not {path.name: what for path, what in found.items() if what}


def unescaped(source):
    """The values in the f-strings of HTML that nothing makes text."""
    for node in ast.walk(ast.parse(source)):
        parts = (
            [v.value for v in node.values if isinstance(v, ast.Constant)]
            if isinstance(node, ast.JoinedStr)
            else []
        )
        if any(re.search('<[a-z/].*>|="$', part) for part in parts):
            for value in node.values:
                if (
                    isinstance(value, ast.FormattedValue)
                    and not value.format_spec
                    and not is_safe(value.value)
                ):
                    yield ast.unparse(value.value)


def is_safe(value):
    if isinstance(value, ast.Name):
        return value.id in MADE | NUMBERS or value.id.isupper()
    if isinstance(value, ast.IfExp):
        return all(isinstance(v, ast.Constant) or is_safe(v) for v in (value.body, value.orelse))
    return isinstance(value, (ast.Call, ast.BinOp)) and not ast.unparse(value).startswith(
        ("str(", "', '.join(")
    )
