"""The values that an op read or gave, though an edit in place has written over them since.

Backward keeps to PyTorch's rule: an edit may write over what no gradient needs. Relevance needs more, the values of all inputs.
What was written over is computed again, by the op that gave it, so that a program is explained as the one that edits nothing.
Only a leaf, which no op gave, is lost with its values: `Op.arrays` names the op that read it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from minitransformer import brain_float
from minitransformer.autograd import Filed, Law, Op, Tensor, key
from minitransformer.backends import Array, Arrays
from minitransformer.ops.tensors.inplace import Overwrite
from minitransformer.settings import no_grad


class BeforeEdits:
    """The values that the ops of a tape read and gave.

    Args:
        ops: the tape, newest op first.
        sources: keys of the tensors that are explained.
    """

    def __init__(self, ops: Sequence[Op], sources: Collection[Any] = ()):
        self._again: Filed = {}
        wanted = _written_over(ops, sources)
        for op in reversed(ops) if wanted else ():
            if any((op, i) in wanted for i in range(op.outputs)):
                self._compute(op)

    def _compute(self, op: Op) -> None:
        """Compute an op's outputs again; not if a leaf that it read was edited."""
        if self.knows(op):
            self._again.update({(op, i): y for i, y in enumerate(_outputs(op, self.arrays(op)))})

    def knows(self, op: Op) -> bool:
        """Whether all that an op read is known.

        Args:
            op: an op of the tape.

        Returns:
            False if a leaf among it was edited since.
        """
        return self._again.keys() >= set(_edited(op).values())

    def arrays(self, op: Op) -> list[Any]:
        """What an op read.

        Args:
            op: an op of the tape.

        Returns:
            The arrays of its inputs, and numbers.

        Raises:
            RuntimeError: the tape was released, or a leaf that it read was edited in place.
        """
        edited = _edited(op)
        if not self._again.keys() >= set(edited.values()):
            return op.arrays()  # raises, unless no law reads what was edited
        given = [t.array if isinstance(t, Tensor) else t for t in op.inputs or op.arrays()]
        return [self._again[edited[i]] if i in edited else a for i, a in enumerate(given)]

    def tensor(self, op: Op, i: int) -> Tensor:
        """An input of an op, with the values that the op read.

        Args:
            op: an op of the tape.
            i: the number of the input.

        Returns:
            The tensor, or another with its history.

        Raises:
            RuntimeError: as `arrays`.
        """
        t: Tensor = op.inputs[i]
        array = self.arrays(op)[i]
        if array is t.array:
            return t
        before = Tensor(array)
        before.made_by(t)
        before.role = t.role
        return before

    def output(self, op: Op) -> Array:
        """What an op gave, for laws that read it.

        Args:
            op: an op of the tape that keeps its first output.

        Returns:
            The array.
        """
        return self._again.get((op, 0), op.y)

    @property
    def gradients(self) -> Law:
        """The law of a walk of gradients, past edits that stop `backward` if there are any."""
        return self._gradients if self._again else Op.gradients

    def _gradients(self, op: Op, g: Array | Arrays) -> Arrays:
        output = [self.output(op)] if op.reads in ("output", "both") else []
        return op.vjp(g, *output, *(() if op.reads == "output" else self.arrays(op)))


def _edited(op: Op) -> dict[int, Any]:
    """The number -> the key of each input that was edited after the op had read it."""
    inputs = enumerate(op.inputs or ())
    return {i: key(t) for i, t in inputs if isinstance(t, Tensor) and t.edited[0] > op.number}


def _written_over(ops: Sequence[Op], sources: Collection[Any]) -> set[Any]:
    """The keys of the values that are to be computed again: newest op first, with what these are computed from."""
    wanted: set[Any] = set()
    for op in ops:
        if op.y_edited[0] > op.number:
            wanted.add((op, 0))
        again = any((op, i) in wanted for i in range(op.outputs))
        edited = _edited(op).values()
        # no law of an `Overwrite` reads what it writes into
        if not isinstance(op, Overwrite) or again or len(edited) > 1 or not set(edited).isdisjoint(sources):
            wanted.update(edited)
    return wanted


def _outputs(op: Op, arrays: Sequence[Any]) -> Sequence[Array]:
    """All outputs of an op for these inputs."""
    if op.clear is not None:  # a checkpointed piece, for one, keeps no way to compute but this
        with no_grad():
            made = op.clear(*(Tensor(a) if hasattr(a, "shape") else a for a in arrays))
        return [t.array for t in (made if op.outputs > 1 else (made,))]
    out = brain_float.forward(op, arrays) if brain_float.KNOWN else op.forward(*arrays)
    return out if op.outputs > 1 else (out,)
