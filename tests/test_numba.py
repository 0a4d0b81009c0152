"""Kernels that Numba compiles: what they are given, where they are kept, and when they are not there."""

import importlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
import threading
import types

import numpy
import pytest
import small_run

from minitransformer import checkpoint
from minitransformer.kernels import choice, compiled, reference
from minitransformer.kernels import numba as fast
from minitransformer.kernels import numpy as plain

pytestmark = pytest.mark.host("Numba's kernels are for NumPy's arrays")
installed = pytest.mark.skipif("numba" not in choice.usable(), reason="needs Numba: pip install '.[fast]'")


def in_a_process(code, **environment):
    """What a program prints as JSON."""
    return json.loads(finished(started(code, **environment)))


def warned(code, **environment):
    """The same of a program that warns that compiled kernels are not kept, once."""
    process = started(code, "default", **environment)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0 and error.count("compiled kernels are not kept on the disk") == 1, error
    return json.loads(out)


def started(code, warnings="error", **environment):
    command = [sys.executable, "-W", warnings, "-c", code]
    variables = {**os.environ, "MINITRANSFORMER_KERNELS": "", **environment}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen(command, env=variables, **pipes)


def finished(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


# ---- which kernels are chosen ----


@pytest.mark.parametrize("told, usable, expected", [
    ("", ("numpy",), "numpy"),
    ("", ("numpy", "numba"), "numba"),
    ("numpy", ("numpy", "numba"), "numpy"),
    ("numba", ("numpy", "numba"), "numba"),
])  # fmt: skip
def test_the_environment_chooses(monkeypatch, told, usable, expected):
    monkeypatch.setenv(choice.VARIABLE, told)
    monkeypatch.setattr(choice, "usable", lambda: usable)
    assert choice.chosen.__wrapped__() == expected


def test_what_cannot_be_chosen_is_an_error(monkeypatch):
    monkeypatch.setattr(choice, "usable", lambda: ("numpy",))
    for told, error, said in [
        ("numba", ImportError, r"which is not installed: .*minitransformer\[fast\]"),
        ("fortran", ValueError, "expected 'numpy' or 'numba', got 'fortran'"),
    ]:
        monkeypatch.setenv(choice.VARIABLE, told)
        with pytest.raises(error, match=said):
            choice.chosen.__wrapped__()


def test_small_programs_do_not_wait_for_numba():
    code = """
import json, sys, minitransformer as mt
x = mt.ones(60, 60, requires_grad=True)
mt.softmax(mt.nn.functional.gelu(x), -1).sum().backward()
print(json.dumps("numba" in sys.modules))
"""
    assert in_a_process(code) is False


def test_a_numba_that_cannot_be_imported_is_told_of_once_and_not_needed(monkeypatch):
    """As one that is too old for the NumPy beside it."""
    broken = types.ModuleType("numba")
    broken.__getattr__ = lambda name: (_ for _ in ()).throw(ImportError("Numba needs NumPy 2.4 or less"))
    monkeypatch.setitem(sys.modules, "numba", broken)
    monkeypatch.delitem(sys.modules, "numba.extending", raising=False)
    monkeypatch.setattr(compiled, "_loops", compiled._loops.__wrapped__)
    compiled.works.cache_clear()
    x = numpy.ones((100, 100))
    with pytest.warns(UserWarning, match="Numba needs NumPy 2.4 or less; NumPy's kernels are used instead"):
        first = fast.gelu_tanh(x)
    assert (first == plain.gelu_tanh(x)).all() and (fast.softmax(x, -1) == plain.softmax(x, -1)).all()
    compiled.works.cache_clear()


# ---- where compiled code is kept ----

LOGS = """
import json, numpy
from minitransformer.kernels import numba
x = numpy.ones((64, 64), "{dtype}")
y = numba.log_softmax(x, -1)
print(json.dumps([y.dtype.name, float(y[0, 0])]))
"""
EXPECTED = pytest.approx(-math.log(64))


@installed
def test_compiled_code_is_kept(tmp_path):
    times = []
    for _ in range(2):
        assert in_a_process(LOGS.format(dtype="float32"), NUMBA_CACHE_DIR=str(tmp_path)) == [
            "float32",
            EXPECTED,
        ]
        times.append({path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")})
    assert len(times[0]) == 2 and times[0] == times[1]  # an index and the code that it lists


@installed
def test_no_folder_to_keep_it_in(tmp_path):
    nowhere = tmp_path / "file"
    nowhere.touch()  # no folder can be made inside a file
    told = dict(
        NUMBA_CACHE_DIR=str(nowhere / "cache"), NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator"
    )
    assert warned(LOGS.format(dtype="float64"), **told) == ["float64", EXPECTED]


@installed
def test_a_full_disk(tmp_path):
    pytest.importorskip("resource", reason="Windows sets no such limit")
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    limit = f"{limit}; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    code = f"{limit}\n{LOGS.format(dtype='float32')}"
    assert warned(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["float32", EXPECTED]
    assert not [*tmp_path.rglob("*.nbc")]


@installed
@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\x80\x04" + bytes(50)]
)
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_files(tmp_path, suffix, damage):
    code = LOGS.format(dtype="float32")
    in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path))
    (file,) = tmp_path.rglob(f"*.{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    assert warned(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["float32", EXPECTED]


@installed
@pytest.mark.slow
def test_processes_that_compile_at_once(tmp_path):
    """Each dtype twice, in four processes; and once more from what they left."""
    dtypes = ["float32", "float64"] * 2
    for _ in range(2):
        processes = [started(LOGS.format(dtype=dtype), NUMBA_CACHE_DIR=str(tmp_path)) for dtype in dtypes]
        assert [json.loads(finished(p)) for p in processes] == [[dtype, EXPECTED] for dtype in dtypes]
    assert len({path.name for path in tmp_path.rglob("*.nbi")}) == 2  # no index lists both dtypes


@installed
def test_a_process_that_forks_and_threads_that_start_together():
    x = numpy.random.default_rng(0).standard_normal((70, 70))
    expected = reference.log_softmax(x, -1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(fast.log_softmax(x, -1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(numpy.allclose(y, expected, 0, 1e-12) for y in found)
    if hasattr(os, "fork"):
        code = f"""
import json, os, numpy
{LOGS.format(dtype="float64")}
child = os.fork()
if not child:
    os._exit(int(abs(numba.log_softmax(x, -1) - y).max() > 0))
print(json.dumps(os.waitpid(child, 0)[1]))
"""
        process = started(code)
        assert finished(process).split("\n")[-2] == "0"


# ---- what the loops are given ----


@pytest.fixture
def all_to_the_loops(monkeypatch):
    monkeypatch.setattr(fast, "SMALLEST", 1)


ROWS = {
    "gelu": lambda k, x: k.gelu(x),
    "gelu_tanh": lambda k, x: k.gelu_tanh(x),
    "sigmoid": lambda k, x: k.sigmoid(x),
    "erf": lambda k, x: k.erf(x),
    "gelu_vjp": lambda k, x: k.gelu_vjp(x, x, reference.gelu(x)),
    "gelu_tanh_vjp": lambda k, x: k.gelu_tanh_vjp(x, x, reference.gelu_tanh(x)),
    "softmax": lambda k, x: k.softmax(x, -1),
    "softmax_vjp": lambda k, x: k.softmax_vjp(x, abs(x), -1),
    "log_softmax": lambda k, x: k.log_softmax(x, -1),
    "log_softmax_vjp": lambda k, x: k.log_softmax_vjp(x, -abs(x), -1),
    "layer_norm": lambda k, x: k.layer_norm(x, x[0], x[0], 1e-5),
    "layer_norm_vjp": lambda k, x: k.layer_norm_vjp(x, x, x[0], x[:, :1], x[:, :1]),
    "rms_norm": lambda k, x: k.rms_norm(x, x[0], 1e-5),
    "rms_norm_vjp": lambda k, x: k.rms_norm_vjp(x, x, x[0], x[:, :1]),
    "cross_entropy": lambda k, x: k.cross_entropy(x, numpy.arange(len(x)), 0.1)[0],
    "cross_entropy_vjp": lambda k, x: k.cross_entropy_vjp(
        x[0], x, numpy.arange(len(x)), x[:, :1], 1 + abs(x[:, :1]), 0.0
    ),
    # keys that a query may not see are not read
    "attention": lambda k, x: k.attention(x, square(x.dtype, 1), square(x.dtype, 2), None, True, 0.5)[0],
    "attention_added": lambda k, x: k.attention(x, x, x, x, False, 0.5),
    "attention_vjp": lambda k, x: k.attention_vjp(x, x, x, x, abs(x), False, 0.5),
    "attention_kept": lambda k, x: k.attention_vjp(x, x, x, x, abs(x), False, 0.5, abs(x)),
}


def square(dtype, seed=0):
    return numpy.random.default_rng(seed).standard_normal((67, 67)).astype(dtype)


def as_parts(results):
    return results if isinstance(results, tuple) else (results,)


@installed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_nan_and_infinity_are_what_the_definition_makes_of_them(all_to_the_loops, name, dtype):
    """In each place of a row: in the part that is worked on eight numbers at a time, and in the rest."""
    for strange, place in itertools.product([math.nan, -math.nan, math.inf, -math.inf], [0, 31, 64, 66]):
        x = square(dtype)
        x[3, place] = strange
        with numpy.errstate(all="ignore"):
            results, expected = (as_parts(ROWS[name](k, x.copy())) for k in (fast, reference))
        for got, wanted in zip(results, expected, strict=True):
            numpy.testing.assert_array_equal(numpy.isnan(got), numpy.isnan(wanted))
            numpy.testing.assert_array_equal(numpy.isposinf(got), numpy.isposinf(wanted))
            numpy.testing.assert_array_equal(numpy.isneginf(got), numpy.isneginf(wanted))


@installed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_arrays_that_loops_do_not_take_as_they_are(all_to_the_loops, name, dtype):
    """Read-only, broadcast, in another order of bytes, of one dimension and of none."""
    x = square(dtype)
    expected = as_parts(ROWS[name](reference, x.copy()))
    x.flags.writeable = False
    same(as_parts(ROWS[name](fast, x)), expected, dtype)
    swapped = x.astype(x.dtype.newbyteorder())
    same(as_parts(ROWS[name](fast, swapped)), expected, dtype)
    flat = numpy.broadcast_to(x[:1], x.shape)
    same(as_parts(ROWS[name](fast, flat)), as_parts(ROWS[name](reference, flat.copy())), dtype)


def same(results, expected, dtype):
    for got, wanted in zip(results, expected, strict=True):
        scale = abs(wanted).max()
        numpy.testing.assert_allclose(
            got, wanted, rtol=0, atol=scale * (1e-12 if dtype == "float64" else 5e-6)
        )


@installed
def test_numbers_without_a_dimension(all_to_the_loops):
    for x in (numpy.array(0.5), numpy.float32(0.5)):
        for k in ("gelu", "gelu_tanh", "sigmoid", "erf"):
            assert getattr(fast, k)(x).shape == ()
            assert getattr(fast, k)(x) == pytest.approx(float(getattr(reference, k)(x)), rel=1e-6)


@installed
def test_masks_of_every_shape(all_to_the_loops):
    rng = numpy.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, 4, 5, n, 6)) for n in (7, 9, 9))
    shapes = [(1,), (9,), (7, 1), (7, 9), (5, 1, 1), (4, 1, 1, 9), (3, 1, 1, 7, 9), (2, 1, 1, 1, 7, 1)]
    for lead in (0, 2, 3, 4):
        arrays = [a[(0,) * lead] for a in (q, k, v)]
        for shape in shapes:
            if len(shape) <= arrays[0].ndim:
                seen = rng.random(shape) < 0.7
                for mask in (seen, numpy.where(seen, 0.5, -math.inf)):
                    results, expected = (
                        kernel.attention(*arrays, mask, False, 0.4) for kernel in (fast, reference)
                    )
                    same(results, expected, "float64")


@installed
def test_ids_outside_a_table_are_an_error_and_nothing_is_written(all_to_the_loops):
    x, g = numpy.ones((5, 3)), numpy.ones((2, 3))
    for ids in ([0, 5], [-6, 0], [0, 1 << 40]):
        with pytest.raises(IndexError, match="expected ids from -5 to 4, got"):
            fast.index_vjp(g, x, numpy.array(ids))
    with pytest.raises(IndexError, match="expected ids from -3 to 2"):
        fast.cross_entropy(x, numpy.array([0, 1, 2, 3, 0]), 0.0)
    same(
        (fast.index_vjp(g, x, numpy.array([-1, 4], "int32")),),
        (reference.index_vjp(g, x, [-1, 4]),),
        "float64",
    )


@installed
def test_shapes_that_broadcast_are_left_to_numpy(all_to_the_loops):
    s = reference.softmax(square("float64"), -1)
    for g in (numpy.ones(()), numpy.ones((1, 67)), numpy.ones((67, 1))):
        same((fast.softmax_vjp(g, s, -1),), (reference.softmax_vjp(g, s, -1),), "float64")


@installed
@pytest.mark.parametrize("dtype, ulp", [("float32", 1.5), ("float64", 1.5)])
def test_exponentials_are_right_to_the_last_place_or_so(dtype, ulp):
    numba = importlib.import_module("numba")
    loops = importlib.import_module("minitransformer.kernels.loops")
    exp = numba.njit(lambda x: loops.exp(x))
    lowest = -86 if dtype == "float32" else -708
    xs = numpy.linspace(lowest, -lowest, 20_001).astype(dtype)
    exact = numpy.exp(xs.astype("longdouble"))
    assert max(abs(exp(x) - y) / numpy.spacing(y.astype(dtype)) for x, y in zip(xs, exact, strict=True)) < ulp
    ends = [-math.inf, 2 * lowest, 0.0, -2 * lowest, math.inf, math.nan]
    numpy.testing.assert_array_equal(
        [exp(numpy.dtype(dtype).type(x)) for x in ends], [0, 0, 1, math.inf, math.inf, math.nan]
    )


@installed
def test_long_rows_keep_their_digits():
    """A vocabulary of a quarter of a million, and as many rows for the sums over a batch."""
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((2, 250_000)).astype("float32")
    exact = reference.log_softmax(x.astype("float64"), -1)
    assert abs(fast.log_softmax(x, -1) - exact).max() < 2e-6
    g = numpy.abs(rng.standard_normal((50_000, 4))).astype("float32")
    weight, mean, rstd = (
        numpy.ones(4, "float32"),
        numpy.zeros((50_000, 1), "float32"),
        numpy.ones((50_000, 1), "float32"),
    )
    _, _, db = fast.layer_norm_vjp(g, g, weight, mean, rstd)
    assert abs(db / g.sum(0, dtype="float64") - 1).max() < 1e-5


@installed
def test_the_same_units_are_left_out(all_to_the_loops):
    for key, p in [(0, 0.5), (1, 0.1), ((1 << 63) - 1, 0.9), (12345, 0.0), (7, 1.0)]:
        for size in (1, 7, 8, 9, 511, 512, 513, 5000):
            for dtype in (numpy.dtype("float32"), numpy.dtype("float64")):
                drawn, expected = (k.dropout_scale(key, p, (size,), dtype) for k in (fast, reference))
                numpy.testing.assert_array_equal(drawn, expected)


@installed
def test_a_step_of_adam_changes_arrays_where_they_lie(all_to_the_loops):
    """Also those that are not contiguous, and AMSGrad's; the gradient stays as it is."""
    rng = numpy.random.default_rng(0)
    for layout in (numpy.ascontiguousarray, numpy.asfortranarray, lambda a: numpy.repeat(a, 2, 0)[::2]):
        for more in (0, 1):
            state = [abs(rng.standard_normal((5, 4))) for _ in range(4 + more)]
            mine, own = ([layout(a.copy()) for a in state] for _ in range(2))
            for kernel, arrays in ((fast, mine), (reference, own)):
                kernel.adam_all([tuple(arrays)], 3, 0.1, (0.9, 0.999), 1e-8, 0.01, 0.99)
            same(mine, own, "float64")
            assert (mine[1] == state[1]).all()


# ---- what says which kernels were at work ----


def test_a_checkpoint_says_which_kernels_trained_it(tmp_path, monkeypatch):
    first = small_run.trainer(tmp_path, steps=2)
    assert first.run() and first.trained_by is None and first.kernels.split()[0] in ("numpy", "numba")
    monkeypatch.setattr("minitransformer.kernels.name_of", lambda array: "others")
    rest = small_run.trainer(tmp_path, steps=4)
    assert (
        rest.resume()
        and rest.trained_by == checkpoint.load(tmp_path / "last.safetensors")["kernels"] != "others"
    )
    assert rest.run() and checkpoint.load(tmp_path / "last.safetensors")["kernels"] == "others"


def test_a_resumed_run_says_that_its_kernels_are_others(command, tmp_path, monkeypatch):
    options = ["train", "dates", "--out", tmp_path, "--d-model", 8, "--nhead", 2, "--num-layers", 1]
    assert command(*options, "--steps", 1)[0] == 0
    assert "round differently" not in command("train", "--out", tmp_path, "--resume", "--steps", 2)[1]
    monkeypatch.setattr("minitransformer.kernels.name_of", lambda array: "others")
    code, out = command("train", "--out", tmp_path, "--resume", "--steps", 3)
    assert code == 0 and re.search("Kernels: num(py|ba .*) until here, others from here on", out)


def test_a_checkpoint_without_the_name_of_kernels_is_resumed():
    trainer = small_run.trainer()
    state = trainer.state_dict()
    del state["kernels"]
    trainer.load_state_dict(state)
    assert trainer.trained_by is None
