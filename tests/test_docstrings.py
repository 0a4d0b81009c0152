"""Public docstrings have one form, Google's: a summary, `Args:` naming each argument, `Returns:` where something is returned."""

import inspect
import re

import pytest

import minitransformer as mt

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
nn.utils
ops.activation
ops.attention
ops.compare
ops.creation
ops.dropout
ops.elementwise
ops.extreme
ops.index
ops.linalg
ops.loss
ops.normalization
ops.padding
ops.placing
ops.reduce
ops.rounding
ops.shape
ops.softmax
ops.sorting
randomness
settings
tokenization
""".split()


def public():
    """{module: its functions that have a public name in one of the rooms}."""
    found = {}
    for room in ROOMS:
        for name in getattr(room, "__all__", None) or [n for n in vars(room) if not n.startswith("_")]:
            if inspect.isfunction(thing := getattr(room, name)):
                found.setdefault(thing.__module__.removeprefix("minitransformer."), set()).add(thing)
    return found


def sections(text):
    """{heading: its lines} of a docstring."""
    parts = re.split(r"^(Args|Returns|Yields|Raises|Source):\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def faults(function):
    """What the docstring of a function lacks."""
    text = inspect.getdoc(function) or ""
    found = sections(text)
    documented = set(re.findall(r"^    \**(\w+):", found.get("Args", ""), flags=re.M))
    for name in inspect.signature(function).parameters:
        if name not in documented and name != "self":
            yield f"no argument {name!r} in Args"
    returned = inspect.signature(function).return_annotation
    if returned not in (None, "None", "Never", "NoReturn") and not found.keys() & {"Returns", "Yields"}:
        yield "no Returns"
    if not re.match(r".+[.:](\n\n|$)", text):
        yield "no summary of one line, with a full stop"


@pytest.mark.parametrize("module", DONE)
def test_docstrings_name_every_argument(module):
    functions = public()[module]
    assert not [f"{f.__name__}: {fault}" for f in functions for fault in faults(f)]


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
