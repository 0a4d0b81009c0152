"""What is asked of the text of every lesson: it is honest about its numbers and its length, and its idea is not drowned."""

import ast
import math
import re

import pytest
from notebooks import BUILT, Cell, committed
from numbers_shown import quoted, without_source
from prose import OPENING, is_words, prose

from minitransformer.course import catalogue
from minitransformer.course.build import source_of
from minitransformer.course.definitions import definition
from minitransformer.course.workspace import starter_of

WORDS, LINES = 200, 10  # read in a minute
NEAR = 5  # minutes
ANSWER = re.compile(
    r"\*\*Predict, then run\.\*\*.*\?.*<details><summary>Answer</summary>\n\n.+\n\n</details>", re.DOTALL
)
DRAWS = {"plt", "axis", "axes", "ax", "figure", "figures"}
PLOTTING = 0.10  # of the lines of code
BEFORE_THE_FIRST = 30  # lines of code, before the cell that draws the first picture
WIDEST = {
    "a task": 104,
    "an output": 110,
}  # columns that are read without scrolling, and without a break inside of a word
SLIDERS = [
    "02_gradient_checks",
    "05_positional_encoding",
    "06_attention",
    "10_generating",
    "11_relevance_propagation",
    "12_lime",
]


def own_code(cells):
    """The code of a lesson, without the exercises and their checks."""
    exercises = re.compile(
        r"^(?:def|class) (\w+)\b.*raise NotImplementedError|^check\(", re.DOTALL | re.MULTILINE
    )
    return [cell for cell in cells if cell.kind == "code" and not exercises.search(cell.text)]


def lines_of(code):
    """The lines of code that are neither empty nor a comment."""
    return [line for line in code.splitlines() if line.strip() and not line.strip().startswith("#")]


def minutes_to_read(cells):
    """How long the text and the code take to read, in minutes."""
    words = sum(len(prose(c.text).split()) for c in cells if c.kind == "markdown" and not is_words(c))
    return words / WORDS + sum(len(lines_of(cell.text)) for cell in own_code(cells)) / LINES


def drawing_lines(code):
    """The number of lines that draw: statements, and heads of blocks, that name what draws. A call of `figures` is one."""
    return sum(_lines(statement) for statement in ast.walk(ast.parse(code)) if _draws(statement))


def _draws(node):
    if not isinstance(node, ast.stmt) or isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
        return False
    return any(
        isinstance(name, ast.Name) and name.id in DRAWS for part in _own(node) for name in ast.walk(part)
    )


def _own(node):
    """The parts of a statement that are no statements of their own."""
    return [
        child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.stmt, ast.excepthandler))
    ]


def _lines(node):
    called = ast.unparse(node).startswith("figures.")
    return 1 if called else max(part.end_lineno for part in _own(node)) - node.lineno + 1


@pytest.mark.parametrize("lesson", BUILT)
def test_its_numbers_are_shown(lesson):
    assert not without_source(committed(lesson)), "print them in a cell, or leave them out"


@pytest.mark.parametrize("lesson", BUILT)
def test_its_minutes_are_honest(lesson):
    cells = committed(lesson)
    reading, exercises = map(int, OPENING.search(cells[0].text).groups())
    assert abs(reading - 5 * math.ceil(minutes_to_read(cells) / 5)) <= NEAR
    assert (
        abs(exercises - sum(catalogue.exercise(name).minutes for name in catalogue.lessons()[lesson])) <= NEAR
    )


@pytest.mark.parametrize("lesson", BUILT)
def test_one_predicts_then_runs(lesson):
    cells = committed(lesson)
    asked = [i for i, cell in enumerate(cells) if "**Predict, then run.**" in cell.text]
    assert 2 <= len(asked) <= 4
    assert all(ANSWER.search(cells[i].text) and cells[i + 1].kind == "code" for i in asked)


@pytest.mark.parametrize("lesson", BUILT)
def test_plotting_does_not_drown_the_idea(lesson):
    code = own_code(committed(lesson))
    drawn = sum(drawing_lines(cell.text) for cell in code)
    assert drawn <= PLOTTING * sum(len(lines_of(cell.text)) for cell in code)


@pytest.mark.parametrize("lesson", BUILT)
def test_the_first_picture_comes_early(lesson):
    lines = 0
    for cell in committed(lesson):
        if cell.pictures:
            break
        lines += len(lines_of(cell.text)) if cell.kind == "code" else 0
    assert lines <= BEFORE_THE_FIRST


@pytest.mark.parametrize("name", catalogue.exercise_names())
def test_a_task_is_read_without_scrolling(name):
    task = definition(starter_of(catalogue.lesson_of(name)), name)
    assert max(map(len, task.splitlines())) <= WIDEST["a task"]


@pytest.mark.parametrize("lesson", BUILT)
def test_outputs_do_not_run_on(lesson):
    lines = [line for cell in committed(lesson) for line in cell.printed.splitlines()]
    # what is shown in colour, and a line to install, may be longer
    lines = [line for line in lines if not re.search(r"\[[+-]\d|pip install", line)]
    assert max(map(len, lines)) <= WIDEST["an output"]


@pytest.mark.parametrize("lesson", BUILT)
def test_installing_is_left_to_install_line(lesson):
    assert "pip install" not in source_of(lesson)


@pytest.mark.parametrize("lesson", SLIDERS)
def test_it_has_a_slider(lesson):
    assert any(re.search(r"^slide\(", cell.text, re.MULTILINE) for cell in committed(lesson))


def notebook(markdown, code="", printed=""):
    return (Cell("markdown", markdown), Cell("code", code, printed))


@pytest.mark.parametrize(
    ("markdown", "code", "printed", "missing"),
    [
        ("The loss is 0.2.", "", "loss 0.197", []),
        ("The loss is 0.20.", "", "loss 0.197", []),
        ("The loss is 0.21.", "", "loss 0.197", ["0.21"]),
        ("The loss is 0.197.", "", "loss 0.2", ["0.197"]),
        ("The loss is $0.21$, or `0.22`.", "", "loss 0.197", ["0.21", "0.22"]),
        ("It takes $n = 17$ steps of `rate=0.3`.", "", "", []),
        ("17 of 19 steps", "n = 19", "17", []),
        ("After 2,500 steps, not 2,600", "", "2500", ["2,600"]),
        ("about 2,500, nearly 2,600", "", "2497", ["2,600"]),
        ("2,500 of them", "", "2497", ["2,500"]),
        ("87 % are right, 88 % are not", "", "0.874", ["88 %"]),
        ("88 of them", "", "0.88", ["88"]),
        ("1.5 million, 3 thousand million", "", "1,480,000 and 3.0e9", []),
        ("1.6 million", "", "1,480,000", ["1.6 million"]),
        ("GPT-2 and Llama 3.1.2 on float32 in 4x4, lesson 17, section 3.5, lessons 18 and 19", "", "", []),
        ("Smith (1999) took 41 of them. In 1986 it was 42. The paper has 43.", "", "", []),
        ("In 2000 steps it got to 44", "", "", ["2000", "44"]),
        ("from 31-37 to 1e-3", "", "31 .. 37, 0.001", []),
        ("errors of 1e-3 and 2e-3", "", "0.001", ["2e-3"]),
        ("minus -0.5", "", "(-0.5,", []),
        ("three hundred", "", "", []),
        ("*About 30 minutes to read, and 51 for the exercises. Builds on lesson 02.*", "", "", []),
    ],
)
def test_which_numbers_are_shown(markdown, code, printed, missing):
    assert without_source(notebook(markdown, code, printed)) == missing


def test_a_rounded_number_covers_half_its_last_digit():
    (number,) = quoted("It is 0.25")
    assert number.shows(0.2549) and number.shows(0.2451) and not number.shows(0.2551) and number.shows(-0.25)


def test_what_takes_minutes():
    words = Cell("markdown", "word " * 400 + "$a b c d$")
    code = Cell("code", "x = 1\n# no code\n\n" * 20)
    stub = Cell("code", "def f(x):\n    raise NotImplementedError\n" * 30)
    assert minutes_to_read([words, code, stub, Cell("code", 'check("f", f)')]) == 4


def test_which_lines_draw():
    code = """
import matplotlib.pyplot as plt
x = [1, 2]
figure, axis = plt.subplots()
for y in x:
    axis.plot(
        x,
        y,
    )
    print(y)
for axis in axes:
    z = 1
figures.one_question(
    x,
    y,
)
print("axis")
"""
    assert drawing_lines(code) == 1 + 4 + 1 + 1
