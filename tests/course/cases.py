"""What the tests of the lessons share: judging a learner's source, and bending it."""

from __future__ import annotations

import linecache
import os

from minitransformer.course import catalogue
from minitransformer.course.judge import judge, too_long
from minitransformer.course.report import Report
from minitransformer.course.timer import TooLong, at_most
from minitransformer.course.workspace import starter_of

FILE = "<learner>"
LIMIT = {"numpy": 3, "cupy": 20}  # seconds; CuPy compiles a kernel when it is first used


def judge_source(name: str, source: str) -> Report:
    """The report on the exercise `name` as solved in `source`, judged in this process."""
    limit = LIMIT[os.environ["MINITRANSFORMER_BACKEND"]]
    try:
        with at_most(limit):
            return judge(name, catalogue.exercise(name), answer_of(name, source), FILE, source)
    except TooLong as stopped:
        return too_long(name, limit, stopped, FILE)


def answer_of(name: str, source: str):
    """What is called `name` in `source`."""
    space = {"__name__": "learner"}
    linecache.cache[FILE] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        FILE,
    )  # for the lines of tracebacks
    exec(compile(source, FILE, "exec"), space)
    return space[name]


def stub(name: str) -> str:
    """The starter file of the lesson that the exercise `name` belongs to."""
    return starter_of(catalogue.lesson_of(name))


def solved(name: str) -> str:
    """The solved file of the lesson that the exercise `name` belongs to."""
    return catalogue.solutions_of(catalogue.lesson_of(name))


def changed(source: str, old: str, new: str) -> str:
    """`source` with the only `old` made `new`."""
    assert source.count(old) == 1, f"expected {old!r} once, found it {source.count(old)} times"
    return source.replace(old, new)


def assert_judged_right(name: str, otherwise: str) -> None:
    """The stub is not written yet; the solution passes, and so does one that is written otherwise."""
    assert judge_source(name, stub(name)).status == "unwritten"
    for source in (solved(name), otherwise):
        assert judge_source(name, source).passed, judge_source(name, source)
    assert not catalogue.exercise(name).likely_mistake(answer_of(name, solved(name))), (
        "a right answer looks like a mistake"
    )


def assert_mistake(name: str, source: str, said: str) -> None:
    """The source is not passed, and what is said to the learner contains `said`."""
    report = judge_source(name, source)
    assert report.status in ("failed", "crashed"), report
    assert said in report.hint, report


def assert_mistakes_are_named(name: str) -> None:
    """Each of the exercise's own mistakes fails and is called by its own sentence, and no other."""
    exercise = catalogue.exercise(name)
    assert len(exercise.mistakes) >= 5 and exercise.hints and exercise.why
    for said, wrong in exercise.ways():
        report = judge(name, exercise, wrong)
        assert report.status in ("failed", "crashed") and report.hint == said, f"{said}\n{report}"
