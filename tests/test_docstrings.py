"""Public docstrings have one form, Google's: a summary, `Args:` naming each argument, `Returns:` where something is returned.

A class names the arguments of its constructor under `Args:` or `Attributes:`. A method that overrides one need not repeat what the
docstring of that one says. The options of a command are explained by their help instead.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re

import pytest

import minitransformer as mt
from minitransformer.autograd import Op, Tensor, grad

ROOMS = [
    mt,
    mt.nn,
    mt.nn.functional,
    mt.nn.init,
    mt.nn.utils,
    mt.optim,
    mt.explain,
    mt.data,
    mt.tokenization,
    mt.generation,
]
# modules, each with all its public functions in this form; the others are still to come
DONE = """
anomaly
defaults
explain.attention_flow
explain.comparison
explain.deletion_curves
explain.gradient_methods
explain.inside
explain.perturbation
explain.planted
explain.rationales
explain.sanity
explain.shapley
explain.stability
explain.surrogate
explain.tabular
explain.walk
explain.word_ratings
gradients
nn.functional
nn.hooks
nn.init
nn.masking
nn.module
nn.position
nn.projected_attention
nn.utils.clip_grad
nn.utils.convert_parameters
ops.creation.filled
ops.creation.from_data
ops.creation.likes
ops.creation.random
ops.elementwise.arithmetic
ops.elementwise.choice
ops.elementwise.compare
ops.elementwise.exponentials
ops.elementwise.powers
ops.elementwise.rounding
ops.elementwise.trigonometry
ops.grids.convolution
ops.grids.pooling
ops.grids.resizing
ops.grids.shuffling
ops.grids.transposed
ops.grids.unfolding
ops.index.lookup
ops.index.masks
ops.index.picking
ops.index.placing
ops.networks.activation
ops.networks.attention
ops.networks.channels
ops.networks.differences
ops.networks.distances
ops.networks.dropout
ops.networks.gumbel
ops.networks.loss
ops.networks.normalization
ops.networks.padding
ops.networks.probabilities
ops.networks.rectifiers
ops.networks.softmax
ops.order.extreme
ops.order.sorting
ops.products.linalg
ops.reduce.sums
ops.shape.arranging
ops.shape.joining
ops.shape.layout
randomness
settings
tokenization
""".split()


# packages and modules in which everything public is in this form: functions, classes, and the methods of classes
WHOLE = """
amp
anomaly
assets
backends
bench
brain_float
checkpoint
cli
course
cuda
data
defaults
devices
disk
distributions
errors
explain
files
generation
gradients
installing
kept
models
nn
ops
optim
pictures
plain
progress
randomness
recipes
serialization
settings
statistics
terminal
tokenization
torch_files
tour
training
tuning
utils
verify
""".split()
# what an op computes: the table of `Op` describes these methods and their arguments, once for all ops
LAWS = ("forward", "vjp", "relprop", "modified", "clear")
# still to come, or not for readers: solutions and checks explain themselves to learners, a program has no public names
EXCEPT = r"course\.(seams|solutions|checks|beside|pytest_exercises).*|.*__main__"


def public():
    """{module: its functions that have a public name in one of the rooms}."""
    found = {}
    for room in ROOMS:
        for name in getattr(room, "__all__", None) or [n for n in vars(room) if not n.startswith("_")]:
            if inspect.isfunction(thing := getattr(room, name)):
                found.setdefault(thing.__module__.removeprefix("minitransformer."), set()).add(thing)
    return found


def modules_of(name):
    """The names of a module, or of a package's modules, that must be whole."""
    module = importlib.import_module(f"minitransformer.{name}")
    found = [name]
    if hasattr(module, "__path__"):
        found += [
            m.name.partition(".")[2] for m in pkgutil.walk_packages(module.__path__, f"{module.__name__}.")
        ]
    return [name for name in found if not re.fullmatch(EXCEPT, name)]


def sections(text):
    """{heading: its lines} of a docstring."""
    parts = re.split(r"^(Args|Attributes|Returns|Yields|Raises|Source):\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(text):
    """The names that a docstring explains as arguments or attributes."""
    found = sections(text)
    lines = found.get("Args", "") + found.get("Attributes", "")
    return set(re.findall(r"^    \**(\w+):", lines, flags=re.M))


def has_summary(text):
    return bool(re.match(r".+[.:](\n\n|$)", text))


def has_help(parameter):
    """Whether it is an option of a command, and its help explains it."""
    return any(getattr(note, "help", None) for note in getattr(parameter.annotation, "__metadata__", ()))


def signature(function):
    try:
        return inspect.signature(function, eval_str=True)
    except (NameError, SyntaxError):  # an annotation that only type checkers can read
        return inspect.signature(function)


def returns_something(function):
    annotation = str(inspect.signature(function).return_annotation)
    return annotation not in ("None", "Never", "NoReturn", "Iterator[None]", str(inspect.Signature.empty))


def faults(function, overridden=""):
    """What the docstring of a function lacks; `overridden` are the docstrings of the methods that it overrides."""
    text = inspect.getdoc(function) or ""
    documented = named(text) | named(overridden)
    for name, parameter in signature(function).parameters.items():
        if name not in (*documented, "self", "cls") and not name.startswith("_") and not has_help(parameter):
            yield f"no argument {name!r} in Args"
    if returns_something(function) and not (sections(text) | sections(overridden)).keys() & {
        "Returns",
        "Yields",
    }:
        yield "no Returns"
    if not has_summary(text or overridden):
        yield "no summary of one line, with a full stop"


def arguments(cls):
    """The arguments of a class's own constructor."""
    if dataclasses.is_dataclass(cls):
        own = inspect.get_annotations(cls)
        return [field.name for field in dataclasses.fields(cls) if field.init and field.name in own]
    if hasattr(cls, "_fields"):
        return cls._fields
    init = vars(cls).get("__init__")
    if not inspect.isfunction(init) or getattr(cls, "_is_protocol", False):
        return []
    return list(inspect.signature(init).parameters)[1:]


def class_faults(cls):
    """What the docstrings of a class and of its public methods lack."""
    text = inspect.cleandoc(cls.__doc__ or "")
    if not has_summary(text):
        yield "no summary of one line, with a full stop"
    yield from (
        f"no argument {name!r}" for name in arguments(cls) if name not in named(text) and name[0] != "_"
    )
    fields = getattr(cls, "__dataclass_fields__", {})
    for name, member in vars(cls).items():
        overridden = "\n\n".join(
            inspect.getdoc(vars(base)[name]) or "" for base in cls.__mro__[1:] if name in vars(base)
        )
        member = getattr(member, "__func__", member)
        if (
            isinstance(member, property)
            and name[0] != "_"
            and not has_summary(inspect.getdoc(member) or overridden)
        ):
            yield f"{name}: no summary"
        law = name in LAWS and issubclass(cls, Op)
        if inspect.isfunction(member) and name[0] != "_" and name not in fields and not law:
            yield from (f"{name}: {fault}" for fault in faults(member, overridden))


def module_faults(name):
    """What the docstrings of a module's public functions and classes lack."""
    module = importlib.import_module(f"minitransformer.{name}")
    for public_name, thing in vars(module).items():
        if public_name[0] != "_" and getattr(thing, "__module__", None) == module.__name__:
            judge = class_faults if inspect.isclass(thing) else faults if inspect.isfunction(thing) else None
            yield from (f"{name}.{public_name}: {fault}" for fault in (judge(thing) if judge else ()))


@pytest.mark.parametrize("module", DONE)
def test_docstrings_name_every_argument(module):
    functions = public()[module]
    assert not [f"{f.__name__}: {fault}" for f in functions for fault in faults(f)]


@pytest.mark.parametrize("name", WHOLE)
def test_everything_public_is_documented(name):
    found = modules_of(name)
    assert found and not [fault for module in found for fault in module_faults(module)]


def test_the_engine_is_documented_for_its_users():
    """Its other functions are for ops, and have one line each."""
    whole = {name: vars(Tensor)[name] for name in ("shape", "ndim", "dtype", "is_leaf", "backward")}
    assert not list(
        class_faults(type("Tensor", (), whole | {"__init__": Tensor.__init__, "__doc__": Tensor.__doc__}))
    )
    assert not list(faults(grad))


def test_what_is_missing_is_seen():
    def whole(x, y=1) -> int:
        """One line.

        Args:
            x: the first, which has a long
                explanation: with a colon.
            y: the second.

        Returns:
            Their sum.
        """

    def half(x, y=1) -> int:
        """One line.

        Args:
            x: the first.
        """

    def none(x) -> None:
        """Two
        lines."""

    assert list(faults(whole)) == []
    assert list(faults(half)) == ["no argument 'y' in Args", "no Returns"]
    assert list(faults(none)) == ["no argument 'x' in Args", "no summary of one line, with a full stop"]


class Base:
    """One line."""

    def run(self, x) -> int:
        """One line.

        Args:
            x: a number.

        Returns:
            A number.
        """


class Whole(Base):
    """One line.

    Args:
        size: a number.

    Attributes:
        kept: another.
    """

    def __init__(self, size):
        self.kept = size

    def run(self, x) -> int:
        """It leaves its argument to the base."""

    @property
    def area(self) -> int:
        """One line."""


class Half:
    """Two
    lines."""

    def __init__(self, size):
        self.size = size

    def run(self, x) -> int:
        """One line."""

    @property
    def area(self) -> int:
        return 1


@dataclasses.dataclass
class Sizes:
    """One line."""

    width: int = 1


def test_what_is_missing_in_a_class_is_seen():
    assert list(class_faults(Whole)) == []
    assert list(class_faults(Half)) == [
        "no summary of one line, with a full stop",
        "no argument 'size'",
        "run: no argument 'x' in Args",
        "run: no Returns",
        "area: no summary",
    ]
    assert list(class_faults(Sizes)) == ["no argument 'width'"]
