"""Modules: parameters, buffers and submodules under dotted names, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float16, float32, float64
from minitransformer.devices import to_device
from minitransformer.nn.hooks import forward_call
from minitransformer.nn.loading import Loading
from minitransformer.ops.python import host_array

Forward = TypeVar("Forward", covariant=True)
KINDS = ("_parameters", "_buffers", "_modules")  # what a module files under its own names


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and counts as the module's when assigned to it."""

    def __init__(self, data, requires_grad: bool = True):
        super().__init__(data.array if isinstance(data, Tensor) else data, requires_grad=requires_grad)
        if isinstance(data, Tensor):
            self.edited = data.watched()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class HasForward(Protocol[Forward]):
    """A module, by the type of its `forward`."""

    @property
    def forward(self) -> Forward: ...


class CallsForward:
    """For type checkers: `module(..)` takes what the module's own `forward` takes, and returns what that returns."""

    def __get__(self, module: HasForward[Forward], kind: type) -> Forward:
        return module.forward


class Module:
    """Something with parameters and a `forward`. Subclasses call `super().__init__()` before they assign either."""

    training: bool = True

    def __init__(self) -> None:
        for kind in KINDS:
            object.__setattr__(self, kind, {})
        object.__setattr__(self, "_transient", set())

    def __setattr__(self, name: str, value) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        kind = self._kind(name, value)
        if kind is None:
            object.__setattr__(self, name, value)
        else:
            self._keep(kind, name, value)

    def _kind(self, name: str, value) -> str | None:
        """Where an assigned value belongs, if not with the plain attributes; a known name keeps its kind."""
        if name in self.__dict__ and not isinstance(value, (Tensor, Module)):
            return None
        if isinstance(value, Parameter):
            return "_parameters"
        if isinstance(value, Module):
            return "_modules"
        known = next((kind for kind in KINDS if name in self.__dict__[kind]), None)
        if known and value is not None and not (known == "_buffers" and isinstance(value, Tensor)):
            expected = {"_parameters": "Parameter", "_buffers": "Tensor", "_modules": "Module"}[known]
            how = (
                f"use {name}.copy_(..) under no_grad"
                if isinstance(value, Tensor)
                else "`del` it first for a plain attribute"
            )
            raise TypeError(
                f"{type(self).__name__}.{name}: expected a {expected} or None, got a {type(value).__name__}; {how}"
            )
        return known

    def _keep(self, kind: str, name: str, value) -> None:
        """File a value, in its old place where the name was of this kind before."""
        self._forget(name, but=kind)
        self.__dict__[kind][name] = value

    def __getattr__(self, name: str) -> Any:
        for kind in KINDS:
            if name in self.__dict__.get(kind, ()):
                return self.__dict__[kind][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name: str, but: str | None = None) -> bool:
        """Drop the name, except from one kind; whether it was there."""
        places = [self.__dict__, *(self.__dict__[kind] for kind in KINDS if kind != but)]
        return any([place.pop(name, self) is not self for place in places])

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep a tensor that moves and is saved with the module but is not learned; unless `persistent`, it is not saved."""
        self._register("_buffers", name, tensor, Tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as assigning it; None keeps the name for a parameter that is left out."""
        self._register("_parameters", name, param, Parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as assigning it, for names that are not identifiers."""
        self._register("_modules", name, module, Module)

    def _register(self, kind: str, name: str, value, expected: type) -> None:
        """`_keep`, after a look. Raises TypeError for a value that is not as expected, KeyError for a name that could mislead."""
        if value is not None and not isinstance(value, expected):
            raise TypeError(f"{name!r}: expected a {expected.__name__} or None, got {type(value).__name__}")
        if not name or "." in name:
            raise KeyError(f"expected a name without dots, which part the names of modules, got {name!r}")
        self._keep(kind, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    if TYPE_CHECKING:
        __call__ = CallsForward()
    else:

        def __call__(self, *args, **kwargs):
            call = forward_call.get()
            return self.forward(*args, **kwargs) if call is None else call(self, args, kwargs)

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module under "", and all below it under their dotted names, each once unless told otherwise."""
        memo = set() if memo is None else memo  # what came already
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if module not in memo:
                if remove_duplicate:
                    memo.add(module)
                yield name, module
                if below := module._modules:
                    path = f"{name}." if name else ""
                    # the first comes on top
                    stack.extend([(path + n, m) for n, m in reversed(below.items()) if m is not None])

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, by name; one that is shared comes once, under its first name."""
        seen = {None}
        return (
            (name, module)
            for name, module in self._modules.items()
            if not (module in seen or seen.add(module))
        )

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters; one that is shared comes once, under its first name, unless told otherwise."""
        return _named(self, "_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers; one that is shared comes once, under its first name, unless told otherwise."""
        return _named(self, "_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (b for _, b in self.named_buffers(recurse=recurse))

    def state_dict(
        self, *, destination: dict | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Every parameter and persistent buffer under all its dotted names, sharing memory with the module.

        They go to `destination`, each name after `prefix`; `keep_vars` gives the tensors themselves in place of detached ones.
        """
        destination = {} if destination is None else destination
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """What of `state_dict` is this module's own: the place for a module that has more to save."""
        destination.update(
            (prefix + name, tensor if keep_vars else tensor.detach()) for name, tensor in _own(self)
        )

    def load_state_dict(
        self, state_dict: Mapping, strict: bool = True, assign: bool = False
    ) -> tuple[list[str], list[str]]:
        """Copy values in by name: from our tensors, NumPy arrays or PyTorch's tensors (PyTorch is not imported).

        Of the names of a shared tensor one is enough. Returns the names (missing, unexpected). Raises RuntimeError, changing
        nothing, if a shape differs, if a shared tensor has two values or, when `strict`, if names are missing or unexpected;
        the message lists all of them. `assign` takes the arrays themselves instead of copying them, with their dtype, so that
        a file mapped into memory is read only where it is used.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected names and tensors, as state_dict() gives, got {type(state_dict).__name__}"
            )
        loading = Loading(type(self).__name__, strict)
        _find(self, {name: Tensor(host_array(value)) for name, value in state_dict.items()}, "", loading)
        missing, unexpected = loading.check()
        with no_grad():
            for own, array in loading.found.values():
                if assign:
                    own.data = Tensor(to_device(array, own.device))
                else:
                    own.copy_(Tensor(array))
        return missing, unexpected

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """What of `load_state_dict` is this module's own: the place for a module that knows other names for its tensors.

        `state_dict` is a dict of tensors to edit, of this module and below; the lists take names and sentences. Nothing is
        copied before the whole state is found to fit.
        """
        own = dict(_own(self))
        for name, tensor in own.items():
            if prefix + name in state_dict:
                local_metadata["loading"].found[prefix + name] = tensor, host_array(state_dict[prefix + name])
            else:
                missing_keys.append(prefix + name)
                local_metadata["loading"].absent[prefix + name] = tensor
        for key in state_dict:
            name = key.removeprefix(prefix)
            if name not in own and self._modules.get(name.partition(".")[0]) is None:
                unexpected_keys.append(key)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
        """Replace the array of every parameter and buffer; the tensor objects stay, so that optimizers keep theirs."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for tensor in [*self._parameters.values(), *self._buffers.values()]:
            if tensor is not None:
                tensor.data = fn(tensor.detach())
                if tensor.grad is not None:
                    tensor.grad = fn(tensor.grad)
        return self

    def to(self, *targets, device: str | None = None, dtype=None, non_blocking: bool = False) -> Module:
        """Move every parameter and buffer to a device, and the floating-point ones to a dtype.

        `targets` are a device, a dtype, or both, or a tensor that has them; `non_blocking` is taken and changes nothing. Raises
        TypeError for a dtype that is not floating-point.
        """
        for target in targets:
            if isinstance(target, Tensor):
                device, dtype = target.device, target.dtype
            elif isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
                device = target
            elif not (target is None or isinstance(target, bool)):
                dtype = target
        if dtype is not None and numpy.dtype(dtype).kind != "f":
            raise TypeError(
                f"{type(self).__name__}.to: expected a floating-point dtype, got {numpy.dtype(dtype)}"
            )

        def change(t: Tensor) -> Tensor:
            array = (
                t.array.astype(dtype, copy=False) if dtype is not None and t.is_floating_point() else t.array
            )
            return Tensor(array if device is None else to_device(array, device))

        return self._apply(change)

    def double(self) -> Module:
        """All floating-point values as float64."""
        return self.to(float64)

    def float(self) -> Module:
        """All floating-point values as float32."""
        return self.to(float32)

    def half(self) -> Module:
        """All floating-point values as float16."""
        return self.to(float16)

    def cuda(self, device: int | str | None = None) -> Module:
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def cpu(self) -> Module:
        return self.to("cpu")

    def train(self, mode: bool = True) -> Module:
        """Behave as in training: dropout drops."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: expected True or False, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Behave as in use: the same input gives the same output."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with zeros."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.zero_()

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Learn all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], None]) -> Module:
        """Call `fn` on every module below, then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def num_parameters(self) -> int:
        """How many numbers the module learns."""
        return sum(p.array.size for p in self.parameters())

    def extra_repr(self) -> str:
        """What stands in the brackets of the module's own line."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): " + repr(m).replace("\n", "\n  ") for name, m in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        body = f"{head}\n  " + "\n  ".join(lines) + "\n)" if lines else head + ")"
        count = self.num_parameters()
        first, rest = (body.split("\n", 1) + [""])[:2] if lines else (body, "")
        return first + (f"  # {count:,} parameters" if count else "") + ("\n" + rest if rest else "")


def _named(
    module: Module, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
) -> Iterator[tuple[str, Tensor]]:
    """Dotted names and tensors of a kind; one that is shared comes once, under its first name, if duplicates are removed."""
    seen: set[int] = set()
    for path, owner in (
        module.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        if recurse
        else [(prefix, module)]
    ):
        for name, tensor in owner.__dict__[kind].items():
            if tensor is not None and not (remove_duplicate and id(tensor) in seen):
                seen.add(id(tensor))
                yield f"{path}.{name}" if path else name, tensor


def _own(module: Module) -> list[tuple[str, Tensor]]:
    """A module's parameters and persistent buffers, by their own names."""
    buffers = [item for item in module._buffers.items() if item[0] not in module._transient]
    return [(name, tensor) for name, tensor in [*module._parameters.items(), *buffers] if tensor is not None]


def _find(module: Module, state_dict: dict[str, Tensor], prefix: str, loading: Loading) -> None:
    """Let a module and all below look for their values, under `prefix`."""
    told = {"loading": loading}
    module._load_from_state_dict(
        state_dict, prefix, told, True, loading.missing, loading.unexpected, loading.errors
    )
    for name, child in module._modules.items():
        if child is not None:
            path = f"{prefix}{name}."
            _find(
                child,
                {key: value for key, value in state_dict.items() if key.startswith(path)},
                path,
                loading,
            )


def to_torch(state_dict: Mapping[str, Tensor]) -> dict:
    """Parameters and buffers as PyTorch tensors, to load into the PyTorch module of the same names.

    Args:
        state_dict: what `state_dict()` returned.

    Returns:
        A dictionary of PyTorch tensors under the same names.

    Raises:
        ImportError: PyTorch is not installed.
    """
    import torch

    return {name: torch.tensor(host_array(value)) for name, value in state_dict.items()}
