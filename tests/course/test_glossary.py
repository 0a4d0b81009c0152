"""The glossary: what it reads, what it writes, and that it is in step with the lessons."""

import pytest

from minitransformer.course import build, catalogue
from minitransformer.course.glossary import Term, page, terms_of
from minitransformer.course.workspace import Workspace

SOURCE = """\
# %% [markdown]
# ## Words
#
# Texts are split into words:
#
# | term | count |
# |---|---|
# | a | 1 |

# %% [markdown]
# ## Words
#
# | term | meaning | PyTorch |
# |---|---|---|
# | Softmax | *shares* of $|x|$: $e^x \\| 1$ | `softmax` |
# | mask | what is left out | |
"""


def test_it_reads_the_table_of_words():
    with pytest.raises(ValueError, match=r"06_attention, Words: expected .* got .*Softmax"):
        terms_of("06_attention", SOURCE)
    first, second = terms_of("06_attention", SOURCE.replace("$|x|$", "$x$"))
    assert first == Term("Softmax", "*shares* of $x$: $e^x \\| 1$", "`softmax`", "06_attention")
    assert second == Term("mask", "what is left out", "", "06_attention")
    assert terms_of("06_attention", SOURCE.partition("# %%")[0]) == []


def test_its_page_goes_by_the_alphabet():
    terms = [Term("b", "2", "", "07_x"), Term("C", "3", "`c`", "06_y"), Term("a", "1", "", "06_y")]
    assert page(terms).splitlines()[-3:] == [
        "| a | 1 |  | [06](06_y.ipynb) |",
        "| b | 2 |  | [07](07_x.ipynb) |",
        "| C | 3 | `c` | [06](06_y.ipynb) |",
    ]


def test_it_is_in_step_with_the_lessons():
    assert catalogue.glossary() == build.glossary_page(), "python -m minitransformer.course.build glossary"


def test_no_term_is_taught_twice():
    names = [
        term.name.casefold()
        for lesson in catalogue.lessons()
        for term in terms_of(lesson, build.source_of(lesson))
    ]
    assert not {name for name in names if names.count(name) > 1}


def test_learners_get_it(tmp_path):
    assert tmp_path / "GLOSSARY.md" in Workspace(tmp_path).start()
    assert (tmp_path / "GLOSSARY.md").read_text(encoding="utf-8") == catalogue.glossary()
