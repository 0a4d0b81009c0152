"""Notice when code replaces what it is judged with."""

from __future__ import annotations

import sys
from types import ModuleType

LIBRARY = "minitransformer"
WATCHED = ("builtins", "math", "json", "os", "numpy", LIBRARY, "__main__")

Marks = dict[str, tuple[ModuleType, dict[str, int]]]


def fingerprint() -> Marks:
    """Each module that judging relies on, with the identity of each callable in it and, in the library, in its classes.

    The library's own are taken out of `sys.modules`: who looks for them there finds nothing to take or to change.
    """
    modules = {name: m for name, m in list(sys.modules.items()) if m is not None and name.partition(".")[0] in WATCHED}
    for name in modules:
        if _of_library(name):
            del sys.modules[name]
    return {name: (module, _identities(module)) for name, module in modules.items()}


def _of_library(name: str) -> bool:
    return name.partition(".")[0] == LIBRARY


def _identities(module: ModuleType) -> dict[str, int]:
    found = {k: v for k, v in list(vars(module).items()) if callable(v)}
    if _of_library(module.__name__):
        classes = {k: v for k, v in found.items() if isinstance(v, type)}
        found |= {f"{k}.{name}": v for k, owner in classes.items() for name, v in list(vars(owner).items())}
    return {k: id(v) for k, v in found.items()}


def tampered(before: Marks) -> str:
    """The first name that means something else than `before`, or ""."""
    for name, (module, identities) in before.items():
        if not _of_library(name) and sys.modules.get(name) is not module:
            return name
        now = _identities(module)
        for k, identity in identities.items():
            if now.get(k) != identity:
                return f"{name}.{k}"
    return ""
