"""The names of torch.jit, for programs that use them. Nothing is compiled: a scripted function is the function itself."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from minitransformer.nn.module import Module as ScriptModule

T = TypeVar("T")

__all__ = [
    "Final",
    "ScriptModule",
    "annotate",
    "export",
    "freeze",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_method",
    "trace",
    "unused",
]


def script(obj: T, *settings: Any, **options: Any) -> T:
    """A function or module, as it is. It decorates functions too. `trace`, `freeze` and others do the same.

    Args:
        obj: the function or module.
        *settings: those of PyTorch's, such as the example inputs of `trace`; no effect.
        **options: those of PyTorch's; no effect.

    Returns:
        `obj` itself. What it decides by the values of its inputs is decided anew in each call.
    """
    return obj


trace = freeze = optimize_for_inference = script_method = export = unused = script


def ignore(drop: Any = False, **options: Any) -> Any:
    """A function that PyTorch's compiler leaves to Python, as it is.

    Args:
        drop: the function, or PyTorch's option of that name for a decorator with arguments.
        **options: those of PyTorch's; no effect.

    Returns:
        The function itself; without one, a decorator that gives back what it is given.
    """
    return drop if callable(drop) else (lambda fn: fn)


def annotate(the_type: Any, the_value: T) -> T:
    """A value whose type is told to PyTorch's compiler.

    Args:
        the_type: the type; no effect.
        the_value: the value.

    Returns:
        The value itself.
    """
    return the_value


def is_scripting() -> bool:
    """Whether PyTorch's compiler reads the program.

    Returns:
        False.
    """
    return False


is_tracing = is_scripting


def save(m: Any, f: Any, **options: Any) -> None:
    """Refused: PyTorch writes a program with its numbers, and nothing is compiled here.

    Args:
        m: the module.
        f: the path.
        **options: those of PyTorch's.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "jit.save: modules are not compiled here; save the numbers: mt.save(model.state_dict(), path)"
    )


def load(f: Any, **options: Any) -> Any:
    """Refused: a file of torch.jit holds a program, and programs in files are not run.

    Args:
        f: the path.
        **options: those of PyTorch's.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "jit.load: the file holds a program; build the model and read its numbers: model.load_state_dict(mt.load(path))"
    )
