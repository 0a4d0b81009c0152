"""`save` and `load`: every value comes back, what is shared stays shared, and what cannot be saved is named by its place."""

import collections
import io
import os

import numpy
import pytest
import safetensors.numpy

import minitransformer as mt
from minitransformer import checkpoint, nn
from minitransformer.files import FileError


def there_and_back(state, **options):
    file = io.BytesIO()
    mt.save(state, file)
    file.seek(0)
    return mt.load(file, **options)


def assert_equal(got, expected):
    """The same nest, with tensors of the same class, dtype, bits and `requires_grad`."""
    assert type(got) is (dict if isinstance(expected, dict) else type(expected))
    if isinstance(expected, mt.Tensor):
        assert (got.dtype, got.shape, got.requires_grad) == (
            expected.dtype,
            expected.shape,
            expected.requires_grad,
        )
        assert (
            got.device == expected.device
            and got.detach().numpy().tobytes() == expected.detach().numpy().tobytes()
        )
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_equal(got[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert_equal(g, e)
    else:
        assert got == expected or got != got and expected != expected


def state():
    table = mt.arange(24).reshape(4, 6).float()
    return {
        "kinds": [
            mt.ones(2, dtype=getattr(mt, name))
            for name in "float16 float32 float64 int8 int64 uint8 bool".split()
        ],
        "forms": (mt.tensor(3.0), mt.zeros(0, 3), table, table.t(), table[1:, ::2], mt.ones(1).expand(5)),
        "trained": [nn.Parameter(mt.ones(2, 3)), nn.Parameter(mt.ones(2), requires_grad=False)],
        "grad": mt.ones(2, requires_grad=True),
        3: [None, True, 1, -(2**70), 2.5, float("nan"), "text", {}, [], ()],
        "ordered": collections.OrderedDict(b=1, a=2),
        "counted": collections.Counter("abba"),
    }


@pytest.mark.parametrize("where", ["path", "string", "file", "memory"])
def test_everything_comes_back(where, tmp_path):
    path = tmp_path / "state.pt"
    if where == "memory":
        assert_equal(there_and_back(state()), state())
    elif where == "file":
        with open(path, "w+b") as file:
            file.write(b"before")
            mt.save(state(), file)
            file.seek(6)
            assert_equal(mt.load(file), state())
    else:
        mt.save(state(), str(path) if where == "string" else path)
        assert_equal(mt.load(str(path) if where == "string" else path), state())


def test_a_program_goes_on_from_its_file(tmp_path):
    """As programs have it: model, optimizer and settings in one dict."""

    def made():
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        return model, mt.optim.AdamW(model.parameters(), lr=0.01)

    def step(model, optimizer):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    x = mt.randn(5, 3)
    model, optimizer = made()
    step(model, optimizer)
    saved = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "iter": 1,
        "config": {"lr": 0.01},
    }
    mt.save(saved, tmp_path / "ckpt.pt")
    step(model, optimizer)
    loaded = mt.load(
        tmp_path / "ckpt.pt", map_location="cpu" if x.device == "cpu" else "cuda", weights_only=False
    )
    other, its = made()
    other.load_state_dict(loaded["model"])
    its.load_state_dict(loaded["optimizer"])
    step(other, its)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.detach().numpy().tobytes() == q.detach().numpy().tobytes()


def test_what_is_shared_is_stored_once_and_stays_shared():
    weight = nn.Parameter(mt.ones(300, 400))
    saved = {
        "a": weight,
        "b": weight,
        "c": weight.detach(),
        "t": weight.detach().t(),
        "other": mt.ones(300, 400),
    }
    file = io.BytesIO()
    mt.save(saved, file)
    assert 3 * weight.detach().numpy().nbytes <= len(file.getvalue()) < 3.1 * weight.detach().numpy().nbytes
    file.seek(0)
    got = mt.load(file)
    assert got["a"] is got["b"] and got["t"].shape == (400, 300)
    with mt.no_grad():
        got["a"].fill_(7)
    assert float(got["c"][0, 0]) == 7 and float(got["other"][0, 0]) == float(got["t"][0, 0]) == 1


class Other:
    pass


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"optimizer": {"x": Other()}}, r"state\['optimizer'\]\['x'\]: expected tensors, .*, got Other$"),
        ([1, (2, {3})], r"state\[1\]\[1\]: expected .*, got set$"),
        (numpy.ones(2), "^state: expected .*, got ndarray; make a tensor of it"),
        ({"best": numpy.float64(1)}, r"state\['best'\]: expected .*, got float64; save its .item\(\)"),
        ({"model": nn.Linear(1, 1)}, r"state\['model'\]: expected .*, got Linear; save its state_dict\(\)"),
        ({1.5: 2}, "expected keys of type str or int, got float 1.5"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_place(state, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        mt.save(state, tmp_path / "state")
    assert not list(tmp_path.iterdir())


def test_a_state_that_contains_itself():
    state = []
    state.append(state)
    with pytest.raises(ValueError, match="does the state contain itself"):
        mt.save(state, io.BytesIO())


def test_a_failure_leaves_the_earlier_file(tmp_path, monkeypatch):
    mt.save("old", tmp_path / "state")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match="No space left on device; .* untouched; free some space"):
        mt.save("new", tmp_path / "state")
    assert mt.load(tmp_path / "state") == "old"


def test_where_tensors_shall_be():
    asked = []

    def keep(storage, location):
        asked.append(location)
        return storage

    for place in ("cpu", mt.device("cpu"), {"cpu": "cpu"}, keep):
        assert there_and_back({"x": mt.ones(2)}, map_location=place)["x"].device == "cpu"
    assert asked == ["cpu"]
    with pytest.raises(ValueError, match="expected 'cpu', 'cuda' or 'cuda:N', got 'tpu'"):
        there_and_back({"x": mt.ones(2)}, map_location="tpu")


def test_the_tensors_of_any_safetensors_file(tmp_path):
    safetensors.numpy.save_file(
        {"a": numpy.arange(6.0).reshape(2, 3), "b": numpy.ones(1, "int8")}, tmp_path / "x"
    )
    got = mt.load(tmp_path / "x")
    assert got["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and got["b"].dtype == mt.int8
    assert_equal(mt.load(io.BytesIO((tmp_path / "x").read_bytes())), got)


def test_checkpoints_of_runs_are_read_and_read_what_was_saved(tmp_path):
    checkpoint.save({"x": numpy.ones(2)}, tmp_path / "run")
    assert mt.load(tmp_path / "run")["x"].tolist() == [1, 1]
    mt.save({"x": nn.Parameter(mt.ones(2))}, tmp_path / "state")
    assert type(checkpoint.load(tmp_path / "state")["x"]) is numpy.ndarray


def bits(file):
    content = file.getvalue()
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


def test_files_that_are_none(tmp_path):
    file = io.BytesIO()
    mt.save({"x": mt.ones(40)}, file)
    for content in (b"", b"x", b"not a file of tensors at all", file.getvalue()[:-1], bits(file)):
        (tmp_path / "f").write_bytes(content)
        for source, name in ((tmp_path / "f", str(tmp_path / "f")), (io.BytesIO(content), "the file")):
            with pytest.raises(FileError, match="; copy it again|; go back") as caught:
                mt.load(source)
            assert str(caught.value).startswith(name)
    with pytest.raises(FileNotFoundError):
        mt.load(tmp_path / "none")
    with pytest.raises(FileError, match="Is a directory"):
        mt.load(tmp_path)
    with pytest.raises(TypeError, match="the name of a file, or a file .* got NoneType"):
        mt.load(None)
