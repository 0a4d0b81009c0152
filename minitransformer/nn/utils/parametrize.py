"""Weights that modules compute: a parametrization is a module that makes the weight of what is learned instead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn.containers import ModuleDict, ModuleList
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter


class ParametrizationList(ModuleList):
    """What a weight is computed from: `original`, or `original0`, `original1`, .., and the modules, one after the other.

    Args:
        modules: the first, alone.
        original: the weight itself, a parameter or a buffer.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor) -> None:
        super().__init__(modules)
        with no_grad():
            learned = self._inverted(original)
        self.ntensors = len(learned)
        self.is_tensor = isinstance(learned, _Whole)
        if self.is_tensor:
            original.data = learned[0].detach()
            self._register_as(original, "original", original)
        else:
            for i, part in enumerate(learned):
                like = Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part
                self._register_as(original, f"original{i}", like)

    def _register_as(self, original: Tensor, name: str, value: Any) -> None:
        """A parameter if the weight was one, else a buffer."""
        (self.register_parameter if isinstance(original, Parameter) else self.register_buffer)(name, value)

    def _inverted(self, value: Any) -> Sequence[Tensor]:
        """What the weight `value` is computed from; a module without `right_inverse` counts as the identity."""
        for module in reversed(self):
            value = getattr(module, "right_inverse", lambda given: given)(value)
        return _Whole([value]) if isinstance(value, Tensor) else value

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set what is learned so that the weight becomes `value`.

        Args:
            value: the weight.
        """
        for part, new in zip(self._originals(), self._inverted(value), strict=True):
            part.copy_(new)

    def forward(self) -> Tensor:
        """Compute the weight.

        Returns:
            The weight.
        """
        value = self[0](*self._originals())
        for module in [*self][1:]:
            value = module(value)
        return value  # type: ignore[no-any-return]  # of a parametrization


class _Whole(list[Tensor]):
    """The one tensor that a weight is computed from, if it is not one of a tuple."""


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on, compute a weight by a module: `module.<tensor_name>` is `parametrization(..)` whenever it is asked for.

    What is learned is `parametrizations.<tensor_name>.original`. If the parametrization has `right_inverse`, it is computed from
    the weight by that; a tuple gives `original0`, `original1`, ..

    Args:
        module: the module, whose class becomes one that computes the weight.
        tensor_name: of its parameter or buffer.
        parametrization: a module of what is learned, or of what the parametrizations before it compute.
        unsafe: do not check that the weight keeps its shape and dtype.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such tensor, or the weight would have another shape or dtype.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _check(getattr(module, tensor_name), parametrization, unsafe)
        module.parametrizations[tensor_name].append(parametrization)
        return module
    if tensor_name not in (*module._parameters, *module._buffers):
        raise ValueError(f"register_parametrization: {type(module).__name__} has no tensor {tensor_name!r}")
    original = getattr(module, tensor_name)
    like = original.detach()
    learned = ParametrizationList([parametrization], original)
    if not unsafe and (found := learned()).shape != like.shape:
        raise ValueError(f"register_parametrization: expected a weight of {like.shape}, got {found.shape}")
    delattr(module, tensor_name)
    _open(module, tensor_name)
    module.parametrizations[tensor_name] = learned
    return module


def _check(weight: Tensor, parametrization: Module, unsafe: bool) -> None:
    """Raise ValueError if the weight would have another shape or dtype."""
    found = weight if unsafe else parametrization(weight)
    if (found.shape, found.dtype) != (weight.shape, weight.dtype):
        expected, got = f"{weight.shape} {weight.dtype}", f"{found.shape} {found.dtype}"
        raise ValueError(f"register_parametrization: expected a weight {expected}, got {got}")


def _open(module: Module, name: str) -> None:
    """Give a module a class of its own, in which the weight is computed when it is asked for."""
    if not is_parametrized(module):
        own = type(module)
        module.__class__ = type(f"Parametrized{own.__name__}", (own,), {"__module__": own.__module__})
        module.parametrizations = ModuleDict()
    weight = property(
        lambda self: self.parametrizations[name](),
        lambda self, value: self.parametrizations[name].right_inverse(value),
    )
    setattr(type(module), name, weight)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a weight is computed by a parametrization.

    Args:
        module: the module.
        tensor_name: of the weight; None for any.

    Returns:
        True or False.
    """
    found = module._modules.get("parametrizations")
    return isinstance(found, ModuleDict) and (len(found) > 0 if tensor_name is None else tensor_name in found)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Undo `register_parametrization`: the weight is a parameter or buffer again.

    Args:
        module: the module.
        tensor_name: of its weight.
        leave_parametrized: keep the values that the weight has now; else those of `original`.

    Returns:
        The module.

    Raises:
        ValueError: if the weight is not computed by a parametrization; or if `leave_parametrized` is False and it is computed from
            several tensors.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} has none")
    learned = module.parametrizations[tensor_name]
    if not learned.is_tensor and not leave_parametrized:
        raise ValueError("remove_parametrizations: no single original; take leave_parametrized=True")
    now = getattr(module, tensor_name).detach()
    kept = learned._originals()[0] if learned.is_tensor else _like(learned._originals()[0], now)
    if leave_parametrized:
        kept.data = now
    _close(module, tensor_name)
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    return module


def _like(part: Tensor, now: Tensor) -> Tensor:
    return Parameter(now, part.requires_grad) if isinstance(part, Parameter) else now


def _close(module: Module, name: str) -> None:
    """Forget how a weight is computed; after the last one, the module is of its class again."""
    delattr(type(module), name)
    del module.parametrizations[name]
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
