"""Hooks of modules: functions that a program registers, and that are called around a module's forward and backward.

| registered by                     | called with                                | may return                    |
|-----------------------------------|--------------------------------------------|-------------------------------|
| `register_forward_pre_hook`       | module, arguments                          | other arguments               |
| `register_forward_hook`           | module, arguments, output                  | another output                |
| `register_full_backward_pre_hook` | module, gradients of the outputs           | other gradients               |
| `register_full_backward_hook`     | module, gradients of the inputs and outputs | other gradients of the inputs |

Backward hooks see inputs and outputs that are tensors themselves, or members of a tuple; not those in lists or given by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.autograd import Tensor, moment
from minitransformer.ops.tensors.hooks import RemovableHandle, fitting, hook_at, passed
from minitransformer.settings import is_grad_enabled

Hooks = dict[
    Any, tuple[Callable[..., Any], bool]
]  # by the moment of registration: the hook, and whether with keyword arguments
Gradients = tuple[Tensor | None, ...]


class Hooked:
    """The hooks of a module, and how it is called with them. `Module` inherits it."""

    _forward_pre_hooks: Hooks = {}
    _forward_hooks: Hooks = {}
    _backward_pre_hooks: Hooks = {}
    _backward_hooks: Hooks = {}

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call a function before each forward.

        Args:
            hook: `hook(module, args)`; it may return other arguments, a tuple or a single one.
            prepend: whether it comes before the hooks registered so far.
            with_kwargs: whether it is `hook(module, args, kwargs)`, and may return both in a tuple.

        Returns:
            A handle, whose `remove` takes the hook away.
        """
        return self._add_hook("_forward_pre_hooks", hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call a function after each forward.

        Args:
            hook: `hook(module, args, output)`; it may return another output.
            prepend: whether it comes before the hooks registered so far.
            with_kwargs: whether it is `hook(module, args, kwargs, output)`.
            always_call: only False: after an error no hook is called.

        Returns:
            A handle, whose `remove` takes the hook away.

        Raises:
            NotImplementedError: for `always_call`.
        """
        if always_call:
            raise NotImplementedError(
                "register_forward_hook: always_call=True is not supported; use try and finally"
            )
        return self._add_hook("_forward_hooks", hook, prepend, with_kwargs)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function when the gradients of the module's outputs are known.

        Args:
            hook: `hook(module, grad_output)`; it may return other gradients, one for each output.
            prepend: whether it comes before the hooks registered so far.

        Returns:
            A handle, whose `remove` takes the hook away.
        """
        return self._add_hook("_backward_pre_hooks", hook, prepend, False)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call a function when the gradients of the module's inputs are known.

        Args:
            hook: `hook(module, grad_input, grad_output)`, tuples with None for what has no gradient; it may return other
                gradients of the inputs.
            prepend: whether it comes before the hooks registered so far.

        Returns:
            A handle, whose `remove` takes the hook away.
        """
        return self._add_hook("_backward_hooks", hook, prepend, False)

    def _add_hook(
        self, table: str, hook: Callable[..., Any], prepend: bool, with_kwargs: bool
    ) -> RemovableHandle:
        key = moment()
        new = {key: (hook, with_kwargs)}
        before = getattr(self, table)
        object.__setattr__(self, table, {**new, **before} if prepend else {**before, **new})
        return RemovableHandle(self, table, key)

    def _has_hooks(self) -> bool:
        return bool(
            self._forward_pre_hooks or self._forward_hooks or self._backward_pre_hooks or self._backward_hooks
        )


def hooked_call(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], forward: Callable[..., Any]
) -> Any:
    """Call a module's forward with the hooks around it.

    Args:
        module: the module.
        args: its arguments.
        kwargs: its arguments by name.
        forward: called with the arguments.

    Returns:
        The output.
    """
    for hook, with_kwargs in [*module._forward_pre_hooks.values()]:
        result = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if result is not None and with_kwargs:
            args, kwargs = result
        elif result is not None:
            args = result if isinstance(result, tuple) else (result,)
    around = (
        Backward(module)
        if (module._backward_hooks or module._backward_pre_hooks) and is_grad_enabled()
        else None
    )
    args = around.inputs(args) if around else args
    output = forward(*args, **kwargs)
    for hook, with_kwargs in [*module._forward_hooks.values()]:
        result = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        output = output if result is None else result
    return around.outputs(output) if around else output


class Backward:
    """The backward hooks of one call: copies of its inputs and outputs stand on the tape, where their gradients pass.

    Args:
        module: the module.
    """

    def __init__(self, module: Any):
        self.module = module
        self.before = [hook for hook, _ in module._backward_pre_hooks.values()]
        self.after = [hook for hook, _ in module._backward_hooks.values()]
        self.grad_output: Gradients = ()
        self.count = 0
        self.places: tuple[int, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let the gradients of the inputs pass here.

        Args:
            args: the arguments of the call.

        Returns:
            The same, with copies of the tensors that require a gradient.
        """
        self.count = len(args)
        args, self.places = _copied(args, self._at_inputs)
        return args

    def outputs(self, output: Any) -> Any:
        """Let the gradients of the outputs pass here.

        Args:
            output: what the call returned.

        Returns:
            The same, with copies of the tensors that require a gradient.
        """
        several = type(output) is tuple
        outs = output if several else (output,)
        size = len(outs)
        outs, places = _copied(outs, lambda parts: self._at_outputs(parts, places, size))
        return outs if several else outs[0]

    def _at_outputs(self, parts: list[Any], places: Sequence[int], size: int) -> None:
        gradients = _spread(parts, places, size)
        for hook in self.before:
            gradients = _replaced(gradients, hook(self.module, gradients))
        self.grad_output = gradients
        parts[:] = [_array(gradients[i]) for i in places]
        if not self.places:  # no input has a gradient to wait for
            for hook in self.after:
                hook(self.module, (None,) * self.count, gradients)

    def _at_inputs(self, parts: list[Any]) -> None:
        gradients = _spread(parts, self.places, self.count)
        for hook in self.after:
            gradients = _replaced(gradients, hook(self.module, gradients, self.grad_output))
        parts[:] = [_array(gradients[i]) for i in self.places]


def _copied(
    values: tuple[Any, ...], hook: Callable[[list[Any]], None]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The values with copies of the tensors that require a gradient, hooked together, and the places of these."""
    places = tuple(i for i, t in enumerate(values) if isinstance(t, Tensor) and t.requires_grad)
    if not places:
        return values, places
    copies = passed(*(values[i] for i in places))
    hook_at(copies[0].op, hook)  # type: ignore[arg-type]  # the op that made all of them
    named = dict(zip(places, copies, strict=True))
    return tuple(named.get(i, value) for i, value in enumerate(values)), places


def _spread(parts: list[Any], places: Sequence[int], size: int) -> Gradients:
    """Arrays at some places as tensors in a tuple of a size, with None elsewhere."""
    found = dict(zip(places, parts, strict=True))
    return tuple(None if found.get(i) is None else Tensor(found[i].copy()) for i in range(size))


def _array(gradient: Tensor | None) -> Any:
    return None if gradient is None else gradient.array


def _replaced(gradients: Gradients, result: Any) -> Gradients:
    """The gradients that a hook returned, or else those before. RuntimeError if they do not fit."""
    if result is None:
        return gradients
    new = result if isinstance(result, tuple) else (result,)
    if len(new) != len(gradients):
        raise RuntimeError(f"a backward hook returned {len(new)} gradients; expected {len(gradients)}")
    for before, after in zip(gradients, new, strict=True):
        if before is not None and after is not None:
            fitting(before, after)
    return new
