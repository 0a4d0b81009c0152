"""Where a mistake is not recognised, the line is named that a small change makes right: tried, and proven."""

import ast
import time

import pytest
from cases import LIMIT, answer_of, changed, judge_source, solved
from test_answers import FILES, answers_of, in_its_file

from minitransformer.course import catalogue
from minitransformer.course.exercise import Stopped
from minitransformer.course.repair.located import located
from minitransformer.course.repair.patterns import expression, filled, matched
from minitransformer.course.repair.rules import ANYWHERE, RULES, rules
from minitransformer.course.repair.said import said
from minitransformer.course.repair.search import MOST, least, search
from minitransformer.course.repair.text import Edit, Text, alone, of_expression, of_statements
from minitransformer.course.sandbox import check_file
from minitransformer.course.timer import at_most

WRONG = {  # exercise -> what is changed in its solution, in a way that no check knows
    "softmax_vjp": ("s * (g - ", "(s + 0.5) * (g - "),
    "causal_mask": ("[:, None] >=", "[:, None] <"),
}


def found_in(name, source):
    """What the search finds in this process, where the report on `source` fails."""
    exercise = catalogue.exercise(name)
    return search(
        source, name, solved(name), exercise, len(judge_source(name, source).checked), attempt_of(name)
    )


def attempt_of(name):
    end = time.process_time() + 5

    def attempt(source, check, seconds):
        if time.process_time() > end:
            raise Stopped
        try:
            with at_most(seconds * LIMIT["cupy"]):
                return check(answer_of(name, source))
        except (Exception, Stopped):
            return 0

    return attempt


@pytest.mark.parametrize(
    ("pattern", "code", "new", "becomes"),
    [
        ("A + B", "x + y * 2", "B - A", "y * 2 - x"),
        ("A[B:]", "x[1:]", "A[:B]", "x[:1]"),
        ("A - A", "x - x", "A", "x"),
        ("A - A", "x - y", "", None),
        ("F(A, B)", "f(x, y=1)", "", None),
        ("A < B", "x <= y", "", None),
        ("(A, B)", "(x, y, z)", "", None),
        ("A if B else C", "1 if x else 2", "C if B else A", "2 if x else 1"),
    ],
)
def test_patterns(pattern, code, new, becomes):
    found = matched(expression(pattern), expression(code))
    assert (found is None) == (becomes is None)
    if found is not None:
        assert ast.unparse(filled(expression(new), found)) == becomes


def test_each_rule_changes_what_it_fits_and_has_words():
    for rule in (*rules(RULES), *rules(ANYWHERE)):
        assert rule.said and ast.dump(rule.wrong) != ast.dump(rule.right)
        letters = [
            {n.id for n in ast.walk(side) if isinstance(n, ast.Name) and len(n.id) == 1} for side in rule[:2]
        ]
        assert letters[1] <= letters[0], ast.unparse(rule.right)


SOURCE = "import math\nother = 1\n\n\ndef f(x):  # é\n    y = x + 1  # ü\n    return y\n"


def test_a_change_leaves_the_rest_of_the_text():
    text = Text(SOURCE)
    first, last = ast.parse(SOURCE).body[-1].body
    assert text.after(of_expression(first.value, expression("x - 1"), "")) == SOURCE.replace(
        "x + 1", "(x - 1)"
    )
    turned = SOURCE.replace("y = x + 1  # ü\n    return y", "return y\n    y = x + 1")
    assert text.after(of_statements([first, last], [last, first], "")) == turned
    assert alone(SOURCE, "f").splitlines() == ["", "", "", "", *SOURCE.splitlines()[4:]]


@pytest.mark.parametrize("name", WRONG)
def test_the_line_is_found_and_proven(name):
    old, new = WRONG[name]
    source = changed(solved(name), old, new)
    found = found_in(name, source)
    line = next(i for i, text in enumerate(source.splitlines(), 1) if new in text)
    number = len(catalogue.exercise(name).properties)
    sentence = said(found, source, number)
    assert sentence.startswith(f"Line {line}, `") and sentence.endswith("every property holds."), sentence
    for each in found:
        report = judge_source(name, Text(source).after(each.edit))
        assert len(report.checked) >= each.held or report.passed  # what is claimed is so


def test_only_places_that_need_the_change_are_named():
    places = [v for v in ast.walk(ast.parse("a = 1\nb = 1 + 1\n")) if isinstance(v, ast.Constant)]
    edit = Edit((1, 2), "with another number", tuple((v, v, "0") for v in places), 3)
    less = least(edit, lambda tried: sum(part[0].lineno == 2 for part in tried.parts) == 2)
    assert less.lines == (2,) and len(less.parts) == 2


def test_nothing_is_said_where_no_change_helps():
    assert said([], "x = 1", 3) == ""


def test_a_report_names_the_line_and_shows_nothing_of_the_solution(tmp_path):
    """What the answer prints while changes of it are tried is dropped, and its verdict stays."""
    source = changed(solved("cross_entropy"), "np.log(np.exp(shifted)", "np.log2(np.exp(shifted)")
    (file := tmp_path / "lesson.py").write_text(source + "\nprint('begun')\n")
    report = check_file("cross_entropy", file)
    assert report.status == "failed" and report.printed == ("begun",), report
    line, first = report.hint.splitlines()
    assert line.endswith("with another function, every property holds.") and first.startswith(
        "a first hint: "
    )
    assert "np.log(" not in report.hint


def test_changes_that_never_end_cost_no_more_than_the_time_for_all(tmp_path):
    source = solved("merge_pair").replace("i += 2 if found else 1", "i += 1")
    (file := tmp_path / "lesson.py").write_text(source)
    report = judge_source("merge_pair", source)
    begin = time.monotonic()
    located(report.__class__(**{**report.to_dict(), "hint": ""}), source, file, seconds=3)
    assert time.monotonic() - begin < 3 + 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of wrong answers
def test_most_answers_that_nothing_recognises_are_located():
    unknown = [
        a for file in FILES for a in answers_of(file) if not a.right and a.said.startswith("a first hint")
    ]
    tried = [a for a in unknown[::8] if judge_source(a.exercise, in_its_file(a)).status == "failed"]
    found = [a for a in tried if said(found_in(a.exercise, in_its_file(a)), in_its_file(a), 99)]
    assert len(tried) > 15 and len(found) > 0.6 * len(tried), [a[:3:2] for a in tried if a not in found]


def test_a_search_that_finds_nothing_ends():
    name, tried = "encoder_block", set()

    def attempt(source, check, seconds):
        tried.add(source)
        return 0

    source = solved(name)
    assert not search(source, name, source, catalogue.exercise(name), 0, attempt)
    assert len(tried) <= MOST + len(source.splitlines())  # and each block of lines once, left out
