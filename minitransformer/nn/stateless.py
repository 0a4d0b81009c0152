"""A module called with other tensors in place of its parameters, as `torch.func.functional_call` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return `module(*args, **kwargs)`, computed with other parameters; afterwards the module has its own again.

    Gradients reach the given tensors: the module becomes a function of its parameters.

    Args:
        module: What to call.
        parameter_and_buffer_dicts: Tensors by dotted name, as `named_parameters` and `named_buffers` name them, in one mapping
            or in several. What has no tensor here stays the module's own. A parameter that stands under several names is
            replaced under all of them.
        args: Positional arguments of the call in a tuple, or a single one.
        kwargs: Keyword arguments of the call.

    Returns:
        What the module returns.

    Raises:
        KeyError: The module has no parameter or buffer of a given name.

    >>> from minitransformer import nn, ones
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> functional_call(layer, {"weight": ones(1, 2)}, (ones(3, 2),)).tolist()
    [[2.0], [2.0], [2.0]]
    """
    dicts = parameter_and_buffer_dicts
    tensors = dicts if isinstance(dicts, Mapping) else {name: t for each in dicts for name, t in each.items()}
    given = args if isinstance(args, tuple) else () if args is None else (args,)
    with _replaced(module, tensors):
        return module(*given, **(kwargs or {}))


@contextmanager
def _replaced(module: Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, `module` has these tensors as its parameters and buffers."""
    own = dict(module.named_parameters(remove_duplicate=False)) | dict(
        module.named_buffers(remove_duplicate=False)
    )
    if unknown := [name for name in tensors if name not in own]:
        raise KeyError(
            f"functional_call: {type(module).__name__} has no parameter {unknown[0]!r}; it has {', '.join(own)}"
        )
    new = {id(own[name]): tensor for name, tensor in tensors.items()}
    slots: list[tuple[dict[str, Any], str, Any]] = [
        (kind, name, old)
        for part in module.modules()
        for kind in (part._parameters, part._buffers)
        for name, old in kind.items()
        if id(old) in new
    ]
    try:
        for kind, name, old in slots:
            kind[name] = new[id(old)]
        yield
    finally:
        for kind, name, old in slots:
            kind[name] = old
