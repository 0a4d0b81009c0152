"""The check of `load_state_dict`: a whole state_dict is compared with a module before any value is copied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from minitransformer.autograd import Tensor


class Loading:
    """What `load_state_dict` finds: for each name the module's tensor and its new value, and all that does not fit.

    Args:
        name: the name of the module's class, for errors.
        strict: whether missing and unexpected names are errors.
    """

    def __init__(self, name: str, strict: bool) -> None:
        self.name, self.strict = name, strict
        self.found: dict[str, tuple[Tensor, numpy.ndarray]] = {}
        self.absent: dict[str, Tensor] = {}  # the module's tensors that have no value under this name
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []  # written by a module's own `_load_from_state_dict`

    def check(self) -> tuple[list[str], list[str]]:
        """Check that the values fit.

        Returns:
            The missing and the unexpected names. A name of a shared tensor is not missing if another of its names has a value.

        Raises:
            RuntimeError: with all that does not fit.
        """
        here = {id(own) for own, _ in self.found.values()}
        missing = [name for name in self.missing if id(self.absent.get(name)) not in here]
        wrong = self._wrong()
        if self.strict:
            wrong = {"missing": missing, "unexpected": self.unexpected} | wrong
        if any(wrong.values()):
            lines = "".join(f"\n  {what}: {'; '.join(names)}" for what, names in wrong.items() if names)
            raise RuntimeError(f"state_dict does not fit {self.name}:{lines}")
        return missing, self.unexpected

    def _wrong(self) -> dict[str, list[str]]:
        """Values that do not fit, by kind of fault."""
        found = [(name, own, array) for name, (own, array) in self.found.items()]
        return {
            "wrong shape": [
                f"{n}: expected {own.shape}, got {a.shape}" for n, own, a in found if own.shape != a.shape
            ],
            "expected a real dtype": [
                f"{n}: got {a.dtype}" for n, _, a in found if a.dtype.kind not in "biufV"
            ],
            "two values for one shared tensor": list(self._different()),
            "found by the modules": self.errors,
        }

    def _different(self) -> Iterator[str]:
        """Pairs of names of one shared tensor whose values differ."""
        first: dict[int, tuple[str, numpy.ndarray]] = {}
        for name, (own, array) in self.found.items():
            known, other = first.setdefault(id(own), (name, array))
            if other is not array and array.shape == other.shape and not _same(array, other):
                yield f"{known} and {name}"


def _same(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    """Whether the values are equal, where NaN equals NaN. Two views of the same memory are equal without being read."""
    memory = [(x.__array_interface__["data"], x.strides, x.dtype) for x in (a, b)]
    return memory[0] == memory[1] or bool(((a == b) | ((a != a) & (b != b))).all())
