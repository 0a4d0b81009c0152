"""A guide that is followed to the letter: its blocks are written into a copy of the repository, and its commands run there.

A block of code belongs to the file that the line above it ends with, in backticks and with a colon. A `python` block is a new file.
A `diff` block changes one: each part, divided by `@@`, holds lines that stand once in the file, with `+` or `-` where they change.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
COPIED = (
    ".github",
    "exercises",
    "lessons",
    "minitransformer",
    "tests",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
BLOCK = re.compile(r"`([\w./-]+)`:\n\n```(python|diff)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = {
    ".venv/bin/python": [sys.executable],
    ".venv/bin/minitransformer": [sys.executable, "-c", "from minitransformer.cli import main; main()"],
}


class Guide(NamedTuple):
    """A worked example: (path, "python" or "diff", text) of each of its blocks, and its commands."""

    blocks: list[tuple[str, str, str]]
    commands: list[str]

    @property
    def files(self) -> set[str]:
        return {path for path, _, _ in self.blocks}

    def broken(self, old: str, new: str) -> "Guide":
        """The same with a mistake: the only `old` of its blocks made `new`."""
        assert sum(text.count(old) for _, _, text in self.blocks) == 1, f"expected {old!r} once"
        return self._replace(
            blocks=[(path, kind, text.replace(old, new)) for path, kind, text in self.blocks]
        )


def read(page: str, heading: str) -> Guide:
    """The example under a heading of a page, up to the next heading of its level."""
    text = (ROOT / page).read_text(encoding="utf-8")
    level = heading.split(" ")[0]
    (section,) = re.findall(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text, re.DOTALL | re.MULTILINE)
    commands = [line for block in COMMANDS.findall(section) for line in block.splitlines()]
    return Guide(BLOCK.findall(section), commands)


def changed(text: str, diff: str) -> str:
    """The text of a file after a `diff` block."""
    for part in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = part.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        assert text.count(old) == 1, f"expected once, found {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text


def copy_of_the_repository(folder: Path) -> Path:
    """A scratch copy of all that tests need."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def write(guide: Guide, folder: Path) -> None:
    """Do what the blocks say."""
    for path, kind, text in guide.blocks:
        file = folder / path
        assert file.exists() == (kind == "diff"), f"{path}: a python block is a new file, a diff changes one"
        file.write_text(
            changed(file.read_text(encoding="utf-8"), text) if kind == "diff" else text, encoding="utf-8"
        )


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    """One of the guide's commands, in the copy."""
    program, *arguments = shlex.split(command)
    assert program in PROGRAMS, f"expected one of {', '.join(PROGRAMS)}, got {command!r}"
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
