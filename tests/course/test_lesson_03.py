"""Lesson 03: the checks of code for several array libraries are held against right and wrong answers, also on CuPy."""

import sys
from pathlib import Path

import numpy as np
import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

from minitransformer.course.checks.lesson_03_two_backends.common import other_libraries
from minitransformer.course.pretend import elsewhere, faraway
from minitransformer.course.sandbox import check_file

LESSON = "03_two_backends"
NAMES = ("namespace", "sigmoid", "scatter_add", "move")

OTHERWISE = {
    "namespace": """
import numbers
import sys
def namespace(*arrays):
    found = None
    for array in arrays:
        if array is None or isinstance(array, numbers.Number):
            continue
        library = sys.modules[type(array).__module__.split(".")[0]]
        if found is not None and library is not found:
            raise TypeError(f"{found.__name__} and {library.__name__}")
        found = library
    return found or sys.modules["numpy"]
""",
    "sigmoid": """
import sys
def sigmoid(x):
    xp = sys.modules[type(x).__module__.split(".")[0]]
    below, above = xp.minimum(x, 0), xp.maximum(x, 0)
    return xp.exp(below) / (1 + xp.exp(below - above))
""",
    "scatter_add": """
import sys
def scatter_add(into, index, values):
    xp = sys.modules[type(into).__module__.split(".")[0]]
    rows = values.reshape(len(values), into.size // len(into))
    onehot = (xp.arange(len(into))[:, None] == index[None, :]).astype(values.dtype)
    into += (onehot @ rows).reshape(into.shape)
""",
    "move": """
import sys
def move(array, xp):
    home = sys.modules[type(array).__module__.split(".")[0]]
    if home is not xp:
        if home.__name__ != "numpy":
            array = array.get()
        if xp.__name__ != "numpy":
            array = xp.asarray(array, array.dtype)
    return array
""",
}
RAISE = """        raise TypeError(f"arrays of {' and '.join(sorted(names))} do not mix: move one of them first")"""
WHERE = "return xp.where(x >= 0, 1, z) / (1 + z)"
ADD = "namespace(into, index, values).add.at(into, index, values)"
WRONG = {
    "namespace": [
        ("        raise TypeError(", "        return TypeError(", "do not return it"),
        ("sys.modules[names.pop()] if names else np", "np", "numpy for every array"),
        ("sys.modules[names.pop()] if names else np", "names.pop() if names else 'numpy'", "a text"),
        ('.partition(".")[0]', "", "before the first dot"),
        (RAISE, "        return sys.modules[type(arrays[0]).__module__.partition('.')[0]]", "TypeError"),
        (RAISE, "        raise TypeError('no')", "Name both libraries"),
        (RAISE, "        raise ValueError('no')", ""),
        ("a is not None and not isinstance(a, (bool, int, float))", "a is not None", "numbers have no library"),
        ("a is not None and not isinstance", "not isinstance", "None has no library"),
        ("sys.modules[names.pop()] if names else np", "__import__('cupy') if 'numpy' not in names else np",
         "numpy and cupy only|Import nothing"),
        ("    if len(names) > 1", "    try:\n        import cupy\n    except ImportError:\n        pass\n    if len(names) > 1",
         "look into sys.modules"),
        ("    return sys", "    sys", "return"),
    ],
    "sigmoid": [
        (WHERE, "return 1 / (1 + xp.exp(-xp.clip(x, -30, 30)))", "Cut nothing off"),
        (WHERE, "return z / (1 + z) ** 2", "the derivative of sigmoid"),
        (WHERE, "return 1 / (1 + xp.exp(-x))", "very negative"),
        (WHERE, "return xp.exp(x) / (xp.exp(x) + 1)", "where x is large"),
        (WHERE, "return xp.where(x < 0, xp.exp(x) / (1 + xp.exp(x)), 1 / (1 + xp.exp(-x)))", "Both sides of `where`"),
        ("xp = namespace(x)", "xp = np", "take them from xp"),
        ("xp = namespace(x)", "xp = namespace(x)\n    if xp is not np:\n        return xp.asarray(sigmoid(x.get()))",
         "trip to the host"),
        (WHERE, "z[x >= 0] = (1 / z)[x >= 0]\n    return z / (1 + z)", ""),
        (WHERE, "top = z.copy()\n    top[x >= 0] = (z * 0 + 1)[x >= 0]\n    return top / (1 + z)", "mask as an index"),
        (WHERE, "return xp.where(x >= 0, z, 1) / (1 + z)", "sigmoid(-x)"),
        (WHERE, "return 1 / (z + 1)", "used for all x"),
        (WHERE, "return (1 if x >= 0 else z) / (1 + z)", "want one answer"),
        (WHERE, "return xp.where(x >= 0, np.float64(1), z) / (1 + z)", "float32 became float64"),
        (WHERE, "return xp.where(x >= 0, 1, z) / (1 + z) if float(z.sum()) else z", "an `if`, float()"),
        (WHERE, "xp.where(x >= 0, 1, z) / (1 + z)", "return"),
    ],
    "scatter_add": [
        (ADD, "np.put(into, index, values)", "adds one value after the other"),
        (ADD, "into[index] += values", "only one is kept"),
        (ADD, "into[index] = into[index] + values", "only one is kept"),
        (ADD, "into[index] = values", "overwrites"),
        (ADD, "into *= 0\n    " + ADD, "lost"),
        (ADD, "into = into + 0\n    " + ADD, "in place"),
        (ADD, "np.add.at(into, index, values)", "from the arrays' own library"),
        (ADD, "for i, v in enumerate(index.tolist()):\n        into[v] += values[i]", "Compute where the array is"),
        (ADD, "for i in range(len(values)):\n        into[int(index[i])] = into[int(index[i])] + values[i]",
         "once for every value"),
        (ADD, "for i, value in zip(index, values):\n        into[i] += value", "at every turn"),
        (ADD, "namespace(into, index, values).add.at(into, index, values / values)", "counts how often"),
    ],
    "move": [
        ("array if here is np else array.get()", "array.ravel() if here is np else array.get()", "shape and dtype stay"),
        ("return on_host if xp is np else xp.asarray(on_host)", "return array", "Nothing is moved"),
        ("    on_host = array if here is np else array.get()", "    on_host = array", "Nothing is moved"),
        ("array if here is np else array.get()", "array.get()", "NumPy's arrays have no `get`"),
        ("    if here is xp:", "    if here is xp is np:", "copied to the host and back"),
        ("        return array\n", "        return array + 0\n", "return the array itself"),
        ("array if here is np else array.get()", "array if here is np or xp is not np else array.get()", "Between two libraries"),
        ("return on_host if xp is np else xp.asarray(on_host)", "return np.array(on_host.tolist()) if xp is np else "
         "xp.asarray(on_host.tolist())", "lose the dtype"),
        ("return on_host if xp is np else xp.asarray(on_host)", "return on_host", "Nothing is moved|always ends"),
        ("return on_host if", "on_host if", "return"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    if "cupy" in new and "cupy" in sys.modules:
        pytest.skip("CuPy is in use")
    source = changed(solved(name), old, new)
    hint = judge_source(name, source).hint
    assert_mistake(name, source, next((part for part in said.split("|") if part in hint), said))


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "03_two_backends.py"
    file.write_text(solved("move"), encoding="utf-8")
    assert all(check_file(name, file).passed for name in NAMES)


class TestPretending:
    """The pretend libraries do what the lesson says of them."""

    def test_computes_as_numpy_does(self):
        x = np.random.default_rng(0).normal(size=(3, 4))
        there = faraway.asarray(x)
        result = (
            faraway.where(there > 0, 2 * there, there @ there.T[:, :1])[1:, ::2].sum(axis=0, keepdims=True)
            / 3
        )
        expected = np.where(x > 0, 2 * x, x @ x.T[:, :1])[1:, ::2].sum(axis=0, keepdims=True) / 3
        assert type(result) is faraway.ndarray and np.allclose(result.get(), expected, rtol=1e-12)

    @pytest.mark.parametrize("mix", [
        lambda here, there, other: here + there, lambda here, there, other: there * here, lambda here, there, other: there @ other,
        lambda here, there, other: np.exp(there), lambda here, there, other: np.where(there > 0, 1, 2),
        lambda here, there, other: np.asarray(there), lambda here, there, other: faraway.exp(here),
        lambda here, there, other: faraway.asarray(other), lambda here, there, other: np.add.at(here, [0], there),
        lambda here, there, other: faraway.sum(there, where=there > 0),
    ])  # fmt: skip
    def test_does_not_mix(self, mix):
        with pytest.raises(TypeError):
            mix(np.ones(3), faraway.asarray(np.ones(3)), elsewhere.asarray(np.ones(3)))

    @pytest.mark.parametrize(("work", "counts"), [
        (lambda x: x + 1, {"steps": 1}), (lambda x: x[x > 0], {"steps": 2, "waits": 1}), (lambda x: float(x.sum()), {"waits": 1}),
        (lambda x: x.get(), {"to host": 1}), (lambda x: faraway.asarray(np.ones(2)), {"to device": 1}),
        (lambda x: bool(x.sum() > 0), {"waits": 1}), (lambda x: faraway.nonzero(x), {"waits": 1}),
    ])  # fmt: skip
    def test_counts(self, work, counts):
        x = faraway.asarray(np.ones(3))
        faraway.count.clear()
        work(x)
        assert {what: faraway.count[what] for what in counts} == counts
        assert faraway.count["waits"] == counts.get("waits", 0)


@pytest.fixture
def cupy(request):
    """CuPy, in tests that `--backend cupy` runs."""
    if request.config.getoption("--backend") != "cupy":
        pytest.skip("needs --backend cupy")
    import cupy

    return cupy


class TestOnCuPy:
    def test_the_checks_ask_it_too(self, cupy):
        assert cupy in other_libraries()
        assert (
            judge_source(
                "sigmoid",
                solved("sigmoid") + "\nreal = sigmoid\ndef sigmoid(x):\n"
                # fmt: skip
                "    return real(x) * (1 if type(x).__module__ != 'cupy' else 2)\n",
            ).status
            == "failed"
        )

    def test_the_same_numbers(self, cupy):
        space = {}
        exec(solved("move"), space)
        x = np.random.default_rng(0).normal(size=(60, 2))
        index = np.random.default_rng(1).integers(0, 5, size=60)
        results = []
        for xp in (np, cupy):
            into = space["move"](np.zeros((5, 2)), xp)
            space["scatter_add"](into, space["move"](index, xp), space["sigmoid"](space["move"](x, xp)))
            assert space["namespace"](into) is xp
            results.append(space["move"](into, np))
        assert np.allclose(*results, rtol=1e-12)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("default")
    def test_the_lesson_s_cells(self, cupy, tmp_path):
        from minitransformer.course.notebook import build, execute

        source = (Path(__file__).parents[2] / "lessons" / "sources" / f"{LESSON}.py").read_text(
            encoding="utf-8"
        )
        notebook = execute(build(LESSON, source, solved=True), str(tmp_path), seconds=300)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        said = "".join(output.get("text", "") or output["data"].get("text/plain", "") for output in outputs)
        assert (
            "the second library: cupy" in said
            and "largest difference" in said
            and said.count(": passed") == len(NAMES)
        )


def test_cupy_is_left_alone_otherwise(request):
    if request.config.getoption("--backend") == "cupy":
        pytest.skip("CuPy is in use")
    assert "cupy" not in sys.modules and other_libraries() == (faraway, elsewhere)
