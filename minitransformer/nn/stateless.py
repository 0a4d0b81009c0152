"""A module called with other tensors in place of its parameters, as `torch.func.functional_call` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module


def functional_call(
    module: Module,
    parameters: Mapping[str, Tensor],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return `module(*args, **kwargs)`, computed with other parameters; afterwards the module has its own again.

    Gradients reach the given tensors: the module becomes a function of its parameters.

    Args:
        module: What to call.
        parameters: Tensors by dotted name, as `named_parameters` names them. Parameters without a tensor here keep their
            own. A parameter that stands under several names is replaced under all of them.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.

    Returns:
        What the module returns.

    Raises:
        KeyError: The module has no parameter of a given name.

    >>> from minitransformer import nn, ones
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> functional_call(layer, {"weight": ones(1, 2)}, (ones(3, 2),)).tolist()
    [[2.0], [2.0], [2.0]]
    """
    with _replaced(module, parameters):
        return module(*args, **(kwargs or {}))


@contextmanager
def _replaced(module: Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, `module` has these tensors as its parameters."""
    own = dict(module.named_parameters(remove_duplicate=False))
    if unknown := [name for name in tensors if name not in own]:
        raise KeyError(
            f"functional_call: {type(module).__name__} has no parameter {unknown[0]!r}; it has {', '.join(own)}"
        )
    new = {id(own[name]): tensor for name, tensor in tensors.items()}
    slots = [
        (part, name, old)
        for part in module.modules()
        for name, old in part._parameters.items()
        if id(old) in new
    ]
    try:
        for part, name, old in slots:
            part._parameters[name] = new[id(old)]  # type: ignore[assignment]  # any tensor, for this one call
        yield
    finally:
        for part, name, old in slots:
            part._parameters[name] = old
