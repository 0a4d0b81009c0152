"""The public names: `mt.__all__` and `dir(mt)` list them and nothing else, and each is there without a further import."""

import json
import subprocess
import sys
import types

import pytest
from later import torch

import minitransformer as mt

ROOMS = """accelerator amp autograd backends bench checkpoint cost cuda data distributed distributions explain func generation
jit linalg models nn optim pictures random recipes special testing tokenization tour training utils verify version""".split()
# not in `torch` itself: ours, and what PyTorch has as methods or in torch.nn.functional
OURS = """__version__ backend bool_ clamp compare_with_torch cross_entropy detect_anomaly divide expand gelu gradcheck linear
mse_loss one_hot pad repeat scaled_dot_product_attention silu to_torch use_backend""".split()


def in_a_fresh_process(code):
    """What `code` prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_dir_lists_the_public_names_and_nothing_else():
    assert dir(mt) == sorted(mt.__all__) == sorted(set(mt.__all__))
    assert [name for name in mt.__all__ if isinstance(getattr(mt, name), types.ModuleType)] == ROOMS
    strange = [n for n in mt.__all__ if n not in ROOMS and n not in OURS and not hasattr(torch, n)]
    assert not strange


def test_dir_is_complete():
    """Every function and class of the package itself that a user could call is listed: imports for own use are modules."""
    hidden = {n for n in vars(mt) if not n.startswith("_") and n not in mt.__all__}
    assert not {n for n in hidden if callable(getattr(mt, n))}


def test_every_room_opens_without_a_further_import():
    code = "import json, minitransformer as mt; print(json.dumps([getattr(mt, n).__name__ for n in {!r}]))"
    for room in ROOMS:
        assert in_a_fresh_process(code.format([room])) == [f"minitransformer.{room}"]


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        AttributeError, match="'minitransformer' has no attribute 'sofmax'; did you mean 'softmax'"
    ):
        mt.sofmax  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'zzzzzz'$"):
        mt.zzzzzz  # noqa: B018
