"""Build the API reference from the docstrings, into build/api: every public name has its place there, and a warning is an error."""

import re
import sys
import types
import typing
import warnings
from collections.abc import Iterator
from inspect import isclass, isfunction, ismodule
from pathlib import Path

import pdoc

import minitransformer as mt

HTML = set(
    """a blockquote body br code dd details div dl dt em footer h1 h2 h3 h4 h5 h6 head header hr html img input label li link main
    meta nav ol p path pre script section small span strong style sub summary sup svg table tbody td th thead title tr ul
    wbr""".split()
)
OUT = Path(__file__).parent.parent / "build" / "api"


def resolve(annotated: typing.Any, read: typing.Any) -> None:
    """Put types in the place of annotations that are text: pdoc would look up `int` in `Tensor`, where it is a method."""
    known = vars(sys.modules[read.__module__])
    found = typing.get_type_hints(read, known, {})
    annotated.__annotations__ = {name: None if hint is type(None) else hint for name, hint in found.items()}


def resolve_tensor() -> None:
    """The same for `Tensor`: its attributes, properties and methods."""
    resolve(mt.Tensor, mt.Tensor)
    for member in vars(mt.Tensor).values():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        while isfunction(function):
            resolve(function, function)
            function = getattr(function, "__wrapped__", None)


def rooms(module: types.ModuleType) -> Iterator[types.ModuleType]:
    """A module, and those that its `__all__` leads to."""
    yield module
    for name in getattr(module, "__all__", ()):
        if ismodule(inner := getattr(module, name)) and inner.__name__.startswith(module.__name__):
            yield from rooms(inner)


def public(module: types.ModuleType) -> set[str]:
    """The names that the page of a module must have."""
    own = [n for n, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return {name for name in names if not ismodule(getattr(module, name))}


def page_of(module: types.ModuleType) -> str:
    return (OUT / f"{module.__name__.replace('.', '/')}.html").read_text(encoding="utf-8")


def faults(module: types.ModuleType) -> Iterator[str]:
    """What is wrong with the page of a module."""
    page = page_of(module)
    if missing := public(module) - set(re.findall(r'id="(\w+)"', page)):
        yield f"{module.__name__}: no place for {', '.join(sorted(missing))}"
    if strange := set(re.findall(r"<([a-zA-Z]\w*)", page)) - HTML:
        yield f"{module.__name__}: <{'>, <'.join(strange)}> is text that a browser hides; write it in backticks"
    if found := re.search(r"\w+ at 0x[0-9a-f]+", page):
        yield f"{module.__name__}: {found[0]} is no type and no value that means anything to a reader"


def main() -> None:
    resolve_tensor()
    for room in rooms(mt):
        for name in getattr(room, "__all__", ()):  # pdoc does not find what is imported on first use
            setattr(room, name, getattr(room, name))
        for thing in [*vars(room).values()]:
            if isclass(thing) and issubclass(thing, tuple) and thing.__module__.startswith("minitransformer"):
                resolve(thing.__new__, thing)
    warnings.simplefilter("error")
    pdoc.render.configure(docformat="google", math=True, footer_text=f"minitransformer {mt.__version__}")
    pdoc.pdoc("minitransformer", output_directory=OUT)
    if found := [fault for room in rooms(mt) for fault in faults(room)]:
        raise SystemExit("\n".join(found))
    print(
        f"{OUT / 'index.html'}: {sum(len(public(room)) for room in rooms(mt))} names in {len(list(rooms(mt)))} rooms"
    )


if __name__ == "__main__":
    main()
