"""The teacher's page: its example of a new exercise is short, and says what is wrong; `tests/test_guides.py` follows it whole."""

import re
from pathlib import Path

import pytest
from cases import FILE, changed

from minitransformer.course import catalogue
from minitransformer.course.judge import judge
from minitransformer.course.sandbox import SECONDS
from minitransformer.course.starters import starter

PAGE = (Path(__file__).parents[2] / "lessons" / "TEACHING.md").read_text(encoding="utf-8")
SOLUTION, CHECK, _, TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WRONG = TEST[TEST.index("WRONG = [") : TEST.index("]\n\n") + 2]
NAME = "logsumexp"


def run(source):
    space = {"__name__": "learner"}
    exec(compile(source, FILE, "exec"), space)
    return space


EXERCISE, CHANGES = run(CHECK)[NAME], run(WRONG)["WRONG"]


def report_on(source):
    return judge(NAME, EXERCISE, run(source)[NAME], FILE)


def test_it_is_short():
    assert len([line for line in (CHECK + WRONG).splitlines() if line.strip()]) < 50


def test_the_starter_is_unwritten_and_the_solution_passes():
    assert report_on(starter(SOLUTION, (NAME,))).status == "unwritten"
    assert report_on(SOLUTION).passed, report_on(SOLUTION)


@pytest.mark.parametrize("said", EXERCISE.mistakes)
def test_its_mistakes_are_named(said):
    assert judge(NAME, EXERCISE, EXERCISE.mistakes[said]).hint == said


@pytest.mark.parametrize(("old", "new", "said"), CHANGES)
def test_its_wrong_answers_are_named(old, new, said):
    report = report_on(changed(SOLUTION, old, new))
    assert not report.passed and said in report.hint, report


def test_what_it_says_of_limits_and_minutes():
    assert f"| {SECONDS} seconds" in PAGE
    minutes = [catalogue.exercise(name).minutes for name in catalogue.exercise_names()]
    least, most = map(int, re.search(r"its own minutes, from (\d+) to (\d+),", PAGE).groups())
    assert least <= min(minutes) and max(minutes) <= most
