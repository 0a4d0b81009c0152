"""The terms of the field: each is introduced in bold where the thing is, and not used before."""

import re
from dataclasses import dataclass

import pytest
from notebooks import BUILT, Cell, committed
from prose import is_words, prose_of

from minitransformer.course import build, catalogue
from minitransformer.course.glossary import Term, terms_of

LEAST, MOST = 6, 18  # terms of a lesson
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)


def pattern(name: str) -> str:
    """A regular expression for a term: small or capital, singular or plural, with a hyphen or a space; "term (short)" is either."""
    long, _, short = name.partition(" (")
    return "|".join(r"(?<![\w-])" + _forms(form) + r"(?![\w-])" for form in (long, short.rstrip(")")) if form)


def _forms(name: str) -> str:
    *first, last = re.split(r"[\s-]+", name)
    stem = re.sub(r"(?<=\w\w)s$", "", last)  # "logits", "loss", "bias"
    plural = re.escape(stem[:-1]) + "(?:y|ies)" if stem.endswith("y") else re.escape(stem) + "(?:s|es|ses)?"
    return r"[\s-]".join([*map(re.escape, first), plural])


@dataclass(frozen=True)
class Use:
    """A term in the prose of a lesson: which one, where, in which sentence, and whether it is in bold."""

    term: Term
    start: int
    sentence: str
    bold: bool


def uses(text: str, terms: list[Term]) -> list[Use]:
    """Every term in a text, in its order. Where one is a part of another, the longer one counts."""
    longest = sorted(terms, key=lambda term: len(term.name), reverse=True)
    if not longest:
        return []
    every = re.compile("|".join(f"({pattern(term.name)})" for term in longest), re.IGNORECASE)
    bold = [match.span() for match in BOLD.finditer(text)]
    return [
        Use(
            longest[match.lastindex - 1],
            match.start(),
            _sentence(text, match.start()),
            any(a <= match.start() < b for a, b in bold),
        )
        for match in every.finditer(text)
    ]


def _sentence(text: str, place: int) -> str:
    """The sentence around a place."""
    before = [match.end() for match in re.finditer(r"[.!?]\s|\n\n", text[:place])]
    after = re.compile(r"[.!?]\s|\n\n|\Z").search(text, place)
    return text[before[-1] if before else 0 : after.start()]


def points_ahead(use: Use) -> bool:
    """Whether the sentence names the lesson that teaches the term."""
    return re.search(rf"\b{use.term.lesson[:2]}\b", use.sentence) is not None


def too_early(text: str, lesson: str, terms: list[Term]) -> list[Use]:
    """The uses of terms before they are introduced, in a lesson or in bold."""
    introduced = set()
    found = []
    for use in uses(text, terms):
        known = use.term.lesson < lesson or use.term in introduced
        if use.term.lesson == lesson and use.bold:
            introduced.add(use.term)
        elif not known and not points_ahead(use):
            found.append(use)
    return found


TERMS = [term for lesson in catalogue.lessons() for term in terms_of(lesson, build.source_of(lesson))]


@pytest.mark.parametrize("lesson", BUILT)
def test_it_ends_with_its_words(lesson):
    assert sum(map(is_words, committed(lesson))) == 1
    assert LEAST <= sum(term.lesson == lesson for term in TERMS) <= MOST


@pytest.mark.parametrize("lesson", BUILT)
def test_each_term_is_introduced_in_bold(lesson):
    bold = {use.term for use in uses(prose_of(committed(lesson)), TERMS) if use.bold}
    assert not [term.name for term in TERMS if term.lesson == lesson and term not in bold]


@pytest.mark.parametrize("lesson", BUILT)
def test_no_term_is_used_before_it_is_introduced(lesson):
    early = too_early(prose_of(committed(lesson)), lesson, TERMS)
    assert not [f"{use.term.name} ({use.term.lesson}): {use.sentence}" for use in early]


A = [
    Term("attention weights", "", "", "06_a"),
    Term("weights", "", "", "01_b"),
    Term("key", "", "", "01_b"),
    Term("key-value cache (KV cache)", "", "", "10_c"),
]


@pytest.mark.parametrize(
    ("text", "lesson", "early"),
    [
        ("The weights", "06_a", []),
        ("The attention\nweights", "06_a", ["attention weights"]),
        ("The Attention weight", "05_a", ["attention weights"]),
        ("The **attention weights** are shares. Attention weights sum to 1.", "06_a", []),
        ("Attention weights are **attention weights**.", "06_a", ["attention weights"]),
        ("The **attention weights**", "05_z", ["attention weights"]),
        ("The attention weights of lesson 06", "05_z", []),
        ("The attention weights. Lesson 06", "05_z", ["attention weights"]),
        ("Key value caches, the KV cache", "09_z", ["key-value cache (KV cache)"] * 2),
        ("A **KV cache**, or key-value cache", "10_c", []),
        ("weightless, non-weights", "00_z", []),
    ],
)
def test_what_is_too_early(text, lesson, early):
    assert [use.term.name for use in too_early(text, lesson, A)] == early


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("logits", ["logit", "Logits"]),
        ("loss", ["losses", "Loss"]),
        ("entropy", ["entropies"]),
        ("bias", ["biases"]),
        ("batch", ["batches"]),
    ],
)
def test_forms_of_a_term(name, others):
    assert all(re.fullmatch(pattern(name), other, re.IGNORECASE) for other in [name, *others])


def test_what_is_prose():
    cells = (
        Cell(
            "markdown",
            "# Title\n\nA `mask`, $q k$ and\ntwo [links](to.md).\n\n```\nx\n```\n\n**Further reading.** Paper.",
        ),
        Cell("code", "y = 2"),
        Cell("markdown", "## Words\n\n| term | meaning | PyTorch |"),
    )
    assert prose_of(cells) == "A , and two [links ."
