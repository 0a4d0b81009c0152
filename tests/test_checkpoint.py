"""A checkpoint loads exactly or gives an error, even if the disk, the program or the file fails."""

import errno
import json
import math
import os
import stat
import struct
import sys
import time
from pathlib import Path

import numpy
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import minitransformer as mt
from minitransformer import checkpoint, disk, nn
from minitransformer.checkpoint import CheckpointError

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool".split()


def assert_equal(got, expected):
    """The same nest: types, keys, order, dtypes, shapes, and every bit of every number."""
    if isinstance(expected, mt.Tensor):
        expected = expected.numpy()
    assert type(got) is type(expected)
    if isinstance(expected, numpy.ndarray):
        native = numpy.ascontiguousarray(expected).astype(expected.dtype.newbyteorder("="))
        assert (got.dtype, got.shape, got.tobytes()) == (native.dtype, expected.shape, native.tobytes())
    elif isinstance(expected, dict):
        assert [(type(k), k) for k in got] == [(type(k), k) for k in expected]
        for key in expected:
            assert_equal(got[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert_equal(g, e)
    elif isinstance(expected, float):
        assert struct.pack("<d", got) == struct.pack("<d", expected)
    else:
        assert got == expected


def there_and_back(state, folder):
    checkpoint.save(state, folder / "state")
    return checkpoint.load(folder / "state")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("checkpoints")


def example():
    """A state of every kind of thing."""
    random = numpy.random.default_rng(0)
    return {
        "model": {"weight": random.standard_normal((4, 3)).astype("float32"), "steps": numpy.array(7)},
        "random": numpy.random.default_rng(5).bit_generator.state,
        3: [(1, 2.5), None, True, "text", {"x": numpy.arange(6, dtype="int8")}],
        "losses": [0.1, math.nan, -math.inf],
    }


# ---- there and back ----

scalars = st.none() | st.booleans() | st.integers() | st.integers(2**52, 2**130) | st.floats() | st.text()
few = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
arrays = arrays_of.arrays(st.sampled_from(DTYPES + [">f4", ">i8"]), few)
nests = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(state=nests)
@settings(deadline=None, max_examples=150)
def test_any_nest_comes_back_exactly(state, folder):
    assert_equal(there_and_back(state, folder), state)


@pytest.mark.parametrize(
    "state",
    [
        {1: "a", "1": "b", -1: "c"},
        {
            "a.b": numpy.ones(1),
            "a": {"b": numpy.zeros(1)},
            "a['b']": numpy.ones(2),
            "state['a']": numpy.ones(3),
        },
        {1: numpy.ones(1), "1": numpy.zeros(1)},
        [{}, [], (), ((),), {"": ""}, {"array": "x"}, {"tuple": [1]}, {"__metadata__": numpy.ones(1)}],
        [2**53 - 1, 2**53, -(2**53), 2**128 + 1, 10**5000],
        [0.1, -0.0, 5e-324, math.inf, -math.inf, struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]],
        ['\x00\n"\\', "\U0001f600 \u00e4 \u2028", "NaN"],
        numpy.array(3.5, dtype="float16"),
        "alone",
    ],
    ids=lambda state: type(state).__name__,
)
def test_corners_come_back_exactly(state, tmp_path):
    assert_equal(there_and_back(state, tmp_path), state)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_with_gaps_and_of_either_byte_order(dtype, tmp_path):
    array = numpy.arange(24).reshape(4, 6).astype(dtype)
    state = [
        array.T,
        array[::-2, 1::2],
        array.astype(array.dtype.newbyteorder(">")),
        array[:0],
        array[1, 1:2][0:1].reshape(()),
    ]
    got = there_and_back(state, tmp_path)
    assert_equal(got, state)
    assert all(g.dtype.isnative and g.flags.writeable for g in got)


def test_tensors_come_back_as_arrays(tmp_path):
    state = {
        "t": mt.tensor([[1.0, 2.0]], requires_grad=True),
        "p": nn.Parameter(mt.ones(2)),
        "view": mt.arange(6).view(2, 3).t(),
    }
    assert_equal(
        there_and_back(state, tmp_path), {key: value.detach().numpy() for key, value in state.items()}
    )


def test_the_generator_goes_on_from_its_state(tmp_path):
    generator = mt.randomness.generator()
    generator.random(5, dtype="float32")
    state = there_and_back(generator.bit_generator.state, tmp_path)
    expected = generator.random(9, dtype="float32")
    generator.bit_generator.state = state
    numpy.testing.assert_array_equal(generator.random(9, dtype="float32"), expected)


def training(optimizer):
    model = nn.Linear(3, 2)
    return model, optimizer(model.parameters())


def train(model, optimizer):
    optimizer.zero_grad()
    (model(mt.ones(4, 3)) ** 2).sum().backward()
    optimizer.step()


@pytest.mark.parametrize(
    "optimizer", [lambda p: mt.optim.AdamW(p, lr=0.1), lambda p: mt.optim.SGD(p, lr=0.1, momentum=0.9)]
)
def test_models_and_optimizers_go_on_from_a_checkpoint(optimizer, tmp_path):
    model, optim = training(optimizer)
    for _ in range(3):
        train(model, optim)
    state = there_and_back({"model": model.state_dict(), "optim": optim.state_dict()}, tmp_path)
    again, optim_again = training(optimizer)
    again.load_state_dict(state["model"])
    optim_again.load_state_dict(state["optim"])
    for _ in range(3):
        train(model, optim)
        train(again, optim_again)
    for ours, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert_equal(ours.detach().numpy(), theirs.detach().numpy())


def test_what_is_shared_is_stored_once_and_stays_shared(tmp_path):
    path, weight = tmp_path / "c", numpy.arange(6.0).reshape(2, 3)
    twice = {
        "embedding": weight,
        "head": mt.tensor(weight),
        "tied": weight,
        "rows": weight[:1],
        "flat": weight.reshape(-1),
    }
    checkpoint.save(twice, path)
    loaded = checkpoint.load(path)
    assert loaded["tied"] is loaded["embedding"] and loaded["head"] is not loaded["embedding"]
    assert all((loaded[k] == numpy.asarray(v)).all() and loaded[k].shape == v.shape for k, v in twice.items())
    assert len(safetensors.numpy.load_file(path)) == 4


def test_what_killed_writers_left_is_swept_away(tmp_path):
    path, left = tmp_path / "c[1]", [".c[1].00aa.tmp", ".c1.00cc.tmp"]
    for name in left:
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - 2,) * 2)
    checkpoint.save([1], path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, left[1]]), (
        "only those of this checkpoint"
    )


def test_what_living_writers_write_is_not_swept_away(tmp_path):
    path = tmp_path / "c"
    with disk.replacing(path) as file:
        (writing,) = tmp_path.iterdir()
        os.utime(writing, (1, 1))
        checkpoint.save([1], path)
        file.write(path.read_bytes())
    assert checkpoint.load(path) == [1] and [p.name for p in tmp_path.iterdir()] == ["c"]


def test_other_programs_can_read_the_arrays(tmp_path):
    checkpoint.save(example(), tmp_path / "state")
    found = safetensors.numpy.load_file(tmp_path / "state")
    assert set(found) == {"state['model']['weight']", "state['model']['steps']", "state[3][4]['x']"}
    numpy.testing.assert_array_equal(found["state[3][4]['x']"], numpy.arange(6))


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    checkpoint.save(1, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert checkpoint.load(tmp_path / "target") == 1


# ---- what cannot be saved ----


class Thing:
    pass


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": [0, 1, 2, Thing()]}, r"state\['a'\]\[3\]: cannot save a Thing"),
        ({"a": ({1, 2},)}, r"state\['a'\]\[0\]: cannot save a set"),
        ({3: numpy.float64(1)}, r"state\[3\]: cannot save a float64; .*float\(\)"),
        ({"z": 1j}, r"state\['z'\]: cannot save a complex"),
        ({"z": numpy.ones(2, complex)}, r"state\['z'\]: expected an array .* got dtype complex128"),
        ({"z": numpy.array([Thing()])}, "got dtype object"),
        ({"z": numpy.array(["a"])}, "got dtype <U1"),
        ({"z": numpy.ones(2, numpy.longdouble)}, "got dtype float128"),
        ({"z": numpy.ma.masked_array([1.0], [True])}, "cannot save a MaskedArray"),
        ({"a": {1.5: 2}}, r"state\['a'\]: expected keys of type str or int, got float 1.5"),
        ({"a": {True: 2}}, "got bool True"),
        ({"a": {(1, 2): 2}}, "got tuple"),
        (b"bytes", "state: cannot save a bytes"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_place(state, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        checkpoint.save(state, tmp_path / "state")
    assert not list(tmp_path.iterdir())


def test_a_nest_may_be_fifty_deep_but_not_endless(tmp_path):
    deep = 1
    for i in range(25):
        deep = [{"x": deep, i: ()}]
    assert_equal(there_and_back(deep, tmp_path), deep)
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="contain itself"):
        checkpoint.save(endless, tmp_path / "state")


def test_half_a_character_is_refused(tmp_path):
    with pytest.raises(ValueError, match="surrogates"):
        checkpoint.save(["\ud83d", "\ude00"], tmp_path / "state")


def test_a_skeleton_too_large_to_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "MAX_HEADER", 1000)
    with pytest.raises(ValueError, match="turn long lists into arrays"):
        checkpoint.save(list(range(1000)), tmp_path / "state")
    assert not list(tmp_path.iterdir())


# ---- damage ----


def flip(data, random):
    data[random.integers(len(data))] ^= 1 << random.integers(8)


def truncate(data, random):
    del data[random.integers(len(data)) :]


def insert(data, random):
    at = random.integers(len(data) + 1)
    data[at:at] = random.bytes(random.integers(1, 20))


def delete(data, random):
    at = random.integers(len(data))
    del data[at : at + random.integers(1, 20)]


def blank(data, random):
    at = random.integers(len(data))
    length = len(data[at : at + random.integers(1, 64)])
    data[at : at + length] = bytes(length)


def swap(data, random):
    a, b = sorted(random.integers(len(data) - 16, size=2))
    size = min(16, b - a)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def header_length(data, random):
    length = int.from_bytes(data[:8], "little")
    wrong = [
        0,
        length - 1,
        length + 1,
        len(data),
        10**8,
        10**8 + 1,
        2**63 - 1,
        2**64 - 1,
        int(random.integers(2**16)),
    ]
    data[:8] = (wrong[random.integers(len(wrong))] % 2**64).to_bytes(8, "little")


def digit(data, random):
    """Another digit where the header has one: shapes, offsets, numbers of the skeleton."""
    places = [i for i, byte in enumerate(data[: data.index(b"}}", 8)]) if chr(byte).isdigit()]
    data[places[random.integers(len(places))]] = ord("0") + random.integers(10)


def dtype_name(data, random):
    """A dtype of another name, of the same length or not, that safetensors may know and NumPy may not."""
    names = [b'"F32"', b'"I64"', b'"I8"']
    others = [
        b'"BF16"',
        b'"F8_E4M3"',
        b'"F4"',
        b'"C64"',
        b'"BOOL"',
        b'"U8"',
        b'"I32"',
        b'"U64"',
        b'"F64"',
        b'"X"',
    ]
    name, other = names[random.integers(len(names))], others[random.integers(len(others))]
    changed = data.replace(name, other, 1)
    data[:] = changed
    length = int.from_bytes(data[:8], "little") + len(other) - len(name)
    data[:8] = (length % 2**64).to_bytes(8, "little")


MUTATIONS = [flip, truncate, insert, delete, blank, swap, header_length, digit, dtype_name]


def fuzz(count, folder, seed):
    """Loads `count` damaged files; returns how many were refused."""
    state, path, random, refused = example(), folder / "state", numpy.random.default_rng(seed), 0
    checkpoint.save(state, path)
    intact = path.read_bytes()
    for i in range(count):
        data = bytearray(intact)
        for _ in range(random.integers(1, 3)):
            if len(data) > 40 and b"}}" in data[8:]:
                MUTATIONS[i % len(MUTATIONS)](data, random)
        path.write_bytes(data)
        try:
            assert_equal(checkpoint.load(path), state)
        except CheckpointError as error:
            refused += 1
            assert str(path) in str(error), error
    return refused


def test_damage_is_noticed(tmp_path):
    assert fuzz(300, tmp_path, seed=0) > 250


@pytest.mark.slow
def test_much_damage_is_noticed(tmp_path):
    assert fuzz(2000, tmp_path, seed=1) > 1700


@pytest.mark.parametrize(
    ("old", "new"), [(b'"shape":[4,3]', b'"shape":[3,4]'), (b'"I8"', b'"U8"'), (b"]['steps", b"]['stepz")]
)
def test_a_changed_fact_about_an_array(old, new, tmp_path):
    checkpoint.save(example(), tmp_path / "state")
    content = (tmp_path / "state").read_bytes()
    assert old in content
    (tmp_path / "state").write_bytes(content.replace(old, new))
    with pytest.raises(CheckpointError, match="has changed"):
        checkpoint.load(tmp_path / "state")


def test_every_single_byte_counts(tmp_path):
    path, state = tmp_path / "state", {"w": numpy.arange(3, dtype="float32"), "x": [(1,), math.nan]}
    checkpoint.save(state, path)
    intact = path.read_bytes()
    for i in range(len(intact)):
        path.write_bytes(intact[:i] + bytes([intact[i] ^ 1]) + intact[i + 1 :])
        try:
            assert_equal(checkpoint.load(path), state)
        except CheckpointError:
            continue
        assert intact[i : i + 1].isspace(), f"byte {i} can change unnoticed"


def forge(path, skeleton, arrays=None, version=checkpoint.VERSION, sha256=None):
    """A file as somebody else might make it, with a digest that is right unless given."""
    arrays = arrays or {}
    sha256 = sha256 or checkpoint._digest(skeleton, arrays)
    safetensors.numpy.save_file(
        arrays, path, {"minitransformer_checkpoint": version, "skeleton": skeleton, "sha256": sha256}
    )


@pytest.mark.parametrize(
    "skeleton",
    [
        "",
        "{",
        "{}",
        '{"a": 1, "b": 2}',
        '{"array": "missing"}',
        '{"array": []}',
        '{"int": "x"}',
        '{"int": 3}',
        '{"float": "00"}',
        '{"tuple": 3}',
        '{"dict": [[1]]}',
        '{"dict": [[[], 1]]}',
        '{"dict": 5}',
        '{"strange": 5}',
        '{"float": "zz"}',
        "[" * 100_000,
        "[" * 900 + "]" * 900,
        '{"array": {"tuple": []}}',
        "1" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_a_malformed_skeleton_with_the_right_digest(skeleton, tmp_path):
    forge(tmp_path / "state", skeleton)
    with pytest.raises(CheckpointError, match="malformed skeleton"):
        checkpoint.load(tmp_path / "state")


def test_a_wrong_digest(tmp_path):
    forge(tmp_path / "state", "1", sha256="0" * 64)
    with pytest.raises(CheckpointError, match="has changed since it was written .*copy it again"):
        checkpoint.load(tmp_path / "state")


def test_an_unknown_version(tmp_path):
    forge(tmp_path / "state", "1", version="2")
    with pytest.raises(
        CheckpointError, match="expected format version 1, got '2'; use the minitransformer that wrote it"
    ):
        checkpoint.load(tmp_path / "state")


def test_a_safetensors_file_that_is_no_checkpoint(tmp_path):
    safetensors.numpy.save_file({"x": numpy.ones(2)}, tmp_path / "state")
    with pytest.raises(
        CheckpointError,
        match="expected a checkpoint, got another safetensors file; safetensors.numpy.load_file reads",
    ):
        checkpoint.load(tmp_path / "state")


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"\x80\x04\x95" * 50, bytes(100), json.dumps({"a": 1}).encode()]
)
def test_a_file_of_something_else(content, tmp_path):
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(
        CheckpointError, match=rf"state \({len(content)} bytes\) is not an intact safetensors file"
    ):
        checkpoint.load(tmp_path / "state")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint here; .*missing"):
        checkpoint.load(tmp_path / "missing")


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(CheckpointError, match="name of a file"):
        checkpoint.load(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="name of a file"):
        checkpoint.save(1, tmp_path / "folder")
    with pytest.raises(CheckpointError, match="in a folder that exists") as caught:
        checkpoint.save(1, tmp_path / "missing" / "state")
    assert ".tmp" not in str(caught.value), "the reader knows nothing of temporary files"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


# ---- a disk that refuses ----


def refuse(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


class FullFile:
    """A file on a disk with room for ten bytes."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        self.file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def opens_with(fail):
    """Let the `open` of checkpoints be another."""
    return lambda patch: [patch.setattr(module, "open", fail, raising=False) for module in (checkpoint, disk)]


def syncs_with(fail):
    return lambda patch: patch.setattr(os, "fsync", fail)


FAILURES = {
    "full at write": (
        opens_with(lambda *args: FullFile(open(*args))),
        "No space left on device.*free some space",
    ),
    "full at fsync": (syncs_with(refuse(errno.ENOSPC)), "No space left on device.*free some space"),
    "quota": (syncs_with(refuse(errno.EDQUOT)), "free some space"),
    "bad disk": (syncs_with(refuse(errno.EIO)), "Input/output error.*another folder"),
    "read-only folder": (opens_with(refuse(errno.EACCES)), "Permission denied.*may read and write"),
    "read-only disk": (opens_with(refuse(errno.EROFS)), "Read-only.*another folder"),
    "rename refused": (
        lambda patch: patch.setattr(os, "replace", refuse(errno.EPERM)),
        "Operation not permitted",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_refusal_leaves_the_old_checkpoint_and_nothing_else(failure, tmp_path, monkeypatch):
    path = tmp_path / "state"
    checkpoint.save("old", path)
    arrange, message = FAILURES[failure]
    with monkeypatch.context() as patch:
        arrange(patch)
        with pytest.raises(CheckpointError, match=f"state: .*{message}") as caught:
            checkpoint.save("new", path)
    assert "an earlier one is untouched" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
    assert checkpoint.load(path) == "old"


def test_a_real_limit_on_the_file_size(tmp_path):
    resource = pytest.importorskip("resource")
    path, limits = tmp_path / "state", resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoint.save("old", path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="File too large.*free some space"):
            checkpoint.save(numpy.zeros(10**6), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
    assert checkpoint.load(path) == "old"


def test_no_permission_to_read(tmp_path, monkeypatch):
    opens_with(refuse(errno.EACCES))(monkeypatch)
    with pytest.raises(CheckpointError, match="Permission denied; see that you may read"):
        checkpoint.load(tmp_path / "state")


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", refuse(errno.EACCES))
    checkpoint.save("new", tmp_path / "state")
    assert checkpoint.load(tmp_path / "state") == "new"


def test_the_file_and_its_folder_reach_the_disk_in_order(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def note_fsync(handle):
        found = os.fstat(handle)
        events.append("folder" if stat.S_ISDIR(found.st_mode) else f"file of {found.st_size} bytes")
        fsync(handle)

    def note_replace(source, target):
        assert Path(source).parent == Path(target).parent
        events.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    checkpoint.save("new", tmp_path / "state")
    assert events == [f"file of {(tmp_path / 'state').stat().st_size} bytes", "replace", "folder"]


# ---- Ctrl-C ----


def interrupted_save(state, path, at):
    """Save, with Ctrl-C at the `at`-th line that runs of what writes; returns whether it came to that."""
    lines, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename not in (checkpoint.__file__, disk.__file__):
            return None
        if event == "line":
            lines += 1
            if lines == at:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        checkpoint.save(state, path)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


# close() may be cut off
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_leaves_the_old_or_the_new(tmp_path):
    path, at, outcomes = tmp_path / "state", 0, []
    interrupted = True
    while interrupted:
        at += 1
        checkpoint.save("old", path)
        interrupted = interrupted_save("new", path, at)
        assert [p.name for p in tmp_path.iterdir()] == ["state"], f"line {at} left something behind"
        outcomes.append(checkpoint.load(path))
    assert at > 30
    assert outcomes == sorted(outcomes, reverse=True), "once the new one is there, it stays"
    assert outcomes[0] == "old"
    assert outcomes[-1] == "new"
