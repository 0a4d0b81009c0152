"""The guides' worked examples, followed to the letter in a copy of the repository: they pass, and with a mistake they fail."""

import re
import subprocess
import sys

import pytest
from guide import ROOT, changed, copy_of_the_repository, read, run, write

pytestmark = pytest.mark.host(
    "about files; the programs that they start are tested on a device by other tests"
)
CONTRIBUTING, TEACHING = ".github/CONTRIBUTING.md", "lessons/TEACHING.md"
# name: where it stands, how many files it may write or change, and a mistake that its commands must see
EXAMPLES = {
    "op": (read(CONTRIBUTING, "### An operation with its laws"), 3, ("sqrt(x * x + 1)", "sqrt(x * x + 2)")),
    "rule": (read(CONTRIBUTING, "### A rule of LRP"), 3, ("-self.high), down(w)", "-self.low), down(w)")),
    "exercise": (read(TEACHING, "## A new exercise"), 4, ("return m + np.log(", "return np.log(")),
    "family": (read(CONTRIBUTING, "### A family of models"), 5, ("is_causal=True", "is_causal=False")),
}
EACH = pytest.mark.parametrize("name", EXAMPLES)
# commands with these parts take long, or need the `lessons` extra
LONG = ("test_torch_database", "course.build", "test_notebooks", "train", "runs/")


def is_long(command):
    return any(part in command for part in LONG)


def followed(guide, folder, commands):
    """What the commands said that failed, after the guide was followed."""
    write(guide, copy_of_the_repository(folder))
    for command in commands:
        done = run(command, folder)
        if done.returncode:
            return f"{command}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    return ""


@EACH
def test_no_more_files_are_touched_than_that(name):
    guide, files, _ = EXAMPLES[name]
    assert len(guide.files) <= files and guide.commands


@EACH
def test_it_works_as_written(name, tmp_path):
    guide, _, _ = EXAMPLES[name]
    said = followed(guide, tmp_path, [c for c in guide.commands if not is_long(c)])
    assert not said, said
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--no-cache", *sorted(guide.files)],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@EACH
def test_its_long_commands_too(name, tmp_path):
    guide, _, _ = EXAMPLES[name]
    said = followed(guide, tmp_path, filter(is_long, guide.commands))
    assert not said, said


@pytest.mark.slow
@EACH
def test_a_mistake_in_it_is_seen(name, tmp_path):
    guide, _, mistake = EXAMPLES[name]
    said = followed(guide.broken(*mistake), tmp_path, [c for c in guide.commands if not is_long(c)])
    assert "failed" in said or "differ" in said, said


def test_a_diff_changes_what_stands_there_once():
    assert changed("a\nb\nc\n", " a\n+x\n@@\n-c\n+d\n") == "a\nx\nb\nd\n"
    with pytest.raises(AssertionError, match="found 0 times"):
        changed("a\n", " b\n+x\n")
    with pytest.raises(AssertionError, match="found 2 times"):
        changed("a\na\n", "-a\n")


def test_the_tests_that_it_names_are_there():
    page = (ROOT / CONTRIBUTING).read_text(encoding="utf-8")
    named = set(re.findall(r"tests/[\w*/.]+\w", page))
    assert len(named) > 40 and not [name for name in named if not list(ROOT.glob(name))]


def test_the_guides_know_of_each_other():
    contributing, teaching = ((ROOT / page).read_text(encoding="utf-8") for page in (CONTRIBUTING, TEACHING))
    assert "(../lessons/TEACHING.md#a-new-exercise)" in contributing
    assert "(../.github/CONTRIBUTING.md)" in teaching
