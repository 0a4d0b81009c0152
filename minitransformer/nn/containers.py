"""Modules that contain other modules in an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

from minitransformer.nn.module import Module


class ModuleList(Module):
    """A list of modules, registered under the names "0", "1", .. It has no `forward`.

    Args:
        modules: the modules, in order.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end.

        Args:
            module: any module.

        Returns:
            This list.
        """
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add several modules at the end.

        Args:
            modules: the modules, in order.

        Returns:
            This list.
        """
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Any:
        items = list(self)
        return type(self)(items[index]) if isinstance(index, slice) else items[index]


class Sequential(Module):
    """Modules that are applied one after the other, registered under the names "0", "1", ..

    Args:
        modules: the modules, in order; each takes the output of the one before.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        """Apply all modules.

        Args:
            input: what the first module takes.

        Returns:
            What the last module returns; `input` itself if there are none.
        """
        for module in self:
            input = module(input)
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        """One module, or, for a slice, a `Sequential` of several, which keep their names."""
        if not isinstance(index, slice):
            return list(self)[index]
        part = type(self)()
        for name, module in list(self._modules.items())[index]:
            part.add_module(name, module)
        return part
