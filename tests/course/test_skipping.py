"""Lesson 03 says that it can be skipped: no later lesson builds on it, or uses its terms, its exercises or its names."""

import re

import pytest
from notebooks import BUILT, committed
from prose import prose_of
from test_order import SOURCES, lesson_that_teaches, names_of_the_library
from test_words import uses

from minitransformer.course import build, catalogue
from minitransformer.course.glossary import terms_of

SKIPPED = "03_two_backends"
NUMBER = int(SKIPPED[:2])
TERMS = terms_of(SKIPPED, build.source_of(SKIPPED))
LATER = [lesson for lesson in BUILT if lesson > SKIPPED]


def test_it_says_so():
    assert "You can skip this lesson" in SOURCES[NUMBER]
    assert TERMS and catalogue.lessons()[SKIPPED]


@pytest.mark.parametrize("lesson", LATER)
def test_no_later_lesson_builds_on_it(lesson):
    (built_on,) = re.findall(r"Builds on(.*?)\*", committed(lesson)[0].text, re.DOTALL)
    assert SKIPPED[:2] not in built_on


@pytest.mark.parametrize("lesson", LATER)
def test_no_later_lesson_uses_its_terms(lesson):
    assert not [(use.term.name, use.sentence) for use in uses(prose_of(committed(lesson)), TERMS)]


@pytest.mark.parametrize("lesson", LATER)
def test_no_later_lesson_uses_a_name_that_it_teaches(lesson):
    names = names_of_the_library(SOURCES[int(lesson[:2])])
    assert not [name for name in names if lesson_that_teaches(name) == NUMBER]


@pytest.mark.parametrize("lesson", LATER)
def test_no_later_exercise_uses_its_exercises(lesson):
    solutions = catalogue.solutions_of(lesson)
    assert not [name for name in catalogue.lessons()[SKIPPED] if re.search(rf"\b{name}\b", solutions)]
