"""Lists and dicts of parameters, which become parameters of the module that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.nn.printing import tree


def _trained(value: Any) -> Any:
    """A tensor as a parameter; other values as they are."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _told(value: Any) -> str:
    """A value in one line of `repr`."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters, registered under the names "0", "1", .. A tensor becomes a parameter on its own memory.

    Args:
        values: the parameters, in order; values that are no tensors are kept as they are.
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def append(self, value: Any) -> Self:
        """Add a parameter at the end.

        Args:
            value: a parameter, a tensor, or anything else.

        Returns:
            This list.
        """
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several parameters at the end.

        Args:
            values: the parameters, in order.

        Returns:
            This list.
        """
        for value in list(values):
            self.append(value)
        return self

    __iadd__ = extend

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(range(self._size)[index]))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(range(self._size)[index]), _trained(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def __repr__(self) -> str:
        return tree(self._get_name(), "", [(str(i), _told(value)) for i, value in enumerate(self)])


class ParameterDict(Module, MutableMapping[str, Any]):
    """Parameters by name, as in a dict: `keys`, `values`, `items`, `get`, `pop`, `update`. A tensor becomes a parameter.

    Args:
        parameters: a mapping from names to parameters, or pairs of both; values that are no tensors are kept as they are.
    """

    __hash__ = Module.__hash__  # two are equal if they are the same, not if they hold the same
    __eq__ = Module.__eq__

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update(parameters or ())

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, key, _trained(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return tree(self._get_name(), "", [(key, _told(value)) for key, value in self.items()])
