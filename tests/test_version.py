"""The version stands in one place, `minitransformer/__init__.py`; the package's metadata and what is written beside it follow."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import minitransformer as mt

pytestmark = pytest.mark.host("about files, not arrays")
ROOT = Path(__file__).parent.parent


def test_the_build_reads_the_version_from_the_package():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert build["project"]["dynamic"] == ["version"] and "version" not in build["project"]
    assert build["tool"]["hatch"]["version"]["path"] == "minitransformer/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", mt.__version__)


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
