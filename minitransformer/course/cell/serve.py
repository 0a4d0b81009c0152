"""The learner's side of the connection: requests to use the answer come through a pipe, and results go back as plain data."""

from __future__ import annotations

import contextlib
import operator
import os
import signal
import sys
import threading
from typing import Any

import numpy

from minitransformer.course.cell import wire
from minitransformer.course.cell.loading import Missing, Refused, load
from minitransformer.course.cell.telling import account, place, retold
from minitransformer.course.pretend import Door

DOES = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "is": lambda target, value: isinstance(value, target),
}


def serve(asked: int, told: int, held: set[str]) -> None:
    """Send the list of walls, then serve requests until the pipe is closed.

    Args:
        asked: the file descriptor from which requests are read.
        told: the file descriptor to which results are written.
        held: the walls that are in force.
    """
    sys.meta_path.insert(0, Door())
    server = Server(asked, told)
    server.send({"held": sorted(held)})
    server.wait()


class Late(BaseException):
    """The learner's code has used up its time."""


class Server:
    """Serves the judge's requests.

    Args:
        asked: the file descriptor from which requests are read.
        told: the file descriptor to which results are written.

    Attributes:
        handles: the objects that are not plain data; the judge refers to them by their index. 0 is the answer itself.
    """

    def __init__(self, asked: int, told: int):
        self.asked = open(asked, "rb")
        self.told = told
        self.known = wire.Known()
        self.handles: list[Any] = [None]
        self.numbers: dict[Any, Any] = {}
        self.file = ""
        self.one_at_a_time = threading.RLock()
        self.in_answer = False

    def wait(self) -> Any:
        """Serve requests until a message is the result of a call that this side has made.

        Returns:
            The message, and the result.
        """
        while True:
            told, value = self.receive()
            if "do" not in told:
                return told, value
            self._reply(*self._done(told, *value))

    def _done(self, told: dict, args: tuple, kwargs: dict) -> tuple[dict, Any]:
        """Serve one request: the message and the value to send back. An exception of the learner's code becomes a message."""
        self.in_answer = True
        try:
            if told["do"] == "load":
                self.file = told["file"]
                self._limit(told["seconds"])
                self.handles[0] = load(args[0].tobytes(), self.file, told["name"])
                return {}, None
            with numpy.errstate(**told["errors"]):
                return {}, self._does(told["do"])(self.handles[told["target"]], *args, **kwargs)
        except Missing:
            return {"missing": True}, None
        except Refused as refused:
            return {"refused": str(refused)}, None
        except Late as late:
            return {"late": place(late, self.file)}, None
        except BaseException as error:
            return {"error": account(error, self.file)}, None
        finally:
            self.in_answer = False

    def _limit(self, seconds: float) -> None:
        """From `seconds` on, raise Late wherever the learner's code is, again and again if it is caught. Not on Windows."""
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)

    def _ring(self, *_: Any) -> None:
        if self.in_answer:
            raise Late

    def _does(self, what: str) -> Any:
        """The function for a request: one of DOES, an operator such as "add", or "radd", which exchanges the operands."""
        turned = lambda a, b: getattr(operator, what[1:])(b, a)  # noqa: E731
        return DOES.get(what) or getattr(operator, what, turned)

    def _reply(self, told: dict, value: Any) -> None:
        try:
            self.send(told, value)
        except (
            BaseException
        ) as error:  # the value is too large, or its own methods raise while it is converted
            self.send({"error": account(error, self.file)})

    def send(self, told: dict, value: Any = None) -> None:
        """Send a message, with the current contents of all objects that both sides know.

        Args:
            told: the message.
            value: the result.

        Raises:
            ValueError: if the value is too large.
        """
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
        """The node of a value that is not plain: its number in `handles`. Arrays of other libraries become NumPy's."""
        with contextlib.suppress(Exception):
            if hasattr(type(value), "__array__") and (node := writer.plain(numpy.asarray(value))):
                return node
        number = self.numbers.setdefault(id(value), len(self.handles))
        if number == len(self.handles):
            self.handles.append(value)
        return ["handle", number, type(value).__name__]

    def receive(self) -> tuple[dict, Any]:
        """Wait for a message, and update the objects that both sides know. The process ends if the pipe is closed.

        Returns:
            The message, and its value.
        """
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
        """Call a function of the judge's side.

        Args:
            number: its number.
            args: its arguments.
            kwargs: its named arguments.

        Returns:
            Its result.

        Raises:
            Exception: what it raises, as an exception of this process.
        """
        with self.one_at_a_time:
            self.send({"call": number}, (args, kwargs))
            told, value = self.wait()
        if "error" in told:
            error = retold(told["error"])
            error.given = told["error"]["given"]
            raise error
        return value


class Callback:
    """A stand-in for a function of the judge's side; a call is forwarded.

    Args:
        server: the connection.
        number: the number of the function.
    """

    def __init__(self, server: Server, number: int):
        self._server = server
        self._number = number

    def __call__(self, *args, **kwargs):
        return self._server.call(self._number, args, kwargs)
