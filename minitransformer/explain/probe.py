"""A hand inside the model: the vectors of the tokens changed on their way in, and the slope of a logit there.

Integrated gradients walks them from nothing to what they are, SmoothGrad shakes them, occlusion sets them to zero. All need
the model to read other vectors than those of its table, with the ids, and so the padding, left as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy

from minitransformer.autograd import Tensor, enable_grad, grad
from minitransformer.backends import Array
from minitransformer.devices import to_host
from minitransformer.explain.outputs import Target, target_logit
from minitransformer.explain.targets import as_batch, explained, forward
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.hooks import edit_embeddings

Change = Callable[[Embedding, Tensor], Tensor]


@contextlib.contextmanager
def changed_embeddings(ids: numpy.ndarray, change: Change) -> Iterator[None]:
    """Inside this block a model that looks up `ids` (B, T) reads `change(embedding, vectors)`, (B, T, C) -> (B, T, C).

    Lookups of other ids, such as positions, stay as they are. Models that take (T, B) look up the transposed ids; `change`
    sees them as (B, T, C) too. Raises ValueError at the end if no `nn.Embedding` looked these ids up.
    """
    found = []

    def edit(embedding: Embedding, input: Tensor, vectors: Tensor) -> Tensor:
        got = to_host(input.array)
        if numpy.array_equal(got, ids):
            found.append(embedding)
            return change(embedding, vectors)
        if numpy.array_equal(got, ids.T):
            found.append(embedding)
            return change(embedding, vectors.transpose(0, 1)).transpose(0, 1)
        return vectors

    with edit_embeddings(edit):
        yield
    if not found:
        raise ValueError(
            "expected a model that looks these ids up in an nn.Embedding: only there can their vectors be changed"
        )


class Probe:
    """One logit of each sequence, asked again and again with other token vectors.

    Arguments as `explain.lrp`'s. `batch` (B, T) are the ids, `targets` what is explained of each, `output` the sum.
    """

    def __init__(self, model, ids, target: Target, position, batch_first: bool):
        self.model, self.batch, self.position, self.batch_first = model, as_batch(ids), position, batch_first
        with enable_grad(), explained(model):
            logit, self.targets = self._logit(target)
        self.output = logit.item()

    def _logit(self, target: Target) -> tuple[Tensor, list]:
        logits, _ = forward(self.model, self.batch, self.batch_first)
        return target_logit(logits, target, self.position, self.batch_first)

    def slopes(
        self, change: Callable[[Embedding, Array], Array]
    ) -> tuple[float, list[tuple[Embedding, Array, Array]]]:
        """The output where each lookup x (B, T, C) reads as `change(embedding, x)`, and (embedding, x, slope there) of each."""
        looked_up, leaves = [], []

        def leaf(embedding: Embedding, vectors: Tensor) -> Tensor:
            looked_up.append((embedding, vectors.array))
            leaves.append(Tensor(change(embedding, vectors.array), requires_grad=True))
            return leaves[-1]

        with enable_grad(), explained(self.model), changed_embeddings(self.batch, leaf):
            logit, _ = self._logit(self.targets)
            slopes = grad(logit, leaves)
        return logit.item(), [
            (embedding, x, slope.array) for (embedding, x), slope in zip(looked_up, slopes, strict=True)
        ]
