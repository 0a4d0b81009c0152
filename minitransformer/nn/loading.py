"""What a module's `load_state_dict` finds, held to fit as a whole before any of it is used."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from minitransformer.autograd import Tensor


class Loading:
    """What `load_state_dict` finds before it changes anything: by name, the module's tensors and their new values."""

    def __init__(self, who: str, strict: bool):
        self.who, self.strict = who, strict
        self.found: dict[str, tuple[Tensor, numpy.ndarray]] = {}
        self.absent: dict[str, Tensor] = {}  # tensors for which nothing is there under this name
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def check(self) -> tuple[list[str], list[str]]:
        """The names that are missing, and those unexpected; raises RuntimeError if the state does not fit."""
        here = {id(own) for own, _ in self.found.values()}
        missing = [name for name in self.missing if id(self.absent.get(name)) not in here]
        wrong = {
            "wrong shape": [
                f"{n}: expected {t.shape}, got {a.shape}"
                for n, (t, a) in self.found.items()
                if t.shape != a.shape
            ],
            "no real numbers": [
                f"{n}: {a.dtype}" for n, (_, a) in self.found.items() if a.dtype.kind not in "biuf"
            ],
            "one tensor here, two values there": list(self._parted()),
            "told by the modules": self.errors,
        }
        if self.strict:
            wrong = {"missing": missing, "unexpected": self.unexpected} | wrong
        if any(wrong.values()):
            lines = "".join(f"\n  {what}: {'; '.join(names)}" for what, names in wrong.items() if names)
            raise RuntimeError(f"state_dict does not fit {self.who}:{lines}")
        return missing, self.unexpected

    def _parted(self) -> Iterator[str]:
        """Names of shared tensors whose values are not the same."""
        first: dict[int, tuple[str, numpy.ndarray]] = {}
        for name, (own, array) in self.found.items():
            known, other = first.setdefault(id(own), (name, array))
            if other is not array and array.shape == other.shape and not _same(array, other):
                yield f"{known} and {name}"


def _same(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    """Whether the values are equal, NaN to NaN; one memory need not be read."""
    one = (
        a.__array_interface__["data"] == b.__array_interface__["data"]
        and a.strides == b.strides
        and a.dtype == b.dtype
    )
    return one or bool(((a == b) | ((a != a) & (b != b))).all())
