"""The version stands in one place, `minitransformer/__init__.py`; the package's metadata and what is written beside it follow."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest
from later import torch

import minitransformer as mt
from minitransformer.versions import PYTORCH

pytestmark = pytest.mark.host("about files, not arrays")
ROOT = Path(__file__).parent.parent


def test_the_build_reads_the_version_from_the_package():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert build["project"]["dynamic"] == ["version"] and "version" not in build["project"]
    assert build["tool"]["hatch"]["version"]["path"] == "minitransformer/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", mt.__version__)


@pytest.mark.parametrize(
    "asked", ["0.4", "1.5.0", "1.13.0a0", "2", "2.0.1+cu118", "2.13", "2.13.0", "2.14", "3.0"]
)
def test_programs_that_ask_for_a_pytorch_take_the_branch_that_pytorch_takes(asked):
    """`torch.__version__ >= "1.5.0"` means: are these the names and meanings of 1.5.0; here they are those of PYTORCH."""
    theirs, ours = torch.torch_version.TorchVersion(PYTORCH), mt.__version__
    compared = [[v < asked, v <= asked, v > asked, v >= asked] for v in (ours, theirs)]
    assert compared[0] == compared[1]


def test_as_text_the_version_is_the_package_s():
    assert str(mt.__version__) == mt.__version__ == f"{mt.__version__}" and mt.__version__.startswith("0.")
    assert mt.__version__ != PYTORCH and json.dumps(mt.__version__) == f'"{mt.__version__}"'
    with pytest.raises(ValueError, match="expected a version such as '2.1', got 'new'"):
        mt.__version__ >= "new"  # noqa: B015


def test_what_is_installed_has_that_version():
    assert importlib.metadata.version("minitransformer") == mt.__version__


def test_the_wheel_that_teachers_install_has_that_version():
    teaching = (ROOT / "lessons/TEACHING.md").read_text(encoding="utf-8")
    assert re.findall(r"minitransformer-([\w.]+)-py3", teaching) == [mt.__version__]


def test_the_changelog_begins_with_what_is_not_released_and_this_version():
    changelog = (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", changelog, re.MULTILINE)[:2] == ["Unreleased", mt.__version__]


def test_hosted_machines_try_the_pythons_and_the_oldest_numpy_that_are_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    (least,) = (d.removeprefix("numpy>=") for d in project["dependencies"] if d.startswith("numpy>="))
    assert f'numpy: "numpy=={least}.0"' in workflow
    assert f'python: ["{project["requires-python"].removeprefix(">=")}", ' in workflow
