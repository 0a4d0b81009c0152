"""The order of the lessons: no name of the library is used before the lesson that teaches it."""

import ast
import re
from pathlib import Path

import pytest

from minitransformer.course import catalogue

LIBRARY = "minitransformer"
SOURCES = {
    int(p.name[:2]): p.read_text(encoding="utf-8")
    for p in (Path(__file__).parents[2] / "lessons" / "sources").glob("*.py")
}
# a name of the library, or the beginning of one, and the lesson that teaches it; the longest that fits counts
TAUGHT = {
    "": 1,  # tensors, and what makes them
    "course": 1,
    "gradcheck": 2, "randn": 2, "rand": 2, "manual_seed": 2,
    "backend": 3, "use_backend": 3, "backends": 3, "devices": 3, "kernels": 3,
    "tokenization": 4, "data": 4, "nn": 4,
    "nn.PositionalEncoding": 5, "nn.SinusoidalPositionalEncoding": 5, "nn.AddedPositionalEncoding": 5,
    "nn.LearnedPositionalEncoding": 5, "nn.RotaryEmbedding": 5,
    "nn.functional.scaled_dot_product_attention": 6,
    "nn.MultiheadAttention": 7, "nn.Linear": 7, "nn.functional.linear": 7,
    "nn.Transformer": 8, "nn.functional.gelu": 8, "nn.functional.relu": 8, "nn.LayerNorm": 8,
    "optim": 9, "models": 9, "training": 9, "recipes": 9, "utils": 9, "nn.utils": 9, "nn.Dropout": 9, "nn.functional.dropout": 9,
    "nn.functional.mse_loss": 9, "nn.CrossEntropyLoss": 9, "nn.MSELoss": 9, "data.corpus.split": 9,
    "generation": 10, "nn.AttentionCache": 10, "nn.TransformerCache": 10,
    "explain": 11,
    "explain.lime": 12, "explain.surrogate": 12, "explain.kernel_shap": 12, "explain.shapley_values": 12, "explain.stability": 12,
    "explain.lime_stability": 12,
    "explain.sanity": 13, "explain.faithfulness": 13, "explain.compare": 13, "explain.randomisation_check": 13,
    "explain.learn_planted": 13, "explain.PlantedTask": 13, "explain.auroc": 13, "explain.evidence_found": 13,
    "statistics": 13,
}  # fmt: skip


def names_of_the_library(source):
    """Every name of the library that a source uses, such as "nn.functional.softmax"."""
    nodes, known, used = list(ast.walk(ast.parse(source))), {}, set()
    for node in nodes:
        if isinstance(node, ast.Import):
            known |= {
                alias.asname or LIBRARY: alias.name for alias in node.names if alias.name.startswith(LIBRARY)
            }
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARY):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in nodes:
        first, _, rest = (
            ast.unparse(node).partition(".") if isinstance(node, (ast.Name, ast.Attribute)) else ("", "", "")
        )
        if first in known and re.fullmatch(r"[\w.]*", rest):
            used.add(f"{known[first]}.{rest}".strip(".").partition(".")[2])
    return used


def lesson_that_teaches(name):
    """By the exercise of this name, if it is one; else by the longest row of TAUGHT that the name begins with."""
    last = name.rpartition(".")[2]
    if last in catalogue.exercise_names():
        return int(catalogue.lesson_of(last)[:2])
    return TAUGHT[max((row for row in TAUGHT if name.startswith(row)), key=len)]


@pytest.mark.parametrize("lesson", sorted(SOURCES))
def test_no_name_is_used_before_it_is_taught(lesson):
    early = {
        name: n for name in names_of_the_library(SOURCES[lesson]) if (n := lesson_that_teaches(name)) > lesson
    }
    assert not early


@pytest.mark.parametrize("lesson", sorted(SOURCES))
def test_it_builds_on_earlier_lessons_only(lesson):
    opening = SOURCES[lesson].partition("\n\n")[0]
    (built_on,) = re.findall(r"Builds on(.*?)\*", opening.replace("\n# ", " "))
    assert all(int(n) < lesson for n in re.findall(r"\b(\d\d)\b", built_on))


def test_what_is_found():
    source = "import minitransformer as mt\nfrom minitransformer.explain import lime as l\nmt.nn.functional.softmax(x).sum(); l(y)"
    assert names_of_the_library(source) == {
        "nn.functional.softmax",
        "nn.functional",
        "nn",
        "",
        "explain.lime",
    }
    assert [
        lesson_that_teaches(n) for n in ("nn.functional.softmax", "explain.lime", "explain.lrp", "tensor")
    ] == [6, 12, 11, 1]


def test_there_is_a_source_for_every_lesson():
    assert {f"{n:02d}" for n in SOURCES} == {lesson[:2] for lesson in catalogue.lessons()}
