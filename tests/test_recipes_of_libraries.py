"""Each program of the page on other libraries' classifiers runs as it stands, and finds the word that matters."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.host("about programs of other libraries, which run on the host")
PAGE = (Path(__file__).parent.parent / "lessons" / "RECIPES.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^## (\S+)\n.*?^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
NEEDS = {
    "scikit-learn": "sklearn",
    "PyTorch": "torch",
    "transformers": "transformers",
    "TensorFlow": "tensorflow",
    "spaCy": "spacy",
    "AllenNLP": "minitransformer",
}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
QUICK = ("AllenNLP",)


def test_every_library_has_a_program():
    assert PROGRAMS.keys() == NEEDS.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NEEDS]
)
def test_the_program_runs_and_explains(name):
    if not find_spec(NEEDS[name]):
        pytest.skip(f"{NEEDS[name]} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[name]], capture_output=True, text=True, env={**os.environ, **QUIET}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = re.findall(r"^  ([+-]\d\.\d{4})  (\S+)$", done.stdout, re.MULTILINE)
    weights = {word: float(weight) for weight, word in lines}
    assert {"warm", "clever"} <= weights.keys(), done.stdout
    assert (
        name == "transformers" or max(weights["warm"], weights["clever"]) > 0
    )  # that of transformers is untrained
