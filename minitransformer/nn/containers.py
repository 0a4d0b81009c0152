"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minitransformer.nn.module import Module


class ModuleList(Module):
    """A list of modules, named "0", "1", .."""

    def __init__(self, modules: Iterable[Module] = ()):
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, index):
        items = list(self._modules.values())
        return type(self)(items[index]) if isinstance(index, slice) else items[index]


class Sequential(Module):
    """Modules applied one after the other, named "0", "1", .."""

    def __init__(self, *modules: Module):
        super().__init__()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, index):
        """One module, or a chain of those in a slice, which keep their names."""
        if not isinstance(index, slice):
            return list(self._modules.values())[index]
        part = type(self)()
        for name, module in list(self._modules.items())[index]:
            part.add_module(name, module)
        return part
