"""Gradients with respect to tensors that the caller names, without a change of any `.grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.autograd.engine import ONCE, Filed, Law, Op, Tensor, key, propagate, seeds_of, tape
from minitransformer.errors import telling_of_memory


@telling_of_memory("backward")
def cotangents(
    roots: Sequence[Tensor], seeds: Filed, keys: Sequence[Any], release: bool = False, law: Law = Op.gradients
) -> Filed:
    """The cotangents of the tensors with these keys, by key, without those that the roots do not depend on."""
    ops = tape(*roots)
    live = set(keys)
    for op in reversed(ops):
        if any(isinstance(t, Tensor) and key(t) in live for t in op.inputs or ()):
            live.update((op, i) for i in range(op.outputs))
    return propagate(ops, seeds, law, lambda t: key(t) in live, set(keys), release)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
) -> tuple[Tensor, ...]:
    """d(outputs)/d(input) for each of `inputs`, weighted by `grad_outputs`. It changes no `.grad`.

    Args:
        outputs: the tensor to differentiate, or several, whose gradients are added.
        inputs: tensors that they were computed from, leaves or results of ops.
        grad_outputs: the cotangent of each output, of its shape; None is a one, for a tensor of a single element.
        retain_graph: whether the tape is kept for another walk.
        create_graph: only False: a gradient has no gradient here.
        only_inputs: accepted as in PyTorch; no effect.
        allow_unused: None in place of the gradient of an input on which no output depends, which is an error otherwise.

    Returns:
        One gradient for each input, of its shape.

    Raises:
        RuntimeError: as `Tensor.backward`; or no output depends on one of `inputs`.
        NotImplementedError: for `create_graph`.
    """
    if create_graph:
        raise NotImplementedError(f"grad: {ONCE}")
    roots, wanted = ([given] if isinstance(given, Tensor) else list(given) for given in (outputs, inputs))
    weights = grad_outputs if isinstance(grad_outputs, Sequence) else [grad_outputs] * len(roots)
    keys = [key(t) for t in wanted]
    found = cotangents(roots, seeds_of(roots, weights), keys, release=not retain_graph)
    if not allow_unused and (missing := [i for i, k in enumerate(keys) if k not in found]):
        raise RuntimeError(
            f"grad: the output does not depend on inputs {missing}; pass allow_unused=True for None there"
        )
    return tuple(Tensor(found[k]) if k in found else None for k in keys)  # type: ignore[misc]  # None if unused
