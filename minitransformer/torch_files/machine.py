"""The machine that a pickle is a program for: a stack, marks on it, and a memo of what was built before.

It has the opcodes by which PyTorch's files build dicts, lists, tuples, numbers and strings, and calls nothing but what it is given.
No opcode takes more memory than a fixed multiple of its own length in the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy

from minitransformer.autograd import Tensor

LARGEST = 100_000_000  # bytes of a pickle: one of a million tensors needs less
DEEPEST = 100  # levels of nesting in a result
KEYS = (str, int, float, bool, bytes, type(None))
VALUES = (*KEYS, Tensor, numpy.dtype)


class Foreign:
    """What stands for an object of a kind that is not admitted, so that the whole pickle can be read for names.

    Args:
        name: of the function or class, "module.name".
    """

    def __init__(self, name: str):
        self.name = name


class Admitted:
    """A function that a pickle may call.

    Args:
        build: the function; it checks its arguments, and raises ValueError or TypeError.
    """

    def __init__(self, build: Callable[..., Any]):
        self.build = build


class Machine:
    """Runs one pickle.

    Args:
        find: gives what a "module.name" stands for, or None if it is not admitted.
        persistent: gives the object of a persistent id, in PyTorch's files a storage.
        foreign: takes the names that were met and are not admitted, in their order.
    """

    def __init__(
        self, find: Callable[[str], Any], persistent: Callable[[Any], Any], foreign: dict[str, None]
    ):
        self.find, self.persistent, self.foreign = find, persistent, foreign
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under the marks
        self.memo: dict[int, Any] = {}

    def run(self, file: BinaryIO) -> Any:
        """Build the object.

        Args:
            file: stands at the beginning of the pickle, and after the call behind it.

        Returns:
            The object; None if a name is foreign.

        Raises:
            ValueError: the pickle is damaged, uses another opcode, or is longer than 100 MB.
        """
        try:
            return self._result(file)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
            if self.foreign:
                return None
            raise ValueError(f"its pickle does not read: {error or type(error).__name__}") from error

    def _result(self, file: BinaryIO) -> Any:
        start = file.tell()
        for opcode, argument, at in pickletools.genops(file):
            if opcode.name not in OPCODES:
                raise ValueError(f"opcode {opcode.name} at {at}, which no state of tensors needs")
            if (at or 0) - start > LARGEST:
                raise ValueError(f"more than {LARGEST:,} bytes")
            OPCODES[opcode.name](self, argument)
        (result,) = self.stack
        check_nest(result)
        return result

    # ---- what opcodes do ----

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _mark(self, argument: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        """Take all that stands above the mark."""
        above, self.stack = self.stack, self.below.pop()
        return above

    def _top(self, count: int) -> tuple[Any, ...]:
        """Take the last values off the stack."""
        if len(self.stack) < count:
            raise ValueError("too little on the stack")
        taken = tuple(self.stack[-count:])
        del self.stack[-count:]
        return taken

    def _add_items(self, items: list[Any]) -> None:
        """Put keys and values, one after the other, into the dict below."""
        if isinstance(target := self.stack[-1], Foreign):
            return
        if type(target) is not dict or len(items) % 2:
            raise ValueError(f"keys and values for a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, KEYS):
                raise ValueError(f"a key of type {type(key).__name__}")
            target[key] = value

    def _extend(self, items: list[Any]) -> None:
        """Put items at the end of the list below."""
        if isinstance(target := self.stack[-1], Foreign):
            return
        if type(target) is not list:
            raise ValueError(f"items for a {type(target).__name__}")
        target.extend(items)

    def _name(self, full: str) -> None:
        """What a name stands for."""
        if (found := self.find(full)) is None:
            self.foreign[full] = None
            found = Foreign(full)
        self._push(found)

    def _stack_name(self, argument: Any) -> None:
        module, name = self._top(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")
        self._name(f"{module}.{name}")

    def _call(self, argument: Any) -> None:
        function, arguments = self._top(2)
        if isinstance(function, Foreign):
            self._push(function)
        elif isinstance(function, Admitted) and type(arguments) is tuple:
            foreign = any(isinstance(value, Foreign) for value in arguments)
            self._push(
                next(v for v in arguments if isinstance(v, Foreign))
                if foreign
                else function.build(*arguments)
            )
        else:
            raise ValueError(f"a call of a {type(function).__name__}")

    def _build(self, argument: Any) -> None:
        """Attributes of what stands below: a dict of PyTorch's has some, which say nothing of its content."""
        target, _ = self._top(2)
        if not isinstance(target, (dict, Foreign)):
            raise ValueError(f"attributes for a {type(target).__name__}")
        self._push(target)

    def _made(self, argument: Any) -> None:
        cls, _ = self._top(2)
        if not isinstance(cls, Foreign):
            raise ValueError("a new object of what is no class")
        self._push(cls)

    def _load(self, argument: Any) -> None:
        (number,) = self._top(1)
        self._push(self.persistent(number))

    def _remember(self, argument: Any) -> None:
        self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]

    def _recall(self, argument: int) -> None:
        self._push(self.memo[argument])


def _push(machine: Machine, argument: Any) -> None:
    machine._push(argument)


def _nothing(machine: Machine, argument: Any) -> None:
    """Opcodes that help Python's own reader alone."""


OPCODES: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], _nothing),
    **dict.fromkeys(["BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"], _push),
    **dict.fromkeys(["BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"], _push),
    **dict.fromkeys(["BINBYTES", "SHORT_BINBYTES", "BINBYTES8"], _push),
    "NONE": lambda machine, _: machine._push(None),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "TUPLE1": lambda machine, _: machine._push(machine._top(1)),
    "TUPLE2": lambda machine, _: machine._push(machine._top(2)),
    "TUPLE3": lambda machine, _: machine._push(machine._top(3)),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._marked())),
    "MARK": Machine._mark,
    "SETITEM": lambda machine, _: machine._add_items(list(machine._top(2))),
    "SETITEMS": lambda machine, _: machine._add_items(machine._marked()),
    "APPEND": lambda machine, _: machine._extend(list(machine._top(1))),
    "APPENDS": lambda machine, _: machine._extend(machine._marked()),
    **dict.fromkeys(["BINPUT", "LONG_BINPUT", "MEMOIZE"], Machine._remember),
    **dict.fromkeys(["BINGET", "LONG_BINGET"], Machine._recall),
    "GLOBAL": lambda machine, names: machine._name(names.replace(" ", ".", 1)),
    "STACK_GLOBAL": Machine._stack_name,
    "REDUCE": Machine._call,
    "BUILD": Machine._build,
    "NEWOBJ": Machine._made,
    "BINPERSID": Machine._load,
}


def check_nest(root: Any) -> None:
    """Check that a result is a nest of containers, without recursion.

    Args:
        root: the result.

    Raises:
        ValueError: it contains itself, is nested more than 100 levels deep, or holds what is no value.
    """
    height: dict[int, int] = {}  # of each container that is done
    open_, way = {id(root)}, [(root, _inside(root))]
    while way:
        node, rest = way[-1]
        for child in rest:
            if isinstance(child, VALUES):
                continue
            if id(child) in open_:
                raise ValueError("it contains itself")
            if id(child) not in height:
                open_.add(id(child))
                way.append((child, _inside(child)))
                break
        else:
            way.pop()
            open_.discard(id(node))
            height[id(node)] = 1 + max((height.get(id(child), 0) for child in _inside(node)), default=0)
            if height[id(node)] > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} levels deep")


def _inside(value: Any) -> Iterator[Any]:
    """What is in a container; nothing in a value."""
    if not isinstance(value, (*VALUES, dict, list, tuple)):
        raise ValueError(f"a {type(value).__name__.lower()} where a value was expected")
    return iter(() if isinstance(value, VALUES) else value.values() if isinstance(value, dict) else value)
