"""The errors that a tour's gradient checks found, by what they were held against."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.verify import Result

JUDGES = {  # the field of a Result that holds the error, and the dtype
    "differences": ("finite_difference_error", "float64"),
    "PyTorch": ("torch_error", "float64"),
    "float32": ("torch_error", "float32"),
}


def errors(results: Sequence[Result]) -> list[tuple[str, str, list[tuple[str, float]]]]:
    """The errors of all checks that were measured.

    Args:
        results: of `verify_all`.

    Returns:
        (kind, judge, [(name, error), ..]), with a kind "op", "layer" or "model" and a judge of `JUDGES`.
    """
    found = []
    for kind in ("op", "layer", "model"):
        for judge, (error_in, dtype) in JUDGES.items():
            of = [(r.name, getattr(r, error_in)) for r in results if (r.kind, r.dtype) == (kind, dtype)]
            if known := [(name, error) for name, error in of if error is not None]:
                found.append((kind, judge, known))
    return found
