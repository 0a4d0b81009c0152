"""Settings that hold inside a `with` block, a decorated function or a generator; one of them is whether ops record a tape."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
grad_enabled: ContextVar[bool] = ContextVar("grad enabled", default=True)
# each is called with an op, its inputs, its output, and None; in a walk with the cotangent of the output, and the inputs'
watchers: ContextVar[tuple[Callable[[Any, Any, Any, Any], None], ...]] = ContextVar("watchers", default=())
# called once the gradients of a backward walk are in place
after_walk: ContextVar[list[Callable[[], None]] | None] = ContextVar("after walk", default=None)
# what the mean of a loss divides by, given the number of this process's own targets
counted: ContextVar[Callable[[Any], Any] | None] = ContextVar("counted", default=None)
_entered: ContextVar[tuple[Any, ...]] = ContextVar(
    "entered", default=()
)  # (setting, value before), the innermost last


class setting:
    """Gives a context variable a value inside a `with` block or a decorated function. One object may be used again, and nested.

    In a decorated generator the value holds while the generator runs, not while its caller works with what it yields.

    Args:
        variable: the context variable.
        value: its value inside.
    """

    def __init__(self, variable: ContextVar[Any], value: Any):
        self.variable, self.value = variable, value

    def __enter__(self) -> None:
        _entered.set((*_entered.get(), (self, self.variable.get())))
        self.variable.set(self.value)

    def __exit__(self, *error: object) -> None:
        stack = _entered.get()
        # nothing to undo in a context in which this object was not entered
        if own := [i for i, (entered, _) in enumerate(stack) if entered is self]:
            self.variable.set(stack[own[-1]][1])
            _entered.set(stack[: own[-1]] + stack[own[-1] + 1 :])

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> Any:
            with self:
                result = function(*args, **kwargs)
            return self._each_step(result) if inspect.isgeneratorfunction(function) else result

        return inside

    def _each_step(self, generator: Any) -> Generator[Any, Any, Any]:
        """Run a generator, each of its steps with the setting; `send` and `throw` are passed on to it."""
        step = partial(next, generator)
        while True:
            try:
                with self:
                    value = step()
            except StopIteration as end:
                return end.value
            try:
                step = partial(generator.send, (yield value))
            except GeneratorExit:
                with self:
                    generator.close()
                raise
            except BaseException as error:
                step = partial(generator.throw, error)


@contextlib.contextmanager
def walk() -> Iterator[None]:
    """A backward walk. What `after_walk` collects on the way is called at its end.

    Returns:
        A context manager, which decorates functions too.
    """
    waiting: list[Callable[[], None]] = []
    with setting(after_walk, waiting):
        yield
    for then in waiting:
        then()


class Held(Generic[T]):
    """A value of the whole process, except inside `apart`, where a thread that is a rank of its own has its own.

    Args:
        name: what it is.
        value: its value at first.
    """

    def __init__(self, name: str, value: T):
        # a list of one: all threads see the same, whatever their context, until one has another
        self._box: ContextVar[list[T]] = ContextVar(name, default=[value])  # noqa: B039  # shared on purpose

    def get(self) -> T:
        """The value that holds here.

        Returns:
            The value.
        """
        return self._box.get()[0]

    def set(self, value: T) -> None:
        """Change the value that holds here.

        Args:
            value: the new one.
        """
        self._box.get()[0] = value

    def apart(self, value: T) -> setting:
        """A value of one's own inside a `with` block: no change of it is seen outside, nor the reverse.

        Args:
            value: the one at first.

        Returns:
            A context manager.
        """
        return setting(self._box, [value])


def _mode(value: bool, function: Callable[P, R] | None) -> setting | Callable[P, R]:
    mode = setting(grad_enabled, value)
    return mode if function is None else mode(function)


@overload
def no_grad(function: None = None) -> setting: ...
@overload
def no_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def no_grad(function: Callable[P, R] | None = None) -> setting | Callable[P, R]:
    """Record no tape inside this `with` block, or inside a decorated function or generator.

    Args:
        function: what is decorated; None for a `with` block, or for a decorator that is written with brackets.

    Returns:
        A context manager, or the decorated function.
    """
    return _mode(False, function)


@overload
def enable_grad(function: None = None) -> setting: ...
@overload
def enable_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def enable_grad(function: Callable[P, R] | None = None) -> setting | Callable[P, R]:
    """Record the tape again inside this `with` block, which stands in one of `no_grad`.

    Args:
        function: as for `no_grad`.

    Returns:
        A context manager, or the decorated function.
    """
    return _mode(True, function)


@overload
def inference_mode(mode: bool = True) -> setting: ...
@overload
def inference_mode(mode: Callable[P, R]) -> Callable[P, R]: ...
def inference_mode(mode: bool | Callable[P, R] = True) -> setting | Callable[P, R]:
    """The same as `no_grad`, under PyTorch's other name.

    Args:
        mode: False records the tape, as `enable_grad`; or the function that is decorated.

    Returns:
        A context manager, or the decorated function.
    """
    return no_grad(mode) if callable(mode) else setting(grad_enabled, not mode)


class set_grad_enabled(setting):
    """Record the tape or not, from now on; or only inside a `with` block or a decorated function.

    Args:
        mode: whether ops are recorded.
    """

    def __init__(self, mode: bool):
        super().__init__(grad_enabled, bool(mode))
        self.before = grad_enabled.get()
        grad_enabled.set(self.value)

    def __enter__(self) -> None:
        grad_enabled.set(self.before)
        super().__enter__()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        grad_enabled.set(self.before)
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether ops are recorded on the tape.

    Returns:
        True or False.
    """
    return grad_enabled.get()
