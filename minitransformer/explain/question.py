"""The question that every method of explanation answers: why does the model give this output for these ids?

A `Question` runs the model once and keeps what the methods read: the logits on the tape, which of them are explained,
the vectors of the tokens, and, if asked, the attention weights. A method computes one number for each token from these
and hands them to `Question.explanation`, which makes the answer, an `Explanation`.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, overload

import numpy

from minitransformer.autograd import Law, Op, Tensor, cotangents, key, tape
from minitransformer.backends import Array, namespace
from minitransformer.devices import device_of, to_device, to_host
from minitransformer.explain.before_edits import BeforeEdits
from minitransformer.explain.explanation import Explanation, Ledger, LRPExplanation
from minitransformer.explain.targets import LogOdds, One, Target, listed_targets
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.hooks import edit_embeddings, record_attention
from minitransformer.nn.layer_record import Layers
from minitransformer.nn.modes import in_use
from minitransformer.nn.module import Module
from minitransformer.nn.position import is_marked
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.index.lookup import Embedding as Lookup
from minitransformer.settings import enable_grad

Position = int | Sequence[int]
Change = Callable[[Embedding, Tensor], Tensor]


class Question:
    """Why does `model(ids)` give this output? One run of the model, in eval mode, with its tape.

    Args:
        model: gives logits (B, V), (B, T, V), or (T, B, V) with `batch_first=False`.
        ids: integers (T,) or (B, T), also for models that read (T, B); a tuple of these for `model(*ids)`.
        target: the explained output, in one of the forms of `minitransformer.explain.targets`.
        position: the token whose logits are explained, or one for each sequence; ignored if the logits are (B, V).
        batch_first: whether the model reads (B, T) rather than (T, B).
        source: what an encoder-decoder reads, (S,) or (B, S); `ids` then begin its answer.
        attention: whether to record the attention weights of every `nn.MultiheadAttention`.

    Attributes:
        texts: the ids of `source`, if there is one, and of each input in `ids`, (B, T) on the host.
        logits: the logits, on the tape.
        weights, constant: the explained output is the sum of weights * logits, plus a constant that no logit explains.
        targets: the explained output of each sequence.
        layers: the module that ran each op.
        attention: the recorded weights, (B, H, T, S) each, on the tape.

    Raises:
        ValueError: ids that are no integers (T,) or (B, T), logits of another shape, or a bad target or position.
        IndexError: a target or position out of range.
    """

    def __init__(
        self,
        model: Module,
        ids: Any,
        target: Target = None,
        position: Position = -1,
        batch_first: bool = True,
        *,
        source: Any = None,
        attention: bool = False,
    ):
        self.model, self.position, self.batch_first = model, position, batch_first
        given = [*([] if source is None else [source]), *listed(ids)]
        self.texts = [as_batch(text) for text in given]
        if len({len(text) for text in self.texts}) > 1:
            raise ValueError(f"ids: expected as many sequences in each input, got {[*map(len, self.texts)]}")
        self._ndim = numpy.ndim(given[-1])
        self.layers = Layers(model)
        self.attention = list[Tensor]()
        with self.layers, self._recorded(attention):
            self.logits, self._ids = self._run(self.layers.modules.values())
        self.weights, self.constant, self.targets = weigh(self.logits, target, position, batch_first)

    @contextlib.contextmanager
    def _recorded(self, attention: bool) -> Iterator[None]:
        """Keep the attention weights of what runs inside this block, if asked."""
        if not attention:
            yield
            return
        with record_attention(detach=False) as self.attention:
            yield

    def _run(self, modules: Iterable[Module] | None = None) -> tuple[Tensor, list[Tensor]]:
        """The logits on the tape, and the ids on the model's device as the model reads them."""
        device = next((p.device for p in self.model.parameters()), None)
        ids = [tensor(text if self.batch_first else text.T, device=device) for text in self.texts]
        with enable_grad(), differentiable(self.model, modules):
            logits = self.model(*ids)
        if isinstance(logits, tuple):
            raise ValueError(
                f"expected logits from the model, got a tuple of {len(logits)}; of answers in a text, explain.lrp_span explains "
                "both ends"
            )
        if logits.ndim not in (2, 3) or not logits.requires_grad:
            raise ValueError(
                f"expected recorded logits (B, V), (B, T, V) or (T, B, V) from the model, got shape {logits.shape}"
            )
        return logits, ids

    # ---- what a method reads ----

    @property
    def weighted_logits(self) -> Array:
        """The relevance of the logits: each times its weight, 0 for those that are not explained. Shape of the logits."""
        return weighted(self.logits, self.weights)

    @cached_property
    def output(self) -> float:
        """The explained output, summed over the sequences."""
        return float(self.weighted_logits.sum()) + self.constant

    @cached_property
    def ops(self) -> list[Op]:
        """The tape of the logits, newest op first."""
        return tape(self.logits)

    @property
    def vectors(self) -> list[Tensor]:
        """What the embedding layers returned for the ids, (B, T, C) or (T, B, C) each. Raises ValueError if nothing did."""
        return [vectors for vectors, _ in self._lookups]

    @property
    def sources(self) -> list[str]:
        """For each of `vectors` the name of its input: a parameter of the model's `forward`."""
        known = names(self.model, len(self.texts))
        return [known[text] for _, text in self._lookups]

    @property
    def only(self) -> numpy.ndarray:
        """The text, (B, T), for methods that explain a single one. Raises ValueError if the model reads several."""
        if len(self.texts) > 1:
            raise ValueError(
                f"ids: expected one input, got {len(self.texts)}: of several, lrp and gradient_x_input give the relevance"
            )
        return self.texts[0]

    @cached_property
    def _lookups(self) -> list[tuple[Tensor, int]]:
        """`vectors`, each with the index of its text."""
        read = [(op, i) for op in self.ops for i, t in enumerate(op.inputs) if _looked_up(t)]
        values = values_of(self.ops, {key(op.inputs[i]) for op, i in read})
        looked_up = [values.tensor(op, i) for op, i in read] or filter(_looked_up, [self.logits])
        made = {
            t.op: t for t in looked_up if not is_marked(t)
        }  # positions may be the same numbers as the ids
        texts = [(t, self._text_of(op.inputs[1].array)) for op, t in made.items() if op is not None]
        found = [(t, text) for t, text in texts if text is not None]
        if not found:
            raise ValueError(
                "the model's output does not depend on an embedding lookup of these ids; use explain.relevance"
            )
        return found

    def _text_of(self, ids: Array) -> int | None:
        """The index of the text whose ids these are: the same array, or else an equal one."""
        texts = [text.array for text in self._ids]
        same = (i for i, text in enumerate(texts) if text is ids)
        equal = (i for i, text in enumerate(texts) if text.shape == ids.shape and bool((text == ids).all()))
        return next(chain(same, equal), None)

    def gradients(self, tensors: Sequence[Tensor]) -> list[Array]:
        """The gradient of the explained output.

        Args:
            tensors: tensors on the tape of the logits, or others.

        Returns:
            d(output)/d(tensor) for each, of its shape; zeros where the output does not depend on it.
        """
        return _gradients(self.logits, self.weights, tensors)

    def rerun(
        self, change: Callable[[Embedding, Array], Array]
    ) -> tuple[float, list[tuple[Embedding, Array, Array]]]:
        """Ask the same question with other token vectors.

        Args:
            change: gives the vectors (B, T, C) that the model reads in place of those that an embedding layer returned.

        Returns:
            The explained output, and (embedding layer, its own vectors, gradient at the changed ones) of each lookup.
        """
        lookups: list[tuple[Embedding, Array]] = []
        leaves: list[Tensor] = []

        def leaf(embedding: Embedding, vectors: Tensor) -> Tensor:
            lookups.append((embedding, vectors.array))
            leaves.append(Tensor(change(embedding, vectors.array), requires_grad=True))
            return leaves[-1].clone()  # which a model may edit in place

        with changed_embeddings(self.only, leaf):
            logits, _ = self._run()
        weights, constant, _ = weigh(logits, self.targets, self.position, self.batch_first)
        output = float(weighted(logits, weights).sum()) + constant
        slopes = _gradients(logits, weights, leaves, release=True)
        return output, [(*lookup, slope) for lookup, slope in zip(lookups, slopes, strict=True)]

    # ---- what a method returns ----

    def by_token(self, part: Array) -> numpy.ndarray:
        """The sum over the channels of each token's vector, on the host.

        Args:
            part: (B, T, C), or (T, B, C) with `batch_first=False`.

        Returns:
            (B, T).
        """
        sums = to_host(part.sum(axis=-1))
        return sums if self.batch_first else sums.T

    def total(self, parts: Sequence[Array]) -> numpy.ndarray:
        """The relevance of each token from that of `vectors`.

        Args:
            parts: an array for each of `vectors`, of its shape.

        Returns:
            (B, T), or (B, S + T) with a source, which comes first.
        """
        totals: list[Any] = [0.0] * len(self.texts)
        for (_, text), part in zip(self._lookups, parts, strict=True):
            totals[text] += self.by_token(part)
        return numpy.concatenate(
            [numpy.broadcast_to(sums, text.shape) for sums, text in zip(totals, self.texts, strict=True)],
            axis=1,
        )

    def shaped(self, rows: numpy.ndarray) -> numpy.ndarray:
        """An array with a row for each sequence, in the shape of the ids as they were given.

        Args:
            rows: (B, T).

        Returns:
            (T,) for ids (T,), else the same.
        """
        return rows[0] if self._ndim == 1 else rows

    @overload
    def explanation(
        self, method: str, relevance: Array, tokens: Sequence[str] | None = None, ledger: None = None
    ) -> Explanation: ...
    @overload
    def explanation(
        self, method: str, relevance: Array, tokens: Sequence[str] | None, ledger: Ledger
    ) -> LRPExplanation: ...
    def explanation(
        self,
        method: str,
        relevance: Array,
        tokens: Sequence[str] | None = None,
        ledger: Ledger | None = None,
    ) -> Explanation:
        """The answer, of the shape of the ids.

        Args:
            method: the name of the method.
            relevance: (B, T), on any device; (B, S + T) with a source.
            tokens: strings to show, of the shape of the ids.
            ledger: what became of the rest of the output.

        Returns:
            An `Explanation`; with a ledger, an `LRPExplanation`.
        """
        ids = self.shaped(numpy.concatenate(self.texts, axis=1))
        rows = self.shaped(to_host(relevance))
        kind = Explanation if ledger is None else LRPExplanation
        return kind(method, ids, rows, self.targets, self.output, tokens, ledger)


def _looked_up(t: Any) -> bool:
    return isinstance(t, Tensor) and isinstance(t.op, Lookup)


def listed(inputs: Any) -> list[Any]:
    """The inputs of a model as a list.

    Args:
        inputs: one input, or a tuple of several: arrays, tensors or lists.

    Returns:
        The list.
    """
    several = isinstance(inputs, tuple) and all(numpy.ndim(_array(one)) for one in inputs)
    return list(inputs) if several else [inputs]


def _array(one: Any) -> Any:
    return one.array if isinstance(one, Tensor) else one


def names(model: Module, n: int) -> list[str]:
    """What a model's inputs are called.

    Args:
        model: the model.
        n: the number of inputs.

    Returns:
        The first n parameters of its `forward`; "input 2" where there is none.
    """
    parameters = inspect.signature(model.forward).parameters.values()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (known + [f"input {i}" for i in range(len(known), n)])[:n]


def as_batch(ids: Any) -> numpy.ndarray:
    """Ids on the host, with a batch dimension.

    Args:
        ids: integers (T,) or (B, T), an array, a tensor or a list.

    Returns:
        (B, T), an array.

    Raises:
        ValueError: other numbers, another shape, or no token.
    """
    array = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            f"ids: expected integers (T,) or (B, T), at least one token, got {array.dtype} {array.shape}"
        )
    return array.reshape(-1, array.shape[-1])


@contextlib.contextmanager
def differentiable(model: Module, modules: Iterable[Module] | None = None) -> Iterator[None]:
    """Inside this block the model is in eval mode and every parameter requires a gradient, even if it is frozen.

    Args:
        model: the model; afterwards each module and parameter is as it was.
        modules: the modules of the model, if the caller has listed them.
    """
    modules = list(modules or model.modules())
    frozen = [p for m in modules for p in m.parameters(recurse=False) if not p.requires_grad]
    with in_use(model, modules), contextlib.ExitStack() as undone:
        for p in frozen:
            undone.callback(p.requires_grad_, False)
            p.requires_grad_()
        yield


@contextlib.contextmanager
def changed_embeddings(ids: numpy.ndarray, change: Change) -> Iterator[None]:
    """Inside this block a model that looks up these ids reads changed vectors.

    The ids stay as they are, and with them the padding; lookups of other ids, such as positions, are not changed.

    Args:
        ids: (B, T). Models that read (T, B) look up the transposed ids.
        change: (embedding layer, its vectors (B, T, C)) -> vectors (B, T, C), also for models that read (T, B).

    Raises:
        ValueError: at the end of the block, if no `nn.Embedding` looked these ids up.
    """
    found: list[Embedding] = []

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


def _gradients(
    logits: Tensor, weights: Array, tensors: Sequence[Tensor], release: bool = False
) -> list[Array]:
    """d(sum of weights * logits)/d(tensor) for each of the tensors; `release` frees the tape."""
    keys = [key(t) for t in tensors]
    found = cotangents([logits], {key(logits): weights}, keys, release)
    return [
        found[k] if k in found else namespace(t.array).zeros_like(t.array)
        for k, t in zip(keys, tensors, strict=True)
    ]


# ---- which logits, with which weights ----


def weigh(
    logits: Tensor, target: Target, position: Position, batch_first: bool
) -> tuple[Array, float, list[One]]:
    """The explained output as a weighted sum of the logits.

    Args:
        logits: (B, V), (B, T, V), or (T, B, V) with `batch_first=False`.
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for logits (T, B, V).

    Returns:
        The weights, of the shape of the logits; a constant to be added; the explained output of each sequence.
    """
    rows = _rows(logits, position, batch_first)
    chosen: list[One] = (
        [int(logits.array[row].argmax()) for row in rows]
        if target is None
        else listed_targets(target, len(rows), logits.shape[-1])
    )
    weights = numpy.zeros(logits.shape, logits.dtype)
    constant = 0.0
    for row, one in zip(rows, chosen, strict=True):
        constant += _weigh_row(weights[row], one, logits.array[row])
    return to_device(weights, device_of(logits.array)), constant, chosen


def weighted(logits: Tensor, weights: Array) -> Array:
    """weights * logits, where a weight of 0 gives 0 even if the logit is infinite.

    Args:
        logits: any shape.
        weights: of the same shape.

    Returns:
        Of the same shape.
    """
    return weights * namespace(weights).where(weights == 0, 0, logits.array)


def _rows(logits: Tensor, position: Position, batch_first: bool) -> list[tuple[int, ...]]:
    """The index of the explained row of logits (V,) of each sequence."""
    if logits.ndim == 2:
        return [(i,) for i in range(logits.shape[0])]
    n, steps = logits.shape[:2] if batch_first else logits.shape[1::-1]
    positions = _positions(position, n, steps)
    return [(i, p) if batch_first else (p, i) for i, p in enumerate(positions)]


def _positions(position: Position, n: int, steps: int) -> list[int]:
    """One position for each of n sequences of `steps` tokens."""
    positions = [position] * n if isinstance(position, int) else [int(p) for p in position]
    if len(positions) != n:
        raise ValueError(
            f"position: expected one number, or one for each of {n} sequences, got {len(positions)}"
        )
    if wrong := [p for p in positions if not -steps <= p < steps]:
        raise IndexError(f"position: {wrong[0]} is outside a sequence of {steps} tokens")
    return positions


def _weigh_row(weights: Array, one: One, logits: Array) -> float:
    """Write the weights (V,) of one output into `weights`; return the constant that belongs to it."""
    if isinstance(one, LogOdds):
        weights[one.label] = 1
        return _subtract_logsumexp(weights, one.label, to_host(logits))
    plus, *minus = one if isinstance(one, tuple) else (one,)
    weights[plus] = 1
    weights[minus] = -1
    return 0.0


def _subtract_logsumexp(weights: Array, label: int, logits: Array) -> float:
    """Less the logsumexp of the other logits z, which is sum_k p_k z_k + entropy(p) with p = softmax z."""
    others = numpy.arange(len(logits)) != label
    scores = logits[others] - logits[others].max()
    p = numpy.exp(scores) / numpy.exp(scores).sum()
    weights[others] = -p
    return float((p[p > 0] * numpy.log(p[p > 0])).sum())  # less the entropy


class _AsRead:
    """The values that the ops of a tape read and gave, where no edit in place has written over them: see `BeforeEdits`."""

    @property
    def gradients(self) -> Law:
        """The law of a walk of gradients."""
        return Op.gradients

    def knows(self, op: Op) -> bool:
        """Whether all that an op read is known."""
        return True

    def arrays(self, op: Op) -> list[Any]:
        """What an op read. Raises RuntimeError if the tape was released."""
        return op.arrays()

    def tensor(self, op: Op, i: int) -> Tensor:
        """An input of an op, with the values that the op read."""
        t: Tensor = op.inputs[i]
        return t

    def output(self, op: Op) -> Array:
        """What an op gave, for laws that read it."""
        return op.y


def values_of(ops: Sequence[Op], sources: Collection[Any] = ()) -> _AsRead | BeforeEdits:
    """The values that the ops of a tape read and gave, whether or not edits in place have written over them since.

    Args:
        ops: the tape, newest op first.
        sources: keys of the tensors that are explained.

    Returns:
        An object that knows them.
    """
    return BeforeEdits(ops, sources) if any(map(_was_edited, ops)) else _AsRead()


def _was_edited(op: Op) -> bool:
    """Whether what an op read or gave was edited in place afterwards."""
    read = (t.edited[0] for t in op.inputs or () if isinstance(t, Tensor))
    return any(moment > op.number for moment in (op.y_edited[0], *read))
