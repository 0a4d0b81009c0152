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
    """The parts of the names that a module imports when it is itself imported: `safetensors.torch` imports torch."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from node.module.split(".")


def test_no_test_imports_a_judge_at_its_top():
    found = {p.name: JUDGES & set(imported_at_the_top(p.read_text(encoding="utf-8"))) for p in MODULES}
    assert len(found) > 80 and not {name: judges for name, judges in found.items() if judges}
    found = set(imported_at_the_top("import torch.nn as nn\nfrom lime.x import y\nimport safetensors.torch"))
    assert found & JUDGES == {"torch", "lime"}
    assert set(imported_at_the_top("import safetensors.torch")) & JUDGES == {"torch"}


def test_a_module_is_the_module_when_it_is_used():
    assert Later("math").pi > 3
    assert torch.nn.Linear(2, 3).weight.shape == (3, 2)


def test_a_missing_one_says_what_to_install():
    with pytest.raises(
        ModuleNotFoundError, match=r"No module named 'not_there'; install it with `pip install '.\[test\]'`"
    ):
        Later("not_there").anything  # noqa: B018
