"""`pytest` in this folder: every exercise in it, judged as `minitransformer check` judges it."""

from pathlib import Path

import pytest

from minitransformer.course import catalogue
from minitransformer.course.sandbox import check_file


@pytest.mark.parametrize("name", catalogue.exercise_names())
def test_exercise(name):
    report = check_file(name, Path(__file__).parent / f"{catalogue.lesson_of(name)}.py")
    assert report.passed, f"\n{report}"
