"""Plain data through a pipe: numbers, text, lists, tuples, dictionaries, arrays, generators of chance, and simple records.

A message is a JSON text and the bytes of its arrays. Nothing in it is code, and nothing is unpickled. Objects that both sides
know go by number, so that what is changed in place on one side changes on the other, and `is` means the same on both.
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
    """What came is no message, or makes no sense."""


class Known:
    """The objects that both sides know, by number; the side that made one up has given it the number."""

    def __init__(self):
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}

    def add(self, value: Any, number: int | None = None) -> int:
        number = len(self.objects) if number is None else number
        self.objects[number] = value
        self.numbers[id(value)] = number
        return number

    def number(self, value: Any) -> int | None:
        return self.numbers.get(id(value))

    def clear(self) -> None:
        self.objects.clear()
        self.numbers.clear()


Refer = Callable[["Writer", Any], list]


class Writer:
    """Turns objects into a table of plain nodes. `refer(writer, value)` gives a node for what is not plain, or raises TypeError."""

    def __init__(self, known: Known, refer: Refer, introduce: bool):
        self.known, self.refer, self.introduce = known, refer, introduce
        self.nodes: list[Any] = []
        self.pieces: list[Any] = []
        self.size = 0
        self.count = 0
        self.slots: dict[Any, Any] = {}
        self.kept: list[Any] = []
        self.todo: list[Any] = []

    def slot(self, value: Any) -> int | list:
        """Where in the table a value stands, or [value] of a simple one. Raises ValueError if there are too many."""
        self.count += 1
        if self.count > LARGEST[0] // 8:
            raise ValueError(
                f"there are more than {LARGEST[0] // 8:,} things in it, the most that are handed on"
            )
        if type(value) in SIMPLE and (type(value) is not int or -LARGE < value < LARGE):
            return [value]
        if id(value) not in self.slots:
            self.slots[id(value)] = self._put(value, False)
        return self.slots[id(value)]

    def contents(self, value: Any) -> int:
        """Where in the table the contents of a value stand that the other side knows."""
        return self._put(value, True)

    def _put(self, value: Any, known: bool) -> int:
        self.nodes.append(None)
        self.kept.append(value)
        self.todo.append((len(self.nodes) - 1, value, known))
        return len(self.nodes) - 1

    def message(self, told: dict) -> bytes:
        """All that was put into the table, with what is told beside it."""
        while self.todo:
            slot, value, known = self.todo.pop()
            self.nodes[slot] = self._node(value, known)
        head = json.dumps({**told, "nodes": self.nodes}).encode()
        if len(head) > LARGEST[0]:
            raise ValueError(f"this is larger than {LARGEST[0] >> 20} MB, the most that is handed on")
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
        """The node of a value, None if it is not plain."""
        for kind, write in WRITE:
            if isinstance(value, kind):
                return write(self, value)
        return None

    def bytes(self, array: numpy.ndarray) -> list:
        if self.size + array.nbytes > LARGEST[1]:
            raise ValueError(
                f"an array of {array.nbytes:,} bytes: at most {LARGEST[1] >> 20} MB are handed on"
            )
        data = array.tobytes()
        self.pieces.append(data)
        self.size += len(data)
        return [array.dtype.str, list(array.shape), self.size - len(data), len(data)]


class Record:
    """An object that is nothing but its attributes; its classes here are named after those it comes from."""


RECORDS: dict[str, type] = {}


def record(name: str) -> type:
    """The class of records of a name."""
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
SIMPLE, LARGE = {int, float, str, bool, type(None)}, 1 << 4096


class Reader:
    """The objects of a message. `foreign(node)` makes something of a node that is not plain."""

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
        """What stands there."""
        return slot[0] if isinstance(slot, list) else self.objects[slot]

    def _introduce(self, value: Any, node: list) -> None:
        if self.introduce and isinstance(node[-1], dict) and "number" in node[-1]:
            self.known.add(value, node[-1]["number"])

    def _shell(self, node: list) -> Any:
        """The object itself; what is in a list, a dictionary or a record comes later."""
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
        """A tuple, or an array of objects, once what is in it is there. (No recursion: a history may be long.)"""
        stack = [i]
        while stack:
            if self.objects[stack[-1]] is not NOT_YET:
                stack.pop()
                continue
            kind, *rest = self.nodes[stack[-1]]
            parts = [rest[1]] if kind == "far" else rest[1] if kind == "objects" else rest[0]
            missing = [p for p in parts if self.at(p) is NOT_YET]
            if len(stack) > len(self.nodes):
                raise Nonsense("a tuple in itself")
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
    """What was told, and the table. Raises Nonsense."""
    try:
        told = json.loads(head)
        nodes = told["nodes"]
        if all(isinstance(node, list) and node and isinstance(node[0], str) for node in nodes):
            return told, nodes
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Nonsense("no message")


def update(value: Any, new: Any) -> None:
    """Make an object that both sides know what it has become on the other side."""
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
            f"an array that was handed in has become another: {array.dtype} {array.shape}, {new.dtype} {new.shape}"
        )
    if array.tobytes() != new.tobytes():
        array[...] = new


def counts() -> dict[str, dict[str, int]]:
    """What the pretend libraries have counted."""
    return {library.__name__: dict(library.count) for library in PRETEND}


def set_counts(found: dict[str, dict[str, int]]) -> None:
    for library in PRETEND:
        library.count.clear()
        library.count.update(Counter({str(k): int(n) for k, n in found[library.__name__].items()}))
