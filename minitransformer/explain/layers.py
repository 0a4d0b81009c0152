"""Which layer made which op: a model is listened to while it runs, and pays nothing at other times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from minitransformer.autograd import Op, moment
from minitransformer.nn.module import Module


class Layers:
    """`with Layers(model) as layers: model(x)` -> `layers.of(op)`, the dotted name of the module that made an op.

    Modules note the moment when they begin and end; `outputs` keeps what each returned, a list with an item a call.
    """

    def __init__(self, model: Module | None = None):
        self.modules: dict[str, Module] = {} if model is None else dict(model.named_modules())
        self.outputs: dict[str, list[Any]] = {}
        self._moments, self._names, self._running = [0], [""], [""]
        self._around: dict[str, list[tuple[str, Module]]] = {}

    def within(self, name: str) -> Layers:
        """The same modules, where every op is made by one of them."""
        inner = Layers()
        inner.modules, inner._names = self.modules, [name]
        return inner

    def of(self, op: Op | None) -> str:
        """The name of the innermost module that was running when the op was made, "" outside of all."""
        return "" if op is None else self._names[bisect_right(self._moments, op.number) - 1]

    def around(self, name: str) -> list[tuple[str, Module]]:
        """A module and those it lies in, by name, innermost first."""
        if name not in self._around:
            parts = name.split(".") if name else []
            names = [".".join(parts[:n]) for n in range(len(parts), -1, -1)]
            self._around[name] = [(n, self.modules[n]) for n in names if n in self.modules]
        return self._around[name]

    def __enter__(self) -> Layers:
        self._own = {name: module.__dict__.get("forward") for name, module in self.modules.items()}
        for name, module in self.modules.items():
            module.__dict__["forward"] = self._listening(name, module.forward)  # found before the class's
        return self

    def __exit__(self, *error) -> None:
        for name, module in self.modules.items():
            del module.__dict__["forward"]
            if self._own[name] is not None:
                module.__dict__["forward"] = self._own[name]

    def _listening(self, name: str, forward: Callable) -> Callable:
        running, moments, names = self._running, self._moments, self._names

        def listened(*args, **kwargs):
            running.append(name)
            moments.append(moment())
            names.append(name)
            try:
                output = forward(*args, **kwargs)
            finally:
                running.pop()
                moments.append(moment())
                names.append(running[-1])
            self.outputs.setdefault(name, []).append(output)
            return output

        return listened
