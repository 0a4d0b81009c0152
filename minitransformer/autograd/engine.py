"""The engine: tensors, the tape of the ops that computed them, and the backward walk along the tape.

A `Tensor` is an array and, if it was computed from a tensor that requires a gradient, the `Op` that made it. An `Op` keeps
its inputs, so that the ops which a tensor was computed by can be found from it: they are its tape. Ops are numbered as they
are made. An op uses only results of older ops, so the order from the newest to the oldest is a topological order: when the
walk comes to an op, all ops that used its result have been visited.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from minitransformer import brain_float
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.errors import telling_of_memory, told
from minitransformer.settings import grad_enabled, walk, watchers

if TYPE_CHECKING:  # for type checkers and editors alone; at run time that file attaches its methods to Tensor
    from minitransformer.ops.methods import Methods
else:
    Methods = object

Filed: TypeAlias = dict[Any, Array]  # cotangents, under what `key` gives
Law: TypeAlias = Callable[["Op", Array], Arrays]
Live: TypeAlias = Callable[["Tensor"], bool]
# see `hooked`; the key (0, moment) is a user's hook, (1, id) that of a tensor that retains its gradient
Hooks: TypeAlias = dict[tuple[int, int], Callable[[list[Any]], None]]
# the next number of the tape's clock: each new op and each edit in place gets one
moment = itertools.count(1).__next__
ONCE = "create_graph=True: laws of gradients compute with arrays and leave no tape, so that a gradient has no gradient"


class Tensor(Methods):
    """An array, and the op that computed it. `minitransformer.tensor` makes one from a copy of its data, and keeps their dtype.

    Args:
        data: a NumPy or CuPy array, whose memory is used without a copy; anything else is read as by `torch.Tensor`.
        sizes: more sizes, after a first one in `data`, of a tensor without values of its own, as in `torch.Tensor(2, 3)`.
        requires_grad: whether `backward` computes its gradient.
    """

    grad: Tensor | None = None
    op: Op | None = None
    index = 0  # which of the op's outputs this is
    requires_grad = False
    edited: Sequence[int] = (0,)  # the moment of the last edit in place, see `watched`
    hooks: Hooks = {}  # of a leaf; those of a result are its op's
    retains_grad = False
    role: str | None = None  # what the values stand for; see `nn.position.mark_positions`
    twin: Tensor | None = None  # see `kept`
    # of a view: the tensor whose memory it shows, the view ops in between, and that tensor's `op` when the view was made
    shows: tuple[Tensor, Sequence[Op] | None, Op | None] | None = None
    __array_ufunc__ = None  # `array * tensor` is Tensor.__rmul__, not NumPy's elementwise guess

    def __init__(self, data: Any = (), *sizes: int, requires_grad: bool = False):
        is_array = isinstance(data, numpy.ndarray) or hasattr(data, "__cuda_array_interface__")
        self.array: Array = data if is_array and not sizes else self.laid_out(data, *sizes)
        if requires_grad:
            self.requires_grad_()

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self.array.shape  # type: ignore[no-any-return]  # `Array` is Any

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim  # type: ignore[no-any-return]  # `Array` is Any

    @property
    def dtype(self) -> numpy.dtype:
        """The dtype of the values, a `numpy.dtype`."""
        return self.array.dtype  # type: ignore[no-any-return]  # `Array` is Any

    @property
    def is_leaf(self) -> bool:
        """True if no op on the tape made it. `backward` adds to the `grad` of leaves."""
        return self.op is None

    def watched(self) -> list[int]:
        """`edited` as a list that all tensors on this memory share; it is made when the memory is first shared or edited."""
        if not isinstance(self.edited, list):
            self.edited = [0]
            if self.twin is not None:
                self.twin.edited = self.edited
        return self.edited

    def kept(self) -> Tensor:
        """What an op keeps of an input: a twin of the tensor as it is now, since an edit in place changes the tensor's history.

        For a leaf that requires grad it is the leaf itself, whose `grad` is filled later.
        """
        if self.twin is None:
            if self.op is None and self.requires_grad:
                return self
            self.twin = twin = object.__new__(Tensor)
            twin.array = self.array
            twin.op = self.op
            twin.index = self.index
            twin.requires_grad = self.requires_grad
            twin.edited, twin.role = self.edited, self.role
        return self.twin

    def made_by(self, result: Tensor) -> None:
        """Take the history of `result`, whose values this tensor now has."""
        if self.retains_grad and self.op and result.op:
            result.op.hooks = {**result.op.hooks, (1, id(self)): self.op.hooks.pop((1, id(self)))}
        self.op = result.op
        self.index = result.index
        self.requires_grad = result.requires_grad
        self.twin = None

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add d(self)/d(leaf), weighted by `gradient`, to the `grad` of every leaf that requires one.

        Args:
            gradient: the cotangent of this tensor, of its shape; None is a one, for a tensor of a single element.
            retain_graph: whether the tape is kept for another walk. If not, it is released on the way.
            create_graph: only False: a gradient has no gradient here.

        Raises:
            RuntimeError: there is no tape, `gradient` is missing or of another shape, or an array it needs was edited.
            NotImplementedError: for `create_graph`.
        """
        if create_graph:
            raise NotImplementedError(f"backward: {ONCE}")
        accumulate([self], [gradient], not retain_graph)

    def _accumulate(self, g: Array) -> None:
        if self.grad is None:
            self.grad = Tensor(g)
        else:
            self.grad.array += g
            self.grad.watched()[0] = moment()


def holding(array: Array) -> Tensor:
    """A tensor with the result of an op; for a NumPy array without the checks of `Tensor`."""
    if type(array) is not numpy.ndarray:
        return Tensor(array)
    t = object.__new__(Tensor)
    t.array = array
    return t


class Op:
    """One application of an operation: its laws, and its place on the tape.

    A subclass gives the laws below, as functions of arrays and of the settings that `__init__` took. None of them reads
    the tape, so each can be called by hand on plain arrays: `Mul().vjp(g, a, b)`, `Softmax(-1).vjp(g, y)`. An array x
    with y = forward(x) has cotangent g = dL/dy, and relevance r of the shape of y.

    | law | gives |
    |---|---|
    | `forward(*inputs)` | the output; a tuple of them where `outputs` is not 1, and then g and r are tuples as well |
    | `vjp(g, [y], *inputs)` | the cotangent of each input, or None |
    | `relprop(r, books, [y], *inputs)` | the relevance of each input, or None: the explicit form of LRP |
    | `modified(g, books, [y], *inputs)` | the cotangents whose products with the inputs are relevance: the gradient form |

    `books` is an `ops.books.Books`: it stabilises divisions, and absorbs what no input gets. An op without relevance
    laws cannot be explained. Most inherit them from a family in `ops/laws.py`; others give `clear(*tensors)`: the op in other ops.

    `reads` declares which values `vjp` reads, and gets after g. They are kept for backward, and must not be edited before it:

    | `reads` | `vjp` gets | values read |
    |---|---|---|
    | "inputs" | `(g, *inputs)` | of all inputs; the default |
    | "others" | `(g, *inputs)` | for the cotangent of an input, those of the other inputs |
    | a tuple | `(g, *inputs)` | for the cotangent of input i, those of the inputs numbered in `reads[i]` |
    | "shapes" | `(g, *inputs)` | none: only shapes and dtypes |
    | "output" | `(g, y)` | of the output |
    | "both" | `(g, y, *inputs)` | of the output and of all inputs |

    The relevance laws get y where `vjp` does, and all inputs. `needs`, set by a walk: for which inputs a law may not give None.
    """

    reads: str | tuple[tuple[int, ...], ...] = "inputs"
    needs: Sequence[bool] = (True, True, True)  # no law reads more than three
    widened = rounded = True  # bfloat16: whether `forward` gets float32; whether its result is bfloat16 again
    view = False  # the output may share the input's memory
    number: int  # the moment it was made; then its inputs, until `release`
    inputs: list[Any]
    outputs = 1
    hooks: Hooks = {}
    y, y_edited = None, Tensor.edited
    clear: Callable[..., Any] | None = None

    def forward(self, *inputs: Array) -> Any:
        raise NotImplementedError(f"{self}: no forward law")

    def vjp(self, g: Array, *read: Array) -> Arrays:
        raise NotImplementedError(f"{self}: no gradient; detach its inputs if none is meant to flow")

    def relprop(self, r: Array, books: Any, *read: Array) -> Arrays:
        raise NotImplementedError(f"{self}: no relevance rule")

    def modified(self, g: Array, books: Any, *read: Array) -> Arrays:
        raise NotImplementedError(f"{self}: no relevance rule in gradient form")

    def __str__(self) -> str:
        return type(self).__name__

    def __call__(self, *inputs: Any) -> Tensor:
        """Apply to tensors and Python numbers; record on the tape if a tensor among them requires a gradient."""
        arrays = []
        recorded = False
        for t in inputs:
            if isinstance(t, Tensor):
                if t.shows is not None:
                    t.refresh()
                recorded = recorded or t.requires_grad
                t = t.array
            arrays.append(t)
        try:
            result = brain_float.forward(self, arrays) if brain_float.KNOWN else self.forward(*arrays)
        except (TypeError, ValueError, IndexError, MemoryError) as error:
            raise told(error, str(self), inputs) from None
        for watch in watchers.get():
            watch(self, inputs, result, None)
        outs = (holding(result),) if self.outputs == 1 else tuple(map(holding, result))
        if self.view:
            inputs[0].shown_by(outs, self)
        if recorded and grad_enabled.get():
            self._record(inputs, outs)
        return outs[0] if self.outputs == 1 else outs  # type: ignore[return-value]  # of most ops one

    def _record(self, inputs: Sequence[Any], outs: Sequence[Tensor]) -> None:
        self.number = moment()
        self.inputs = [t.kept() if isinstance(t, Tensor) else t for t in inputs]
        if self.reads in ("output", "both"):
            self.y = outs[0].array
            self.y_edited = outs[0].watched()
        for i, out in enumerate(outs):
            out.op, out.requires_grad = self, True
            if i:
                out.index = i

    def reads_input(self, i: int) -> bool:
        """Whether `vjp` reads the values of input `i` to compute the cotangents in `needs`."""
        if self.reads == "others":
            return any(need for j, need in enumerate(self.needs) if j != i)
        if isinstance(self.reads, tuple):
            return any(need and i in read for need, read in zip(self.needs, self.reads, strict=False))
        return self.reads in ("inputs", "both")

    def arrays(self, every: bool = True) -> list[Array]:
        """The arrays of the inputs, for a law that reads all of them (`every`), or else for `vjp`.

        Raises RuntimeError if they were released, or if one that the law reads was edited in place.
        """
        if self.inputs is None:
            what = "its tape was released by an earlier backward; pass retain_graph=True to that one"
            raise RuntimeError(f"{self}: {what}")
        edited = [i for i, t in enumerate(self.inputs) if isinstance(t, Tensor) and t.edited[0] > self.number]
        if self.y_edited[0] > self.number or edited and any(every or self.reads_input(i) for i in edited):
            raise RuntimeError(f"{self}: an array it needs was edited in place; edit a .clone() instead")
        return [t.array if isinstance(t, Tensor) else t for t in self.inputs]

    def gradients(self, g: Array) -> Arrays:
        """The cotangents of the inputs from that of the output, by `vjp`, watched by `detect_anomaly`."""
        read = self.arrays(every=False)
        if self.reads in ("output", "both"):
            read = [self.y] if self.reads == "output" else [self.y, *read]
        try:
            cotangents = brain_float.vjp(self, g, read) if brain_float.KNOWN else self.vjp(g, *read)
        except MemoryError as error:
            raise told(error, f"the gradient of {self}", ()) from None
        for watch in watchers.get():
            watch(self, self.inputs, g, cotangents)
        return cotangents

    def release(self) -> None:
        """Drop the arrays that were kept for backward."""
        if self.reads != "shapes":
            self.inputs = self.y = None  # type: ignore[assignment]  # `arrays` raises from now on


def tape(*roots: Tensor) -> list[Op]:
    """The ops that made the roots, newest first."""
    stack = list({root.op for root in roots if root.op is not None})
    seen = set(stack)
    while stack:
        for t in stack.pop().inputs or ():
            if isinstance(t, Tensor) and t.op is not None and t.op not in seen:
                seen.add(t.op)
                stack.append(t.op)
    return sorted(seen, key=attrgetter("number"), reverse=True)


def key(t: Tensor) -> Any:
    """The key of a tensor's cotangent in `Filed`: a leaf itself, or (the op that made the tensor, the number of the output)."""
    if t.op is None:
        return t if t.requires_grad or t.twin is None else t.twin
    return t.op, t.index


def arrived(op: Op, pending: Filed) -> Array:
    """The cotangent that has arrived at an op's output; for several outputs a tuple, None for some; None if there is none."""
    if op.outputs == 1:
        return pending.pop((op, 0), None)
    gs = tuple(pending.pop((op, i), None) for i in range(op.outputs))
    return gs if any(g is not None for g in gs) else None


def hooked(place: Tensor | Op, g: Any) -> Any:
    """What the hooks at a leaf, or at an op's outputs, make of the cotangents that arrived there: each edits the list of them."""
    if not place.hooks:
        return g
    parts = list(g) if isinstance(g, tuple) else [g]
    for k in sorted(place.hooks):
        place.hooks[k](parts)
    return tuple(parts) if isinstance(g, tuple) else parts[0]


def propagate(
    ops: list[Op], seeds: Filed, law: Law, live: Live, keep: Collection[Any] = (), release: bool = False
) -> Filed:
    """Walk a tape back from the cotangents `seeds`. At each op `law(op, g)` gives those of its inputs; where paths meet, they add.

    The walk follows only inputs for which `live` is true. Returns the cotangents of the leaves reached and of the keys in `keep`.
    """
    at_hooks = hooked if law is Op.gradients else lambda place, g: g  # hooks are for gradients
    pending = dict(seeds)
    kept = {}
    for op in ops:
        if (g := arrived(op, pending)) is None:
            continue
        g = at_hooks(op, g)
        if keep:
            parts = enumerate(g if op.outputs > 1 else (g,))
            kept.update({(op, i): part for i, part in parts if part is not None and (op, i) in keep})
        inputs = op.inputs or op.arrays()  # the latter raises: released
        op.needs = [isinstance(t, Tensor) and live(t) for t in inputs]
        if True in op.needs:
            for t, need, part in zip(inputs, op.needs, law(op, g), strict=True):
                if need and part is not None:
                    k = key(t)
                    pending[k] = pending[k] + part if k in pending else part
        if release:
            op.release()
    return kept | {leaf: at_hooks(leaf, g) for leaf, g in pending.items()}


def seed_cotangent(root: Tensor, gradient: Tensor | None) -> Array:
    """The cotangent of `root` with which a walk begins: `gradient`'s array, or a one for a single element."""
    if not root.requires_grad:
        raise RuntimeError("backward: the tensor does not require grad, it has no tape: under no_grad()?")
    if gradient is None:
        if root.array.size != 1:
            raise RuntimeError(
                f"backward: a tensor of shape {root.shape} needs a `gradient` of that shape; or call .sum() first"
            )
        return namespace(root.array).ones_like(root.array)
    if not isinstance(gradient, Tensor) or gradient.shape != root.shape:
        raise RuntimeError(
            f"backward: expected a Tensor {root.shape}, got {type(gradient).__name__} {numpy.shape(gradient)}"
        )
    return gradient.array.astype(root.dtype, copy=False)


def seeds_of(roots: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> Filed:
    """The cotangents with which a walk from several roots begins."""
    seeds: Filed = {}
    for root, gradient in zip(roots, gradients, strict=True):
        root.refresh()
        seed, k = seed_cotangent(root, gradient), key(root)
        seeds[k] = seeds[k] + seed if k in seeds else seed
    return seeds


@walk()
@telling_of_memory("backward")
def accumulate(roots: Sequence[Tensor], gradients: Sequence[Tensor | None], release: bool) -> None:
    """Add d(roots)/d(leaf), weighted by the gradients, to the `grad` of each leaf."""
    seeds = seeds_of(roots, gradients)
    taken = set(map(id, seeds.values()))
    live = attrgetter("requires_grad")
    for leaf, g in propagate(tape(*roots), seeds, Op.gradients, live, release=release).items():
        leaf._accumulate(g if g.base is None and id(g) not in taken else g.copy())  # a copy of shared memory
        taken.add(id(g))
