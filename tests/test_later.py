"""Tests can be collected without PyTorch: no module of the tests imports it, or what else is only a judge, at its top."""

import ast
from pathlib import Path

import pytest
from later import Later, torch

pytestmark = pytest.mark.host("about modules, not arrays")
JUDGES = {
    "h5py",
    "jinja2",
    "torch",
    "lime",
    "sklearn",
    "psutil",
    "expecttest",
    "transformers",
    "gguf",
    "onnx",
    "tokenizers",
}
MODULES = sorted(p for p in Path(__file__).parent.rglob("*.py") if p.parent.name != "references")


def imported_at_the_top(source):
    """The packages that a module imports when it is itself imported."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def test_no_test_imports_a_judge_at_its_top():
    found = {p.name: JUDGES & set(imported_at_the_top(p.read_text(encoding="utf-8"))) for p in MODULES}
    assert len(found) > 80 and not {name: judges for name, judges in found.items() if judges}
    assert list(imported_at_the_top("import torch.nn as nn\nfrom lime.x import y")) == ["torch", "lime"]


def test_a_module_is_the_module_when_it_is_used():
    assert Later("math").pi > 3
    assert torch.nn.Linear(2, 3).weight.shape == (3, 2)


def test_a_missing_one_says_what_to_install():
    with pytest.raises(
        ModuleNotFoundError, match=r"No module named 'not_there'; install it with `pip install '.\[test\]'`"
    ):
        Later("not_there").anything  # noqa: B018
