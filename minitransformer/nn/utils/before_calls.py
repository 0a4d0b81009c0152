"""Weights that a hook computes anew before each call of their module, from parameters of other names.

PyTorch's older form of `parametrize`: the parameters stand beside the weight as `<name>_g`, `<name>_orig`, and the weight itself is
a plain attribute.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.tensors.hooks import RemovableHandle

Layer = TypeVar("Layer", bound=Module)
TABLE = "_forward_pre_hooks"


class Computed:
    """The hook. A subclass defines `begin` and `weight`, and in `parts` the endings of the names that `begin` registers.

    Args:
        name: of the weight.
    """

    parts: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self, module: Module, weight: Parameter) -> None:
        """Register what the weight is computed from.

        Args:
            module: the module.
            weight: its weight, which is no part of it any more.
        """
        raise NotImplementedError(f"{type(self).__name__}: define begin(self, module, weight)")

    def weight(self, module: Module, training: bool) -> Tensor:
        """Compute the weight.

        Args:
            module: the module.
            training: whether what is learned from call to call is learned.

        Returns:
            The weight.
        """
        raise NotImplementedError(f"{type(self).__name__}: define weight(self, module, training)")

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.weight(module, module.training))


def compute(module: Layer, hook: Computed) -> Layer:
    """From now on, compute a weight before each call.

    Args:
        module: the module, which is changed.
        hook: how.

    Returns:
        The module.

    Raises:
        RuntimeError: if the weight is computed so already.
    """
    if _key(module, type(hook), hook.name) is not None:
        raise RuntimeError(f"{hook.name!r} of {type(module).__name__} has {type(hook).__name__} already")
    weight = getattr(module, hook.name)
    delattr(module, hook.name)
    hook.begin(module, weight)
    setattr(module, hook.name, hook.weight(module, training=False))
    module.register_forward_pre_hook(hook)
    return module


def keep(module: Layer, kind: type[Computed], name: str) -> Layer:
    """Undo `compute`: the weight is one parameter again, with its values of now.

    Args:
        module: the module, which is changed.
        kind: the class of the hook.
        name: of the weight.

    Returns:
        The module.

    Raises:
        ValueError: if the weight is not computed so.
    """
    key = _key(module, kind, name)
    if key is None:
        raise ValueError(f"{name!r} of {type(module).__name__} has no {kind.__name__} to remove")
    hook = module._forward_pre_hooks[key][0]
    weight = hook.weight(module, training=False).detach()  # type: ignore[attr-defined]  # a `Computed`
    RemovableHandle(module, TABLE, key).remove()
    for part in ("", *kind.parts):
        delattr(module, name + part)
    module.register_parameter(name, Parameter(weight))
    return module


def _key(module: Module, kind: type[Computed], name: str) -> Any:
    """Under which key the hook of that class and weight is registered; None if there is none."""
    hooks = ((key, hook) for key, (hook, _) in module._forward_pre_hooks.items())
    return next((key for key, hook in hooks if isinstance(hook, kind) and hook.name == name), None)
