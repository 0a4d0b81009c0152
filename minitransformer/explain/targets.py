"""What is asked of a model: its logits for some ids, what of them is explained, and the tokens that is traced back to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy

from minitransformer.autograd import Op, Tensor, enable_grad, tape
from minitransformer.backends import Array, namespace
from minitransformer.explain.layers import Layers
from minitransformer.explain.outputs import Target, target_weights
from minitransformer.nn.modes import in_use
from minitransformer.nn.module import Module
from minitransformer.ops.creation import tensor
from minitransformer.ops.index import Embedding


def as_batch(ids) -> numpy.ndarray:
    """Host ids (B, T) from (T,) or (B, T). Raises ValueError for anything else, and for no token at all."""
    ids = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or not ids.size:
        raise ValueError(
            f"ids: expected integers (T,) or (B, T), at least one token, got {ids.dtype} {ids.shape}"
        )
    return ids.reshape(-1, ids.shape[-1])


@contextlib.contextmanager
def explained(model: Module, modules: Iterable[Module] | None = None) -> Iterator[None]:
    """A model in use, not in training, with gradients recorded from its embeddings even if they are frozen.

    `modules` are those of the model, if they are listed.
    """
    modules = list(modules or model.modules())
    frozen = [p for m in modules for p in m._parameters.values() if p is not None and not p.requires_grad]
    with in_use(model, modules), contextlib.ExitStack() as undone:
        for p in frozen:
            undone.callback(p.requires_grad_, False)
            p.requires_grad_()
        yield


def forward(model, batch: numpy.ndarray, batch_first: bool) -> tuple[Tensor, Tensor]:
    """The model's logits for host ids (B, T), and the ids as the model got them, on its device."""
    device = next((p.device for p in model.parameters()), "cpu")
    ids = tensor(batch if batch_first else batch.T, device=device)
    logits = model(ids)
    if logits.ndim not in (2, 3) or not logits.requires_grad:
        raise ValueError(
            f"expected recorded logits (B, V), (B, T, V) or (T, B, V) from the model, got shape {logits.shape}"
        )
    return logits, ids


def token_vectors(root: Tensor, ops: list[Op], ids: Tensor) -> list[Tensor]:
    """The vectors looked up for the explained ids, among `root` and what the ops of its tape read."""
    read = (t for op in ops for t in op.inputs if isinstance(t, Tensor))
    looked_up = {t.op: t for t in (root, *read) if isinstance(t.op, Embedding)}
    found = [t for op, t in looked_up.items() if _same_ids(op.inputs[1].array, ids.array)]
    if not found:
        raise ValueError(
            "the model's output does not depend on an embedding lookup of these ids; use explain.relevance"
        )
    return found


def _same_ids(looked_up: Array, ids: Array) -> bool:
    return looked_up.shape == ids.shape and bool((looked_up == ids).all())


@dataclass(frozen=True)
class Answer:
    """A model's logits on the tape, and what of them is explained.

    The logits times `weights`, and a `constant` that no logit explains, add up to the explained `output`; `ops` are their
    tape, `vectors` the tokens' vectors on it.
    """

    batch: numpy.ndarray  # ids (B, T)
    logits: Tensor
    weights: Array
    constant: float
    targets: list
    ops: list[Op]
    vectors: list[Tensor]
    layers: Layers

    @property
    def relevance(self) -> Array:
        """What a walk of relevance begins with: the explained logits, zero for all others. Shape of the logits."""
        asked = namespace(self.weights).where(self.weights == 0, 0, self.logits.array)  # logits may be -inf
        return self.weights * asked

    @cached_property
    def output(self) -> float:
        return float(self.relevance.sum()) + self.constant


def answer(model, ids, target: Target, position, batch_first: bool) -> Answer:
    """Run the model on ids (T,) or (B, T), in use rather than in training, and see what is asked."""
    batch = as_batch(ids)
    with enable_grad(), Layers(model) as layers, explained(model, layers.modules.values()):
        logits, model_ids = forward(model, batch, batch_first)
    weights, constant, targets = target_weights(logits, target, position, batch_first)
    ops = tape(logits)
    return Answer(
        batch, logits, weights, constant, targets, ops, token_vectors(logits, ops, model_ids), layers
    )
