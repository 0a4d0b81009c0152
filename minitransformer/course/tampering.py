"""Notice when code replaces what it is judged with."""

from __future__ import annotations

import sys

WATCHED = ("builtins", "math", "numpy", "minitransformer")


def fingerprint() -> dict[str, dict[str, int]]:
    """The identity of every callable in the modules that judging relies on."""
    modules = {name: m for name, m in list(sys.modules.items()) if m is not None and name.partition(".")[0] in WATCHED}
    return {name: {k: id(v) for k, v in list(vars(module).items()) if callable(v)} for name, module in modules.items()}


def tampered(before: dict[str, dict[str, int]]) -> str:
    """The first name that means something else than `before`, or ""."""
    now = {name: vars(sys.modules[name]) for name in before if name in sys.modules}
    for name, callables in before.items():
        for k, identity in callables.items():
            if id(now.get(name, {}).get(k)) != identity:
                return f"{name}.{k}"
    return ""
