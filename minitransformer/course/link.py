"""The judge's side of the connection to a learner's process: a stand-in that forwards every use of the answer to that process.

A result that is plain data, such as numbers and arrays, is copied to this side. Any other result, such as a function or an object
of the learner's class, is represented by a `Handle`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy

from minitransformer.course.cell import wire
from minitransformer.course.cell.telling import LONGEST, retold
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.timer import TooLong

BINARY = "add sub mul truediv floordiv mod pow matmul lt le gt ge".split()
UNARY = "neg pos abs".split()
CHECKS = "minitransformer.course.checks"


class Link:
    """The connection to the learner's process.

    Args:
        pipe: has `send(bytes)` and `receive() -> (head, body)`, such as a `Process`.
    """

    def __init__(self, pipe):
        self.pipe = pipe
        self.known = wire.Known()
        self.given = []
        self.handles = {0: _handle("answer", self, 0)}
        self.forgets = True

    def answer(self) -> Handle:
        """The learner's object.

        Returns:
            Its handle.
        """
        return self.handles[0]

    def forget(self) -> None:
        """Reset: both sides forget all objects that were passed before, except the answer itself."""
        self.known.clear()
        self.handles = {0: self.handles[0]}
        self.given.clear()
        self.forgets = True

    def hello(self) -> dict:
        """Wait until the other process is ready.

        Returns:
            Its message; "held" in it lists the restrictions that are in force.
        """
        return self._receive()[0]

    def load(self, source: bytes, file: str, name: str, seconds: float) -> dict:
        """Run the learner's file in the other process, and find the answer in it.

        Args:
            source: the content of the file.
            file: its path, for messages.
            name: the name of the answer.
            seconds: how long the learner's code may run, from now on; then it is stopped, and TooLong is raised here.

        Returns:
            {"missing": True} if the file defines no such name, {"refused": why} if the answer is not the learner's own; else
            neither key.

        Raises:
            Exception: what the file raises, as an exception of this process.
        """
        self._send(
            {"do": "load", "file": file, "name": name, "seconds": seconds},
            ((numpy.frombuffer(source, numpy.uint8),), {}),
        )
        return self._answered()[0]

    def ask(self, what: str, target: Handle, *args, **kwargs) -> Any:
        """Use an object of the other process.

        Args:
            what: "call", "get", "set", "is", or the name of an operator, such as "add".
            target: the object.
            *args: plain data, handles, or functions, which the other side can call.
            **kwargs: the same, by name.

        Returns:
            The result: plain data, or a handle.

        Raises:
            Exception: what the learner's code raises, as an exception of this process.
        """
        if len(self.handles) == 1 and not self.forgets:
            self.known.clear()
            self.forgets = True
        self._send({"do": what, "target": vars(target)["_number"], "errors": numpy.geterr()}, (args, kwargs))
        return self._answered()[1]

    def _answered(self) -> tuple[dict, Any]:
        while True:
            told, value = self._receive()
            if "late" in told:
                raise _late(told["late"])
            if "error" in told:
                given = told["error"]["given"]
                raise retold(told["error"]) if given is None else self.given[given]
            if "call" not in told:
                return told, value
            self._call(told["call"], *value)

    def _call(self, number: int, args: tuple, kwargs: dict) -> None:
        """Call a function that was passed to the other side, and send its result there."""
        try:
            told = {}
            value = self.known.objects[number](*args, **kwargs)
        except Exception as error:
            self.given.append(error)
            kinds = [kind.__name__ for kind in type(error).__mro__]
            told = {"error": {"types": kinds, "said": str(error), "given": len(self.given) - 1}}
            value = None
        self._send(told, value, introduce=False)

    def _send(self, told: dict, value: Any, introduce: bool = True) -> None:
        writer = wire.Writer(self.known, self._refer, introduce)
        known = {} if self.forgets else self.known.objects
        told["state"] = [[n, writer.contents(v)] for n, v in known.items() if not callable(v)]
        told |= {"forget": self.forgets, "value": writer.slot(value), "counts": wire.counts()}
        self.forgets = False
        self.pipe.send(writer.message(told))

    def _refer(self, writer: wire.Writer, value: Any) -> list:
        if isinstance(value, Handle):
            return ["handle", vars(value)["_number"]]
        if callable(value):
            return ["call", {"number": self.known.add(value)}]
        if type(value).__module__.startswith(CHECKS):
            return ["record", type(value).__name__, [[k, writer.slot(v)] for k, v in vars(value).items()]]
        raise TypeError(f"an answer cannot be handed a {type(value).__name__}")

    def _receive(self) -> tuple[dict, Any]:
        head, body = self.pipe.receive()
        try:
            told, nodes = wire.split(head, body)
            reader = wire.Reader(memoryview(body), nodes, self.known, self._foreign, introduce=False)
            state = [(self.known.objects[number], reader.at(slot)) for number, slot in told["state"]]
            value = reader.at(told["value"])
            wire.set_counts(told["counts"])
        except Exception as error:
            raise wire.Nonsense(
                f"the process of your code sent something other than a result: {type(error).__name__}"
            ) from error
        for known, new in state:
            self._update(known, new)
        return told, value

    def _update(self, known: Any, new: Any) -> None:
        try:
            wire.update(known, new)
        except (ValueError, TypeError, AttributeError) as error:
            raise Failed("an argument was changed into something else", str(error)) from None

    def _foreign(self, node: list) -> Handle:
        _, number, name = node
        return self.handles.setdefault(number, _handle(str(name), self, number))


def anew(exercise: Exercise, link: Any) -> Exercise:
    """An exercise with properties that first reset a connection, so that none depends on what another one passed or changed.

    Args:
        exercise: the exercise.
        link: has `forget()`, such as a `Link`.

    Returns:
        The exercise with these properties.
    """

    def begin(prop: Property) -> Property:
        def holds(answer: Any) -> None:
            link.forget()
            prop.holds(answer)

        return replace(prop, holds=holds)

    return replace(exercise, properties=tuple(map(begin, exercise.properties)))


class Handle:
    """A stand-in for an object of the other process; calls, attributes and operators are forwarded.

    Args:
        link: the connection.
        number: the object's number on the other side.
    """

    def __init__(self, link: Link, number: int):
        vars(self).update(_link=link, _number=number)

    def __call__(self, *args, **kwargs):
        return self._link.ask("call", self, *args, **kwargs)

    def __getattr__(self, name: str):
        if name.startswith("__"):  # NumPy looks up many of them, such as __array__
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._link.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.ask("set", self, name, value)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Handle) and self._link.ask("is", self, value) is True


def _late(place: Any) -> TooLong:
    """What says that the learner's code was stopped at its time limit, and in which line."""
    stopped = TooLong()
    stopped.place = str(place)[:LONGEST]
    return stopped


def _handle(name: str, link: Link, number: int) -> Handle:
    """A handle whose class has the name that the object's class has on the other side."""
    return type(name[:100] if name.isidentifier() else "object", (Handle,), {})(link, number)


def _operators() -> None:
    for name in BINARY:
        setattr(Handle, f"__{name}__", lambda a, b, name=name: a._link.ask(name, a, b))
        setattr(Handle, f"__r{name}__", lambda a, b, name=name: a._link.ask(f"r{name}", a, b))
    for name in UNARY:
        setattr(Handle, f"__{name}__", lambda a, name=name: a._link.ask(name, a))


_operators()
