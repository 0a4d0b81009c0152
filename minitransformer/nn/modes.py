"""The training and evaluation mode of modules: set for the length of a `with` block, and then as before in each module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from minitransformer.nn.module import Module

Modes = Sequence[tuple[Module, bool]]


def modes(model: Module) -> list[tuple[Module, bool]]:
    """The mode of each module of a model.

    Args:
        model: any module.

    Returns:
        Pairs (module, whether it is in training mode), from the top down.
    """
    return [(module, module.training) for module in model.modules()]


def in_training(model: Module) -> bool:
    """Whether any module of a model is in training mode. It is asked for every token: `modules()`, with names, would be slower.

    Args:
        model: any module.

    Returns:
        True if the model or a module below is in training mode.
    """
    seen = {model}
    found = [model]
    for module in found:
        if module.training:
            return True
        if new := {part for part in module._modules.values() if part is not None} - seen:
            seen |= new
            found.extend(new)
    return False


def restore(modes: Iterable[tuple[Module, bool]]) -> None:
    """Set each module to the mode that `modes` recorded.

    Args:
        modes: what `modes` returned. `train()` of a module is called where its mode differs, since a subclass may do more there
            than set the mode.
    """
    for module, training in modes:
        if module.training != training:
            module.train(training)
    for module, training in modes:
        module.training = training  # the `train()` of another module may have changed it


@contextlib.contextmanager
def in_use(model: Module, modules: Iterable[Module] | None = None) -> Iterator[None]:
    """Inside this `with` block all of `model` is in evaluation mode; afterwards, or after an error, each module is as before.

    Args:
        model: any module. If it is in evaluation mode already, nothing is done, which costs nothing.
        modules: the modules of the model, if the caller has them as a list; None finds them.

    Returns:
        A context manager.
    """
    if not (any(module.training for module in modules) if modules else in_training(model)):
        yield
        return
    before = modes(model)
    model.eval()
    try:
        yield
    finally:
        restore(before)


@contextlib.contextmanager
def as_it_was(before: Modes) -> Iterator[None]:
    """Inside this `with` block each module has an earlier mode, afterwards the one that it has now.

    Args:
        before: what `modes` returned earlier.

    Returns:
        A context manager.
    """
    now = [(module, module.training) for module, _ in before]
    restore(before)
    try:
        yield
    finally:
        restore(now)


def begin_training(model: Module, before: Modes = ()) -> None:
    """Set a model to training mode, unless a part of it is in training mode already.

    Then the other parts have been set to evaluation mode by hand, for example because they are frozen, and stay so.

    Args:
        model: any module.
        before: what `modes` returned earlier: the modes to set; without it, all modules are set to training mode.
    """
    if not in_training(model):
        restore(before) if before else model.train()
