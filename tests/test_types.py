"""Types that tools can see: typical user code passes `mypy --strict`, and what is wrong in it is reported."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.host("reads types, computes nothing")]
ROOT = Path(__file__).parent.parent
WRONG = """\
import minitransformer as mt
import minitransformer.nn as nn

x = mt.ones(2, 3)
x + "one"
x.summ()
x.sum(dims=0)
nn.Linear("two", 3)
nn.Linear(2, 3)(x, x)
nn.Linear(2, 3)(x).shape.T
mt.sofmax(x, 1)
mt.optim.Adam(nn.Linear(2, 3).parameters(), rate=0.1)
"""


def errors(*files):
    """(file name, line) of what `mypy --strict` reports in files outside the package, and its whole output."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = [line.split(":") for line in done.stdout.splitlines() if ": error:" in line]
    return [(Path(name).name, int(line)) for name, line, *_ in found], done.stdout


def test_user_code_passes_and_mistakes_are_reported(tmp_path):
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    found, output = errors(ROOT / "tests/typing/user_code.py", wrong)
    mistakes = [("wrong.py", n) for n, line in enumerate(WRONG.splitlines(), 1) if n > 4]
    assert [f for f in found if f[0] in ("wrong.py", "user_code.py")] == mistakes, output
