"""Modules: parameters, buffers and submodules under dotted names, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float32, float64
from minitransformer.devices import to_device
from minitransformer.ops.python import host_array

KINDS = ("_parameters", "_buffers", "_modules")  # what a module files under its own names
listener: ContextVar[Callable | None] = ContextVar("listener", default=None)  # called in place of each `forward`, to hear of it


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and counts as the module's when assigned to it."""

    def __init__(self, data, requires_grad: bool = True):
        super().__init__(data.array if isinstance(data, Tensor) else data, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Module:
    """Something with parameters and a `forward`. Subclasses call `super().__init__()` before they assign either."""

    training: bool = True

    def __init__(self):
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
        """Where an assigned value belongs, if not with the plain attributes; a known name keeps its kind for None and tensors."""
        if name in self.__dict__ and not isinstance(value, (Tensor, Module)):
            return None
        if isinstance(value, Parameter):
            return "_parameters"
        if isinstance(value, Module):
            return "_modules"
        known = next((kind for kind in KINDS if name in self.__dict__[kind]), None)
        if known and not (value is None or isinstance(value, Tensor)):
            what = f"expected a tensor, a module or None for {name!r}, got {type(value).__name__}"
            raise TypeError(f"{type(self).__name__}: {what}; `del` it first to make it a plain attribute")
        return known

    def _keep(self, kind: str, name: str, value) -> None:
        """File a value, in its old place where the name was of this kind before."""
        self._forget(name, but=kind)
        self.__dict__[kind][name] = value

    def __getattr__(self, name: str):
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

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """The same as assigning it; None keeps the name for a parameter that is left out."""
        self._register("_parameters", name, parameter, Parameter)

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

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args, **kwargs):
        listen = listener.get()
        return self.forward(*args, **kwargs) if listen is None else listen(self, args, kwargs)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module under "", and all below it under their dotted names, each once."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module
                if below := module._modules:
                    path = f"{name}." if name else ""
                    stack.extend([(path + n, m) for n, m in reversed(below.items()) if m is not None])  # the first comes on top

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((name, module) for name, module in self._modules.items() if module is not None)

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def _named(self, *kinds: str) -> Iterator[tuple[str, Module, str, Tensor]]:
        """(dotted name, module, own name, tensor) of each tensor of these kinds, module by module."""
        for prefix, module in self.named_modules():
            for name, tensor in (item for kind in kinds for item in module.__dict__[kind].items()):
                if tensor is not None:
                    yield f"{prefix}.{name}" if prefix else name, module, name, tensor

    def _named_once(self, kind: str) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and tensors of a kind; one that is shared comes once, under its first name."""
        seen: set[int] = set()
        for name, _, _, tensor in self._named(kind):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters; one that is shared comes once, under its first name."""
        return self._named_once("_parameters")

    def parameters(self) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers; one that is shared comes once, under its first name."""
        return self._named_once("_buffers")

    def buffers(self) -> Iterator[Tensor]:
        return (b for _, b in self.named_buffers())

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and persistent buffer under its dotted name, sharing memory with the module."""
        return {
            dotted: tensor.detach()
            for dotted, module, name, tensor in self._named("_parameters", "_buffers")
            if name in module._parameters or name not in module._transient
        }

    def load_state_dict(self, state_dict: Mapping, strict: bool = True, assign: bool = False) -> tuple[list[str], list[str]]:
        """Copy values in by name: from our tensors, NumPy arrays or PyTorch's tensors (PyTorch is not imported).

        Returns the names (missing, unexpected). Raises RuntimeError, changing nothing, if a shape differs or, when
        `strict`, if names are missing or unexpected; the message lists all of them. `assign` takes the arrays themselves
        instead of copying them, with their dtype, so that a file mapped into memory is read only where it is used.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected names and tensors, as state_dict() gives, got {type(state_dict).__name__}")
        arrays = {name: host_array(value) for name, value in state_dict.items()}
        missing, unexpected = self._compare(arrays, strict)
        with no_grad():
            for name, _, _, own in self._named("_parameters", "_buffers"):
                if name in arrays and assign:
                    own.data = Tensor(to_device(arrays[name], own.device))
                elif name in arrays:
                    own.copy_(Tensor(arrays[name]))
        return missing, unexpected

    def _compare(self, arrays: Mapping[str, numpy.ndarray], strict: bool) -> tuple[list[str], list[str]]:
        """The names missing from `arrays`, and those unexpected; raises RuntimeError if they do not fit."""
        own = self.state_dict()
        missing = [name for name in own if name not in arrays]
        unexpected = [name for name in arrays if name not in own]
        shapes = [
            f"{name}: expected {own[name].shape}, got {arrays[name].shape}"
            for name in own
            if name in arrays and arrays[name].shape != own[name].shape
        ]
        strange = [f"{name}: {arrays[name].dtype}" for name in own if name in arrays and arrays[name].dtype.kind not in "biuf"]
        wrong = {"wrong shape": shapes, "no real numbers": strange}
        if strict:
            wrong = {"missing": missing, "unexpected": unexpected} | wrong
        if any(wrong.values()):
            lines = "".join(f"\n  {what}: {'; '.join(names)}" for what, names in wrong.items() if names)
            raise RuntimeError(f"state_dict does not fit {type(self).__name__}:{lines}")
        return missing, unexpected

    def _apply(self, change: Callable[[Tensor], Tensor]) -> Module:
        """Replace the array of every parameter and buffer; the tensor objects stay, so that optimizers keep theirs."""
        for _, _, _, tensor in self._named("_parameters", "_buffers"):
            tensor.data = change(tensor.detach())
            if tensor.grad is not None:
                tensor.grad = change(tensor.grad)
        return self

    def to(self, *targets) -> Module:
        """Move every parameter and buffer to a device, and the floating-point ones to a dtype."""
        devices = [t for t in targets if isinstance(t, str) and t.partition(":")[0] in ("cpu", "cuda")]
        dtypes = [numpy.dtype(t) for t in targets if t not in devices]

        def change(t: Tensor) -> Tensor:
            array = t.array.astype(dtypes[0], copy=False) if dtypes and t.is_floating_point() else t.array
            return Tensor(to_device(array, devices[0]) if devices else array)

        return self._apply(change)

    def double(self) -> Module:
        """All floating-point values as float64."""
        return self.to(float64)

    def float(self) -> Module:
        """All floating-point values as float32."""
        return self.to(float32)

    def cuda(self) -> Module:
        return self.to("cuda")

    def cpu(self) -> Module:
        return self.to("cpu")

    def train(self, mode: bool = True) -> Module:
        """Behave as in training: dropout drops."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Behave as in use: the same input gives the same output."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters():
            p.grad = None

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


def to_torch(state_dict: Mapping[str, Tensor]) -> dict:
    """A state_dict of PyTorch tensors, to load into the PyTorch module of the same names. Raises ImportError without it."""
    import torch

    return {name: torch.tensor(host_array(value)) for name, value in state_dict.items()}
