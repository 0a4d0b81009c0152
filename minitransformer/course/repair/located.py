"""A report on an answer whose mistake is not recognised is told the line that a change makes right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.judge import A_FIRST_HINT
from minitransformer.course.link import anew
from minitransformer.course.repair.bench import Bench
from minitransformer.course.repair.said import said
from minitransformer.course.repair.search import search
from minitransformer.course.report import Report

SECONDS = 5.0  # for all attempts together


def located(report: Report, source: str, path: Path, seconds: float = SECONDS, above: int = 0) -> Report:
    """Add to a report where the mistake is, if it says no more than a first hint, and a change is found that is proven to help.

    Args:
        report: the report; its status stays what it is.
        source: the learner's code.
        path: its file.
        seconds: how long to search.
        above: how many lines less stand above the code where the learner reads it.

    Returns:
        The report.
    """
    if not is_open(report):
        return report
    exercise = catalogue.exercise(report.name)
    solution = catalogue.solutions_of(catalogue.lesson_of(report.name))
    with Bench(path, report.name, seconds) as bench:
        found = search(
            source, report.name, solution, anew(exercise, bench), len(report.checked), bench.attempt
        )
    line = said(found, source, len(exercise.properties), above)
    return replace(report, hint="\n".join(filter(None, (line, report.hint)))) if line else report


def is_open(report: Report) -> bool:
    """Whether a report does not know what is wrong.

    Args:
        report: the report.

    Returns:
        Whether its hint is no more than a first one.
    """
    unknown = not report.hint or report.hint.startswith(A_FIRST_HINT)
    return report.status in ("failed", "crashed") and bool(report.wrong) and unknown
