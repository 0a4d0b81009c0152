"""The beginning of the page: what it is, whether anything is wrong, and what of it is the learner's own."""

from __future__ import annotations

from minitransformer.pictures import table
from minitransformer.plain import escaped
from minitransformer.tour.whole import TourResult

WRONG = '<p class="bad"><b>Something is wrong:</b> a gradient check failed or the ledger does not close.</p>'
ASIDE = "These pieces of yours pass their check, but failed here. They were set aside, and the library's own took their place."


def opening(result: TourResult) -> str:
    """The title and the introduction.

    Args:
        result: of the tour.

    Returns:
        HTML.
    """
    return (
        "<h1>A Transformer that shows its work</h1>"
        "<p><code>minitransformer tour</code> wrote this page. Each model on it was trained on this computer a moment ago.</p>"
        + ("" if result.holds else WRONG)
        + _mine(result)
    )


def _mine(result: TourResult) -> str:
    """Which pieces were the learner's own."""
    built = (
        f"<p>Built with {len(result.mine)} pieces of your own: {escaped(', '.join(result.mine))}.</p>"
        if result.mine
        else ""
    )
    rows = [(name, f"{difference:.0e}", why) for name, difference, why in result.beside]
    title = "Your pieces that these models do not use, beside the library's own"
    heads = ["piece", "largest difference", "not swapped in, because"]
    beside = f"<details><summary>{escaped(title)}</summary>{table(heads, rows, numbers=(1,))}</details>"
    return built + (beside if rows else "") + _aside(result.aside)


def _aside(reasons: dict[str, str]) -> str:
    """The learner's pieces that failed in their use, with the reasons."""
    if not reasons:
        return ""
    return f'<p class="bad">{escaped(ASIDE)}</p>' + table(["piece", "what happened"], list(reasons.items()))
