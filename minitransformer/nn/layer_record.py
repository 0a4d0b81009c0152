"""Which layer made which op: recorded while a model runs inside a block; outside of it nothing is recorded."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from minitransformer.autograd import Op, moment
from minitransformer.nn.hooks import forward_call
from minitransformer.nn.module import Module


class Layers:
    """After `with Layers(model) as layers: model(x)`, `layers.of(op)` is the dotted name of the module that made an op.

    Inside the block each module records the moments when its calls begin and end.

    Args:
        model: the model; None records nothing.

    Attributes:
        modules: dotted name -> module.
        outputs: dotted name -> what the module returned, one item for each call.
    """

    def __init__(self, model: Module | None = None):
        self.modules: dict[str, Module] = {} if model is None else dict(model.named_modules())
        self.outputs: dict[str, list[Any]] = {}
        self._name_of = {module: name for name, module in self.modules.items()}
        self._moments = [0]
        self._names = [""]
        self._around: dict[str, list[tuple[str, Module]]] = {}

    def within(self, name: str) -> Layers:
        """The same modules, for ops that are all made by one of them.

        Args:
            name: the dotted name of this module.

        Returns:
            A record whose `of` always gives this name.
        """
        inner = Layers()
        inner.modules = self.modules
        inner._names = [name]
        return inner

    def of(self, op: Op | None) -> str:
        """Find the innermost module that was running when an op was made.

        Args:
            op: the op; None for a tensor that no op made.

        Returns:
            The dotted name of the module; "" if none was running.
        """
        return "" if op is None else self._names[bisect_right(self._moments, op.number) - 1]

    def around(self, name: str) -> list[tuple[str, Module]]:
        """A module and those that contain it.

        Args:
            name: the dotted name of the module.

        Returns:
            (name, module) of each, innermost first.
        """
        if name not in self._around:
            parts = name.split(".") if name else []
            names = [".".join(parts[:n]) for n in range(len(parts), -1, -1)]
            self._around[name] = [(n, self.modules[n]) for n in names if n in self.modules]
        return self._around[name]

    def __enter__(self) -> Layers:
        self._token = forward_call.set(self._listen)
        return self

    def __exit__(self, *error: object) -> None:
        forward_call.reset(self._token)

    def _listen(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = self._name_of.get(module)
        if name is None:  # no part of the model
            return module.forward(*args, **kwargs)
        around = self._names[-1]
        self._note(name)
        try:
            output = module.forward(*args, **kwargs)
        finally:
            self._note(around)
        self.outputs.setdefault(name, []).append(output)
        return output

    def _note(self, name: str) -> None:
        """Record that `name` is the running module from now on."""
        self._moments.append(moment())
        self._names.append(name)


def named(op: Op, layer: str) -> str:
    """An op and its layer in words, for messages.

    Args:
        op: the op.
        layer: the dotted name of the layer that made it, or "".

    Returns:
        The words.
    """
    return f"{op} in layer {layer!r}" if layer else str(op)
