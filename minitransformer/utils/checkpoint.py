"""Gradient checkpointing: of a part of a model only the inputs are kept, and backward computes the part a second time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from typing import Any

from minitransformer.autograd import Op, Tensor, key, propagate, tape
from minitransformer.backends import Array, Arrays
from minitransformer.defaults import backend, default_device
from minitransformer.nn.hooks import attention_weights, forward_call
from minitransformer.nn.modes import as_it_was, modes
from minitransformer.nn.module import Module
from minitransformer.ops.tensors.convert import cast
from minitransformer.randomness import generator
from minitransformer.settings import after_walk, enable_grad, is_grad_enabled, watchers


class Checkpoint(Op):
    """A function as one op. Its inputs are the function's tensor arguments, and the leaves, such as parameters, on its tape.

    Args:
        call: the call of the function, which can be repeated.
        made: the tensors that the function has returned.
        leaves: the leaves on its tape.
    """

    def __init__(self, call: Call, made: Sequence[Tensor], leaves: Sequence[Tensor]):
        self.call = call
        self.made: Any = tuple(t.array for t in made)
        self.outputs = len(made)
        self.leaves = leaves
        self.kinds = [(t.shape, t.dtype) for t in made]

    def forward(self, *arrays: Array) -> Array:
        """What the function has returned already.

        Args:
            *arrays: the inputs; they are not used.

        Returns:
            Its output, or a tuple of them.
        """
        return self.made if self.outputs > 1 else self.made[0]

    def vjp(self, gs: Arrays, *arrays: Array) -> Arrays:
        """Call the function again, and propagate the cotangents through its tape.

        Args:
            gs: the cotangents of its outputs; a single one if it has a single output.
            *arrays: the inputs; they are not used.

        Returns:
            The cotangents of the inputs, None for those that get none.
        """
        self.made = None
        given = _cut_off(self.call.arguments)
        outs = self._again(given)
        found: dict[Any, Array] = {}
        for out, g in zip(outs, gs if self.outputs > 1 else (gs,), strict=True):
            if g is not None and out.requires_grad:
                cotangents = propagate(tape(out), {key(out): g}, Op.gradients, lambda t: t.requires_grad)
                for k, part in cotangents.items():
                    found[k] = found[k] + part if k in found else part
        return tuple(found.get(key(t)) for t in (*(t for t in given if isinstance(t, Tensor)), *self.leaves))

    def clear(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Call the function again on these inputs, with a tape of its own ops, for relevance to be propagated through.

        Args:
            *inputs: the function's tensor arguments, then the leaves, which are ignored: the function reads its own.

        Returns:
            What the function returns.
        """
        left = iter(inputs)
        given = [cast(next(left), a.dtype) if isinstance(a, Tensor) else a for a in self.call.arguments]
        outs = self._again(given)
        return outs if self.outputs > 1 else outs[0]

    def _again(self, given: Sequence[Any]) -> tuple[Tensor, ...]:
        outs = self.call.again(given)
        if (kinds := [(out.shape, out.dtype) for out in outs]) != self.kinds:
            raise RuntimeError(
                f"checkpoint: called again, the function gave {kinds} in place of {self.kinds}"
            )
        return outs


class Call:
    """A call that can be repeated: with the same random numbers, autocast setting, backend, and training mode of its modules.

    Args:
        function: the function.
        arguments: its arguments; those that are not tensors are used again.
    """

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any]):
        self.function, self.arguments = function, arguments
        self.random = generator().bit_generator.state
        self.context = copy_context()
        self.backend = "numpy" if default_device().type == "cpu" else "cupy"
        self.modes = modes(function) if isinstance(function, Module) else []
        for hook in (forward_call, attention_weights):  # the first call has called them, the second must not
            self.context.run(hook.set, None)

    def again(self, given: Sequence[Any]) -> tuple[Tensor, ...]:
        """Call the function again.

        Args:
            given: its arguments, with new tensors.

        Returns:
            The tensors that it returns.
        """
        # a call made again is a part of the walk that needs it
        self.context.run(watchers.set, watchers.get())
        self.context.run(after_walk.set, after_walk.get())
        with _random_numbers_from(self.random), backend(self.backend), as_it_was(self.modes):
            return self.context.run(_run, self.function, given)


def _cut_off(arguments: Sequence[Any]) -> list[Any]:
    """The arguments without their history."""
    return [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in arguments]


def _run(function: Callable[..., Any], given: Sequence[Any]) -> tuple[Tensor, ...]:
    """The tensors that the function returns for its arguments, recorded on a tape."""
    with enable_grad():
        outs = function(*given)
    return outs if isinstance(outs, tuple) else (outs,)


@contextlib.contextmanager
def _random_numbers_from(state: Mapping[str, Any]) -> Iterator[None]:
    """Inside this block, random numbers continue from `state`; afterwards the generator is in the state that it had before."""
    bits = generator().bit_generator
    before, bits.state = bits.state, state
    try:
        yield
    finally:
        bits.state = before


def _leaves(outs: Sequence[Tensor], given: Sequence[Any]) -> list[Tensor]:
    """The leaves of the tapes that require a gradient, without the arguments themselves."""
    tensors = [t for out in outs for op in tape(out) for t in op.inputs if isinstance(t, Tensor)]
    known = {id(t) for t in given}
    return list({id(t): t for t in tensors if t.requires_grad and t.is_leaf and id(t) not in known}.values())


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool = False) -> Any:
    """Call a function, and keep only its arguments for backward, which calls it a second time.

    This takes less memory and the time of about one more forward pass. The gradients are the same: the second call has the
    random numbers (so the same dropout), the autocast setting, the backend and the training mode of the first one.

    Args:
        function: returns a tensor or a tuple of tensors, and the same ones when it is called again. A RuntimeError in
            backward says if their shapes or dtypes differ.
        *args: tensors, or anything else, for the function.
        use_reentrant: has no effect; it is accepted because PyTorch has it.

    Returns:
        What the function returns.

    Source:
        Chen et al., arXiv 1604.06174, 2016.
    """
    if not is_grad_enabled():
        return function(*args)
    call = Call(function, args)
    given = _cut_off(args)
    outs = _run(function, given)
    if any(out.requires_grad for out in outs):
        tensors = [a for a in args if isinstance(a, Tensor)]
        leaves = _leaves(outs, given)
        return Checkpoint(call, outs, leaves)(*tensors, *leaves)
    return outs if len(outs) > 1 else outs[0]


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """Where the random numbers of GPUs are, for programs that repeat a forward pass themselves.

    Args:
        *args: what the function is called with.

    Returns:
        Two empty lists: one generator serves all devices here, and `get_rng_state` has its state.
    """
    return [], []


def set_device_states(devices: Sequence[int], states: Sequence[Tensor]) -> None:
    """Set the random numbers of GPUs to where they were. Nothing is left to do, since `set_rng_state` does it for all devices.

    Args:
        devices: from `get_device_states`.
        states: from `get_device_states`.
    """
