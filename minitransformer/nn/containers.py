"""Modules that contain other modules, in an order or by names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self, overload

from minitransformer.nn.module import Module
from minitransformer.nn.printing import parts_of, runs, tree


class _Ordered(Module):
    """Modules in an order, registered under the names "0", "1", .."""

    def append(self, module: Module) -> Self:
        """Add a module at the end.

        Args:
            module: any module.

        Returns:
            This container.
        """
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before the one that has this index now.

        Args:
            index: the place; a negative one counts from the end.
            module: any module.
        """
        modules = list(self)
        modules.insert(index, module)
        self._number(modules)

    def pop(self, key: int | slice) -> Any:
        """Remove one module.

        Args:
            key: its index.

        Returns:
            The module, or the modules of a slice.
        """
        removed = self[key]  # type: ignore[index]  # the two containers have it
        del self[key]
        return removed

    def _number(self, modules: Iterable[Module]) -> None:
        """Let these be the modules, under the names "0", "1", .."""
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(list(self._modules)[index], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._number(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())


class ModuleList(_Ordered):
    """A list of modules, registered under the names "0", "1", .. It has no `forward`.

    Args:
        modules: the modules, in order.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end.

        Args:
            modules: the modules, in order.

        Returns:
            This list.
        """
        for module in list(modules):
            self.append(module)
        return self

    __iadd__ = extend

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return type(self)([*self, *other])

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Any:
        items = list(self)
        return type(self)(items[index]) if isinstance(index, slice) else items[index]

    def __repr__(self) -> str:
        return tree(self._get_name(), self.extra_repr(), list(runs(parts_of(self))))


class Sequential(_Ordered):
    """Modules that are applied one after the other, registered under the names "0", "1", .., or under names of their own.

    Args:
        args: the modules, in order; each takes the output of the one before. Or one mapping from names to modules.
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else None
        for name, module in named.items() if named else ((str(i), m) for i, m in enumerate(args)):
            self.add_module(name, module)  # type: ignore[arg-type]  # a mapping beside others is refused there

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

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add several modules at the end.

        Args:
            sequential: the modules, in order.

        Returns:
            This container.
        """
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before the one that has this index now.

        Args:
            index: the place; a negative one counts from the end.
            module: any module.

        Returns:
            This container.
        """
        super().insert(index, module)
        return self

    __iadd__ = extend

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *other)

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


class ModuleDict(Module, MutableMapping[str, Any]):
    """Modules by name, as in a dict: `keys`, `values`, `items`, `get`, `pop`, `update`. It has no `forward`.

    Args:
        modules: a mapping from names to modules, or pairs of both.
    """

    __hash__ = Module.__hash__  # two are equal if they are the same, not if they hold the same
    __eq__ = Module.__eq__

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or ())

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)
