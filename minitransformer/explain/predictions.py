"""What a classifier of anyone's says of texts, brought to one form: a row of numbers for each text, a column for each class.

Each of these forms can be told from the others by its types alone, and is taken as it is:

    an array or lists of numbers, (N, n_classes)        scikit-learn's `predict_proba`, a softmax of any library
    one number for each text, (N,) or (N, 1)            a score or a sigmoid: that of class 1; class 0 has 1 less the number
    a dict of number by class for each text             {"POSITIVE": 0.9, "NEGATIVE": 0.1}
    anything with such a dict as its `cats`             spaCy's documents, as `nlp.pipe` gives them
    a list of {"label": .., "score": ..} for each text  a pipeline of transformers with `top_k=None`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from minitransformer.ops.tensors.python import host_array

Array = numpy.ndarray
Label = int | str
FORMS = (
    "an array of shape (N, n_classes); one number for each text; a dict of number by class for each text; "
    "or, as transformers' pipelines give with top_k=None, a list of {'label': .., 'score': ..} for each text"
)


class Told(NamedTuple):
    """What a classifier says of N texts.

    Attributes:
        numbers: float64 (N, n_classes).
        names: the names of the classes, () if they have none.
    """

    numbers: Array
    names: tuple[str, ...] = ()

    def column(self, label: Label) -> int:
        """The column of a class.

        Args:
            label: the number of the class, or its name.

        Returns:
            Its column.

        Raises:
            IndexError: there is no such class.
        """
        if isinstance(label, str) and label in self.names:
            return self.names.index(label)
        if isinstance(label, str):
            known = (
                f"one of {', '.join(self.names)}" if self.names else "a number, as the classes have no names"
            )
            raise IndexError(f"label: expected {known}, got {label!r}")
        if not 0 <= label < self.numbers.shape[1]:
            raise IndexError(
                f"label: expected 0 to {self.numbers.shape[1] - 1}, one of the classes of predict, got {label}"
            )
        return int(label)


def ask(predict: Callable[[Any], Any], inputs: Any, labels: Sequence[Label]) -> Array:
    """The probabilities of some classes, checked.

    Args:
        predict: N inputs -> what it says of them, in one of the forms above; or an object with such a `predict_proba`.
        inputs: N texts, or rows of numbers (N, n).
        labels: L classes, by number or by name.

    Returns:
        float64 (N, L).

    Raises:
        ValueError: `predict` returns another form, or no finite numbers.
        IndexError: a label that is no class; and whatever `predict` raises, with a note.
    """
    told = said(predict, inputs)
    chosen = told.numbers[:, [told.column(label) for label in labels]]  # (N, L)
    broken = ~numpy.isfinite(chosen)
    if broken.any():
        row, column = numpy.argwhere(broken)[0]
        raise ValueError(
            f"predict: expected finite probabilities, got {chosen[row, column]} for {inputs[row]!r}"
        )
    return chosen


def said(predict: Callable[[Any], Any], inputs: Any) -> Told:
    """What a classifier says of inputs.

    Args:
        predict: as in `ask`.
        inputs: N texts, or rows of numbers (N, n).

    Returns:
        The table.

    Raises:
        ValueError: `predict` returns another form; and whatever it raises, with a note.
    """
    function = getattr(predict, "predict_proba", predict)
    try:
        found = function(inputs)
        found = found if hasattr(found, "__len__") else list(found)  # a generator, such as that of `nlp.pipe`
    except Exception as error:
        error.add_note(f"raised by predict, given {len(inputs)} inputs such as {inputs[-1]!r} (perturbed)")
        raise
    return table(found, len(inputs))


def numbered(label: Any) -> Any:
    """A label as a number, for the checks of numbers: 0 for a name.

    Args:
        label: the number of a class, or its name.

    Returns:
        The number, or whatever else was given.
    """
    return 0 if isinstance(label, str) else label


def table(found: Any, count: int) -> Told:
    """What a classifier returned, as one table.

    Args:
        found: in one of the forms above.
        count: the number N of texts.

    Returns:
        The table.

    Raises:
        ValueError: the form is another one, or there is not one result for each text.
    """
    if len(found) != count:
        raise ValueError(f"predict: expected {count} results, one for each text, got {len(found)}: {FORMS}")
    first = found[0] if count and isinstance(found, Sequence) else None
    if isinstance(first, Mapping) or hasattr(first, "cats"):
        return _by_name([getattr(result, "cats", result) for result in found])
    if isinstance(first, Sequence) and first and isinstance(first[0], Mapping):
        return _by_name([_scores(result) for result in found])
    return Told(_columns(found, count))


def _scores(result: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A list of {"label", "score"}, in the order of the labels, since each list has its own."""
    try:
        pairs = {str(each["label"]): each["score"] for each in result}
    except (KeyError, TypeError):
        raise ValueError(f"predict: expected {FORMS}, got {list(result)!r:.80}") from None
    return dict(sorted(pairs.items()))


def _by_name(results: Sequence[Mapping[str, Any]]) -> Told:
    names = tuple(results[0])
    if set(names) == {"label", "score"}:
        raise ValueError(
            "predict: each text has the score of one class only; expected those of all: give the pipeline top_k=None"
        )
    if any(set(result) != set(names) for result in results):
        raise ValueError(f"predict: expected the same classes for each text, {', '.join(map(str, names))}")
    try:
        numbers = numpy.array([[float(result[name]) for name in names] for result in results])
    except (TypeError, ValueError):
        raise ValueError(f"predict: expected {FORMS}, got {results[0]!r:.80}") from None
    return Told(numbers, tuple(map(str, names)))


def _columns(found: Any, count: int) -> Array:
    """Numbers (N, n_classes), of an array of any library."""
    try:
        numbers = numpy.asarray(host_array(found), dtype=numpy.float64)
    except (TypeError, ValueError):
        raise ValueError(f"predict: expected {FORMS}, got {type(found).__name__}") from None
    if numbers.shape in ((count,), (count, 1)):
        score = numbers.reshape(-1)
        return numpy.stack([1 - score, score], 1)
    if numbers.ndim != 2:
        raise ValueError(f"predict: expected {FORMS}, got shape {numbers.shape}")
    return numbers
