"""What `repr` of a module shows: the tree of the modules below it, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

Lines = Sequence[tuple[str, str]]  # the name and the text of each module


def tree(kind: str, settings: str, parts: Lines) -> str:
    """A module and those in it, as PyTorch shows them.

    Args:
        kind: the name of the module's class.
        settings: what stands in brackets behind it.
        parts: the name and the text of each module directly below.

    Returns:
        One line, or one for the settings and for each part.
    """
    lines = [*settings.split("\n")] if "\n" in settings or parts else []
    lines = [line for line in lines if line]
    lines += [f"({name}): {text}" for name, text in parts]
    if not lines:
        return f"{kind}({settings})"
    body = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
    return f"{kind}({body}\n)"


def runs(parts: Lines) -> Iterator[tuple[str, str]]:
    """The parts of a list, equal neighbours as one: ("0-5", "6 x ReLU()").

    Args:
        parts: the name and the text of each part.

    Returns:
        An iterator over the name and the text of each run.
    """
    for text, members in groupby(parts, lambda part: part[1]):
        names = [name for name, _ in members]
        once = len(names) == 1
        yield (names[0], text) if once else (f"{names[0]}-{names[-1]}", f"{len(names)} x {text}")


def parts_of(module: Any) -> list[tuple[str, str]]:
    """The name and the text of each module directly below one.

    Args:
        module: the module.

    Returns:
        The pairs, in order.
    """
    return [(name, repr(part)) for name, part in module._modules.items()]
