"""Types that tools can see: mypy finds nothing in the package and in typical user code, and reports what is wrong.

pyproject.toml says how strict it is: `strict`, but for the rooms that no user imports.
"""

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


def found_by_mypy(*files):
    """(file name, line) of what mypy reports in the package, in the typical user code and in `files`, and its whole output."""
    command = [sys.executable, "-m", "mypy", "minitransformer", "tests/typing", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = [line.split(":") for line in done.stdout.splitlines() if ": error:" in line]
    return [(Path(name).name, int(line)) for name, line, *_ in found], done.stdout


def test_the_package_and_user_code_pass_and_mistakes_are_reported(tmp_path):
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    found, output = found_by_mypy(wrong)
    assert found == [("wrong.py", n) for n, line in enumerate(WRONG.splitlines(), 1) if n > 4], output
