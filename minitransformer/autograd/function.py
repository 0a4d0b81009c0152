"""`Function`: an operation of one's own, by its forward and its backward, as PyTorch has it.

An op of this package is an `Op`, whose laws are functions of arrays. A `Function` is written with tensors. Its application on the
tape is an `Op` as well, of a class of its own, which takes the function's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from minitransformer import brain_float
from minitransformer.autograd.engine import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.settings import grad_enabled, no_grad

F = TypeVar("F", bound=Callable[..., Any])


class FunctionCtx:
    """`ctx`: what the forward of a `Function` leaves for its backward. Other attributes may be set freely.

    Args:
        needs_input_grad: for each argument whether its gradient is needed.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self.saved: list[tuple[Tensor | None, int]] | None = []  # with the moment of the last edit
        self.constant: set[int] = set()
        self.materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for backward, which notices if they are edited in place before.

        Args:
            *tensors: tensors, or None.
        """
        self.saved = [(t, 0 if t is None else t.watched()[0]) for t in tensors]

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was kept; RuntimeError if it was edited in place since, or released by an earlier backward."""
        if self.saved is None:
            raise RuntimeError(
                "saved_tensors: released by an earlier backward; pass retain_graph=True to that one"
            )
        if any(t is not None and t.watched()[0] > then for t, then in self.saved):
            raise RuntimeError("saved_tensors: one was edited in place since; edit a .clone() instead")
        return tuple(t for t, _ in self.saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Outputs that get no gradient.

        Args:
            *outputs: tensors that forward returns.
        """
        self.constant = set(map(id, outputs))

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros for an output that got no gradient; if not, None.

        Args:
            value: True at first.
        """
        self.materialize = value

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Refused.

        Args:
            *inputs: tensors that forward edited in place.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "mark_dirty: forward must not edit its inputs in place; return a new tensor"
        )


class Applied(Op):
    """One application of a `Function`. Its laws are the function's, and get `ctx` in place of arrays.

    Args:
        ctx: what forward left.
        results: what forward returned.
    """

    function: ClassVar[type[Function]]
    reads = "shapes"

    def __init__(self, ctx: FunctionCtx, results: tuple[Any, ...]):
        self.ctx, self.outputs = ctx, len(results)
        self.like = [
            (namespace(o.array), o.shape, o.dtype) if isinstance(o, Tensor) else None for o in results
        ]

    def vjp(self, g: Array | Arrays, *read: Any) -> Arrays:
        parts = list(g) if isinstance(g, tuple) else [g]
        if self.ctx.materialize:
            parts = [self._zeros(i) if part is None else part for i, part in enumerate(parts)]
        return self.told("backward", self.function.backward, parts)

    def _zeros(self, i: int) -> Array:
        if (like := self.like[i]) is None:
            return None
        xp, shape, dtype = like
        return xp.zeros(shape, dtype)

    def told(self, name: str, law: Callable[..., Any], parts: list[Array | None]) -> Arrays:
        """What a law of the function gives for each argument, as arrays.

        Args:
            name: of the law, for errors.
            law: called with `ctx` and a tensor, or None, for each output.
            parts: the arrays of these tensors.

        Returns:
            An array for each argument, or None.

        Raises:
            RuntimeError: there is not one for each argument, or one has another shape than the argument.
        """
        with no_grad():
            found = law(self.ctx, *[None if part is None else Tensor(part) for part in parts])
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(self.inputs):
            raise RuntimeError(
                f"{self}.{name}: expected {len(self.inputs)} results, one for each argument, got {len(found)}"
            )
        return tuple(
            self._fitting(f"{self}.{name}, result {i}", *pair)
            for i, pair in enumerate(zip(found, self.inputs, strict=True))
        )

    def _fitting(self, what: str, part: Tensor | None, t: Tensor | None) -> Array | None:
        if part is None or t is None:
            return None
        if part.shape != t.shape:
            raise RuntimeError(f"{what}: expected the argument's shape {t.shape}, got {part.shape}")
        return part.array.astype(t.dtype, copy=False)

    def release(self) -> None:
        self.inputs = self.ctx.saved = None  # type: ignore[assignment]  # `arrays` raises from now on


def _relevance(name: str) -> Callable[..., Arrays]:
    """The law of `Applied` that is the function's law of that name."""

    def law(self: Applied, r: Array | Arrays, books: Any, *arrays: Array) -> Arrays:
        return self.told(name, getattr(self.function, name), list(r) if isinstance(r, tuple) else [r])

    return law


class Function:
    """An operation of one's own. A subclass gives static methods; `Function.apply(*args)` is the operation.

    | static method | gives |
    |---|---|
    | `forward(ctx, *args)` | the result, a tensor or a tuple of them; no tape is recorded inside |
    | `setup_context(ctx, inputs, output)` | nothing; where it is defined, forward is `forward(*args)`, and this fills `ctx` |
    | `backward(ctx, *gradients)` | the gradient of each argument, from those of the results; None for what has none |
    | `relprop(ctx, *relevance)` | the same for relevance in explicit form; without it, LRP cannot pass |
    | `modified(ctx, *cotangents)` | the same for the gradient form |
    """

    _applied: ClassVar[type[Applied]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        laws = {name: _relevance(name) for name in ("relprop", "modified") if hasattr(cls, name)}
        cls._applied = type(cls.__name__, (Applied,), {"function": cls, "__module__": cls.__module__, **laws})

    @staticmethod
    def forward(*args: Any) -> Any:
        """The result; a subclass defines it.

        Args:
            *args: `ctx` and the arguments, or with `setup_context` the arguments.

        Returns:
            A tensor, or a tuple of results.
        """
        raise NotImplementedError("Function: no forward")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Any) -> None:
        """Fill `ctx` after a forward that does not get it.

        Args:
            ctx: the context.
            inputs: the arguments.
            output: what forward returned.
        """

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each argument; a subclass defines it.

        Args:
            ctx: what forward left.
            *grad_outputs: the gradient of each result.

        Returns:
            A tensor or None for each argument of `apply`.
        """
        raise NotImplementedError("Function: no backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Apply the operation, and record it on the tape if an argument requires a gradient.

        Args:
            *args: the arguments of forward; gradients reach those that are tensors themselves.

        Returns:
            What forward returns.
        """
        tensors = [a if isinstance(a, Tensor) else None for a in args]
        for t in tensors:
            if t is not None and t.shows:
                t.refresh()
        ctx = FunctionCtx(tuple(t is not None and t.requires_grad for t in tensors))
        with no_grad():
            result = cls._forward(ctx, args)
        if not (any(ctx.needs_input_grad) and grad_enabled.get()):
            return result
        outs = result if isinstance(result, tuple) else (result,)
        made = cls._recorded(ctx, tensors, outs)
        return made if isinstance(result, tuple) else made[0]

    @classmethod
    def _forward(cls, ctx: FunctionCtx, args: tuple[Any, ...]) -> Any:
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args)
        result = cls.forward(*args)
        cls.setup_context(ctx, args, result)
        return result

    @classmethod
    def _recorded(
        cls, ctx: FunctionCtx, inputs: list[Tensor | None], outs: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """The results on the tape: new tensors on their memory, so that `ctx` may keep the old ones without a circle."""
        op = cls._applied(ctx, outs)
        op._record(inputs, ())
        made = [o.detach() if isinstance(o, Tensor) else o for o in outs]
        for i, (o, old) in enumerate(zip(made, outs, strict=True)):
            if isinstance(o, Tensor) and o.dtype.kind in brain_float.FLOATS and id(old) not in ctx.constant:
                o.op, o.index, o.requires_grad = op, i, True
        return tuple(made)


def once_differentiable(backward: F) -> F:
    """Marks a backward whose result has no gradient, which here is every one.

    Args:
        backward: the static method.

    Returns:
        The same.
    """
    return backward
