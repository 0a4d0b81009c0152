"""In training or in use: whoever answers puts a model in use for as long as that takes, and each module back as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from minitransformer.nn.module import Module


def modes(model: Module) -> list[tuple[Module, bool]]:
    """Each module of a model, from the top down, and whether it is in training."""
    return [(module, module.training) for module in model.modules()]


def in_training(model: Module) -> bool:
    """Whether any module of a model is, asked before every token: their names are not needed."""
    seen, found = {model}, [model]
    for module in found:
        if module.training:
            return True
        if new := {part for part in module._modules.values() if part is not None} - seen:
            seen |= new
            found.extend(new)
    return False


def restore(modes: Iterable[tuple[Module, bool]]) -> None:
    """Set each module as `modes` found it, by its own `train()`, which may do more than note the mode."""
    for module, training in modes:
        if module.training != training:
            module.train(training)
    for module, training in modes:
        module.training = training  # what a `train()` further down, or one of its own making, said otherwise


@contextlib.contextmanager
def in_use(model: Module, modules: Iterable[Module] | None = None) -> Iterator[None]:
    """Inside this block all of `model` is in use, not in training; however it ends, each module is then as it was.

    One that is in use already is left alone, for that costs nothing. `modules` are those of the model, if they are listed.
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
def as_it_was(before: Sequence[tuple[Module, bool]]) -> Iterator[None]:
    """Inside this block each module is as `modes` found it `before`, and then again as it is now."""
    now = [(module, module.training) for module, _ in before]
    restore(before)
    try:
        yield
    finally:
        restore(now)


def begin_training(model: Module, before: Sequence[tuple[Module, bool]] = ()) -> None:
    """Set a model that is in use in training, each module as it was `before`, if that is known.

    If some of it is in training already, the rest was put into `eval()` by hand, and stays there.
    """
    if not in_training(model):
        restore(before) if before else model.train()
