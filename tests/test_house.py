"""The house: imports point down, the engine stays small, functions stay short, names are what they are said to be."""

import ast
import json
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import minitransformer

ROOT = Path(minitransformer.__file__).parent
FLOORS = {
    **dict.fromkeys(
        [
            "backends",
            "devices",
            "defaults",
            "settings",
            "randomness",
            "limits",
            "kernels",
            "errors",
            "statistics",
            "collectives",
        ],
        0,
    ),
    **dict.fromkeys(["autograd", "anomaly", "ops", "gradients", "linalg", "special", "version", "random"], 1),
    **dict.fromkeys(
        [
            "brain_float",
            "tuning",
            "files",
            "disk",
            "importing",
            "plain",
            "terminal",
            "installing",
            "versions",
        ],
        0,
    ),
    "nn": 2,
    **dict.fromkeys(
        [
            "optim",
            "amp",
            "training",
            "distillation",
            "exponents",
            "ranked",
            "meshed",
            "generation",
            "checkpoint",
            "utils",
        ],
        3,
    ),
    **dict.fromkeys(
        [
            "accelerator",
            "cuda",
            "distributions",
            "distributed",
            "testing",
            "func",
            "jit",
            "serialization",
            "torch_files",
        ],
        3,
    ),
    **dict.fromkeys(["tokenization", "data", "kept", "assets", "explain", "pictures"], 3),
    **dict.fromkeys(["models", "progress", "recipes"], 4),
    **dict.fromkeys(["verify", "bench", "cost", "course", "tour"], 5),
    "cli": 6,
}
# the rooms of `ops/`, lowest first, and above them `methods`; `books`, `laws`, .. stand beside the lowest
ROOMS_OF_OPS = "tensors shape creation elementwise index reduce order products networks grids methods".split()
HEAVY = {
    "matplotlib",
    "torch",
    "cupy",
    "rich",
    "typer",
    "safetensors",
    "numpy.random",
    "subprocess",
    "minitransformer.nn",
}
TENSORS = "Tensor tensor no_grad enable_grad manual_seed use_backend backend gradcheck compare_with_torch to_torch detect_anomaly"
METHODS = (
    "lrp relevance lime gradient_x_input integrated_gradients attention_rollout kernel_shap faithfulness "
    "generic_attention occlusion smooth_grad randomisation_check lime_stability"
)
CALLABLES = {
    "minitransformer": f"{TENSORS} ones zeros arange triu exp cos sin abs sum max min cat stack where softmax",
    "minitransformer.explain": METHODS,
    "minitransformer.optim": "SGD Adam AdamW",
    "minitransformer.nn": "Module Parameter Linear Embedding LayerNorm Dropout MultiheadAttention TransformerEncoder",
    "minitransformer.nn.functional": "linear softmax cross_entropy gelu layer_norm scaled_dot_product_attention",
}
MODULES = ["nn", "nn.functional", "optim", "explain"]


def sources():
    """Every module's name and its syntax tree; a package goes under its own name."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


TREES = dict(sources())


# read by type checkers alone: the class of tensors has the methods that the ops, a floor above, give it at run time; and the
# package has rooms that import it under its own name, which at run time open when first entered
FOR_TYPES = {
    ("minitransformer.autograd.engine", "minitransformer.ops.methods"),
    *(("minitransformer", f"minitransformer.{room}") for room in ("bench", "cost", "tour", "verify")),
}


def at_run_time(tree):
    """Every node of a tree but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from at_run_time(child)


def imports(name, tree, known=TREES, nodes=ast.walk):
    """The modules of `known` that a module names in its imports, anywhere in it."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import at line {node.lineno}"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (n if n in known else node.module for n in inner if n in known or node.module in known)


EDGES = {
    name: {target for target in imports(name, tree) if (name, target) not in FOR_TYPES} - {name}
    for name, tree in TREES.items()
}


def floor(name):
    """A module's floor; the whole package, under its own name, is open to the rooms that hold it beside PyTorch, and above."""
    return FLOORS[name.split(".")[1] if "." in name else "verify"]


def circle(edges):
    """A circle in a graph, as a list of names, or None."""
    done = set()

    def walk(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for target in sorted(edges.get(name, ())):
                if found := walk(target, [*path, name]):
                    return found
            done.add(name)

    return next(filter(None, (walk(name, []) for name in edges)), None)


def functions(tree):
    """(name, first line, number of lines without the docstring) of every function."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            said = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1 - said


def in_a_fresh_process(code, *arguments):
    """What `code` prints, as JSON."""
    command = [sys.executable, "-c", code, *map(json.dumps, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_room_has_a_floor():
    assert {name.split(".")[1] for name in TREES if "." in name} <= set(FLOORS)


def test_imports_point_down():
    up = [
        f"{name} imports {target}"
        for name, found in EDGES.items()
        for target in found
        if floor(target) > floor(name)
    ]
    assert not up
    assert sum(map(len, EDGES.values())) > 200


def test_the_rooms_of_ops_import_down():
    place = {f"minitransformer.ops.{room}": i for i, room in enumerate(ROOMS_OF_OPS)}
    rooms = {name: ".".join(name.split(".")[:3]) for name in TREES if name.startswith("minitransformer.ops.")}
    assert set(place) <= set(rooms.values())
    assert not [
        f"{name} imports {target}"
        for name in rooms
        for target in EDGES[name] & set(rooms)
        if place.get(rooms[target], 0) > place.get(rooms[name], 0)
    ]


def test_no_file_of_ops_is_long():
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "ops").rglob("*.py")
    }
    assert not {path.name: n for path, n in lengths.items() if n > 450}


def test_what_types_alone_import_is_not_imported_at_run_time():
    for name, target in FOR_TYPES:
        assert target in imports(name, TREES[name])
        assert target not in imports(name, TREES[name], nodes=at_run_time)


def test_no_circles():
    assert circle(EDGES) is None
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_the_engine_stays_small():
    sizes = {
        name: len((ROOT / "autograd" / f"{name}.py").read_text(encoding="utf-8").splitlines())
        for name in ("engine", "grads")
    }
    assert sizes["engine"] <= 400 and sum(sizes.values()) <= 450
    lengths = [
        n
        for name in ("autograd.engine", "autograd.grads", "backends", "settings")
        for _, _, n in functions(TREES[f"minitransformer.{name}"])
    ]
    assert len(lengths) > 30 and statistics.median(lengths) <= 8


def test_no_function_is_long():
    assert not [
        f"{name}.{f}, line {line}: {n} lines"
        for name, tree in TREES.items()
        for f, line, n in functions(tree)
        if n > 40
    ]


DRAWS = re.compile(r"<svg|<!doctype|\bFigure\(|\bsavefig\(|\bpolyline\b|\bwriting-mode\b")


def test_one_room_draws():
    """Pages, curves and attention maps are drawn in `pictures/`; other rooms call it."""
    assert DRAWS.search("f'<svg viewBox={box}>'")
    drawing = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if DRAWS.search(path.read_text(encoding="utf-8"))
    }
    assert drawing == {"pictures"}


ON_HOST = "|".join(
    """asarray array array2string dtype generic ndarray promote_types arange broadcast_to einsum_path eye full linspace ones
    zeros""".split()
)


def test_ops_ask_the_array_for_its_library():
    """NumPy by name is for host data only: making arrays, dtypes and types. What computes is `namespace(array)`."""
    for name, tree in TREES.items():
        if name.startswith("minitransformer.ops"):
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id in ("np", "numpy")
                ):
                    assert re.fullmatch(ON_HOST, node.attr), (
                        f"{name}, line {node.lineno}: {node.value.id}.{node.attr}"
                    )


@pytest.mark.parametrize("order", ["forwards", "backwards", "mixed"])
def test_names_survive_importing_everything(order):
    names = sorted(name for name in TREES if not name.endswith("__main__"))
    names = {
        "forwards": names,
        "backwards": names[::-1],
        "mixed": random.Random(0).sample(names, len(names)),
    }[order]
    code = """
import importlib, json, sys, types
order, callables, modules = map(json.loads, sys.argv[1:])
for name in order:
    importlib.import_module(name)
wrong = [f"{m}.{n}" for m, ns in callables.items() for n in ns.split() if not callable(getattr(sys.modules[m], n, None))]
for path in modules:
    thing = sys.modules["minitransformer"]
    for part in path.split("."):
        thing = getattr(thing, part)
    wrong += [path] if not isinstance(thing, types.ModuleType) else []
print(json.dumps(wrong))
"""
    assert in_a_fresh_process(code, names, CALLABLES, MODULES) == []


def test_importing_what_draws_loads_no_matplotlib():
    code = "import json, sys; from minitransformer import course, explain, pictures, tour; print(json.dumps(sorted(sys.modules)))"
    loaded = set(in_a_fresh_process(code))
    assert "minitransformer.pictures.chart" in loaded and "matplotlib" not in loaded


def test_importing_the_package_loads_nothing_heavy():
    code = "import json, sys, minitransformer; print(json.dumps(sorted(sys.modules)))"
    loaded = set(in_a_fresh_process(code))
    assert "numpy" in loaded and not loaded & HEAVY
