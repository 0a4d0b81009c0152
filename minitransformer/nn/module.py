"""Modules: parameters, buffers and submodules under dotted names, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float16, float32, float64
from minitransformer.brain_float import FLOATS, bfloat16
from minitransformer.devices import to_device
from minitransformer.nn.call_hooks import Hooked, hooked_call
from minitransformer.nn.hooks import forward_call
from minitransformer.nn.loading import Loading
from minitransformer.nn.parameter import Buffer, Parameter
from minitransformer.nn.printing import parts_of, tree
from minitransformer.ops.tensors.python import host_array

Forward = TypeVar("Forward", covariant=True)
KINDS = ("_parameters", "_buffers", "_modules")  # the dicts in which a module keeps its parts, by name


class HasForward(Protocol[Forward]):
    """A module, by the type of its `forward`."""

    @property
    def forward(self) -> Forward:
        """The type of the module's own `forward`."""


class CallsForward:
    """For type checkers: `module(..)` takes what the module's own `forward` takes, and returns what that returns."""

    def __get__(self, module: HasForward[Forward], kind: type) -> Forward:
        return module.forward


class Module(Hooked):
    """The base class of layers and models. A subclass defines `forward`; `module(x)` calls it.

    Parameters, buffers (tensors that are saved but not trained) and modules become parts of the module when they are assigned to
    its attributes. A subclass must call `super().__init__()` before the first such assignment.
    """

    training: bool = True

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: set[str]  # the names of buffers that are not saved

    def __init__(self) -> None:
        for kind in KINDS:
            object.__setattr__(self, kind, {})
        object.__setattr__(self, "_transient", set())

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            return self._assign_early(name, value)
        if isinstance(value, Buffer):
            return self.register_buffer(name, value, value.persistent)
        kind = self._kind(name, value)
        if kind is None:
            object.__setattr__(self, name, value)
        else:
            self._keep(kind, name, value)

    def _assign_early(self, name: str, value: Any) -> None:
        """Keep a plain attribute that is set before `super().__init__()`."""
        if isinstance(value, (Parameter, Buffer, Module)):
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        object.__setattr__(self, name, value)

    def _kind(self, name: str, value: Any) -> str | None:
        """Which of the dicts an assigned value belongs to; None for a plain attribute. A known name stays in its dict."""
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

    def _keep(self, kind: str, name: str, value: Any) -> None:
        """Put a value into one of the dicts; a name that is in it already keeps its position."""
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
        """Remove a name from the attributes and from all dicts but one; return whether it was there."""
        dicts = [self.__dict__, *(self.__dict__[kind] for kind in KINDS if kind != but)]
        return any([d.pop(name, self) is not self for d in dicts])

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer: a tensor that moves with the module (`to`) and is saved with it, but is not trained.

        Args:
            name: its attribute name, without dots.
            tensor: the buffer; None keeps the name without a value.
            persistent: whether it is part of `state_dict`.

        Raises:
            TypeError: if `tensor` is neither a Tensor nor None.
            KeyError: if the name is empty or contains a dot.
        """
        self._register("_buffers", name, tensor, Tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, as assigning it to an attribute does.

        Args:
            name: its attribute name, without dots.
            param: the parameter; None keeps the name without a value.

        Raises:
            TypeError: if `param` is neither a Parameter nor None.
            KeyError: if the name is empty or contains a dot.
        """
        self._register("_parameters", name, param, Parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module, as assigning it to an attribute does; the name need not be a Python identifier.

        Args:
            name: its attribute name, without dots.
            module: the module; None keeps the name without a value.

        Raises:
            TypeError: if `module` is neither a Module nor None.
            KeyError: if the name is empty or contains a dot.
        """
        self._register("_modules", name, module, Module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`.

        Args:
            name: its attribute name, without dots.
            module: the module; None keeps the name without a value.
        """
        self.add_module(name, module)

    def _register(self, kind: str, name: str, value: Any, expected: type) -> None:
        """`_keep` after a check: TypeError for a value of another class, KeyError for an empty name or one with a dot."""
        if value is not None and not isinstance(value, expected):
            raise TypeError(f"{name!r}: expected a {expected.__name__} or None, got {type(value).__name__}")
        if not name or "." in name:
            raise KeyError(f"expected a name without dots, which separate the names of modules, got {name!r}")
        self._keep(kind, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass defines it. Call the module itself, not this method: hooks run only then.

        Args:
            *args: the inputs.
            **kwargs: more inputs, by name.

        Returns:
            The output.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    if TYPE_CHECKING:
        __call__ = CallsForward()
    else:

        def __call__(self, *args, **kwargs):
            call = forward_call.get()
            if not self._has_hooks():
                return self.forward(*args, **kwargs) if call is None else call(self, args, kwargs)
            forward = self.forward if call is None else lambda *args, **kwargs: call(self, args, kwargs)
            return hooked_call(self, args, kwargs, forward)

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all modules below it, with their dotted names.

        Args:
            memo: modules to leave out; modules that were returned are added to it.
            prefix: the name of this module.
            remove_duplicate: return a module that occurs twice only once, under its first name.

        Returns:
            An iterator over (name, module), each module before the modules below it.
        """
        memo = set() if memo is None else memo
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if module not in memo:
                if remove_duplicate:
                    memo.add(module)
                yield name, module
                if below := module._modules:
                    path = f"{name}." if name else ""
                    named = [(path + n, m) for n, m in reversed(below.items()) if m is not None]
                    stack.extend(named)  # reversed: the first module is on top

    def modules(self) -> Iterator[Module]:
        """This module and all modules below it, each once.

        Returns:
            An iterator, each module before the modules below it.
        """
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names.

        Returns:
            An iterator over (name, module); a module that occurs twice comes once, under its first name.
        """
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once.

        Returns:
            An iterator, in the order in which they were added.
        """
        return (module for _, module in self.named_children())

    def get_submodule(self, target: str) -> Module:
        """A module below this one.

        Args:
            target: its dotted name; "" is this module.

        Returns:
            The module.

        Raises:
            AttributeError: there is no module of this name.
        """
        return _part(self, target, Module)  # type: ignore[no-any-return]  # of the class asked for

    def get_parameter(self, target: str) -> Parameter:
        """A parameter of this module or of one below.

        Args:
            target: its dotted name.

        Returns:
            The parameter.

        Raises:
            AttributeError: there is no parameter of this name.
        """
        return _part(self, target, Parameter)  # type: ignore[no-any-return]  # of the class asked for

    def get_buffer(self, target: str) -> Tensor:
        """A buffer of this module or of one below.

        Args:
            target: its dotted name.

        Returns:
            The buffer.

        Raises:
            AttributeError: there is no buffer of this name.
        """
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if name not in owner._buffers:
            raise AttributeError(f"{owner._get_name()} has no buffer {name!r}")
        return _part(owner, name, Tensor)  # type: ignore[no-any-return]  # of the class asked for

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names.

        Args:
            prefix: the name of this module.
            recurse: include the modules below.
            remove_duplicate: return a parameter that occurs twice only once, under its first name.

        Returns:
            An iterator over (name, parameter).
        """
        return _named(self, "_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once.

        Args:
            recurse: include the modules below.

        Returns:
            An iterator.
        """
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names.

        Args:
            prefix: the name of this module.
            recurse: include the modules below.
            remove_duplicate: return a buffer that occurs twice only once, under its first name.

        Returns:
            An iterator over (name, buffer).
        """
        return _named(self, "_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once.

        Args:
            recurse: include the modules below.

        Returns:
            An iterator.
        """
        return (b for _, b in self.named_buffers(recurse=recurse))

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """All parameters and persistent buffers under their dotted names; a shared one comes under each of its names.

        Args:
            destination: a dict to add them to; None makes a new one.
            prefix: written before each name.
            keep_vars: the tensors themselves, instead of detached tensors that share their memory.

        Returns:
            `destination`, or the new dict.
        """
        destination = {} if destination is None else destination
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Add what belongs to this module itself, not to those below. A subclass that saves more overrides this."""
        destination.update(
            (prefix + name, tensor if keep_vars else tensor.detach()) for name, tensor in _own(self)
        )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> tuple[list[str], list[str]]:
        """Set parameters and buffers by name.

        Args:
            state_dict: for each name a tensor of ours, a NumPy or CuPy array, or a PyTorch tensor (PyTorch is not imported). For a
                shared tensor, one of its names is enough.
            strict: whether missing and unexpected names are errors.
            assign: use the arrays themselves with their dtype, instead of copying the numbers. Of a file that is mapped into
                memory, only those parts are then read that are used.

        Returns:
            The missing names and the unexpected names.

        Raises:
            TypeError: if `state_dict` is not a mapping.
            RuntimeError: without any change, if a shape differs, a dtype is not real, a shared tensor has two different values,
                or, when `strict`, names are missing or unexpected. The message lists all of them.
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
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Find the values of this module itself, not of those below. A subclass that accepts other names overrides this.

        It may edit `state_dict`, which holds the values of this module and of those below, and add names and messages to the
        three lists. Values are copied later, when the whole state_dict is known to fit.
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
        """Replace the array of every parameter and buffer. The tensor objects stay: optimizers refer to them."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for tensor in [*self._parameters.values(), *self._buffers.values()]:
            if tensor is not None:
                tensor.data = fn(tensor.detach())
                if tensor.grad is not None:
                    tensor.grad = fn(tensor.grad)
        return self

    def to(
        self, *targets: Any, device: str | None = None, dtype: Any = None, non_blocking: bool = False
    ) -> Self:
        """Move all parameters and buffers to a device, and convert the floating-point ones to a dtype.

        Args:
            targets: a device, a dtype, both, or a tensor that has them.
            device: "cpu", "cuda" or "cuda:N".
            dtype: a floating-point dtype.
            non_blocking: accepted as in PyTorch; no effect.

        Returns:
            This module, changed.

        Raises:
            TypeError: if the dtype is not floating-point.
        """
        for target in targets:
            if isinstance(target, Tensor):
                device, dtype = target.device, target.dtype
            elif isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
                device = target
            elif not (target is None or isinstance(target, bool)):
                dtype = target
        if dtype is not None and numpy.dtype(dtype).kind not in FLOATS:
            raise TypeError(
                f"{type(self).__name__}.to: expected a floating-point dtype, got {numpy.dtype(dtype)}"
            )

        def change(t: Tensor) -> Tensor:
            convert = dtype is not None and t.is_floating_point()
            array = t.array.astype(dtype, copy=False) if convert else t.array
            return Tensor(array if device is None else to_device(array, device))

        self._apply(change)
        return self

    def double(self) -> Self:
        """Convert all floating-point parameters and buffers to float64.

        Returns:
            This module, changed.
        """
        return self.to(float64)

    def float(self) -> Self:
        """Convert all floating-point parameters and buffers to float32.

        Returns:
            This module, changed.
        """
        return self.to(float32)

    def half(self) -> Self:
        """Convert all floating-point parameters and buffers to float16.

        Returns:
            This module, changed.
        """
        return self.to(float16)

    def bfloat16(self) -> Self:
        """Convert all floating-point parameters and buffers to bfloat16.

        Returns:
            This module, changed.

        Raises:
            ImportError: ml_dtypes is not installed.
        """
        return self.to(bfloat16())

    def cuda(self, device: int | str | None = None) -> Self:
        """Move all parameters and buffers to a GPU.

        Args:
            device: its number, "cuda" or "cuda:N"; None means the current one.

        Returns:
            This module, changed.
        """
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU.

        Returns:
            This module, changed.
        """
        return self.to("cpu")

    def train(self, mode: bool = True) -> Self:
        """Set this module and all below to training mode, in which dropout is active, or to evaluation mode.

        Args:
            mode: True for training mode, False for evaluation mode.

        Returns:
            This module.

        Raises:
            ValueError: if `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"train: expected True or False, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set this module and all below to evaluation mode: the same input then gives the same output.

        Returns:
            This module.
        """
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Delete the gradients of all parameters, or fill them with zeros.

        Args:
            set_to_none: set each `grad` to None; if False, keep the tensors and fill them with zeros.
        """
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.zero_()

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether `backward` computes gradients for the parameters; without them, the parameters are frozen.

        Args:
            requires_grad: False freezes all parameters.

        Returns:
            This module.
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call a function on every module below, then on this one.

        Args:
            fn: called with each module.

        Returns:
            This module.
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def num_parameters(self) -> int:
        """The number of elements of all parameters; shared ones count once.

        Returns:
            The number.
        """
        return sum(p.array.size for p in self.parameters())

    def extra_repr(self) -> str:
        """The settings that `repr` shows in the brackets after the class name; a subclass overrides it.

        Returns:
            Text, such as "p=0.5"; empty here.
        """
        return ""

    def _get_name(self) -> str:
        """The name of the module's class."""
        return type(self).__name__

    def __repr__(self) -> str:
        return tree(self._get_name(), self.extra_repr(), parts_of(self))


def _named(
    module: Module, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
) -> Iterator[tuple[str, Any]]:
    """The tensors in one of the dicts of a module and of those below, with their dotted names."""
    seen: set[int] = set()
    below = module.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
    for path, owner in below if recurse else [(prefix, module)]:
        for name, tensor in owner.__dict__[kind].items():
            if tensor is not None and not (remove_duplicate and id(tensor) in seen):
                seen.add(id(tensor))
                yield f"{path}.{name}" if path else name, tensor


def _part(module: Any, target: str, kind: type) -> Any:
    """What the dotted name leads to from a module. AttributeError if that is no `kind`."""
    found = module
    for name in filter(None, target.split(".")):
        found = getattr(found, name)
    if not isinstance(found, kind):
        what = f"{module._get_name()}.{target}: expected a {kind.__name__}"
        raise AttributeError(f"{what}, got a {type(found).__name__}")
    return found


def _own(module: Module) -> list[tuple[str, Tensor]]:
    """The parameters and persistent buffers of a module itself, with their names."""
    buffers = [item for item in module._buffers.items() if item[0] not in module._transient]
    return [(name, tensor) for name, tensor in [*module._parameters.items(), *buffers] if tensor is not None]


def _find(module: Module, state_dict: dict[str, Tensor], prefix: str, loading: Loading) -> None:
    """Call `_load_from_state_dict` of a module and of all below it."""
    lists = loading.missing, loading.unexpected, loading.errors
    module._load_from_state_dict(state_dict, prefix, {"loading": loading}, True, *lists)
    for name, child in module._modules.items():
        if child is not None:
            path = f"{prefix}{name}."
            below = {key: value for key, value in state_dict.items() if key.startswith(path)}
            _find(child, below, path, loading)


def to_torch(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """Convert a state_dict for the PyTorch module of the same names.

    Args:
        state_dict: what `Module.state_dict` returned.

    Returns:
        PyTorch tensors under the same names, on the CPU.

    Raises:
        ImportError: if PyTorch is not installed.
    """
    import torch

    def converted(array: Any) -> Any:
        if array.dtype.kind == "V":  # bfloat16: PyTorch reads its bits
            return torch.tensor(array.view("i2")).view(torch.bfloat16)
        return torch.tensor(array)

    return {name: converted(host_array(value)) for name, value in state_dict.items()}
