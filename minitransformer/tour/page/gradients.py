"""The last section: every gradient, compared with finite differences and with PyTorch."""

from __future__ import annotations

from minitransformer.pictures import scatter, table
from minitransformer.plain import escaped
from minitransformer.tour.errors import errors
from minitransformer.verify import FINITE_DIFFERENCES, PYTORCH, Result
from minitransformer.verify.report import page_table, summary

LIMITS = {"differences": FINITE_DIFFERENCES, "PyTorch": PYTORCH["float64"], "float32": PYTORCH["float32"]}


def gradients_section(results: list[Result]) -> str:
    """The checks.

    Args:
        results: of all checks.

    Returns:
        HTML.
    """
    dots = {}
    limits = {}
    rows = []
    for kind, judge, found in errors(results):
        name = f"{kind}s, {judge}"
        of, error = max(found, key=lambda pair: pair[1])
        dots[name] = found
        limits[name] = LIMITS[judge]
        rows.append((name, f"{len(found)}", f"{error:.0e}", f"{limits[name]:.0e}", of))
    wrong = "".join(
        f'<p class="bad"><b>{escaped(r.name)}</b>, {escaped(r.dtype)}: {escaped(r.message)}</p>'
        for r in results
        if not r.passed
    )
    return (
        "<section><h2>6. Are the gradients right?</h2><p>A model learns by following slopes, so every slope has to be right. Each "
        "operation and each layer was compared with finite differences: change one number a little, and see how the outcome "
        "changes. PyTorch, where it is installed, was asked for the same slopes.</p>"
        "<p>One dot is one check. Further left is more exact; the red line is what is allowed.</p>"
        + wrong
        + scatter(dots, limits)
        + table(["compared with", "checks", "largest error", "allowed", "where"], rows, numbers=(1, 2, 3))
        + '<p class="note">Errors are relative to the largest entry of the slope. Finite differences cannot be more exact than '
        "about 1e-9 themselves; float32, the shorter numbers that models are trained with, is compared with PyTorch only.</p>"
        + f"<details><summary>{escaped(summary(results))} The whole table</summary>{page_table(results)}</details></section>"
    )
