"""Answers that learners might write, as files of text: right ones in unusual styles pass, wrong ones are told what is wrong.

`answers/lesson_NN.txt`, and `strangers_NN.txt`, which were written before the recognisers were read, have blocks of this form; the
code of a wrong answer may be lines `old => new`, which are applied to the first right answer of the exercise, with `\\n` for a new
line and `§` for a space that would otherwise be lost:

    ### exercise | right | in a few words
    code
    ### exercise | wrong | in a few words | how the hint begins
    code, or changes

A line in a hint is counted from the first line of the answer.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from cases import judge_source, solved

FILES = sorted((Path(__file__).parent / "answers").glob("*.txt"))
QUICK = (
    "total made of what",
    "ties dropped",
    "unsorted default",
    "writes zeros into x",
    "new pairs",
    "chains",
    "inexactly",
)


class Answer(NamedTuple):
    """One answer of a file."""

    exercise: str
    right: bool
    what: str
    said: str
    code: str


def answers_of(file: Path) -> list[Answer]:
    """All answers of a file, changes written out."""
    answers: list[Answer] = []
    for block in re.split(r"^### ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, code = block.partition("\n")
        exercise, kind, what, *said = (part.strip() for part in head.split(" | "))
        base = next((a.code for a in answers if a.exercise == exercise and a.right), "")
        code = code.strip("\n")
        whole = code if code.startswith(("def ", "class ")) else bent(base, code)
        answers.append(Answer(exercise, kind == "right", what, "".join(said), whole))
    return answers


def bent(code: str, changes: str) -> str:
    """Code after changes `old => new`, one in each line."""
    for line in changes.splitlines():
        old, _, new = line.partition(" =>")
        old, new = (side.replace("\\n", "\n").replace("§", " ") for side in (old, new.removeprefix(" ")))
        assert old in code, f"{old!r} is not in\n{code}"
        code = code.replace(old, new)
    return code


def place_in(source: str, name: str) -> slice:
    """The lines of the function or class `name` in a file, counted from 0."""
    (node,) = (n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    return slice(node.lineno - 1, node.end_lineno)


def in_its_file(answer: Answer) -> str:
    """The solved file of the lesson with this answer in the place of the solution."""
    source = solved(answer.exercise)
    lines = source.splitlines(keepends=True)
    lines[place_in(source, answer.exercise)] = [answer.code, "\n\n"]
    return "".join(lines)


def in_the_answer(hint: str, answer: Answer) -> str:
    """A hint whose lines are counted from the first line of the answer, whatever stands above it in the file."""
    before = place_in(solved(answer.exercise), answer.exercise).start
    return re.sub(r"(?<=\bline )\d+", lambda number: str(int(number[0]) - before), hint)


def is_quick(answer: Answer) -> bool:
    return any(part in answer.what for part in QUICK)


ALL = [
    pytest.param(a, id=f"{a.exercise}-{a.what}", marks=() if is_quick(a) else pytest.mark.slow)
    for file in FILES
    for a in answers_of(file)
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of wrong answers
@pytest.mark.parametrize("answer", ALL)
def test_answers_are_judged_rightly(answer):
    report = judge_source(answer.exercise, in_its_file(answer))
    assert report.passed == answer.right, report
    assert in_the_answer(report.hint, answer).startswith(answer.said), report
