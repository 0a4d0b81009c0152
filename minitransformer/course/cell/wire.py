"""Plain data through a pipe: numbers, text, lists, tuples, dictionaries, arrays, random generators, and simple records.

A message is a JSON text and the bytes of its arrays. It contains no code, and nothing is unpickled. An object that both sides know
is sent as its number, so that a change in place on one side is made on the other side too, and `is` gives the same on both.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy

from minitransformer.course.pretend import PRETEND, PretendArray

LARGEST = 8 << 20, 32 << 20  # bytes of a message: its text, and its arrays
HEAD = struct.Struct("<II")
NUMBERS = re.compile(r"[<>|=]?([biufcS]\d+|U\d+)")
MODULES = {"numpy": numpy, **{library.__name__: library for library in PRETEND}}


class Nonsense(Exception):
    """What was received is not a valid message."""


class Known:
    """The objects that both sides know, by number. The judge's side chooses the numbers."""

    def __init__(self):
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}

    def add(self, value: Any, number: int | None = None) -> int:
        """Add an object.

        Args:
            value: the object.
            number: its number; None takes the next one.

        Returns:
            Its number.
        """
        number = len(self.objects) if number is None else number
        self.objects[number] = value
        self.numbers[id(value)] = number
        return number

    def number(self, value: Any) -> int | None:
        """The number of an object.

        Args:
            value: the object.

        Returns:
            Its number; None if the other side does not know it.
        """
        return self.numbers.get(id(value))

    def clear(self) -> None:
        """Forget all objects."""
        self.objects.clear()
        self.numbers.clear()


Refer = Callable[["Writer", Any], list]


class Writer:
    """Turns objects into a table of nodes, which JSON can hold.

    Args:
        known: the objects that both sides know.
        refer: `refer(writer, value)` gives the node of an object that is not plain, or raises TypeError.
        introduce: whether objects that can change get a number, by which both sides then know them.
    """

    def __init__(self, known: Known, refer: Refer, introduce: bool):
        self.known = known
        self.refer = refer
        self.introduce = introduce
        self.nodes: list[Any] = []
        self.pieces: list[Any] = []
        self.size = 0
        self.count = 0
        self.slots: dict[Any, Any] = {}
        self.kept: list[Any] = []
        self.todo: list[Any] = []

    def slot(self, value: Any) -> int | list:
        """Put a value into the table.

        Args:
            value: the value.

        Returns:
            Its index in the table, or [value] for a number, a text or None.

        Raises:
            ValueError: if the message has too many values.
        """
        self.count += 1
        if self.count > LARGEST[0] // 8:
            raise ValueError(f"expected at most {LARGEST[0] // 8:,} objects in a result, got more")
        if type(value) in SIMPLE and (type(value) is not int or -LARGE < value < LARGE):
            return [value]
        if id(value) not in self.slots:
            self.slots[id(value)] = self._put(value, False)
        return self.slots[id(value)]

    def contents(self, value: Any) -> int:
        """Put the current contents of an object that the other side knows into the table.

        Args:
            value: the object.

        Returns:
            Its index in the table.
        """
        return self._put(value, True)

    def _put(self, value: Any, known: bool) -> int:
        self.nodes.append(None)
        self.kept.append(value)
        self.todo.append((len(self.nodes) - 1, value, known))
        return len(self.nodes) - 1

    def message(self, told: dict) -> bytes:
        """The finished message.

        Args:
            told: what is sent besides the table.

        Returns:
            Its bytes.

        Raises:
            ValueError: if it is too large.
        """
        while self.todo:
            slot, value, known = self.todo.pop()
            self.nodes[slot] = self._node(value, known)
        head = json.dumps({**told, "nodes": self.nodes}).encode()
        if len(head) > LARGEST[0]:
            raise ValueError(
                f"expected a result of at most {LARGEST[0] >> 20} MB without its arrays, got {len(head):,} bytes"
            )
        return b"".join([HEAD.pack(len(head), self.size), head, *self.pieces])

    def _node(self, value: Any, known: bool) -> list:
        number = self.known.number(value)
        if number is not None and not known:
            return ["known", number]
        node = self.plain(value) or self.refer(self, value)
        if self.introduce and not known and node[0] in CHANGEABLE:
            node.append({"number": self.known.add(value)})
        return node

    def plain(self, value: Any) -> list | None:
        """The node of a plain value.

        Args:
            value: any value.

        Returns:
            The node; None if the value is not plain.
        """
        for kind, write in WRITE:
            if isinstance(value, kind):
                return write(self, value)
        return None

    def bytes(self, array: numpy.ndarray) -> list:
        """Add the bytes of an array to the message.

        Args:
            array: the array.

        Returns:
            Its dtype, its shape, and where its bytes begin and how many they are.

        Raises:
            ValueError: if the message gets too large.
        """
        if self.size + array.nbytes > LARGEST[1]:
            raise ValueError(
                f"expected arrays of at most {LARGEST[1] >> 20} MB in a result, got one of {array.nbytes:,} bytes"
            )
        data = array.tobytes()
        self.pieces.append(data)
        self.size += len(data)
        return [array.dtype.str, list(array.shape), self.size - len(data), len(data)]


class Record:
    """An object that consists of its attributes only. Its subclasses have the names of the original classes."""


RECORDS: dict[str, type] = {}


def record(name: str) -> type:
    """The class of records for a name.

    Args:
        name: the name of the original class.

    Returns:
        A subclass of `Record`, the same one at each call.
    """
    if name not in RECORDS:
        RECORDS[name] = type(name, (Record,), {})
    return RECORDS[name]


def _array(writer: Writer, array: numpy.ndarray) -> list | None:
    if array.dtype == object:
        return ["objects", list(array.shape), [writer.slot(v) for v in array.ravel().tolist()]]
    return ["array", *writer.bytes(array)] if NUMBERS.fullmatch(array.dtype.str) else None


def _chance(writer: Writer, generator: numpy.random.Generator) -> list | None:
    state = generator.bit_generator.state
    return ["chance", state] if state["bit_generator"] == "PCG64" else None


def _whole(writer: Writer, number: int) -> list | None:
    return ["plain", int(number)] if -LARGE < number < LARGE else None


WRITE: tuple[tuple[Any, Callable[[Writer, Any], list | None]], ...] = (
    ((bool, type(None)), lambda w, v: ["plain", v]),
    (
        numpy.generic,
        lambda w, v: (
            (node := _array(w, numpy.asarray(v))) and ["scalar", *node[1:]] if v.dtype != object else None
        ),
    ),
    (int, _whole),
    (float, lambda w, v: ["plain", float(v)]),
    (str, lambda w, v: ["plain", str(v)]),
    (complex, lambda w, v: ["complex", v.real, v.imag]),
    (list, lambda w, v: ["list", [w.slot(x) for x in v]]),
    (tuple, lambda w, v: ["tuple", [w.slot(x) for x in v]]),
    (dict, lambda w, v: ["dict", [[w.slot(k), w.slot(x)] for k, x in v.items()]]),
    (numpy.ndarray, _array),
    (numpy.random.Generator, _chance),
    (PretendArray, lambda w, v: ["far", v.library.__name__, w.slot(v.hidden)]),
    (type(sys), lambda w, v: ["module", name] if MODULES.get(name := v.__name__) is v else None),
    (Record, lambda w, v: ["record", type(v).__name__, [[name, w.slot(x)] for name, x in vars(v).items()]]),
)
CHANGEABLE = {"list", "dict", "array", "objects", "chance", "far", "record"}
SIMPLE = {int, float, str, bool, type(None)}
LARGE = 1 << 4096


class Reader:
    """Turns the table of a message back into objects.

    Args:
        data: the bytes of the arrays.
        nodes: the table.
        known: the objects that both sides know.
        foreign: `foreign(node)` gives the object of a node that is not plain.
        introduce: whether objects with a number are added to `known`.

    Raises:
        Nonsense: if the table is not valid.
    """

    def __init__(
        self, data: memoryview, nodes: list, known: Known, foreign: Callable[[list], Any], introduce: bool
    ):
        self.data = data
        self.nodes = nodes
        self.known = known
        self.foreign = foreign
        self.introduce = introduce
        self.objects = [NOT_YET] * len(nodes)
        for i, node in enumerate(nodes):
            if node[0] not in LATER:
                self.objects[i] = self._shell(node)
                self._introduce(self.objects[i], node)
        for i, node in enumerate(nodes):
            if node[0] in LATER:
                self._settle(i)
                self._introduce(self.objects[i], node)
        for value, node in zip(self.objects, nodes, strict=True):
            self._fill(value, node)

    def at(self, slot: int | list) -> Any:
        """The object at an index of the table.

        Args:
            slot: the index, or [value].

        Returns:
            The object.
        """
        return slot[0] if isinstance(slot, list) else self.objects[slot]

    def _introduce(self, value: Any, node: list) -> None:
        if self.introduce and isinstance(node[-1], dict) and "number" in node[-1]:
            self.known.add(value, node[-1]["number"])

    def _shell(self, node: list) -> Any:
        """The object of a node; lists, dictionaries and records are still empty."""
        kind, *rest = node
        match kind:
            case "plain":
                return rest[0]
            case "complex":
                return complex(*rest)
            case "list" | "dict":
                return [] if kind == "list" else {}
            case "record":
                return record(rest[0])()
            case "array" | "scalar":
                array = self._numbers(*rest[:4])
                return array if kind == "array" else array[()]
            case "chance":
                generator = numpy.random.default_rng()
                generator.bit_generator.state = rest[0]
                return generator
            case "module":
                return MODULES[rest[0]]
            case "known":
                return self.known.objects[rest[0]]
        return self.foreign(node)

    def _numbers(self, dtype: str, shape: list[int], start: int, length: int) -> numpy.ndarray:
        if not NUMBERS.fullmatch(dtype) or not all(
            type(n) is int and n >= 0 for n in (*shape, start, length)
        ):
            raise Nonsense(f"{dtype!r:.40} {shape!r:.40}")
        kind = numpy.dtype(dtype)
        if math.prod(shape) * kind.itemsize != length or start + length > len(self.data):
            raise Nonsense(f"{length} bytes for {shape!r:.40}")
        return numpy.frombuffer(bytes(self.data[start : start + length]), kind).reshape(shape).copy()

    def _settle(self, i: int) -> None:
        """Build a tuple, or an array of objects, after its items. A stack, not recursion: a learner's tape may be long."""
        stack = [i]
        while stack:
            if self.objects[stack[-1]] is not NOT_YET:
                stack.pop()
                continue
            kind, *rest = self.nodes[stack[-1]]
            parts = [rest[1]] if kind == "far" else rest[1] if kind == "objects" else rest[0]
            missing = [p for p in parts if self.at(p) is NOT_YET]
            if len(stack) > len(self.nodes):
                raise Nonsense("a tuple that contains itself")
            stack += missing
            if not missing:
                self.objects[stack.pop()] = self._whole(kind, rest, [self.at(p) for p in parts])

    def _whole(self, kind: str, rest: list, parts: list) -> Any:
        if kind == "tuple":
            return tuple(parts)
        if kind == "far":
            return MODULES[rest[0]].ndarray(parts[0])
        array = numpy.empty(len(parts), dtype=object)
        array[:] = parts
        return array.reshape(rest[0])

    def _fill(self, value: Any, node: list) -> None:
        if node[0] == "list":
            value.extend(map(self.at, node[1]))
        elif node[0] == "dict":
            value.update((self.at(k), self.at(v)) for k, v in node[1])
        elif node[0] == "record":
            vars(value).update((name, self.at(v)) for name, v in node[2])


NOT_YET = object()
LATER = {"tuple", "objects", "far"}


def split(head: bytes, body: bytes) -> tuple[dict, list]:
    """Parse the JSON text of a message.

    Args:
        head: the text.
        body: the bytes of the arrays; they are not read.

    Returns:
        The message, and its table of nodes.

    Raises:
        Nonsense: if it is not a message.
    """
    try:
        told = json.loads(head)
        nodes = told["nodes"]
        if all(isinstance(node, list) and node and isinstance(node[0], str) for node in nodes):
            return told, nodes
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Nonsense("no message")


def update(value: Any, new: Any) -> None:
    """Give an object that both sides know the contents that it has on the other side, in place.

    Args:
        value: the object.
        new: a new object with these contents.

    Raises:
        ValueError: if an array has got another shape or dtype.
    """
    if isinstance(value, numpy.ndarray):
        _update_array(value, new)
    elif isinstance(value, list):
        value[:] = new
    elif isinstance(value, numpy.random.Generator):
        value.bit_generator.state = new.bit_generator.state
    elif isinstance(value, dict):
        value.clear()
        value.update(new)
    else:
        vars(value).update(vars(new))


def _update_array(array: numpy.ndarray, new: numpy.ndarray) -> None:
    if array.shape != new.shape or array.dtype != new.dtype:
        raise ValueError(
            f"expected the array that was passed to stay {array.dtype} {array.shape}, got {new.dtype} {new.shape}"
        )
    if array.tobytes() != new.tobytes():
        array[...] = new


def counts() -> dict[str, dict[str, int]]:
    """The counts of the pretend libraries.

    Returns:
        Library's name -> what it counts -> number.
    """
    return {library.__name__: dict(library.count) for library in PRETEND}


def set_counts(found: dict[str, dict[str, int]]) -> None:
    """Give the pretend libraries the counts of the other side.

    Args:
        found: from `counts`.
    """
    for library in PRETEND:
        library.count.clear()
        library.count.update(Counter({str(k): int(n) for k, n in found[library.__name__].items()}))
