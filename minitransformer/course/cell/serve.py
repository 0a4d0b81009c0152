"""The learner's object at work: what is asked of it comes through a pipe, and what it gives goes back as plain data."""

from __future__ import annotations

import contextlib
import operator
import os
import sys
import threading
from typing import Any

import numpy

from minitransformer.course.cell import wire
from minitransformer.course.cell.loading import Missing, Refused, load
from minitransformer.course.cell.telling import account, retold
from minitransformer.course.pretend import Door

DOES = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "is": lambda target, value: isinstance(value, target),
}


def serve(asked: int, told: int, held: set[str]) -> None:
    """Say which walls stand, load the file that is sent, and do what is asked, until the pipe is closed."""
    sys.meta_path.insert(0, Door())
    server = Server(asked, told)
    server.send({"held": sorted(held)})
    server.wait()


class Server:
    """`asked` and `told` are the ends of two pipes. What is not plain data stays here, in `handles`; 0 is the answer itself."""

    def __init__(self, asked: int, told: int):
        self.asked, self.told = open(asked, "rb"), told
        self.known = wire.Known()
        self.handles: list[Any] = [None]
        self.numbers: dict[Any, Any] = {}
        self.file = ""
        self.one_at_a_time = threading.RLock()

    def wait(self) -> Any:
        """Do what is asked until it is the answer to what was asked from here."""
        while True:
            told, value = self.receive()
            if "do" not in told:
                return told, value
            self._reply(*self._done(told, *value))

    def _done(self, told: dict, args: tuple, kwargs: dict) -> tuple[dict, Any]:
        """What comes of it; whatever the learner's code raises is told."""
        try:
            if told["do"] == "load":
                self.file = told["file"]
                self.handles[0] = load(args[0].tobytes(), self.file, told["name"])
                return {}, None
            with numpy.errstate(**told["errors"]):
                return {}, self._does(told["do"])(self.handles[told["target"]], *args, **kwargs)
        except Missing:
            return {"missing": True}, None
        except Refused as refused:
            return {"refused": str(refused)}, None
        except BaseException as error:
            return {"error": account(error, self.file)}, None

    def _does(self, what: str) -> Any:
        """One of DOES, or an operator, such as "add", or "radd" with its sides exchanged."""
        turned = lambda a, b: getattr(operator, what[1:])(b, a)  # noqa: E731
        return DOES.get(what) or getattr(operator, what, turned)

    def _reply(self, told: dict, value: Any) -> None:
        try:
            self.send(told, value)
        except BaseException as error:  # it is too large, or does not like to be looked at
            self.send({"error": account(error, self.file)})

    def send(self, told: dict, value: Any = None) -> None:
        writer = wire.Writer(self.known, self._handle, introduce=False)
        state = [
            [n, writer.contents(known)]
            for n, known in self.known.objects.items()
            if not isinstance(known, Callback)
        ]
        told |= {"value": writer.slot(value), "state": state, "counts": wire.counts()}
        data = memoryview(writer.message(told))
        while data:
            data = data[os.write(self.told, data) :]

    def _handle(self, writer: wire.Writer, value: Any) -> list:
        """A number for what is not plain; arrays of other libraries are told as NumPy's."""
        with contextlib.suppress(Exception):
            if hasattr(type(value), "__array__") and (node := writer.plain(numpy.asarray(value))):
                return node
        number = self.numbers.setdefault(id(value), len(self.handles))
        if number == len(self.handles):
            self.handles.append(value)
        return ["handle", number, type(value).__name__]

    def receive(self) -> tuple[dict, Any]:
        sizes = self.asked.read(wire.HEAD.size)
        if len(sizes) < wire.HEAD.size:
            os._exit(0)
        head, body = map(self.asked.read, wire.HEAD.unpack(sizes))
        told, nodes = wire.split(head, body)
        if told["forget"]:
            self.known.clear()
            del self.handles[1:]
            self.numbers = {id(self.handles[0]): 0}
        reader = wire.Reader(memoryview(body), nodes, self.known, self._foreign, introduce=True)
        for number, slot in told["state"]:
            wire.update(self.known.objects[number], reader.at(slot))
        wire.set_counts(told["counts"])
        return told, reader.at(told["value"])

    def _foreign(self, node: list) -> Any:
        return Callback(self, node[1]["number"]) if node[0] == "call" else self.handles[node[1]]

    def call(self, number: int, args: tuple, kwargs: dict) -> Any:
        """What a function of the other side gives, or raises."""
        with self.one_at_a_time:
            self.send({"call": number}, (args, kwargs))
            told, value = self.wait()
        if "error" in told:
            error = retold(told["error"])
            error.given = told["error"]["given"]
            raise error
        return value


class Callback:
    """A function of the other side."""

    def __init__(self, server: Server, number: int):
        self._server, self._number = server, number

    def __call__(self, *args, **kwargs):
        return self._server.call(self._number, args, kwargs)
