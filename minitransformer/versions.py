"""The version of the package, and which PyTorch it follows."""

from __future__ import annotations

import re
from itertools import zip_longest

PYTORCH = "2.13"  # the version whose names and meanings the package follows, and against which its tests run


def _numbers(version: str) -> list[int]:
    """The release of a version: "2.1.0+cpu" is 2, 1, 0."""
    found = re.match(r"\d+(\.\d+)*", version)
    if found is None:
        raise ValueError(f"expected a version such as '2.1', got {version!r}")
    return [int(number) for number in found[0].split(".")]


def _difference(version: str) -> int:
    """How far PyTorch's version, as followed here, is above another, in the first number in which they differ; else 0."""
    pairs = zip_longest(_numbers(PYTORCH), _numbers(version), fillvalue=0)
    return next((ours - theirs for ours, theirs in pairs if ours != theirs), 0)


class Version(str):
    """The version of this package as text, which asked for its order answers as PyTorch's.

    A program whose import was changed asks `torch.__version__ >= "1.5.0"` to learn which PyTorch's names and meanings it has; here
    those of `PYTORCH`. As text, and by `==`, it is this package's own version. To ask for the order of that, take
    `importlib.metadata.version("minitransformer")`.
    """

    def __lt__(self, version: str) -> bool:
        return _difference(version) < 0

    def __le__(self, version: str) -> bool:
        return _difference(version) <= 0

    def __gt__(self, version: str) -> bool:
        return _difference(version) > 0

    def __ge__(self, version: str) -> bool:
        return _difference(version) >= 0
