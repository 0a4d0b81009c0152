"""One run of anyone's model on anyone's inputs, ready to be explained: what certificates are made from.

Inputs of floating-point numbers are explained themselves; of integer ids the vectors that `nn.Embedding` looks up. In a run these
are leaves of the tape, and may be scaled, which is how a certificate asks for the same output a little further on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy

from minitransformer.autograd import Op, Tensor, key, tape
from minitransformer.backends import Array
from minitransformer.devices import to_host
from minitransformer.explain.question import Position, differentiable, listed, names, weigh, weighted
from minitransformer.explain.targets import Target
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.hooks import edit_embeddings
from minitransformer.nn.layer_record import Layers
from minitransformer.nn.module import Module
from minitransformer.ops.creation.from_data import tensor
from minitransformer.settings import enable_grad


class Source(NamedTuple):
    """Something explained.

    Attributes:
        name: the parameter of the model's `forward` that it comes from.
        leaf: its values on the tape.
    """

    name: str
    leaf: Tensor


class Run:
    """One run of a model, in eval mode, with its tape.

    Args:
        model: gives logits (B, V), (B, T, V), or (T, B, V) with `batch_first=False`.
        inputs: one input or a tuple of several: integer ids (T,), (B, T), or numbers of any shape.
        scales: by the number of a source, what it is multiplied by, of a shape that broadcasts; ones where it is missing.
        batch_first: whether the model reads (B, T) rather than (T, B).

    Attributes:
        sources: what is explained.
        logits: the logits, on the tape.
        layers: the module that ran each op.

    Raises:
        ValueError: no inputs, logits of another shape, or nothing of the inputs is on their tape.
    """

    def __init__(
        self,
        model: Module,
        inputs: Any,
        scales: Mapping[int, Array] | None = None,
        batch_first: bool = True,
    ):
        self.sources: list[Source] = []
        self._scales, self._ids = scales or {}, list[tuple[str, numpy.ndarray]]()
        self.layers = Layers(model)
        device = next((p.device for p in model.parameters()), None)
        every = listed(inputs)
        pairs = zip(names(model, len(every)), every, strict=True)
        given = [self._given(name, one, device, batch_first) for name, one in pairs]
        with self.layers, enable_grad(), differentiable(model), edit_embeddings(self._looked_up):
            self.logits = model(*given)
        self._check()

    def _given(self, name: str, one: Any, device: Any, batch_first: bool) -> Tensor:
        """An input as the model reads it: ids with a batch, numbers as a leaf."""
        array = to_host(one.array) if isinstance(one, Tensor) else numpy.asarray(one)
        if array.dtype.kind == "f":
            return self._leaf(name, tensor(array.astype(numpy.float64), device=device))
        ids = array.reshape(-1, array.shape[-1]) if array.ndim == 1 else array
        self._ids.append((name, ids))
        return tensor(ids if batch_first else ids.T, device=device)

    def _looked_up(self, embedding: Embedding, ids: Tensor, vectors: Tensor) -> Tensor:
        """The vectors of an input's ids as a leaf; others as they are."""
        got = to_host(ids.array)
        for name, known in self._ids:
            if numpy.array_equal(got, known) or numpy.array_equal(got, known.T):
                return self._leaf(name, vectors)
        return vectors

    def _leaf(self, name: str, values: Tensor) -> Tensor:
        array = values.array * self._scales.get(len(self.sources), 1.0)
        leaf = Tensor(array, requires_grad=True)
        self.sources.append(Source(name, leaf))
        return leaf.clone()  # which a model may edit in place

    def _check(self) -> None:
        logits = self.logits
        if not isinstance(logits, Tensor) or logits.ndim not in (2, 3):
            got = f"shape {logits.shape}" if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(f"expected logits (B, V) or (B, T, V) from the model, got {got}")
        if not self.sources:
            raise ValueError(
                "expected inputs that the model looks up in an nn.Embedding, or floating-point numbers: found neither"
            )

    @property
    def keys(self) -> list[Any]:
        """Under what the tape files each source."""
        return [key(source.leaf) for source in self.sources]

    @property
    def ops(self) -> list[Op]:
        """The tape of the logits, newest op first."""
        return tape(self.logits)

    def weigh(self, target: Target, position: Position, batch_first: bool) -> Array:
        """The weights of the logits in the explained output.

        Args:
            target: in one of the forms of `targets.py`.
            position: the token whose logits are explained.
            batch_first: whether logits of three dimensions are (B, T, V).

        Returns:
            The weights, of the shape of the logits.

        Raises:
            ValueError, IndexError: a bad target or position.
        """
        return weigh(self.logits, target, position, batch_first)[0]

    def output(self, weights: Array) -> float:
        """The explained output.

        Args:
            weights: as `weigh` gave them.

        Returns:
            The number.
        """
        return float(weighted(self.logits, weights).sum())
